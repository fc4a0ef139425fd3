"""Lazy reading of a run directory, even while it is being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..job.best_rows import BestRows
from ..job.grouping import refuse_groups
from ..job.job import Job
from ..job.keep import Keep, check_ranges, result_types
from ..results.by_group import BEST_OF_EACH, Grouped, Outcome
from ..results.censoring import CutOff
from ..results.histories import Replayed
from ..results.replay import asked_indices, replay_with_history
from ..results.run import Run
from ..results.runs import Runs
from ..results.statistics import Statistics
from ..results.summary import Summary
from ..scheduling.collectors import runs_of_best
from ..spec.network import Network
from ..support.atomic_files import DamagedFile
from ..support.checks import check_path, integer
from ..support.frames import Names
from ..support.gate import frozen
from ..support.suggestions import suggests
from .cut_off import add_cut_off, read_cut_off
from .lazy_columns import Column, Indices, StatusColumn
from .manifest import NAME, Manifest, read_manifest
from .shards import Shard, read_shards, shard_paths


class StoredRuns(Grouped, Replayed):
    """The restarts in a run directory, read from its files on demand.

    A file is checked against its digest before it is first read.  Restarts that are written later
    appear after `refresh`.

    Attributes
    ----------
    path : Path
    network : Network
    restarts : int
        Number of restarts of the run; `len` is the number stored so far.
    complete : bool
        True if all restarts are stored.
    ranges : list of (int, int)
        Stored restarts, as ranges of indices, end excluded.
    indices : (restarts,) lazy column of int64
        The indices k of the stored restarts, in order.
    loss, epochs, status, parameters : lazy columns
        As in `Runs`; ``column[…]`` reads a part, ``numpy.asarray(column)`` and operators such as
        ``column < 0.1`` read all of it.  Columns that were not kept raise ValueError.
    statistics : Statistics
        Statistics of all stored restarts, whatever was kept.  If a time limit or Ctrl-C ended the
        run, they count the restarts cut off; while it is being written, and after a crash, the
        success rate has no interval.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()  # the process may change its folder
        self.refresh()

    def refresh(self) -> None:
        """Read the current state of the folder.

        Raises
        ------
        FileNotFoundError
            If there is no run directory.
        DamagedFile
            If the manifest, the data or the record of a shard is damaged.
        """
        # In this order, since a run that is extended meanwhile has shards beyond an older manifest.
        paths = shard_paths(self.path)
        manifest, shards = read_manifest(self.path), []
        for shard in read_shards(paths, manifest):
            if isinstance(shard, DamagedFile):
                raise DamagedFile(
                    shard.path,
                    f"{shard.reason}; train_many(…, resume=True) removes it and trains its "
                    "restarts again",
                )
            shards.append(shard)
        self._manifest: Manifest = manifest
        self._shards: list[Shard] = shards
        self._checked: set[Path] = set()
        for name in ("statistics", "_best"):
            self.__dict__.pop(name, None)

    @property
    def job(self) -> Job:
        """The job of the restarts."""
        return self._manifest.job

    @property
    def created(self) -> str:
        """Time when the run was started, in UTC."""
        return str(self._manifest.record.get("created"))

    @property
    def made_with(self) -> dict[str, Any]:
        """The machine and the versions with which the run was started."""
        return dict(self._manifest.record["made_with"])

    @property
    def shards(self) -> int:
        """Number of files with results."""
        return len(self._shards)

    @property
    def network(self) -> Network:
        """The network."""
        return self.job.net

    @property
    def keep(self) -> Keep:
        """The results kept of every restart."""
        return self._manifest.keep

    @property
    def restarts(self) -> int:
        """Number of restarts of the run."""
        return self.job.restarts

    def __len__(self) -> int:
        return sum(shard.stop - shard.start for shard in self._shards)

    @property
    def complete(self) -> bool:
        """True if all restarts are stored."""
        return len(self) == self.restarts

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The stored restarts, as ranges of indices."""
        joined: list[tuple[int, int]] = []
        for shard in self._shards:
            if joined and joined[-1][1] == shard.start:
                joined[-1] = (joined[-1][0], shard.stop)
            else:
                joined.append((shard.start, shard.stop))
        return joined

    @property
    def features(self) -> Names | None:
        """The names of the inputs, if they came as a data frame."""
        return self.job.features

    @property
    def targets(self) -> Names | None:
        """The names of the outputs, if the targets came as a data frame."""
        return self.job.targets

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.job.loss_name

    @property
    def indices(self) -> Indices:
        """The indices of the stored restarts."""
        return Indices([(shard.start, shard.stop) for shard in self._shards])

    @property
    def loss(self) -> Column:
        """The loss at the end."""
        return self._column("loss")

    @property
    def sse(self) -> Column:
        """The sum of squared errors at the end, if that is the loss."""
        if not self.job.loss_is_sse:
            raise ValueError(
                f"sse: expected results whose loss is the SSE, got {self.loss_name}; runs[…].sse "
                "computes it for a selection"
            )
        return self._column("loss")

    @property
    def epochs(self) -> Column:
        """Updates made."""
        return self._column("epochs")

    @property
    def status(self) -> Column:
        """The status with which each restart ended."""
        return self._column("status")

    @property
    def parameters(self) -> Column:
        """The parameters at the end."""
        return self._column("parameters")

    def _column(self, name: str) -> Column:
        if not self.keep.rows or name not in self.keep.columns:
            raise ValueError(
                f"{name}: expected a run with a keep= that includes {name!r}, got "
                f"keep={self.keep.name}"
            )
        kind = StatusColumn if name == "status" else Column
        return kind(
            [(shard.start, shard.stop) for shard in self._shards],
            lambda i: self._array(self._shards[i], name),
            *result_types(self.job)[name],
        )

    def _array(self, shard: Shard, name: str) -> np.ndarray:
        """Read a column of a shard, checked on first use."""
        path = shard.path / f"{name}.npy"
        if path in self._checked:
            return shard.column(name, self._manifest)
        shard.check(path.name)
        column = shard.column(name, self._manifest)
        if name in ("epochs", "status") and not self.keep.best:
            indices = np.arange(shard.start, shard.stop)
            try:
                check_ranges(self.job, indices, {name: column})
            except ValueError as error:
                raise DamagedFile(path, str(error)) from error
        self._checked.add(path)
        return column

    @cached_property
    def statistics(self) -> Statistics:
        """Statistics of all stored restarts."""
        statistics = Statistics.empty(self.job)
        for shard in self._shards:
            statistics.add(shard.statistics(self._manifest))
        if not self.complete:
            add_cut_off(statistics, read_cut_off(self.path, self._manifest, len(self)))
        return statistics

    @cached_property
    def _best(self) -> Runs:
        """The best restarts, if only they were kept."""
        return runs_of_best(self._best_in(self._shards), self.statistics)

    def _best_in(self, shards: list[Shard]) -> BestRows:
        best = BestRows(self.job, self.keep)
        for shard in shards:
            for name in self._manifest.types:
                shard.check(f"{name}.npy")
            best.add(shard.columns(self._manifest, shard.statistics(self._manifest)))
        return best

    def __getitem__(self, key: Any) -> Runs:
        """Load the restarts selected by a mask, a slice or an array of positions.

        If only the best were kept, the selection is from them.
        """
        if self.keep.best:
            return self._best[key]
        if not self.keep.rows:
            raise ValueError(
                "runs[…]: expected a run that keeps columns, got keep='statistics'; "
                "runs.restart(k) trains any restart again"
            )
        indices = self.indices
        positions = indices.positions(key)
        columns: dict[str, Any] = {
            name: frozen(self._column(name).take(positions)) for name in self.keep.columns
        }
        # For a part, the restarts cut off are unknown; `statistics` counts all of them.
        cut = CutOff.none(accounted=self.complete)
        return Runs(self.job, frozen(indices.take(positions)), **columns, cut=cut)

    def load(self) -> Runs:
        """Load everything that was kept."""
        return self._best if self.keep.best else self[:]

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

        Parameters
        ----------
        k : int
            An index of the run, whether its results are stored yet or not.

        Raises
        ------
        ValueError
            If k is not in the run.
        """
        return replay_with_history(self.job, k)

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss, trained again; ties go to the lowest index."""
        refuse_groups(self.job, "best", BEST_OF_EACH)
        return self.statistics.best

    def predict(self, X: Any, which: Any = "best") -> np.ndarray:
        """Outputs of the best network, of some, or of all: see `Runs.predict`."""
        if isinstance(which, str) and which == "best":
            return self.best.predict(X)
        if isinstance(which, str) and which == "all":
            return self.load().predict(X, "all")
        wanted = asked_indices(which)
        for k in wanted:
            self._ending_of(k)
        return self._some(wanted).predict(X, wanted)

    def _some(self, wanted: np.ndarray) -> Runs:
        """Runs with these restarts, trained again unless their parameters are stored."""
        if self.keep.best and np.isin(wanted, self._best.indices).all():
            return self._best
        there = self.indices.find(wanted)
        if self.keep.rows and "parameters" in self.keep.columns and (there >= 0).all():
            return self[there]
        status = np.ones(len(wanted), dtype=np.int8)
        return Runs(self.job, wanted.astype(np.int64), status=status)

    def _some_of(self, indices: np.ndarray) -> Runs:
        if self.keep.best:
            first, last = indices[0], indices[-1]
            shards = [each for each in self._shards if each.start <= last and first < each.stop]
            found = runs_of_best(self._best_in(shards), None)
            return found[np.isin(found.indices, indices)]
        there = self.indices.find(indices)
        return self[there[there >= 0]]

    def _parameters_of(self, indices: np.ndarray) -> np.ndarray:
        there = self.indices.find(indices)
        if self.keep.rows and "parameters" in self.keep.columns and (there >= 0).all():
            return self.parameters.take(there)
        return self._some(indices)._parameters_of(indices)

    def _losses(self) -> Iterator[Outcome] | None:
        return self._outcomes() if self.keep.rows and "loss" in self.keep.columns else None

    def _outcomes(self) -> Iterator[Outcome]:
        loss, status = self.loss.shards(), self.status.shards()
        yield from zip(self.indices.shards(), loss, status, strict=True)

    def _restarts(self) -> Indices:
        return self.indices

    def _ending_of(self, k: Any) -> dict[str, Any]:
        integer("which", k, self.job.first, self.job.first + self.job.restarts - 1)
        return {}

    def summary(self) -> Summary:
        """Counts by status, the success rate with its interval, quartiles of epochs and loss."""
        return self.statistics.summary()

    def plot(self, axes: Any = None) -> np.ndarray:
        """Draw the share converged against epochs, and the distribution of the final loss."""
        return self.statistics.plot(axes)

    def __repr__(self) -> str:
        return (
            f"StoredRuns({str(self.path)!r}: {self.network!r}, {len(self):,} of "
            f"{self.restarts:,} restarts, keep={self.keep.name})"
        )


@suggests
def open_run(path: str | os.PathLike[str]) -> StoredRuns:
    """Open a run directory that ``train_many(…, out=path)`` wrote or is writing.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    StoredRuns

    Raises
    ------
    TypeError
        If `path` is not a path.
    FileNotFoundError
        If there is no run directory.
    DamagedFile
        If a file in it is damaged, not from fastnn, or of a later version: a ValueError that names
        it.
    """
    check_path(path, "folder")
    if not os.path.lexists(Path(path) / NAME):
        raise FileNotFoundError(
            f"path: expected a folder that train_many(…, out=) wrote, got {path} without {NAME}"
        )
    return StoredRuns(path)
