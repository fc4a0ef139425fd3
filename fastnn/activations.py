"""The activation functions: one definition each, read by kernels, reference, networks and tests.

A definition holds the compiled form and the textbook NumPy form of the function and of its slope.
Slopes are written as functions of the output y, which back-propagation has at hand.
To add an activation, add one row to `ACTIVATIONS`; its place in the list is its run-time code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lanes import elementary
from .lanes.formulas import Term, fma, formula, select


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


@dataclass(frozen=True)
class Activation:
    """One activation function y = f(x), compiled and in NumPy."""

    name: str
    function: Callable[..., Any]
    slope: Callable[..., Any]
    numpy: Callable[[np.ndarray], np.ndarray]
    numpy_slope: Callable[[np.ndarray], Any]
    halves: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]] | None = None
    """The function cut in two: two values of x, and of them and x the result.

    A loop begins one number while it ends the one before: fewer instructions wait for others.
    """


ACTIVATIONS = (
    Activation(
        "sigmoid",
        elementary.sigmoid,
        _sigmoid_slope,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda y: y * (1 - y),
        (elementary.sigmoid_power, elementary.sigmoid_remainder, elementary.sigmoid_end),
    ),
    Activation("tanh", elementary.tanh, _tanh_slope, np.tanh, lambda y: 1 - y * y),
    Activation("relu", _relu, _relu_slope, lambda x: np.maximum(x, 0), lambda y: y > 0),
    Activation("identity", _identity, _identity_slope, lambda x: x, lambda y: 1),
)
BY_NAME = {activation.name: activation for activation in ACTIVATIONS}
CODES = {activation.name: code for code, activation in enumerate(ACTIVATIONS)}
