"""The job of one restart of many, which trains it again with the same bits."""

from __future__ import annotations

from dataclasses import replace

from ..job.job import Job
from ..spec.status import Status

HISTORY_LIMIT = 2**30
"""Maximum bytes of a run's history."""


def job_again(
    job: Job, index: int, *, epochs: int | None = None, status: Status | None = None
) -> Job:
    """Make the job of the restart `index` alone.

    `epochs` and `status`, if known, tell where it ends: after the same number of epochs, whatever
    ended it.
    """
    start = index - job.first
    alone = job.isolate_restart(start) or job.expand_range(start, start + 1)
    if epochs is None:
        return alone
    before = 0 if alone.start_epochs is None else int(alone.start_epochs[0])
    made = epochs - before
    if status == Status.DIVERGED:  # perhaps in a batch of the next epoch
        made = min(made + 1, alone.epochs)
    return replace(alone, epochs=made)


def epochs_between(job: Job, epochs: int) -> int:
    """Return n so that every n-th loss of so many epochs fits `HISTORY_LIMIT`."""
    return 1 + (epochs + 1) * job.dtype.itemsize // HISTORY_LIMIT
