"""A target for the mean of the last losses, relative to the first."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import like, select
from ..support.checks import by_name, integer, shown
from .common import Judge, Rule, positive


@inlined
def mean_loss_below(net, s, number, count, memory):
    """``mean(last losses) < number * first loss``, once there are ``abs(count)``."""
    last, window, total = abs(count), memory + 2, net.losses.zero
    loss, resumed, zero = net.losses[0, s], net.resumed[0, s], net.losses.zero
    seen = memory[1, 0]
    first = select(seen == zero, loss, memory[0, 0])
    seen = seen + (like(zero, 1.0) - resumed)
    memory[0, 0], memory[1, 0] = first, seen
    for m in range(last):
        newer = loss if m == last - 1 else window[m + 1, 0]
        window[m, 0] = select(resumed > zero, window[m, 0], newer)
        total = total + window[m, 0]
    mean = total / like(zero, last)
    return (mean < number * first) & (seen >= like(zero, last))


@by_name
@dataclass(frozen=True)
class MeanLossBelow(Rule):
    """End with ``CONVERGED`` once the mean of the last losses is below a share of the first loss.

    Parameters
    ----------
    ratio : float, default 1
        Positive.
    last : int, default 20
        Number of losses; the rule applies only to restarts that have that many.
    at_end : bool, default False
        If True, the rule applies only after the last epoch, to decide whether a restart converged.
    """

    ratio: float = 1.0
    _: KW_ONLY
    last: int = 20
    at_end: bool = False

    holds = staticmethod(mean_loss_below)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", positive("ratio", self.ratio))
        object.__setattr__(self, "last", integer("last", self.last, 1, 10_000))
        if not isinstance(self.at_end, bool | np.bool_):
            raise TypeError(f"at_end: expected True or False, got {shown(self.at_end)}")

    @property
    def number(self) -> float:
        return self.ratio

    @property
    def count(self) -> int:
        return -self.last if self.at_end else self.last

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((1, 0.0), (1, 0.0), (self.last, 0.0))  # the first loss, how many, the last ones

    def numpy_judge(self, problem: Any) -> Judge:
        losses: list[float] = []

        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            losses.append(loss)
            mean = sum(losses[-self.last :]) / self.last
            return len(losses) >= self.last and mean < self.ratio * losses[0]

        return judge
