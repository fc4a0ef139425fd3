"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.pieces import piece
from ..kernels.spans import common_numbers, span_at
from ..lanes.operations import fma, like, sqrt
from ..spec.per_layer import PerLayer, numbers_of_arrays
from ..support.checks import by_name
from .common import BELOW_ONE, TINY, Optimizer, Setup
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


@by_name
@dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    """Adam: the mean of past gradients over the root of the mean of their squares.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, and
    ``w -= learning_rate / (1 - beta1**t) * m / (sqrt(v / (1 - beta2**t)) + epsilon)`` in step t
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
    D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015 (arXiv
    1412.6980), algorithm 1.
    """

    learning_rate: ArrayLike | PerLayer = 0.001
    _: KW_ONLY
    beta1: ArrayLike | PerLayer = 0.9
    beta2: ArrayLike | PerLayer = 0.999
    epsilon: ArrayLike | PerLayer = 1e-8
    schedule: Schedule | None = None

    takes_per_layer = True

    def __post_init__(self) -> None:
        self.check_numbers(
            learning_rate=(0.0, math.inf),
            beta1=(0.0, BELOW_ONE),
            beta2=(0.0, BELOW_ONE),
            epsilon=(TINY, math.inf),
        )
        check_schedule(self.schedule)

    @property
    def decay(self) -> ArrayLike | PerLayer:
        """Decay of the weights themselves: none."""
        return 0.0

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        p, spans = net.n_parameters, self.spans(net)
        return Setup.by_layer(
            net,
            {
                "learning_rate": self.learning_rate,
                "beta1": self.beta1,
                "beta2": self.beta2,
                "epsilon": self.epsilon,
                "weight_decay": self.decay,
            },
            adam_update,
            common=schedule_numbers(self.schedule),
            slots=((2 * p, 0.0), (2 * spans, 1.0), *schedule_slots(self.schedule)),
            other_option=run_time_code(self.schedule),
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        factor_in = numpy_factors(self.schedule, numbers)
        own = numbers_of_arrays(numbers, len(arrays))
        means = [np.zeros_like(array) for array in arrays]
        squares = [np.zeros_like(array) for array in arrays]
        steps = 0

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            nonlocal steps
            steps += 1
            factor = factor_in(epoch, loss)
            for w, g, m, v, n in zip(arrays, gradients, means, squares, own, strict=True):
                now, beta1, beta2 = factor * n["learning_rate"], n["beta1"], n["beta2"]
                w *= 1 - now * n["weight_decay"]
                m += (1 - beta1) * (g - m)
                v += (1 - beta2) * (g * g - v)
                root = np.sqrt(v / (1 - beta2**steps)) + n["epsilon"]
                w -= now * (m / (1 - beta1**steps)) / root

        return step


@by_name
@dataclass(frozen=True, eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay: before each step ``w *= 1 - learning_rate * weight_decay``.

    Biases decay too.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon, schedule
        As for `Adam`.
    weight_decay : float, (restarts,) array of float, or PerLayer, default 0.01
        Non-negative.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019 (arXiv
    1711.05101), algorithm 2.
    """

    _: KW_ONLY
    weight_decay: ArrayLike | PerLayer = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(weight_decay=(0.0, math.inf))

    @property
    def decay(self) -> ArrayLike | PerLayer:
        """Decay of the weights themselves."""
        return self.weight_decay


@piece
def adam_update(net):
    """One step; hyperparameters: rate, two betas, epsilon, weight decay; those of the schedule."""
    p, powers = net.n_parameters, net.state + 2 * net.n_parameters
    factors = powers + 2 * net.spans
    for i in range(net.spans):
        hyper, first, count = span_at(net, i)
        w, gradient = net.parameters + first, net.gradient + first
        means, squares, power = net.state + first, net.state + (p + first), powers + 2 * i
        for s in range(net.strips):
            beta1, beta2, epsilon = hyper[1, s], hyper[2, s], hyper[3, s]
            one = like(beta1, 1.0)
            rate = hyper[0, s] * factors[0, s]
            power1, power2 = power[0, s] * beta1, power[1, s] * beta2
            power[0, s], power[1, s] = power1, power2
            step = -(rate / (one - power1))
            unbias = one / sqrt(one - power2)
            keep = one - rate * hyper[4, s]
            rest1, rest2 = one - beta1, one - beta2
            for m in range(count):
                g = gradient[m, s]
                mean = fma(beta1, means[m, s], rest1 * g)
                square = fma(beta2, squares[m, s], rest2 * g * g)
                means[m, s], squares[m, s] = mean, square
                root = fma(sqrt(square), unbias, epsilon)
                w[m, s] = fma(step * mean, one / root, keep * w[m, s])
    advance(net, factors, common_numbers(net))
