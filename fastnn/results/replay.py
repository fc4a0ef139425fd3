"""Training single restarts of many again, with the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.chunk import train_chunk
from ..job.job import Job
from ..spec.status import Status
from ..support.checks import as_array, integer, shown
from ..support.suggestions import hint
from .again import epochs_between, job_again
from .run import Run, train_one

# Number of neighbouring restarts trained together.
TOGETHER = 1024


def replay(
    job: Job,
    index: int,
    history: int = 0,
    *,
    epochs: int | None = None,
    status: Status | None = None,
) -> Run:
    """Train the restart `index` again, with every `history`-th loss (0: none).

    `epochs` and `status`, if known, tell where it ends, which saves a search.
    """
    own = job.isolate_restart(index - job.first)
    run = train_one(job_again(job, index, epochs=epochs, status=status), history)
    if epochs is None:
        return run if own else replace(run, job=job)
    if run.epochs != epochs or status not in (None, run.status):
        raise ValueError(
            f"restart: expected results of this job, got results of a different one: restart "
            f"{index} ends as {run.status} after {run.epochs} epochs, not as {status} after "
            f"{epochs}"
        )
    # A job that a file can hold, and that continues the same training.
    return replace(run, job=own or job)


def replay_with_history(
    job: Job, k: Any, *, epochs: int | None = None, status: Status | None = None
) -> Run:
    """Train restart k again with every loss, or every n-th if all would exceed `HISTORY_LIMIT`.

    Raises TypeError or ValueError if k is not in the job.
    """
    index = integer("restart", k, job.first, job.first + job.restarts - 1)
    if epochs is None and epochs_between(job, job.epochs) > 1:
        run = replay(job, index)
        epochs, status = run.epochs, run.status
    every = epochs_between(job, job.epochs if epochs is None else epochs)
    return replay(job, index, every, epochs=epochs, status=status)


def asked_indices(which: Any) -> np.ndarray:
    """Check `which`: an array of indices of restarts."""
    wanted = as_array(which)
    if wanted.ndim != 1 or (wanted.dtype.kind not in "iu" and wanted.size):
        meant = hint(which, ("best", "all"))
        kind = ValueError if isinstance(which, str) else TypeError
        way = f"; restart {which} alone is [{which}]" if isinstance(which, int) else ""
        raise kind(f"which: expected 'best', 'all' or indices, got {shown(which)}{meant}{way}")
    return wanted


def replay_parameters(job: Job, indices: np.ndarray) -> np.ndarray:
    """Train these restarts again, neighbours together; returns their parameters."""
    rows = indices - job.first
    result = np.empty((len(rows), job.net.n_parameters), job.dtype)
    start = 0
    while start < len(rows):
        stop = start + 1
        while stop < len(rows) and stop - start < TOGETHER and rows[stop] == rows[stop - 1] + 1:
            stop += 1
        chunk = train_chunk(job, int(rows[start]), int(rows[stop - 1]) + 1)
        result[start:stop] = chunk.parameters
        start = stop
    return result
