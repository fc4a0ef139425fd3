"""Intervals of predicted numbers: split-conformal, from the errors on rows held out of training.

V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, Springer 2005; J. Lei
et al., "Distribution-free predictive inference for regression", Journal of the American Statistical
Association 113 (2018) 1094–1111.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..support.checks import real_array, shown
from .scaling import Scaling


def check_residuals(residuals: Any, n_out: int) -> np.ndarray | None:
    """Convert to sorted absolute residuals (rows, n_out), or None.

    Raises
    ------
    TypeError, ValueError
        If they have another shape, or are negative or not finite.
    """
    if residuals is None:
        return None
    array = real_array("residuals", residuals)
    if array.ndim != 2 or len(array) == 0 or array.shape[1] != n_out:
        raise ValueError(
            f"residuals: expected an array of shape (rows, {n_out}), got shape {array.shape}"
        )
    if (array < 0).any():
        raise ValueError(f"residuals: expected absolute values, got {float(array.min())}")
    array = np.sort(array, axis=0)
    array.flags.writeable = False
    return array


def errors_of(outputs: np.ndarray, y: Any, scaling: Scaling | None) -> np.ndarray:
    """The absolute errors (rows, n_out) of unscaled outputs, for true values `y` in their units."""
    true = real_array("y", y)
    true = true[:, np.newaxis] if true.ndim == 1 else true
    if true.shape != outputs.shape:
        raise ValueError(f"y: expected shape {outputs.shape}, got {true.shape}")
    errors: np.ndarray = np.abs((true if scaling is None else scaling.apply(true)) - outputs)
    return errors


def half_width(residuals: np.ndarray | None, interval: Any) -> np.ndarray:
    """Half the width (n_out,) of the intervals that hold this share of new values.

    It is the residual of rank ``ceil((rows + 1) * interval)``, with which the share holds on
    average for any distribution of the data.

    Parameters
    ----------
    residuals : (rows, n_out) array of sorted absolute residuals, or None
    interval : float
        From 0 to 1, both excluded.

    Raises
    ------
    TypeError, ValueError
        If `interval` is not such a number, or there are too few residuals for it.
    """
    if isinstance(interval, bool | np.bool_) or not isinstance(interval, int | float | np.number):
        raise TypeError(f"interval: expected a share such as 0.9, got {shown(interval)}")
    if not 0 < interval < 1:
        raise ValueError(f"interval: expected a share between 0 and 1, got {shown(interval)}")
    if residuals is None:
        raise ValueError(
            "interval: expected a model that knows its errors on rows held out of training, got "
            "one without; use model.calibrated(X, y), or fastnn train with --validation above 0"
        )
    rows = len(residuals)
    # Up to rounding: 9 residuals are enough for 0.9.
    rank = int(np.ceil((rows + 1) * float(interval) * (1 - 1e-12)))
    if rank > rows:
        raise ValueError(
            f"interval: expected a share of at most {rows / (rows + 1):.4g}, since the model knows "
            f"its errors on {rows} rows only, got {float(interval):g}"
        )
    found: np.ndarray = residuals[rank - 1]
    return found
