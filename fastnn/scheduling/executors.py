"""Executors: what they say of themselves, and what they want to be told."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from ..support.machine import available_threads


def workers_of(executor: Executor | None) -> int:
    """How many chunks an executor trains at a time, as far as it says."""
    if executor is None:
        return available_threads()
    workers = getattr(executor, "_max_workers", None)  # of the standard library's
    if workers is None and _is_dask(executor):
        try:
            workers = sum(executor._client.nthreads().values())  # type: ignore[attr-defined]
        except Exception:  # closed, which the first chunk will tell
            workers = None
    return int(workers or available_threads())


def shares_memory(executor: Executor) -> bool:
    """Whether its workers are threads of this process, which see a flag that is set here."""
    return isinstance(executor, ThreadPoolExecutor)


def options_of(executor: Executor) -> dict[str, Any]:
    """What `submit` is to be told besides the task.

    Dask takes equal tasks for one: a chunk that is handed out again would get the error that it had
    before, and of two equal runs the one that is interrupted would cancel the chunks of both.
    """
    return {"pure": False} if _is_dask(executor) else {}


def name_of(executor: Executor) -> str:
    """What it is called in an error."""
    return f"Dask's {type(executor).__name__}" if _is_dask(executor) else type(executor).__name__


def _is_dask(executor: Executor) -> bool:
    return hasattr(getattr(executor, "_client", None), "nthreads")
