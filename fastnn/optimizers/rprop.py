"""Resilient propagation: steps whose lengths follow the signs of the gradient alone."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..kernels.pieces import piece
from ..kernels.spans import span_at
from ..lanes.operations import at_least, at_most, like, select
from ..spec.per_layer import PerLayer, numbers_of_arrays
from ..support.checks import by_name, shown
from ..support.suggestions import hint
from .common import TINY, Optimizer, Setup

if TYPE_CHECKING:
    from ..spec.network import Network

VARIANTS = ("Rprop-", "iRprop-", "Rprop+", "iRprop+")
RPROP_MINUS, IRPROP_MINUS, RPROP_PLUS, IRPROP_PLUS = range(4)


@by_name
@dataclass(frozen=True, eq=False)
class RPROP(Optimizer):
    """RPROP: every weight has its own step length, which grows while its slope keeps its sign.

    A slope that changes its sign means that the weight jumped over a minimum, so the step length
    shrinks.  The weight then, depending on the variant, steps as usual ("Rprop-"), waits
    ("iRprop-", where the slope counts as 0), goes back ("Rprop+"), or goes back only if the loss
    has risen ("iRprop+").  Full batches only.

    Parameters
    ----------
    variant : "iRprop-", "iRprop+", "Rprop-" or "Rprop+", default "iRprop-"
    increase, decrease : float, (restarts,) array of float, or PerLayer, default 1.2 and 0.5
        Factors of the step length: `increase` at least 1, `decrease` at most 1.
    initial_step : float, (restarts,) array of float, or PerLayer, default 0.1
        The first step length, positive.
    min_step, max_step : float, (restarts,) array of float, or PerLayer, default 1e-6 and 50
        Bounds of the step length, positive, in this order.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm", ICNN 1993, 586–591; C. Igel and M. Hüsken, "Empirical evaluation of the
    improved Rprop learning algorithms", Neurocomputing 50 (2003) 105–123, tables 1 to 4.
    """

    variant: str = "iRprop-"
    _: KW_ONLY
    increase: ArrayLike | PerLayer = 1.2
    decrease: ArrayLike | PerLayer = 0.5
    initial_step: ArrayLike | PerLayer = 0.1
    min_step: ArrayLike | PerLayer = 1e-6
    max_step: ArrayLike | PerLayer = 50.0

    takes_per_layer = True

    def __post_init__(self) -> None:
        if not isinstance(self.variant, str) or self.variant not in VARIANTS:
            raise ValueError(
                f"variant: expected one of {', '.join(VARIANTS)}, got {shown(self.variant)}"
                f"{hint(self.variant, VARIANTS)}"
            )
        self.check_numbers(
            increase=(1.0, math.inf),
            decrease=(0.0, 1.0),
            initial_step=(TINY, math.inf),
            min_step=(TINY, math.inf),
            max_step=(TINY, math.inf),
        )
        self.check_order("min_step", "max_step")

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        code, count = VARIANTS.index(self.variant), net.n_parameters
        slots: tuple[tuple[int, float | str], ...] = ((count, "initial_step"), (count, 0.0))
        if code in (RPROP_PLUS, IRPROP_PLUS):
            slots += ((count, 0.0), (1, math.inf))
        names = ("increase", "decrease", "min_step", "max_step", "initial_step")
        return Setup.by_layer(
            net,
            {name: getattr(self, name) for name in names},
            rprop_plus_update if code in (RPROP_PLUS, IRPROP_PLUS) else rprop_minus_update,
            slots=slots,
            option=code,
            full_batch=True,
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        own = numbers_of_arrays(numbers, len(arrays))
        steps = [np.full_like(a, n["initial_step"]) for a, n in zip(arrays, own, strict=True)]
        before = [np.zeros_like(array) for array in arrays]
        changes = [np.zeros_like(array) for array in arrays]
        last_loss = math.inf
        plus, improved = self.variant.endswith("+"), self.variant.startswith("i")

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            nonlocal last_loss
            for i, (w, g, n) in enumerate(zip(arrays, gradients, own, strict=True)):
                product = g * before[i]
                same, turned = product > 0, product < 0
                longer = np.minimum(steps[i] * n["increase"], n["max_step"])
                shorter = np.maximum(steps[i] * n["decrease"], n["min_step"])
                steps[i] = np.where(same, longer, np.where(turned, shorter, steps[i]))
                if plus or improved:
                    before[i] = np.where(turned, 0, g)
                else:
                    before[i] = g
                change = -np.sign(g) * steps[i]
                if plus:
                    back = loss > last_loss or not improved
                    change = np.where(turned, -changes[i] if back else 0, change)
                elif improved:
                    change = np.where(turned, 0, change)
                changes[i] = change
                w += change
            last_loss = loss

        return step


@piece
def rprop_minus_update(net):
    """One step of Rprop- or iRprop-; hyperparameters: increase, decrease, bounds of the step."""
    zero, improved = net.hyper.zero, net.option == IRPROP_MINUS
    for i in range(net.spans):
        hyper, first, count = span_at(net, i)
        w, gradient = net.parameters + first, net.gradient + first
        lengths, slopes = net.state + first, net.state + (net.n_parameters + first)
        for s in range(net.strips):
            increase, decrease, least, most = hyper[0, s], hyper[1, s], hyper[2, s], hyper[3, s]
            for m in range(count):
                g, length = gradient[m, s], lengths[m, s]
                product = g * slopes[m, s]
                turned = product < zero
                length = select(product > zero, at_most(length * increase, most), length)
                length = select(turned, at_least(length * decrease, least), length)
                if improved:
                    g = select(turned, zero, g)
                lengths[m, s], slopes[m, s] = length, g
                w[m, s] = w[m, s] + _downhill(g, length)


@piece
def rprop_plus_update(net):
    """One step of Rprop+ or iRprop+, which also keep the last change and the last loss."""
    p, losses, last_losses = net.n_parameters, net.losses, net.state + 3 * net.n_parameters
    zero, improved = net.hyper.zero, net.option == IRPROP_PLUS
    for i in range(net.spans):
        hyper, first, count = span_at(net, i)
        w, gradient, lengths = net.parameters + first, net.gradient + first, net.state + first
        slopes, changes = net.state + (p + first), net.state + (2 * p + first)
        for s in range(net.strips):
            increase, decrease, least, most = hyper[0, s], hyper[1, s], hyper[2, s], hyper[3, s]
            risen = losses[0, s] > last_losses[0, s]
            for m in range(count):
                g, length = gradient[m, s], lengths[m, s]
                product = g * slopes[m, s]
                turned = product < zero
                length = select(product > zero, at_most(length * increase, most), length)
                length = select(turned, at_least(length * decrease, least), length)
                back = -changes[m, s]
                if improved:
                    back = select(risen, back, zero)
                change = select(turned, back, _downhill(g, length))
                lengths[m, s], slopes[m, s] = length, select(turned, zero, g)
                changes[m, s] = change
                w[m, s] = w[m, s] + change
    for s in range(net.strips):
        last_losses[0, s] = losses[0, s]


@inlined
def _downhill(g, length):
    """``-sign(g) * length``."""
    zero = like(g, 0.0)
    return select(g > zero, -length, select(g < zero, length, zero))
