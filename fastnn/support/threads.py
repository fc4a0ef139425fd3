"""Our own threads, and a replacement if Python provides none."""

from __future__ import annotations

import _thread
import inspect
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pool(ThreadPoolExecutor):
    """A thread pool that uses the caller's thread after the end of the main thread.

    Non-daemon threads continue after the main thread has ended, but then Python gives pools no more
    threads.
    """

    def __init__(self, workers: int, name: str = "fastnn") -> None:
        super().__init__(workers, thread_name_prefix=name)
        self.closed = False

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more tasks."""
        self.closed = True
        super().shutdown(wait, cancel_futures=cancel_futures)

    def submit(self, task: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task in a thread, or in this call if no more threads are available."""
        try:
            return super().submit(task, *args, **kwargs)
        except RuntimeError as error:
            if self.closed or "new futures" not in str(error):
                raise
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()
        settle(done, task, *args, **kwargs)
        return done


def settle(future: Future[T], task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run a task, and pass its result or error to `future`."""
    try:
        result = task(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def together(task: Callable[[int], T], count: int, *, abandon: Callable[[], Any]) -> list[T]:
    """Run ``task(0)`` to ``task(count - 1)`` at the same time; returns their results.

    Tasks may wait for each other, so a pool with too few threads would not do.  If one fails, or
    gets no thread, `abandon` tells the others; all have ended when this returns.
    """
    futures: list[Future[T]] = [Future() for _ in range(count)]
    begun: list[Thread] = []
    try:
        for number, future in enumerate(futures):
            thread = Thread(target=settle, args=(future, task, number), name=f"fastnn-{number}")
            thread.start()
            begun.append(thread)
        return [future.result() for future in futures]
    except BaseException:
        abandon()
        raise
    finally:
        for thread in begun:
            thread.join()


def are_native() -> bool:
    """Return whether threads are the system's, so that they run at the same time.

    If gevent or eventlet has replaced `threading` they are not: a thread that waits for another
    within a kernel would wait forever.
    """
    if inspect.isbuiltin(_thread.start_new_thread):
        return True
    # A debugger's replacement may still start threads of the system.
    places = set()
    thread = Thread(target=lambda: places.add(_place()))
    thread.start()
    thread.join()
    return places.isdisjoint({_place()})


def _place() -> str:
    """The system's identifier of the calling thread, which no library replaces."""
    try:
        return os.readlink("/proc/thread-self")
    except OSError:
        return ""
