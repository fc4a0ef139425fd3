"""Losses of users: classes made of an expression, which files and other processes get as data."""

from __future__ import annotations

import json
from dataclasses import field, fields, make_dataclass
from functools import cache
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from ..expressions import Expression, record
from ..support.bounds import ANY
from ..support.checks import by_name, check_keys, integer, real_array, shown
from .loss_formulas import LossFormula, square_of
from .losses import BY_NAME, LOSSES, Penalized

MOST_NUMBERS = 16
"""Largest number of outputs, and of numbers, of a loss."""
KEYS = {"name", "outputs", "is_residual", "defaults", "formula"}
"""The parts of a definition."""


class OwnLoss(Penalized):
    """The base of losses that users add."""

    definition: ClassVar[dict[str, Any]]
    """All that the class is made of, as JSON has it."""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return own_loss_of, (self.definition, values)

    def __copy__(self) -> OwnLoss:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made


def own_loss_of(definition: Any, values: dict[str, Any]) -> OwnLoss:
    """A loss of a class that may not be known in this process."""
    return class_of(definition)(**values)


def class_of(definition: Any) -> type[OwnLoss]:
    """The class of a definition, always the same for the same one.

    Raises
    ------
    ValueError
        If it is no such definition.
    """
    check_keys("loss", definition, KEYS)
    return _class_of(json.dumps(definition, sort_keys=True))


@cache
def _class_of(text: str) -> type[OwnLoss]:
    definition = json.loads(text)
    name, defaults = definition["name"], definition["defaults"]
    given = Expression.from_data(definition["formula"])
    outputs = integer("outputs", definition["outputs"], 1, MOST_NUMBERS)
    is_residual = definition["is_residual"]
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"loss: expected letters, digits and underscores, got {shown(name)}")
    if not isinstance(is_residual, bool) or (is_residual and outputs > 1):
        raise ValueError(f"loss: expected a residual of one output, got one of {outputs}")
    arguments = given.arguments
    if not isinstance(defaults, dict) or [*defaults] != [*sorted(arguments[outputs + 1 :])]:
        raise ValueError(f"loss: expected a default for each number, got {shown(defaults)}")
    if len(arguments) <= outputs or len(defaults) > MOST_NUMBERS:
        raise ValueError(f"loss: expected outputs, a target and numbers, got {arguments}")
    made: type[OwnLoss] = make_dataclass(
        name,
        [
            (number, ArrayLike, field(default=default_of(number, defaults[number]), kw_only=at > 0))
            for at, number in enumerate(arguments[outputs + 1 :])
        ],
        bases=(OwnLoss,),
        namespace={
            "__doc__": f"The mean of {given!r}.",
            "name": name,
            "formula": formula_of_own(name, given, outputs, is_residual),
            "bounds": dict.fromkeys(arguments[outputs + 1 :], ANY),
            "definition": definition,
        },
        frozen=True,
        eq=False,
    )
    return by_name(made)


def default_of(name: str, value: Any) -> float:
    """Check the default of a number."""
    number = real_array(name, value)
    if number.ndim or isinstance(value, bool):
        raise ValueError(f"{name}: expected a number as default, got {shown(value)}")
    reserved = (*dir(OwnLoss), "name", "formula", "definition")
    if name in reserved or not name.isidentifier() or name.startswith("_"):
        raise ValueError(f"{name}: expected a name that losses do not use, got {name!r}")
    return float(number)


def formula_of_own(name: str, given: Expression, outputs: int, is_residual: bool) -> LossFormula:
    """The formula of a loss: its term or residual as given, and the slopes derived from it."""
    term, residual = given, None
    if is_residual:
        term = record(lambda *values: square_of(given(*values)), given.arguments)
        residual = given, given.derivative(given.arguments[0])
    slopes = tuple(term.derivative(output) for output in given.arguments[:outputs])
    numbers = len(given.arguments) - outputs - 1
    return LossFormula(name, term, slopes, numbers, residual=residual, is_own=True)


def add(kind: type[OwnLoss]) -> type[OwnLoss]:
    """Register a loss by its name; the same one may be added again."""
    known = BY_NAME.get(kind.name)
    if known is not None and known is not kind:
        raise ValueError(
            f"name: expected a new name, got {kind.name!r}, which already exists; remove it first "
            f"(fastnn.extend.remove({kind.name!r})), or give another name"
        )
    BY_NAME[kind.name] = kind
    return kind


def is_added(loss: Any) -> bool:
    """Return whether this is the name or the class of a loss that was added."""
    kind = BY_NAME.get(loss) if isinstance(loss, str) else loss
    return isinstance(kind, type) and kind in BY_NAME.values() and kind not in LOSSES


def remove(loss: Any) -> None:
    """The inverse of `add`."""
    del BY_NAME[loss if isinstance(loss, str) else loss.name]
