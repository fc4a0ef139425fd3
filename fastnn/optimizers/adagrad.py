"""Adagrad: steps along the gradient over the root of the sum of its past squares."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..expressions.functions import sqrt
from ..spec.per_layer import PerLayer
from ..support.checks import by_name
from .common import TINY
from .one_formula import Bounds, OneFormula
from .schedule_common import Schedule


@by_name
@dataclass(frozen=True, eq=False)
class Adagrad(OneFormula):
    """Adagrad: the gradient over the root of the sum of its past squares.

    ``v += g**2`` and ``w -= learning_rate g / (sqrt(v) + epsilon)``: steps become ever shorter.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.01
        Length of the first step in each weight, non-negative.
    epsilon : float, (restarts,) array of float, or PerLayer, default 1e-10
        Positive.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", Journal of Machine Learning Research 12 (2011) 2121–2159, figure 1
    with a diagonal matrix; epsilon outside the root, as in PyTorch.
    """

    learning_rate: ArrayLike | PerLayer = 0.01
    _: KW_ONLY
    epsilon: ArrayLike | PerLayer = 1e-10
    schedule: Schedule | None = None

    bounds: ClassVar[Bounds] = {"learning_rate": (0.0, math.inf), "epsilon": (TINY, math.inf)}

    @staticmethod
    def _step(w, g, v, *, learning_rate, epsilon):
        v = v + g * g
        return w - learning_rate * g / (sqrt(v) + epsilon), v
