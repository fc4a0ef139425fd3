"""The pass over all samples for one network, by one thread or, samples in lanes, by several."""

from ..frame import (
    ARRIVED,
    BATCHES,
    BEGIN,
    DELTA,
    DEPTH,
    END,
    FORWARD_ONLY,
    GRADIENT,
    GROUP_STRIPS,
    LAYERS,
    LOSSES,
    N_IN,
    N_PARAMETERS,
    ONE,
    OTHER,
    PARAMETERS,
    PASS_SAMPLES,
    ROUND,
    RUN_LENGTH,
    RUNS,
    SAMPLES,
    SHARES,
    SPARE,
    STOP,
    SUM_OF_LOSSES,
    SUMS,
    THREAD,
    THREADS,
    TILE,
    TILE_FIRST,
    TILE_PLACE,
    TILES,
    X,
    Y,
)
from ..lanes.buffers import add_shared, give_way, in_lanes, load_shared
from ..lanes.compiling import kernel
from ..lanes.operations import like
from ..lanes.pieces import at_address, piece
from ..lanes.tiles import ITSELF, ZERO
from .single import add_tile_in_lanes, add_tile_in_order, collect, units_out

# With samples in lanes they are cut into at most `MOST_RUNS` runs of equally many groups, at least
# `LEAST_GROUPS`, and the sums of the runs are added in order.  So many threads can share the work,
# and their number changes no bit.
MOST_RUNS = 8
LEAST_GROUPS = 16
# Turns of a waiting thread before it gives way: about as long as a system call takes.
PATIENCE = 1000


@kernel
def wait_for_all(arrived, expected, stop):
    """Wait until `expected` arrivals have been counted, or the work is to stop."""
    turns = 0
    while load_shared(arrived) < expected and load_shared(stop) == 0:
        turns += 1
        if turns > PATIENCE:
            give_way()
            turns = 0


@kernel
def add_runs(shares, runs, stride, count, totals):
    """``totals``, the sums of the runs' shares, in the order of the runs."""
    for m in range(count):
        totals[m] = shares[m]
    for run in range(1, runs):
        share = shares + run * stride
        for m in range(count):
            totals[m] = totals[m] + share[m]


@piece
def single_loss_and_gradient(digest, width):
    """The loss at the parameters and its gradient, over the batches at hand.

    Samples lie in runs of `RUN_LENGTH`, one for each batch if there are several.  Sums over samples
    are made in vectors of `width`, or in order if that is 1.  Of `THREADS` threads that make this
    call at once, each with its own frame and workspace, all end with the same sums; `SHARES` and
    `ARRIVED` are common to them.
    """

    def compute(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        layers, depth, tile, tiles = frame + LAYERS, frame[DEPTH], frame[TILE], frame[TILES]
        n_in, n_out = layers[N_IN], units_out(layers, depth)
        x, y = at_address(frame[X], space), at_address(frame[Y], space)
        stop = at_address(frame[STOP], frame)
        parameters, one = space + frame[PARAMETERS], space + frame[ONE]
        delta, other, spare = space + frame[DELTA], space + frame[OTHER], space + frame[SPARE]
        gradient, total = space + frame[GRADIENT], space + frame[LOSSES]
        sums = in_lanes(space + frame[SUMS], width)
        losses = in_lanes(space + frame[SUM_OF_LOSSES], width)
        samples, run_length, n_parameters = frame[SAMPLES], frame[RUN_LENGTH], frame[N_PARAMETERS]
        needs_gradient = frame[FORWARD_ONLY] == 0
        strips, thread, threads = frame[GROUP_STRIPS], frame[THREAD], frame[THREADS]
        first, last = 0, frame[RUNS]
        if frame[BATCHES] > 1:
            first, last = frame[BEGIN], frame[END]
        frame[PASS_SAMPLES] = min(samples, last * run_length) - first * run_length
        stride = n_parameters + 1
        # Alternating halves: a fast thread may not overwrite what a slow one still reads.
        shared = at_address(frame[SHARES], space) + (frame[ROUND] & 1) * (last - first) * stride
        frame[ROUND] += 1
        step = threads if width > 1 else 1
        for run in range(first + thread, last, step):
            begin = run * run_length
            end = min(samples, begin + run_length)
            if width > 1 or run == first:
                for s in range(strips if width > 1 else 1):
                    losses[s] = like(losses[s], 0.0)
            place = run * tiles * tile
            begin_sums = ZERO
            while begin < end:
                if load_shared(stop) != 0:
                    return 0
                present = min(tile, end - begin)
                frame[TILE_FIRST], frame[TILE_PLACE] = begin, place
                # Numba leaves out the branch that a constant rules out.
                if width > 1:
                    add_tile_in_lanes(
                        frame, x + place * n_in, y + place * n_out, strips,
                        parameters, sums, losses, space, delta, other, spare, one,
                        begin_sums, tile, present,
                    )  # fmt: skip
                else:
                    if run > first:
                        begin_sums = ITSELF
                    add_tile_in_order(
                        frame, x + place * n_in, y + place * n_out, strips,
                        parameters, sums, losses, space, delta, other, spare, one,
                        begin_sums, tile, present,
                    )  # fmt: skip
                begin += tile
                place += tile
                begin_sums = ITSELF
            if width > 1:
                share = shared + (run - first) * stride
                if needs_gradient:
                    collect(sums, strips, n_parameters, share)
                collect(losses, strips, 1, share + n_parameters)
        if width > 1:
            if threads > 1:
                add_shared(at_address(frame[ARRIVED], frame), 1)
                wait_for_all(at_address(frame[ARRIVED], frame), frame[ROUND] * threads, stop)
                if load_shared(stop) != 0:
                    return 0
            if needs_gradient:
                add_runs(shared, last - first, stride, n_parameters, gradient)
            add_runs(shared + n_parameters, last - first, stride, 1, total)
        else:
            total[0] = losses[0]
        return 0

    return compute
