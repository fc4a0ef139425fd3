"""The manifest of a run directory: the job of its shards."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..job.job import Job
from ..job.keep import COLUMNS, Keep
from ..job.record import (
    activations_record,
    fixed_restarts,
    job_digest,
    job_of,
    job_record,
    names_record,
    with_names,
)
from ..spec import own_activations
from ..support.atomic_files import (
    DamagedFile,
    check_file,
    file_entry,
    read_array,
    read_record,
    replace_file,
    save_array,
    write_record,
)
from ..support.checks import integer
from ..support.machine import describe
from ..support.version import NUMERICS_VERSION

NAME, DATA = "manifest.json", "data"
FORMAT, VERSION = "fastnn run", 1
ABOUT = (
    "Results of fastnn.train_many. fastnn.open_run(folder) reads them; each column of each shard "
    "is also a file for numpy.load."
)


class Manifest(NamedTuple):
    """The job of a run directory, and the results to keep."""

    job: Job
    keep: Keep
    digest: str
    """Digest of the job."""
    record: dict[str, Any]

    @property
    def extendable(self) -> bool:
        """True if restarts can be added."""
        return not fixed_restarts(self.job)

    @property
    def types(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        """The type of every column of a shard, and the shape of a row."""
        return self.keep.types(self.job)


def write_manifest(folder: Path, job: Job, keep: Keep) -> Manifest:
    """Write the data of a job and then the manifest, which makes `folder` a run directory."""
    record, arrays = job_record(job)
    digest = job_digest(record, arrays)
    data = {}
    for name, array in arrays.items():
        path = folder / DATA / f"{name}.npy"
        replace_file(path, partial(save_array, array))
        data[name] = {"file": f"{DATA}/{name}.npy", **file_entry(path)}
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "about": ABOUT,
        "numerics_version": NUMERICS_VERSION,
        "restarts": job.restarts,
        "columns": list(keep.columns),
        "best": keep.best,
        "job": record,
        **names_record(job),
        **activations_record(job.net),
        "data": data,
        "job_digest": digest,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "made_with": describe(),
    }
    _write(folder, whole)
    return Manifest(job, keep, digest, whole)


def extend_manifest(folder: Path, manifest: Manifest, job: Job) -> Manifest:
    """Extend the run to the restarts of `job`, and to its names if it had none."""
    whole = manifest.record | {"restarts": job.restarts, **names_record(job)}
    if whole == manifest.record:
        return manifest
    _write(folder, whole)
    return Manifest(with_names(job, whole), manifest.keep, manifest.digest, whole)


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_record(record, lambda content: replace_file(folder / NAME, content))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run directory, and check its data.

    Raises
    ------
    FileNotFoundError
        If there is no manifest.
    DamagedFile
        If it or its data are damaged, not from fastnn, of a later version or of another numerics
        version.
    """
    path = folder / NAME
    record = read_record(path, FORMAT, VERSION)
    numerics = record.get("numerics_version")
    if numerics != NUMERICS_VERSION:
        raise DamagedFile(
            path,
            f"expected results of numerics version {NUMERICS_VERSION}, got {numerics!r}: this "
            "version of fastnn would compute different bits",
        )
    try:
        arrays = {}
        for name, entry in record["data"].items():
            file = folder / DATA / f"{name}.npy"
            if Path(name).name != name:
                raise ValueError(f"{name!r} is not the name of an array")
            check_file(file, {key: entry[key] for key in ("bytes", "sha256")})
            arrays[name] = np.array(read_array(file))
        own_activations.define(record.get("activations", []))
        restarts = integer("restarts", record["restarts"], 1, 10**12)
        job = job_of(record["job"], arrays, restarts)
        digest = job_digest(*job_record(job))
        job = with_names(job, record)
        columns, best = record["columns"], integer("best", record["best"], 0)
        if [name for name in COLUMNS if name in columns] != columns:
            raise ValueError(f"{columns!r} are not names of columns")
    except DamagedFile:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise DamagedFile(
            path, f"expected the record of a run, got something else: {error}"
        ) from error
    if digest != record.get("job_digest"):
        raise DamagedFile(path, "the job does not match its digest")
    return Manifest(job, Keep(tuple(columns), best, True), digest, record)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of the parts in which two jobs' records differ."""
    names = list(dict.fromkeys([*one, *other]))
    return [name for name in names if one.get(name) != other.get(name)]
