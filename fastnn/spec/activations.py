"""The activation functions: one definition each, read by kernels, reference, networks and tests.

A definition holds the compiled form and the textbook NumPy form of the function and of its slope.
Slopes are written as functions of the output y, which back-propagation has available, or of the
input x if y does not determine them.  To add an activation, add one row to `ACTIVATIONS`; its place
in the list is its run-time code.  The first four are part of every pass; the others are compiled on
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

from ..lanes.formulas import Term, fma, formula, magnitude, select
from ..lanes.math import exponentials as elementary
from ..lanes.math.logarithms import softplus
from ..lanes.math.trigonometry import cos, sin
from ..support.checks import shown
from ..support.suggestions import hint

LEAK = 0.01
EVERYTHING = (-math.inf, math.inf)


@formula
def _sigmoid_slope(y: Term) -> Term:
    return fma(-y, y, y)  # y (1 - y), rounded once


@formula
def _tanh_slope(y: Term) -> Term:
    return fma(-y, y, 1.0)


@formula
def _relu(x: Term) -> Term:
    return select(x < 0.0, 0.0, x)  # a NaN stays a NaN


@formula
def _relu_slope(y: Term) -> Term:
    return select(y > 0.0, 1.0, 0.0)


@formula
def _identity(x: Term) -> Term:
    return x


@formula
def _identity_slope(y: Term) -> Term:
    return y.constant(1.0)


@formula
def _leaky_relu(x: Term) -> Term:
    return select(x < 0.0, LEAK * x, x)


@formula
def _leaky_relu_slope(y: Term) -> Term:
    return select(y > 0.0, 1.0, LEAK)


@formula
def _softplus_slope(y: Term) -> Term:
    return -elementary.expm1_of(-y)


@formula
def _elliott(x: Term) -> Term:
    return x / (1.0 + magnitude(x))


@formula
def _elliott_slope(y: Term) -> Term:
    rest = 1.0 - magnitude(y)
    return rest * rest


@formula
def _gaussian(x: Term) -> Term:
    return elementary.exp_of(-(x * x))


@formula
def _gaussian_slope(x: Term) -> Term:
    return -2.0 * x * elementary.exp_of(-(x * x))


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
    kink: float | None = None
    """Point where the function has no slope."""
    symmetry: int = 0
    """-1 if the function is odd, 1 if it is even: then a unit's signs may all be flipped."""
    range: tuple[float, float] = EVERYTHING
    """The smallest closed interval that has all its values."""

    @property
    def is_own(self) -> bool:
        """True if it belongs to this package and was not added by a user."""
        return self in ACTIVATIONS


def numpy_softmax(x: np.ndarray) -> np.ndarray:
    """Compute ``exp(x) / sum(exp(x))`` row by row."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


ACTIVATIONS = (
    Activation(
        "sigmoid",
        elementary.sigmoid,
        _sigmoid_slope,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda y: y * (1 - y),
        (elementary.sigmoid_power, elementary.sigmoid_remainder, elementary.sigmoid_end),
        range=(0.0, 1.0),
    ),
    Activation(
        "tanh",
        elementary.tanh,
        _tanh_slope,
        np.tanh,
        lambda y: 1 - y * y,
        symmetry=-1,
        range=(-1.0, 1.0),
    ),
    Activation(
        "relu",
        _relu,
        _relu_slope,
        lambda x: np.maximum(x, 0),
        lambda y: y > 0,
        kink=0.0,
        range=(0.0, math.inf),
    ),
    Activation("identity", _identity, _identity_slope, lambda x: x, lambda y: 1, symmetry=-1),
    Activation(
        "leaky_relu",
        _leaky_relu,
        _leaky_relu_slope,
        lambda x: np.where(x < 0, x.dtype.type(LEAK) * x, x),
        lambda y: np.where(y > 0, y.dtype.type(1), y.dtype.type(LEAK)),
        kink=0.0,
    ),
    Activation(
        "softplus",
        softplus,
        _softplus_slope,
        lambda x: np.logaddexp(0, x),
        lambda y: -np.expm1(-y),
        range=(0.0, math.inf),
    ),
    Activation(
        "elliott",
        _elliott,
        _elliott_slope,
        lambda x: x / (1 + np.abs(x)),
        lambda y: (1 - np.abs(y)) ** 2,
        symmetry=-1,
        range=(-1.0, 1.0),
    ),
    Activation("sine", sin, cos, np.sin, np.cos, of_input=True, symmetry=-1, range=(-1.0, 1.0)),
    Activation(
        "gaussian",
        _gaussian,
        _gaussian_slope,
        lambda x: np.exp(-x * x),
        lambda x: -2 * x * np.exp(-x * x),
        of_input=True,
        symmetry=1,
        range=(0.0, 1.0),
    ),
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
        "own must be added in every process that uses it (fastnn.extend.add_activation)"
        f"{hint(name, CODES)}"
    )


def add(activation: Activation) -> None:
    """Register `activation`, whose name must be new."""
    CODES[activation.name] = next(_next_code)
    BY_NAME[activation.name] = activation


def remove(name: str) -> None:
    """The inverse of `add`."""
    del BY_NAME[name], CODES[name]
