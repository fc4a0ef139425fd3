"""Training a chunk of restarts: lanes take up restarts, train them epoch by epoch, and go on.

All lanes move in step, one epoch per tick.  A lane whose restart has ended is recorded and given
the next restart at once, so that lanes idle only when the chunk has no restarts left.
"""

from functools import cache

import numpy as np

from ..frame import (
    BATCHES,
    BEGIN,
    BEGIN_RESTART,
    COMPUTE,
    COMPUTE_GATHERED,
    END,
    END_VERDICTS,
    GATHER,
    HYPER,
    INIT,
    JUDGE,
    LANE,
    LANES,
    LAST,
    LOSSES,
    N_HYPER,
    N_PARAMETERS,
    N_STATE,
    OBSERVE,
    ONE,
    PARAMETERS,
    PENALTY,
    RESULT,
    RESULT_LOSSES,
    ROW,
    SHUFFLE,
    STATE,
    STOP,
    STRIPS,
    TARGETS,
    TICK,
    UPDATE,
    VERDICTS,
    K,
)
from ..lanes.buffers import buffer, in_lanes, load_shared, numbers
from ..lanes.compiling import entry, kernel, source_digest
from ..lanes.operations import any_lane, like
from ..lanes.pieces import at_address, call_piece
from .restarts import CONVERGED, DIVERGED, EPOCH_LIMIT, canonical, record

IDLE = -1
NEVER = np.iinfo(np.int64).max


@kernel
def fill(values, stride, count, value):
    """`value` into every `stride`-th number of `values`."""
    for m in range(count):
        values[m * stride] = value


@kernel
def some_ended(whole, strips, losses, targets, verdicts):
    """Whether any loss is not finite or, of a `whole` pass, met its target or another verdict."""
    ended = losses[0] != losses[0]
    for s in range(strips):
        loss = losses[s]
        ended = ended | (loss == np.inf) | (loss != loss)
        if whole:
            ended = ended | (loss < targets[s]) | (verdicts[s] > 0.0)
    return any_lane(ended)


@cache
def trainer(width: int):
    """The compiled entry that trains `width` restarts in each vector, or one after another."""
    return _make_trainer(source_digest(), width)


def _make_trainer(digest, width):
    def train_restarts(
        frame_array, workspace, lane_state, hyper, init, first, epochs, target, judged,
        slots, slot_values, start_state, start_epochs, keep_parameters,
        out_parameters, out_loss, out_epochs, out_status, out_state, history, history_every,
    ):  # fmt: skip
        """Train restarts ``first … first + len(out_loss) - 1``; return the number of ticks.

        `hyper` and `init` have one row for all restarts or one for each.  `slots` and `slot_values`
        say how an optimizer's memory begins, (count, hyperparameter or -1) and a constant each,
        unless `start_state` and `start_epochs` have a row for each restart.
        """
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        frame, space = buffer(frame_array), buffer(workspace)
        strips, lanes, count = frame[STRIPS], frame[LANES], len(out_loss)
        n_parameters, n_hyper, n_state = frame[N_PARAMETERS], frame[N_HYPER], frame[N_STATE]
        vectors = in_lanes(space, width)
        losses, targets = vectors + frame[LOSSES] * strips, vectors + frame[TARGETS] * strips
        verdicts = vectors + frame[VERDICTS] * strips
        parameters, rates = space + frame[PARAMETERS] * lanes, space + frame[HYPER] * lanes
        memory, at_end = space + frame[STATE] * lanes, space + frame[END_VERDICTS] * lanes
        result, result_losses = space + frame[RESULT] * lanes, space + frame[RESULT_LOSSES] * lanes
        (space + frame[ONE] * lanes)[0] = 1.0
        stop = at_address(frame[STOP], frame)
        # rows[lane]: the restart in a lane, counted from 0; born[lane]: the tick of its epoch 0;
        # ends[lane]: that of its last; finished: the lanes that need another restart.
        rows = buffer(lane_state)
        born, ends, finished = rows + lanes, rows + 2 * lanes, rows + 3 * lanes
        final_parameters, final_loss = buffer(out_parameters), buffer(out_loss)
        final_epochs, final_status = buffer(out_epochs), buffer(out_status)
        final_state, losses_by_epoch = buffer(out_state), buffer(history)
        hyper_values, slot = buffer(hyper), buffer(slots)
        hyper_step = n_hyper if len(hyper) > 1 else 0
        init_address = frame[INIT]
        init_step = init.shape[1] * init.itemsize if len(init) > 1 else 0
        keeps_state = len(out_state) > 0
        never = like(target, -np.inf)
        zero = like(target, 0.0)
        batches = frame[BATCHES]

        # Every lane begins as if its restart had just ended.
        for lane in range(lanes):
            finished[lane] = lane
        n_finished = lanes
        next_row = 0
        active = 0
        tick = -1
        deadline = NEVER  # the tick at which some lane reaches its last epoch
        n_recorded, next_recorded = 0, 0 if history_every > 0 else -1
        phase = 0  # 0: all samples; b: batch b, from 1
        while True:
            if phase == 0:
                for f in range(n_finished):
                    lane = finished[f]
                    weights = parameters + lane
                    if next_row < count:
                        row = next_row
                        next_row += 1
                        active += 1
                        frame[LANE], frame[ROW] = lane, row
                        frame[K] = first + row
                        frame[INIT] = init_address + row * init_step
                        call_piece(frame[BEGIN_RESTART], frame, space)
                        for h in range(n_hyper):
                            rates[h * lanes + lane] = hyper_values[row * hyper_step + h]
                        born[lane] = tick + 1
                        if len(start_epochs) > 0:
                            born[lane] -= start_epochs[row]
                            for m in range(n_state):
                                memory[m * lanes + lane] = start_state[row, m]
                        else:
                            m = 0
                            for i in range(len(slot_values)):
                                value = slot_values[i]
                                if slot[2 * i + 1] >= 0:
                                    value = rates[slot[2 * i + 1] * lanes + lane]
                                fill(memory + (m * lanes + lane), lanes, slot[2 * i], value)
                                m += slot[2 * i]
                        numbers(targets)[lane] = target
                        rows[lane] = row
                        ends[lane] = tick + 1 + epochs
                        deadline = min(deadline, ends[lane])
                    else:
                        # Zeros, steps of no length, and a target that no loss meets.
                        fill(weights, lanes, n_parameters, zero)
                        fill(rates + lane, lanes, n_hyper, zero)
                        fill(memory + lane, lanes, n_state, zero)
                        numbers(targets)[lane] = never
                        rows[lane] = IDLE
                n_finished = 0
                tick += 1
                if active == 0:
                    return tick
                if batches > 1 and not (judged or tick == deadline or history_every > 0):
                    phase = 1

            compute = frame[COMPUTE]
            if phase == 0:
                frame[BEGIN], frame[END] = 0, batches
            else:
                frame[BEGIN], frame[END] = phase - 1, phase
                if frame[SHUFFLE] != 0:
                    frame[TICK] = tick
                    if phase == 1:
                        call_piece(frame[SHUFFLE], frame, space)
                    call_piece(frame[GATHER], frame, space)
                    compute = frame[COMPUTE_GATHERED]
            call_piece(compute, frame, space)
            if load_shared(stop) != 0:
                return tick
            if frame[PENALTY] != 0:
                call_piece(frame[PENALTY], frame, space)
            if frame[OBSERVE] != 0:
                call_piece(frame[OBSERVE], frame, space)
            if phase == 0:
                if frame[JUDGE] != 0:
                    call_piece(frame[JUDGE], frame, space)
                if tick == next_recorded:
                    losses_by_epoch[n_recorded] = canonical(numbers(losses)[0])
                    n_recorded += 1
                    next_recorded += history_every

            whole = phase == 0
            if (whole and tick == deadline) or some_ended(whole, strips, losses, targets, verdicts):
                if phase == 0:
                    deadline = NEVER
                for lane in range(lanes):
                    row = rows[lane]
                    if row == IDLE:
                        continue
                    value = numbers(losses)[lane]
                    # A pass that is made for the history alone may not end a restart.
                    counts = judged or batches == 1 or phase > 0 or tick == ends[lane]
                    if counts and not value < np.inf:
                        status = DIVERGED
                    elif counts and phase == 0 and value < target:
                        status = CONVERGED
                    elif phase == 0 and numbers(verdicts)[lane] > 0.0:
                        status = int(numbers(verdicts)[lane])
                    elif phase == 0 and tick == ends[lane]:
                        status = EPOCH_LIMIT
                        if at_end[lane] > 0.0:
                            status = int(at_end[lane])
                    else:
                        if phase == 0:
                            deadline = min(deadline, ends[lane])
                        continue
                    if keep_parameters:
                        record(result + lane, lanes, n_parameters, row, final_parameters)
                    if keeps_state:
                        record(memory + lane, lanes, n_state, row, final_state)
                    final_loss[row] = canonical(result_losses[lane])
                    final_epochs[row] = tick - born[lane]
                    final_status[row] = status
                    rows[lane] = IDLE
                    finished[n_finished] = lane
                    n_finished += 1
                    active -= 1

            # Lanes that have just ended take this step too: they are overwritten right after it.
            if phase > 0 or batches == 1:
                frame[LAST] = phase == batches or batches == 1
                call_piece(frame[UPDATE], frame, space)
            phase = phase + 1 if phase < batches and batches > 1 else 0

    return entry(train_restarts)
