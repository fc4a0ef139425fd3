"""One warning for a whole search: cross-validation and grid searches fit many clones.

A search passes its clones to workers, which may be other processes.  While it lasts, an empty file
for each text tells that somebody has warned.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, finalize

from joblib import Parallel

# The names of searches by the object that distributes their fits, and lives as long as they do.
SEARCHES: WeakKeyDictionary[Parallel, str] = WeakKeyDictionary()
KINDS = ("diverged", "worse", "unfinished")


def search_here() -> str | None:
    """The name of the search that runs this code, in the process that started it."""
    for frame in _frames():
        if str(frame.f_globals.get("__name__", "")).startswith("joblib."):
            parallel = frame.f_locals.get("self")
            if isinstance(parallel, Parallel):
                if parallel not in SEARCHES:
                    SEARCHES[parallel] = uuid4().hex
                    finalize(parallel, _forget, SEARCHES[parallel])
                return SEARCHES[parallel]
    return None


def is_first(search: str | None, kind: str) -> bool:
    """Return whether a warning of one of `KINDS` has not yet been given in this search."""
    name = "__name__"
    if search is None or not any(
        str(frame.f_globals.get(name, "")).startswith("sklearn.model_selection")
        for frame in _frames()
    ):
        return True
    with suppress(OSError):
        try:
            os.close(os.open(_file(search, kind), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
    return True


def _frames() -> Iterator[FrameType]:
    frame: Any = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _file(search: str, kind: str) -> Path:
    return Path(tempfile.gettempdir()) / f"fastnn-{search}-{kind}"


def _forget(search: str) -> None:
    for kind in KINDS:
        with suppress(OSError):
            _file(search, kind).unlink()
