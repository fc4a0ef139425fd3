"""A scaling for each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ..support.checks import real_array, shown
from ..support.frames import Names
from ..support.gate import check_array
from .scaling import Scaling


class Scalings(Sequence[Scaling]):
    """A sequence of scalings of the same columns, kept as two arrays.

    Parameters
    ----------
    mean, scale : (groups, columns) array of float
        As of `Scaling`, a row for each.
    names : tuple of str, optional
    log : bool, default False
    """

    def __init__(
        self, mean: np.ndarray, scale: np.ndarray, *, names: Names | None = None, log: bool = False
    ) -> None:
        self.mean, self.scale, self.names, self.log = mean, scale, names, log

    def __len__(self) -> int:
        return len(self.mean)

    @overload
    def __getitem__(self, place: int) -> Scaling: ...

    @overload
    def __getitem__(self, place: slice) -> Scalings: ...

    def __getitem__(self, place: int | slice) -> Scaling | Scalings:
        kind = Scalings if isinstance(place, slice) else Scaling
        return kind(self.mean[place], self.scale[place], names=self.names, log=self.log)

    def of_rows(self, groups: np.ndarray) -> Scalings:
        """The scaling of each row, by the number of its group."""
        return Scalings(self.mean[groups], self.scale[groups], names=self.names, log=self.log)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scale `values`, a row by each scaling, as networks see them."""
        seen: np.ndarray = (values - self.mean) / self.scale
        return seen

    def undo(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `apply`, and of the logarithm."""
        meant: np.ndarray = values * self.scale + self.mean
        if self.log:
            with np.errstate(over="ignore"):  # to infinity
                meant = np.exp(meant)
        return meant


def check_scalings(
    name: str, value: Any, groups: int, columns: int, *, log: bool
) -> Scaling | Scalings | None:
    """Check the scaling of all groups, or one for each; `log`: it may be one of logarithms.

    Raises
    ------
    TypeError, ValueError
        If it is not a scaling of so many columns, or not one for each group.
    """
    if value is None:
        return None
    scaling: Scaling | Scalings = value
    if isinstance(value, Scaling):
        _stacked(name, [value], columns)
    else:
        stacked = value if isinstance(value, Scalings) else _stacked(name, value, columns)
        if len(stacked) != groups:
            raise ValueError(
                f"{name}: expected {groups} scalings, one for each label, got {len(stacked)}"
            )
        scaling = _checked(name, stacked, (groups, columns))
    if scaling.log and not log:
        raise ValueError(f"{name}: expected a scaling without log, got one of logarithms")
    return scaling


def _stacked(name: str, every: Any, columns: int) -> Scalings:
    """The scalings as arrays; they have the same names, and all or none are of logarithms."""
    if (
        not isinstance(every, Sequence)
        or not every
        or not all(isinstance(one, Scaling) for one in every)
    ):
        raise TypeError(
            f"{name}: expected a fastnn.Scaling, or a sequence of one for each label, got "
            f"{shown(every)}"
        )
    for place, one in enumerate(every):
        if len(one.mean) != columns:
            where = f" at index {place}" if len(every) > 1 else ""
            raise ValueError(
                f"{name}: expected a scale for {columns} columns, got {len(one.mean)}{where}"
            )
        if (one.names, one.log) != (every[0].names, every[0].log):
            raise ValueError(
                f"{name}: expected scalings alike in names and log, got another at index {place}"
            )
    mean, scale = (np.array([getattr(one, part) for one in every]) for part in ("mean", "scale"))
    return Scalings(mean, scale, names=every[0].names, log=every[0].log)


def _checked(name: str, every: Scalings, shape: tuple[int, int]) -> Scalings:
    """The scalings with checked arrays that cannot change, as those of files may be wrong."""
    mean, scale = real_array(f"{name}.mean", every.mean), real_array(f"{name}.scale", every.scale)
    for array in (mean, scale):
        check_array(name, array, np.dtype(np.float64), shape)
        array.flags.writeable = False
    if not (scale > 0).all():
        raise ValueError(f"{name}: expected positive scales, got {scale.min()}")
    return Scalings(mean, scale, names=every.names, log=every.log)
