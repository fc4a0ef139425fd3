"""Training restarts one after another, by one thread or, with samples in lanes, by several."""

from functools import cache

import numpy as np

from ..lanes.buffers import add_shared, buffer, give_way, in_lanes, load_shared
from ..lanes.compiling import entry, kernel, source_digest
from ..lanes.operations import like
from ..lanes.tiles import ITSELF, ZERO
from ..optimizers.gradient_descent import update
from .restarts import CONVERGED, DIVERGED, EPOCH_LIMIT, canonical, record, start_restart
from .single import add_tile_in_lanes, add_tile_in_order, collect

# With samples in lanes they are cut into at most `RUNS` runs of equally many groups, at least
# `LEAST_GROUPS`, and the sums of the runs are added in order.  So many threads can share the work,
# and their number changes no bit.
RUNS = 8
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


@cache
def single_trainer(width: int):
    """The compiled entry that sums over samples in vectors of `width`; 1 means in order."""
    return _make_trainer(source_digest(), width)


def _make_trainer(digest, width):
    def train_restarts(
        layers, tile, offsets, n_parameters, XT, YT, samples, strips, workspace,
        hyper, init_code, init, seed, first, epochs, target, stop_flag,
        keep_parameters, out_parameters, out_loss, out_epochs, out_status, history, history_every,
        thread, threads, run_length, shares, arrived,
    ):  # fmt: skip
        """Train restarts ``first … first + len(out_loss) - 1``; return the number of epochs.

        XT and YT are ``(runs, tiles, units, samples of a tile)``, filled up with zeros.  Of
        `threads` threads that make this call at once, each with its own workspace, all compute the
        same; `shares` and `arrived` are common to them.
        """
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        depth, count, n_hyper = len(layers), len(out_loss), hyper.shape[1]
        tiles, n_in, n_out = XT.shape[1], XT.shape[2], YT.shape[2]
        table, x, y, stop = buffer(layers), buffer(XT), buffer(YT), buffer(stop_flag)
        space = buffer(workspace)
        parameters, gradient = space + offsets[0], space + offsets[1]
        delta, other, spare = space + offsets[2], space + offsets[3], space + offsets[4]
        hyperparameters, one = space + offsets[5], space + offsets[6]
        sums, losses = in_lanes(space + offsets[7], width), in_lanes(space + offsets[8], width)
        one[0] = 1.0
        total = space + offsets[8]
        final_parameters, final_loss = buffer(out_parameters), buffer(out_loss)
        final_epochs, final_status = buffer(out_epochs), buffer(out_status)
        hyper_values, init_values, losses_by_epoch = buffer(hyper), buffer(init), buffer(history)
        hyper_step = n_hyper if len(hyper) > 1 else 0
        init_step = init.shape[1] if len(init) > 1 else 0
        runs = (samples + run_length - 1) // run_length
        stride = n_parameters + 1
        common, counter = buffer(shares), buffer(arrived)
        tick = 0

        for row in range(count):
            k = first + np.uint64(row)
            start = init_values + row * init_step
            start_restart(parameters, 1, n_parameters, init_code, start, seed, k)
            for h in range(n_hyper):
                hyperparameters[h] = hyper_values[row * hyper_step + h]
            epoch = 0
            while True:
                # Alternating halves: a fast thread may not overwrite what a slow one still reads.
                shared = common + (tick % 2) * runs * stride
                for run in range(thread, runs, threads):
                    begin = run * run_length
                    end = min(samples, begin + run_length)
                    for s in range(strips if width > 1 else 1):
                        losses[s] = like(losses[s], 0.0)
                    for t in range((end - begin + tile - 1) // tile):
                        if load_shared(stop) != 0:
                            return tick
                        place = (run * tiles + t) * tile
                        begin_sums = ITSELF if t > 0 else ZERO
                        present = min(tile, end - begin - t * tile)
                        # Numba leaves out the branch that a constant rules out.
                        if width > 1:
                            add_tile_in_lanes(
                                table, depth, x + place * n_in, y + place * n_out, strips,
                                parameters, sums, losses, space, delta, other, spare, one,
                                begin_sums, tile, present,
                            )  # fmt: skip
                        else:
                            add_tile_in_order(
                                table, depth, x + place * n_in, y + place * n_out, strips,
                                parameters, sums, losses, space, delta, other, spare, one,
                                begin_sums, tile, present,
                            )  # fmt: skip
                    if width > 1:
                        share = shared + run * stride
                        collect(sums, strips, n_parameters, share)
                        collect(losses, strips, 1, share + n_parameters)
                tick += 1
                if width > 1:
                    if threads > 1:
                        add_shared(counter, 1)
                        wait_for_all(counter, tick * threads, stop)
                        if load_shared(stop) != 0:
                            return tick
                    add_runs(shared, runs, stride, n_parameters, gradient)
                    add_runs(shared + n_parameters, runs, stride, 1, total)
                loss = total[0]
                if history_every > 0 and epoch % history_every == 0:
                    losses_by_epoch[epoch // history_every] = canonical(loss)
                if not loss < np.inf:
                    status = DIVERGED
                    break
                if loss < target:
                    status = CONVERGED
                    break
                if epoch == epochs:
                    status = EPOCH_LIMIT
                    break
                update(1, parameters, gradient, hyperparameters, n_parameters)
                epoch += 1
            if keep_parameters:
                record(parameters, 1, n_parameters, row, final_parameters)
            final_loss[row] = canonical(loss)
            final_epochs[row] = epoch
            final_status[row] = status
        return tick

    return entry(train_restarts)
