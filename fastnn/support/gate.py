"""The gate: what every array passes before compiled code reads it, or a result keeps it.

Compiled code takes an address on trust: for an array of another shape, type or order it reads what
is not there, or other numbers.  So addresses are given out here alone, for arrays that lie as
kernels read them; `fastnn.kernels.workspace.Plan.point` writes them into launch records, which keep
the arrays.

Results keep arrays that nobody changes.  An array that may still be changed through another name,
such as one that a caller holds, a view of one, or a file that is mapped into memory, is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import addressof, c_byte
from typing import Any

import numpy as np

from .checks import shown

_exported: Callable[[Any], Any] = c_byte.from_buffer


def check_array(name: str, array: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """TypeError for what is no array, ValueError for one of another shape or dtype."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask, got {shown(array)}")
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name}: expected shape {shape} and dtype {dtype}, got an array of shape "
            f"{array.shape} and dtype {array.dtype}"
        )


def address_of(name: str, array: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """The address of an array's numbers; whoever asks for it keeps the array.

    Raises
    ------
    TypeError, ValueError
        If it is no plain array of that dtype and shape, aligned and in C order.
    """
    if type(array) is np.ndarray and array.dtype == dtype and array.shape == shape:
        flags = array.flags
        if flags.carray and array.size:  # writable too: half the time of what follows
            return addressof(_exported(array))
        if flags.c_contiguous and flags.aligned:
            address: int = array.__array_interface__["data"][0]
            return address
    check_array(name, array, dtype, shape)
    raise ValueError(f"{name}: expected a plain array, aligned and in C order, got one that is not")


def frozen(array: np.ndarray) -> np.ndarray:
    """An array of our own, which from now on nobody changes."""
    array.flags.writeable = False
    if isinstance(array.base, np.ndarray):
        frozen(array.base)
    return array


def kept(name: str, array: Any, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array as results keep it: plain, read-only, aligned and in C order.

    It is copied if it lies otherwise, or if somebody may still change it.

    Raises
    ------
    TypeError, ValueError
        If it is no array of that dtype, in any order of bytes, and shape, or if it has a mask.
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
    """Whether an array and all whose memory it shares are read-only."""
    while type(array) is np.ndarray and not array.flags.writeable:
        if array.base is None:
            return True
        array = array.base
    return False
