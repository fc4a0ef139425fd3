"""RMSProp: steps along the gradient over the root of the mean of its past squares."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..expressions.functions import sqrt
from ..spec.per_layer import PerLayer
from ..support.checks import by_name
from .common import BELOW_ONE, TINY
from .one_formula import Bounds, OneFormula
from .schedule_common import Schedule


@by_name
@dataclass(frozen=True, eq=False)
class RMSProp(OneFormula):
    """RMSProp: the gradient over the root of the mean of its past squares.

    ``v = decay v + (1 - decay) g**2`` and ``w -= learning_rate g / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.01
        Approximate step length in each weight, non-negative.
    decay : float, (restarts,) array of float, or PerLayer, default 0.9
        Decay of the mean, from 0 to the largest float32 below 1.
    epsilon : float, (restarts,) array of float, or PerLayer, default 1e-8
        Positive.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    G. Hinton, N. Srivastava and K. Swersky, "Neural networks for machine learning", lecture 6e
    (2012), slide 29; epsilon as in PyTorch.
    """

    learning_rate: ArrayLike | PerLayer = 0.01
    _: KW_ONLY
    decay: ArrayLike | PerLayer = 0.9
    epsilon: ArrayLike | PerLayer = 1e-8
    schedule: Schedule | None = None

    bounds: ClassVar[Bounds] = {
        "learning_rate": (0.0, math.inf), "decay": (0.0, BELOW_ONE), "epsilon": (TINY, math.inf),
    }  # fmt: skip

    @staticmethod
    def _step(w, g, v, *, learning_rate, decay, epsilon):
        v = decay * v + (1.0 - decay) * g * g
        return w - learning_rate * g / (sqrt(v) + epsilon), v
