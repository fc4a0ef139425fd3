"""Formulas in ONNX: a subgraph of operators that onnxruntime also has in float64.

Its own Softplus, Softsign and LeakyRelu are for float32, as are Atan and Atanh, and Max of a number
and a NaN depends on their order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..expressions import Expression
from ..expressions.nodes import ARGUMENT, CONSTANT, CONSTANT_BY_TYPE, Node
from ..lanes.math.trigonometry import ATAN_FLOAT64
from ..spec.activations import BY_NAME

RELU = BY_NAME["relu"].expression
"""Has an operator of its own, which converters know."""


def added(graph: Any, formula: Expression, x: str) -> str:
    """Add the operators of a formula of one number; returns the name of the result."""
    if formula == RELU:
        return str(graph.add("Relu", x))

    def step(node: Node, operands: list[str]) -> str:
        if node.kind == ARGUMENT:
            return x
        if node.kind == CONSTANT:
            return str(graph.constant(node.value))
        if node.kind == CONSTANT_BY_TYPE:
            return str(graph.constant(node.value[graph.dtype == np.float32]))
        form = FORMS[node.kind]
        return str(graph.add(form, *operands) if isinstance(form, str) else form(graph, *operands))

    result: str = formula.visit(step)
    if all(node.kind != ARGUMENT for node in formula.nodes):  # a constant gets the shape of x
        result = graph.add("Where", graph.add("IsNaN", x), result, result)
    return result


def _with_sign(graph: Any, x: str, sign: str) -> str:
    """Compute ``copysign(x, sign)``: only the inverse tells -0 from 0, and only finite numbers."""
    zero, size = graph.constant(0), graph.add("Abs", x)
    inverse = graph.add("Div", graph.constant(1), sign)
    below = graph.add("Or", graph.add("Less", sign, zero), graph.add("Less", inverse, zero))
    return str(graph.add("Where", below, graph.add("Neg", size), size))


def _at_least(graph: Any, x: str, bound: str) -> str:
    return str(graph.add("Where", graph.add("Greater", bound, x), bound, x))


def _at_most(graph: Any, x: str, bound: str) -> str:
    return str(graph.add("Where", graph.add("Less", bound, x), bound, x))


def _expm1(graph: Any, x: str) -> str:
    """Compute ``2 t / (1 - t)`` with ``t = tanh(x / 2)`` where ``exp(x) - 1`` loses digits."""
    one = graph.constant(1)
    t = graph.add("Tanh", graph.add("Mul", x, graph.constant(0.5)))
    small = graph.add("Div", graph.add("Add", t, t), graph.add("Sub", one, t))
    large = graph.add("Sub", graph.add("Exp", x), one)
    return str(graph.add("Where", graph.add("Greater", x, one), large, small))


def _log1p(graph: Any, x: str) -> str:
    """Compute ``log(v) x / (v - 1)`` with the rounded ``v = 1 + x``.

    The quotient corrects the rounding.  It is 1 where nothing was rounded, also at infinity.  See
    D. Goldberg, "What every computer scientist should know about floating-point arithmetic" (1991),
    theorem 4.
    """
    one = graph.constant(1)
    v = graph.add("Add", one, x)
    back = graph.add("Sub", v, one)
    exact = graph.add("Equal", back, x)
    ratio = graph.add("Where", exact, one, graph.add("Div", x, back))
    large = graph.add("Mul", graph.add("Log", v), ratio)
    return str(graph.add("Where", graph.add("Equal", v, one), x, large))


def _atanh(graph: Any, x: str) -> str:
    """Compute ``log1p(2 |x| / (1 - |x|)) / 2`` with the sign of x."""
    size = graph.add("Abs", x)
    ratio = graph.add(
        "Div", graph.add("Add", size, size), graph.add("Sub", graph.constant(1), size)
    )
    half = graph.add("Mul", graph.constant(0.5), _log1p(graph, ratio))
    return str(graph.add("Mul", graph.add("Sign", x), half))


def _atan(graph: Any, x: str) -> str:
    """Compute ``2 atan(u)`` with ``u = t / (1 + sqrt(1 + t**2))`` and t the smaller of |x|, 1/|x|.

    The series is that of fastnn's own arctangent; beyond 1 the result is ``pi / 2`` less that.
    """
    one, a = graph.constant(1), graph.add("Abs", x)
    t = graph.add("Div", graph.add("Min", a, one), graph.add("Max", a, one))
    root = graph.add("Sqrt", graph.add("Add", one, graph.add("Mul", t, t)))
    u = graph.add("Div", t, graph.add("Add", one, root))
    z, series = graph.add("Mul", u, u), graph.constant(ATAN_FLOAT64[-1])
    for number in (*ATAN_FLOAT64[-2::-1], 1.0):
        series = graph.add("Add", graph.add("Mul", series, z), graph.constant(number))
    angle = graph.add("Mul", graph.constant(2), graph.add("Mul", u, series))
    beyond = graph.add("Sub", graph.constant(np.pi / 2), angle)
    chosen = graph.add("Where", graph.add("Greater", a, one), beyond, angle)
    return str(graph.add("Mul", graph.add("Sign", x), chosen))


def _softplus_rest(graph: Any, x: str) -> str:
    """Compute ``log1p(u)``, ``u = exp(-|x|)``: the logarithm of the rounded ``v = 1 + u``.

    It is corrected for the rounding, ``u - (v - 1)``.
    """
    one = graph.constant(1)
    u = graph.add("Exp", graph.add("Neg", graph.add("Abs", x)))
    v = graph.add("Add", one, u)
    lost = graph.add("Sub", u, graph.add("Sub", v, one))
    return str(graph.add("Add", graph.add("Log", v), graph.add("Div", lost, v)))


def softplus(graph: Any, x: str) -> str:
    """Add ``max(x, 0) + log1p(exp(-|x|))``, which neither overflows nor loses digits."""
    return str(graph.add("Add", graph.add("Relu", x), _softplus_rest(graph, x)))


FORMS: dict[str, str | Callable[..., str]] = {
    "neg": "Neg", "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "sqrt": "Sqrt",
    "fma": lambda graph, a, b, c: graph.add("Add", graph.add("Mul", a, b), c),
    "magnitude": "Abs", "with_sign": _with_sign, "at_least": _at_least, "at_most": _at_most,
    "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "and": "And",
    "or": "Or", "xor": "Xor", "not": "Not", "select": "Where", "exp": "Exp", "expm1": _expm1,
    "log": "Log", "log1p": _log1p, "sigmoid": "Sigmoid", "tanh": "Tanh", "atan": _atan,
    "atanh": _atanh, "softplus": softplus, "softplus_rest": _softplus_rest, "sin": "Sin",
    "cos": "Cos",
}  # fmt: skip
"""An operator for each operation, or a function that adds several."""
