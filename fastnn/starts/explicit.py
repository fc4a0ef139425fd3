"""Explicit weights, given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.draws import current_lane
from ..kernels.pieces import piece
from ..support.checks import real_array, shown
from .common import Initialization

if TYPE_CHECKING:
    from ..spec.network import Network


@piece
def begin_explicit(net):
    """``w = init``."""
    w = current_lane(net, net.parameters, net.n_parameters)
    for m in range(net.n_parameters):
        w[m, 0] = net.init[m]


class Explicit(Initialization):
    """The start from given parameters."""

    begin = begin_explicit
    width = 0

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        return numbers.copy()


def explicit_numbers(
    init: Any, net: Network, restarts: int | None, dtype: np.dtype, expected: str
) -> np.ndarray:
    """Convert an array or a sequence of numbers or arrays to (1 or restarts, n_parameters)."""
    if isinstance(init, np.ndarray):
        array = real_array("init", init, dtype)
        shapes: list[tuple[int, ...]] = [(net.n_parameters,)]
        if restarts is not None:
            shapes.append((restarts, net.n_parameters))
        if array.shape not in shapes:
            raise ValueError(f"{expected}; got {shown(array)}")
        return array.reshape(-1, net.n_parameters)
    if not any(isinstance(item, list | tuple | np.ndarray) for item in init):
        return explicit_numbers(real_array("init", init, dtype), net, restarts, dtype, expected)
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
