"""Metrics of predictions of classes and of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def confusion(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count how often each class was predicted as each.

    Parameters
    ----------
    true, predicted : (n,) arrays of int
        Positions of classes, from 0 to `n_classes` - 1.

    Returns
    -------
    (n_classes, n_classes) array of int64
        True classes by row, predicted ones by column.
    """
    pairs = true.astype(np.int64) * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


@dataclass(frozen=True)
class Errors:
    """Errors of predicted numbers, and those of a constant prediction.

    Attributes
    ----------
    r2 : float
        The coefficient of determination, ``1 - SSE / SSE of the mean``; NaN if all true values are
        equal.
    rmse, mae : float
        The root of the mean squared error and the mean absolute error.
    constant_rmse, constant_mae : float
        The same for the constant.
    """

    r2: float
    rmse: float
    mae: float
    constant_rmse: float
    constant_mae: float

    @classmethod
    def of(cls, true: np.ndarray, predicted: np.ndarray, constant: float) -> Errors:
        """Compute the errors of columns (n,), and of `constant` in place of the predictions."""
        error, rough = predicted - true, constant - true
        rmse, spread = _root_mean_square(error), _root_mean_square(true - true.mean())
        # Up to rounding, which would otherwise give a constant column some value.
        varies = (true != true[0]).any()
        ratio = rmse / spread if varies else np.nan
        return cls(
            1 - ratio * ratio,
            rmse,
            float(np.mean(np.abs(error))),
            _root_mean_square(rough),
            float(np.mean(np.abs(rough))),
        )


def _root_mean_square(values: np.ndarray) -> float:
    """Root mean square, also of numbers whose squares underflow."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0
    return largest * float(np.sqrt(np.mean((values / largest) ** 2)))


@dataclass(frozen=True)
class Rates:
    """Rates of predicted classes, beside those of always the same class.

    Attributes
    ----------
    rows, right : int
        Number of rows, and of those whose class was predicted correctly.
    common : int
        The class that is always predicted for comparison.
    share : float
        The share of the rows that are of this class.
    recall : (n_classes,) array of float
        For each class, the share of its rows that were predicted correctly; NaN without rows.
    balanced : float
        The balanced accuracy: the mean recall of the classes that have rows.
    gain, noise : float
        By how much more rows are right than with always the same class, as a share of all rows,
        and the standard error of this difference.
    """

    rows: int
    right: int
    common: int
    share: float
    recall: np.ndarray
    balanced: float
    gain: float
    noise: float

    @classmethod
    def of(cls, counts: np.ndarray, common: int | None = None) -> Rates:
        """Compute the rates of a confusion matrix; by default `common` is its commonest class."""
        of_class, rows = counts.sum(axis=1), int(counts.sum())
        common = int(of_class.argmax()) if common is None else common
        right = np.diag(counts)
        recall = np.where(of_class > 0, right / np.maximum(of_class, 1), np.nan)
        better = int(right.sum() - right[common])
        worse = int(of_class[common] - right[common])
        return cls(
            rows,
            int(right.sum()),
            common,
            float(of_class[common] / rows),
            recall,
            float(np.nanmean(recall)),
            (better - worse) / rows,
            float(np.sqrt(better + worse)) / rows,
        )

    @property
    def accuracy(self) -> float:
        """The share of rows whose class was predicted correctly."""
        return self.right / self.rows
