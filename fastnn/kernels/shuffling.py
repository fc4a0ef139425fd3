"""Batches in random order: each lane has its own order, and its batches are gathered."""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import numbers
from ..lanes.math.philox import philox
from ..lanes.matrices import matrix
from ..spec.sample_weights import SHUFFLE_STREAM
from .draws import in_each_lane
from .layout import COMMON, OWN, UNWEIGHTED
from .one_network_views import unit_rows
from .own_rows import own_count
from .pieces import piece, piece_for
from .rows import drawn_index
from .views import call, layer_at

LOWEST = np.int64(0)
STREAM = np.uint64(SHUFFLE_STREAM)
HALF = np.uint64(0xFFFFFFFF)


@inlined
def exchange(order, samples, seed, k, epoch):
    """Fisher and Yates's shuffle, from the end.

    Place i is swapped with place j, the upper half of the product of i + 1 and a random number of
    32 bits.  Random numbers are the halves, the lower first, of the numbers of the stream of (seed,
    k) whose counters are (block, 2, epoch, 0).
    """
    place, block = samples - 1, 1
    while place > 0:
        raw = philox(seed, k, np.uint64(block), STREAM, epoch)
        block += 1
        for draw in range(min(8, place)):
            word = raw[draw // 2]
            bits = word & HALF if draw % 2 == 0 else word >> np.uint64(32)
            other = np.int64((bits * np.uint64(place + 1)) >> np.uint64(32))
            order[place], order[other] = order[other], order[place]
            place -= 1


@piece
def shuffle(net):
    """Shuffle the samples for the current epoch, for every lane."""
    rows, starts = net.lane_state, net.lane_state + net.lanes  # see `train_loop.lane_lists`
    for lane in range(net.lanes):
        order = net.order + lane * net.samples
        for n in range(net.samples):
            order[n] = n
        if rows[lane] >= 0:
            seed, k = np.uint64(net.seed), np.uint64(drawn_index(net, rows[lane]))
            samples = own_count(net, lane) if net.group_restarts > 0 else net.samples
            exchange(order, samples, seed, k, np.uint64(net.tick - starts[lane]))


@inlined
def current_batch(net):
    """The current batch: its first sample in shuffled order, and its size."""
    first = net.begin * net.batch_size
    return first, min(net.samples, net.end * net.batch_size) - first


@inlined
def all_samples(net, x, y):
    """Inputs and targets (samples, units) of the whole data set, row by row."""
    n_in, n_targets = layer_at(net, LOWEST).n_in, net.n_targets
    X = matrix(x, net.samples, n_in, n_in, 1, 0)
    return X, matrix(y, net.samples, n_targets, n_targets, 1, 0)


@inlined
def copy_row(A, n, source, sample):
    """``A[n] = source[sample]``."""
    for i in range(A.columns):
        A[n, i] = source[sample, i]


@inlined
def samples_in_lane(net, lane):
    """The same of one lane whose samples are its own, with zeros after the last."""
    n_in, n_targets, lanes = layer_at(net, LOWEST).n_in, net.n_targets, net.lanes
    rows, step = numbers(net.own_rows.data) + lane, (n_in + n_targets) * lanes
    X = matrix(rows, net.samples, n_in, step, lanes, 0)
    return X, matrix(rows + n_in * lanes, net.samples, n_targets, step, lanes, 0)


@inlined
def samples_for_all(net, lane):
    """The samples of a lane: those that all lanes share."""
    return all_samples(net, net.x, net.y)


@piece_for
def gather(kind):
    """Gather the samples of the current batch, in each lane's order, side by side."""
    samples_of_lane = samples_in_lane if kind.own_data else samples_for_all

    @inlined
    def gather_batch(net):
        first, count = current_batch(net)
        n_in, lanes = layer_at(net, LOWEST).n_in, net.lanes
        batch_x = in_each_lane(net, net.gathered_x, count, n_in)
        batch_y = in_each_lane(net, net.gathered_y, count, net.n_targets)
        own, weights = numbers(net.own_weights.data), numbers(net.gathered_weights.data)
        for n in range(count):
            for lane in range(lanes):
                X, Y = samples_of_lane(net, lane)
                sample = net.order[lane * net.samples + first + n]
                copy_row(batch_x[lane], n, X, sample)
                copy_row(batch_y[lane], n, Y, sample)
                if net.weighting == COMMON:
                    weights[n * lanes + lane] = net.sample_weights[sample]
                elif net.weighting == OWN:
                    weights[n * lanes + lane] = own[sample * lanes + lane]

    return gather_batch


@piece
def gather_single(net):
    """Gather the batch of one network, in the layout of its samples: tile by tile, unit by unit."""
    begin, samples = current_batch(net)
    X, Y = all_samples(net, net.rows_x, net.rows_y)
    for first in range(0, samples, net.tile):
        count = min(net.tile, samples - first)
        batch_x = unit_rows(net, net.batch_x + first * X.columns, X.columns, count).T
        batch_y = unit_rows(net, net.batch_y + first * Y.columns, Y.columns, count).T
        for n in range(count):
            sample = net.order[begin + first + n]
            copy_row(batch_x, n, X, sample)
            copy_row(batch_y, n, Y, sample)
            if net.weighting != UNWEIGHTED:
                net.batch_weights[first + n] = net.sample_weights[sample]


@piece
def compute_gathered_single(net):
    """Make the pass over the gathered batch of one network, with its own kernel.

    That kernel reads at the batch's place among all samples, so addresses are moved back by as
    much.
    """
    x, y, weights = net.x, net.y, net.sample_weights
    n_in, n_targets = layer_at(net, LOWEST).n_in, net.n_targets
    place = net.begin * net.tiles * net.tile
    net.x, net.y = net.batch_x + -place * n_in, net.batch_y + -place * n_targets
    net.sample_weights = net.batch_weights + -net.begin * net.batch_size
    call(net, net.compute)
    net.x, net.y, net.sample_weights = x, y, weights
