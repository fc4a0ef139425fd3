"""Gradient descent: step against the gradient."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..kernels.pieces import piece
from ..kernels.textbook import descend
from ..kernels.views import layer_at
from ..lanes.matrices import resized
from ..lanes.operations import fma, like, select, sqrt
from ..spec.per_layer import PerLayer, layer_numbers
from ..support.checks import by_name, hyperparameter
from .common import TINY, Optimizer, Setup
from .schedules import (
    SCHEDULE_SLOTS,
    Schedule,
    advance,
    check_schedule,
    numpy_factor,
    schedule_numbers,
)

if TYPE_CHECKING:
    from ..spec.network import Network

# Switches of the kernel.
NESTEROV, CLIP = 1, 2


@by_name
@dataclass(frozen=True, eq=False)
class GradientDescent(Optimizer):
    """Gradient descent, ``w -= learning_rate * gradient``, with the usual extensions.

    The gradient is that of the loss itself.  For the sum of squared errors it includes the factor
    2, which texts that minimize half the sum leave out: their learning rates are twice these.  The
    loss is a sum, not a mean: the more samples, the smaller the rate must be for the same
    stability.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.1
        Step per unit of gradient, finite and non-negative; an array gives each restart its own.
    momentum : float or (restarts,) array of float, default 0
        From 0 to 1.  The update is ``v = momentum * v - learning_rate * gradient; w += v``, the
        classical form (Rumelhart, Hinton and Williams, equation 9).
    nesterov : bool, default False
        Update by ``w += momentum * v - learning_rate * gradient`` with the new v, as in I.
        Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
        2013, in the form that needs the gradient only at w.
    clip : float or (restarts,) array of float, optional
        Maximum Euclidean norm of the whole gradient, positive; longer gradients are scaled to it.
    schedule : StepDecay, ExponentialDecay or CosineDecay, optional
        Decrease of the rates from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323 (1986) 533–536, equations 8 and 9.
    """

    learning_rate: ArrayLike | PerLayer = 0.1
    _: KW_ONLY
    momentum: ArrayLike = 0.0
    nesterov: bool = False
    clip: ArrayLike | None = None
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, PerLayer):
            for i, value in enumerate(self.learning_rate.values):
                hyperparameter(f"learning_rate[{i}]", value, low=0.0)
        else:
            self.check_numbers(learning_rate=(0.0, math.inf))
        self.check_numbers(momentum=(0.0, 1.0))
        self.check_flag("nesterov")
        if self.clip is not None:
            self.check_numbers(clip=(TINY, math.inf))
        check_schedule(self.schedule)

    @property
    def is_plain(self) -> bool:
        """True without any extension."""
        added = self.clip is not None or self.schedule is not None
        no_momentum = isinstance(self.momentum, float) and self.momentum == 0
        return no_momentum and not added and not isinstance(self.learning_rate, PerLayer)

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        if self.is_plain:
            return Setup({"learning_rate": self.learning_rate}, plain_update)
        return Setup(
            {
                "momentum": self.momentum,
                "clip": 0.0 if self.clip is None else self.clip,
                **schedule_numbers(self.schedule),
                **layer_numbers("learning_rate", self.learning_rate, net),
            },
            momentum_update,
            slots=((net.n_parameters, 0.0), *SCHEDULE_SLOTS),
            option=NESTEROV * self.nesterov + CLIP * (self.clip is not None),
            other_option=0 if self.schedule is None else self.schedule.code,
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        if self.is_plain:
            return _plain_step(arrays, numbers["learning_rate"])
        momentum, clip = numbers["momentum"], numbers["clip"]
        rates = [value for name, value in numbers.items() if name.startswith("learning_rate")]
        rates = [rates[i % len(rates)] for i in range(len(arrays))]  # weights, then biases
        velocities = [np.zeros_like(array) for array in arrays]

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            factor = numpy_factor(self.schedule, numbers, epoch)
            norm = math.sqrt(sum(float(np.sum(g * g)) for g in gradients))
            shrink = clip / norm if self.clip is not None and norm > clip else 1.0
            for w, g, v, rate in zip(arrays, gradients, velocities, rates, strict=True):
                push = factor * rate * shrink * g
                v *= momentum
                v -= push
                w += momentum * v - push if self.nesterov else v

        return step


def _plain_step(arrays: list[np.ndarray], learning_rate: float) -> Any:
    def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
        for array, gradient in zip(arrays, gradients):  # noqa: B905  in the loop that is timed
            array -= learning_rate * gradient

    return step


@piece
def plain_update(net):
    """``w -= learning_rate * gradient``."""
    descend(resized(net.parameters, net.n_parameters, net.strips), net.gradient, net.hyper)


@piece
def momentum_update(net):
    """One step with momentum; hyperparameters: momentum, clip, schedule, a rate for each layer."""
    hyper, factors = net.hyper, net.state + net.n_parameters
    nesterov = net.option & NESTEROV
    for s in range(net.strips):
        momentum, shrink = hyper[0, s], _shrinkage(net, s)
        for level in range(net.depth):
            layer = layer_at(net, level)
            w, gradient = net.parameters + layer.weights, net.gradient + layer.weights
            velocities = net.state + layer.weights
            rate = -(hyper[4 + level, s] * factors[0, s] * shrink)
            for m in range((layer.n_in + layer.has_bias) * layer.n_out):
                before, g = velocities[m, s], gradient[m, s]
                velocity = fma(momentum, before, rate * g)
                velocities[m, s] = velocity
                carried = velocity if nesterov else before
                # Fused so that without momentum the step has the bits of plain descent.
                w[m, s] = fma(rate, g, fma(momentum, carried, w[m, s]))
    advance(net, factors, hyper + 2)


@inlined
def _shrinkage(net, s):
    """Factor that limits the norm of the gradient: ``min(1, clip / norm(gradient))``."""
    g, clip = net.gradient, net.hyper[1, s]
    shrink = like(clip, 1.0)
    if net.option & CLIP:
        squares = g.zero
        for m in range(net.n_parameters):
            squares = fma(g[m, s], g[m, s], squares)
        norm = sqrt(squares)
        shrink = select(norm > clip, clip / norm, shrink)
    return shrink
