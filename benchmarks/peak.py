"""The machine's multiply-add peak on one core: fused multiply-adds that wait for nothing."""

from __future__ import annotations

import time
from functools import cache
from itertools import pairwise

import numpy as np

from fastnn.lanes.buffers import buffer, in_lanes
from fastnn.lanes.compiling import entry
from fastnn.lanes.operations import fma

WIDTH = {"float64": 8, "float32": 16}
"""Numbers in 64 bytes."""


# Two units with a latency of four cycles need eight chains, and sums must not spill: with AVX-512
# a sum is one register and 12 are best, with AVX2 it is two and 6 are.


@cache
def _twelve(lanes: int):
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

    return entry(multiply_add, f"{lanes}")


@cache
def _six(lanes: int):
    def multiply_add(rounds, memory):
        v = in_lanes(buffer(memory), lanes)
        a, b, c, d, e, f = v[0], v[1], v[2], v[3], v[4], v[5]
        x, y = v[12], v[13]
        for _ in range(rounds):
            a, b, c = fma(a, x, y), fma(b, x, y), fma(c, x, y)
            d, e, f = fma(d, x, y), fma(e, x, y), fma(f, x, y)
        v[0], v[1], v[2], v[3], v[4], v[5] = a, b, c, d, e, f

    return entry(multiply_add, f"{lanes}")


def peak(dtype: str, turns: int = 5) -> float:
    """Multiply-adds per second."""
    width = WIDTH[dtype]
    memory = np.full(14 * width, 0.5, dtype=dtype)
    rounds = 2_000_000
    best = 0.0
    for kernel, sums in ((_twelve(width), 12), (_six(width), 6)):
        kernel(1, memory)
        for _ in range(turns):
            start = time.perf_counter()
            kernel(rounds, memory)
            best = max(best, sums * width * rounds / (time.perf_counter() - start))
    return best


def multiply_adds_of(sizes: tuple[int, ...], samples: int) -> int:
    """Multiply-adds of an epoch's products: forward, gradient, and back but for the first layer."""
    weights = [a * b for a, b in pairwise(sizes)]
    return samples * (3 * sum(weights) - weights[0])
