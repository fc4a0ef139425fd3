"""Checks of arguments: each names the argument, what was expected, and what came."""

import math
import numbers
import os
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .suggestions import hint, suggests

MAX_COUNT = 10**15
FLOATS = ("float64", "float32")
Kind = TypeVar("Kind", bound=type[Any])


def shown(value: Any) -> str:
    """Describe `value` for an error message: short, and arrays by shape and dtype."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    try:
        text = repr(value)
    except Exception:  # a faulty `repr`, or an integer with too many digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def by_name(kind: Kind) -> Kind:
    """Make a dataclass name its keyword-only arguments when too many are positional.

    These are its fields after ``_: KW_ONLY``.
    """
    make = kind.__init__
    parts = [field for field in fields(kind) if field.init]
    free = [field.name for field in parts if not field.kw_only]
    named = [f"{field.name}=…" for field in parts if field.kw_only]

    @wraps(make)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(free):
            expected = f"only {' and '.join(free)}" if free else "no arguments"
            way = f"; pass others by name: {', '.join(named)}" if named else ""
            raise TypeError(
                f"{type(self).__name__}: expected {expected} by position, got {len(args)}{way}"
            )
        make(self, *args, **kwargs)

    kind.__init__ = suggests(checked)
    return kind


def integer(name: str, value: Any, low: int, high: int = MAX_COUNT) -> int:
    """Check that `value` is an integer from `low` to `high`, both included."""
    if type(value) is int and low <= value <= high:
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        whole = isinstance(value, float | np.floating) and value.is_integer()
        way = f"; write {int(value)}" if whole else ""
        raise TypeError(f"{name}: expected an integer, got {shown(value)}{way}")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{name}: expected an integer from {low} to {high}, got {shown(number)}")
    return number


def check_path(value: Any, what: str = "file") -> None:
    """Raise TypeError unless the argument `path` is a path."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"path: expected the path of a {what}, got {shown(value)}")


def as_array(value: Any) -> np.ndarray:
    """Convert `value` to an array, without dimensions if rows have different lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.array(None)


def real_array(name: str, value: Any, dtype: Any = np.float64) -> np.ndarray:
    """Copy `value` to a contiguous array of finite floats, of any shape."""
    # Importing `numpy.ma` takes 8 ms, so plain arrays avoid it.
    if type(value) is not np.ndarray and np.ma.is_masked(value):
        raise ValueError(f"{name}: expected numbers without a mask, got a masked array")
    try:
        array = np.asarray(value)
    except Exception as error:  # an object's own conversion may raise anything
        raise TypeError(f"{name}: expected an array of numbers, got {shown(value)}") from error
    if array.dtype.kind not in "biuf":
        own = hasattr(value, name)  # a run for its parameters
        got = f"{shown(value)}; pass its {name}" if own else f"dtype {array.dtype}"
        raise TypeError(f"{name}: expected real numbers, got {got}")
    if array.dtype == dtype:  # np.errstate takes as long as all the rest
        result = np.array(array, order="C", copy=True)
    else:
        with np.errstate(over="ignore"):
            result = np.array(array, dtype=dtype, order="C", copy=True)
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        place = f" at index {where}" if where else ""
        raise ValueError(
            f"{name}: expected finite {result.dtype} numbers, got {array[where].item()!r}{place}"
        )
    return result


def hyperparameter(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, whole: bool = False
) -> float | np.ndarray:
    """Check a finite number in [low, high], or a read-only array of them, one for each restart.

    With `whole`, numbers must be whole.
    """
    if type(value) in (float, int) and low <= value <= high and not whole:
        number = float(value)
        if math.isfinite(number):
            return number
    array = real_array(name, value)
    if np.asarray(value).dtype == bool:
        raise TypeError(f"{name}: expected real numbers, got dtype bool")
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            f"{name}: expected a number or an array of shape (restarts,), got {shown(array)}"
        )
    outside = (array < low) | (array > high)
    if whole:
        outside |= array != np.floor(array)
    if outside.any():
        kind = "whole numbers" if whole else "numbers"
        bounds = f">= {low:.9g}" if high == math.inf else f"from {low:.9g} to {high:.9g}"
        raise ValueError(
            f"{name}: expected {kind} {bounds}, got {float(np.extract(outside, array)[0])!r}"
        )
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def per_restart(
    owner: str, values: dict[str, float | np.ndarray], restarts: int, dtype: np.dtype
) -> np.ndarray:
    """Convert hyperparameters to rows: ``(1, n)``, or ``(restarts, n)`` if any is an array."""
    if all(type(value) is float for value in values.values()) and dtype == np.float64:
        return np.array([list(values.values())], dtype=dtype)
    for name, value in values.items():
        if np.ndim(value) and len(np.atleast_1d(value)) != restarts:
            raise ValueError(
                f"{owner}({name}=): expected a number or an array of shape ({restarts},), one for "
                f"each restart, got {shown(np.asarray(value))}"
            )
    columns = np.broadcast_arrays(*(np.atleast_1d(value) for value in values.values()))
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(np.stack(columns, axis=1).astype(dtype))
    if not np.isfinite(rows).all() or np.any((rows == 0) != (np.stack(columns, axis=1) == 0)):
        raise ValueError(
            f"{owner}: expected numbers that fit {dtype}, got numbers outside its range"
        )
    return rows


def check_keys(name: str, given: Any, keys: set[str]) -> None:
    """Raise ValueError unless `given` is a dict with exactly these keys."""
    if not isinstance(given, dict) or {*given} != keys:
        raise ValueError(f"{name}: expected {', '.join(sorted(keys))}, got {shown(given)}")


def float_type(value: Any) -> np.dtype:
    """Convert `value` to the dtype float64 or float32."""
    dtype: np.dtype | None
    try:
        dtype = np.dtype(value)
    except Exception:  # numpy raises several kinds
        dtype = None
    if value is None or dtype not in (np.float64, np.float32):
        raise ValueError(
            f"dtype: expected float64 or float32, got {shown(value)}{hint(value, FLOATS)}"
        )
    return dtype
