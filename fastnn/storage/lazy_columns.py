"""Columns stored in many files, seen as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..spec.status import StatusCodes
from ..support.checks import as_array, shown

Ranges = list[tuple[int, int]]


def _ends(ranges: Ranges) -> np.ndarray:
    """The position after the last row of each shard."""
    return np.cumsum([stop - start for start, stop in ranges], dtype=np.int64)


class _Lazy(NDArrayOperatorsMixin):
    """The base of columns and indices: positions, and conversion to an array.

    Operators such as ``<`` and NumPy's functions read the whole column.
    """

    ranges: Ranges
    dtype: np.dtype
    row_shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges)

    @property
    def shape(self) -> tuple[int, ...]:
        """Same as for an array."""
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        """Same as for an array."""
        return 1 + len(self.row_shape)

    def shards(self) -> Iterator[np.ndarray]:
        """The column shard by shard."""
        raise NotImplementedError

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The rows at `positions`."""
        raise NotImplementedError

    def positions(self, key: Any) -> np.ndarray | slice:
        """Positions selected by a boolean mask, a slice or an array of positions."""
        if isinstance(key, slice):
            return slice(*key.indices(len(self)))
        chosen = as_array(key)
        if chosen.ndim != 1 or (chosen.dtype.kind not in "biu" and chosen.size):
            raise TypeError(
                "expected a boolean mask, a slice or an array of positions, got "
                f"{shown(chosen[()])}"
            )
        if chosen.dtype.kind == "b":
            if len(chosen) != len(self):
                raise IndexError(f"mask: expected length {len(self)}, got {len(chosen)}")
            return np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        outside = (chosen < -len(self)) | (chosen >= len(self))
        if outside.any():
            raise IndexError(
                f"positions: expected numbers from {-len(self)} to {len(self) - 1}, got "
                f"{int(chosen[outside][0])}"
            )
        return np.where(chosen < 0, chosen + len(self), chosen)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            return self.take(self.positions([key]))[0]
        return self.take(self.positions(key))

    def __iter__(self) -> Iterator[Any]:
        for shard in self.shards():
            yield from shard

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a column on disk cannot become an array without a copy")
        whole = self.take(slice(0, len(self), 1))
        return whole if dtype is None else whole.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if "out" in options:  # files are read-only
            return NotImplemented
        arrays = [item[:] if isinstance(item, _Lazy) else item for item in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __repr__(self) -> str:
        return f"<column on disk, shape {self.shape}, dtype {self.dtype}>"


class Column(_Lazy):
    """A column of a run directory: read a part with ``column[…]``, or all with `numpy.asarray`."""

    def __init__(
        self,
        ranges: Ranges,
        read: Callable[[int], np.ndarray],
        dtype: np.dtype,
        row_shape: tuple[int, ...],
    ) -> None:
        """Make a column; `ranges` are the indices of each shard, in order, and `read` reads one."""
        self.ranges = ranges
        self.dtype = dtype
        self.row_shape = row_shape
        self._read = read
        self._ends = _ends(ranges)

    def shards(self) -> Iterator[np.ndarray]:
        """The column shard by shard, with the types of the files: epochs in the smallest type."""
        return map(self._read, range(len(self.ranges)))

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The rows at `positions`, which lie within the column."""
        if isinstance(positions, slice):
            if positions.step != 1:
                positions = np.arange(positions.start, positions.stop, positions.step)
            else:
                return self._slice(positions.start, max(positions.start, positions.stop))
        result = np.empty((len(positions), *self.row_shape), dtype=self.dtype)
        if not len(positions):
            return result
        shard = np.searchsorted(self._ends, positions, side="right")
        order = np.argsort(shard, kind="stable")
        numbers, first = np.unique(shard[order], return_index=True)
        for i, rows in zip(numbers, np.split(order, first[1:]), strict=True):
            start = self._ends[i] - (self.ranges[i][1] - self.ranges[i][0])
            result[rows] = self._read(int(i))[positions[rows] - start]
        return result

    def _slice(self, start: int, stop: int) -> np.ndarray:
        result = np.empty((stop - start, *self.row_shape), dtype=self.dtype)
        reached = start
        for i in range(int(np.searchsorted(self._ends, start, side="right")), len(self.ranges)):
            if reached >= stop:
                break
            begin = int(self._ends[i]) - (self.ranges[i][1] - self.ranges[i][0])
            end = min(stop, int(self._ends[i]))
            result[reached - start : end - start] = self._read(i)[reached - begin : end - begin]
            reached = end
        return result


class StatusColumn(Column):
    """A column of statuses, which compares with their names."""

    def shards(self) -> Iterator[np.ndarray]:
        """The column shard by shard."""
        return (shard.view(StatusCodes) for shard in super().shards())

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The rows at `positions`, which lie within the column."""
        return super().take(positions).view(StatusCodes)


class Indices(_Lazy):
    """The indices of the stored restarts."""

    dtype = np.dtype(np.int64)

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self._ends = _ends(ranges)
        self._starts = np.array([start for start, _ in ranges], dtype=np.int64)
        self._stops = np.array([stop for _, stop in ranges], dtype=np.int64)

    def shards(self) -> Iterator[np.ndarray]:
        """The indices shard by shard."""
        return (np.arange(start, stop, dtype=np.int64) for start, stop in self.ranges)

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The indices at `positions`."""
        if isinstance(positions, slice):
            positions = np.arange(positions.start, positions.stop, positions.step)
        shard = np.searchsorted(self._ends, positions, side="right")
        return np.asarray(self._stops[shard] - self._ends[shard] + positions)

    def mapped(
        self, function: Callable[[np.ndarray], np.ndarray], dtype: np.dtype
    ) -> _FunctionOfIndices:
        """A column that is a function of the indices."""
        return _FunctionOfIndices(self, function, dtype)

    def find(self, indices: np.ndarray) -> np.ndarray:
        """The positions of the restarts with these indices; -1 for missing ones."""
        wanted = np.asarray(indices).astype(np.int64)
        shard = np.searchsorted(self._stops, wanted, side="right")
        found = np.full(len(wanted), -1, dtype=np.int64)
        inside = shard < len(self._stops)
        inside[inside] = self._starts[shard[inside]] <= wanted[inside]
        rows = shard[inside]
        found[inside] = self._ends[rows] - self._stops[rows] + wanted[inside]
        return found


class _FunctionOfIndices(_Lazy):
    """Labels, or other numbers, that follow from the indices alone."""

    def __init__(
        self, indices: Indices, function: Callable[[np.ndarray], np.ndarray], dtype: np.dtype
    ) -> None:
        self.indices, self.function, self.dtype = indices, function, dtype
        self.ranges = indices.ranges

    def shards(self) -> Iterator[np.ndarray]:
        """The column shard by shard."""
        return map(self.function, self.indices.shards())

    def take(self, positions: np.ndarray | slice) -> np.ndarray:
        """The rows at `positions`."""
        return self.function(self.indices.take(positions))
