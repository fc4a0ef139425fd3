"""Uniform numbers between two bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..kernels.draws import START_STREAM, current_lane, for_each_draw, uniform
from ..kernels.pieces import piece
from ..support.checks import by_name, hyperparameter, shown
from .common import Initialization, numpy_uniform

if TYPE_CHECKING:
    from ..spec.network import Network

# Numbers below this have a difference that fits float32 too.
SURELY_FITS = 1e38


@inlined
def _between(m, bits, w, low, high):
    w[m, 0] = low + (high - low) * uniform(low, bits)


draw_uniform = for_each_draw(START_STREAM, _between)


@piece
def begin_uniform(net):
    """``w = low + (high - low) * u``, u uniform in [0, 1)."""
    w = current_lane(net, net.parameters, net.n_parameters)
    draw_uniform(net, net.n_parameters, w, net.init[0], net.init[1])


@by_name
@dataclass(frozen=True, eq=False)
class Uniform(Initialization):
    """Draw every weight and bias uniformly from [low, high).

    Parameter m of restart k is ``low + (high - low) * u`` with u number m of the stream of
    ``numpy.random.Philox(key=[seed, k])``, as `numpy.random.Generator.uniform` computes it.

    Parameters
    ----------
    low, high : float or (restarts,) array of float, default -1 and 1
        The bounds, ``low <= high``; an array gives each restart its own.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers in that order.
    """

    low: ArrayLike = -1.0
    high: ArrayLike = 1.0

    begin = begin_uniform

    def __post_init__(self) -> None:
        low, high = hyperparameter("low", self.low), hyperparameter("high", self.high)
        if type(low) is type(high) is float and low <= high and math.isfinite(high - low):
            object.__setattr__(self, "low", low)
            object.__setattr__(self, "high", high)
            return
        if np.ndim(low) and np.ndim(high) and np.shape(low) != np.shape(high):
            raise ValueError(
                f"low, high: expected arrays of equal length, got {np.size(low)} and "
                f"{np.size(high)}"
            )
        if np.greater(low, high).any():
            raise ValueError(f"low, high: expected low <= high, got {shown(low)}, {shown(high)}")
        with np.errstate(over="ignore"):
            width = np.subtract(high, low)
        if not np.isfinite(width).all():
            raise ValueError("low, high: expected a finite difference, got one that overflows")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def numbers(self, net: Network) -> dict[str, Any]:
        """The numbers that the kernel reads: both bounds."""
        return {"low": self.low, "high": self.high}

    def check_rows(self, rows: np.ndarray) -> None:
        """Raise unless the differences of the bounds are finite in their dtype."""
        if len(rows) == 1 and max(map(abs, rows[0].tolist())) < SURELY_FITS:
            return  # np.errstate alone takes 1 us
        with np.errstate(over="ignore"):
            widths = rows[:, 1] - rows[:, 0]
        if not np.isfinite(widths).all():
            raise ValueError(
                f"low, high: expected a difference that fits {rows.dtype}, got one that overflows"
            )

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        low, high = numbers
        if numbers.dtype == np.float64:
            return np.random.Generator(stream).uniform(low, high, net.n_parameters)
        return low + (high - low) * numpy_uniform(stream, net.n_parameters, numbers.dtype)
