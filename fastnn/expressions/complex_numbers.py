"""Expressions of complex numbers, whose real parts decide: derivatives by complex steps.

See W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions"
(1998).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .nodes import ARGUMENT, CONSTANT, CONSTANT_BY_TYPE, Node

if TYPE_CHECKING:
    from .expression import Expression

STEP = 1e-100
"""The imaginary step: its square is nothing beside any number."""


def _by_side(condition: Any, yes: Any, no: Any) -> Any:
    return np.where(condition, yes, no)


COMPLEX: dict[str, Callable[..., Any]] = {
    "neg": lambda x: -x,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "fma": lambda x, y, z: x * y + z,
    "sqrt": np.sqrt,
    "magnitude": lambda x: _by_side(np.signbit(x.real), -x, x),
    "with_sign": lambda x, sign: _by_side(np.signbit(sign.real), -x, x),
    "at_least": lambda x, bound: _by_side(bound.real > x.real, bound, x),
    "at_most": lambda x, bound: _by_side(bound.real < x.real, bound, x),
    "lt": lambda x, y: x.real < y.real,
    "le": lambda x, y: x.real <= y.real,
    "gt": lambda x, y: x.real > y.real,
    "ge": lambda x, y: x.real >= y.real,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
    "not": np.logical_not,
    "select": _by_side,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softplus_rest": lambda x: np.log(1 + np.exp(_by_side(np.signbit(x.real), x, -x))),
}
"""Every operation for complex numbers, whose real parts decide."""


def in_complex(
    expression: Expression, *values: np.ndarray, seen: Callable[..., Any] = lambda *_: None
) -> Any:
    """The value at complex numbers; `seen` is told of every operation and its operands."""
    given = dict(zip(expression.arguments, values, strict=True))

    def step(node: Node, operands: list[Any]) -> Any:
        if node.kind == ARGUMENT:
            return given[node.value]
        if node.kind in (CONSTANT, CONSTANT_BY_TYPE):
            value = node.value if node.kind == CONSTANT else node.value[0]
            return np.full(values[0].shape, complex(value))
        seen(node, operands)
        return COMPLEX[node.kind](*operands)

    with np.errstate(all="ignore"):
        return expression.visit(step)


def slope_by_complex_step(expression: Expression, place: int, *values: np.ndarray) -> np.ndarray:
    """The derivative by one argument at real numbers, exact but for rounding."""
    moved = [np.asarray(value, dtype=np.complex128) for value in values]
    moved[place] = moved[place] + 1j * STEP
    slope: np.ndarray = in_complex(expression, *moved).imag / STEP
    return slope
