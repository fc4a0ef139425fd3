"""Properties of executors, and the options that they need."""

from __future__ import annotations

import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from ..support.machine import available_threads


def workers_of(executor: Executor | None) -> int:
    """Number of chunks that an executor trains at a time, as far as it reports it."""
    if executor is None:
        return available_threads()
    workers = getattr(executor, "_max_workers", None)  # of the standard library's
    if workers is None and _is_dask(executor):
        try:
            workers = sum(executor._client.nthreads().values())  # type: ignore[attr-defined]
        except Exception:  # closed, as the first chunk will show
            workers = None
    return int(workers or available_threads())


def shares_memory(executor: Executor) -> bool:
    """Return whether its workers are threads of this process, which see a flag that is set here."""
    return isinstance(executor, ThreadPoolExecutor)


def takes_back(executor: Executor) -> bool:
    """Return whether its waiting chunks may be cancelled.

    In Python's process pool they may not: if a worker died after that, the pool's own thread would
    end with an InvalidStateError, nothing would end the other workers, and the program would wait
    for them forever.
    """
    process = sys.modules.get("concurrent.futures.process")
    return process is None or not isinstance(executor, process.ProcessPoolExecutor)


def most_in_flight(executor: Executor, workers: int) -> int:
    """Number of chunks to hand out at once: one waits behind each that is being trained.

    If chunks cannot be cancelled, only as many wait as Python's pool sends to its workers anyway.
    """
    return 2 * workers if takes_back(executor) else workers + 1


def options_of(executor: Executor) -> dict[str, Any]:
    """Options for `submit` besides the task.

    Dask identifies equal tasks: a chunk that is submitted again would get its previous error, and
    of two equal runs, interrupting one would cancel the chunks of both.
    """
    return {"pure": False} if _is_dask(executor) else {}


def name_of(executor: Executor) -> str:
    """The name of an executor in an error."""
    return f"Dask's {type(executor).__name__}" if _is_dask(executor) else type(executor).__name__


def _is_dask(executor: Executor) -> bool:
    return hasattr(getattr(executor, "_client", None), "nthreads")
