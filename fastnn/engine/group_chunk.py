"""Pieces of a chunk whose restarts have samples of their own: those that one kernel call trains.

Lanes of one call have the same memory, the same number of batches, and for Levenberg–Marquardt's
dual form, whose systems grow with the samples, the same number of samples.  Groups are in order of
size, so a chunk has few pieces.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..job.grouping import Groups
from ..job.job import Job
from ..spec.loss_formulas import SQUARES


class GroupPiece(NamedTuple):
    """Restarts at positions ``start … stop - 1`` of a job, of groups with similar sizes."""

    start: int
    stop: int
    capacity: int
    """Number of samples for which each lane has memory."""
    batch_size: int
    validation_capacity: int | None
    """The same for samples of validation, if there are any."""


def pieces_of(job: Job, start: int, stop: int) -> list[GroupPiece]:
    """Cut a chunk into pieces; an empty chunk has an empty one, of its first group."""
    groups = job.groups
    assert groups is not None
    first = (job.first + start) // groups.restarts
    last = max(first, (job.first + stop - 1) // groups.restarts)
    sizes = groups.sizes[first - groups.first : last + 1 - groups.first]
    capacities, batches = _classes(job, sizes)
    changes = np.flatnonzero((np.diff(capacities) != 0) | (np.diff(batches) != 0)) + 1
    begins = [0, *changes.tolist()]
    made = []
    for begin, end in zip(begins, [*changes.tolist(), len(sizes)], strict=True):
        made.append(
            GroupPiece(
                max(start, (first + begin) * groups.restarts - job.first),
                min(stop, (first + end) * groups.restarts - job.first),
                int(capacities[begin]),
                int(batches[begin]),
                _validation_capacity(groups, first + begin, first + end),
            )
        )
    return made


def _validation_capacity(groups: Groups, first: int, stop: int) -> int | None:
    """Room for the validation samples of the groups ``first … stop - 1``, one of few sizes."""
    if groups.validation_rows is None:
        return None
    sizes = np.diff(groups.validation_rows)
    if (sizes == sizes[0]).all():
        return int(sizes[0])
    largest = sizes[first - groups.first : max(stop, first + 1) - groups.first].max()
    return int(2 ** np.ceil(np.log2(largest)))


def _classes(job: Job, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The capacity and the batch size for each of these sizes, in descending order."""
    assert job.groups is not None
    whole = job.groups.sizes
    capacities = 2 ** np.ceil(np.log2(sizes)).astype(np.int64)
    if whole[0] == whole[-1]:
        capacities = sizes
    elif job.setup.compute is not None:
        capacities = np.where(_must_be_equal(job, sizes), sizes, capacities)
    size = job.batch_size
    if size >= whole[0]:
        return capacities, capacities
    in_batches = sizes > size
    capacities = np.where(in_batches, -(-sizes // size) * size, np.minimum(capacities, size))
    return capacities, np.where(in_batches, size, capacities)


def _must_be_equal(job: Job, sizes: np.ndarray) -> np.ndarray:
    """Return which of these sizes must be those of all networks of a kernel."""
    if job.loss.formula is not SQUARES:  # whose residuals need not be 0 where all numbers are
        return np.ones(len(sizes), dtype=bool)
    distinct, places = np.unique(sizes, return_inverse=True)
    setups = [job.optimizer.setup(job.net, size) for size in distinct.tolist()]
    return np.array([setup.equal_samples for setup in setups])[places]


def job_of(job: Job, piece: GroupPiece) -> Job:
    """The job, with memory for the samples of this piece."""
    key = piece.capacity, piece.batch_size, piece.validation_capacity
    found = job.piece_jobs.get(key)
    if found is None:
        assert job.groups is not None
        made = replace(
            job,
            groups=replace(
                job.groups,
                capacity=piece.capacity,
                validation_capacity=piece.validation_capacity,
            ),
            batch_size=piece.batch_size,
            shuffle=job.shuffle and piece.batch_size < piece.capacity,
        )
        found = job.piece_jobs.setdefault(key, made)
    return found
