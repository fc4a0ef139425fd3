"""The gate that every array passes before compiled code reads it, or a result keeps it.

Compiled code trusts addresses: with an array of another shape, type or order it would read out of
bounds, or wrong numbers.  So addresses are taken only here, for arrays with the layout that kernels
read; `fastnn.kernels.workspace.Plan.point` writes them into launch records, which keep the arrays
alive.

Results keep arrays that cannot change.  An array that may still be changed elsewhere, such as a
caller's array, a view, or a memory-mapped file, is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CFUNCTYPE, c_double, c_float, c_void_p
from typing import Any

import numpy as np

from .checks import shown


def _slow_address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _quick_address(array: np.ndarray) -> int:
    """Read the first field of NumPy's array object, which its binary interface fixes.

    It takes 0.2 us, and the documented way 1.0 us, of which a call of `train` asks twenty times.
    """
    return c_void_p.from_address(id(array) + object.__basicsize__).value or 0


_sample = np.zeros(1)
_address = _quick_address if _quick_address(_sample) == _slow_address(_sample) else _slow_address


def check_array(name: str, array: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raise TypeError unless `array` is an array, ValueError for another shape or dtype."""
    # Importing `numpy.ma` takes 8 ms, so plain arrays avoid it.
    if type(array) is not np.ndarray and (
        not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray)
    ):
        raise TypeError(f"{name}: expected an array without a mask, got {shown(array)}")
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name}: expected shape {shape} and dtype {dtype}, got an array of shape "
            f"{array.shape} and dtype {array.dtype}"
        )


def address_of(name: str, array: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """The address of an array's numbers; the caller keeps the array alive.

    Raises
    ------
    TypeError, ValueError
        If it is not a plain array of that dtype and shape, aligned and in C order.
    """
    if type(array) is np.ndarray and array.dtype == dtype and array.shape == shape:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return _address(array)
    check_array(name, array, dtype, shape)
    raise ValueError(f"{name}: expected a plain array, aligned and in C order, got one that is not")


def function_at(address: int, dtype: np.dtype, arguments: int = 1) -> Callable[..., float]:
    """The machine code at an address, a function of numbers, called with the numbers themselves."""
    number = c_double if dtype == np.float64 else c_float
    return CFUNCTYPE(number, *[number] * arguments)(address)


def frozen(array: np.ndarray) -> np.ndarray:
    """Make our own array read-only."""
    array.flags.writeable = False
    if isinstance(array.base, np.ndarray):
        frozen(array.base)
    return array


def kept(name: str, array: Any, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Convert an array for results: plain, read-only, aligned and in C order.

    It is copied if its layout differs, or if it may still be changed.

    Raises
    ------
    TypeError, ValueError
        If it is not an array of that dtype (in any byte order) and shape, or if it has a mask.
    """
    if type(array) is np.ndarray and array.dtype == dtype and array.shape == shape:
        flags = array.flags
        if flags.c_contiguous and flags.aligned and _is_frozen(array):
            return array
    swapped = isinstance(array, np.ndarray) and array.dtype == dtype.newbyteorder()
    check_array(name, array, dtype.newbyteorder() if swapped else dtype, shape)
    plain = np.array(array, dtype=dtype, order="C")
    plain.flags.writeable = False
    return plain


def _is_frozen(array: np.ndarray) -> bool:
    """Return whether an array, and every array whose memory it shares, is read-only."""
    while type(array) is np.ndarray and not array.flags.writeable:
        if array.base is None:
            return True
        array = array.base
    return False
