"""Gradient descent: step against the gradient."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..kernels.pieces import piece
from ..kernels.spans import common_numbers, span_at
from ..kernels.textbook import descend
from ..lanes.matrices import resized
from ..lanes.operations import fma, like, select, sqrt
from ..spec.per_layer import PerLayer, numbers_of_arrays
from ..support.checks import by_name
from .common import TINY, Optimizer, Setup
from .schedule_common import Schedule
from .schedule_steps import advance
from .schedules import (
    check_schedule,
    numpy_factors,
    run_time_code,
    schedule_numbers,
    schedule_slots,
)

if TYPE_CHECKING:
    from ..spec.network import Network

# Switches of the kernel.
NESTEROV, CLIP, CLIP_LAYERS = 1, 2, 4


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
    momentum : float, (restarts,) array of float, or PerLayer, default 0
        From 0 to 1.  The update is ``v = momentum * v - learning_rate * gradient; w += v``, the
        classical form (Rumelhart, Hinton and Williams, equation 9).
    nesterov : bool, default False
        Update by ``w += momentum * v - learning_rate * gradient`` with the new v, as in I.
        Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
        2013, in the form that needs the gradient only at w.
    clip : float, (restarts,) array of float, or PerLayer, optional
        Maximum Euclidean norm of the whole gradient, positive; longer gradients are scaled to it.
        `PerLayer` bounds the norm of each layer's gradient by itself.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rates from epoch to epoch.

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
    momentum: ArrayLike | PerLayer = 0.0
    nesterov: bool = False
    clip: ArrayLike | PerLayer | None = None
    schedule: Schedule | None = None

    takes_per_layer = True

    def __post_init__(self) -> None:
        self.check_numbers(learning_rate=(0.0, math.inf), momentum=(0.0, 1.0))
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
        clips = 0 if self.clip is None else CLIP_LAYERS if isinstance(self.clip, PerLayer) else CLIP
        return Setup.by_layer(
            net,
            {
                "learning_rate": self.learning_rate,
                "momentum": self.momentum,
                "clip": 0.0 if self.clip is None else self.clip,
            },
            momentum_update,
            common=schedule_numbers(self.schedule),
            slots=((net.n_parameters, 0.0), *schedule_slots(self.schedule)),
            option=NESTEROV * self.nesterov + clips,
            other_option=run_time_code(self.schedule),
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        if self.is_plain:
            return _plain_step(arrays, numbers["learning_rate"])
        factor_in = numpy_factors(self.schedule, numbers)
        own = numbers_of_arrays(numbers, len(arrays))
        # The norm is that of all arrays, or of every so many: a layer's weights and its biases.
        clipped = len(self.clip.values) if isinstance(self.clip, PerLayer) else 1
        velocities = [np.zeros_like(array) for array in arrays]

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            factor = factor_in(epoch, loss)
            squares = [float(np.sum(g * g)) for g in gradients]
            for i, (w, g, v) in enumerate(zip(arrays, gradients, velocities, strict=True)):
                norm, momentum = math.sqrt(sum(squares[i % clipped :: clipped])), own[i]["momentum"]
                limits = self.clip is not None and norm > own[i]["clip"]
                shrink = own[i]["clip"] / norm if limits else 1.0
                push = factor * own[i]["learning_rate"] * shrink * g
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
    """One step with momentum; hyperparameters: rate, momentum, clip; those of the schedule."""
    factors, nesterov = net.state + net.n_parameters, net.option & NESTEROV
    for s in range(net.strips):
        shrink = like(net.hyper[0, s], 1.0)
        if net.option & CLIP:
            shrink = _shrinkage(net.gradient, net.n_parameters, net.hyper[2, s], s)
        for i in range(net.spans):
            hyper, first, count = span_at(net, i)
            w, gradient = net.parameters + first, net.gradient + first
            velocities = net.state + first
            if net.option & CLIP_LAYERS:
                shrink = _shrinkage(gradient, count, hyper[2, s], s)
            momentum, rate = hyper[1, s], -(hyper[0, s] * factors[0, s] * shrink)
            for m in range(count):
                before, g = velocities[m, s], gradient[m, s]
                velocity = fma(momentum, before, rate * g)
                velocities[m, s] = velocity
                carried = velocity if nesterov else before
                # Fused so that without momentum the step has the bits of plain descent.
                w[m, s] = fma(rate, g, fma(momentum, carried, w[m, s]))
    advance(net, factors, common_numbers(net))


@inlined
def _shrinkage(g, count, clip, s):
    """Factor that limits the norm of `count` derivatives: ``min(1, clip / norm)``."""
    squares = g.zero
    for m in range(count):
        squares = fma(g[m, s], g[m, s], squares)
    norm = sqrt(squares)
    return select(norm > clip, clip / norm, like(clip, 1.0))
