"""Checks of the data of training: samples, targets, and the names of their columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..lanes.rounding import in_ieee_mode
from ..spec.network import Network
from ..support.checks import real_array
from ..support.frames import Names, take_columns


class Data(NamedTuple):
    """Samples and targets, with the names of their columns where they came as data frames."""

    X: np.ndarray
    """(n, n_in)."""
    y: np.ndarray
    """(n, n_targets)."""
    features: Names | None
    targets: Names | None


@in_ieee_mode
def check_inputs(
    net: Network, X: Any, dtype: np.dtype, name: str = "X", features: Names | None = None
) -> np.ndarray:
    """Return `X` as (n, n_in) finite numbers of `dtype`, n at least 1.

    The columns of a data frame are taken by the names in `features`, if there are any.
    """
    return _inputs(net, X, dtype, name, features)[0]


def _inputs(
    net: Network, X: Any, dtype: np.dtype, name: str, features: Names | None
) -> tuple[np.ndarray, Names | None]:
    columns, names = take_columns(name, X, features)
    inputs = real_array(name, columns, dtype)
    if inputs.ndim != 2 or inputs.shape[1] != net.sizes[0]:
        one = "; a single sample is a row: [[…]]" if inputs.shape == net.sizes[:1] else ""
        raise ValueError(
            f"{name}: expected shape (n, {net.sizes[0]}) for {net!r}, got {inputs.shape}{one}"
        )
    if len(inputs) == 0:
        raise ValueError(f"{name}: expected at least one sample, got none")
    return inputs, names


def check_data(
    net: Network,
    X: Any,
    y: Any,
    dtype: np.dtype,
    n_targets: int,
    *,
    names: tuple[str, str] = ("X", "y"),
    features: Names | None = None,
    targets: Names | None = None,
) -> Data:
    """Check samples and their targets; `features` and `targets` are the names to expect."""
    x_name, y_name = names
    inputs, features = _inputs(net, X, dtype, x_name, features)
    columns, targets = take_columns(y_name, y, targets)
    outputs = real_array(y_name, columns, dtype)
    if outputs.ndim == 1 and n_targets == 1:
        outputs = outputs[:, np.newaxis]
    if outputs.ndim != 2 or outputs.shape[1] != n_targets:
        raise ValueError(
            f"{y_name}: expected shape (n, {n_targets}) for {net!r}, got {outputs.shape}"
            f"{_one_hot(outputs, n_targets)}"
        )
    if len(outputs) != len(inputs):
        raise ValueError(
            f"{y_name}: expected {len(inputs)} rows, as many as {x_name}, got {len(outputs)}"
        )
    return Data(inputs, outputs, features, targets)


def _one_hot(labels: np.ndarray, n_classes: int) -> str:
    """Advice for whoever passes numbers of classes."""
    if labels.size not in labels.shape or not np.isin(labels, np.arange(n_classes)).all():
        return ""
    return f"; classes are rows with a single 1: numpy.eye({n_classes})[y]"
