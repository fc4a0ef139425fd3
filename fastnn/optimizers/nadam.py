"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..expressions.functions import exp, sqrt
from ..spec.per_layer import PerLayer
from ..support.checks import by_name
from .common import BELOW_ONE, TINY
from .one_formula import Bounds, OneFormula
from .schedule_common import Schedule


@by_name
@dataclass(frozen=True, eq=False)
class Nadam(OneFormula):
    """Nadam: Adam with Nesterov's momentum, which grows at the beginning.

    In step t from 1 the momentum is ``b(t) = beta1 (1 - 0.96**(t momentum_decay) / 2)``, and B is
    the product of all so far.  With Adam's means m and v,
    ``mean = b(t + 1) m / (1 - B b(t + 1)) + (1 - b(t)) g / (1 - B)`` and
    ``w -= learning_rate * mean / (sqrt(v / (1 - beta2**t)) + epsilon)``.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.002
        Approximate step length in each weight, non-negative.
    beta1, beta2 : float, (restarts,) array of float, or PerLayer, default 0.9 and 0.999
        Decay of the two means, from 0 to the largest float32 below 1.
    epsilon : float, (restarts,) array of float, or PerLayer, default 1e-8
        Positive.
    momentum_decay : float, (restarts,) array of float, or PerLayer, default 0.004
        Speed with which the momentum grows from half of beta1 to beta1, non-negative.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, algorithm 2, with
    the momentum of its section 3; epsilon outside the root, as in PyTorch.
    """

    learning_rate: ArrayLike | PerLayer = 0.002
    _: KW_ONLY
    beta1: ArrayLike | PerLayer = 0.9
    beta2: ArrayLike | PerLayer = 0.999
    epsilon: ArrayLike | PerLayer = 1e-8
    momentum_decay: ArrayLike | PerLayer = 0.004
    schedule: Schedule | None = None

    bounds: ClassVar[Bounds] = {
        "learning_rate": (0.0, math.inf), "beta1": (0.0, BELOW_ONE), "beta2": (0.0, BELOW_ONE),
        "epsilon": (TINY, math.inf), "momentum_decay": (0.0, math.inf),
    }  # fmt: skip

    @staticmethod
    def _step(
        w, g, m, v, power=1.0, product=1.0, *,
        step, learning_rate, beta1, beta2, epsilon, momentum_decay,
    ):  # fmt: skip
        def momentum(t):
            return beta1 * (1.0 - 0.5 * exp(math.log(0.96) * momentum_decay * t))

        now, later = momentum(step), momentum(step + 1.0)
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g * g
        power, product = power * beta2, product * now
        mean = later / (1.0 - product * later) * m + (1.0 - now) / (1.0 - product) * g
        root = 1.0 / sqrt(1.0 - power) * sqrt(v)
        return w - learning_rate * mean / (root + epsilon), m, v, power, product
