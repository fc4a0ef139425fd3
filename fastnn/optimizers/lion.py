"""Lion: steps of one length, along the sign of a mean of gradients."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from ..expressions.functions import select
from ..spec.per_layer import PerLayer
from ..support.checks import by_name
from .common import BELOW_ONE
from .one_formula import Bounds, OneFormula
from .schedule_common import Schedule


@by_name
@dataclass(frozen=True, eq=False)
class Lion(OneFormula):
    """Lion: the sign of a mean of gradients, with decoupled weight decay.

    ``w -= learning_rate (sign(beta1 m + (1 - beta1) g) + weight_decay w)``, then
    ``m = beta2 m + (1 - beta2) g``; the sign of 0 is 0.  Biases decay too.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.0001
        Step length in each weight, non-negative; usually a tenth to a third of Adam's.
    beta1, beta2 : float, (restarts,) array of float, or PerLayer, default 0.9 and 0.99
        Decay of the means for the step and for the memory, from 0 to the largest float32 below 1.
    weight_decay : float, (restarts,) array of float, or PerLayer, default 0
        Non-negative.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023 (arXiv
    2302.06675), algorithm 2.
    """

    learning_rate: ArrayLike | PerLayer = 0.0001
    _: KW_ONLY
    beta1: ArrayLike | PerLayer = 0.9
    beta2: ArrayLike | PerLayer = 0.99
    weight_decay: ArrayLike | PerLayer = 0.0
    schedule: Schedule | None = None

    bounds: ClassVar[Bounds] = {
        "learning_rate": (0.0, math.inf), "beta1": (0.0, BELOW_ONE), "beta2": (0.0, BELOW_ONE),
        "weight_decay": (0.0, math.inf),
    }  # fmt: skip

    @staticmethod
    def _step(w, g, m, *, learning_rate, beta1, beta2, weight_decay):
        c = beta1 * m + (1.0 - beta1) * g
        sign = select(c > 0.0, 1.0, select(c < 0.0, -1.0, c))  # a NaN stays one
        return w - learning_rate * (sign + weight_decay * w), beta2 * m + (1.0 - beta2) * g
