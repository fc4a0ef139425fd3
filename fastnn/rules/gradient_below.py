"""A bound for the norm of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import fma, sqrt
from ..spec.status import Status
from ..support.checks import by_name
from .common import Judge, Rule, positive


@inlined
def gradient_norm(net, s):
    """``norm(gradient)``."""
    gradient, total = net.gradient, net.gradient.zero
    for m in range(net.n_parameters):
        total = fma(gradient[m, s], gradient[m, s], total)
    return sqrt(total)


@inlined
def gradient_below(net, s, number, count, memory):
    """``norm(gradient) < number``."""
    return gradient_norm(net, s) < number


@by_name
@dataclass(frozen=True)
class GradientBelow(Rule):
    """End with ``GRADIENT`` once the Euclidean norm of the loss's gradient is below a bound.

    Parameters
    ----------
    norm : float
        Positive.
    """

    norm: float

    status = Status.GRADIENT
    needs_gradient = True
    holds = staticmethod(gradient_below)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", positive("norm", self.norm))

    @property
    def number(self) -> float:
        return self.norm

    def numpy_judge(self, problem: Any) -> Judge:
        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            return bool(np.linalg.norm(gradient) < self.norm)

        return judge
