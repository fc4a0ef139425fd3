"""The base of all initializations, and what several of them need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..kernels.pieces import Piece

if TYPE_CHECKING:
    from ..spec.network import Network


class Initialization:
    """The base of all initializations."""

    begin: ClassVar[Piece]
    """Piece that writes the initial parameters of restart `k` into lane `lane`."""
    width: ClassVar[int] = 2
    """Count of the numbers it reads for each restart, ``net.init``; 0: one for each parameter."""
    has_table: ClassVar[bool] = False
    """True if it reads factors of two numbers for each parameter, ``net.init_table``."""

    def numbers(self, net: Network) -> dict[str, Any]:
        """The numbers that the piece reads, in order, each one number or one per restart."""
        raise NotImplementedError

    def table(self, net: Network) -> np.ndarray:
        """The table: (2, n_parameters), or (2, 0) without."""
        return np.zeros((2, 0))

    def check_rows(self, rows: np.ndarray) -> None:
        """Raise unless the numbers of all restarts fit together in their dtype."""

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        """Make the start in NumPy: a flat vector, from one restart's numbers and its stream."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Start:
    """The initialization as the kernels read it."""

    kind: type[Initialization]
    numbers: np.ndarray
    """(1 or restarts, width): the numbers of the kind."""
    table: np.ndarray
    """(2, n_parameters) factors of both numbers, or (2, 0)."""


def by_layer(net: Network, values: list[float], biases: bool = True) -> np.ndarray:
    """A flat vector with one value for each layer; 0 for biases unless `biases`."""
    parts = []
    for value, n_in, n_out in zip(values, net.sizes[:-1], net.sizes[1:], strict=True):
        parts.append(np.full(n_in * n_out, value))
        if net.bias:
            parts.append(np.full(n_out, value if biases else 0.0))
    return np.concatenate(parts)


def numpy_uniform(stream: np.random.Philox, count: int, dtype: np.dtype) -> np.ndarray:
    """The first numbers of a stream, uniform in [0, 1)."""
    bits = 53 if dtype == np.float64 else 24
    raw = stream.random_raw(count)
    return ((raw >> np.uint64(64 - bits)).astype(np.float64) / 2**bits).astype(dtype)
