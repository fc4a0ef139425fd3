"""Labels of classes, kept as they were given."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .checks import shown

KINDS = {str: str, bool: bool, np.bool_: bool, numbers.Integral: int, float: float,
         np.floating: float}  # fmt: skip
"""Types of labels, and what they are; the first that fits counts."""
SIZES = (np.int64, np.uint64)


def as_labels(name: str, values: Any) -> np.ndarray:
    """Convert labels to a new array (n,) of str, int, float or bool that holds them unchanged.

    NumPy alone makes text of numbers beside text, and rounds integers of which some need the signs
    and others the size of uint64.

    Raises
    ------
    TypeError
        If they are not labels of one type.
    ValueError
        If no array can hold them unchanged.
    """
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "Uiufb":
        return np.array(values)
    try:
        labels = [] if isinstance(values, str | bytes) else list(values)
    except TypeError:
        labels = []
    found = {_kind(label) for label in labels}
    if not found or not (len(found) == 1 or found == {int, float}) or None in found:
        raise TypeError(
            f"{name}: expected labels all of one type (str, int, float or bool), got "
            f"{shown(values)}"
        )
    array = np.array(labels)
    if found == {int}:
        fits = [size for size in SIZES if _fits(labels, np.iinfo(size))]
        array = np.array(labels, dtype=fits[0] if fits else object)
    if array.dtype == object or (float not in found and array.tolist() != labels):
        raise _unfit(name, values)
    if found == {int, float} and any(a != b for a, b in zip(array.tolist(), labels, strict=True)):
        raise _unfit(name, values)
    return array


def _kind(label: Any) -> type | None:
    return next((own for kind, own in KINDS.items() if isinstance(label, kind)), None)


def _fits(labels: list[Any], limits: Any) -> bool:
    return bool(limits.min <= min(labels) and max(labels) <= limits.max)


def _unfit(name: str, values: Any) -> ValueError:
    return ValueError(
        f"{name}: expected labels that an array of one type holds unchanged (integers from -2**63 "
        f"to 2**63 - 1 or from 0 to 2**64 - 1, text without NUL at its end), got {shown(values)}; "
        "use text for others"
    )
