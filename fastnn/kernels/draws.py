"""Random numbers of a restart, one stream for each purpose, written into its lane."""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import numbers
from ..lanes.math.normal_quantile import normal_quantile
from ..lanes.math.philox import philox
from ..lanes.matrices import matrix
from ..lanes.operations import by_type, like

START_STREAM = np.uint64(0)
"""The stream of initial parameters."""
ZERO, ONE = np.uint64(0), np.int64(1)


@inlined
def in_each_lane(net, region, rows, columns):
    """A region as a matrix of plain numbers for each lane: ``M[lane]``."""
    return matrix(numbers(region.data), rows, columns, columns * net.lanes, net.lanes, 1)


@inlined
def current_lane(net, region, count):
    """The first `count` numbers of lane `lane` of a region, a column."""
    return in_each_lane(net, region, count, ONE)[net.lane]


def for_each_draw(stream, use):
    """Make a function that calls ``use(m, bits, …)`` for the first `count` numbers of a stream.

    Each number is 64 random bits; number m is word ``m % 4`` of block ``m // 4 + 1`` of the
    restart's stream.
    """

    @inlined
    def draw(net, count, *others):
        seed, k = np.uint64(net.seed), np.uint64(net.k)
        for block in range((count + 3) // 4):
            raw = philox(seed, k, np.uint64(block + 1), stream, ZERO)
            for m in range(4 * block, min(4 * block + 4, count)):
                use(m, raw[m % 4], *others)

    return draw


@inlined
def uniform(example, bits):
    """A number from [0, 1) with as many random bits as a float of its type has digits: 53 or 24."""
    unused = np.uint64(by_type(example, 11.0, 40.0))
    return like(example, bits >> unused) * by_type(example, 2.0**-53, 2.0**-24)


@inlined
def normal(example, bits):
    """A number from the normal distribution: its quantile in the middle of a step of a grid."""
    grid = like(example, bits >> np.uint64(by_type(example, 11.0, 41.0)))
    return normal_quantile((grid + like(example, 0.5)) * by_type(example, 2.0**-53, 2.0**-23))
