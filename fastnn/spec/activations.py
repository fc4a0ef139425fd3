"""The activation functions: one definition each, read by kernels, reference, networks and tests.

A definition is a formula of one number, from which all else follows: the compiled form, the NumPy
form, and the slope.  The slope is a function of the output y, which back-propagation has available,
where y determines it, otherwise of the input x.  Slopes and NumPy forms can be written too: where
the written slope takes less time, where it has another value at a kink, and where the reference
shall have the textbook's form.  To add an activation, add one row to `ACTIVATIONS`; its place in
the list is its run-time code.  The first four are part of every pass; the others are compiled on
first use, and keep their slopes, computed in the forward pass.  `fastnn.extend` adds those of
users, with the codes after `KEPT`.

A scaled activation f(s x) needs no row: f with s times the weights is the same function of the
data, and its gradient descent the same with s**2 times the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from ..expressions import Expression, formula_of, record
from ..expressions.functions import (
    at_least,
    at_most,
    atan,
    exp,
    expm1,
    magnitude,
    select,
    sigmoid,
    sin,
    softplus,
    tanh,
)
from ..lanes.formulas import formula
from ..lanes.math import exponentials as elementary
from ..support.checks import shown
from ..support.suggestions import hint

LEAK = 0.01
# G. Klambauer and others, "Self-normalizing neural networks" (2017), section 2: scale, and alpha.
SELU = (1.0507009873554805, 1.6732632423543772)
# D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), section 2: 2 sqrt(2 / pi).
GELU = (1.5957691216057308, 0.044715)
EVERYTHING = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Activation:
    """One activation function y = f(x), compiled and in NumPy."""

    name: str
    function: Callable[..., Any]
    slope: Callable[..., Any]
    """Function of y, or of x if `of_input`."""
    numpy: Callable[[np.ndarray], np.ndarray]
    numpy_slope: Callable[[np.ndarray], Any]
    """Function of y, or of x if `of_input`."""
    halves: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]] | None = None
    """The function in two halves: two values computed from x, and the result from these and x.

    A loop can begin one number while it finishes the previous one, so instructions wait less.
    """
    of_input: bool = False
    """True if the slope is a function of x."""
    kinks: tuple[float, ...] = ()
    """Points where the function has no slope."""
    symmetry: int = 0
    """-1 if the function is odd, 1 if it is even: then a unit's signs may all be flipped."""
    range: tuple[float, float] = EVERYTHING
    """The smallest closed interval that has all its values, rounded outward."""
    expression: Expression | None = None
    """The function as a formula of x; None if it was added in another form."""
    slope_expression: Expression | None = None
    """The slope as a formula, for files; None if there is none, or the package has it."""

    @property
    def is_own(self) -> bool:
        """True if it belongs to this package and was not added by a user."""
        return self in ACTIVATIONS


def slope_of(function: Expression) -> tuple[Expression, bool]:
    """The derivative of a function of one number, and whether it is a function of the input x.

    Otherwise it is one of the output.
    """
    derivative = function.derivative(function.arguments[0])
    of_output = derivative.in_terms_of_result(function)
    return (derivative, True) if of_output is None else (of_output, False)


def define(
    name: str,
    function: Callable[..., Any],
    slope_of_output: Callable[..., Any] | None = None,
    numpy: Callable[[np.ndarray], np.ndarray] | None = None,
    numpy_slope: Callable[[np.ndarray], Any] | None = None,
    **properties: Any,
) -> Activation:
    """Make the definition of an activation from formulas; what is not given is derived.

    `function` is a formula of the input, `slope_of_output` of the output.
    """
    expression = record(function, ["x"])
    slope: Callable[..., Any] | None = slope_of_output
    of_input = False
    if slope is None:
        slope, of_input = slope_of(expression)
    return Activation(
        name,
        formula_of(expression),
        formula(slope, arguments=1),
        numpy or expression,
        numpy_slope or (slope if isinstance(slope, Expression) else record(slope, ["y"])),
        of_input=of_input,
        expression=expression,
        **properties,
    )


def numpy_softmax(x: np.ndarray) -> np.ndarray:
    """Compute ``exp(x) / sum(exp(x))`` row by row."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _elliott_slope(y: Any) -> Any:
    rest = 1.0 - magnitude(y)
    return rest * rest


ACTIVATIONS = (
    define(
        "sigmoid",
        sigmoid,
        numpy=lambda x: 1 / (1 + np.exp(-x)),
        numpy_slope=lambda y: y * (1 - y),
        halves=(elementary.sigmoid_power, elementary.sigmoid_remainder, elementary.sigmoid_end),
        range=(0.0, 1.0),
    ),
    define(
        "tanh",
        tanh,
        numpy=np.tanh,
        numpy_slope=lambda y: 1 - y * y,
        symmetry=-1,
        range=(-1.0, 1.0),
    ),
    define(
        "relu",
        lambda x: select(x < 0.0, 0.0, x),  # a NaN stays a NaN
        lambda y: select(y > 0.0, 1.0, 0.0),
        lambda x: np.maximum(x, 0),
        lambda y: y > 0,
        kinks=(0.0,),
        range=(0.0, math.inf),
    ),
    define("identity", lambda x: x, numpy=lambda x: x, numpy_slope=lambda y: 1, symmetry=-1),
    define(
        "leaky_relu",
        lambda x: select(x < 0.0, LEAK * x, x),
        lambda y: select(y > 0.0, 1.0, LEAK),
        lambda x: np.where(x < 0, x.dtype.type(LEAK) * x, x),
        lambda y: np.where(y > 0, y.dtype.type(1), y.dtype.type(LEAK)),
        kinks=(0.0,),
    ),
    define(
        "softplus",
        softplus,
        lambda y: -elementary.expm1_down_of(-y),
        lambda x: np.logaddexp(0, x),
        lambda y: -np.expm1(-y),
        range=(0.0, math.inf),
    ),
    define(
        "elliott",
        lambda x: x / (1.0 + magnitude(x)),
        _elliott_slope,
        lambda x: x / (1 + np.abs(x)),
        lambda y: (1 - np.abs(y)) ** 2,
        symmetry=-1,
        range=(-1.0, 1.0),
    ),
    define("sine", sin, numpy=np.sin, numpy_slope=np.cos, symmetry=-1, range=(-1.0, 1.0)),
    define(
        "gaussian",
        lambda x: exp(-(x * x)),
        numpy=lambda x: np.exp(-x * x),
        numpy_slope=lambda x: -2 * x * np.exp(-x * x),
        symmetry=1,
        range=(0.0, 1.0),
    ),
    define("silu", lambda x: x * sigmoid(x), range=(-0.2785, math.inf)),
    define(
        "gelu",
        lambda x: x * sigmoid(GELU[0] * (x + GELU[1] * x * x * x)),
        range=(-0.1701, math.inf),
    ),
    define(
        "elu",
        lambda x: select(x > 0.0, x, expm1(x)),
        lambda y: select(y > 0.0, 1.0, y + 1.0),
        range=(-1.0, math.inf),
    ),
    define(
        "selu",
        lambda x: SELU[0] * select(x > 0.0, x, SELU[1] * expm1(x)),
        lambda y: select(y > 0.0, SELU[0], y + SELU[0] * SELU[1]),
        kinks=(0.0,),
        range=(-SELU[0] * SELU[1], math.inf),
    ),
    define(
        "hard_sigmoid",
        lambda x: at_most(at_least(x + 3.0, 0.0), 6.0) / 6.0,
        kinks=(-3.0, 3.0),
        range=(0.0, 1.0),
    ),
    define("arctan", atan, symmetry=-1, range=(-math.pi / 2, math.pi / 2)),
)
COMMON = 4
"""Number of activations that are part of every pass."""
BY_NAME = {activation.name: activation for activation in ACTIVATIONS}
SOFTMAX = "softmax"
"""Activation that couples the units of a layer: only at the output, and only with cross-entropy."""
NAMES = (*BY_NAME, SOFTMAX)
CODES = {name: code for code, name in enumerate(NAMES)}
# The code for multiplying deltas by kept slopes.
KEPT = len(NAMES)
# Codes of added activations; none is used twice.
_next_code = count(KEPT + 1)


def keeps_slopes(name: str) -> bool:
    """Return whether the activation of this name keeps its slopes."""
    return name != SOFTMAX and code_of(name) >= COMMON


def code_of(name: str) -> int:
    """The run-time code of the activation of this name.

    Raises
    ------
    ValueError
        If this process has no activation of that name.
    """
    if name not in CODES:
        raise ValueError(unknown(name))
    return CODES[name]


def unknown(name: str) -> str:
    """The error message for a name that no activation has."""
    return (
        f"activation: expected one of {', '.join(CODES)}, got {shown(name)}; an activation of your "
        "own must be added first (fastnn.extend.activation)"
        f"{hint(name, CODES)}"
    )


def add(activation: Activation) -> None:
    """Register `activation`, whose name must be new."""
    CODES[activation.name] = next(_next_code)
    BY_NAME[activation.name] = activation


def remove(name: str) -> None:
    """The inverse of `add`."""
    del BY_NAME[name], CODES[name]
