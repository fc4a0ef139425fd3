"""Properties of executors, and the options that they need."""

from __future__ import annotations

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
