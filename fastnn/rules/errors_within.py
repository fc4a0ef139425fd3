"""A tolerance for every single error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..support.checks import by_name
from .common import Judge, Rule, positive


@inlined
def errors_within(net, s, number, count, memory):
    """``max(abs(error)) < number``."""
    return net.worst[0, s] < number


@by_name
@dataclass(frozen=True)
class ErrorsWithin(Rule):
    """End with ``CONVERGED`` once every output of every sample is within a tolerance of its target.

    The classic criterion for targets 0 and 1 is 0.4 (S. E. Fahlman, CMU-CS-88-162, 1988).

    Parameters
    ----------
    tolerance : float, default 0.4
        Positive; an error equal to the tolerance is not within it.
    """

    tolerance: float = 0.4

    watches = True
    holds = staticmethod(errors_within)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", positive("tolerance", self.tolerance))

    @property
    def number(self) -> float:
        return self.tolerance

    def numpy_judge(self, problem: Any) -> Judge:

        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            error = problem.errors(parameters)
            return bool(np.abs(error).max() < self.tolerance)

        return judge
