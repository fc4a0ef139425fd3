"""The losses in textbook NumPy: terms, and their derivatives by the last layer's inputs.

Those of users have no textbook: theirs are their own formula, and its derivatives, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..spec import loss_formulas as formulas
from ..spec.loss_formulas import (
    ALMOST_ONE,
    LARGEST_ARCTANH,
    LossFormula,
    as_expression,
    evaluated,
)

Array = np.ndarray


def terms(formula: LossFormula, numbers: list[float], z: Array, y: Array, t: Array) -> Array:
    """The terms of all targets, from the last layer's inputs z and outputs y."""
    if formula in TERMS:
        return TERMS[formula](z, y, t, *numbers)
    return formula.terms(y, t, numbers)


def delta(formula: LossFormula, numbers: list[float], y: Array, t: Array, slope: Any) -> Array:
    """The derivatives of the terms by z; `slope` is the last activation's."""
    if formula in TIED:
        return TIED[formula](y, t)
    if formula in SLOPES:
        return SLOPES[formula](y, t, *numbers) * slope
    parts = [evaluated(as_expression(one), y, t, numbers) for one in formula.slopes]
    return np.concatenate(parts, axis=1) * slope


def residual(formula: LossFormula, numbers: list[float], y: Array, t: Array) -> tuple[Array, Any]:
    """The residuals whose squares are the terms, and their derivatives by the outputs."""
    if formula is formulas.SQUARES:
        return y - t, 1.0
    assert formula.residual is not None
    function, slope = (evaluated(as_expression(one), y, t, numbers) for one in formula.residual)
    return function, slope


def _cross_entropy(z: Array, y: Array, t: Array) -> Array:
    shifted = z - z.max(axis=1, keepdims=True)
    return t * (np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted)


def _huber(z: Array, y: Array, t: Array, bound: float) -> Array:
    size = np.abs(y - t)
    return np.where(size < bound, size**2 / 2, bound * (size - bound / 2))


def _quantile(z: Array, y: Array, t: Array, q: float, smoothing: float) -> Array:
    error = t - y
    low, high = (q - 1) * smoothing, q * smoothing
    lines = np.maximum(q * error - q * high / 2, (q - 1) * error - (q - 1) * low / 2)
    if smoothing == 0:
        return lines
    return np.where((error > low) & (error < high), error**2 / (2 * smoothing), lines)


def _quantile_slope(y: Array, t: Array, q: float, smoothing: float) -> Array:
    error = t - y
    if smoothing == 0:
        return np.where(error > 0, -q, np.where(error < 0, 1 - q, 0.0)).astype(y.dtype)
    return -np.clip(error / smoothing, q - 1, q)


def _gaussian(z: Array, y: Array, t: Array) -> Array:
    mean, log_variance = np.split(y, 2, axis=1)
    return (log_variance + (t - mean) ** 2 / np.exp(log_variance)) / 2


def _gaussian_slope(y: Array, t: Array) -> Array:
    mean, log_variance = np.split(y, 2, axis=1)
    variance = np.exp(log_variance)
    return np.concatenate([(mean - t) / variance, (1 - (t - mean) ** 2 / variance) / 2], axis=1)


def _asymmetric(z: Array, y: Array, t: Array, under: float, over: float) -> Array:
    return _weights(y > t, under, over, y) * (y - t) ** 2


def _weights(above: Array, under: float, over: float, y: Array) -> Array:
    return np.where(above, y.dtype.type(over), y.dtype.type(under))


def _arctanh_slope(y: Array, t: Array) -> Array:
    error = y - t
    inside = np.clip(error, -ALMOST_ONE, ALMOST_ONE)
    slopes = np.where(error > ALMOST_ONE, LARGEST_ARCTANH, 2 * np.arctanh(inside))
    return np.where(error < -ALMOST_ONE, -LARGEST_ARCTANH, slopes)


TERMS: dict[LossFormula, Callable[..., Array]] = {
    formulas.SQUARES: lambda z, y, t: (y - t) ** 2,
    formulas.ARCTANH_SQUARES: lambda z, y, t: (y - t) ** 2,
    formulas.HUBER: _huber,
    formulas.BINARY: lambda z, y, t: (np.maximum(z, 0) - t * z) + np.log1p(np.exp(-np.abs(z))),
    formulas.CROSS_ENTROPY: _cross_entropy,
    formulas.QUANTILE: _quantile,
    formulas.GAUSSIAN: _gaussian,
    formulas.POISSON: lambda z, y, t: np.exp(y) - t * y,
    formulas.LOG_COSH: lambda z, y, t: np.logaddexp(y - t, t - y) - np.log(y.dtype.type(2)),
    formulas.ASYMMETRIC: _asymmetric,
}
SLOPES: dict[LossFormula, Callable[..., Array]] = {
    formulas.SQUARES: lambda y, t: 2 * (y - t),
    formulas.ARCTANH_SQUARES: _arctanh_slope,
    formulas.HUBER: lambda y, t, bound: np.clip(y - t, -bound, bound),
    formulas.QUANTILE: _quantile_slope,
    formulas.GAUSSIAN: _gaussian_slope,
    formulas.POISSON: lambda y, t: np.exp(y) - t,
    formulas.LOG_COSH: lambda y, t: np.tanh(y - t),
    formulas.ASYMMETRIC: lambda y, t, under, over: 2 * _weights(y > t, under, over, y) * (y - t),
}
# Those that include the slope of their last activation.
TIED: dict[LossFormula, Callable[..., Array]] = {
    formulas.BINARY: lambda y, t: y - t,
    formulas.CROSS_ENTROPY: lambda y, t: y * t.sum(axis=1, keepdims=True) - t,
}
