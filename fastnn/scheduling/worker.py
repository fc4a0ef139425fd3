"""The work on one chunk of a run, and its results, a `Part`.

The scheduler's chunk may be long.  So it is trained a slice at a time, each by one call of
`fastnn.engine.chunk.train_chunk`, and the results of a slice are reduced to what is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.chunk import REFILLS, ChunkResult, most_lanes, train_chunk
from ..job.best_rows import best_rows
from ..job.job import Job
from ..job.keep import COLUMNS, Keep, check_ranges
from ..results.censoring import CutOff
from ..results.statistics import Statistics
from ..spec.status import CONVERGED, NOT_RUN
from ..support.checks import integer, shown
from ..support.gate import check_array
from ..support.interrupts import WorkersCtrlC
from ..support.threads import Pool

# Maximum bytes of a kernel's results before they are reduced: enough to make the cost of emptying
# all lanes negligible, but little compared with a process's memory.
SLICE_BYTES = 2**24

_ctrl_c = WorkersCtrlC()


@dataclass(frozen=True)
class Part:
    """Results of the restarts at positions ``start … start + rows - 1`` of a job."""

    start: int
    rows: int
    columns: dict[str, np.ndarray]
    """Columns by name, as in `Keep.types`."""
    statistics: dict[str, np.ndarray] | None
    """Statistics as arrays: their job, with its data, is not sent back."""
    ended: int
    """Number of restarts that have ended."""
    converged: int
    seconds: float
    """Seconds that it took."""
    lane_ticks: int
    """Epochs that the kernel computed, times its lanes."""
    cut: CutOff
    """Restarts that were started, but have no row."""


def rows_of_a_slice(job: Job) -> int:
    """Number of restarts of `job` to train before their results are reduced."""
    return max(SLICE_BYTES // Keep(COLUMNS).row_bytes(job), REFILLS * most_lanes(job), 1)


def train_part(
    job: Job,
    start: int,
    stop: int,
    keep: Keep,
    *,
    at: int = 0,
    only_whole: bool = False,
    stop_flag: np.ndarray | None = None,
) -> Part:
    """Train the restarts at positions ``start … stop - 1`` of `job`; returns the results to keep.

    `job` may start at position `at` of the run's job.  With `only_whole`, a part that is stopped
    early ends before the first restart that has not ended.
    """
    began = time.perf_counter()
    types = keep.types(job)
    slices: list[dict[str, np.ndarray]] = []
    statistics = Statistics.empty(job) if keep.statistics else None
    reached, ended, converged, lane_ticks = start, 0, 0, 0
    size, cut = rows_of_a_slice(job), CutOff.none()
    while reached < stop and not (stop_flag is not None and stop_flag[0]):
        trained = train_chunk(
            job,
            reached,
            min(stop, reached + size),
            keep_parameters=keep.statistics or bool({"parameters", "state"} & {*keep.columns}),
            keep_state="state" in keep.columns,
            stop_flag=stop_flag,
        )
        lane_ticks += trained.lane_ticks
        left = np.flatnonzero(trained.status == NOT_RUN)
        rows = int(left[0]) if only_whole and len(left) else len(trained.status)
        columns = _columns(trained, rows, job.first + reached)
        if len(left):  # restarts without a row, or with one that does not count
            beyond = np.arange(rows, len(trained.status)) if only_whole else left
            cut = CutOff.of(trained.epochs[beyond], trained.status[beyond])
        if statistics is not None:
            statistics.add(
                Statistics.of(
                    job, columns["loss"], columns["epochs"], columns["status"],
                    columns["parameters"], job.first + reached,
                )
            )  # fmt: skip
        ended += rows if only_whole else rows - len(left)
        converged += int(np.count_nonzero(columns["status"] == CONVERGED))
        kept = {name: columns[name].astype(dtype, copy=False) for name, (dtype, _) in types.items()}
        slices.append(best_rows(kept, keep.best, job) if keep.best else kept)
        reached += rows
        if len(left):
            break
    joined = _joined(slices)
    return Part(
        start=at + start,
        rows=reached - start,
        columns=best_rows(joined, keep.best, job) if keep.best and joined else joined,
        statistics=None if statistics is None else statistics.to_arrays(),
        ended=ended,
        converged=converged,
        seconds=time.perf_counter() - began,
        lane_ticks=lane_ticks,
        cut=cut,
    )


def train_sent(job: Job, keep: Keep, *, at: int, only_whole: bool) -> Part:
    """Train all restarts of a job that was sent to this process: see `train_part`.

    On Ctrl-C it returns what has ended by then, and does not raise.
    """
    arguments = job, 0, job.restarts, keep
    with _ctrl_c as flag:
        if flag is None:
            return train_part(*arguments, at=at, only_whole=only_whole)
        # In another thread, since Python cannot handle Ctrl-C while a kernel runs in this one.
        with Pool(1) as pool:
            future = pool.submit(
                train_part, *arguments, at=at, only_whole=only_whole, stop_flag=flag
            )
            return future.result()


def check_part(part: Any, job: Job, keep: Keep, start: int, stop: int) -> None:
    """Raise unless a worker returned a valid part for these positions.

    Raises
    ------
    TypeError, ValueError
        If it is another part, or has columns that no restarts of the job can have.
    """
    if not isinstance(part, Part):
        raise TypeError(f"expected the results of a chunk, got {shown(part)}")
    integer("start", part.start, start, start)
    rows = integer("rows", part.rows, 0, stop - start)
    if not isinstance(part.cut, CutOff):
        raise TypeError(f"cut: expected a CutOff, got {shown(part.cut)}")
    replace(part.cut)  # which checks it again
    if not rows or not keep.columns:
        return
    columns = part.columns
    indices = np.arange(job.first + start, job.first + start + rows)
    if keep.best:
        indices, rows = columns["restart"], len(columns["restart"])
    for name, (dtype, shape) in keep.types(job).items():
        # A job that was sent counts epochs in a type that fits its own restarts.
        unsigned = name == "epochs" and columns[name].dtype.kind == "u"
        check_array(name, columns[name], columns[name].dtype if unsigned else dtype, (rows, *shape))
    ended = columns["status"] != NOT_RUN
    check_ranges(
        job,
        indices[ended],
        {name: columns[name][ended] for name in ("status", "epochs") if name in columns},
    )


def _columns(trained: ChunkResult, rows: int, first: int) -> dict[str, np.ndarray]:
    """The first rows of a slice's results, by name; `first` is the index of the first row."""
    columns = {
        "loss": trained.loss,
        "epochs": trained.epochs,
        "status": trained.status,
        "parameters": trained.parameters,
        "state": trained.state,
        "restart": np.arange(first, first + len(trained.status), dtype=np.int64),
    }
    return {name: values[:rows] for name, values in columns.items() if values is not None}


def _joined(slices: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    if len(slices) <= 1:
        return slices[0] if slices else {}
    return {name: np.concatenate([each[name] for each in slices]) for name in slices[0]}
