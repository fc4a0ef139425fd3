"""Types of the numbers in an exported model: which one is asked for, and what float32 can hold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..results.scaling import Scaling
from ..results.scalings import Scalings
from ..support.checks import shown
from ..support.frames import listed
from ..support.suggestions import hint

LARGEST = float(np.finfo(np.float32).max)
RESOLVED = 1e4
"""The largest mean of a column, in standard deviations, of which float32 leaves three digits."""


def type_of(model: Model | Models, dtype: Any, known: Sequence[str]) -> str:
    """The name of a type, by default the model's; ValueError if it is none of `known`."""
    if dtype is None:
        return model.dtype.name
    try:
        name = str(np.dtype(dtype).name)
    except Exception:  # numpy raises several kinds
        name = ""
    if name not in known:
        raise ValueError(
            f"dtype: expected {', '.join(known[:-1])} or {known[-1]}, got {shown(dtype)}"
            f"{hint(dtype, known)}"
        )
    return name


def fits(name: str, array: np.ndarray) -> None:
    """Raise ValueError if float32 cannot hold a number of the array."""
    largest = float(np.abs(array).max())
    if not largest <= LARGEST:
        raise ValueError(
            f"dtype: expected {name} of up to {LARGEST:.3g}, which float32 can hold, got "
            f"{largest:.3g}; use dtype='float64'"
        )


def check_spread(model: Model | Models, inputs: Scaling | Scalings, stacklevel: int) -> None:
    """Raise if the inputs do not fit float32; warn if it cannot tell them apart."""
    fits("inputs", np.abs(inputs.mean) + inputs.scale)
    names = model.features or [f"x[{i}]" for i in range(inputs.mean.shape[-1])]
    far = np.asarray(np.atleast_2d(np.abs(inputs.mean) / inputs.scale > RESOLVED).any(axis=0))
    if far.any():
        blurred = listed([name for name, is_far in zip(names, far, strict=True) if is_far])
        warnings.warn(
            f"model: expected inputs whose spread float32 can resolve, got {blurred} with a mean "
            f"of over {RESOLVED:,.0f} standard deviations; subtract a constant from them before "
            "training and in the program, or use dtype='float64'",
            UserWarning,
            stacklevel=stacklevel + 1,
        )
