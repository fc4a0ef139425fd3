"""Results of a sweep in the shape of its grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.job import Job
from ..spec.status import Status
from ..support.checks import as_array, shown
from ..support.suggestions import hint

if TYPE_CHECKING:
    from .runs import Runs


def grid_cells(runs: Runs, job: Job, values: Any) -> np.ndarray:
    """One number for each cell of the grid: see `Runs.in_grid`."""
    grid, groups = job.grid, job.groups
    total = 0 if grid is None else grid.restarts * (1 if groups is None else groups.count)
    if grid is None or not np.array_equal(runs.indices, np.arange(total)):
        raise ValueError(
            "in_grid: expected all restarts of train_many(…, grid=fastnn.Grid(…)) in order, got "
            f"{len(runs)} restarts" + ("" if grid is None else f" of {total}")
        )
    wanted = Status.CONVERGED if job.has_targets else Status.EPOCH_LIMIT
    columns: dict[str, Callable[[], np.ndarray]] = {
        "success": lambda: (runs.status == Status.CONVERGED).astype(np.float64),
        "epochs": lambda: np.where(runs.status == wanted, runs.epochs, np.nan),
        "loss": lambda: np.where(runs.status == Status.DIVERGED, np.nan, runs.loss),
    }
    if isinstance(values, str):
        if values not in columns:
            raise ValueError(
                f"values: expected 'success', 'epochs', 'loss' or an array, got {values!r}"
                f"{hint(values, columns)}"
            )
        column = columns[values]()
    else:
        column = as_array(values)
        if column.shape != (len(runs),):
            raise ValueError(f"values: expected shape ({len(runs)},), got {shown(values)}")
        if column.dtype.kind not in "biuf":
            raise TypeError(f"values: expected real numbers, got dtype {column.dtype}")
    shape = *grid.shape, grid.restarts_per_cell
    cells = column.astype(np.float64).reshape(-1, *shape)
    cells = cells[0] if groups is None else cells[groups.ranks]
    there = ~np.isnan(cells)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.where(there, cells, 0).sum(axis=-1) / there.sum(axis=-1))
