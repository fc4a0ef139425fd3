"""Rules of users: classes made of one comparison, which files and other processes get as data."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import field, fields, make_dataclass
from functools import cache
from keyword import iskeyword
from typing import Any, ClassVar

import numpy as np

from ..expressions import Expression
from ..expressions.nodes import ARGUMENT, CONSTANT
from ..jit.compiling import inlined
from ..lanes.matrices import rows_at
from ..lanes.operations import like, select
from ..lanes.tuples import tuple_formula
from ..spec.status import Status
from ..support.checks import by_name, check_keys, real_array, shown
from .common import Judge, Rule
from .gradient_below import gradient_norm

VALUES = ("loss", "gradient_norm", "epoch", "last_loss", "last_gradient_norm")
"""Names of the values that a formula can ask for."""
STATUSES = ("CONVERGED", "STALLED", "GRADIENT")
"""Statuses that a rule can give."""
MOST_NUMBERS = 16
"""Largest number of numbers of a rule."""
KEYS = {"name", "status", "defaults", "formula"}
"""The parts of a definition."""

# The memory of a rule: these, then its numbers.
LOSS, LAST_LOSS, NORM, LAST_NORM, EPOCH, NUMBERS = range(6)
ROWS = {
    "loss": LOSS, "gradient_norm": NORM, "epoch": EPOCH, "last_loss": LAST_LOSS,
    "last_gradient_norm": LAST_NORM,
}  # fmt: skip
# A literal would make Numba compile the called function again.
FIRST, ONE = np.int64(0), np.int64(1)


class OwnRule(Rule):
    """The base of rules that users write."""

    definition: ClassVar[dict[str, Any]]
    """All that the class is made of, as JSON has it."""
    formula: ClassVar[Expression]
    """The rule as 1 where it holds, else 0: a function of some of `VALUES`, and of the numbers."""

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, number_of(one.name, getattr(self, one.name)))

    def __reduce__(self) -> tuple[Any, ...]:
        return own_rule_of, (self.definition, self.numbers)

    @property
    def numbers(self) -> dict[str, float]:
        """The rule's numbers by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        before = ((4, math.inf), (1, -1.0))  # losses and norms, and the epoch
        return (*before, *((1, number) for number in self.numbers.values()))

    def numpy_judge(self, problem: Any) -> Judge:
        seen = dict.fromkeys(VALUES, math.inf) | {"epoch": -1.0}

        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            seen["last_loss"], seen["last_gradient_norm"] = seen["loss"], seen["gradient_norm"]
            seen["loss"], seen["gradient_norm"] = loss, float(np.linalg.norm(gradient))
            seen["epoch"] += 1
            given = seen | self.numbers
            return bool(self.formula(*(given[name] for name in self.formula.arguments)) > 0)

        return judge


RESERVED = {*dir(OwnRule), "definition", "formula", "holds"}
"""Names that the class itself has."""


def own_rule_of(definition: Any, values: dict[str, Any]) -> OwnRule:
    """A rule of a class that may not be known in this process."""
    return class_of(definition)(**values)


def class_of(definition: Any) -> type[OwnRule]:
    """The class of a definition, always the same for the same one.

    Raises
    ------
    ValueError, TypeError
        If it is no such definition.
    """
    check_keys("rule", definition, KEYS)
    return _class_of(json.dumps(definition, sort_keys=True))


@cache
def _class_of(text: str) -> type[OwnRule]:
    definition = json.loads(text)
    name, status, defaults = (definition[key] for key in ("name", "status", "defaults"))
    formula = Expression.from_data(definition["formula"])
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise ValueError(f"rule: expected letters, digits and underscores, got {shown(name)}")
    if status not in STATUSES:
        raise ValueError(f"rule: expected one of {', '.join(STATUSES)}, got {shown(status)}")
    numbers = check_formula(formula)
    if not isinstance(defaults, list) or len(defaults) != len(numbers):
        raise ValueError(f"rule: expected a default for each number, got {shown(defaults)}")
    made: type[OwnRule] = make_dataclass(
        name,
        [
            (number, float, field(default=number_of(number, default), kw_only=at > 0))
            for at, (number, default) in enumerate(zip(numbers, defaults, strict=True))
        ],
        bases=(OwnRule,),
        namespace={
            "__doc__": f"End with ``{status}`` once {formula!r} is 1.",
            "status": Status[status],
            "needs_gradient": uses_norm(formula),
            "holds": staticmethod(holds_of(formula)),
            "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
            "definition": definition,
            "formula": formula,
        },
        frozen=True,
    )
    return by_name(made)


def check_formula(formula: Expression) -> tuple[str, ...]:
    """The names of the numbers of a rule's formula; raise if it is none."""
    numbers = tuple(name for name in formula.arguments if name not in VALUES)
    if len(numbers) > MOST_NUMBERS:
        raise ValueError(f"rule: expected at most {MOST_NUMBERS} numbers, got {len(numbers)}")
    for name in numbers:
        if name in RESERVED or iskeyword(name) or name.startswith("_"):
            raise ValueError(f"{name}: expected a name that rules do not use, got {name!r}")
    used = arguments_of(formula)
    if not used & {*VALUES}:
        raise ValueError(
            f"rule: expected a comparison that depends on one of {', '.join(VALUES)}, got another"
        )
    for name in numbers:
        if name not in used:
            raise ValueError(
                f"{name}: expected a number that the rule uses, got one without effect"
            )
    choice = [(part.kind, part.value) for part in formula.result.parts[1:]]
    if formula.result.kind != "select" or choice != [(CONSTANT, 1.0), (CONSTANT, 0.0)]:
        raise ValueError("rule: expected a formula that is 1 where the rule holds, else 0")
    return numbers


def number_of(name: str, value: Any) -> float:
    """Check a finite number."""
    number = real_array(name, value)
    if number.ndim or isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: expected a number, got {shown(value)}")
    return float(number)


def arguments_of(formula: Expression) -> set[str]:
    """The arguments on which a formula depends."""
    return {node.value for node in formula.nodes if node.kind == ARGUMENT}


def uses_norm(formula: Expression) -> bool:
    """Return whether a formula needs the gradient."""
    return not {"gradient_norm", "last_gradient_norm"}.isdisjoint(arguments_of(formula))


@inlined
def no_norm(net, s):
    """The norm of a gradient that may not be there: 0."""
    return net.losses.zero


@inlined
def shift(pair, value, resumed):
    """Remember `value` and the one before it; a resumed restart has already seen this one."""
    pair[1, 0] = select(resumed > pair.zero, pair[1, 0], pair[0, 0])
    pair[0, 0] = value


def holds_of(formula: Expression) -> Any:
    """Make the compiled judgement of a formula."""
    numbers = [name for name in formula.arguments if name not in VALUES]
    rows = ROWS | {name: NUMBERS + place for place, name in enumerate(numbers)}
    places = [rows[name] for name in formula.arguments]
    read, _ = rows_at(NUMBERS + len(numbers))
    judged = tuple_formula(lambda memory: [formula(*(memory[i] for i in places))], 1, 1)
    norm = gradient_norm if uses_norm(formula) else no_norm

    @inlined
    def own_rule(net, s, number, count, memory):
        """``formula(values, numbers) > 0``."""
        resumed, zero = net.resumed[0, s], net.losses.zero
        shift(memory + LOSS, net.losses[0, s], resumed)
        shift(memory + NORM, norm(net, s), resumed)
        memory[EPOCH, 0] = memory[EPOCH, 0] + (like(zero, 1.0) - resumed)
        return judged(read(memory, FIRST, ONE))[0] > zero

    return own_rule
