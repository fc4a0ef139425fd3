"""AMSGrad: Adam with a divisor that never decreases."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..expressions.functions import at_least, sqrt
from ..spec.per_layer import PerLayer
from ..support.checks import by_name
from .common import BELOW_ONE, TINY
from .one_formula import Bounds, OneFormula
from .schedule_common import Schedule


@by_name
@dataclass(frozen=True, eq=False)
class AMSGrad(OneFormula):
    """AMSGrad: Adam, with the largest mean of squares so far in place of the present one.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, ``top = max(top, v)`` and
    ``w -= learning_rate / (1 - beta1**t) * m / (sqrt(top / (1 - beta2**t)) + epsilon)`` in step t
    from 1; the powers are kept as running products.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.001
        Approximate step length in each weight, non-negative.
    beta1, beta2 : float, (restarts,) array of float, or PerLayer, default 0.9 and 0.999
        Decay of the two means, from 0 to the largest float32 below 1.
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
    S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", ICLR 2018 (arXiv
    1904.09237), algorithm 2; with Adam's bias corrections, as in PyTorch.
    """

    learning_rate: ArrayLike | PerLayer = 0.001
    _: KW_ONLY
    beta1: ArrayLike | PerLayer = 0.9
    beta2: ArrayLike | PerLayer = 0.999
    epsilon: ArrayLike | PerLayer = 1e-8
    schedule: Schedule | None = None

    bounds: ClassVar[Bounds] = {
        "learning_rate": (0.0, math.inf), "beta1": (0.0, BELOW_ONE), "beta2": (0.0, BELOW_ONE),
        "epsilon": (TINY, math.inf),
    }  # fmt: skip

    @staticmethod
    def _step(
        w, g, m, v, top, power1=1.0, power2=1.0, *, learning_rate, beta1, beta2, epsilon
    ):  # fmt: skip
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g * g
        top = at_least(top, v)
        power1, power2 = power1 * beta1, power2 * beta2
        rate, unbias = learning_rate / (1.0 - power1), 1.0 / sqrt(1.0 - power2)
        return w - rate * m / (unbias * sqrt(top) + epsilon), m, v, top, power1, power2
