"""Writer of run directories, which collects the parts of a run."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..job.job import Job
from ..job.keep import Keep
from ..job.record import fixed_restarts, job_digest, job_record
from ..results.statistics import Statistics
from ..scheduling.collectors import Collector
from ..scheduling.worker import Part
from ..support.atomic_files import (
    DamagedFile,
    flush_folder,
    is_temporary,
    kind_of,
    read_record,
    writing,
)
from ..support.checks import shown
from ..support.frames import check_same
from ..support.locks import sole_holder
from ..support.machine import available_threads
from ..support.threads import Pool
from .cut_off import NAME as CUT_OFF
from .cut_off import read_cut_off, remove_cut_off, write_cut_off
from .manifest import (
    DATA,
    FORMAT,
    NAME,
    VERSION,
    Manifest,
    differences,
    extend_manifest,
    read_manifest,
    write_manifest,
)
from .shards import (
    FOLDER,
    Shard,
    read_shards,
    remove_shard,
    remove_unfinished,
    shard_paths,
    write_shard,
)
from .stored_runs import StoredRuns

LOCK = "lock"
MARK = b"fastnn run\n"
"""Content of a lock file, which identifies a run directory before it has a manifest."""
_log = logging.getLogger("fastnn")


def check_out(out: Any, resume: Any) -> Path | None:
    """Check `out`: a new folder, or one to resume; None if there is none."""
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
        os.stat(folder)  # fails for impossible names
    except FileNotFoundError:
        if folder.is_symlink():
            raise ValueError(f"out: expected a folder, got a link to nothing: {folder}") from None
        return folder
    except (OSError, ValueError) as error:
        raise ValueError(f"out: expected a folder, got {shown(str(folder))} ({error})") from error
    if not folder.is_dir():
        raise ValueError(f"out: expected a folder, got the file {folder}")
    if is_begun(folder):
        if not resume:
            raise ValueError(
                f"out: expected a new folder, got {folder}, which holds a run; use resume=True to "
                "continue it"
            )
        read_record(folder / NAME, FORMAT, VERSION)  # never write to a foreign folder
        for path, mode in _misplaced(folder).items():
            what = "a file" if path.name == LOCK else "a folder"
            raise DamagedFile(path, f"expected {what}, got {kind_of(mode)}")
    elif others := _of_others(folder):
        raise ValueError(f"out: expected a new or an empty folder, got {folder} with {others[0]}")
    return folder


def _misplaced(folder: Path) -> dict[Path, int]:
    """Entries of a run directory of the wrong kind, such as links, with their modes."""
    found = {}
    for name in (LOCK, DATA, FOLDER):
        with suppress(FileNotFoundError):
            mode = os.lstat(folder / name).st_mode
            if stat.S_IFMT(mode) != (stat.S_IFREG if name == LOCK else stat.S_IFDIR):
                found[folder / name] = mode
    return found


def _of_others(folder: Path) -> list[str]:
    """Entries of a folder without a manifest that neither belong to a run nor are hidden.

    A run that died at the very beginning has a lock with our mark, data, and incomplete shards.
    """
    misplaced = [path.name for path in _misplaced(folder)]
    if misplaced:
        return misplaced
    lock, names = folder / LOCK, os.listdir(folder)
    content = b""
    if LOCK in names:
        with open(lock, "rb") as file:
            content = file.read(len(MARK))
    own = content == MARK
    found = [LOCK] if content and not own else []
    found += [
        name
        for name in sorted({*names} - {LOCK, DATA, FOLDER} - ({CUT_OFF} if own else set()))
        if not name.startswith(".") or (is_temporary(name) and not own)
    ]
    for name in sorted({DATA, FOLDER} & {*names}):
        inside = os.listdir(folder / name)
        if inside and not (own and (name == DATA or all(map(is_temporary, inside)))):
            found.append(name)
    return found


def is_begun(folder: Path) -> bool:
    """Return whether a folder holds a run."""
    return os.path.lexists(folder / NAME)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock on a run, so that no other thread or process writes it.

    The folder must have been checked by `check_out`.  The lock ends with the process.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with ExitStack() as stack:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with writing(folder / LOCK):
            try:
                lock = stack.enter_context(sole_holder(folder / LOCK))
            except BlockingIOError as error:
                raise ValueError(f"out: {error.strerror} is writing {folder}") from None
            if not os.fstat(lock).st_size:
                os.write(lock, MARK)
        for place in (folder / DATA, folder / FOLDER):
            with writing(place):
                place.mkdir(exist_ok=True)
        for path in made:
            flush_folder(path.parent)
        yield


class Shards(Collector):
    """Collect parts into the shards of a run directory, whose only writer is this process."""

    on_disk = True

    def __init__(self, folder: Path, job: Job, keep: Keep | None) -> None:
        """Start a run, or continue the existing one; `keep` None takes that of the run."""
        self.folder = folder
        if is_begun(folder):
            self.manifest = _resumed(folder, job, keep)
        else:
            assert keep is not None
            self.manifest = write_manifest(folder, job, keep._replace(statistics=True))
        super().__init__(job, self.manifest.keep)
        remove_unfinished(folder)
        paths = shard_paths(folder)
        there = _usable(list(read_shards(paths, self.manifest)), self.manifest)
        self.todo = gaps([(shard.start, shard.stop) for shard, _ in there], job)
        # Restarts of a committed shard have all ended.
        self.ended = sum(shard.stop - shard.start for shard, _ in there)
        before = read_cut_off(folder, self.manifest, self.ended)
        self.accounted = not paths if before is None else bool(before["accounted"])
        self.reached = 0 if before is None else int(before["reached"])
        remove_cut_off(folder)
        if job.has_targets:
            self.converged = sum(converged for _, converged in there)

    @property
    def advice(self) -> str:
        """Advice for an error message, if the run ends early."""
        return (
            f"; finished restarts are kept in {self.folder}, and resume=True continues from there"
        )

    def tell(self, reached: int, not_begun: list[tuple[int, int]]) -> None:
        """Report the position up to which restarts were handed out, and the ranges never started.

        Restarts that were ever in progress before must not be left out now.
        """
        self.accounted &= all(start >= self.reached for start, _ in not_begun)
        self.reached = max(self.reached, reached)

    def add(self, part: Part) -> None:
        """Commit a part."""
        try:
            if part.rows:
                write_shard(self.folder, part, self.manifest)
        except OSError as error:
            raise OSError(
                error.errno,
                f"out: {error.strerror}; {self.ended:,} of {self.job.restarts:,} restarts are kept "
                f"in {self.folder}; once it is writable again, resume=True continues from there",
            ) from error
        super().add(part)

    def result(self) -> StoredRuns:
        """Return the run for reading."""
        cut = Statistics.empty(self.job)
        cut.cut_short(self.cut)
        cut.accounted &= self.accounted
        with suppress(OSError):  # such as a full disk: then the record is missing
            write_cut_off(self.folder, self.manifest, cut, ended=self.ended, reached=self.reached)
        return StoredRuns(self.folder)


def _usable(found: list[Shard | DamagedFile], manifest: Manifest) -> list[tuple[Shard, int]]:
    """Undamaged shards, and the number of restarts of each that converged.

    Damaged shards are removed.
    """

    def checked(shard: Shard | DamagedFile) -> tuple[Shard, int] | DamagedFile:
        if isinstance(shard, DamagedFile):
            return shard
        try:
            return shard, shard.check_all(manifest).converged
        except DamagedFile as error:
            return DamagedFile(shard.path, error.reason)

    with Pool(available_threads()) as pool:
        results = list(pool.map(checked, found))
    for damaged in results:
        if isinstance(damaged, DamagedFile):
            path = damaged.path
            _log.warning("%s; its restarts will be trained again", damaged)
            remove_shard(path if path.parent.name == FOLDER else path.parent)
    return [result for result in results if not isinstance(result, DamagedFile)]


def _resumed(folder: Path, job: Job, keep: Keep | None) -> Manifest:
    """The manifest of the run to resume, if it is of `job`, extended for more restarts."""
    manifest = read_manifest(folder)
    check_same("resume: X", job.features, manifest.job.features)
    check_same("resume: y", job.targets, manifest.job.targets)
    record, arrays = job_record(job)
    if job_digest(record, arrays) != manifest.digest:
        old_record, old_arrays = job_record(manifest.job)
        names = differences(old_record, record)
        names += [
            name for name in differences(_texts(old_arrays), _texts(arrays)) if name not in names
        ]
        text = f"resume: expected the job of {folder}, got one that differs in {', '.join(names)}"
        if job.groups is not None or manifest.job.groups is not None:
            text += "; a run of groups cannot be extended to more restarts"
        elif fixed_restarts(job) or not manifest.extendable:
            text += (
                "; a job with an array of one number for each restart cannot be extended to more "
                "restarts"
            )
        raise ValueError(text)
    kept = keep._replace(statistics=True) if keep is not None else manifest.keep
    if kept != manifest.keep:
        raise ValueError(
            f"keep: expected {manifest.keep.name} as in {folder}, or None, got {kept.name}"
        )
    if job.restarts < manifest.job.restarts:
        raise ValueError(
            f"restarts: expected at least {manifest.job.restarts:,}, as many as {folder} has, got "
            f"{job.restarts:,}"
        )
    return extend_manifest(folder, manifest, job)


def _texts(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}


def gaps(ranges: list[tuple[int, int]], job: Job) -> list[tuple[int, int]]:
    """The job's positions that are not in the (ascending) ranges of indices."""
    missing, reached = [], 0
    for start, stop in [*ranges, (job.first + job.restarts,) * 2]:
        if start - job.first > reached:
            missing.append((reached, start - job.first))
        reached = max(reached, stop - job.first)
    return missing
