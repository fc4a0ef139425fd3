"""Schedules in compiled form: the factor of the rate, from epoch to epoch.

The memory of a schedule has the factor of the current epoch, a count of epochs, and for some
schedules more.  `WarmUp` has a factor and a count of its own; those of what follows it come next.
"""

import math

from ..jit.compiling import inlined
from ..lanes.math.trigonometry import cos
from ..lanes.operations import at_least, at_most, like, select

# Run-time codes: four bits, and one above them for a warm-up.
CONSTANT, STEP, EXPONENTIAL, COSINE, RESTARTS, ONE_CYCLE, PLATEAU = range(7)
WARM_UP = 16
# Rows of the memory.
FACTOR, COUNT, PERIOD, BEST, TOTAL = 0, 1, 2, 2, 3


@inlined
def advance(net, memory, numbers):
    """Compute the memory for the next epoch; `numbers` are the schedule's hyperparameters."""
    code, warms = net.other_option & 15, net.other_option >> 4
    own, own_numbers = memory + 2 * warms, numbers + 2 * warms
    if code == PLATEAU:
        for s in range(net.strips):
            own[TOTAL, s] = own[TOTAL, s] + net.losses[0, s]
    if net.last == 0 or net.other_option == CONSTANT:
        return
    for s in range(net.strips):
        moves = memory.zero == memory.zero
        if warms != 0:
            moves = memory[COUNT, s] >= numbers[0, s]
        if code == PLATEAU:
            _judge(own, own_numbers, s, moves)
        elif code >= COSINE:
            _follow_a_wave(code, own, own_numbers, s, moves)
        elif code != CONSTANT:
            _decay(code, own, own_numbers, s, moves)
        if warms != 0:
            _warm_up(memory, numbers, s)


@inlined
def _move(memory, s, moves, factor, count):
    """Write factor and count in the lanes where the schedule `moves`."""
    memory[FACTOR, s] = select(moves, factor, memory[FACTOR, s])
    memory[COUNT, s] = select(moves, count, memory[COUNT, s])


@inlined
def _decay(code, memory, numbers, s, moves):
    """Multiply the factor: now and then, or in every epoch."""
    factor, count, first = memory[FACTOR, s], memory[COUNT, s], numbers[0, s]
    if code == STEP:
        count = count + like(count, 1.0)
        due = count >= first
        factor = select(due, factor * numbers[1, s], factor)
        count = select(due, memory.zero, count)
    else:
        factor = factor * first
    _move(memory, s, moves, factor, count)


@inlined
def _follow_a_wave(code, memory, numbers, s, moves):
    """Go along half a cosine, from `top` to `bottom`; `at` is the place in its `length` epochs."""
    one, half = like(memory.zero, 1.0), like(memory.zero, 0.5)
    count, length = memory[COUNT, s] + one, numbers[0, s]
    top, bottom, last = one, numbers[1, s], length
    if code == RESTARTS:
        period = memory[PERIOD, s]
        over = count >= period
        count = select(over, memory.zero, count)
        length = select(over, period * numbers[1, s], period)
        memory[PERIOD, s] = select(moves, length, period)
        bottom = numbers[2, s]
    elif code == ONE_CYCLE:
        last = length - one
    if code != RESTARTS:
        count = select(last < count, last, count)
    at = count
    if code == ONE_CYCLE:
        peak = at_least(numbers[1, s] * length - one, memory.zero)
        rises = count <= peak
        at = select(rises, count, count - peak)
        length = select(rises, peak, last - peak)
        top, bottom = select(rises, numbers[2, s], one), select(rises, one, numbers[3, s])
    wave = half + half * cos(like(one, math.pi) * at / length)
    factor = bottom + (top - bottom) * wave
    if code == ONE_CYCLE:  # nor 0 / 0 if there is one epoch
        factor = select(count >= last, numbers[3, s], factor)
    _move(memory, s, moves, factor, count)


@inlined
def _judge(memory, numbers, s, moves):
    """Lower the factor if the epochs' losses have not fallen for too long."""
    one = like(memory.zero, 1.0)
    loss, best, threshold = memory[TOTAL, s], memory[BEST, s], numbers[2, s]
    # Below the best by a share of its magnitude, whatever its sign.
    better = loss < at_most(best * (one - threshold), best * (one + threshold))
    count = select(better, memory.zero, memory[COUNT, s] + one)
    falls = count > numbers[0, s]
    lower = at_least(memory[FACTOR, s] * numbers[1, s], numbers[3, s])
    _move(
        memory, s, moves, select(falls, lower, memory[FACTOR, s]),
        select(falls, memory.zero, count),
    )  # fmt: skip
    memory[BEST, s] = select(moves & better, loss, best)
    memory[TOTAL, s] = memory.zero


@inlined
def _warm_up(memory, numbers, s):
    """Raise the factor to 1 in the first epochs; then it is that of what follows."""
    length, start = numbers[0, s], numbers[1, s]
    one = like(length, 1.0)
    count = at_most(memory[COUNT, s] + one, length)
    rising = start + (one - start) * (count / length)
    memory[FACTOR, s] = select(count < length, rising, memory[2 + FACTOR, s])
    memory[COUNT, s] = count
