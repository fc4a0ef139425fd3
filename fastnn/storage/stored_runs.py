"""Reading a run directory, lazily, also while it is being written."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.keep import Keep, check_ranges
from ..results.censoring import CutOff
from ..results.replay import asked_indices, run_with_history
from ..results.run import Run
from ..results.runs import Runs
from ..results.statistics import Statistics
from ..results.summary import Summary
from ..scheduling.collectors import better_of, runs_of_best
from ..spec.network import Network
from ..support.atomic_files import DamagedFile
from ..support.checks import check_path, integer
from ..support.gate import frozen
from .cut_off import add_cut_off, read_cut_off
from .lazy_columns import Column, Indices
from .manifest import NAME, Manifest, read_manifest
from .shards import Shard, read_shards, shard_paths

if TYPE_CHECKING:
    from ..job.job import Job


class StoredRuns:
    """The restarts in a run directory, read from its files as they are asked for.

    A file is checked against its digest before the first number of it is given out.  Restarts that
    are written later are seen after `refresh`.

    Attributes
    ----------
    path : Path
    network : Network
    restarts : int
        How many there are to be; `len` tells how many there are.
    complete : bool
        Whether all are there.
    ranges : list of (int, int)
        Which, as ranges of indices, the end not included.
    indices : (restarts,) lazy column of int64
        Their indices k, in order.
    loss, epochs, status, parameters : lazy columns
        As of `Runs`; ``column[…]`` reads a part, ``numpy.asarray(column)`` and operators such as
        ``column < 0.1`` all of it.  Those that were not kept raise ValueError.
    statistics : Statistics
        Of all of them, whatever was kept.  If a time limit or Ctrl-C ended the run, they count what
        was cut off; while it is written, and after a crash, their success rate has no interval.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()  # the process may go elsewhere
        self.refresh()

    def refresh(self) -> None:
        """Look at what is there now.

        Raises
        ------
        FileNotFoundError
            If there is no run directory.
        DamagedFile
            If the manifest, the data or the record of a shard are damaged.
        """
        # In this order: a run that is extended meanwhile has shards that the manifest read before
        # does not know.
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
        """What the restarts are trained by."""
        return self._manifest.job

    @property
    def created(self) -> str:
        """When the run was begun, in UTC."""
        return str(self._manifest.record.get("created"))

    @property
    def made_with(self) -> dict[str, Any]:
        """The machine and the versions that it was begun with."""
        return dict(self._manifest.record["made_with"])

    @property
    def shards(self) -> int:
        """In how many pieces the results lie."""
        return len(self._shards)

    @property
    def network(self) -> Network:
        """The network."""
        return self.job.net

    @property
    def keep(self) -> Keep:
        """What is kept of every restart."""
        return self._manifest.keep

    @property
    def restarts(self) -> int:
        """How many there are to be."""
        return self.job.restarts

    def __len__(self) -> int:
        return sum(shard.stop - shard.start for shard in self._shards)

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return len(self) == self.restarts

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Which restarts are there."""
        joined: list[tuple[int, int]] = []
        for shard in self._shards:
            if joined and joined[-1][1] == shard.start:
                joined[-1] = (joined[-1][0], shard.stop)
            else:
                joined.append((shard.start, shard.stop))
        return joined

    @property
    def loss_name(self) -> str:
        """What the loss is called."""
        return self.job.loss_name

    @property
    def indices(self) -> Indices:
        """The indices of the restarts that are there."""
        return Indices([(shard.start, shard.stop) for shard in self._shards])

    @property
    def loss(self) -> Column:
        """The loss at the end."""
        return self._column("loss")

    @property
    def sse(self) -> Column:
        """The sum of squared errors at the end, where that is the loss."""
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
        """How each restart ended."""
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
        dtype, shape = self._manifest.types[name]
        return Column(
            [(shard.start, shard.stop) for shard in self._shards],
            lambda i: self._array(self._shards[i], name),
            np.dtype(np.int64) if name == "epochs" else dtype,
            shape,
        )

    def _array(self, shard: Shard, name: str) -> np.ndarray:
        """A column of a shard, checked when it is first read."""
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
        """Statistics of all that are there."""
        statistics = Statistics.empty(self.job)
        for shard in self._shards:
            statistics.add(shard.statistics(self._manifest))
        if not self.complete:
            add_cut_off(statistics, read_cut_off(self.path, self._manifest, len(self)))
        return statistics

    @cached_property
    def _best(self) -> Runs:
        """The best restarts, where they alone were kept."""
        best: dict[str, np.ndarray] = {}
        for shard in self._shards:
            for name in self._manifest.types:
                shard.check(f"{name}.npy")
            found = shard.columns(self._manifest, shard.statistics(self._manifest))
            columns = {name: np.array(column) for name, column in found.items()}
            best = better_of(best, columns, self.keep.best)
        return runs_of_best(self.job, self.keep, best, self.statistics)

    def __getitem__(self, key: Any) -> Runs:
        """Some restarts, in memory: those that a mask, a slice or an array of positions selects.

        Where only the best were kept, they are what is selected from.
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
        # Of a part nobody knows which restarts would have been in it; `statistics` tells of all.
        cut = CutOff.none(accounted=self.complete)
        return Runs(self.job, frozen(indices.take(positions)), **columns, cut=cut)

    def load(self) -> Runs:
        """All that was kept, in memory."""
        return self._best if self.keep.best else self[:]

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

        Parameters
        ----------
        k : int
            An index of the run, whether its results are there yet or not.

        Raises
        ------
        ValueError
            If k is not one.
        """
        return run_with_history(self.job, k)

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss, trained again; ties go to the lowest index."""
        return self.statistics.best

    def predict(self, X: Any, which: Any = "best") -> np.ndarray:
        """Outputs of the best network, of some, or of all: see `Runs.predict`."""
        if isinstance(which, str) and which == "best":
            return self.best.predict(X)
        if isinstance(which, str) and which == "all":
            return self.load().predict(X, "all")
        wanted = asked_indices(which)
        first, last = self.job.first, self.job.first + self.job.restarts - 1
        for k in wanted:
            integer("which", k, first, last)
        # Trained again, but for those whose parameters are at hand.
        there = self.indices.find(wanted)
        if self.keep.rows and "parameters" in self.keep.columns and (there >= 0).all():
            return self[there].predict(X, wanted)
        status = np.ones(len(wanted), dtype=np.int8)
        return Runs(self.job, wanted.astype(np.int64), status=status).predict(X, wanted)

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


def open_run(path: str | os.PathLike[str]) -> StoredRuns:
    """The restarts in a run directory that ``train_many(…, out=path)`` wrote or is writing.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    StoredRuns

    Raises
    ------
    TypeError
        If it is no path.
    FileNotFoundError
        If there is no run directory.
    DamagedFile
        If something in it is damaged, foreign or of a later version: a ValueError that names it.
    """
    check_path(path, "folder")
    if not os.path.lexists(Path(path) / NAME):
        raise FileNotFoundError(
            f"path: expected a folder that train_many(…, out=) wrote, got {path} without {NAME}"
        )
    return StoredRuns(path)
