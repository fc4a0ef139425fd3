"""How good predictions are: of classes and of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def confusion(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """How often which class was taken for which.

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
    """The errors of predicted numbers, beside those of one number for all rows.

    Attributes
    ----------
    r2 : float
        The coefficient of determination, ``1 - SSE / SSE of the mean``; NaN where all are equal.
    rmse, mae : float
        The root of the mean squared error and the mean absolute error.
    constant_rmse, constant_mae : float
        The same of the number.
    """

    r2: float
    rmse: float
    mae: float
    constant_rmse: float
    constant_mae: float

    @classmethod
    def of(cls, true: np.ndarray, predicted: np.ndarray, constant: float) -> Errors:
        """Of columns of numbers (n,), and of `constant` instead of what was predicted."""
        error, rough = predicted - true, constant - true
        rmse, spread = _root_mean_square(error), _root_mean_square(true - true.mean())
        # Apart from rounding, without which a column of one value would get some number.
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
    """Also of numbers whose squares are too small for a float."""
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0
    return largest * float(np.sqrt(np.mean((values / largest) ** 2)))
