"""Stopping rules: watching every pass, and deciding."""

from collections.abc import Sequence

import numpy as np

from ..jit.compiling import inlined, once
from ..lanes.operations import fma, like, magnitude, select, sqrt
from ..spec.stopping import (
    ERRORS_WITHIN,
    GRADIENT_BELOW,
    MEAN_LOSS_BELOW,
    NO_PROGRESS,
    SSE_BELOW,
    SUM_OF_LOSSES,
    VALIDATION,
    Rule,
)
from .forward_backward import shared_samples
from .one_network_views import outputs as unit_outputs
from .one_network_views import unit_rows
from .pieces import Piece, piece
from .views import call_at, layer_at, outputs

# Columns of the table of rules; the memory of a rule starts at `MEMORY` of the rules' memory.
RULE_COLUMNS = 4
CODE, STATUS, COUNT, MEMORY = range(RULE_COLUMNS)


@inlined
def watch_tile(net, A, Y):
    """``squares += sum((A - Y)**2)`` and ``worst = max(worst, abs(A - Y))``."""
    for s in range(net.strips):
        squares, worst = net.squares[0, s], net.worst[0, s]
        if net.tile_first == 0:
            squares, worst = net.squares.zero, net.worst.zero
        for n in range(A.rows):
            for j in range(A.columns):
                error = A[s][n, j] - Y[s][n, j]
                squares = fma(error, error, squares)
                size = magnitude(error)
                # A NaN also makes the loss NaN, which ends the restart.
                worst = select(size < worst, worst, size)
        net.squares[0, s], net.worst[0, s] = squares, worst


@piece
def watch_errors(net):
    """Compute the sum of squared errors and the largest error over the tiles of a pass."""
    _, Y = shared_samples(net, net.tile_first, net.tile_count)
    watch_tile(net, outputs(net, net.depth - 1, net.tile_count), Y)


@piece
def single_watch_errors(net):
    """The same for one network, whose samples lie side by side."""
    count, level = net.tile_count, net.depth - 1
    n_out = layer_at(net, level).n_out
    Y = unit_rows(net, net.y + net.tile_place * n_out, n_out, count)
    watch_tile(net, unit_outputs(net, level, count).T, Y.T)


@inlined
def watch_accepted(net, s, accepted):
    """Make the watched errors of a rejected trial large, in the lanes of strip s that reject it."""
    if net.monitor != 0:
        squares, worst = net.squares[0, s], net.worst[0, s]
        never = like(squares, np.inf)
        net.squares[0, s] = select(accepted, squares, never)
        net.worst[0, s] = select(accepted, worst, never)


# The rules are functions of (net, s, number, count, memory), which return the lanes of strip s in
# which the rule holds, given its number and count; `memory` is its memory of the restarts in the
# strip, a column.


@inlined
def sse_below(net, s, number, count, memory):
    """``SSE < number``."""
    return net.squares[0, s] < number


@inlined
def errors_within(net, s, number, count, memory):
    """``max(abs(error)) < number``."""
    return net.worst[0, s] < number


@inlined
def gradient_below(net, s, number, count, memory):
    """``norm(gradient) < number``."""
    gradient, total = net.gradient, net.gradient.zero
    for m in range(net.n_parameters):
        total = fma(gradient[m, s], gradient[m, s], total)
    return sqrt(total) < number


@inlined
def no_progress(net, s, number, count, memory):
    """No loss was `number` below the best for `count` epochs."""
    loss, resumed, zero = net.losses[0, s], net.resumed[0, s], net.losses.zero
    best, age = memory[0, 0], memory[1, 0]
    better = (loss < best - number) & (resumed == zero)
    age = select(better, zero, age + (like(zero, 1.0) - resumed))
    memory[0, 0], memory[1, 0] = select(better, loss, best), age
    return age >= like(zero, count)


@inlined
def mean_loss_below(net, s, number, count, memory):
    """``mean(last losses) < number * first loss``, once there are ``abs(count)``."""
    last, window, total = abs(count), memory + 2, net.losses.zero
    loss, resumed, zero = net.losses[0, s], net.resumed[0, s], net.losses.zero
    seen = memory[1, 0]
    first = select(seen == zero, loss, memory[0, 0])
    seen = seen + (like(zero, 1.0) - resumed)
    memory[0, 0], memory[1, 0] = first, seen
    for m in range(last):
        newer = loss if m == last - 1 else window[m + 1, 0]
        window[m, 0] = select(resumed > zero, window[m, 0], newer)
        total = total + window[m, 0]
    mean = total / like(zero, last)
    return (mean < number * first) & (seen >= like(zero, last))


@inlined
def no_better_validation(net, s, number, count, memory):
    """No validation loss was `number` below the best, whose network is kept, for `count` epochs."""
    value, loss, zero = net.validation_losses[0, s], net.losses[0, s], net.losses.zero
    best, age, infinity = memory[0, 0], memory[1, 0], like(zero, np.inf)
    better = (value < best - number) & (loss < infinity)
    age = select(better, zero, age + like(zero, 1.0))
    memory[0, 0], memory[1, 0] = select(better, value, best), age
    # Until there is a best loss, the result is the current one.
    keeps = better | (best == infinity)
    memory[2, 0] = select(keeps, loss, memory[2, 0])
    parameters, kept = net.parameters, memory + 3
    for m in range(net.n_parameters):
        kept[m, 0] = select(keeps, parameters[m, s], kept[m, 0])
    return age >= like(zero, count)


@inlined
def sum_of_losses(net, s, number, count, memory):
    """Sum ``loss`` and ``1 / loss`` where the loss is finite; the rule never holds."""
    loss, zero = net.losses[0, s], net.losses.zero
    counts = (loss < like(zero, np.inf)) & (net.resumed[0, s] == zero)
    total, inverse = memory[0, 0], memory[1, 0]
    memory[0, 0] = select(counts, total + loss, total)
    memory[1, 0] = select(counts, inverse + like(zero, 1.0) / loss, inverse)
    return loss < loss


HOLDS = {
    SSE_BELOW: sse_below,
    ERRORS_WITHIN: errors_within,
    GRADIENT_BELOW: gradient_below,
    NO_PROGRESS: no_progress,
    MEAN_LOSS_BELOW: mean_loss_below,
    VALIDATION: no_better_validation,
    SUM_OF_LOSSES: sum_of_losses,
}


@inlined
def validation_pass(net):
    """Compute the losses on the validation set: a pass with another record and this workspace."""
    call_at(net.validate, net.validation_record, net.space)


def _verdict(code):
    """Make a function of (net, i): the verdict of rule i, with this code, in every lane."""
    holds, validates = HOLDS[code], code == VALIDATION

    @inlined
    def judge_by(net, i):
        if validates:
            validation_pass(net)
        zero, rule = net.losses.zero, net.rules + i * RULE_COLUMNS
        number, status = like(zero, net.rule_numbers[i]), like(zero, rule[STATUS])
        # With a negative count it only decides the status of a restart that trains to its last
        # epoch.
        verdicts = net.end_verdicts if rule[COUNT] < 0 else net.verdicts
        memory = net.rule_state + rule[MEMORY]
        for s in range(net.strips):
            new = holds(net, s, number, rule[COUNT], memory[s]) & (verdicts[0, s] == zero)
            verdicts[0, s] = select(new, status, verdicts[0, s])

    return judge_by


def _either(code, verdict, others):
    @inlined
    def judge_by(net, i):
        if net.rules[i * RULE_COLUMNS + CODE] == code:
            verdict(net, i)
        else:
            others(net, i)

    return judge_by


@inlined
def _no_verdict(net, i):
    pass


@once
def _judge_of(codes: tuple[int, ...]) -> Piece:
    """The piece for rules of these kinds."""

    def make(kind):
        """The verdict on every lane: the status that the first rule that holds asks for, or 0."""
        judge_by = _no_verdict
        for code in codes:
            judge_by = _either(np.int64(code), _verdict(code), judge_by)

        @inlined
        def judge(net):
            for s in range(net.strips):
                net.end_verdicts[0, s] = net.end_verdicts.zero
                if net.observed == 0:  # nothing else writes verdicts
                    net.verdicts[0, s] = net.verdicts.zero
            for i in range(net.n_rules):
                judge_by(net, i)
            for s in range(net.strips):
                net.resumed[0, s] = net.resumed.zero

        return judge

    return Piece("_".join(["judge", *map(str, codes)]), make)


def judge_of(rules: Sequence[Rule]) -> Piece:
    """The piece that evaluates rules of the kinds of `rules`, in the order of their table."""
    made: Piece = _judge_of(tuple(sorted({rule.code for rule in rules})))
    return made


def rule_table(rules: Sequence[Rule], n_parameters: int) -> np.ndarray:
    """The rules as `judge` reads them: (rules, RULE_COLUMNS) int64."""
    rows, at = [], 0
    for rule in rules:
        rows.append((rule.code, int(rule.status), rule.count, at))
        at += sum(count for count, _ in rule.slots(n_parameters))
    return np.array(rows, dtype=np.int64).reshape(-1, RULE_COLUMNS)
