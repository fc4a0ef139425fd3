"""Networks and results in one file: an ``.npz`` archive of arrays and a JSON text, no pickle.

The archive holds the saved object's arrays under the names of its columns, those of its job as
"job.X" and so on, and under "about" the text: format, version, kind, numbers, the job, and a digest
of all of it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..job.job import Job
from ..job.keep import COLUMNS
from ..job.record import (
    activations_record,
    job_of,
    job_record,
    names_record,
    network_of,
    network_record,
    with_names,
)
from ..results.censoring import CutOff
from ..results.run import Run
from ..results.runs import Runs
from ..results.statistics import Statistics
from ..spec import own_activations
from ..spec.network import Network
from ..spec.status import Status
from ..support.archives import members_of, read_member
from ..support.atomic_files import (
    DamagedFile,
    canonical,
    destination,
    digest_of,
    refuse_others,
    write_file,
)
from ..support.checks import check_path, integer, shown
from ..support.gate import check_array, frozen
from ..support.savable import Savable, writes
from ..support.suggestions import suggests
from ..support.version import NUMERICS_VERSION, __version__
from .npz_models import FALLBACK, SCALES, model_of, model_record, models_of, models_record

FORMAT, VERSION = "fastnn", 1
ENCODED = 2
"""The version of models with an encoding, which earlier versions of fastnn would not apply."""
JOB, STATISTICS, CUT = "job.", "statistics.", "cut."
FOREIGN = "expected a file that fastnn saved, got another file"

Arrays = dict[str, np.ndarray]


@writes
def save(thing: Savable, path: str | os.PathLike[str]) -> None:
    """Save a network or results in one file, which replaces `path` once it is complete.

    It gets the permissions of an existing file.  Symbolic links are followed.

    Parameters
    ----------
    thing : Network, Model, Models, Run, Runs or Statistics
    path : str or PathLike
        The extension is ``.npz`` by convention.

    Raises
    ------
    TypeError
        If `path` is not a path, or `thing` has another type.
    ValueError
        If something other than a file is at `path`, such as a folder, a device or a pipe.
    OSError
        If the file cannot be written.
    """
    destination(path)
    kind = type(thing).__name__.lower()
    if kind not in _WRITERS:
        raise TypeError(
            f"save: expected a Network, Model, Models, Run, Runs or Statistics, got {shown(thing)}"
        )
    record, arrays = _WRITERS[kind](thing)
    about = {
        "format": FORMAT,
        "version": _version_of(record),
        "kind": kind,
        "fastnn": __version__,
        "numerics_version": NUMERICS_VERSION,
        **record,
    }
    about["digest"] = digest_of(canonical(about), arrays)
    text = np.array(json.dumps(about, allow_nan=False))
    write_file(path, lambda file: np.savez(file, allow_pickle=False, about=text, **arrays))


@suggests
def load(path: str | os.PathLike[str]) -> Any:
    """Load a network, model, models, run, runs or statistics from a file that `save` wrote.

    Loaded runs can train any restart again, and training can continue from them, as before.

    Parameters
    ----------
    path : str or PathLike

    Returns
    -------
    Network, Model, Models, Run, Runs or Statistics

    Raises
    ------
    TypeError
        If `path` is not a path.
    OSError
        If the file cannot be read.
    DamagedFile
        If it is damaged, not from fastnn, or of a later version: a ValueError with path and reason.
    """
    check_path(path)
    file = Path(path)
    if file.is_dir():
        raise DamagedFile(file, "expected a file, got a folder; fastnn.open_run reads folders")
    about, arrays = _read(file)
    try:
        own_activations.define(about.get("activations", []))
        return _READERS[about["kind"]](about, arrays)
    except Exception as error:
        raise DamagedFile(file, f"it does not describe a result of fastnn: {error}") from error


def _read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Read text and arrays of a file, and check them against its digest."""
    refuse_others(path)
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            raise DamagedFile(path, FOREIGN)
        try:
            with zipfile.ZipFile(file) as archive:
                if any(member.compress_type for member in archive.infolist()):
                    raise ValueError("it is compressed, which fastnn's files are not")
                members = members_of(archive, os.fstat(file.fileno()).st_size)
                if "about" not in members:
                    raise DamagedFile(path, FOREIGN)
                about, digest = _about(path, read_member(archive, members.pop("about")))
                for name in members:
                    if not _belongs(about["kind"], name):
                        raise ValueError(
                            f"expected only the arrays of a {about['kind']}, got {name!r}"
                        )
                # Compiled code reads arrays row by row.
                arrays = {
                    name: frozen(np.asarray(read_member(archive, member), order="C"))
                    for name, member in members.items()
                }
        except DamagedFile:
            raise
        except Exception as error:  # zip archives and arrays raise many kinds of errors
            raise DamagedFile(path, f"its archive is damaged: {error}") from error
    if digest != digest_of(canonical(about), arrays):
        raise DamagedFile(path, "its content does not match its digest: damaged or edited")
    if about.get("numerics_version") != NUMERICS_VERSION and about["kind"] in _OF_BITS:
        raise DamagedFile(
            path,
            f"expected results of numerics version {NUMERICS_VERSION}, got "
            f"{about.get('numerics_version')!r}: this version of fastnn would compute different "
            "bits",
        )
    return about, arrays


def _about(path: Path, text: np.ndarray) -> tuple[dict[str, Any], Any]:
    """Parse a file's text, of a known version and kind; returns it and its digest."""
    try:
        about = json.loads(str(text[()]))
        if about["format"] != FORMAT:
            raise ValueError
        digest = about.pop("digest", None)
        canonical(about)
    except Exception as error:
        raise DamagedFile(path, FOREIGN) from error
    version = _version_of(about)
    if about.get("version") != version:
        raise DamagedFile(
            path, f"expected version {version} of the format, got {about.get('version')!r}"
        )
    if about.get("kind") not in [*_READERS]:
        raise DamagedFile(path, f"expected a known kind of results, got {about.get('kind')!r}")
    return about, digest


def _version_of(record: dict[str, Any]) -> int:
    return ENCODED if "encoding" in record else VERSION


def _belongs(kind: str, name: str) -> bool:
    """Return whether a file of that kind may have an array of that name."""
    names, beginnings = _ARRAYS[kind]
    return name in names or name.startswith(beginnings)


def _with_job(job: Job) -> tuple[dict[str, Any], Arrays]:
    record, arrays = job_record(job)
    named = {JOB + name: array for name, array in arrays.items()}
    beside = names_record(job) | activations_record(job.net)
    return {"job": record, "restarts": job.restarts, **beside}, named


def _job(about: dict[str, Any], arrays: Arrays) -> Job:
    named = {
        name.removeprefix(JOB): array for name, array in arrays.items() if name.startswith(JOB)
    }
    job = job_of(about["job"], named, integer("restarts", about["restarts"], 1, 10**12))
    return with_names(job, about)


def _network(net: Network) -> tuple[dict[str, Any], Arrays]:
    return {"network": network_record(net), **activations_record(net)}, {}


def _network_again(about: dict[str, Any], arrays: Arrays) -> Network:
    return network_of(about["network"])


def _run(run: Run) -> tuple[dict[str, Any], Arrays]:
    if run.job is None:
        raise ValueError(
            "save: expected a run of fastnn.train or fastnn.train_many, got one without a job"
        )
    record, arrays = _with_job(run.job)
    record |= {
        "epochs": run.epochs,
        "status": int(run.status),
        "history_every": run.history_every,
        "restart": run.restart,
    }
    # As arrays, since the values may be infinite or NaN.
    arrays |= {
        "parameters": run.parameters,
        "loss": np.array(run.loss),
        "sse": np.array(run.sse),
    }
    optional = {"history": run.history, "state": run.state}
    return record, arrays | {name: a for name, a in optional.items() if a is not None}


def _run_again(about: dict[str, Any], arrays: Arrays) -> Run:
    job = _job(about, arrays)
    for name in ("loss", "sse"):
        check_array(name, arrays[name], np.dtype(np.float64), ())
    return Run(
        network=job.net,
        parameters=arrays["parameters"],
        loss=float(arrays["loss"]),
        sse=float(arrays["sse"]),
        epochs=integer("epochs", about["epochs"], 0),
        status=Status(about["status"]),
        history=arrays.get("history"),
        history_every=integer("history_every", about["history_every"], 0),
        seed=job.seed,
        restart=integer("restart", about["restart"], 0, 2**63 - 1),
        loss_name=job.loss_name,
        state=arrays.get("state"),
        job=job,
    )


def _runs(runs: Runs) -> tuple[dict[str, Any], Arrays]:
    record, arrays = _with_job(runs.job)
    columns = {"restart": runs.indices, **runs.columns}
    if runs.statistics is not None:
        columns |= {
            f"{STATISTICS}{name}": array for name, array in runs.statistics.to_arrays().items()
        }
    cut = runs.cut
    if len(cut.epochs) or not cut.accounted:
        record["accounted"] = cut.accounted
        columns |= {f"{CUT}epochs": cut.epochs, f"{CUT}status": cut.status}
    return record, arrays | columns


def _cut_again(about: dict[str, Any], arrays: Arrays) -> CutOff:
    """The restarts cut off from a run that ended early."""
    given = {name: arrays[CUT + name] for name in ("epochs", "status") if CUT + name in arrays}
    accounted = about.get("accounted", True)
    return CutOff(**given, accounted=accounted) if given else CutOff.none(accounted=accounted)


def _runs_again(about: dict[str, Any], arrays: Arrays) -> Runs:
    job = _job(about, arrays)
    kept = {
        name.removeprefix(STATISTICS): array
        for name, array in arrays.items()
        if name.startswith(STATISTICS)
    }
    statistics = Statistics.from_arrays(job, kept) if kept else None
    columns: dict[str, Any] = {name: arrays[name] for name in COLUMNS if name in arrays}
    cut = _cut_again(about, arrays)
    return Runs(job, arrays["restart"], **columns, statistics=statistics, cut=cut)


def _statistics(statistics: Statistics) -> tuple[dict[str, Any], Arrays]:
    record, arrays = _with_job(statistics.job)
    return record, arrays | statistics.to_arrays()


def _statistics_again(about: dict[str, Any], arrays: Arrays) -> Statistics:
    own = {name: array for name, array in arrays.items() if not name.startswith(JOB)}
    return Statistics.from_arrays(_job(about, arrays), own)


_WRITERS: dict[str, Callable[[Any], tuple[dict[str, Any], Arrays]]] = {
    "network": _network,
    "model": model_record,
    "models": models_record,
    "run": _run,
    "runs": _runs,
    "statistics": _statistics,
}
_READERS: dict[str, Callable[[dict[str, Any], Arrays], Any]] = {
    "network": _network_again,
    "model": model_of,
    "models": models_of,
    "run": _run_again,
    "runs": _runs_again,
    "statistics": _statistics_again,
}
# The names of a kind's arrays, and prefixes of others.  The readers of jobs and statistics check
# their names.
_ARRAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "network": ((), ()),
    "model": (("parameters", "classes", "residuals", *SCALES), ()),
    "models": (("parameters", "labels", "classes", *SCALES), (FALLBACK,)),
    "run": (("parameters", "loss", "sse", "history", "state"), (JOB,)),
    "runs": ((*COLUMNS, "restart"), (JOB, STATISTICS, CUT)),
    "statistics": ((), ("",)),
}
# Kinds that another numerics version would not reproduce to the bit.
_OF_BITS = ("run", "runs", "statistics")
