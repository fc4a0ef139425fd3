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
    """A scale for each column: networks see ``(value - mean) / scale``.

    Parameters
    ----------
    mean : (n,) array of float
        Finite.
    scale : (n,) array of float
        Finite and positive.
    names : sequence of str, optional
        Names of the columns.  With them, the columns of data frames are taken by name, in any
        order, and others are left out.  Arrays go by position.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    mean: np.ndarray
    scale: np.ndarray
    names: Names | None = None

    @suggests
    def __init__(
        self, mean: ArrayLike, scale: ArrayLike, *, names: Sequence[str] | None = None
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
        object.__setattr__(self, "names", checked_names("names", names, len(self.mean)))

    @classmethod
    def of(cls, columns: ArrayLike) -> Scaling:
        """Scale columns to mean 0 and standard deviation 1; constant columns get scale 1.

        Parameters
        ----------
        columns : (n, columns) array or data frame of float
            The names of a frame's columns are kept.
        """
        values, names = take_columns("columns", columns)
        array = real_array("columns", values)
        if array.ndim != 2 or array.size == 0:
            raise ValueError(
                f"columns: expected an array of shape (n, columns), got shape {array.shape}"
            )
        # Around a value of the column itself, so that constant columns deviate by exactly 0.
        shifted = array - array[0]
        deviation = shifted.std(axis=0)
        constant = (shifted == 0).all(axis=0) | (deviation == 0)
        scale = np.where(constant, 1.0, deviation)
        return cls(array[0] + shifted.mean(axis=0), scale, names=names)

    def apply(self, values: ArrayLike) -> np.ndarray:
        """Scale `values`, an array or a data frame, as the network sees them."""
        seen: np.ndarray = (self._columns(values) - self.mean) / self.scale
        return seen

    def undo(self, values: ArrayLike) -> np.ndarray:
        """The inverse of `apply`."""
        meant: np.ndarray = self._columns(values) * self.scale + self.mean
        return meant

    def _columns(self, values: ArrayLike) -> np.ndarray:
        columns, _ = take_columns("values", values, self.names)
        if columns is not values and columns.shape[1] != len(self.mean):
            raise ValueError(
                f"values: expected a data frame of {len(self.mean)} columns, got {columns.shape[1]}"
            )
        array: np.ndarray = columns
        return array
