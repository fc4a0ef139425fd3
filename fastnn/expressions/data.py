"""Expressions as plain data, for files of JSON, and back."""

from __future__ import annotations

import math
from typing import Any

from ..support.checks import shown
from .nodes import (
    ARGUMENT,
    CONDITION,
    CONSTANT,
    CONSTANT_BY_TYPE,
    MOST_NODES,
    OPERATIONS,
    Node,
    ordered,
)

MOST_ARGUMENTS = 64
_SPECIAL = ("inf", "-inf", "nan")


def to_data(arguments: tuple[str, ...], result: Node) -> dict[str, Any]:
    """The arguments, and the nodes in order: each has its kind, and its value or its parts."""
    nodes = ordered([result])
    places = {node: place for place, node in enumerate(nodes)}
    rows: list[list[Any]] = []
    for node in nodes:
        row: list[Any] = [node.kind]
        if node.kind == ARGUMENT:
            row.append(node.value)
        elif node.kind == CONSTANT:
            row.append(_plain(node.value))
        elif node.kind == CONSTANT_BY_TYPE:
            row += map(_plain, node.value)
        row += [places[part] for part in node.parts]
        rows.append(row)
    return {"arguments": [*arguments], "nodes": rows}


def from_data(data: Any) -> tuple[tuple[str, ...], Node]:
    """The arguments and the result of what `to_data` gave; ValueError for anything else."""
    if not isinstance(data, dict) or {*data} != {"arguments", "nodes"}:
        raise _bad("a dict of 'arguments' and 'nodes'", data)
    arguments, rows = data["arguments"], data["nodes"]
    check_arguments(arguments)
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_NODES:
        raise _bad(f"a list of 1 to {MOST_NODES} nodes", rows)
    nodes: list[Node] = []
    for row in rows:
        nodes.append(_node(row, nodes, arguments))
    if nodes[-1].is_condition:
        raise _bad("a number for the last node", rows[-1])
    return tuple(arguments), nodes[-1]


def check_arguments(arguments: Any) -> None:
    """Raise ValueError unless these are names, each once."""
    if (
        not isinstance(arguments, list | tuple)
        or not 1 <= len(arguments) <= MOST_ARGUMENTS
        or not all(isinstance(name, str) and name.isidentifier() for name in arguments)
        or len({*arguments}) < len(arguments)
    ):
        raise _bad(f"1 to {MOST_ARGUMENTS} different names of arguments", arguments)


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _float(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    if isinstance(value, str) and value in _SPECIAL:
        return float(value)
    raise _bad("a finite number, 'inf', '-inf' or 'nan'", value)


def _node(row: Any, nodes: list[Node], arguments: list[str]) -> Node:
    """The node of a row, whose parts are among the nodes before it."""
    if not isinstance(row, list) or not row or not isinstance(row[0], str):
        raise _bad("a node that begins with its kind", row)
    kind, *rest = row
    if kind == ARGUMENT and len(rest) == 1 and rest[0] in arguments:
        return Node(ARGUMENT, value=str(rest[0]))
    if kind == CONSTANT and len(rest) == 1:
        return Node(CONSTANT, value=_float(rest[0]))
    if kind == CONSTANT_BY_TYPE and len(rest) == 2:
        return Node(CONSTANT_BY_TYPE, value=(_float(rest[0]), _float(rest[1])))
    if kind not in OPERATIONS or len(rest) != len(OPERATIONS[kind].takes):
        raise _bad("an operation with its operands", row)
    if not all(type(place) is int and 0 <= place < len(nodes) for place in rest):
        raise _bad("operands among the nodes before", row)
    parts = tuple(nodes[place] for place in rest)
    for part, letter in zip(parts, OPERATIONS[kind].takes, strict=True):
        if part.is_condition != (letter == CONDITION):
            raise _bad("numbers and comparisons where the operation takes them", row)
    return Node(kind, parts)


def _bad(expected: str, got: Any) -> ValueError:
    return ValueError(f"expression: expected {expected}, got {shown(got)}")
