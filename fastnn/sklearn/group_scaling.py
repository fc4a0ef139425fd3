"""Scalings of groups: the mean and the standard deviation of each group's rows, or of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..results.scaling import Scaling
from ..results.scalings import Scalings


@dataclass(frozen=True)
class Scales:
    """The scaling of inputs and, unless they are None, targets: one of all groups, or of each."""

    inputs: Scaling | Scalings
    targets: Scaling | Scalings | None

    def apply(
        self, X: np.ndarray, targets: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets as the networks see them; `codes` (n,) are the rows' groups."""
        if self.targets is not None:
            targets = _of_rows(self.targets, codes).apply(targets)
        return _of_rows(self.inputs, codes).apply(X), targets


def scales_of(
    X: np.ndarray,
    targets: np.ndarray | None,
    weights: np.ndarray | None,
    codes: np.ndarray | None = None,
) -> Scales:
    """The scales of all rows together, or of each group.

    Columns that are constant in a group get the scale of all rows, so that a group of one row does
    not depend on their units; those that are constant everywhere get scale 1.

    Parameters
    ----------
    X : (n, n_features) array of float
    targets : (n, n_targets) array of float, optional
        None if they are not scaled.
    weights : (n,) array of float, optional
    codes : (n,) array of int, optional
        The group of each row, if each has a scale of its own.
    """
    inputs = _scaling(X, weights, codes)
    return Scales(inputs, None if targets is None else _scaling(targets, weights, codes))


def _scaling(
    values: np.ndarray, weights: np.ndarray | None, codes: np.ndarray | None
) -> Scaling | Scalings:
    mean, deviation = _moments(values, np.zeros(len(values), dtype=np.int64), weights)
    common = np.where(deviation > 0, deviation, 1.0)[0]
    if codes is None:
        return Scaling(mean[0], common)
    mean, deviation = _moments(values, codes, weights)
    return Scalings(mean, np.where(deviation > 0, deviation, common))


def _of_rows(scaling: Scaling | Scalings, codes: np.ndarray) -> Scaling | Scalings:
    return scaling.of_rows(codes) if isinstance(scaling, Scalings) else scaling


def _moments(
    values: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (groups, columns); exactly 0 where a column is constant."""
    first = np.unique(codes, return_index=True)[1]
    shifted = values - values[first][codes]  # so that constant columns deviate by exactly 0
    offset = _means(shifted, codes, weights)
    deviation = np.sqrt(_means((shifted - offset[codes]) ** 2, codes, weights))
    return values[first] + offset, deviation


def _means(values: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    factors = np.ones(len(values)) if weights is None else weights
    sums = [np.bincount(codes, weights=factors * column) for column in values.T]
    means: np.ndarray = np.stack(sums, axis=1) / np.bincount(codes, weights=factors)[:, np.newaxis]
    return means
