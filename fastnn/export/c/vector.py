"""The test vector of a header: a few samples and what the code should make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...results.model import Model
from .narrow import outputs_of, unit_of

SAMPLES = 3
NUDGE = 1e-3
"""Steps by which another library of functions may change what is rounded."""


@dataclass(frozen=True)
class Vector:
    """Samples, results, and the difference to allow in each output."""

    x: np.ndarray
    """(n, n_in)"""
    y: np.ndarray
    """(n, n_given)"""
    off: np.ndarray
    """(n_given,)"""


def typical(model: Model) -> np.ndarray:
    """Typical inputs of a model, (3, n_in): up to one standard deviation from the mean."""
    n_in = model.network.sizes[0]
    steps = np.outer(np.arange(SAMPLES), np.arange(1, n_in + 1)) % 5 / 2 - 1
    return steps if model.inputs is None else model.inputs.undo(steps)


def vector_of(
    model: Model, exported: Callable[..., np.ndarray], X: np.ndarray, dtype: str
) -> Vector | None:
    """The first samples on which the network does not overflow, or None if there is none.

    Sums in another order and other math libraries are allowed for: a few ULP for double; for float
    in proportion to the size of the inputs, whose rounding the network may amplify; and for int8
    what changes if numbers close to the middle between two whole ones are rounded the other way.
    """
    found = []
    for row in X[:SAMPLES]:
        try:
            y = exported(row[np.newaxis])
        except ValueError:  # no probabilities
            continue
        if np.isfinite(y).all():
            found.append((row, y[0]))
    if not found:
        return None
    x, y = (np.array(part) for part in zip(*found, strict=True))
    size = np.maximum(unit_of(model), np.abs(y)).max(axis=0)
    if dtype == "float64":
        return Vector(x, y, 1e-9 * size)
    if dtype == "int8":
        off = np.max([np.abs(exported(x, nudge) - y) for nudge in (NUDGE, -NUDGE)], axis=(0, 1))
        return Vector(x, y, 4 * off + 1e-5 * size)
    scale = 1.0 if model.inputs is None else model.inputs.scale
    rounding = 1e-6 * (1 + np.abs(x / scale).max())
    seen = np.abs(y - outputs_of(model, x)).max(axis=0)
    return Vector(x, y, 8 * seen + 4 * rounding * size)
