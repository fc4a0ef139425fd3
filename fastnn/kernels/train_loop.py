"""Training of a chunk: lanes take restarts, train them epoch by epoch, and take the next ones.

All lanes move in step, one epoch per tick.  When a lane's restart has ended, it is recorded and the
lane gets the next restart at once, so lanes idle only when the chunk has no restarts left.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import load_shared, numbers
from ..lanes.operations import any_lane, like
from ..spec.status import Status
from .pieces import piece, piece_for
from .rows import canonical, index_of, record
from .views import call, is_given

IDLE = -1
NEVER = np.iinfo(np.int64).max
EPOCH_LIMIT, CONVERGED, DIVERGED = (
    int(status) for status in (Status.EPOCH_LIMIT, Status.CONVERGED, Status.DIVERGED)
)
# After this many ticks the loop over epochs restarts, with the kernel that is then in the record.
TICKS_AT_ONCE = 1024

# The integers of the lanes, row by row: the restart in each, counted from 0; the tick of its epoch
# 0; the tick of its last epoch; and a list of lanes that need another restart.


@inlined
def rows_of(net):
    """Restarts in the lanes, the ticks at which they start and end, and lanes to be filled."""
    rows = net.lane_state
    return rows, rows + net.lanes, rows + 2 * net.lanes, rows + 3 * net.lanes


@inlined
def fill(values, stride, count, value):
    """Write `value` into every `stride`-th number of `values`."""
    for m in range(count):
        values[m * stride] = value


@inlined
def begin_memory(net, row, lane):
    """Initialize the memory of the optimizer and the rules: from slots, or with a given state."""
    memory, lanes = numbers(net.state.data) + lane, net.lanes
    if is_given(net.start_state):
        for m in range(net.n_state):
            memory[m * lanes] = net.start_state[row * net.n_state + m]
        return
    rates, m = numbers(net.hyper.data) + lane, 0
    for i in range(net.n_slots):
        value = net.slot_values[i]
        if net.slots[2 * i + 1] >= 0:
            value = rates[net.slots[2 * i + 1] * lanes]
        fill(memory + m * lanes, lanes, net.slots[2 * i], value)
        m += net.slots[2 * i]


@inlined
def begin_lane(net, lane):
    """Start the next restart in a lane."""
    rows, born, ends, _ = rows_of(net)
    row = net.next_row
    net.next_row = row + 1
    net.active += 1
    net.lane, net.row = lane, row
    net.k = index_of(net, row)
    net.init = net.init_rows + row * net.init_step
    call(net, net.begin_restart)
    for h in range(net.n_hyper):
        value = net.hyper_rows[row * net.hyper_step + h]
        numbers(net.hyper.data)[h * net.lanes + lane] = value
    begin_memory(net, row, lane)
    behind, resumes = np.int64(0), np.int64(0)
    if is_given(net.start_epochs):
        behind, resumes = net.start_epochs[row], net.resumes
    numbers(net.resumed.data)[lane] = resumes
    numbers(net.targets.data)[lane] = net.target[0]
    rows[lane] = row
    born[lane] = net.tick + 1 - behind
    ends[lane] = net.tick + 1 + net.epochs
    net.deadline = min(net.deadline, ends[lane])


@inlined
def idle_lane(net, lane):
    """Fill a lane with zeros and no target; its results are ignored."""
    rows, _, _, _ = rows_of(net)
    lanes, zero = net.lanes, like(net.target[0], 0.0)
    fill(numbers(net.parameters.data) + lane, lanes, net.n_parameters, zero)
    fill(numbers(net.hyper.data) + lane, lanes, net.n_hyper, zero)
    fill(numbers(net.state.data) + lane, lanes, net.n_state, zero)
    numbers(net.targets.data)[lane] = like(zero, np.nan)
    rows[lane] = IDLE


@inlined
def begin_lanes(net):
    """Start every lane as if its restart had just ended."""
    _, _, _, finished = rows_of(net)
    numbers(net.one.data)[0] = 1.0
    for lane in range(net.lanes):
        finished[lane] = lane
    net.n_finished = net.lanes
    net.next_row, net.active, net.tick, net.phase, net.ended = 0, 0, -1, 0, 0
    net.deadline = NEVER  # the tick at which the next lane reaches its last epoch
    net.n_recorded = 0
    net.next_recorded = 0 if net.history_every > 0 else -1


@inlined
def refill(net):
    """Start restarts in the free lanes, and move to the next tick."""
    _, _, _, finished = rows_of(net)
    for f in range(net.n_finished):
        if net.next_row < net.count:
            begin_lane(net, finished[f])
        else:
            idle_lane(net, finished[f])
    net.n_finished = 0
    net.tick += 1
    net.phase = first_phase(net, net.tick)


@inlined
def first_phase(net, tick):
    """The first phase: 0, a pass over all samples, if it is needed; else 1, the first batch."""
    looked_at = net.judged != 0 or tick == net.deadline or net.history_every > 0
    return np.int64(0) if net.batches == 1 or looked_at else np.int64(1)


@inlined
def next_phase(net, phase):
    """The next phase: the next batch, or 0 after the last."""
    return phase + 1 if phase < net.batches and net.batches > 1 else np.int64(0)


@inlined
def some_ended(net, whole):
    """Return whether any loss is not finite or, after a `whole` pass, any restart should end.

    Idle lanes have NaN as their target.
    """
    ended = net.losses[0, 0] < net.losses[0, 0]
    for s in range(net.strips):
        loss, target = net.losses[0, s], net.targets[0, s]
        ends = (loss == np.inf) | (loss != loss)
        if whole:
            ends = ends | (net.verdicts[0, s] > 0.0) | (loss < target)
        ended = ended | (ends & (target == target))
    return any_lane(ended)


@inlined
def status_of(net, lane):
    """The status with which the restart in a lane ends after this pass, or 0."""
    _, _, ends, _ = rows_of(net)
    loss, verdict = numbers(net.losses.data)[lane], numbers(net.verdicts.data)[lane]
    whole, last = net.phase == 0, net.tick == ends[lane]
    # A pass made only for the history must not end a restart.
    counts = net.judged != 0 or net.batches == 1 or not whole or last
    if counts and not loss < np.inf:
        return DIVERGED
    if not whole:
        return 0
    if counts and loss < net.target[0]:
        return CONVERGED
    if verdict > 0.0:
        return int(verdict)
    if last:
        at_end = numbers(net.end_verdicts.data)[lane]
        return int(at_end) if at_end > 0.0 else EPOCH_LIMIT
    return 0


@inlined
def record_lane(net, lane, status):
    """Write the result of the restart in a lane into its row."""
    rows, born, _, finished = rows_of(net)
    row, lanes = rows[lane], net.lanes
    if is_given(net.out_parameters):
        result = numbers(net.result.data) + lane
        record(result, lanes, net.n_parameters, row, net.out_parameters)
    if is_given(net.out_state):
        record(numbers(net.state.data) + lane, lanes, net.n_state, row, net.out_state)
    net.out_loss[row] = canonical(numbers(net.result_losses.data)[lane])
    net.out_epochs[row] = net.tick - born[lane]
    net.out_status[row] = status
    rows[lane] = IDLE
    numbers(net.targets.data)[lane] = like(net.target[0], np.nan)
    finished[net.n_finished] = lane
    net.n_finished += 1
    net.active -= 1


@inlined
def record_ended(net):
    """Record the restarts that end after this pass; update the deadline."""
    rows, _, ends, _ = rows_of(net)
    whole = net.phase == 0
    if whole:
        net.deadline = NEVER
    for lane in range(net.lanes):
        if rows[lane] != IDLE:
            status = status_of(net, lane)
            if status != 0:
                record_lane(net, lane, status)
            elif whole:
                net.deadline = min(net.deadline, ends[lane])


@inlined
def record_cut_off(net):
    """Record the epochs of restarts that have not ended; their status says so."""
    rows, born, _, _ = rows_of(net)
    for lane in range(net.lanes):
        if rows[lane] != IDLE:
            net.out_epochs[rows[lane]] = net.tick - born[lane]


@piece
def train_restarts(net):
    """Train the restarts ``first … first + count - 1``; the number of ticks is left in `tick`.

    Hyperparameters and starts have one row for all restarts or one for each.
    """
    begin_lanes(net)
    while True:
        if net.phase == 0 and net.ended == 0:
            refill(net)
            if net.active == 0:
                return
        call(net, net.epochs_kernel)
        if load_shared(net.stop) != 0:
            record_cut_off(net)
            return
        if net.ended != 0:
            record_ended(net)


def make_pass(kind, compute):
    """Make the function for the pass of a phase: over all samples, or over a batch."""

    @inlined
    def whole(net):
        net.begin, net.end = 0, net.batches
        net.forward_only = net.judged_forward
        compute(net)

    @inlined
    def of_batch(net, phase):
        net.begin, net.end, net.forward_only = phase - 1, phase, 0
        if net.shuffle != 0:
            if phase == 1:
                call(net, net.shuffle)
            call(net, net.gather)
            call(net, net.compute_gathered)
        else:
            compute(net)

    @inlined
    def make(net, phase):
        if net.batches == 1 or phase == 0:
            whole(net)
        else:
            of_batch(net, phase)

    return make


@inlined
def look(net, phase):
    """Process a pass: penalties, the optimizer's decision, the rules, and the history."""
    if net.penalty != 0:
        call(net, net.penalty)
    if net.observe != 0:
        call(net, net.observe)
    if phase == 0:
        if net.judge != 0:
            call(net, net.judge)
        if net.tick == net.next_recorded:
            net.history[net.n_recorded] = canonical(numbers(net.losses.data)[0])
            net.n_recorded += 1
            net.next_recorded += net.history_every


@piece_for
def train_epochs(kind):
    """Train epochs in all lanes until a restart ends, which sets `ended`, or for a while.

    The next call continues with the step of the last pass: lanes whose restart has ended also take
    this step, and are overwritten right after it.
    """
    make, update = make_pass(kind, kind.part("compute")), kind.part("update")

    @inlined
    def ends(net, phase):
        make(net, phase)
        if load_shared(net.stop) != 0:
            return True
        look(net, phase)
        whole = phase == 0
        return (whole and net.tick == net.deadline) or some_ended(net, whole)

    @inlined
    def epochs(net):
        made = net.ended != 0
        while True:
            phase = net.phase
            if not made and ends(net, phase):
                net.ended = 1
                return
            made = False
            if phase > 0 or net.batches == 1:
                net.last = phase == net.batches or net.batches == 1
                update(net)
            net.phase = next_phase(net, phase)
            if net.phase == 0:
                if net.n_finished > 0 or net.tick % TICKS_AT_ONCE == 0:
                    net.ended = 0
                    return
                net.tick += 1
                net.phase = first_phase(net, net.tick)

    return epochs
