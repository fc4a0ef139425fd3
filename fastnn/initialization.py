"""Where restarts begin: random distributions and explicit weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .checks import hyperparameter, per_restart, real_array, shown

if TYPE_CHECKING:
    from .network import Network

# Run-time codes of the ways to start.
EXPLICIT, UNIFORM = range(2)


@dataclass(frozen=True, eq=False)
class Uniform:
    """Every weight and bias uniform in [low, high).

    Parameter m of restart k is ``low + (high - low) * u`` with u number m of the stream of
    ``numpy.random.Philox(key=[seed, k])``, as `numpy.random.Generator.uniform` computes it.

    Parameters
    ----------
    low, high : float or (restarts,) array of float, default -1 and 1
        The ends, ``low <= high``; an array gives each restart its own.

    Raises
    ------
    TypeError, ValueError
        If they are not finite numbers in that order.
    """

    low: ArrayLike = -1.0
    high: ArrayLike = 1.0

    def __post_init__(self) -> None:
        low, high = hyperparameter("low", self.low), hyperparameter("high", self.high)
        if np.ndim(low) and np.ndim(high) and np.shape(low) != np.shape(high):
            raise ValueError(
                f"low, high: expected arrays of one length, got {np.size(low)} and {np.size(high)}"
            )
        if np.any(np.greater(low, high)):
            raise ValueError(f"low, high: expected low <= high, got {shown(low)}, {shown(high)}")
        with np.errstate(over="ignore"):
            width = np.subtract(high, low)
        if not np.all(np.isfinite(width)):
            raise ValueError("low, high: expected a finite difference, got one that overflows")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)


def start_values(
    init: Any, net: Network, restarts: int | None, dtype: np.dtype
) -> tuple[int, np.ndarray]:
    """The run-time code of `init` and its numbers, one row for all restarts or one for each.

    `restarts` is None for a single run, where explicit weights are one set.
    """
    if isinstance(init, Uniform):
        values: dict[str, Any] = {"low": init.low, "high": init.high}
        rows = per_restart("Uniform", values, restarts or 1, dtype)
        with np.errstate(over="ignore"):
            widths = rows[:, 1] - rows[:, 0]
        if not np.isfinite(widths).all():
            raise ValueError(f"low, high: expected a difference that fits {dtype}, got more")
        return UNIFORM, rows
    expected = (
        f"init: expected fastnn.Uniform(low, high), a flat vector of {net.n_parameters} numbers, "
        "or a list of arrays [W1, W2, …] (with biases [W1, b1, W2, b2, …] or (weights, biases))"
    )
    if restarts is not None:
        expected += f", or an array of shape ({restarts}, {net.n_parameters})"
    if isinstance(init, np.ndarray):
        array = real_array("init", init, dtype)
        shapes: list[tuple[int, ...]] = [(net.n_parameters,)]
        if restarts is not None:
            shapes.append((restarts, net.n_parameters))
        if array.shape not in shapes:
            raise ValueError(f"{expected}; got {shown(array)}")
        return EXPLICIT, array.reshape(-1, net.n_parameters)
    if not isinstance(init, list | tuple) or not init:
        raise TypeError(f"{expected}; got {shown(init)}")
    if not any(isinstance(item, list | tuple | np.ndarray) for item in init):
        return start_values(real_array("init", init, dtype), net, restarts, dtype)
    weights, biases = _layers(init, net, expected)
    try:
        flat = net.pack(weights, biases)
    except (ValueError, TypeError) as error:
        raise type(error)(f"init: {error}") from None
    return EXPLICIT, real_array("init", flat, dtype).reshape(1, -1)


def _layers(init: Sequence[Any], net: Network, expected: str) -> tuple[list[Any], list[Any]]:
    """Weights and biases out of `[W1, W2]`, `[W1, b1, W2, b2]` or `(weights, biases)`."""
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
