"""Initializations whose spread keeps signals of one size from layer to layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import by_name, hyperparameter
from .common import Initialization, by_layer
from .scaled import ScaledNormal, ScaledUniform

if TYPE_CHECKING:
    from ..spec.network import Network


@by_name
@dataclass(frozen=True, eq=False)
class Balanced(Initialization):
    """The base of initializations whose spread depends on the sizes of the layers.

    Parameters
    ----------
    gain : float or (restarts,) array of float, default 1
        A factor of all weights, non-negative.

    Raises
    ------
    TypeError, ValueError
        If `gain` is not a finite number, or is negative.
    """

    gain: ArrayLike = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", hyperparameter("gain", self.gain, low=0.0))

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        """The variance of the weights of a layer."""
        raise NotImplementedError

    def spreads(self, net: Network) -> list[float]:
        """The standard deviation of the weights of each layer."""
        pairs = zip(net.sizes[:-1], net.sizes[1:], strict=True)
        return [math.sqrt(self.variance(*pair)) for pair in pairs]

    def numbers(self, net: Network) -> dict[str, Any]:
        """The numbers that the kernel reads: the gain is a factor of both."""
        return {"gain": self.gain, "the gain": self.gain}


class BalancedUniform(Balanced, ScaledUniform):
    """The base of those with uniform weights."""

    def table(self, net: Network) -> np.ndarray:
        """The lower bounds, and the differences of the bounds."""
        limits = by_layer(net, [math.sqrt(3) * s for s in self.spreads(net)], biases=False)
        return np.array([-limits, 2 * limits])


class BalancedNormal(Balanced, ScaledNormal):
    """The base of those with normal weights."""

    def table(self, net: Network) -> np.ndarray:
        """Means of 0, and the spreads."""
        return np.array([by_layer(net, [0.0] * net.depth), by_layer(net, self.spreads(net), False)])
