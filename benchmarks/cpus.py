"""The CPUs of the process: one for one-thread contenders, all for the others."""

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
    """Context with all CPUs for more than one thread; threads that start in it keep them."""
    before = os.sched_getaffinity(0)
    if threads > 1:
        os.sched_setaffinity(0, ALL)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def lacking(threads: int) -> str | None:
    """The reason why this many threads cannot run at once, or None."""
    return None if len(ALL) >= threads else f"{threads} threads need more than {len(ALL)} CPU"
