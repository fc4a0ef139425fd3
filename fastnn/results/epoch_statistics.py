"""Statistics from histograms of epochs: numbers of restarts, success rate, and epochs needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..job.job import Job
from ..kernels.statistics import N_EPOCH_BINS
from ..spec.status import Status
from .censoring import CutOff, Incidence, incidence_of, wilson_interval
from .histogram import EPOCH_EDGES, quantile, share_of, span
from .statistics_arrays import NO_EPOCHS


class EpochStatistics:
    """Counts of restarts by status and epochs, and of restarts cut off by a run's end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.network = job.net
        self._epoch_bins = np.zeros((len(Status), N_EPOCH_BINS), dtype=np.int64)
        self._epoch_sums = [0] * len(Status)
        self._epoch_least = np.full(len(Status), NO_EPOCHS)
        self._epoch_most = np.full(len(Status), -1)
        # Epochs of restarts that the end of a run cut off, if any: see `CutOff`.
        self._cut_bins: np.ndarray | None = None
        self.accounted = True

    def _add_epochs(self, other: EpochStatistics) -> None:
        """Add the counts of other restarts."""
        self._epoch_bins += other._epoch_bins
        self._epoch_sums = [a + b for a, b in zip(self._epoch_sums, other._epoch_sums, strict=True)]
        self._epoch_least = np.minimum(self._epoch_least, other._epoch_least)
        self._epoch_most = np.maximum(self._epoch_most, other._epoch_most)
        if other._cut_bins is not None:
            self._cut_bins = other._cut_bins + (0 if self._cut_bins is None else self._cut_bins)
        self.accounted = self.accounted and other.accounted

    def cut_short(self, cut: CutOff) -> None:
        """Count restarts that were started, but have not ended or are not kept."""
        if len(cut.epochs):
            if self._cut_bins is None:
                self._cut_bins = np.zeros_like(self._epoch_bins)
            places = np.searchsorted(EPOCH_EDGES, cut.epochs, side="right") - 1
            np.add.at(self._cut_bins, (cut.status.astype(np.int64), places), 1)
        self.accounted = self.accounted and cut.accounted

    @property
    def converged(self) -> int:
        """Number of restarts that met a target."""
        return int(self._epoch_bins[Status.CONVERGED].sum())

    @property
    def restarts(self) -> int:
        """Number of restarts that ended."""
        return int(self._epoch_bins.sum())

    @property
    def counts(self) -> dict[str, int]:
        """Number of restarts that ended with each status, by its name."""
        counts = self._epoch_bins.sum(axis=1)
        return {member.name: int(counts[member]) for member in Status}

    @property
    def success_rate(self) -> float | None:
        """Share of restarts that converged; None if there was no target, or no restart.

        If the run ended early, this is the share that converged by the last epoch that any restart
        reached, estimated as by Kaplan and Meier (1958), or by Aalen and Johansen (1978) if
        restarts end in several ways.  The plain share of the restarts that ended would be biased
        towards short ones.
        """
        if not self.job.has_targets:
            return None
        found = self.incidence()
        if found is not None:
            return found.rate
        return self.converged / self.restarts if self.restarts else None

    @property
    def success_interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson score interval of the success rate; None if started restarts are missing.

        If restarts were cut off, it is the interval of a sample whose size gives the estimate's
        variance.
        """
        if not (self.job.has_targets and self.accounted):
            return None
        found = self.incidence()
        if found is not None:
            return found.interval
        return wilson_interval(self.converged, self.restarts) if self.restarts else None

    @property
    def cut_off(self) -> int:
        """Number of restarts in progress when the run ended early."""
        return 0 if self._cut_bins is None else int(self._cut_bins[Status.NOT_RUN].sum())

    def incidence(self) -> Incidence | None:
        """Share that converged (without a target, ended) by epoch; None if none was cut off.

        Epochs from 128 on come from histograms, within 1/64.
        """
        if self._cut_bins is None:
            return None
        rows, bins = self._rows(True), self._epoch_bins + self._cut_bins
        cut = bins[Status.NOT_RUN].copy()
        bins[Status.NOT_RUN] = 0
        events = bins[rows].sum(axis=0)
        epochs = np.minimum(EPOCH_EDGES[1:] - 1, self.job.most_epochs)
        return incidence_of(epochs, events, bins.sum(axis=0) - events, cut)

    @property
    def mean_epochs(self) -> float | None:
        """Mean epochs of the restarts that converged, or of all if there was no target."""
        found = self.incidence()
        if found is not None:
            return found.mean()
        rows = self._rows(True)
        count = int(self._epoch_bins[rows].sum())
        return sum(self._epoch_sums[rows]) / count if count else None

    def epochs_quantile(self, q: float, converged: bool = True) -> float | None:
        """The number of epochs within which a share `q` of restarts ended.

        Parameters
        ----------
        q : float
            From 0 to 1.  The result is exact for 0 and 1, and up to 127 epochs; otherwise it is
            within 1/64 of the epochs of a restart.
        converged : bool, default True
            If True, only restarts that converged count; without a target all count.  If the run
            ended early, those that converged are weighted as for `success_rate`.

        Returns
        -------
        float, or None if there are none
        """
        q = share_of("q", q)
        found = self.incidence() if converged and q not in (0, 1) else None
        if found is not None:
            return found.quantile(q)
        rows = self._rows(converged)
        low, high = int(self._epoch_least[rows].min()), int(self._epoch_most[rows].max())
        return quantile(q, self._epoch_bins[rows].sum(axis=0), EPOCH_EDGES, low, high)

    def epochs_histogram(self, status: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Histogram of the epochs of all restarts, or of those with one status.

        Returns
        -------
        edges : (n + 1,) array of int64
            Bin i counts epochs from edge i to below edge i + 1.  Both arrays are empty if there are
            no restarts.
        counts : (n,) array of int64
        """
        rows = slice(None) if status is None else slice(int(Status(status)), int(status) + 1)
        return span(self._epoch_bins[rows].sum(axis=0), EPOCH_EDGES, 0, 0)

    def _rows(self, converged: bool) -> slice:
        """Rows of the histograms of epochs: of the restarts that converged, or of all."""
        if converged and self.job.has_targets:
            return slice(int(Status.CONVERGED), int(Status.CONVERGED) + 1)
        return slice(None)
