"""Derivatives of expressions, by the chain rule from the operands up (forward mode).

See A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .functions import cos, fma, select, sigmoid, sin, with_sign
from .nodes import ARGUMENT, CONSTANT, Node, visit
from .recording import RecordedCondition, RecordedNumber, Recording

Slope = RecordedNumber | None
"""A derivative; None where it is 0 everywhere."""

# Derivatives of functions of one number x with the value y.  Those of the sigmoid and of tanh are
# y (1 - y) and 1 - y y, rounded once.
FACTORS: dict[str, Callable[[RecordedNumber, RecordedNumber], RecordedNumber]] = {
    "sqrt": lambda y, x: 0.5 / y,
    "magnitude": lambda y, x: with_sign(1.0, x),
    "exp": lambda y, x: y,
    "expm1": lambda y, x: y + 1.0,
    "log": lambda y, x: 1.0 / x,
    "log1p": lambda y, x: 1.0 / (1.0 + x),
    "sigmoid": lambda y, x: fma(-y, y, y),
    "tanh": lambda y, x: fma(-y, y, 1.0),
    "atanh": lambda y, x: 1.0 / ((1.0 - x) * (1.0 + x)),
    "atan": lambda y, x: 1.0 / fma(x, x, 1.0),
    "softplus": lambda y, x: sigmoid(x),
    "softplus_rest": lambda y, x: -with_sign(sigmoid(-abs(x)), x),
    "sin": lambda y, x: cos(x),
    "cos": lambda y, x: -sin(x),
}
Parts = Sequence[RecordedNumber]
Slopes = Sequence[Slope]


def _operand(slope: RecordedNumber) -> RecordedNumber | None:
    """The number of which this slope is the negative; None if it is not written so."""
    node = slope.node
    if node.kind == CONSTANT and node.value < 0:
        return slope.constant(-node.value)
    return RecordedNumber(slope.recording, node.parts[0]) if node.kind == "neg" else None


def _negative(slope: RecordedNumber) -> RecordedNumber:
    positive = _operand(slope)
    return -slope if positive is None else positive


def _plus(a: Slope, b: Slope) -> Slope:
    if a is None or b is None:
        return b if a is None else a
    less = _operand(b)
    return a + b if less is None else a - less


def _minus(a: Slope, b: Slope) -> Slope:
    if b is None:
        return a
    return _negative(b) if a is None else _plus(a, _negative(b))


def _product(a: Slope, b: Slope) -> Slope:
    """The product; a sign of either goes to the front, where the next one cancels it."""
    if a is None or b is None:
        return None
    positive, other = _operand(a), _operand(b)
    if positive is not None:
        return _negative(positive * b)
    return a * b if other is None else _negative(a * other)


def _over(slope: Slope, divisor: RecordedNumber) -> Slope:
    return None if slope is None else slope / divisor


def _chosen(condition: RecordedCondition, yes: Slope, no: Slope) -> Slope:
    if yes is None and no is None:
        return None
    chosen: RecordedNumber = select(
        condition, 0.0 if yes is None else yes, 0.0 if no is None else no
    )
    return chosen


# Derivatives of the other operations, from the value y, the operands p and their derivatives d.
RULES: dict[str, Callable[[RecordedNumber, Parts, Slopes], Slope]] = {
    "neg": lambda y, p, d: _minus(None, d[0]),
    "add": lambda y, p, d: _plus(d[0], d[1]),
    "sub": lambda y, p, d: _minus(d[0], d[1]),
    "mul": lambda y, p, d: _plus(_product(d[0], p[1]), _product(p[0], d[1])),
    "div": lambda y, p, d: _over(_minus(d[0], _product(d[1], y)), p[1]),
    "fma": lambda y, p, d: _plus(_plus(_product(d[0], p[1]), _product(p[0], d[1])), d[2]),
    "with_sign": lambda y, p, d: _product(d[0], with_sign(1.0, p[1])),
    "at_least": lambda y, p, d: _chosen(p[1] > p[0], d[1], d[0]),
    "at_most": lambda y, p, d: _chosen(p[1] < p[0], d[1], d[0]),
    "select": lambda y, p, d: _chosen(p[0], d[1], d[2]),  # type: ignore[arg-type]
}


def derivative(result: Node, name: str) -> Node:
    """The derivative of a node with respect to the argument of this name, not simplified."""
    recording = Recording()
    slopes: dict[Node, Slope] = {}

    def step(node: Node, parts: list[RecordedNumber]) -> RecordedNumber | RecordedCondition:
        symbol = (RecordedCondition if node.is_condition else RecordedNumber)(recording, node)
        below = [slopes[part] for part in node.parts]
        slopes[node] = None
        if node.kind == ARGUMENT and node.value == name:
            slopes[node] = recording.number(1.0)
        elif isinstance(symbol, RecordedNumber) and any(one is not None for one in below):
            slopes[node] = _slope(symbol, parts, below)
        return symbol

    visit([result], step)
    slope = slopes[result]
    return Node(CONSTANT, value=0.0) if slope is None else slope.node


def _slope(y: RecordedNumber, parts: Parts, below: Slopes) -> Slope:
    kind = y.node.kind
    if kind in RULES:
        return RULES[kind](y, parts, below)
    return _product(below[0], FACTORS[kind](y, *parts))
