"""A target for the loss."""

from __future__ import annotations

from dataclasses import dataclass

from ..support.checks import by_name
from .common import Rule, positive


@by_name
@dataclass(frozen=True)
class LossBelow(Rule):
    """End with ``CONVERGED`` once the loss is below a target.

    Parameters
    ----------
    loss : float
        Positive.
    """

    # It has no judge: jobs hold the target, and every training loop looks at it itself.

    loss: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", positive("loss", self.loss))
