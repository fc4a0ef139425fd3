"""Stopping rules: what they watch in every pass, and what they make of it."""

from collections.abc import Sequence

import numpy as np

from ..frame import (
    BATCH_SIZE,
    BATCHES,
    COLUMNS,
    DEPTH,
    END,
    END_VERDICTS,
    FORWARD_ONLY,
    GRADIENT,
    LAYERS,
    LOSSES,
    MONITOR,
    N_OUT,
    N_PARAMETERS,
    N_RULES,
    OBSERVED,
    OUTPUTS,
    PARAMETERS,
    RESUMED,
    ROUND,
    RULE_NUMBERS,
    RULE_STATE,
    RULES,
    RUN_LENGTH,
    RUNS,
    SAMPLES,
    SQUARES,
    STRIPS,
    THREAD,
    TILE,
    TILE_COUNT,
    TILE_FIRST,
    TILE_PLACE,
    TILES,
    VALIDATE,
    VALIDATION_LOSSES,
    VALIDATION_SAMPLES,
    VALIDATION_TILES,
    VALIDATION_X,
    VALIDATION_Y,
    VERDICTS,
    WEIGHTING,
    WORST,
    X,
    Y,
)
from ..lanes.buffers import in_lanes
from ..lanes.operations import fma, like, magnitude, select, sqrt
from ..lanes.pieces import at_address, call_piece, piece
from ..stopping import (
    ERRORS_WITHIN,
    GRADIENT_BELOW,
    MEAN_LOSS_BELOW,
    NO_PROGRESS,
    SSE_BELOW,
    SUM_OF_LOSSES,
    VALIDATION,
    Rule,
)

# Columns of the table of rules.
RULE_COLUMNS = 4
CODE, STATUS, COUNT, REMEMBERED = range(RULE_COLUMNS)


@piece
def watch_errors(digest, width):
    """The sum of squared errors and the largest error, over the tiles of a pass."""

    def watch(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        work = in_lanes(space, width)
        strips, count, first = frame[STRIPS], frame[TILE_COUNT], frame[TILE_FIRST]
        layer = frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS)
        n_out = layer[N_OUT]
        outputs = work + layer[OUTPUTS] * strips
        targets = at_address(frame[Y], space) + first * n_out
        squares, worst = work + frame[SQUARES] * strips, work + frame[WORST] * strips
        for s in range(strips):
            total, most = squares[s], worst[s]
            if first == 0:
                total, most = like(total, 0.0), like(most, 0.0)
            for m in range(count * n_out):
                error = outputs[m * strips + s] - targets[m]
                total = fma(error, error, total)
                size = magnitude(error)
                # A NaN makes the loss one, which ends the restart.
                most = select(size < most, most, size)
            squares[s], worst[s] = total, most
        return 0

    return watch


@piece
def single_watch_errors(digest, width):
    """The same for one network, whose samples lie side by side."""

    def watch(frame, space):
        digest  # noqa: B018
        count, tile = frame[TILE_COUNT], frame[TILE]
        layer = frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS)
        n_out = layer[N_OUT]
        outputs = space + layer[OUTPUTS]
        targets = at_address(frame[Y], space) + frame[TILE_PLACE] * n_out
        squares, worst = space + frame[SQUARES], space + frame[WORST]
        total, most = squares[0], worst[0]
        if frame[TILE_FIRST] == 0:
            total, most = like(total, 0.0), like(most, 0.0)
        for n in range(count):
            for j in range(n_out):
                error = outputs[j * tile + n] - targets[j * tile + n]
                total = fma(error, error, total)
                size = magnitude(error)
                most = select(size < most, most, size)
        squares[0], worst[0] = total, most
        return 0

    return watch


@piece
def judge(digest, width):
    """The verdict on every lane: the status that the first rule that holds asks for, or 0."""

    def decide(frame, space):
        digest  # noqa: B018
        work = in_lanes(space, width)
        strips, n_parameters = frame[STRIPS], frame[N_PARAMETERS]
        verdicts, at_end = work + frame[VERDICTS] * strips, work + frame[END_VERDICTS] * strips
        losses, parameters = work + frame[LOSSES] * strips, work + frame[PARAMETERS] * strips
        memory = work + frame[RULE_STATE] * strips
        rules, numbers = at_address(frame[RULES], frame), at_address(frame[RULE_NUMBERS], space)
        resumed = work + frame[RESUMED] * strips
        zero = like(losses[0], 0.0)
        one = like(losses[0], 1.0)
        for s in range(strips):
            at_end[s] = zero
            if frame[OBSERVED] == 0:  # nobody else writes verdicts
                verdicts[s] = zero
        for i in range(frame[N_RULES]):
            rule = rules + i * RULE_COLUMNS
            code, count = rule[CODE], rule[COUNT]
            number, status = like(zero, numbers[i]), like(zero, rule[STATUS])
            if code == VALIDATION:
                # A pass on other data.
                x, y, samples, forward = frame[X], frame[Y], frame[SAMPLES], frame[FORWARD_ONLY]
                weighting, monitor = frame[WEIGHTING], frame[MONITOR]
                own, size, end = frame[LOSSES], frame[BATCH_SIZE], frame[END]
                frame[X], frame[Y] = frame[VALIDATION_X], frame[VALIDATION_Y]
                frame[SAMPLES] = frame[VALIDATION_SAMPLES]
                frame[FORWARD_ONLY], frame[LOSSES] = 1, frame[VALIDATION_LOSSES]
                frame[WEIGHTING], frame[MONITOR] = 0, 0
                frame[BATCH_SIZE], frame[END] = frame[SAMPLES], 1
                # What the pass for one network reads besides.
                tiles, thread, turn = frame[TILES], frame[THREAD], frame[ROUND]
                length, runs, batches = frame[RUN_LENGTH], frame[RUNS], frame[BATCHES]
                frame[TILES] = frame[VALIDATION_TILES]
                frame[RUN_LENGTH], frame[RUNS], frame[BATCHES] = frame[SAMPLES], 1, 1
                frame[THREAD] = 0
                call_piece(frame[VALIDATE], frame, space)
                frame[X], frame[Y], frame[SAMPLES], frame[FORWARD_ONLY] = x, y, samples, forward
                frame[WEIGHTING], frame[MONITOR], frame[LOSSES] = weighting, monitor, own
                frame[BATCH_SIZE], frame[END] = size, end
                frame[TILES], frame[THREAD], frame[ROUND] = tiles, thread, turn
                frame[RUN_LENGTH], frame[RUNS], frame[BATCHES] = length, runs, batches
            for s in range(strips):
                holds = losses[s] != losses[s]
                if code == SSE_BELOW:
                    holds = (work + frame[SQUARES] * strips)[s] < number
                elif code == ERRORS_WITHIN:
                    holds = (work + frame[WORST] * strips)[s] < number
                elif code == GRADIENT_BELOW:
                    gradient_ = work + frame[GRADIENT] * strips
                    total = zero
                    for m in range(s, s + n_parameters * strips, strips):
                        total = fma(gradient_[m], gradient_[m], total)
                    holds = sqrt(total) < number
                elif code == NO_PROGRESS:
                    best, age = memory[s], memory[strips + s]
                    better = (losses[s] < best - number) & (resumed[s] == zero)
                    memory[s] = select(better, losses[s], best)
                    age = select(better, zero, age + (one - resumed[s]))
                    memory[strips + s] = age
                    holds = age >= like(zero, count)
                elif code == MEAN_LOSS_BELOW:
                    last = abs(count)
                    seen = memory[strips + s]
                    initial = select(seen == zero, losses[s], memory[s])
                    seen = seen + (one - resumed[s])
                    memory[s], memory[strips + s] = initial, seen
                    window, total = memory + 2 * strips, zero
                    for m in range(last):
                        at = m * strips + s
                        newer = losses[s] if m == last - 1 else window[at + strips]
                        window[at] = select(resumed[s] > zero, window[at], newer)
                        total = total + window[at]
                    mean = total / like(zero, last)
                    holds = (mean < number * initial) & (seen >= like(zero, last))
                elif code == VALIDATION:
                    value = (work + frame[VALIDATION_LOSSES] * strips)[s]
                    best, age = memory[s], memory[strips + s]
                    better = (value < best - number) & (losses[s] < np.inf)
                    memory[s] = select(better, value, best)
                    age = select(better, zero, age + one)
                    memory[strips + s] = age
                    # Until there is a best one, the result is what is at hand.
                    keeps = better | (best == np.inf)
                    held = memory[2 * strips + s]
                    memory[2 * strips + s] = select(keeps, losses[s], held)
                    kept = memory + 3 * strips
                    for m in range(s, s + n_parameters * strips, strips):
                        kept[m] = select(keeps, parameters[m], kept[m])
                    holds = age >= like(zero, count)
                elif code == SUM_OF_LOSSES:
                    counts = (losses[s] < np.inf) & (resumed[s] == zero)
                    total, inverse = memory[s], memory[strips + s]
                    memory[s] = select(counts, total + losses[s], total)
                    memory[strips + s] = select(counts, inverse + one / losses[s], inverse)
                    holds = losses[s] < losses[s]
                if code == MEAN_LOSS_BELOW and count < 0:
                    at_end[s] = select(holds, status, at_end[s])
                else:
                    verdicts[s] = select(holds & (verdicts[s] == zero), status, verdicts[s])
            memory = memory + rule[REMEMBERED] * strips
        for s in range(strips):
            resumed[s] = zero
        return 0

    return decide


def rule_table(rules: Sequence[Rule], n_parameters: int) -> np.ndarray:
    """The rules as `judge` reads them: (rules, RULE_COLUMNS) int64."""
    rows = [
        (
            rule.code,
            int(rule.status),
            rule.count,
            sum(count for count, _ in rule.slots(n_parameters)),
        )
        for rule in rules
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, RULE_COLUMNS)
