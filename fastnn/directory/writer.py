"""A run directory as the place where parts of a run come together."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checks import shown
from ..collecting import Collector
from ..files import TEMPORARY, DamagedFile, flush_folder, writing
from ..job import Job
from ..keeping import Keep
from ..machine import available_threads
from ..parts import Part
from ..records import fixed_restarts, job_digest, job_record
from ..threads import Pool
from .manifest import (
    DATA,
    NAME,
    Manifest,
    differences,
    extend_manifest,
    read_manifest,
    write_manifest,
)
from .reader import StoredRuns
from .shards import (
    FOLDER,
    Shard,
    read_shards,
    remove_shard,
    remove_unfinished,
    shard_paths,
    write_shard,
)

LOCK = "lock"
# POSIX locks are those of a process: its threads are told apart here.
_writing: set[Path] = set()
_guard = threading.Lock()
_log = logging.getLogger("fastnn")


def check_out(out: Any, resume: Any) -> Path | None:
    """`out` as a folder that is new, or one to resume; None without one."""
    if not isinstance(resume, bool):
        raise TypeError(f"resume: expected True or False, got {shown(resume)}")
    if out is None:
        if resume:
            raise ValueError("resume: expected a folder out= to resume, got none")
        return None
    if not isinstance(out, str | os.PathLike) or not os.fspath(out):
        raise TypeError(f"out: expected the path of a folder, got {shown(out)}")
    folder = Path(os.fsdecode(out))
    try:
        os.stat(folder)  # a name that no folder can have
    except FileNotFoundError:
        return folder
    except (OSError, ValueError) as error:
        raise ValueError(f"out: expected a folder, got {shown(str(folder))} ({error})") from error
    if not folder.is_dir():
        raise ValueError(f"out: expected a folder, got the file {folder}")
    begun = is_begun(folder)
    others = sorted(set(os.listdir(folder)) - {LOCK, DATA, FOLDER})
    others = [name for name in others if not name.startswith(".")]
    if begun and not resume:
        raise ValueError(
            f"out: expected a new folder, got {folder}, which holds a run; resume=True goes on "
            "with it"
        )
    if not begun:  # one that died before it began has data and a lock, but no shards
        own = [FOLDER] if (folder / LOCK).exists() else [DATA, FOLDER]
        others += [name for name in own if _has_files(folder / name)]
    if not begun and others:
        raise ValueError(f"out: expected a new or an empty folder, got {folder} with {others[0]}")
    return folder


def _has_files(path: Path) -> bool:
    """Whether there is anything at `path` but an empty folder."""
    if path.is_dir():
        return not all(name.startswith(TEMPORARY) for name in os.listdir(path))
    return path.exists()


def is_begun(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return os.path.lexists(folder / NAME)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """While entered no other thread or process may write the run; ends with the process."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for place in (folder / DATA, folder / FOLDER):
        with writing(place):
            if os.path.lexists(place) and not place.is_dir():
                raise DamagedFile(place, "expected a folder, got something else")
            place.mkdir(exist_ok=True)
    for path in made:
        flush_folder(path.parent)
    place = folder.resolve()
    with _guard:
        if place in _writing:
            raise ValueError(f"out: another thread of this process is writing {folder}")
        _writing.add(place)
    try:
        with writing(folder / LOCK):
            file = open(folder / LOCK, "a+")  # noqa: SIM115  errors of what follows are no own
        with file:
            if not _locked(file.fileno()):
                raise ValueError(f"out: another process is writing {folder}")
            yield
    finally:
        with _guard:
            _writing.discard(place)


def _locked(handle: int) -> bool:
    """Lock an open file for this process alone: children that are forked do not hold it."""
    try:
        import fcntl
    except ImportError:  # not on every system
        return True
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


class Shards(Collector):
    """Collects parts into the shards of a run directory, whose sole writer this process is."""

    on_disk = True

    def __init__(self, folder: Path, job: Job, keep: Keep | None) -> None:
        """Begin a run, or go on with the one that is there, whose `keep` None takes."""
        self.folder = folder
        remove_unfinished(folder)
        if is_begun(folder):
            self.manifest = _resumed(folder, job, keep)
        else:
            assert keep is not None
            self.manifest = write_manifest(folder, job, replace(keep, statistics=True))
        super().__init__(job, self.manifest.keep)
        there = _usable(list(read_shards(shard_paths(folder), self.manifest)))
        self.todo = gaps([(shard.start, shard.stop) for shard in there], job)
        # Restarts of a committed shard have all ended.
        self.ended = sum(shard.stop - shard.start for shard in there)
        if job.has_targets:
            self.converged = sum(shard.statistics(self.manifest).converged for shard in there)

    @property
    def advice(self) -> str:
        """What to do where the run ends early."""
        return f"; what had ended is kept in {self.folder}, and resume=True goes on with it"

    def add(self, part: Part) -> None:
        """Commit a part."""
        if not part.rows:
            return
        try:
            write_shard(self.folder, part, self.manifest)
        except OSError as error:
            raise OSError(
                error.errno,
                f"out: {error.strerror}; {self.ended:,} of {self.job.restarts:,} restarts "
                f"are kept in {self.folder}; once it can be written, resume=True goes on with it",
            ) from error
        super().add(part)

    def result(self) -> StoredRuns:
        """The run, to be read."""
        return StoredRuns(self.folder)


def _usable(found: list[Shard | DamagedFile]) -> list[Shard]:
    """Those shards whose content is as it was written; the others are removed."""

    def checked(shard: Shard | DamagedFile) -> Shard | DamagedFile:
        if isinstance(shard, DamagedFile):
            return shard
        try:
            shard.check_all()
        except DamagedFile as error:
            return DamagedFile(shard.path, error.reason)
        return shard

    with Pool(available_threads()) as pool:
        results = list(pool.map(checked, found))
    for damaged in results:
        if isinstance(damaged, DamagedFile):
            path = damaged.path
            _log.warning("%s; its restarts are trained again", damaged)
            remove_shard(path if path.parent.name == FOLDER else path.parent)
    return [shard for shard in results if isinstance(shard, Shard)]


def _resumed(folder: Path, job: Job, keep: Keep | None) -> Manifest:
    """The manifest of the run to go on with, if it is of `job`; extended if there are more."""
    manifest = read_manifest(folder)
    record, arrays = job_record(job)
    if job_digest(record, arrays) != manifest.digest:
        old_record, old_arrays = job_record(manifest.job)
        names = differences(old_record, record)
        names += [
            name for name in differences(_texts(old_arrays), _texts(arrays)) if name not in names
        ]
        text = f"resume: expected the job of {folder}, got one of other {', '.join(names)}"
        if fixed_restarts(job) or not manifest.extendable:
            text += (
                "; a job with an array that has a number for each restart cannot be extended to "
                "more restarts"
            )
        raise ValueError(text)
    kept = replace(keep, statistics=True) if keep is not None else manifest.keep
    if kept != manifest.keep:
        raise ValueError(
            f"keep: expected {manifest.keep.name} as in {folder}, or None, got {kept.name}"
        )
    if job.restarts < manifest.job.restarts:
        raise ValueError(
            f"restarts: expected at least {manifest.job.restarts:,}, as many as {folder} has, got "
            f"{job.restarts:,}"
        )
    if job.restarts > manifest.job.restarts:
        return extend_manifest(folder, manifest, job)
    return manifest


def _texts(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}


def gaps(ranges: list[tuple[int, int]], job: Job) -> list[tuple[int, int]]:
    """What of the job's positions the ranges of indices, in order, leave out."""
    missing, reached = [], 0
    for start, stop in [*ranges, (job.first + job.restarts,) * 2]:
        if start - job.first > reached:
            missing.append((reached, start - job.first))
        reached = max(reached, stop - job.first)
    return missing
