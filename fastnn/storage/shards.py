"""Shards: the results of consecutive restarts, complete or absent."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..job.keep import COLUMNS
from ..results.statistics import Statistics
from ..results.statistics_arrays import most_bytes
from ..scheduling.worker import Part
from ..support.archives import members_of, read_member
from ..support.atomic_files import (
    GONE,
    DamagedFile,
    check_file,
    file_entry,
    flush_folder,
    is_temporary,
    read_array,
    read_record,
    save_array,
    temporary,
    write_new,
    write_record,
    writing,
)
from ..support.checks import shown
from .manifest import DATA, Manifest

FOLDER, NAME, STATISTICS = "shards", "shard.json", "statistics.npz"
FORMAT, VERSION = "fastnn shard", 1
_NAME = re.compile(r"([0-9]{15,19})-([0-9]{15,19})")
_FILES = (NAME, STATISTICS, *(f"{name}.npy" for name in (*COLUMNS, "restart")))
"""Names of all files that a shard may have."""


class Shard(NamedTuple):
    """The results of the restarts with indices ``start … stop - 1``."""

    path: Path
    start: int
    stop: int
    files: dict[str, Any]
    """Size and SHA-256 of every file by its name."""

    def check(self, name: str) -> None:
        """Raise DamagedFile unless a file is as it was written."""
        check_file(self.path / name, self.files[name])

    def check_all(self, manifest: Manifest) -> Statistics:
        """Check all files against their digests and the run; returns the statistics."""
        for name in self.files:
            self.check(name)
        statistics = self.statistics(manifest)
        self.columns(manifest, statistics)
        return statistics

    def column(self, name: str, manifest: Manifest, rows: int | None = None) -> np.ndarray:
        """A column, mapped into memory; the caller has checked the file.

        It has a row for each restart, or `rows` rows.
        """
        dtype, shape = manifest.types[name]
        rows = self.stop - self.start if rows is None else rows
        return read_array(self.path / f"{name}.npy", dtype, (rows, *shape))

    def columns(self, manifest: Manifest, statistics: Statistics) -> dict[str, np.ndarray]:
        """All columns: of every restart, or of the best of those with finite loss."""
        if not manifest.keep.best:
            return {name: self.column(name, manifest) for name in manifest.types}
        rows = self._rows_of_best(manifest, statistics)
        columns = {name: self.column(name, manifest, rows) for name in manifest.types}
        indices = columns["restart"]
        if rows and not self.start <= indices.min() <= indices.max() < self.stop:
            raise DamagedFile(
                self.path / "restart.npy",
                f"expected indices from {self.start} to {self.stop - 1}, got others",
            )
        return columns

    def _rows_of_best(self, manifest: Manifest, statistics: Statistics) -> int:
        """The number of its best restarts, of which each group has as many as there are."""
        _, finite = statistics.loss_histogram()
        if manifest.job.groups is None:
            return min(manifest.keep.best, int(finite.sum()))
        finite = statistics._counts().outcomes.counts[-1]
        return int(np.minimum(finite, manifest.keep.best).sum())

    def statistics(self, manifest: Manifest) -> Statistics:
        """The statistics of its restarts."""
        path = self.path / STATISTICS
        self.check(STATISTICS)
        rows, content = self.stop - self.start, io.BytesIO(path.read_bytes())
        try:
            with zipfile.ZipFile(content) as archive:
                grouped = manifest.job.groups is not None
                members = members_of(archive, most_bytes(rows, by_group=grouped))
                known = Statistics.empty(manifest.job).to_arrays()
                if unknown := sorted(members.keys() - known.keys()):
                    raise ValueError(f"it contains {unknown[0]!r}, which is unknown")
                arrays = {name: read_member(archive, member) for name, member in members.items()}
            result = Statistics.from_arrays(manifest.job, arrays)
        except MemoryError:
            raise
        except Exception as error:  # zip archives raise several kinds of errors
            raise DamagedFile(path, f"expected statistics, got none: {error}") from error
        if result.restarts != rows:
            raise DamagedFile(
                path,
                f"expected statistics of {rows:,} restarts, got statistics of {result.restarts:,}",
            )
        return result


def write_shard(folder: Path, part: Part, manifest: Manifest) -> Shard:
    """Commit a part: the shard exists when this returns, and does not if it fails."""
    start = manifest.job.first + part.start
    stop = start + part.rows
    path = folder / FOLDER / f"{start:015d}-{stop:015d}"
    new = temporary(path)
    with writing(path):
        new.mkdir()
    try:
        for name, (dtype, _) in manifest.types.items():
            # A part from another process knows only its own restarts, perhaps with a smaller type
            # of epochs.
            values = part.columns[name].astype(dtype, copy=False)
            write_new(new / f"{name}.npy", partial(save_array, values))
        if part.statistics is not None:
            arrays: dict[str, Any] = {**part.statistics}
            write_new(new / STATISTICS, lambda file: np.savez_compressed(file, **arrays))
        files = {file.name: file_entry(file) for file in sorted(new.iterdir())}
        record = {
            "format": FORMAT,
            "version": VERSION,
            "job_digest": manifest.digest,
            "start": start,
            "stop": stop,
            "keep": manifest.keep.name,
            "files": files,
        }
        write_record(record, lambda content: write_new(new / NAME, content))
        with writing(path):
            flush_folder(new)
            os.rename(new, path)
    except BaseException:
        _remove(new)
        raise
    flush_folder(path.parent)
    return Shard(path, start, stop, files)


def shard_paths(folder: Path) -> list[Path]:
    """The folders of complete shards, in the order of their restarts.

    Anything else there is not ours to remove: DamagedFile, except for hidden files.
    """
    place = folder / FOLDER
    try:
        there = stat.S_ISDIR(place.stat().st_mode)
    except OSError as error:
        if not os.path.lexists(place):
            return []
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        there = False
    if not there:
        raise DamagedFile(place, "expected a folder, got something else")
    names = [name for name in os.listdir(place) if not name.startswith(".")]
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise DamagedFile(
                place / name, "expected only shards in this folder; move it elsewhere"
            )
    return [place / name for name in sorted(names, key=_restarts)]


def _restarts(name: str) -> list[int]:
    return [int(number) for number in name.split("-")]


def read_shard(path: Path, manifest: Manifest) -> Shard:
    """Read a shard's own record, and check it against its name and the job.

    Raises
    ------
    DamagedFile
        If it is damaged, not from fastnn, or of another job.
    """
    try:
        record = read_record(path / NAME, FORMAT, VERSION)
    except GONE as error:
        raise DamagedFile(path, f"expected a shard, got none ({error.strerror})") from error
    if record.get("job_digest") != manifest.digest:
        raise DamagedFile(path, "it belongs to another job")
    (start, stop), files = _restarts(path.name), record.get("files")
    names = {f"{name}.npy" for name in manifest.types} | {STATISTICS}
    if record.get("keep") != manifest.keep.name:
        raise DamagedFile(
            path,
            f"expected the columns of keep={manifest.keep.name}, got those of keep="
            f"{shown(record.get('keep'))}",
        )
    if (record.get("start"), record.get("stop")) != (start, stop):
        raise DamagedFile(path, "its name does not match its restarts")
    first, last = manifest.job.first, manifest.job.first + manifest.job.restarts
    if not first <= start < stop <= last or not isinstance(files, dict) or files.keys() != names:
        raise DamagedFile(path, "it does not belong to this run")
    return Shard(path, start, stop, files)


def read_shards(paths: list[Path], manifest: Manifest) -> Iterator[Shard | DamagedFile]:
    """Yield shards in order; an error in place of one that is damaged or overlaps others."""
    reached = -1
    for path in paths:
        try:
            shard = read_shard(path, manifest)
            if shard.start < reached:
                raise DamagedFile(path, "its restarts are also in another shard")
        except DamagedFile as error:
            yield error
        else:
            reached = shard.stop
            yield shard


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that died while writing left in a run directory."""
    for place in (folder, folder / FOLDER, folder / DATA):
        for name in os.listdir(place):
            if is_temporary(name):
                _remove(place / name)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with the files of a shard; other files in it stay."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        for name in _FILES:
            with suppress(OSError):
                (path / name).unlink()
        path.rmdir()


def remove_shard(path: Path) -> None:
    """Remove a damaged shard atomically: half a shard never has its name."""
    gone = temporary(path)
    with writing(path):
        os.rename(path, gone)
    _remove(gone)
