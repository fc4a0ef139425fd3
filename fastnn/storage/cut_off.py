"""The record of restarts cut off by the end of a run: one small file in a run directory.

The file exists, and describes the run, only while nobody writes: during a run, or after a crash, it
is unknown which restarts were in progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..results.statistics import Statistics
from ..results.statistics_arrays import EARLY, fill_cut_off, to_arrays
from ..support.atomic_files import DamagedFile, read_record, replace_file, write_record
from ..support.checks import integer
from .manifest import Manifest

NAME = "cut_off.json"
FORMAT, VERSION = "fastnn cut off", 1
COLUMNS = EARLY[:2]


def write_cut_off(
    folder: Path, manifest: Manifest, cut: Statistics, *, ended: int, reached: int
) -> None:
    """Write the restarts cut off from the run whose shards hold `ended` restarts.

    `reached` is the position after the last restart ever handed out.
    """
    arrays = to_arrays(cut)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "job_digest": manifest.digest,
        "ended": ended,
        "reached": reached,
        "accounted": cut.accounted,
        **{name: arrays[name].tolist() if name in arrays else [] for name in COLUMNS},
    }
    write_record(record, partial(replace_file, folder / NAME))


def read_cut_off(folder: Path, manifest: Manifest, ended: int) -> Mapping[str, Any] | None:
    """Read the record of a folder whose shards hold `ended` restarts; None if there is none."""
    try:
        record = read_record(folder / NAME, FORMAT, VERSION)
        integer("reached", record["reached"], 0, manifest.job.restarts)
        _fill(Statistics.empty(manifest.job), record, ended)
    except (OSError, ValueError, TypeError, KeyError):  # treated as missing
        return None
    same = record.get("job_digest") == manifest.digest and record.get("ended") == ended
    return record if same else None


def add_cut_off(statistics: Statistics, record: Mapping[str, Any] | None) -> None:
    """Count the restarts cut off from a run in which some restarts have ended."""
    if record is None:
        statistics.accounted = False
    else:
        _fill(statistics, record, statistics.restarts)


def remove_cut_off(folder: Path) -> None:
    """Remove the record, before somebody writes."""
    with suppress(FileNotFoundError):
        (folder / NAME).unlink()


def _fill(statistics: Statistics, record: Mapping[str, Any], ended: int) -> None:
    arrays: dict[str, Any] = {
        name: np.array(record[name], dtype=np.int64).reshape(-1) for name in COLUMNS
    }
    if not isinstance(record["accounted"], bool):
        raise DamagedFile(NAME, "expected true or false")
    arrays["accounted"] = np.array(record["accounted"])
    fill_cut_off(statistics, arrays, statistics.job.restarts - ended)
