"""The best restarts, of all or of each group, in memory that does not grow with the restarts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from ..spec.status import NOT_RUN
from .job import Job
from .keep import Keep


def best_rows(columns: Mapping[str, np.ndarray], n: int, job: Job) -> dict[str, np.ndarray]:
    """The n rows of lowest finite loss, of each group if there are any.

    The columns include "restart".  Ties go to the lowest index.  Rows are in the order of the
    groups' numbers, then of the losses.
    """
    loss, index = columns["loss"], columns["restart"]
    there = np.flatnonzero(np.isfinite(loss) & (columns["status"] != NOT_RUN))
    if job.groups is not None:
        group = index[there] // job.groups.restarts
        order = np.lexsort((index[there], loss[there], group))
        kept = places_in_groups(group[order]) < n
        chosen = there[order[kept]]
    else:
        if len(there) > n:  # all candidates, with ties
            there = there[loss[there] <= np.partition(loss[there], n - 1)[n - 1]]
        chosen = there[np.lexsort((index[there], loss[there]))[:n]]
    return {name: values[chosen] for name, values in columns.items()}


def places_in_groups(group: np.ndarray) -> np.ndarray:
    """The place of each row among those of its group, for groups that lie together."""
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(begins, append=len(group))
    return np.arange(len(group)) - np.repeat(begins, sizes)


class BestRows:
    """Collect the best restarts; the memory is taken when the first rows come.

    Each group has places for as many rows as are kept of it.
    """

    def __init__(self, job: Job, keep: Keep) -> None:
        self.job, self.keep = job, keep
        self.each = min(keep.best, job.restarts if job.groups is None else job.groups.restarts)
        self.rows = keep.most_rows(job)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The places by column; those of no restart have the status `NOT_RUN`, which is 0."""
        types = self.keep.types(self.job).items()
        return {name: np.zeros((self.rows, *shape), dtype) for name, (dtype, shape) in types}

    def add(self, columns: Mapping[str, np.ndarray]) -> None:
        """Add rows, which take the places of worse ones."""
        if not len(columns["restart"]):
            return
        firsts = np.unique(self._first_places(columns["restart"]))
        places = (firsts[:, np.newaxis] + np.arange(self.each)).reshape(-1)
        places = places[self.arrays["status"][places] != NOT_RUN]
        both = {
            name: np.concatenate([values[places], columns[name]])
            for name, values in self.arrays.items()
        }
        best = best_rows(both, self.keep.best, self.job)
        firsts = self._first_places(best["restart"])
        places = firsts + places_in_groups(firsts)
        for name, values in self.arrays.items():
            values[places] = best[name]

    def columns(self) -> dict[str, np.ndarray]:
        """The rows, in the order of `best_rows`."""
        there = self.arrays["status"] != NOT_RUN
        whole = there.all()
        return {name: values if whole else values[there] for name, values in self.arrays.items()}

    def _first_places(self, indices: np.ndarray) -> np.ndarray:
        groups = self.job.groups
        if groups is None:
            return np.zeros(len(indices), dtype=np.int64)
        return np.asarray(indices // groups.restarts * self.each)
