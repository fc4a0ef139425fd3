"""On which CPUs the process runs: one for one-thread contenders, all for the others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

ALL = os.sched_getaffinity(0)


def keep_one() -> None:
    """Stay on one CPU: the last, since systems like to use the first."""
    os.sched_setaffinity(0, {max(ALL)})


@contextlib.contextmanager
def of_threads(threads: int) -> Iterator[None]:
    """All CPUs, if more than one thread is asked for; threads that start meanwhile keep them."""
    before = os.sched_getaffinity(0)
    if threads > 1:
        os.sched_setaffinity(0, ALL)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def lacking(threads: int) -> str | None:
    """Why so many threads cannot run at once, or None."""
    return None if len(ALL) >= threads else f"{threads} threads need more than {len(ALL)} CPU"
