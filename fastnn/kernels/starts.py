"""The two ends of a restart: its initial parameters, and its row of results."""

import numpy as np

from ..jit.compiling import inlined, kernel
from ..lanes.buffers import numbers
from ..lanes.math.normal_quantile import normal_quantile
from ..lanes.math.philox import philox
from ..lanes.matrices import matrix, sized
from ..lanes.operations import by_type, fma, high_product, like, sqrt
from ..spec.initialization import EXPLICIT, NGUYEN_WIDROW, SCALED_NORMAL, UNIFORM
from ..spec.sample_weights import BOOTSTRAP, BOOTSTRAP_STREAM, FOLDS, GIVEN
from ..spec.status import Status
from .layout import OWN
from .pieces import piece
from .views import call, is_given, layer_at

START_STREAM = np.uint64(0)
ZERO, ONE = np.uint64(0), np.int64(1)
EPOCH_LIMIT = int(Status.EPOCH_LIMIT)
CONVERGED = int(Status.CONVERGED)
DIVERGED = int(Status.DIVERGED)


@inlined
def index_of(net, row):
    """The index of the restart in a row: rows are consecutive, or their indices are given."""
    if is_given(net.indices):
        return net.indices[row]
    return net.first + row


@inlined
def in_each_lane(net, region, rows, columns):
    """A region as a matrix of plain numbers for each lane: ``M[lane]``."""
    return matrix(numbers(region.data), rows, columns, columns * net.lanes, net.lanes, 1)


@inlined
def lane_at_hand(net, region, count):
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


@inlined
def _between(m, bits, w, low, high):
    w[m, 0] = low + (high - low) * uniform(low, bits)


@inlined
def _scaled(m, bits, w, a, A, b, B, is_normal):
    x = normal(a, bits) if is_normal else uniform(a, bits)
    w[m, 0] = a * A[m] + b * B[m] * x


draw_uniform = for_each_draw(START_STREAM, _between)
"""``w = low + (high - low) * u``, u uniform in [0, 1)."""
draw_scaled = for_each_draw(START_STREAM, _scaled)
"""``w = a * A + b * B * x``, x uniform in [0, 1) or normal."""


@piece
def begin_restart(net):
    """Write the initial parameters of restart `k` into lane `lane`: given or uniform numbers."""
    count, init = net.n_parameters, net.init
    w = lane_at_hand(net, net.parameters, count)
    if net.init_code == EXPLICIT:
        for m in range(count):
            w[m, 0] = init[m]
    elif net.init_code == UNIFORM:
        draw_uniform(net, count, w, init[0], init[1])


@inlined
def set_lengths(net, w, length, widths):
    """Scale each unit's weights to ``length / 2`` times the layer's width, as Nguyen and Widrow do.

    The last layer keeps its weights.
    """
    for level in range(net.depth - 1):
        layer = layer_at(net, level)
        W = sized(w + layer.weights, layer.n_in, layer.n_out)
        wanted = like(length, 0.5) * (length * widths[layer.weights])
        for j in range(W.columns):
            squares = W.zero
            for i in range(W.rows):
                squares = fma(W[i, j], W[i, j], squares)
            if squares > W.zero:
                scale = wanted / sqrt(squares)
                for i in range(W.rows):
                    W[i, j] = W[i, j] * scale


@inlined
def scaled_start(net):
    """Parameters with the restart's numbers a and b and factors A and B of each parameter."""
    count, a, b = net.n_parameters, net.init[0], net.init[1]
    w = lane_at_hand(net, net.parameters, count)
    A, B = net.init_table, net.init_table + count
    draw_scaled(net, count, w, a, A, b, B, net.init_code == SCALED_NORMAL)
    if net.init_code == NGUYEN_WIDROW:
        set_lengths(net, w, b, B)


@inlined
def _count_sample(m, bits, weights, samples):
    n = np.int64(high_product(bits, np.uint64(samples)))
    weights[n, 0] = weights[n, 0] + like(weights.zero, 1.0)


_draw_samples = for_each_draw(np.uint64(BOOTSTRAP_STREAM), _count_sample)


@inlined
def bootstrap(net, weights):
    """Count how often each sample is drawn, in as many draws as there are samples."""
    for n in range(net.samples):
        weights[n, 0] = weights.zero
    _draw_samples(net, net.samples, weights, net.samples)


@inlined
def fold(net, weights):
    """Weights: 1 for samples outside the restart's fold, 0 for samples in it."""
    folds = net.weight_number
    for n in range(net.samples):
        weights[n, 0] = 1.0 if n % folds != net.k % folds else 0.0


@inlined
def given_weights(net, weights):
    """The restart's row of weights."""
    row = net.weight_rows + net.row * net.weight_step
    for n in range(net.samples):
        weights[n, 0] = row[n]


@piece
def begin_otherwise(net):
    """Write the initial parameters of all other kinds, and the restart's own sample weights."""
    call(net, net.begin_plainly)
    if net.init_code > UNIFORM:
        scaled_start(net)
    if net.weighting == OWN:
        weights = lane_at_hand(net, net.own_weights, net.samples)
        if net.weight_source == GIVEN:
            given_weights(net, weights)
        elif net.weight_source == FOLDS:
            fold(net, weights)
        elif net.weight_source == BOOTSTRAP:
            bootstrap(net, weights)


@inlined
def canonical(number):
    """Replace NaNs, whose bits differ between machines, by a single bit pattern."""
    return like(number, np.nan) if number != number else number


@kernel
def record(values, stride, count, row, out):
    """Copy the numbers of one lane, every `stride`-th of `values`, into its row of `out`."""
    for m in range(count):
        out[row * count + m] = canonical(values[m * stride])
