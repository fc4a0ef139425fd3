"""Samples of each network's own, of different numbers, side by side in the lanes.

A lane gets its group's samples when it takes a restart.  A pass goes on to the last sample of the
longest group at work; the *tail* of a shorter one adds to no sum.  There inputs, targets and
outputs are 0 and deltas -0, since the sum of any number and ``0 * -0`` is this number, whatever its
sign.  So each network has the bits that it has alone.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import numbers
from ..lanes.matrices import matrix
from ..lanes.operations import like, select
from .draws import current_lane
from .layout import OWN
from .pieces import piece
from .rows import index_of
from .sample_weights import weigh_restart
from .views import call, call_at, copy_row, deltas, layer_at, outputs

LOWEST, ONE = np.int64(0), np.int64(1)


@inlined
def own_samples(net, first, count):
    """Inputs and targets of a tile's samples, of each network; they lie side by side in a row."""
    n_in, n_targets = layer_at(net, LOWEST).n_in, net.n_targets
    wide = n_in + n_targets
    rows = net.own_rows + first * wide
    step, strip = rows.row_step, rows.strip_step
    X = matrix(rows.data, count, n_in, wide * step, step, strip)
    return X, matrix((rows + n_in).data, count, n_targets, wide * step, step, strip)


@inlined
def own_count(net, lane):
    """The number of samples of the network in a lane."""
    return np.int64(numbers(net.lane_rows.data)[lane])


@inlined
def count_rows(net, start, end):
    """Count the samples of each network that lie in a pass from `start` to `end`."""
    for s in range(net.strips):
        rows = net.lane_rows[0, s]
        last = like(rows, end)
        net.pass_rows[0, s] = select(rows < last, rows, last) - like(rows, start)


@inlined
def _no_count(net, start, end):
    pass


def counter_of(kind):
    """The function that counts the samples of a pass, if networks differ in them."""
    return count_rows if kind.own_data else _no_count


@inlined
def without_tail(net, s):
    """The number of samples that all networks of strip s have."""
    return np.int64(numbers(net.shortest[s].data)[0])


@inlined
def fill_tail(net, s, A, value):
    """Write `value` into the rows of A, a tile's in strip s, beyond each network's last sample."""
    rows = net.lane_rows[0, s]
    filler = like(rows, value)
    for n in range(max(without_tail(net, s) - net.tile_first, LOWEST), A.rows):
        inside = like(rows, net.tile_first + n) < rows
        for j in range(A.columns):
            A[n, j] = select(inside, A[n, j], filler)


@inlined
def _nothing(net, level, samples):
    pass


@inlined
def _nothing_in_part(net, level, s, samples):
    pass


@inlined
def clear_outputs(net, level, samples):
    """Write 0 into the tails of a layer's outputs."""
    A = outputs(net, level, samples)
    for s in range(net.strips):
        fill_tail(net, s, A[s], 0.0)


@inlined
def _clear_deltas_of_strip(net, level, s, samples):
    fill_tail(net, s, deltas(net, level, samples)[s], -0.0)


@inlined
def _clear_deltas(net, level, s, samples):
    for each in range(net.strips):
        _clear_deltas_of_strip(net, level, each, samples)


def tails_of(kind):
    """Functions that clear the tails of a layer's outputs, and those of its deltas in a part.

    They take (net, level, samples) and (net, level, s, samples).
    """
    if not kind.own_data:
        return _nothing, _nothing_in_part
    return clear_outputs, _clear_deltas_of_strip if kind.is_unrolled else _clear_deltas


@inlined
def _copy(target, place, step, source, at, count):
    for i in range(count):
        target[(place + i) * step] = source[at + i]


@inlined
def take_rows(net, first, rows):
    """Copy the samples of a group into the current lane, and clear what its last group left."""
    n_in, n_targets, lanes = layer_at(net, LOWEST).n_in, net.n_targets, net.lanes
    wide = n_in + n_targets
    lane = numbers(net.own_rows.data) + net.lane
    first_input = LOWEST if net.common_inputs != 0 else first
    for n in range(rows):
        _copy(lane, n * wide, lanes, net.x, (first_input + n) * n_in, n_in)
        _copy(lane, n * wide + n_in, lanes, net.y, (first + n) * n_targets, n_targets)
    count = current_lane(net, net.lane_rows, ONE)
    for m in range(rows * wide, np.int64(count[0, 0]) * wide):
        lane[m * lanes] = like(count[0, 0], 0.0)
    count[0, 0] = like(count[0, 0], rows)


@inlined
def take_group(net):
    """Copy the samples of the restart's group; returns the first of them, and their number."""
    group = index_of(net, net.row) // net.group_restarts - net.first_group
    first = net.group_rows[group]
    rows = net.group_rows[group + 1] - first
    take_rows(net, first, rows)
    return first, rows


@piece
def begin_validation(net):
    """Copy the samples of the validation set's record, which has groups of the same numbers."""
    take_group(net)


@piece
def begin_own(net):
    """Write the initial parameters, and the samples of the restart's group with their weights."""
    call(net, net.begin_plainly)
    first, rows = take_group(net)
    if net.weighting == OWN:
        weigh_restart(net, rows, net.sample_weights + first)
    if net.begin_validation != 0:
        copy_row(net, net.validation_record)
        call_at(net.begin_validation, net.validation_record, net.space)


@piece
def settle_rows(net):
    """Set the samples of a pass to those of the longest group at work, and find the tails."""
    count, longest = numbers(net.lane_rows.data), LOWEST
    width = net.lanes // net.strips
    for lane in range(net.lanes):
        if net.lane_state[lane] >= 0:
            longest = max(longest, np.int64(count[lane]))
    for s in range(net.strips):
        shortest = longest
        for lane in range(s * width, (s + 1) * width):
            if net.lane_state[lane] >= 0:
                shortest = min(shortest, np.int64(count[lane]))
        for lane in range(s * width, (s + 1) * width):
            numbers(net.shortest.data)[lane] = like(count[lane], shortest)
    if longest > 0:
        net.samples = longest
    if net.begin_validation != 0:
        call_at(net.settle_rows, net.validation_record, net.space)
