"""Verdicts on a fit: whether it is worth more than a constant, and which restarts are stuck."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..spec.loss_formulas import BINARY, CROSS_ENTROPY, HUBER, SQUARES
from ..spec.losses import Penalized

# A fit that ends beside the constant, as where there is nothing to learn, is not worse.
SLACK = 1.01
# Targets that vary by less, relative to their squares, are equal but for rounding.
EQUAL = 1e-12
FACTOR = 2.0
"""A restart with up to this many times the lowest loss is no worse for an average."""
QUANTILES = np.linspace(0.0, 1.0, 41)


def loss_of_constant(
    loss: Penalized, y: np.ndarray, weights: np.ndarray | None = None, at: np.ndarray | None = None
) -> float:
    """The loss on `y` of the best constant prediction, the mean, or of the mean of `at`.

    If all targets are equal, which any constant would fit, it is that of predicting 0, or 1 if that
    is more.  `weights` (n,) are the samples' factors.  For losses whose best constant is not the
    mean it is that of the best of some constants; infinite for several outputs of a target, and
    where all targets are equal.
    """
    factors = np.ones(len(y)) if weights is None else weights
    shape, counts = (
        y.shape,
        factors > 0,
    )  # 0 times infinity, of a class without weight, is no number
    y, factors = y[counts], factors[counts]
    with np.errstate(all="ignore"):
        mean = np.average(y, axis=0, weights=factors) if at is None else at.mean(axis=0)
        if loss.formula is BINARY:
            terms = _surprise(y, mean) + _surprise(1 - y, 1 - mean)
        elif loss.formula is CROSS_ENTROPY:
            terms = _surprise(y, mean)
        elif loss.formula in (SQUARES, HUBER):
            terms = _terms(loss, mean, y)
            if terms.sum() <= EQUAL * (y * y).sum():
                terms = np.maximum(_terms(loss, 0 * mean, y), 1.0)
        else:
            return _least(loss, y, factors, y if at is None else at, shape)
        return float((factors[:, np.newaxis] * terms).sum() * loss.factor(*shape))


def _terms(loss: Penalized, constant: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The terms where all predictions are `constant` (n_targets,)."""
    numbers = [np.mean(number) for number in loss.numbers.values()]
    return loss.formula.terms(np.broadcast_to(constant, y.shape), y, numbers)


def _least(
    loss: Penalized, y: np.ndarray, factors: np.ndarray, at: np.ndarray, shape: tuple[int, ...]
) -> float:
    """The lowest loss of constants: means and quantiles of `at`, and their logarithms.

    `shape` is that of all samples, with those that do not count.
    """
    if loss.formula.outputs > 1 or not np.ptp(y, axis=0).any():
        return np.inf
    found = np.concatenate([at.mean(axis=0)[np.newaxis], np.quantile(at, QUANTILES, axis=0)])
    losses = np.array([
        (factors[:, np.newaxis] * _terms(loss, constant, y)).sum(axis=0)
        for constant in (*found, *np.log(found))
    ])  # fmt: skip
    least = np.where(np.isfinite(losses), losses, np.inf).min(axis=0).sum()
    return float(least * loss.factor(*shape))


def _surprise(shares: np.ndarray, expected: Any) -> np.ndarray:
    """``-shares * log(expected)``, 0 where there are none."""
    return np.where(shares > 0, -shares * np.log(expected), 0.0)


def is_worse_than(loss: float, constant: float) -> bool:
    """Return whether a final loss is above that of the best constant prediction, or no number."""
    return not loss <= SLACK * constant


def are_stuck(losses: np.ndarray, constant: float) -> np.ndarray:
    """Return which restarts would spoil an average: those on a plateau, and those that diverged.

    They are the ones whose loss is more than `FACTOR` times the lowest, and also more than
    ``(constant / lowest) ** 0.25`` times.

    The average of N networks with errors of the same size that have nothing to do with each other
    gains by a further network as long as its squared error is below 2 + 1/N times theirs [1]_.  So
    twice the lowest loss does no harm.  But the losses of good restarts differ more where they are
    close to 0, since there they tell what was learnt by heart: on a scale of logarithms, a restart
    may be a quarter of the way from the best to the constant behind.  That is 3 times the lowest
    loss where it is a hundredth of the constant's, and 10 times where it is a ten-thousandth.  With
    all ten of ten restarts, or with these only, cross-validated scores on scikit-learn's data sets
    were equal but for their errors, where none was stuck; a factor of 2 alone lost a little on data
    that can be learnt by heart, and a square root let local minima into averages on smooth data.

    Parameters
    ----------
    losses : (n,) array of float
        All on the same samples; not finite where a restart diverged.  Likelihoods may be below 0,
        where ratios mean nothing: then only restarts that diverged are stuck.
    constant : float
        The loss of the best constant prediction there.

    Returns
    -------
    (n,) array of bool
        False for the lowest loss; True for all if none is finite.

    References
    ----------
    .. [1] M. P. Perrone and L. N. Cooper, "When networks disagree: ensemble methods for hybrid
       neural networks", in: Neural Networks for Speech and Image Processing, 1993; the condition
       for a network to be added.
    """
    finite: np.ndarray = np.isfinite(losses)
    if not finite.any():
        return np.ones(len(losses), dtype=bool)
    lowest = float(losses[finite].min())
    if lowest < 0.0:
        return ~finite
    quarter = lowest**0.75 * constant**0.25  # their ratio could overflow
    stuck: np.ndarray = ~(finite & (losses <= max(FACTOR * lowest, quarter)))
    return stuck
