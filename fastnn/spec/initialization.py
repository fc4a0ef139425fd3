"""Initialization: random distributions and explicit weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import by_name, hyperparameter, per_restart, real_array, shown
from ..support.suggestions import hint
from .per_layer import PerLayer, layer_numbers

if TYPE_CHECKING:
    from .network import Network

# Run-time codes of the initializations.
EXPLICIT, UNIFORM, SCALED_UNIFORM, SCALED_NORMAL, NGUYEN_WIDROW = range(5)
# Numbers below this have a difference that fits float32 too.
SURELY_FITS = 1e38


@by_name
@dataclass(frozen=True, eq=False)
class Uniform:
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


@by_name
@dataclass(frozen=True, eq=False)
class Normal:
    """Draw every weight and bias from a normal distribution.

    Parameter m of restart k is ``mean + std * q(u)`` with the inverse q of the standard normal
    distribution function and ``u = (i + 1/2) / 2**53``, i the upper 53 bits (float32: 23, and
    ``/ 2**23``) of number m of the stream that `Uniform` uses.

    Parameters
    ----------
    mean : float or (restarts,) array of float, default 0
    std : float, (restarts,) array of float, or PerLayer of floats, default 1
        Non-negative.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    mean: ArrayLike = 0.0
    std: ArrayLike | PerLayer = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", hyperparameter("mean", self.mean))
        if isinstance(self.std, PerLayer):
            for i, value in enumerate(self.std.values):
                if np.ndim(hyperparameter(f"std[{i}]", value, low=0.0)):
                    raise ValueError(f"std[{i}]: expected a number, got {shown(value)}")
        else:
            object.__setattr__(self, "std", hyperparameter("std", self.std, low=0.0))

    def start(self, net: Network) -> tuple[int, dict[str, Any], np.ndarray]:
        """Run-time code, numbers per restart, and factors of both numbers for every parameter."""
        table = np.ones((2, net.n_parameters))
        std = self.std
        if isinstance(std, PerLayer):
            table[1] = by_layer(net, list(layer_numbers("std", std, net).values()))
            std = 1.0
        return SCALED_NORMAL, {"mean": self.mean, "std": std}, table


@by_name
@dataclass(frozen=True, eq=False)
class _Balanced:
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

    normal: ClassVar[bool]

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", hyperparameter("gain", self.gain, low=0.0))

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        """The variance of the weights of a layer."""
        raise NotImplementedError

    def start(self, net: Network) -> tuple[int, dict[str, Any], np.ndarray]:
        """Run-time code, numbers per restart, and factors of both numbers for every parameter."""
        pairs = zip(net.sizes[:-1], net.sizes[1:], strict=True)
        spread = [math.sqrt(self.variance(*pair)) for pair in pairs]
        zero = [0.0] * net.depth
        numbers = {"gain": self.gain, "the gain": self.gain}
        if self.normal:
            table = [by_layer(net, zero), by_layer(net, spread, biases=False)]
            return SCALED_NORMAL, numbers, np.array(table)
        limits = by_layer(net, [math.sqrt(3) * value for value in spread], biases=False)
        return SCALED_UNIFORM, numbers, np.array([-limits, 2 * limits])


class GlorotUniform(_Balanced):
    """Draw weights uniformly with variance ``2 / (n_in + n_out)``; biases are 0.

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.  The random numbers of biases are skipped.
    """

    normal = False

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        return 2 / (n_in + n_out)


class GlorotNormal(GlorotUniform):
    """Draw normal weights of variance ``2 / (n_in + n_out)``, biases 0: see `GlorotUniform`."""

    normal = True


class HeUniform(_Balanced):
    """Draw weights uniformly with variance ``2 / n_in``; biases are 0.

    K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.  The
    random numbers of biases are skipped.
    """

    normal = False

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        return 2 / n_in


class HeNormal(HeUniform):
    """Draw normal weights with variance ``2 / n_in``; biases are 0: see `HeUniform`."""

    normal = True


class NguyenWidrow(_Balanced):
    """Spread the active regions of hidden units over the inputs, which should lie in [-1, 1].

    All numbers are uniform in [-0.5, 0.5); then the weights of each hidden unit are scaled to the
    length ``beta = 0.7 * units ** (1 / n_in)``, and its bias to [-beta, beta).

    D. Nguyen and B. Widrow, "Improving the learning speed of 2-layer neural networks by choosing
    initial values of the adaptive weights", IJCNN 1990, volume 3, 21–26.

    Parameters
    ----------
    gain : float or (restarts,) array of float, default 1
        A factor of all numbers, non-negative.

    Raises
    ------
    TypeError, ValueError
        If `gain` is not a finite number, or is negative.
    """

    def start(self, net: Network) -> tuple[int, dict[str, Any], np.ndarray]:
        """Run-time code, numbers per restart, and factors of both numbers for every parameter."""
        betas = [
            0.7 * n_out ** (1 / n_in) for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False)
        ]
        # For hidden layers the second row holds beta: the length of weights, the range of biases.
        betas[-1] = 0.5
        limits = by_layer(net, betas)
        numbers = {"gain": self.gain, "the gain": self.gain}
        return NGUYEN_WIDROW, numbers, np.array([-limits, 2 * limits])


INITIALIZATIONS = (
    Uniform,
    Normal,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    NguyenWidrow,
)
"""All initializations."""


def by_layer(net: Network, values: list[float], biases: bool = True) -> np.ndarray:
    """A flat vector with one value for each layer; 0 for biases unless `biases`."""
    parts = []
    for value, n_in, n_out in zip(values, net.sizes[:-1], net.sizes[1:], strict=True):
        parts.append(np.full(n_in * n_out, value))
        if net.bias:
            parts.append(np.full(n_out, value if biases else 0.0))
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Start:
    """The initialization as the kernels read it."""

    code: int
    numbers: np.ndarray
    """(1 or restarts, width): two numbers, or explicit parameters."""
    table: np.ndarray
    """(2, n_parameters) factors of both numbers, or (2, 0)."""


def _ends(init: Uniform) -> dict[str, Any]:
    return {"low": init.low, "high": init.high}


def start_values(init: Any, net: Network, restarts: int | None, dtype: np.dtype) -> Start:
    """Convert `init` for the kernels, with one row of numbers for all restarts or one for each."""
    count = 1 if restarts is None else restarts
    if isinstance(init, Uniform):
        rows = per_restart("Uniform", _ends(init), count, dtype)
        if not _widths_fit(rows):
            raise ValueError(
                f"low, high: expected a difference that fits {dtype}, got one that overflows"
            )
        return Start(UNIFORM, rows, np.zeros((2, 0), dtype=dtype))
    if isinstance(init, Normal | _Balanced):
        code, numbers, table = init.start(net)
        rows = per_restart(type(init).__name__, numbers, count, dtype)
        return Start(code, rows, np.ascontiguousarray(table, dtype=dtype))
    known = ", ".join(f"fastnn.{kind.__name__}(…)" for kind in INITIALIZATIONS)
    expected = (
        f"init: expected one of {known}, a flat vector of {net.n_parameters} numbers, "
        "or a list of arrays [W1, W2, …] (with biases [W1, b1, W2, b2, …] or (weights, biases))"
    )
    return Start(EXPLICIT, _explicit(init, net, restarts, dtype, expected), np.zeros((2, 0), dtype))


def _widths_fit(rows: np.ndarray) -> bool:
    """Whether the differences of two columns are finite in their dtype."""
    if len(rows) == 1 and max(map(abs, rows[0].tolist())) < SURELY_FITS:
        return True
    with np.errstate(over="ignore"):
        return bool(np.isfinite(rows[:, 1] - rows[:, 0]).all())


def _explicit(
    init: Any, net: Network, restarts: int | None, dtype: np.dtype, expected: str
) -> np.ndarray:
    """Convert explicit weights to (1 or restarts, n_parameters)."""
    if restarts is not None:
        expected += f", or an array of shape ({restarts}, {net.n_parameters})"
    if isinstance(init, np.ndarray):
        array = real_array("init", init, dtype)
        shapes: list[tuple[int, ...]] = [(net.n_parameters,)]
        if restarts is not None:
            shapes.append((restarts, net.n_parameters))
        if array.shape not in shapes:
            raise ValueError(f"{expected}; got {shown(array)}")
        return array.reshape(-1, net.n_parameters)
    if not isinstance(init, list | tuple) or not init:
        names = [kind.__name__ for kind in INITIALIZATIONS]
        meant = hint(init, names, "fastnn.{}()".format)
        raise TypeError(f"{expected}; got {shown(init)}{meant}")
    if not any(isinstance(item, list | tuple | np.ndarray) for item in init):
        return _explicit(real_array("init", init, dtype), net, restarts, dtype, expected)
    weights, biases = _layers(init, net, expected)
    try:
        flat = net.pack(weights, biases)
    except (ValueError, TypeError) as error:
        raise type(error)(f"init: {error}") from None
    return real_array("init", flat, dtype).reshape(1, -1)


def _layers(init: Sequence[Any], net: Network, expected: str) -> tuple[list[Any], list[Any]]:
    """Split `[W1, W2]`, `[W1, b1, W2, b2]` or `(weights, biases)` into weights and biases."""
    if len(init) == 2 and isinstance(init[0], list | tuple):
        weights, biases = init
        pair = isinstance(biases, list | tuple) or biases is None
        if pair and len(weights) == net.depth and all(map(_is_matrix, weights)):
            return list(weights), list(biases or ())
    if net.bias and len(init) == 2 * net.depth:
        return list(init[0::2]), list(init[1::2])
    if not net.bias and len(init) == net.depth:
        return list(init), []
    raise ValueError(f"{expected}; got a list of {len(init)} arrays")


def _is_matrix(part: Any) -> bool:
    if isinstance(part, np.ndarray):
        return part.ndim == 2
    return isinstance(part, list | tuple) and all(isinstance(row, list | tuple) for row in part)
