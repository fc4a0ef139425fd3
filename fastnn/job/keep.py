"""Results to keep: columns, the best restarts, or statistics alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..spec.status import EPOCH_LIMIT, Status
from ..support.checks import by_name, integer, shown
from ..support.gate import kept
from ..support.machine import physical_memory
from ..support.suggestions import hint
from .job import Job

COLUMNS = ("loss", "epochs", "status", "parameters", "state")
NAMED = {"all": COLUMNS, "parameters": COLUMNS[:4], "outcomes": COLUMNS[:3], "statistics": ()}
KEEP_LIMIT = 2**30
"""Bytes of results that are kept by default."""
AT_ONCE = 2**18
"""Rows that are checked at once, so that checking ten million takes no memory of that size."""
# By size of an integer, the type of an unsigned one.
_UNSIGNED = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


@by_name
@dataclass(frozen=True)
class Best:
    """Value of `keep`: only the n restarts of lowest loss, and statistics of all.

    With groups these are the n restarts of each group.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 1.
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", integer("n", self.n, 1))


class Keep(NamedTuple):
    """The checked form of `keep`."""

    columns: tuple[str, ...]
    """Names from `COLUMNS`, in that order."""
    best: int = 0
    """Number of restarts of lowest loss to keep, of each group if there are any; 0 keeps all."""
    statistics: bool = False
    """True if statistics of all restarts are kept."""

    @property
    def rows(self) -> bool:
        """True if there is a row for every restart."""
        return bool(self.columns) and not self.best

    @property
    def name(self) -> str:
        """The name as a caller writes it."""
        if self.best:
            return f"Best({self.best})"
        named = [name for name, columns in NAMED.items() if columns == self.columns]
        return repr(named[0] if named else list(self.columns))

    def types(self, job: Job) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """The columns of a part or a shard, in order: type, and shape of a row.

        Those of the best restarts have a "restart", since they are not consecutive.
        """
        names = (*self.columns, "restart") if self.best else self.columns
        return {name: job.column_types[name] for name in names}

    def row_bytes(self, job: Job) -> int:
        """Bytes of a row of these columns."""
        return sum(dtype.itemsize * math.prod(shape) for dtype, shape in self.types(job).values())

    def most_rows(self, job: Job) -> int:
        """Maximum number of rows to keep."""
        if not self.best:
            return job.restarts
        if job.groups is None:
            return min(self.best, job.restarts)
        return job.groups.count * min(self.best, job.groups.restarts)


def result_types(job: Job) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """The types of all columns of results in memory, which count epochs as int64."""
    return job.column_types | {"epochs": (np.dtype(np.int64), ())}


def result_columns(
    job: Job, indices: Any, columns: Mapping[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Indices and columns as results in memory keep them, in order, without those that are None.

    Raises
    ------
    TypeError, ValueError
        If one has the wrong shape or dtype, or numbers that no restart can have.
    """
    rows, made = np.size(indices), {}
    for name, (dtype, shape) in result_types(job).items():
        if columns.get(name) is not None or name == "status":
            made[name] = kept(name, columns.get(name), dtype, (rows, *shape))
    indices = kept("restart", indices, np.dtype(np.int64), (rows,))
    check_ranges(job, indices, made)
    return indices, made


def check_ranges(job: Job, indices: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Raise unless restarts of these indices can have ended like this.

    Raises
    ------
    ValueError
        If an index is not in the job, a status is not in `Status`, or epochs are outside the range
        that the job and the status allow.
    """
    for start in range(0, len(indices), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        _check_rows(job, indices[rows], {name: values[rows] for name, values in columns.items()})


def _check_rows(job: Job, indices: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    status, epochs = columns.get("status"), columns.get("epochs")
    if _outside(indices - job.first, job.restarts - 1):
        raise ValueError(
            f"restart: expected indices of the job, from {job.first} to "
            f"{job.first + job.restarts - 1}, got indices outside this range"
        )
    if status is not None and _outside(status, len(Status) - 1):
        raise ValueError("status: expected values of fastnn.Status, got other numbers")
    if epochs is None:
        return
    made = epochs.astype(np.int64, copy=False) - job.epochs_before(indices)
    if _outside(made, job.epochs):
        raise ValueError(
            f"epochs: expected numbers from 0 to {job.epochs}, not counting earlier epochs, got "
            f"numbers from {made.min()} to {made.max()}"
        )
    if status is not None and (made[status == EPOCH_LIMIT] != job.epochs).any():
        raise ValueError(
            f"epochs: expected {job.epochs} with status EPOCH_LIMIT, got other numbers"
        )


def _outside(numbers: np.ndarray, highest: int) -> bool:
    """Return whether any of these integers is below 0 or above `highest`."""
    unsigned = numbers.view(_UNSIGNED[numbers.itemsize])  # negative numbers become large
    return bool(unsigned.size) and int(unsigned.max()) > highest


def make_keep(keep: Any, job: Job, *, on_disk: bool = False) -> Keep:
    """Convert `keep` to columns; None keeps what fits `KEEP_LIMIT`, and refuses more.

    On disk there is more room than in memory for columns asked for by name.
    """
    asked = _asked(keep)
    if asked is not None:
        rows = asked.most_rows(job)
        size, memory = rows * asked.row_bytes(job), physical_memory()
        if size > memory and not (on_disk and not asked.best):
            raise ValueError(
                f"keep: {rows:,} restarts would take {size / 2**30:.1f} GiB, more than the "
                f"{memory / 2**30:.1f} GiB of this machine; keep less, such as keep='statistics', "
                "or write to a folder with out="
            )
        return asked
    for name in ("all", "parameters"):
        made = Keep(NAMED[name])
        if job.restarts * made.row_bytes(job) <= KEEP_LIMIT:
            return made
    sizes = {
        name: f"{job.restarts * Keep(NAMED[name]).row_bytes(job) / 2**30:.1f} GiB"
        for name in ("parameters", "outcomes")
    }
    raise ValueError(
        f"keep: {job.restarts:,} restarts would take {sizes['parameters']}; expected "
        f"keep='outcomes' ({sizes['outcomes']} without parameters, which runs.restart(k) computes "
        "again), keep='statistics', keep=fastnn.Best(n), or keep='parameters'"
    )


def _asked(keep: Any) -> Keep | None:
    """Convert `keep` to columns; None if nothing was asked for."""
    if keep is None:
        return None
    if isinstance(keep, Best):
        return Keep(NAMED["parameters"], best=keep.n, statistics=True)
    if isinstance(keep, str) and keep in NAMED:
        return Keep(NAMED[keep], statistics=not NAMED[keep])
    expected = (
        f"{', '.join(map(repr, NAMED))}, fastnn.Best(n), a list of names from "
        f"{', '.join(COLUMNS)}, or None"
    )
    if not isinstance(keep, list | tuple) or not keep:
        raise (ValueError if isinstance(keep, str) else TypeError)(
            f"keep: expected {expected}, got {shown(keep)}{hint(keep, NAMED)}"
        )
    for name in keep:
        if name not in COLUMNS:
            raise ValueError(
                f"keep: expected {expected}, got {shown(name)} among them{hint(name, COLUMNS)}"
            )
    # All columns need the status, which says which restarts have ended.
    return Keep(tuple(name for name in COLUMNS if name in {*keep, "status"}))
