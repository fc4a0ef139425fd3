"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.pieces import piece
from ..lanes.operations import fma, like, sqrt
from ..support.checks import by_name
from .common import BELOW_ONE, TINY, Optimizer, Setup
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


@by_name
@dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    """Adam: the mean of past gradients over the root of the mean of their squares.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g**2``, and
    ``w -= learning_rate / (1 - beta1**t) * m / (sqrt(v / (1 - beta2**t)) + epsilon)`` in step t
    from 1; the powers are kept as running products.

    Parameters
    ----------
    learning_rate : float or (restarts,) array of float, default 0.001
        Approximate step length in each weight, non-negative.
    beta1, beta2 : float or (restarts,) array of float, default 0.9 and 0.999
        Decay of the two means, from 0 to the largest float32 below 1.
    epsilon : float or (restarts,) array of float, default 1e-8
        Positive.
    schedule : StepDecay, ExponentialDecay or CosineDecay, optional
        Decrease of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: A method for stochastic optimization", ICLR 2015 (arXiv
    1412.6980), algorithm 1.
    """

    learning_rate: ArrayLike = 0.001
    _: KW_ONLY
    beta1: ArrayLike = 0.9
    beta2: ArrayLike = 0.999
    epsilon: ArrayLike = 1e-8
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        self.check_numbers(
            learning_rate=(0.0, math.inf),
            beta1=(0.0, BELOW_ONE),
            beta2=(0.0, BELOW_ONE),
            epsilon=(TINY, math.inf),
        )
        check_schedule(self.schedule)

    @property
    def decay(self) -> ArrayLike:
        """Decay of the weights themselves: none."""
        return 0.0

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        return Setup(
            {
                "learning_rate": self.learning_rate,
                "beta1": self.beta1,
                "beta2": self.beta2,
                "epsilon": self.epsilon,
                "weight_decay": self.decay,
                **schedule_numbers(self.schedule),
            },
            adam_update,
            slots=((2 * net.n_parameters, 0.0), (2, 1.0), *SCHEDULE_SLOTS),
            other_option=0 if self.schedule is None else self.schedule.code,
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        rate, beta1, beta2 = numbers["learning_rate"], numbers["beta1"], numbers["beta2"]
        means = [np.zeros_like(array) for array in arrays]
        squares = [np.zeros_like(array) for array in arrays]
        steps = 0

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            nonlocal steps
            steps += 1
            now = rate * numpy_factor(self.schedule, numbers, epoch)
            for w, g, m, v in zip(arrays, gradients, means, squares, strict=True):
                w *= 1 - now * numbers["weight_decay"]
                m += (1 - beta1) * (g - m)
                v += (1 - beta2) * (g * g - v)
                root = np.sqrt(v / (1 - beta2**steps)) + numbers["epsilon"]
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
    weight_decay : float or (restarts,) array of float, default 0.01
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
    weight_decay: ArrayLike = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_numbers(weight_decay=(0.0, math.inf))

    @property
    def decay(self) -> ArrayLike:
        """Decay of the weights themselves."""
        return self.weight_decay


@piece
def adam_update(net):
    """One step; hyperparameters: rate, two betas, epsilon, weight decay, schedule."""
    w, gradient, hyper, p = net.parameters, net.gradient, net.hyper, net.n_parameters
    means, squares, powers = net.state, net.state + p, net.state + 2 * p
    factors = powers + 2
    for s in range(net.strips):
        beta1, beta2, epsilon = hyper[1, s], hyper[2, s], hyper[3, s]
        one = like(beta1, 1.0)
        rate = hyper[0, s] * factors[0, s]
        power1, power2 = powers[0, s] * beta1, powers[1, s] * beta2
        powers[0, s], powers[1, s] = power1, power2
        step = -(rate / (one - power1))
        unbias = one / sqrt(one - power2)
        keep = one - rate * hyper[4, s]
        rest1, rest2 = one - beta1, one - beta2
        for m in range(p):
            g = gradient[m, s]
            mean = fma(beta1, means[m, s], rest1 * g)
            square = fma(beta2, squares[m, s], rest2 * g * g)
            means[m, s], squares[m, s] = mean, square
            root = fma(sqrt(square), unbias, epsilon)
            w[m, s] = fma(step * mean, one / root, keep * w[m, s])
    advance(net, factors, hyper + 5)
