"""Weights of classes, as in scikit-learn: factors of their samples' weights."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..support.checks import shown

EXPECTED = "class_weight: expected None, 'balanced' or a dict from labels to numbers"


def check_class_weight(value: Any) -> None:
    """Raise unless `class_weight` has the right type and values."""
    if value is None or (isinstance(value, str) and value == "balanced"):
        return
    if not isinstance(value, Mapping):
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(f"{EXPECTED}, got {shown(value)}")
    for label, weight in value.items():
        is_number = isinstance(weight, numbers.Real) and not isinstance(weight, bool | np.bool_)
        if not is_number or not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight: expected finite numbers from 0 on, got {shown(weight)} for "
                f"{label!r}"
            )


def with_class_weights(
    value: Any, classes: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """Weights of samples: their own times that of their class.

    "balanced" gives each class the same sum.  `codes` (n,) are positions in `classes`.
    """
    own = np.ones(len(codes)) if weights is None else weights
    if isinstance(value, str):
        sums = np.bincount(codes, weights=own, minlength=len(classes))
        factors = own.sum() / (np.count_nonzero(sums) * np.where(sums > 0, sums, 1.0))
    else:
        labels = classes.tolist()
        unknown = [label for label in value if label not in labels]
        if unknown:
            raise ValueError(
                f"class_weight: expected labels among {shown(labels)}, got {unknown[0]!r}"
            )
        factors = np.array([float(value.get(label, 1.0)) for label in labels])
    found: np.ndarray = own * factors[codes]
    if not found.sum() > 0:
        raise ValueError("class_weight: expected weights with a sum above 0, got 0")
    return found
