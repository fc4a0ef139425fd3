"""The judgement of all rules of a job after a pass: one piece for rules of any kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..jit.compiling import inlined, once
from ..kernels.pieces import Piece
from ..lanes.operations import like, select
from .common import Rule

# Columns of the table of rules; the memory of a rule starts at `MEMORY` of the rules' memory.
RULE_COLUMNS = 4
KIND, STATUS, COUNT, MEMORY = range(RULE_COLUMNS)


def kinds_of(rules: Sequence[Rule]) -> tuple[type[Rule], ...]:
    """The kinds of rules among `rules`; a kind's place is its number in their table."""
    return tuple(sorted({type(rule) for rule in rules}, key=_name_of))


def _name_of(kind: type[Rule]) -> str:
    """The name of a kind of rules, which differs from those of all others."""
    return f"own_{kind.digest}" if kind.digest else kind.__name__


def _verdict(kind):
    """Make a function of (net, i): the verdict of rule i, of this kind, in every lane."""
    holds, prepare = kind.holds, kind.prepare

    @inlined
    def judge_by(net, i):
        prepare(net)
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


def _either(place, verdict, others):
    @inlined
    def judge_by(net, i):
        if net.rules[i * RULE_COLUMNS + KIND] == place:
            verdict(net, i)
        else:
            others(net, i)

    return judge_by


@inlined
def _no_verdict(net, i):
    pass


@once
def _judge_of(kinds: tuple[type[Rule], ...]) -> Piece:
    """The piece for rules of these kinds."""

    def make(target):
        """The verdict on every lane: the status that the first rule that holds asks for, or 0."""
        judge_by = _no_verdict
        for place, kind in enumerate(kinds):
            judge_by = _either(np.int64(place), _verdict(kind), judge_by)

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

    kept = not any(kind.digest for kind in kinds)
    return Piece("_".join(["judge", *map(_name_of, kinds)]), make, kept=kept)


def judge_of(rules: Sequence[Rule]) -> Piece:
    """The piece that evaluates rules of the kinds of `rules`, in the order of their table."""
    made: Piece = _judge_of(kinds_of(rules))
    return made


def rule_table(rules: Sequence[Rule], n_parameters: int) -> np.ndarray:
    """The rules as `judge` reads them: (rules, RULE_COLUMNS) int64."""
    rows, at, kinds = [], 0, kinds_of(rules)
    for rule in rules:
        rows.append((kinds.index(type(rule)), int(rule.status), rule.count, at))
        at += sum(count for count, _ in rule.slots(n_parameters))
    return np.array(rows, dtype=np.int64).reshape(-1, RULE_COLUMNS)
