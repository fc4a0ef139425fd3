"""A target for the sum of squared errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..support.checks import by_name
from .common import Judge, Rule, positive


@inlined
def sse_below(net, s, number, count, memory):
    """``SSE < number``."""
    return net.squares[0, s] < number


@by_name
@dataclass(frozen=True)
class SSEBelow(Rule):
    """End with ``CONVERGED`` once the sum of squared errors is below a target, for any loss.

    Parameters
    ----------
    sse : float
        Positive.
    """

    sse: float

    watches = True
    holds = staticmethod(sse_below)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sse", positive("sse", self.sse))

    @property
    def number(self) -> float:
        return self.sse

    def numpy_judge(self, problem: Any) -> Judge:

        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            error = problem.errors(parameters)
            return bool((error**2).sum() < self.sse)

        return judge
