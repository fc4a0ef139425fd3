"""Outcomes of each group's restarts, in memory that depends only on the number of groups."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..job.grouping import Groups
from ..spec.status import CONVERGED, NOT_RUN, Status

OF_GROUPS = ("ended", "converged", "diverged", "finite")
"""Rows of the counts: restarts that ended, converged, diverged, and have a finite loss."""


class Outcomes(NamedTuple):
    """Outcomes of some groups, a column for each."""

    counts: np.ndarray
    """(4, groups) int64."""
    lowest: np.ndarray
    """(groups,): the lowest finite loss, or infinity."""
    best: np.ndarray
    """(groups,) int64: the lowest index of a restart with that loss, or -1."""

    @classmethod
    def none(cls, groups: int) -> Outcomes:
        """Make the outcomes of groups without restarts."""
        counts = np.zeros((len(OF_GROUPS), groups), dtype=np.int64)
        return cls(counts, np.full(groups, np.inf), np.full(groups, -1, dtype=np.int64))

    def at(self, place: slice | np.ndarray) -> Outcomes:
        """The outcomes of some of the groups."""
        return Outcomes(self.counts[:, place], self.lowest[place], self.best[place])

    def add(self, other: Outcomes) -> None:
        """Add the outcomes of other restarts of the same groups."""
        self.counts[...] += other.counts
        ties = (other.lowest == self.lowest) & (other.best < self.best)
        better = (other.lowest < self.lowest) | ties
        self.lowest[better], self.best[better] = other.lowest[better], other.best[better]


class GroupCounts:
    """Outcomes by group; those of parts of a run add up exactly, in any order.

    There are columns for a range of the groups' numbers, which grows with what is added.
    """

    def __init__(self, groups: Groups, first: int = 0, outcomes: Outcomes | None = None) -> None:
        self.groups, self.first = groups, first
        self.outcomes = Outcomes.none(0) if outcomes is None else outcomes

    @classmethod
    def of(
        cls, groups: Groups, indices: np.ndarray, loss: np.ndarray, status: np.ndarray
    ) -> GroupCounts:
        """Count the restarts of these indices; those that were not run do not count."""
        if not len(indices):
            return cls(groups)
        if (np.diff(indices) < 0).any():
            order = np.argsort(indices, kind="stable")
            indices, loss, status = indices[order], loss[order], status[order]
        group = indices // groups.restarts
        first = int(group[0])
        begins = np.flatnonzero(np.diff(group, prepend=first - 1))
        ended = status != NOT_RUN
        finite = ended & np.isfinite(loss)
        what = (ended, status == CONVERGED, status == Status.DIVERGED, finite)
        losses = np.where(finite, loss, np.inf).astype(np.float64)
        lowest = np.minimum.reduceat(losses, begins)
        sizes = np.diff(begins, append=len(group))
        wins = finite & (losses == np.repeat(lowest, sizes))
        last = np.iinfo(np.int64).max
        best = np.minimum.reduceat(np.where(wins, indices, last), begins)
        made = Outcomes.none(int(group[-1]) + 1 - first)
        places = group[begins] - first
        made.counts[:, places] = [np.add.reduceat(some, begins, dtype=np.int64) for some in what]
        made.lowest[places], made.best[places] = lowest, np.where(best == last, -1, best)
        return cls(groups, first, made)

    def __len__(self) -> int:
        return len(self.outcomes.best)

    def add(self, other: GroupCounts) -> None:
        """Add the outcomes of other restarts."""
        if not len(other):
            return
        self.reach(other.first, other.first + len(other))
        start = other.first - self.first
        self.outcomes.at(slice(start, start + len(other))).add(other.outcomes)

    def reach(self, start: int, stop: int) -> None:
        """Extend the range to these groups; it doubles, so that many parts take no longer."""
        if not len(self):
            self.first, self.outcomes = start, Outcomes.none(stop - start)
            return
        end = self.first + len(self)
        if self.first <= start and stop <= end:
            return
        start, stop = min(start, self.first), max(stop, end)
        length = max(stop - start, 2 * len(self))
        if start < self.first:
            start = max(min(start, self.groups.first), stop - length)
        else:
            stop = max(stop, min(self.groups.first + self.groups.count, start + length))
        grown = Outcomes.none(stop - start)
        grown.at(slice(self.first - start, end - start)).add(self.outcomes)
        self.first, self.outcomes = start, grown

    def of_labels(self) -> Outcomes:
        """The outcomes of all groups, in the order of their labels."""
        whole = GroupCounts(self.groups, 0, Outcomes.none(self.groups.count))
        whole.add(self)
        return whole.outcomes.at(self.groups.ranks)

    def numbers(self) -> np.ndarray:
        """The numbers of the groups with restarts that ended, in order."""
        return self.first + np.flatnonzero(self.outcomes.counts[0])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Convert the content to arrays, of the groups with restarts that ended alone."""
        numbers = self.numbers()
        some = self.outcomes.at(numbers - self.first)
        return {
            "groups_numbers": numbers,
            "groups_counts": some.counts.copy(),
            "groups_lowest": some.lowest,
            "groups_best": some.best,
        }
