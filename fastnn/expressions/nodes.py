"""Nodes, of which expressions are made, and the table of all operations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from ..lanes import formulas
from ..lanes.math import exponentials, logarithms, trigonometry

ARGUMENT, CONSTANT, CONSTANT_BY_TYPE = LEAVES = ("argument", "constant", "constant_by_type")
MOST_NODES = 10_000
"""Largest number of nodes of an expression."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of an expression, with the nodes that it is applied to.

    Nodes are equal if they mean the same: a digest of all that is below tells.  So a dict keyed by
    nodes visits each shared part once, however often it was written.
    """

    kind: str
    """A key of `OPERATIONS`, or "argument", "constant" or "constant_by_type"."""
    parts: tuple[Node, ...] = field(default=(), repr=False)
    """Operands, in order."""
    value: Any = None
    """An argument's name; a constant's number; the numbers for float64 and for float32."""
    digest: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = f"{self.kind} {self.value!r} ".encode()
        joined = b"".join([text, *(part.digest for part in self.parts)])
        object.__setattr__(self, "digest", blake2b(joined, digest_size=16).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def is_condition(self) -> bool:
        """True for a comparison, or several joined ones; False for a number."""
        return self.kind in OPERATIONS and OPERATIONS[self.kind].gives == CONDITION


NUMBER, CONDITION = "nc"


@dataclass(frozen=True)
class Operation:
    """One kind of node: what it takes, and how it is computed."""

    takes: str
    """A letter for each operand: n for a number, c for a condition."""
    of_terms: Callable[..., Any]
    """The operation on the terms of `fastnn.lanes.formulas`, which emits code."""
    of_arrays: Callable[..., Any]
    """The operation on NumPy arrays of one dtype."""
    gives: str = NUMBER


def _fma(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``: float32 by way of float64; there the product is exact."""
    if np.result_type(a, b, c) == np.float32:
        product = np.multiply(a, b, dtype=np.float64)
        return np.asarray(product + c).astype(np.float32)
    return a * b + c


def _sigmoid(x: Any) -> Any:
    power = np.exp(-np.abs(x))
    return np.where(x < 0, power, np.ones_like(power)) / (1 + power)


def _softplus_rest(x: Any) -> Any:
    return np.log1p(np.exp(-np.abs(x)))


def _at_least(x: Any, bound: Any) -> Any:
    return np.where(bound > x, bound, x)


def _at_most(x: Any, bound: Any) -> Any:
    return np.where(bound < x, bound, x)


OPERATIONS = {
    "neg": Operation("n", operator.neg, np.negative),
    "add": Operation("nn", operator.add, np.add),
    "sub": Operation("nn", operator.sub, np.subtract),
    "mul": Operation("nn", operator.mul, np.multiply),
    "div": Operation("nn", operator.truediv, np.divide),
    "fma": Operation("nnn", formulas.fma, _fma),
    "sqrt": Operation("n", formulas.sqrt, np.sqrt),
    "magnitude": Operation("n", formulas.magnitude, np.abs),
    "with_sign": Operation("nn", formulas.with_sign, np.copysign),
    "at_least": Operation("nn", formulas.at_least, _at_least),
    "at_most": Operation("nn", formulas.at_most, _at_most),
    "lt": Operation("nn", operator.lt, np.less, CONDITION),
    "le": Operation("nn", operator.le, np.less_equal, CONDITION),
    "gt": Operation("nn", operator.gt, np.greater, CONDITION),
    "ge": Operation("nn", operator.ge, np.greater_equal, CONDITION),
    "and": Operation("cc", operator.and_, np.logical_and, CONDITION),
    "or": Operation("cc", operator.or_, np.logical_or, CONDITION),
    "xor": Operation("cc", operator.xor, np.logical_xor, CONDITION),
    "not": Operation("c", operator.invert, np.logical_not, CONDITION),
    "select": Operation("cnn", formulas.select, np.where),
    "exp": Operation("n", exponentials.exp_of, np.exp),
    "expm1": Operation("n", exponentials.expm1_of, np.expm1),
    "log": Operation("n", logarithms.log_of, np.log),
    "log1p": Operation("n", logarithms.log1p_of, np.log1p),
    "sigmoid": Operation("n", exponentials.sigmoid_of, _sigmoid),
    "tanh": Operation("n", exponentials.tanh_of, np.tanh),
    "atan": Operation("n", trigonometry.atan_of, np.arctan),
    "atanh": Operation("n", logarithms.atanh_of, np.arctanh),
    "softplus": Operation(
        "n", logarithms.softplus_of, lambda x: np.maximum(x, 0) + _softplus_rest(x)
    ),
    "softplus_rest": Operation("n", logarithms.softplus_rest_of, _softplus_rest),
    "sin": Operation("n", trigonometry.sin_of, np.sin),
    "cos": Operation("n", trigonometry.cos_of, np.cos),
}
"""All operations by their names, which files hold."""


def ordered(results: Iterable[Node]) -> list[Node]:
    """All different nodes of `results`, parts before what they are parts of."""
    found: dict[Node, None] = {}
    waiting = [(node, False) for node in reversed([*results])]
    while waiting:
        node, parts_are_found = waiting.pop()
        if node in found:
            continue
        if parts_are_found or not node.parts:
            found[node] = None
        else:
            waiting.append((node, True))
            waiting += [(part, False) for part in reversed(node.parts)]
    return [*found]


def visit(results: Iterable[Node], function: Callable[[Node, list[Any]], Any]) -> dict[Node, Any]:
    """Call ``function(node, values of its parts)`` once for each node, parts first."""
    values: dict[Node, Any] = {}
    for node in ordered(results):
        values[node] = function(node, [values[part] for part in node.parts])
    return values
