"""Activations of users: what files and other processes get of them, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..expressions import Expression, formula_of
from ..support.checks import check_keys, integer, real_array, shown
from . import activations
from .activations import ACTIVATIONS, BY_NAME, CODES, Activation

KEYS = {"name", "function", "slope", "slope_of", "kinks", "symmetry", "range"}
"""The parts of a definition."""


def definitions(names: Iterable[str]) -> list[dict[str, Any]]:
    """The definitions of those among the activations that users have added, each once.

    One whose function asks for the type of its number has none.
    """
    known = (BY_NAME.get(name) for name in dict.fromkeys(names))
    return [_definition(one) for one in known if one is not None and _is_formula(one)]


def _is_formula(activation: Activation) -> bool:
    written = activation.expression is not None and activation.slope_expression is not None
    return written and activation not in ACTIVATIONS


def _definition(activation: Activation) -> dict[str, Any]:
    function, slope = activation.expression, activation.slope_expression
    assert function is not None
    assert slope is not None
    return {
        "name": activation.name,
        "function": function.to_data(),
        "slope": slope.to_data(),
        "slope_of": "input" if activation.of_input else "output",
        "kinks": [*activation.kinks],
        "symmetry": activation.symmetry,
        "range": [end if math.isfinite(end) else None for end in activation.range],
    }


def made_of(name: str, function: Expression, slope: Expression, **properties: Any) -> Activation:
    """An activation whose compiled and NumPy forms follow from formulas of one number."""
    return Activation(
        name,
        formula_of(function),
        formula_of(slope),
        function,
        slope,
        expression=function,
        slope_expression=slope,
        **properties,
    )


def activation_of(definition: Any) -> Activation:
    """The activation of a definition.  Nothing is run.

    Raises
    ------
    ValueError
        If it is no such definition.
    """
    check_keys("activation", definition, KEYS)
    name, slope_of = definition["name"], definition["slope_of"]
    if not isinstance(name, str) or not name.isidentifier():
        raise _bad("a name of letters, digits and underscores", name)
    if slope_of not in ("input", "output"):
        raise _bad("slope_of 'input' or 'output'", slope_of)
    formulas = [Expression.from_data(definition[part]) for part in ("function", "slope")]
    for formula in formulas:
        if len(formula.arguments) != 1:
            raise _bad("formulas of one number", formula)
    kinks, ends = real_array("kinks", definition["kinks"]), definition["range"]
    if kinks.ndim != 1:
        raise _bad("a list of kinks", definition["kinks"])
    if not isinstance(ends, list) or len(ends) != 2:
        raise _bad("a range of two ends", ends)
    low, high = (
        beyond if end is None else float(real_array("range", end))
        for end, beyond in zip(ends, activations.EVERYTHING, strict=True)
    )
    return made_of(
        name,
        *formulas,
        of_input=slope_of == "input",
        kinks=tuple(kinks.tolist()),
        range=(low, high),
        symmetry=integer("symmetry", definition["symmetry"], -1, 1),
    )


def add(activation: Activation) -> None:
    """Register an activation by its name; the same formulas may be added again.

    Raises
    ------
    ValueError
        If another activation has the name.
    """
    name = activation.name
    if name not in CODES:
        activations.add(activation)
    elif not _is_same(BY_NAME.get(name), activation):
        raise ValueError(
            f"name: expected a new name, got {name!r}, which already exists"
            f"{_difference(BY_NAME.get(name), activation)}"
        )


def define(given: Any) -> None:
    """Register the activations that a file, or another process, defines.

    Raises
    ------
    ValueError
        If these are no definitions, or a name has another formula in this process.
    """
    if not isinstance(given, list):
        raise _bad("a list of definitions", given)
    made = [activation_of(definition) for definition in given]
    for one in made:
        known = BY_NAME.get(one.name)
        if one.name in CODES and not _is_same(known, one):
            raise ValueError(
                f"activation: expected {one.name!r} as this process knows it, got another one"
                f"{_difference(known, one)}"
            )
    for one in made:
        add(one)


def _is_same(one: Activation | None, other: Activation) -> bool:
    """Return whether both compute the same bits."""
    if one is None or not _is_formula(one):
        return False
    parts = [(each.expression, each.slope_expression, each.of_input) for each in (one, other)]
    return parts[0] == parts[1]


def _difference(known: Activation | None, other: Activation) -> str:
    """The text of how two activations of one name differ, and of what to do."""
    if known is None or known in ACTIVATIONS:
        return ""
    what = [known.expression, other.expression]
    if known.expression == other.expression:
        what = [known.slope_expression, other.slope_expression]
    return (
        f": here it is {what[0]!r}, there {what[1]!r}; to take the other one, call "
        f"fastnn.extend.remove({known.name!r}) first"
    )


def _bad(expected: str, got: Any) -> ValueError:
    return ValueError(f"activation: expected {expected}, got {shown(got)}")
