"""Training a chunk of restarts: lanes take up restarts, train them epoch by epoch, and go on.

All lanes move in step, one epoch per tick.  A lane whose restart has ended is recorded and given
the next restart at once, so that lanes idle only when the chunk has no restarts left.
"""

import numpy as np

from ..frame import (
    BATCHES,
    BEGIN,
    BEGIN_RESTART,
    COMPUTE,
    COMPUTE_GATHERED,
    COUNT,
    END,
    END_VERDICTS,
    EPOCHS,
    FORWARD_ONLY,
    GATHER,
    HISTORY,
    HISTORY_EVERY,
    HYPER,
    HYPER_ROWS,
    HYPER_STEP,
    INIT,
    INIT_STEP,
    JUDGE,
    JUDGED,
    JUDGED_FORWARD,
    LANE,
    LANE_STATE,
    LANES,
    LAST,
    LOSSES,
    N_HYPER,
    N_PARAMETERS,
    N_SLOTS,
    N_STATE,
    OBSERVE,
    ONE,
    OUT_EPOCHS,
    OUT_LOSS,
    OUT_PARAMETERS,
    OUT_STATE,
    OUT_STATUS,
    PARAMETERS,
    PENALTY,
    RESULT,
    RESULT_LOSSES,
    RESUMED,
    RESUMES,
    ROW,
    SHUFFLE,
    SLOT_VALUES,
    SLOTS,
    START_EPOCHS,
    START_STATE,
    STATE,
    STOP,
    STRIPS,
    TARGET,
    TARGETS,
    TICK,
    UPDATE,
    VERDICTS,
    K,
)
from ..lanes.buffers import buffer, in_lanes, load_shared, numbers
from ..lanes.compiling import entry, kernel, once, source_digest
from ..lanes.operations import any_lane, like
from ..lanes.pieces import at_address, call_piece, piece
from .restarts import CONVERGED, DIVERGED, EPOCH_LIMIT, canonical, index_of, record

IDLE = -1
NEVER = np.iinfo(np.int64).max


@kernel
def fill(values, stride, count, value):
    """`value` into every `stride`-th number of `values`."""
    for m in range(count):
        values[m * stride] = value


@kernel
def some_ended(whole, strips, losses, targets, verdicts):
    """Whether any loss is not finite or, of a `whole` pass, met its target or another verdict.

    Lanes that train nothing have no number for a target.
    """
    ended = losses[0] < losses[0]
    for s in range(strips):
        loss, target = losses[s], targets[s]
        ends = (loss == np.inf) | (loss != loss)
        if whole:
            ends = ends | (verdicts[s] > 0.0) | (loss < target)
        ended = ended | (ends & (target == target))
    return any_lane(ended)


@piece
def train_restarts(digest, width):
    """Train the restarts ``FIRST … FIRST + COUNT - 1``; leave the number of ticks in `TICK`.

    Hyperparameters and starts have one row for all restarts or one for each.  The slots say how an
    optimizer's memory begins, (count, hyperparameter or -1) and a constant each, unless there are
    rows to go on with.
    """

    def train(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        strips, lanes, count = frame[STRIPS], frame[LANES], frame[COUNT]
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
        rows = at_address(frame[LANE_STATE], frame)
        born, ends, finished = rows + lanes, rows + 2 * lanes, rows + 3 * lanes
        final_parameters = at_address(frame[OUT_PARAMETERS], space)
        final_loss = at_address(frame[OUT_LOSS], space)
        final_epochs = at_address(frame[OUT_EPOCHS], frame)
        final_status = at_address(frame[OUT_STATUS], frame)
        final_state = at_address(frame[OUT_STATE], space)
        losses_by_epoch, history_every = at_address(frame[HISTORY], space), frame[HISTORY_EVERY]
        hyper_values, hyper_step = at_address(frame[HYPER_ROWS], space), frame[HYPER_STEP]
        slot, slot_values = at_address(frame[SLOTS], frame), at_address(frame[SLOT_VALUES], space)
        start_state = at_address(frame[START_STATE], space)
        start_epochs = at_address(frame[START_EPOCHS], frame)
        init_address, epochs, judged = frame[INIT], frame[EPOCHS], frame[JUDGED] != 0
        target = at_address(frame[TARGET], space)[0]
        nothing = like(target, np.nan)
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
                        frame[K] = index_of(frame, row)
                        frame[INIT] = init_address + row * frame[INIT_STEP]
                        call_piece(frame[BEGIN_RESTART], frame, space)
                        for h in range(n_hyper):
                            rates[h * lanes + lane] = hyper_values[row * hyper_step + h]
                        born[lane] = tick + 1
                        (space + frame[RESUMED] * lanes)[lane] = 0.0
                        if frame[START_EPOCHS] != 0:
                            born[lane] -= start_epochs[row]
                            (space + frame[RESUMED] * lanes)[lane] = frame[RESUMES]
                            for m in range(n_state):
                                memory[m * lanes + lane] = start_state[row * n_state + m]
                        else:
                            m = 0
                            for i in range(frame[N_SLOTS]):
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
                        # Zeros, and no target: what becomes of them does not matter.
                        fill(weights, lanes, n_parameters, zero)
                        fill(rates + lane, lanes, n_hyper, zero)
                        fill(memory + lane, lanes, n_state, zero)
                        numbers(targets)[lane] = nothing
                        rows[lane] = IDLE
                n_finished = 0
                tick += 1
                frame[TICK] = tick
                if active == 0:
                    return 0
                if batches > 1 and not (judged or tick == deadline or history_every > 0):
                    phase = 1

            compute = frame[COMPUTE]
            frame[FORWARD_ONLY] = 0
            if phase == 0:
                frame[BEGIN], frame[END] = 0, batches
                frame[FORWARD_ONLY] = frame[JUDGED_FORWARD]
            else:
                frame[BEGIN], frame[END] = phase - 1, phase
                if frame[SHUFFLE] != 0:
                    if phase == 1:
                        call_piece(frame[SHUFFLE], frame, space)
                    call_piece(frame[GATHER], frame, space)
                    compute = frame[COMPUTE_GATHERED]
            call_piece(compute, frame, space)
            if load_shared(stop) != 0:
                return 0
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
                    if frame[OUT_PARAMETERS] != 0:
                        record(result + lane, lanes, n_parameters, row, final_parameters)
                    if frame[OUT_STATE] != 0:
                        record(memory + lane, lanes, n_state, row, final_state)
                    final_loss[row] = canonical(result_losses[lane])
                    final_epochs[row] = tick - born[lane]
                    final_status[row] = status
                    rows[lane] = IDLE
                    numbers(targets)[lane] = nothing
                    finished[n_finished] = lane
                    n_finished += 1
                    active -= 1

            # Lanes that have just ended take this step too: they are overwritten right after it.
            if phase > 0 or batches == 1:
                frame[LAST] = phase == batches or batches == 1
                call_piece(frame[UPDATE], frame, space)
            phase = phase + 1 if phase < batches and batches > 1 else 0

    return train


@once
def _entry():
    return _make_entry(source_digest())


def _make_entry(digest):
    def run(address, frame, workspace):
        digest  # noqa: B018
        call_piece(address, buffer(frame), buffer(workspace))

    return entry(run)


def run_engine(address: int, frame: np.ndarray, workspace: np.ndarray) -> None:
    """Call the engine at `address`, without the GIL."""
    _entry()(address, frame, workspace)
