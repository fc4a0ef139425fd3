"""Collectors of the parts of a run in memory; `fastnn.storage.writer.Shards` is that for disk.

`Columns` keeps a row for every restart, `StatisticsAndBest` none or the best.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..job.best_rows import BestRows
from ..job.job import Job
from ..job.keep import Keep, result_types
from ..results.censoring import CutOff
from ..results.runs import Runs
from ..results.statistics import Statistics
from ..spec.status import NOT_RUN
from ..support.gate import frozen
from .worker import Part


class Collector:
    """The base of all collectors, which receive the parts of a run in any order.

    Attributes
    ----------
    keep : Keep
    cut : CutOff
        Restarts that were started, but will not be among the results.
    todo : list of (int, int)
        The positions to train, as ranges (start, stop).
    ended, converged : int
        Numbers of restarts that have ended, and that met a target.
    """

    on_disk = False

    def __init__(self, job: Job, keep: Keep) -> None:
        self.job, self.keep = job, keep
        self.todo = [(0, job.restarts)]
        self.ended = self.converged = 0
        self.cut = CutOff.none()

    @property
    def advice(self) -> str:
        """Advice for the end of an error message, if the run ends early."""
        return ""

    def add(self, part: Part) -> None:
        """Add a part."""
        self.ended += part.ended
        self.converged += part.converged
        self.cut = CutOff.joined([self.cut, part.cut])

    def tell(self, reached: int, not_begun: list[tuple[int, int]]) -> None:
        """Report the position that handing out reached, and the ranges never started."""

    def lose(self) -> None:
        """Record that some restarts were started, but returned nothing."""
        self.cut = replace(self.cut, accounted=False)

    def result(self) -> Any:
        """Return the result so far."""
        raise NotImplementedError


class Columns(Collector):
    """Collect a row for every restart in arrays."""

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The columns, in memory that is taken when the first part comes."""
        made, types = {}, result_types(self.job)
        for name in self.keep.columns:
            dtype, shape = types[name]
            made[name] = np.empty((self.job.restarts, *shape), dtype=dtype)
        made["status"][:] = NOT_RUN
        return made

    def add(self, part: Part) -> None:
        """Add a part."""
        if part.rows == self.job.restarts:  # which is all
            self.arrays = part.columns.copy()
            if "epochs" in self.arrays:
                self.arrays["epochs"] = self.arrays["epochs"].astype(np.int64)
        else:
            rows = slice(part.start, part.start + part.rows)
            for name, values in part.columns.items():
                self.arrays[name][rows] = values
        super().add(part)

    def result(self) -> Runs:
        """Return the restarts that have ended."""
        job = self.job
        indices = np.arange(job.first, job.first + job.restarts, dtype=np.int64)
        columns: dict[str, Any] = {"indices": indices, **self.arrays}
        ended = self.arrays["status"] != NOT_RUN
        if not ended.all():
            columns = {name: values[ended] for name, values in columns.items()}
        for values in columns.values():
            frozen(values)
        return Runs(job, **columns, cut=self.cut)


class StatisticsAndBest(Collector):
    """Collect statistics, and the best restarts if they are to be kept."""

    def __init__(self, job: Job, keep: Keep) -> None:
        super().__init__(job, keep)
        self.statistics = Statistics.empty(job)
        self.best = BestRows(job, keep)

    def add(self, part: Part) -> None:
        """Add a part."""
        if part.statistics is not None:
            self.statistics.add(Statistics.from_arrays(self.job, part.statistics))
        if self.keep.best and part.columns:
            self.best.add(part.columns)
        super().add(part)

    def result(self) -> Runs | Statistics:
        """Return the best restarts, or the statistics."""
        self.statistics.cut_short(self.cut)
        if not self.keep.best:
            return self.statistics
        return runs_of_best(self.best, self.statistics)


def runs_of_best(best: BestRows, statistics: Statistics | None) -> Runs:
    """The best restarts as results."""
    columns: dict[str, Any] = best.columns()
    columns = columns | {"epochs": columns["epochs"].astype(np.int64)}
    for values in columns.values():
        frozen(values)
    return Runs(best.job, columns.pop("restart"), **columns, statistics=statistics)
