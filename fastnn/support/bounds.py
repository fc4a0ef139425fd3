"""Bounds of numbers, each one for all restarts or an array with one for each."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .checks import hyperparameter, real_array, shown

# Of a field that is newer than some files: records have it only where it is given.
ADDED_LATER = {"added_later": True}


class Bounds(NamedTuple):
    """The bounds of a number."""

    low: float = -math.inf
    high: float = math.inf
    is_open: bool = False
    """True if the bounds themselves are outside."""

    def check(self, name: str, value: Any) -> float | np.ndarray:
        """Convert to a number, or to a read-only array of numbers; raises if one is outside."""
        number = hyperparameter(name, value, self.low, self.high)
        on_bound = (np.asarray(number) == self.low) | (np.asarray(number) == self.high)
        if self.is_open and on_bound.any():
            which = f"numbers between {self.low:g} and {self.high:g}"
            which = "positive numbers" if self == POSITIVE else which
            bad = float(np.extract(on_bound, number)[0])
            raise ValueError(f"{name}: expected {which}, got {bad!r}")
        return number


POSITIVE, SHARE = Bounds(0.0, is_open=True), Bounds(0.0, 1.0, is_open=True)
NOT_NEGATIVE, ANY = Bounds(0.0), Bounds()


def by_layer(name: str, value: Any) -> float | tuple[float, ...]:
    """Check a number that is not negative, or a sequence of one for each layer.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if type(value) is float and 0 <= value < math.inf:
        return value
    array = real_array(name, value)
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected a number, got {shown(value)}")
    if array.ndim > 1 or array.size == 0 or (array < 0).any():
        raise ValueError(
            f"{name}: expected a number >= 0 or one for each layer, got {shown(value)}"
        )
    return float(array) if array.ndim == 0 else tuple(array.tolist())
