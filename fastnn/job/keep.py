"""What is kept of the restarts: columns, the best, or statistics alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..spec.status import Status
from ..support.checks import by_name, integer, shown
from ..support.gate import kept
from ..support.machine import physical_memory
from ..support.suggestions import hint
from .job import Job

COLUMNS = ("loss", "epochs", "status", "parameters", "state")
NAMED = {"all": COLUMNS, "parameters": COLUMNS[:4], "outcomes": COLUMNS[:3], "statistics": ()}
KEEP_LIMIT = 2**30
"""Bytes of results that are kept without being asked for."""


@by_name
@dataclass(frozen=True)
class Best:
    """For `keep`: only the n restarts of the lowest loss, and statistics of all.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If it is not such a number.
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", integer("n", self.n, 1))


@dataclass(frozen=True)
class Keep:
    """What is kept of every restart, or of the best, in its checked form."""

    columns: tuple[str, ...]
    """Of `COLUMNS`, in that order."""
    best: int = 0
    """If not 0, only of so many restarts of the lowest loss."""
    statistics: bool = False
    """Whether statistics of all restarts are taken."""

    @property
    def rows(self) -> bool:
        """Whether there is a row for every restart."""
        return bool(self.columns) and not self.best

    @property
    def name(self) -> str:
        """As a caller writes it."""
        if self.best:
            return f"Best({self.best})"
        named = [name for name, columns in NAMED.items() if columns == self.columns]
        return repr(named[0] if named else list(self.columns))


def result_columns(
    job: Job, indices: Any, columns: Mapping[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Indices and columns as results in memory keep them, in order; None are left out.

    Raises
    ------
    TypeError, ValueError
        If one is not of its shape and dtype, or its numbers are such as no restart has.
    """
    rows, made = np.size(indices), {}
    for name, (dtype, shape) in job.column_types.items():
        if columns.get(name) is not None or name == "status":
            dtype = np.dtype(np.int64) if name == "epochs" else dtype
            made[name] = kept(name, columns.get(name), dtype, (rows, *shape))
    indices = kept("restart", indices, np.dtype(np.int64), (rows,))
    check_ranges(job, indices, made)
    return indices, made


def check_ranges(job: Job, indices: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Whether restarts of these indices can have ended so.

    Raises
    ------
    ValueError
        If an index is none of the job's, a status none of `Status`, or epochs are not in the range
        that the job and the status leave.
    """
    status, epochs = columns.get("status"), columns.get("epochs")
    if _outside(indices - job.first, job.restarts - 1):
        raise ValueError(
            f"restart: expected indices of the job, from {job.first} to "
            f"{job.first + job.restarts - 1}, got others"
        )
    if status is not None and _outside(status, len(Status) - 1):
        raise ValueError("status: expected numbers of fastnn.Status, got others")
    if epochs is None:
        return
    made = epochs.astype(np.int64, copy=False) - job.epochs_before(indices)
    if _outside(made, job.epochs):
        raise ValueError(
            f"epochs: expected numbers from 0 to {job.epochs}, those of before not counted, got "
            f"others, from {made.min()} to {made.max()}"
        )
    if status is not None and (made[status == Status.EPOCH_LIMIT] != job.epochs).any():
        raise ValueError(f"epochs: expected {job.epochs} with status EPOCH_LIMIT, got others")


def _outside(numbers: np.ndarray, highest: int) -> bool:
    """Whether any of these integers is below 0 or above `highest`."""
    unsigned = numbers.view(f"u{numbers.itemsize}")  # where negative ones are large
    return bool(unsigned.size) and int(unsigned.max()) > highest


def row_bytes(job: Job, columns: tuple[str, ...]) -> int:
    """Bytes of a row of these columns."""
    types = job.column_types
    return sum(types[name][0].itemsize * math.prod(types[name][1]) for name in columns)


def make_keep(keep: Any, job: Job, *, on_disk: bool = False) -> Keep:
    """`keep` as columns; None keeps what fits `KEEP_LIMIT`, and refuses more.

    On disk there is more room than in memory, for what is asked for by name.
    """
    asked = _asked(keep)
    if asked is not None:
        rows = min(asked.best, job.restarts) if asked.best else job.restarts
        size, memory = rows * row_bytes(job, asked.columns), physical_memory()
        if size > memory and not (on_disk and not asked.best):
            raise ValueError(
                f"keep: {rows:,} restarts would take {size / 2**30:.1f} GiB, more than the "
                f"{memory / 2**30:.1f} GiB of this machine; expected less, such as "
                "keep='statistics', or a folder out="
            )
        return asked
    for name in ("all", "parameters"):
        if job.restarts * row_bytes(job, NAMED[name]) <= KEEP_LIMIT:
            return Keep(NAMED[name])
    sizes = {
        name: f"{job.restarts * row_bytes(job, NAMED[name]) / 2**30:.1f} GiB"
        for name in ("parameters", "outcomes")
    }
    raise ValueError(
        f"keep: {job.restarts:,} restarts would take {sizes['parameters']}; expected "
        f"keep='outcomes' ({sizes['outcomes']} without their parameters, any of which "
        "runs.restart(k) gives), keep='statistics', keep=fastnn.Best(n), or keep='parameters'"
    )


def _asked(keep: Any) -> Keep | None:
    """`keep` as columns, None if nothing was asked for."""
    if keep is None:
        return None
    if isinstance(keep, Best):
        return Keep(NAMED["parameters"], best=keep.n, statistics=True)
    if isinstance(keep, str) and keep in NAMED:
        return Keep(NAMED[keep], statistics=not NAMED[keep])
    expected = (
        f"{', '.join(map(repr, NAMED))}, fastnn.Best(n), a list of names out of "
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
    # Which restarts have ended is needed of any column.
    return Keep(tuple(name for name in COLUMNS if name in {*keep, "status"}))


def best_rows(columns: Mapping[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Of columns with "restart": the n rows of the lowest finite loss, ties to the lowest index."""
    loss, index = columns["loss"], columns["restart"]
    there = np.flatnonzero(np.isfinite(loss) & (columns["status"] != Status.NOT_RUN))
    if len(there) > n:  # all that may be among them, with ties
        there = there[loss[there] <= np.partition(loss[there], n - 1)[n - 1]]
    chosen = there[np.lexsort((index[there], loss[there]))[:n]]
    return {name: values[chosen] for name, values in columns.items()}
