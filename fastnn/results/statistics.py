"""Statistics of any number of restarts, in constant memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..job.grouping import refuse_groups
from ..job.job import Job
from ..job.record import joined_job
from ..kernels.statistics import N_LOSS_BINS, tally
from ..spec.status import Status
from ..support.checks import MAX_COUNT, integer, shown
from ..support.gate import check_array
from ..support.savable import Savable
from .by_group import BEST_OF_EACH, ByGroup
from .epoch_statistics import EpochStatistics
from .group_counts import GroupCounts
from .histogram import LOSS_EDGES, quantile, span
from .histories import Replayed
from .minima import Minima, Minimum
from .replay import replay, replay_parameters, replay_with_history
from .run import Run
from .statistics_arrays import UNITS, fill, to_arrays
from .summary import QUARTILES, Summary

SHOWN_MINIMA = 5


class Statistics(EpochStatistics, ByGroup, Replayed, Savable):
    """Statistics of restarts that need not be kept one by one.

    Statistics of the parts of a job add up to those of the whole, exactly, in any order and
    grouping.  A restart must be in one part only.  Jobs that differ only in `first` and the number
    of restarts are parts of one job, unless they have a number for each restart.

    Attributes
    ----------
    network : Network
    restarts : int
        Number of restarts that ended.
    counts : dict of str to int
        Number of restarts that ended with each status, by its name.
    accounted : bool
        True if every restart that was started has ended or is counted in `cut_off`.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        # Of restarts that did not converge, and of those that did.
        self._loss_bins = np.zeros((2, N_LOSS_BINS), dtype=np.int64)
        self._loss_sum = 0  # in units of 1 / UNITS
        self._loss_range = (np.inf, -np.inf)
        self._best = -1
        self._minima = Minima.none()
        self._of_groups = None if job.groups is None else GroupCounts(job.groups)

    @classmethod
    def empty(cls, job: Job) -> Statistics:
        """Make the statistics of no restarts of `job`."""
        return cls(job)

    @classmethod
    def of(
        cls,
        job: Job,
        loss: np.ndarray,
        epochs: np.ndarray,
        status: np.ndarray,
        parameters: np.ndarray,
        first: int,
    ) -> Statistics:
        """Make the statistics of the restarts ``first, first + 1, …`` of `job`, given as columns.

        Parameters
        ----------
        job : Job
            The whole job.
        loss : (restarts,) array of the job's dtype
        epochs : (restarts,) array of int64
        status : (restarts,) array of int
            Restarts with `Status.NOT_RUN` do not count.
        parameters : (restarts, n_parameters) array of the job's dtype
        first : int

        Raises
        ------
        ValueError
            If an array has another shape or dtype, or a number is out of range.
        """
        size = len(status)
        check_array("loss", loss, job.dtype, (size,))
        check_array("epochs", epochs, np.dtype(np.int64), (size,))
        check_array("parameters", parameters, job.dtype, (size, job.net.n_parameters))
        integer("first", first, job.first, job.first + job.restarts - size)
        if status.dtype.kind not in "iu" or status.shape != (size,):
            raise ValueError(f"status: expected shape ({size},) and integers, got {shown(status)}")
        if size and not (status.min() >= 0 and status.max() < len(Status)):
            raise ValueError("status: expected values of fastnn.Status, got other numbers")
        if size and not (epochs.min() >= 0 and epochs.max() <= MAX_COUNT):
            raise ValueError(
                f"epochs: expected numbers from 0 to {MAX_COUNT}, got {epochs.min()} to "
                f"{epochs.max()}"
            )
        found = tally(job.net, loss, epochs, status.astype(np.int8), parameters, first)
        result = cls(job)
        result._epoch_bins = found.epoch_bins
        result._epoch_sums = [low + (high << 32) for low, high in found.epoch_sums.tolist()]
        result._epoch_least, result._epoch_most = found.epoch_range.T.copy()
        result._loss_bins = found.loss_bins
        for exponent in np.flatnonzero(found.loss_sums.any(axis=1)).tolist():
            low, high = found.loss_sums[exponent].tolist()
            result._loss_sum += low + (high << 32) << max(exponent - 1, 0)
        result._loss_range = (float(found.loss_range[0]), float(found.loss_range[1]))
        result._best = int(found.best[0])
        result._minima = Minima.of(found)
        if job.groups is not None:
            indices = np.arange(first, first + size)
            result._of_groups = GroupCounts.of(job.groups, indices, loss, status)
        return result

    def add(self, other: Statistics) -> None:
        """Add the statistics of other restarts of the same job.

        Raises
        ------
        ValueError
            If they belong to another job.
        """
        try:
            self.job = joined_job(self.job, other.job)
        except ValueError:
            text = (
                f"expected statistics of the same job, got {self!r} and {other!r} of different jobs"
            )
            raise ValueError(text) from None
        self._add_epochs(other)
        self._loss_bins += other._loss_bins
        self._loss_sum += other._loss_sum
        bests = [(s._loss_range[0], s._best) for s in (self, other) if s._best >= 0]
        lowest, self._best = min(bests, default=(np.inf, -1))
        self._loss_range = (lowest, max(self._loss_range[1], other._loss_range[1]))
        self._minima.add(other._minima)
        if self._of_groups is not None and other._of_groups is not None:
            self._of_groups.add(other._of_groups)

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of the restarts of both, as with ``+``."""
        result = Statistics(self.job)
        result.add(self)
        result.add(other)
        return result

    def __add__(self, other: object) -> Statistics:
        return self.merge(other) if isinstance(other, Statistics) else NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Statistics):
            return NotImplemented
        if self._identity() != other._identity():
            return False
        mine, others = to_arrays(self), to_arrays(other)
        return mine.keys() == others.keys() and all(
            np.array_equal(mine[name], others[name]) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Convert the content to arrays by name, for saving; the job is not included."""
        return to_arrays(self)

    @classmethod
    def from_arrays(cls, job: Job, arrays: Mapping[str, Any]) -> Statistics:
        """Read arrays that `to_arrays` made for restarts of `job`.

        Raises
        ------
        ValueError
            If an array is missing, unknown, of another shape or dtype, or inconsistent with the
            others.
        """
        result = cls(job)
        fill(result, arrays)
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {"job": self.job, "arrays": self.to_arrays()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Statistics.__init__(self, state["job"])
        fill(self, state["arrays"])

    def _identity(self) -> tuple[Any, ...]:
        job = self.job
        return job.net, job.dtype, job.has_targets, job.seed, job.loss_name

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.job.loss_name

    @property
    def mean_loss(self) -> float | None:
        """The mean of the finite losses, rounded once; None if there are none."""
        count = int(self._loss_bins.sum())
        return self._loss_sum / (UNITS * count) if count else None

    def loss_quantile(self, q: float) -> float | None:
        """The loss that a share `q` of the restarts with finite loss did not exceed.

        It is exact for a `q` of 0 and of 1, otherwise within 1/64 of the loss of a restart for
        losses from 2**-128 to 2**128; smaller losses count as the lowest loss of all.  None if no
        loss is finite.
        """
        return quantile(q, self._loss_bins.sum(axis=0), LOSS_EDGES, *self._loss_range)

    def loss_histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Histogram of the finite final losses.

        Returns
        -------
        edges : (n + 1,) array of float
            As for `epochs_histogram`; losses below 2**-128 and from 2**128 on have one bin each.
        counts : (n,) array of int64
        """
        return span(self._loss_bins.sum(axis=0), LOSS_EDGES, *self._loss_range)

    def minima(self, n: int = 10) -> list[Minimum]:
        """The `n` most frequent minima, by the loss to three digits; losses below 1e-12 count as 0.

        They are minima of restarts that ended with a finite loss and neither converged nor
        diverged.
        """
        return self._minima.most_frequent(integer("n", n, 0), self.restarts)

    def summary(self) -> Summary:
        """Counts by status, the success rate with its interval, quartiles of epochs and loss."""
        found = self.incidence()
        epochs = [self.epochs_quantile(q) for q in QUARTILES]
        loss = [self.loss_quantile(q) for q in QUARTILES]
        return Summary(
            restarts=self.restarts,
            counts=self.counts,
            success_rate=self.success_rate,
            success_interval=self.success_interval,
            epochs=None if None in epochs else tuple(epochs),  # type: ignore[arg-type]
            loss=None if None in loss else tuple(loss),  # type: ignore[arg-type]
            loss_name=self.job.loss_name,
            cut_off=self.cut_off,
            followed=None if found is None else found.followed,
            accounted=self.accounted,
        )

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss, trained again; ties go to the lowest index.

        Raises
        ------
        ValueError
            If no restart has a finite loss, or restarts belong to groups.
        """
        refuse_groups(self.job, "best", BEST_OF_EACH)
        if self._best < 0:
            raise ValueError(f"best: expected a restart with a finite loss, got {self!r}")
        return replay(self.job, self._best)

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

        The history has every epoch, or every n-th (`Run.history_every`) if all would exceed 1 GiB.

        Raises
        ------
        ValueError
            If k is not in the job.
        """
        return replay_with_history(self.job, k)

    def _counts(self) -> GroupCounts:
        groups = self._groups("by_group")
        return GroupCounts(groups) if self._of_groups is None else self._of_groups

    def _losses(self) -> None:
        return None

    def _parameters_of(self, indices: np.ndarray) -> np.ndarray:
        return replay_parameters(self.job, indices)

    def _restarts(self) -> range:
        return range(self.job.first, self.job.first + self.job.restarts)

    def _ending_of(self, k: Any) -> dict[str, Any]:
        integer("which", k, self.job.first, self.job.first + self.job.restarts - 1)
        return {}

    def predict(self, X: Any) -> np.ndarray:
        """The outputs (n, n_out) of the best network."""
        return self.best.predict(X)

    def plot(self, axes: Any = None) -> np.ndarray:
        """Draw the share converged against epochs, and the distribution of the final loss.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        (2,) array of matplotlib Axes
        """
        from .plots import plot_statistics

        return plot_statistics(self, axes)

    def __str__(self) -> str:
        lines = [str(self.summary())]
        for i, minimum in enumerate(self.minima(SHOWN_MINIMA)):
            forms, about = minimum.forms, ""
            if not minimum.exact:
                digit = 10 ** (len(str(forms)) - 1)
                forms, about = forms // digit * digit, "about "
            lines.append(
                f"{'' if i else 'minima:':<8}loss {minimum.loss:g}: {minimum.restarts:,} "
                f"restart{'s' * (minimum.restarts != 1)} ({minimum.share:.2%}), "
                f"{about}{forms:,} form{'s' * (forms != 1)}"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        parts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)
        return f"Statistics({self.network!r}, {self.restarts:,} restarts: {parts or 'none'})"

    def _repr_html_(self) -> str:
        """The statistics in a notebook."""
        from .html import statistics_html

        return statistics_html(self)
