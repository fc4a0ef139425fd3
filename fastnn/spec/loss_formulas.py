"""The formulas of losses: the term of one target, and its slopes.

A formula is a function of the outputs that belong to a target, the target, and the loss's numbers.
Slopes are written where the derived ones would have other bits, or more operations; a test compares
them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..expressions import Expression, record
from ..expressions.functions import (
    at_least,
    at_most,
    atanh,
    exp,
    fma,
    log1p,
    magnitude,
    select,
    softplus_rest,
    sqrt,
    tanh,
)
from ..lanes.formulas import Term

# Beyond this error the arctanh would grow without bound; Fahlman's program uses 17.
ALMOST_ONE, LARGEST_ARCTANH = 0.9999999, 17.0


@dataclass(frozen=True, eq=False)
class LossFormula:
    """A loss's term for one target, and its slopes by the outputs."""

    name: str
    """A name for machine code."""
    term: Callable[..., Any] | None = None
    """Function of outputs, target and numbers; None if it couples targets (cross-entropy)."""
    slopes: tuple[Callable[..., Any], ...] = ()
    """The derivatives by each of the outputs, functions of the same."""
    numbers: int = 0
    """Count of the numbers that follow the target."""
    activation: str | None = None
    """The last activation, if `term` is a function of its input, and the slope one of its output,
    multiplied by the activation's slope."""
    residual: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    """The function whose square is the term, and its slope, if there is one."""
    is_own: bool = False
    """True if it belongs to a user."""

    @property
    def outputs(self) -> int:
        """Count of the outputs of a network that belong to a target."""
        return max(1, len(self.slopes))

    @cached_property
    def expression(self) -> Expression:
        """The term as an expression."""
        return as_expression(self.term)

    def terms(self, outputs: np.ndarray, targets: np.ndarray, numbers: Iterable[Any]) -> np.ndarray:
        """The terms in NumPy, for outputs (…, n_out) and targets (…, n_targets)."""
        return evaluated(self.expression, outputs, targets, numbers)


def as_expression(function: Any) -> Expression:
    """The expression of a formula, which may be one already."""
    if isinstance(function, Expression):
        return function
    return record(function, list(inspect.signature(function).parameters))


def evaluated(
    expression: Expression, outputs: np.ndarray, targets: np.ndarray, numbers: Iterable[Any]
) -> np.ndarray:
    """A formula of outputs (…, n_out), targets (…, n_targets) and numbers, in NumPy."""
    count = targets.shape[-1]
    parts = [outputs[..., at : at + count] for at in range(0, outputs.shape[-1], count)]
    found = expression(*parts, targets, *numbers)
    return np.asarray(np.broadcast_to(found, targets.shape))


def square_of(x: Term) -> Term:
    """``x**2``."""
    return x * x


def square(prediction: Term, target: Term) -> Term:
    """``(prediction - target)**2``."""
    return (prediction - target) * (prediction - target)


def square_slope(prediction: Term, target: Term) -> Term:
    """Twice the error, without a product."""
    return (prediction - target) + (prediction - target)


def arctanh_slope(prediction: Term, target: Term) -> Term:
    """``2 arctanh(error)``, with bounds."""
    error = prediction - target
    slope = 2.0 * atanh(at_least(at_most(error, ALMOST_ONE), -ALMOST_ONE))
    slope = select(error > ALMOST_ONE, LARGEST_ARCTANH, slope)
    return select(error < -ALMOST_ONE, -LARGEST_ARCTANH, slope)


def huber(prediction: Term, target: Term, delta: Term) -> Term:
    """``error**2 / 2`` inside, ``delta (abs(error) - delta / 2)`` outside."""
    size = magnitude(prediction - target)
    return select(size < delta, 0.5 * size * size, delta * fma(-0.5, delta, size))


def huber_slope(prediction: Term, target: Term, delta: Term) -> Term:
    """The error, cut off at delta."""
    return at_least(at_most(prediction - target, delta), -delta)


def binary(x: Term, target: Term) -> Term:
    """``softplus(x) - target x``, written so that it keeps the small losses of large inputs."""
    return fma(-target, x, at_least(x, 0.0)) + softplus_rest(x)


def binary_slope(prediction: Term, target: Term) -> Term:
    """The derivative by the sigmoid's input."""
    return prediction - target


def _pull(prediction: Term, target: Term, q: Term, smoothing: Term) -> Term:
    """``clip((target - prediction) / smoothing, q - 1, q)``; without smoothing the sign decides."""
    width = at_least(smoothing, smoothing.by_type(2.0**-1022, 2.0**-126))
    return at_most(at_least((target - prediction) / width, q - 1.0), q)


def quantile(prediction: Term, target: Term, q: Term, smoothing: Term) -> Term:
    """``pull (error - smoothing pull / 2)``: the pinball loss, a parabola around its corner."""
    pull = _pull(prediction, target, q, smoothing)
    return pull * fma(-0.5 * smoothing, pull, target - prediction)


def quantile_slope(prediction: Term, target: Term, q: Term, smoothing: Term) -> Term:
    """The derivative."""
    return -_pull(prediction, target, q, smoothing)


def gaussian(mean: Term, log_variance: Term, target: Term) -> Term:
    """``(log_variance + (target - mean)**2 exp(-log_variance)) / 2``."""
    error = target - mean
    return 0.5 * fma(error * error, exp(-log_variance), log_variance)


def gaussian_slope(mean: Term, log_variance: Term, target: Term) -> Term:
    """The derivative by the mean."""
    return (mean - target) * exp(-log_variance)


def gaussian_slope_of_width(mean: Term, log_variance: Term, target: Term) -> Term:
    """The derivative by the logarithm of the variance."""
    error = target - mean
    return fma(-0.5 * (error * error), exp(-log_variance), 0.5)


def poisson(log_rate: Term, target: Term) -> Term:
    """``exp(log_rate) - target log_rate``."""
    return fma(-target, log_rate, exp(log_rate))


def poisson_slope(log_rate: Term, target: Term) -> Term:
    """The rate minus the target."""
    return exp(log_rate) - target


def log_cosh(prediction: Term, target: Term) -> Term:
    """``log(cosh(error))``: ``-log(1 - tanh(error)**2) / 2`` near 0, which loses no digits there.

    Elsewhere it is ``abs(error) + log(1 + exp(-2 abs(error))) - log(2)``.
    """
    error = prediction - target
    size, slope = magnitude(error), tanh(error)
    near = size < 1.0
    log = log1p(select(near, -(slope * slope), exp(-2.0 * size)))
    return select(near, -0.5 * log, (size - math.log(2.0)) + log)


def log_cosh_slope(prediction: Term, target: Term) -> Term:
    """The hyperbolic tangent of the error."""
    return tanh(prediction - target)


def _weight(error: Term, under: Term, over: Term) -> Term:
    return select(error > 0.0, over, under)


def asymmetric(prediction: Term, target: Term, under: Term, over: Term) -> Term:
    """``over error**2`` for predictions above the target, ``under error**2`` below."""
    error = prediction - target
    return _weight(error, under, over) * (error * error)


def asymmetric_slope(prediction: Term, target: Term, under: Term, over: Term) -> Term:
    """The derivative."""
    error = prediction - target
    return _weight(error, under, over) * (error + error)


def asymmetric_residual(prediction: Term, target: Term, under: Term, over: Term) -> Term:
    """The error times the root of its weight."""
    error = prediction - target
    return sqrt(_weight(error, under, over)) * error


def asymmetric_residual_slope(prediction: Term, target: Term, under: Term, over: Term) -> Term:
    """The root of the weight."""
    return sqrt(_weight(prediction - target, under, over))


SQUARES = LossFormula("squares", square, (square_slope,))
ARCTANH_SQUARES = LossFormula("arctanh_squares", square, (arctanh_slope,))
HUBER = LossFormula("huber", huber, (huber_slope,), 1)
BINARY = LossFormula("binary_cross_entropy", binary, (binary_slope,), activation="sigmoid")
CROSS_ENTROPY = LossFormula("cross_entropy", activation="softmax")
QUANTILE = LossFormula("quantile", quantile, (quantile_slope,), 2)
GAUSSIAN = LossFormula("gaussian_nll", gaussian, (gaussian_slope, gaussian_slope_of_width))
POISSON = LossFormula("poisson", poisson, (poisson_slope,))
LOG_COSH = LossFormula("log_cosh", log_cosh, (log_cosh_slope,))
ASYMMETRIC = LossFormula(
    "asymmetric", asymmetric, (asymmetric_slope,), 2,
    residual=(asymmetric_residual, asymmetric_residual_slope),
)  # fmt: skip
