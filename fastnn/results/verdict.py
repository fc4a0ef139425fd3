"""A verdict on a fit: whether it is worth more than a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spec.losses import BinaryCrossEntropy, CrossEntropy, Penalized

# A fit that ends beside the constant, as where there is nothing to learn, is not worse.
SLACK = 1.01
# Targets that vary by less, relative to their squares, are equal but for rounding.
EQUAL = 1e-12


def loss_of_constant(
    loss: Penalized, y: np.ndarray, weights: np.ndarray | None = None, at: np.ndarray | None = None
) -> float:
    """The loss on `y` of the best constant prediction, the mean, or of the mean of `at`.

    If all targets are equal, which any constant would fit, it is that of predicting 0, or 1 if that
    is more.  `weights` (n,) are the samples' factors.
    """
    factors = np.ones(len(y)) if weights is None else weights
    with np.errstate(all="ignore"):
        mean = np.average(y, axis=0, weights=factors) if at is None else at.mean(axis=0)
        if isinstance(loss, BinaryCrossEntropy):
            terms = _surprise(y, mean) + _surprise(1 - y, 1 - mean)
        elif isinstance(loss, CrossEntropy):
            terms = _surprise(y, mean)
        else:
            terms = loss.numpy_terms(mean, mean, y)
            if terms.sum() <= EQUAL * (y * y).sum():
                terms = np.maximum(loss.numpy_terms(0 * mean, 0 * mean, y), 1.0)
        return float((factors[:, np.newaxis] * terms).sum() * loss.factor(*y.shape))


def _surprise(shares: np.ndarray, expected: Any) -> np.ndarray:
    """``-shares * log(expected)``, 0 where there are none."""
    return np.where(shares > 0, -shares * np.log(expected), 0.0)


def is_worse_than(loss: float, constant: float) -> bool:
    """Return whether a final loss is above that of the best constant prediction, or no number."""
    return not loss <= SLACK * constant
