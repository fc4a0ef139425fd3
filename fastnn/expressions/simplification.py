"""Simpler expressions with the same bits.

Only what holds for every float, infinities and signed zeros included, is used, so nothing is
reordered, and ``0 * x`` and ``x - x`` stay.  Constants are computed where no type rounds them.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from .nodes import CONSTANT, Node, visit


def simplified(result: Node) -> Node:
    """A node with the same value that has no more operations."""

    def step(node: Node, parts: list[Node]) -> Node:
        return simpler(Node(node.kind, tuple(parts), node.value))

    return visit([result], step)[result]  # type: ignore[no-any-return]


def simpler(node: Node) -> Node:
    """The same for a node whose parts are simple."""
    kind, parts = node.kind, node.parts
    if kind == "neg" and parts[0].kind == "neg":
        return parts[0].parts[0]
    if kind == "neg" and parts[0].kind == CONSTANT:
        return _constant(-parts[0].value)
    if kind == "select" and parts[1] == parts[2]:
        return parts[1]
    if kind in ("mul", "div", "sub", "add"):
        return _of_constants(kind, *parts) or _neutral(kind, *parts) or node
    return node


def _constant(value: float) -> Node:
    return Node(CONSTANT, value=value)


def _is(node: Node, value: float) -> bool:
    return node == _constant(value)


def _neutral(kind: str, a: Node, b: Node) -> Node | None:
    """The operand that the operation leaves as it is; a minus for a product with -1."""
    keeps = {"mul": 1.0, "div": 1.0, "sub": 0.0, "add": -0.0}[kind]
    if _is(b, keeps):
        return a
    if kind in ("mul", "add") and _is(a, keeps):
        return b
    if kind == "mul" and -1.0 in (a.value, b.value):
        return simpler(Node("neg", (b if _is(a, -1.0) else a,)))
    return None


def _of_constants(kind: str, a: Node, b: Node) -> Node | None:
    """The result of two constants if it is exact in float32, as they are."""
    if not (a.kind == b.kind == CONSTANT and kind != "div" and _is_short(a.value, b.value)):
        return None
    x, y = a.value, -b.value if kind == "sub" else b.value
    value = x * y if kind == "mul" else x + y
    # Products of float32 numbers are exact in float64; a sum is if both terms can be had back.
    exact = kind == "mul" or (value - x == y and value - y == x)
    return _constant(value) if exact and value != 0 and _is_short(value) else None


def _is_short(*values: float) -> bool:
    """Return whether these are finite float32 numbers."""
    with np.errstate(over="ignore"):
        return all(isfinite(one) and float(np.float32(one)) == one for one in values)
