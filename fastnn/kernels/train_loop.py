"""Training of a chunk: lanes take restarts, train them epoch by epoch, and take the next ones.

All lanes move in step, one epoch per tick.  When a lane's restart has ended, its result is written
and the lane gets the next restart at once, so lanes idle only when the chunk has no restarts left.

Without batches, a tick has one phase: phase 0, a pass over all samples and an update.  With b
batches, phases 1 to b are a pass over one batch each, and its update.  Phase 0 comes before them,
without an update, if a rule, the history or the end of a restart needs the loss over all samples.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import load_shared, numbers
from ..lanes.operations import any_lane, like
from ..spec.status import Status
from .pieces import piece, piece_for
from .rows import canonical, drawn_index, write_row
from .views import call, is_given

IDLE = -1
# The source of a slot that keeps the initial parameters, as in `job.parts.slot_table`.
FROM_START = -2
NEVER = np.iinfo(np.int64).max
EPOCH_LIMIT, CONVERGED, DIVERGED = (
    int(status) for status in (Status.EPOCH_LIMIT, Status.CONVERGED, Status.DIVERGED)
)
# After this many ticks the loop over epochs restarts, with the kernel that is then in the record.
TICKS_AT_ONCE = 1024


@inlined
def lane_lists(net):
    """The lists of `lane_state`, each with a number for every lane: rows, starts, ends, finished.

    The restart in each lane, as its row among the results, or `IDLE`; the tick of its epoch 0; the
    tick of its last epoch; and, `n_finished` long, the lanes that need another restart.
    """
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
    hyper, start = numbers(net.hyper.data) + lane, numbers(net.parameters.data) + lane
    m = 0
    for i in range(net.n_slots):
        count, source, value = net.slots[2 * i], net.slots[2 * i + 1], net.slot_values[i]
        if source == FROM_START:
            for n in range(count):
                memory[(m + n) * lanes] = start[n * lanes]
        else:
            if source >= 0:
                value = hyper[source * lanes]
            fill(memory + m * lanes, lanes, count, value)
        m += count


@inlined
def begin_lane(net, lane):
    """Start the next restart in a lane."""
    rows, starts, ends, _ = lane_lists(net)
    row = net.next_row
    net.next_row = row + 1
    net.active += 1
    net.lane, net.row = lane, row
    net.k = drawn_index(net, row)
    net.init = net.init_rows + row * net.init_step
    call(net, net.begin_restart)
    for h in range(net.n_hyper):
        value = net.hyper_rows[row * net.hyper_step + h]
        numbers(net.hyper.data)[h * net.lanes + lane] = value
    begin_memory(net, row, lane)
    epochs_before, resumes = np.int64(0), np.int64(0)
    if is_given(net.start_epochs):
        epochs_before, resumes = net.start_epochs[row], net.resumes
    numbers(net.resumed.data)[lane] = resumes
    numbers(net.targets.data)[lane] = net.target[0]
    rows[lane] = row
    starts[lane] = net.tick + 1 - epochs_before
    ends[lane] = net.tick + 1 + net.epochs
    net.deadline = min(net.deadline, ends[lane])


@inlined
def idle_lane(net, lane):
    """Fill a lane with zeros and no target; its results are ignored."""
    rows, _, _, _ = lane_lists(net)
    lanes, zero = net.lanes, like(net.target[0], 0.0)
    fill(numbers(net.parameters.data) + lane, lanes, net.n_parameters, zero)
    fill(numbers(net.hyper.data) + lane, lanes, net.n_hyper, zero)
    fill(numbers(net.state.data) + lane, lanes, net.n_state, zero)
    numbers(net.targets.data)[lane] = like(zero, np.nan)
    rows[lane] = IDLE


@inlined
def begin_lanes(net):
    """Start every lane as if its restart had just ended."""
    _, _, _, finished = lane_lists(net)
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
    _, _, _, finished = lane_lists(net)
    for f in range(net.n_finished):
        if net.next_row < net.count:
            begin_lane(net, finished[f])
        else:
            idle_lane(net, finished[f])
    if net.settle_rows != 0:
        call(net, net.settle_rows)
    net.n_finished = 0
    net.tick += 1
    net.phase = first_phase(net, net.tick)


@inlined
def first_phase(net, tick):
    """The first phase of a tick: 0, over all samples, if it is needed; else 1, the first batch."""
    needs_loss = net.judged != 0 or tick == net.deadline or net.history_every > 0
    return np.int64(0) if net.batches == 1 or needs_loss else np.int64(1)


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
    _, _, ends, _ = lane_lists(net)
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
def write_result(net, lane, status):
    """Write the result of the restart in a lane into its row."""
    rows, starts, _, finished = lane_lists(net)
    row, lanes = rows[lane], net.lanes
    if is_given(net.out_parameters):
        result = numbers(net.result.data) + lane
        write_row(result, lanes, net.n_parameters, row, net.out_parameters)
    if is_given(net.out_state):
        write_row(numbers(net.state.data) + lane, lanes, net.n_state, row, net.out_state)
    net.out_loss[row] = canonical(numbers(net.result_losses.data)[lane])
    net.out_epochs[row] = net.tick - starts[lane]
    net.out_status[row] = status
    rows[lane] = IDLE
    numbers(net.targets.data)[lane] = like(net.target[0], np.nan)
    finished[net.n_finished] = lane
    net.n_finished += 1
    net.active -= 1


@inlined
def end_restarts(net):
    """Write the results of the restarts that end after this pass; update the deadline."""
    rows, _, ends, _ = lane_lists(net)
    whole = net.phase == 0
    if whole:
        net.deadline = NEVER
    for lane in range(net.lanes):
        if rows[lane] != IDLE:
            status = status_of(net, lane)
            if status != 0:
                write_result(net, lane, status)
            elif whole:
                net.deadline = min(net.deadline, ends[lane])


@inlined
def write_cut_off(net):
    """Write the epochs of restarts that have not ended; their status stays `NOT_RUN`."""
    rows, starts, _, _ = lane_lists(net)
    for lane in range(net.lanes):
        if rows[lane] != IDLE:
            net.out_epochs[rows[lane]] = net.tick - starts[lane]


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
            write_cut_off(net)
            return
        if net.ended != 0:
            end_restarts(net)


def make_pass(kind, compute):
    """Make the function for the pass of a phase: over all samples, or over a batch."""

    @inlined
    def over_all(net):
        net.begin, net.end = 0, net.batches
        net.forward_only = net.judged_forward
        compute(net)

    @inlined
    def over_batch(net, phase):
        net.begin, net.end, net.forward_only = phase - 1, phase, 0
        if net.shuffle != 0:
            if phase == 1:
                call(net, net.shuffle)
            call(net, net.gather)
            call(net, net.compute_gathered)
        else:
            compute(net)

    @inlined
    def run_pass(net, phase):
        if net.batches == 1 or phase == 0:
            over_all(net)
        else:
            over_batch(net, phase)

    return run_pass


@inlined
def look_at_pass(net, phase):
    """Steps after a pass: penalties, the optimizer's decision, the rules, and the history."""
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
    run_pass = make_pass(kind, kind.function_of("compute"))
    update = kind.function_of("update")

    @inlined
    def pass_ends_any(net, phase):
        run_pass(net, phase)
        if load_shared(net.stop) != 0:
            return True
        look_at_pass(net, phase)
        whole = phase == 0
        return (whole and net.tick == net.deadline) or some_ended(net, whole)

    @inlined
    def epochs(net):
        has_pass = net.ended != 0  # the last one of the previous call
        while True:
            phase = net.phase
            if not has_pass and pass_ends_any(net, phase):
                net.ended = 1
                return
            has_pass = False
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
