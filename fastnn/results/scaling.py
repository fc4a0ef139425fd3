"""The scaling of columns to what a network sees, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import real_array, shown
from ..support.frames import Names, checked_names, take_columns
from ..support.suggestions import suggests


@dataclass(frozen=True, init=False, eq=False)
class Scaling:
    """A scale for each column: networks see ``(value - mean) / scale``, or that of the logarithm.

    Parameters
    ----------
    mean : (n,) array of float
        Finite.
    scale : (n,) array of float
        Finite and positive.
    names : sequence of str, optional
        Names of the columns.  With them, the columns of data frames are taken by name, in any
        order, and others are left out.  Arrays go by position.
    log : bool, default False
        If True, the values are positive, and networks see ``(log(value) - mean) / scale``.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    mean: np.ndarray
    scale: np.ndarray
    names: Names | None = None
    log: bool = False

    @suggests
    def __init__(
        self,
        mean: ArrayLike,
        scale: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        log: bool = False,
    ) -> None:
        for name, value in (("mean", mean), ("scale", scale)):
            array = real_array(name, value)
            if array.ndim != 1 or len(array) == 0:
                raise ValueError(f"{name}: expected an array of shape (n,), got {shown(value)}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if len(self.mean) != len(self.scale):
            raise ValueError(
                f"scale: expected {len(self.mean)} numbers, as many as mean, got {len(self.scale)}"
            )
        if not (self.scale > 0).all():
            raise ValueError(f"scale: expected positive numbers, got {self.scale.min()}")
        if not isinstance(log, bool | np.bool_):
            raise TypeError(f"log: expected True or False, got {shown(log)}")
        object.__setattr__(self, "names", checked_names("names", names, len(self.mean)))
        object.__setattr__(self, "log", bool(log))

    @classmethod
    def of(cls, columns: ArrayLike, *, log: bool = False) -> Scaling:
        """Scale columns to mean 0 and standard deviation 1; constant columns get scale 1.

        Parameters
        ----------
        columns : (n, columns) array or data frame of float
            The names of a frame's columns are kept.
        log : bool, default False
            If True, the logarithms of the values, which must be positive, are scaled.
        """
        values, names = take_columns("columns", columns)
        array = real_array("columns", values)
        if array.ndim != 2 or array.size == 0:
            raise ValueError(
                f"columns: expected an array of shape (n, columns), got shape {array.shape}"
            )
        if log:
            array = _logarithms("columns", array)
        # Around a value of the column itself, so that constant columns deviate by exactly 0.
        shifted = array - array[0]
        deviation = shifted.std(axis=0)
        constant = (shifted == 0).all(axis=0) | (deviation == 0)
        scale = np.where(constant, 1.0, deviation)
        return cls(array[0] + shifted.mean(axis=0), scale, names=names, log=log)

    def apply(self, values: ArrayLike) -> np.ndarray:
        """Scale `values`, an array or a data frame, as the network sees them."""
        columns = self._columns(values)
        if self.log:
            columns = _logarithms("values", columns)
        seen: np.ndarray = (columns - self.mean) / self.scale
        return seen

    def undo(self, values: ArrayLike) -> np.ndarray:
        """The inverse of `apply`."""
        meant: np.ndarray = self._columns(values) * self.scale + self.mean
        if self.log:
            with np.errstate(over="ignore"):  # to infinity
                meant = np.exp(meant)
        return meant

    def _columns(self, values: ArrayLike) -> np.ndarray:
        columns, _ = take_columns("values", values, self.names)
        if columns is not values and columns.shape[1] != len(self.mean):
            raise ValueError(
                f"values: expected a data frame of {len(self.mean)} columns, got {columns.shape[1]}"
            )
        array: np.ndarray = columns
        return array


def _logarithms(name: str, values: np.ndarray) -> np.ndarray:
    numbers = np.asarray(values)
    if not (numbers > 0).all():
        raise ValueError(
            f"{name}: expected positive numbers for a scaling of logarithms, got {numbers.min()}"
        )
    logarithms: np.ndarray = np.log(numbers)
    return logarithms
