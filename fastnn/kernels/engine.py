"""Training a chunk of restarts: lanes take up restarts, train them epoch by epoch, and go on.

All lanes move in step, one epoch per tick.  A lane whose restart has ended is recorded and given
the next restart at once, so that lanes idle only when the chunk has no restarts left.
"""

from functools import cache

import numpy as np

from ..lanes.buffers import buffer, in_lanes, load_shared, numbers
from ..lanes.compiling import entry, kernel, source_digest
from ..lanes.operations import any_lane, like
from ..optimizers.gradient_descent import update
from .passes import loss_and_gradient
from .restarts import CONVERGED, DIVERGED, EPOCH_LIMIT, canonical, record, start_restart
from .single_engine import single_trainer

IDLE = -1
NEVER = np.iinfo(np.int64).max


@kernel
def fill(values, stride, count, value):
    """`value` into every `stride`-th number of `values`."""
    for m in range(count):
        values[m * stride] = value


@kernel
def some_ended(strips, losses, targets):
    """Whether any loss is below its target or not finite."""
    ended = losses[0] != losses[0]
    for s in range(strips):
        loss = losses[s]
        ended = ended | (loss < targets[s]) | (loss == np.inf) | (loss != loss)
    return any_lane(ended)


@cache
def trainer(width: int):
    """The compiled entry that trains `width` restarts in each vector, or one after another."""
    if width == 1:
        return single_trainer(1)
    return _make_trainer(source_digest(), width)


def _make_trainer(digest, width):
    def train_restarts(
        layers, tile, offsets, n_parameters, X, Y, workspace, lane_state,
        hyper, init_code, init, seed, first, epochs, target, stop_flag,
        keep_parameters, out_parameters, out_loss, out_epochs, out_status,
    ):  # fmt: skip
        """Train restarts ``first … first + len(out_loss) - 1``; return the number of ticks.

        `hyper` and `init` have one row for all restarts or one for each.
        """
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        depth, samples, count, n_hyper = len(layers), len(X), len(out_loss), hyper.shape[1]
        table, x, y, stop = buffer(layers), buffer(X), buffer(Y), buffer(stop_flag)
        lanes = len(lane_state) // 3
        strips = lanes // width
        space = in_lanes(buffer(workspace), width)
        parameters, gradient = space + offsets[0] * strips, space + offsets[1] * strips
        delta, other = space + offsets[2] * strips, space + offsets[3] * strips
        hyperparameters = space + offsets[4] * strips
        losses = space + offsets[5] * strips
        targets = losses + strips
        one = numbers(space + offsets[6] * strips)
        one[0] = 1.0
        # rows[lane]: the restart in a lane, counted from 0; born[lane]: the tick of its epoch 0.
        rows = buffer(lane_state)
        born, finished = rows + lanes, rows + 2 * lanes
        final_parameters, final_loss = buffer(out_parameters), buffer(out_loss)
        final_epochs, final_status = buffer(out_epochs), buffer(out_status)
        hyper_values, init_values = buffer(hyper), buffer(init)
        hyper_step = n_hyper if len(hyper) > 1 else 0
        init_step = init.shape[1] if len(init) > 1 else 0
        never = like(target, -np.inf)
        zero = like(target, 0.0)

        # Every lane begins as if its restart had just ended.
        for lane in range(lanes):
            finished[lane] = lane
        n_finished = lanes
        next_row = 0
        active = 0
        tick = -1
        deadline = NEVER  # the tick at which some lane reaches its last epoch
        while True:
            for f in range(n_finished):
                lane = finished[f]
                weights = numbers(parameters) + lane
                rates = numbers(hyperparameters) + lane
                if next_row < count:
                    row = next_row
                    next_row += 1
                    active += 1
                    k = first + np.uint64(row)
                    start = init_values + row * init_step
                    start_restart(weights, lanes, n_parameters, init_code, start, seed, k)
                    for h in range(n_hyper):
                        rates[h * lanes] = hyper_values[row * hyper_step + h]
                    numbers(targets)[lane] = target
                    rows[lane] = row
                    born[lane] = tick + 1
                    deadline = min(deadline, tick + 1 + epochs)
                else:
                    # Zeros, steps of no length, and a target that no loss meets.
                    fill(weights, lanes, n_parameters, zero)
                    fill(rates, lanes, n_hyper, zero)
                    numbers(targets)[lane] = never
                    rows[lane] = IDLE
            n_finished = 0
            tick += 1
            if active == 0:
                return tick

            loss_and_gradient(
                strips, lanes, table, depth, x, y, samples, tile,
                parameters, gradient, space, delta, other, one, losses, stop,
            )  # fmt: skip
            if load_shared(stop) != 0:
                return tick

            if tick == deadline or some_ended(strips, losses, targets):
                deadline = NEVER
                for lane in range(lanes):
                    row = rows[lane]
                    if row == IDLE:
                        continue
                    value = numbers(losses)[lane]
                    if not value < np.inf:
                        status = DIVERGED
                    elif value < target:
                        status = CONVERGED
                    elif tick - born[lane] == epochs:
                        status = EPOCH_LIMIT
                    else:
                        deadline = min(deadline, born[lane] + epochs)
                        continue
                    if keep_parameters:
                        weights = numbers(parameters) + lane
                        record(weights, lanes, n_parameters, row, final_parameters)
                    final_loss[row] = canonical(value)
                    final_epochs[row] = tick - born[lane]
                    final_status[row] = status
                    finished[n_finished] = lane
                    n_finished += 1
                    active -= 1

            # Lanes that have just ended take this step too: they are overwritten right after it.
            update(strips, parameters, gradient, hyperparameters, n_parameters)

    return entry(train_restarts)
