"""The peak of one core: multiply-adds that wait for nothing, and sigmoids alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from fastnn.jit.compiling import FLAGS, inlined
from fastnn.kernels.activation import activate_by_halves
from fastnn.kernels.textbook import activate
from fastnn.lanes.buffers import buffer, in_lanes
from fastnn.lanes.matrices import matrix, packed_wide
from fastnn.lanes.operations import fma, like
from fastnn.spec.activations import BY_NAME

WIDTH = {"float64": 8, "float32": 16}
"""Numbers in 64 bytes."""
ROW_BYTES = 8192
"""Of a row of numbers that stays in the first-level cache."""
# fastnn's cache on disk is for its own functions, whose sources it watches: these are not kept.
compiled = numba.njit(**FLAGS)


# Two units with a latency of four cycles need eight chains, and sums must not spill: with AVX-512
# a sum is one register and 12 are best, with AVX2 it is two and 6 are.


@cache
def _twelve(lanes: int):
    @compiled
    def multiply_add(rounds, memory):
        v = in_lanes(buffer(memory), lanes)
        a, b, c, d, e, f = v[0], v[1], v[2], v[3], v[4], v[5]
        g, h, i, j, k, m = v[6], v[7], v[8], v[9], v[10], v[11]
        x, y = v[12], v[13]
        for _ in range(rounds):
            a, b, c, d = fma(a, x, y), fma(b, x, y), fma(c, x, y), fma(d, x, y)
            e, f, g, h = fma(e, x, y), fma(f, x, y), fma(g, x, y), fma(h, x, y)
            i, j, k, m = fma(i, x, y), fma(j, x, y), fma(k, x, y), fma(m, x, y)
        v[0], v[1], v[2], v[3], v[4], v[5] = a, b, c, d, e, f
        v[6], v[7], v[8], v[9], v[10], v[11] = g, h, i, j, k, m

    return multiply_add


@cache
def _six(lanes: int):
    @compiled
    def multiply_add(rounds, memory):
        v = in_lanes(buffer(memory), lanes)
        a, b, c, d, e, f = v[0], v[1], v[2], v[3], v[4], v[5]
        x, y = v[12], v[13]
        for _ in range(rounds):
            a, b, c = fma(a, x, y), fma(b, x, y), fma(c, x, y)
            d, e, f = fma(d, x, y), fma(e, x, y), fma(f, x, y)
        v[0], v[1], v[2], v[3], v[4], v[5] = a, b, c, d, e, f

    return multiply_add


def peak(dtype: str, turns: int = 5, rounds: int = 2_000_000) -> float:
    """Multiply-adds per second."""
    width = WIDTH[dtype]
    memory = np.full(14 * width, 0.5, dtype=dtype)
    best = 0.0
    for kernel, sums in ((_twelve(width), 12), (_six(width), 6)):
        seconds = _least_seconds(kernel, rounds, memory, turns)
        best = max(best, sums * width * rounds / seconds)
    return best


@inlined
def _reciprocal(x):
    return like(x, 1.0) / x


@cache
def _over_a_row(function: Callable[..., Any]):
    """Put all numbers of a row through a function of a matrix, again and again."""

    @compiled
    def through(rounds, memory):
        row = packed_wide(matrix(buffer(memory), 1, memory.size, 0, 1, 0))
        for _ in range(rounds):
            function(row)

    return through


def _rows() -> dict[str, list[Callable[..., Any]]]:
    """Ways to put a row through sigmoids, and through divisions alone."""
    sigmoid = BY_NAME["sigmoid"]
    assert sigmoid.halves is not None
    return {
        "sigmoid": [activate(sigmoid.function), activate_by_halves(*sigmoid.halves)],
        "division": [activate(_reciprocal)],
    }


def sigmoids(dtype: str, turns: int = 5, rounds: int = 20_000) -> dict[str, float]:
    """The ns of a sigmoid by fastnn's loops, and of the division that each sigmoid contains.

    Nothing waits for anything.  Where both are the same the division unit is full, else those for
    multiply-adds are.
    """
    found = {}
    for name, ways in _rows().items():
        memory = np.full(ROW_BYTES // np.dtype(dtype).itemsize, 0.5, dtype=dtype)
        seconds = (_least_seconds(_over_a_row(way), rounds, memory, turns) for way in ways)
        found[name] = 1e9 * min(seconds) / rounds / memory.size
    return found


def _least_seconds(kernel: Callable[..., Any], rounds: int, memory: np.ndarray, turns: int):
    kernel(1, memory)
    best = float("inf")
    for _ in range(turns):
        start = time.perf_counter()
        kernel(rounds, memory)
        best = min(best, time.perf_counter() - start)
    return best


def multiply_adds_of(sizes: tuple[int, ...], samples: int) -> int:
    """Multiply-adds of an epoch: forward, gradient, and back except for the first layer."""
    weights = [a * b for a, b in pairwise(sizes)]
    return samples * (3 * sum(weights) - weights[0])


def sigmoids_of(sizes: tuple[int, ...], samples: int) -> int:
    """Sigmoids of an epoch."""
    return samples * sum(sizes[1:])
