"""The pass over all samples for one network, by one thread or, samples in lanes, by several."""

import numpy as np

from ..jit.compiling import inlined, kernel
from ..lanes.buffers import add_shared, give_way, lane_count, load_shared
from ..lanes.matrices import in_registers, matrix, registers_at
from ..lanes.operations import sum_of_halves, sums_of_halves
from .activation import ALL, activation_of, slope_of
from .matmul import matmul
from .matmul_tile import ITSELF, ZERO
from .one_network import (
    ONE,
    add_squares,
    add_terms,
    clear_columns,
    errors,
    gradient_in_lanes,
    gradient_in_order,
    preactivate,
)
from .one_network_small import small_tile_pass
from .one_network_views import (
    deltas,
    grouped,
    loss_vectors,
    outputs,
    sums_of,
    unit_rows,
    whole_groups,
)
from .pieces import piece_for
from .views import biases, call, layer_at, weights

# Samples in lanes are cut into at most `MOST_RUNS` runs of the same number of groups, at least
# `LEAST_GROUPS`, and the sums of the runs are added in order.  So threads can share the work, and
# their number does not change a bit.
MOST_RUNS = 8
LEAST_GROUPS = 16
# Iterations of a waiting thread before it yields: about as long as a system call takes.
PATIENCE = 1000


def forward_pass(kind):
    """``A = f(W.T @ A_below + b)`` for unit rows in vectors, layer by layer upwards."""
    activate = activation_of(kind)

    @inlined
    def layer(net, level, A, count):
        W, b = weights(net, net.parameters, level), biases(net, net.parameters, level)
        preactivate(A, W, b, in_registers(outputs(net, level, count)))
        activate(net, level, net.tile)

    @inlined
    def forward(net, X, count):
        layer(net, np.int64(0), in_registers(X), count)
        for level in range(1, net.depth):
            layer(net, level, in_registers(outputs(net, level - 1, count)), count)

    return forward


def _losses(in_lanes):
    """Make functions that add a tile to the losses: squared errors, or terms of another loss."""

    @inlined
    def squares(net, E):
        if in_lanes:
            parts = grouped(net, E)
            losses = loss_vectors(net)
            for s in range(net.group_strips):
                losses[0, s] = add_squares(parts[s], losses[0, s])
        else:
            losses = net.sum_of_losses
            losses[0, 0] = add_squares(E, losses[0, 0])

    @inlined
    def terms(net, T):
        factors = unit_rows(net, net.factors.data, ONE, T.columns)
        if in_lanes:
            parts, shares, losses = grouped(net, T), grouped(net, factors), loss_vectors(net)
            for s in range(net.group_strips):
                losses[0, s] = add_terms(shares[s], parts[s], losses[0, s])
        else:
            losses = net.sum_of_losses
            losses[0, 0] = add_terms(factors, T, losses[0, 0])

    return squares, terms


def _errors_of_tile(kind, in_lanes):
    """Make the function for a tile's errors, its losses, and the deltas of the last layer."""
    squares, terms = _losses(in_lanes)
    multiply_by_slope = slope_of(kind)

    @inlined
    def tile_errors(net, Y, count):
        last, reach = net.depth - 1, Y.columns
        E = unit_rows(net, net.other.data, Y.rows, reach)
        D = deltas(net, last, reach)
        net.tile_count = count
        if net.loss == 0:
            A = outputs(net, last, reach)
            errors(in_registers(A), in_registers(Y), in_registers(E), in_registers(D))
        else:
            call(net, net.loss)
        if in_lanes:
            clear_columns(E, count, reach)
            clear_columns(D, count, reach)
        multiply_by_slope(net, last, ALL, net.tile)
        if net.monitor != 0:
            net.tile_count = count
            call(net, net.monitor)
        if net.loss == 0:
            squares(net, E)
        else:
            terms(net, E)

    return tile_errors


def backward_pass(kind, in_lanes):
    """The gradient, layer by layer downwards, added to that of earlier tiles."""
    multiply_by_slope = slope_of(kind)

    @inlined
    def gradient(net, level, A, count, begin):
        D = deltas(net, level, count)
        if in_lanes:
            dW, db = sums_of(net, level)
            gradient_in_lanes(net, A, D, dW, db, begin)
        else:
            dW, db = weights(net, net.gradient, level), biases(net, net.gradient, level)
            gradient_in_order(net, A, D, dW, db, begin)

    @inlined
    def backward(net, X, count, begin):
        for level in range(net.depth - 1, 0, -1):
            gradient(net, level, outputs(net, level - 1, count), count, begin)
            W = weights(net, net.parameters, level)
            D = in_registers(deltas(net, level, count))
            D_below = in_registers(deltas(net, level - 1, count))
            matmul(ONE, D_below, W, D, ZERO, D_below)
            multiply_by_slope(net, level - 1, ALL, net.tile)
        gradient(net, np.int64(0), X, count, begin)

    return backward


def _tile_pass(kind, in_lanes):
    """The pass over one tile, with sums in lanes or in order."""
    if kind.is_unrolled:
        return small_tile_pass(kind)
    forward, backward = forward_pass(kind), backward_pass(kind, in_lanes)
    tile_errors = _errors_of_tile(kind, in_lanes)

    @inlined
    def add_tile(net, place, count, begin):
        n_in, n_targets = layer_at(net, 0).n_in, net.n_targets
        # With sums in lanes, the padding of the last group, whose deltas are 0.
        reach = whole_groups(net, count) if in_lanes else count
        X = unit_rows(net, net.x + place * n_in, n_in, reach)
        Y = unit_rows(net, net.y + place * n_targets, n_targets, reach)
        forward(net, X, reach)
        tile_errors(net, Y, count)
        if net.forward_only == 0:
            backward(net, X, reach, begin)

    return add_tile


@inlined
def current_runs(net):
    """The first run of samples of the pass, and the one after the last."""
    first, last = np.int64(0), net.runs
    if net.batches > 1:
        first, last = net.begin, net.end
    net.pass_samples = min(net.samples, last * net.run_length) - first * net.run_length
    return first, last


def _run_of_samples(kind, in_lanes):
    """Make the pass over the tiles of a run; `fresh`: the first run of a sum."""
    add_tile = _tile_pass(kind, in_lanes)

    @inlined
    def add_run(net, run, fresh):
        first = run * net.run_length
        end = min(net.samples, first + net.run_length)
        place = run * net.tiles * net.tile
        begin = ZERO if fresh else ITSELF
        while first < end and load_shared(net.stop) == 0:
            net.tile_first, net.tile_place = first, place
            add_tile(net, place, min(net.tile, end - first), begin)
            first += net.tile
            place += net.tile
            begin = ITSELF

    return add_run


@piece_for
def pass_in_order(kind):
    """The loss of one network and its gradient, over the current batches, sample after sample.

    Samples lie in runs, one for each batch if there are several.
    """
    add_run = _run_of_samples(kind, False)

    @inlined
    def compute(net):
        first, last = current_runs(net)
        net.sum_of_losses[0, 0] = 0.0
        for run in range(first, last):
            add_run(net, run, run == first)
        net.losses[0, 0] = net.sum_of_losses[0, 0]

    return compute


@kernel
def collect(sums, strips, count, totals):
    """Reduce `count` sums into `totals`: halves of the lanes are added until one is left."""
    width = lane_count(sums.data)
    for m in range(count):
        half = strips // 2
        while half > 0:
            for s in range(half):
                sums[m, s] = sums[m, s] + sums[m, s + half]
            half //= 2
    whole = count // width * width
    totals_across = in_registers(matrix(totals, 1, count, 0, 1, 0))
    for m in range(0, whole, width):
        totals_across[0, m // width] = sums_of_halves((sums + m).data, strips)
    for m in range(whole, count):
        totals[m] = sum_of_halves(sums[m, 0])


@kernel
def wait_for_all(arrived, expected, stop):
    """Wait until `expected` arrivals have been counted, or the work should stop."""
    turns = 0
    while load_shared(arrived) < expected and load_shared(stop) == 0:
        turns += 1
        if turns > PATIENCE:
            give_way()
            turns = 0


@kernel
def add_runs(shares, runs, stride, count, totals):
    """Add the runs' shares into ``totals``, in the order of the runs."""
    for m in range(count):
        totals[m] = shares[m]
    for run in range(1, runs):
        share = shares + run * stride
        for m in range(count):
            totals[m] = totals[m] + share[m]


@inlined
def collect_run(net, share):
    """Reduce the sums of a run's gradient and loss into its share."""
    width = lane_count(in_registers(net.sums).data)
    strips, count = net.group_strips, net.n_parameters
    group = strips * width
    sums = registers_at(matrix(net.sums.data, count, strips, group, width, 0))
    if net.forward_only == 0:
        collect(sums, strips, count, share)
    losses = registers_at(matrix(net.sum_of_losses.data, 1, strips, group, width, 0))
    collect(losses, strips, ONE, share + count)


@piece_for
def pass_in_lanes(kind):
    """The same, with a sum for each sample of a group, and with work shared by threads.

    Threads make this call at the same time, each with its own record and workspace, and all end
    with the same sums; they share `shares` and `arrived`.
    """
    add_run = _run_of_samples(kind, True)

    @inlined
    def compute(net):
        first, last = current_runs(net)
        stride = net.n_parameters + 1
        # Alternating halves: a fast thread must not overwrite what a slow one still reads.
        shared = net.shares + (net.round & 1) * (last - first) * stride
        net.round += 1
        for run in range(first + net.thread, last, net.threads):
            losses = loss_vectors(net)
            for s in range(net.group_strips):
                losses[0, s] = losses.zero
            add_run(net, run, True)
            if load_shared(net.stop) != 0:
                return
            collect_run(net, shared + (run - first) * stride)
        if net.threads > 1:
            add_shared(net.arrived, 1)
            wait_for_all(net.arrived, net.round * net.threads, net.stop)
            if load_shared(net.stop) != 0:
                return
        if net.forward_only == 0:
            add_runs(shared, last - first, stride, net.n_parameters, net.gradient.data)
        add_runs(shared + net.n_parameters, last - first, stride, ONE, net.losses.data)

    return compute
