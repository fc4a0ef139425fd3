"""Random numbers with factors for every parameter, which several initializations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..jit.compiling import inlined
from ..kernels.draws import START_STREAM, current_lane, for_each_draw, normal, uniform
from ..kernels.pieces import piece
from .common import Initialization, numpy_uniform

if TYPE_CHECKING:
    from ..spec.network import Network


@inlined
def _scaled_uniform(m, bits, w, a, A, b, B):
    w[m, 0] = a * A[m] + b * B[m] * uniform(a, bits)


@inlined
def _scaled_normal(m, bits, w, a, A, b, B):
    w[m, 0] = a * A[m] + b * B[m] * normal(a, bits)


def scaled(use):
    """Make a function of `net`: parameters with numbers a and b, and factors A and B of each."""
    draw = for_each_draw(START_STREAM, use)

    @inlined
    def begin(net):
        count = net.n_parameters
        w = current_lane(net, net.parameters, count)
        A, B = net.init_table, net.init_table + count
        draw(net, count, w, net.init[0], A, net.init[1], B)

    return begin


scaled_uniform, scaled_normal = scaled(_scaled_uniform), scaled(_scaled_normal)


@piece
def begin_scaled_uniform(net):
    """``w = a * A + b * B * u``, u uniform in [0, 1)."""
    scaled_uniform(net)


@piece
def begin_scaled_normal(net):
    """``w = a * A + b * B * x``, x from the normal distribution."""
    scaled_normal(net)


class ScaledUniform(Initialization):
    """The base of uniform initializations with factors."""

    begin = begin_scaled_uniform
    has_table = True

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        draws = numpy_uniform(stream, net.n_parameters, numbers.dtype)
        return numbers[0] * table[0] + numbers[1] * table[1] * draws


class ScaledNormal(Initialization):
    """The base of normal initializations with factors."""

    begin = begin_scaled_normal
    has_table = True

    @staticmethod
    def numpy_start(
        net: Network, numbers: np.ndarray, table: np.ndarray, stream: np.random.Philox
    ) -> np.ndarray:
        from statistics import NormalDist  # slow to import, and only needed here

        bits = 53 if numbers.dtype == np.float64 else 23
        grid = (stream.random_raw(net.n_parameters) >> np.uint64(64 - bits)).astype(np.float64)
        draws = np.array([NormalDist().inv_cdf((g + 0.5) / 2**bits) for g in grid])
        return numbers[0] * table[0] + numbers[1] * table[1] * draws.astype(numbers.dtype)
