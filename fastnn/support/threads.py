"""Threads of fastnn's own, and what takes their place where Python gives none."""

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
    """A pool of threads, which after the end of the main thread lends the caller's.

    A thread that is not a daemon goes on when the main thread has ended, but Python gives pools no
    more threads then.
    """

    def __init__(self, workers: int, name: str = "fastnn") -> None:
        super().__init__(workers, thread_name_prefix=name)
        self.closed = False

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks."""
        self.closed = True
        super().shutdown(wait, cancel_futures=cancel_futures)

    def submit(self, task: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a thread do a task: the caller's, in this call, if there are no others any more."""
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
    """Do a task, and give its result or error to `future`."""
    try:
        result = task(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def together(task: Callable[[int], T], count: int, *, abandon: Callable[[], Any]) -> list[T]:
    """What ``task(0)`` to ``task(count - 1)`` give, which are all done at the same time.

    They may wait for each other, so no pool that has too few threads does them.  If one fails, or
    has no thread, `abandon` tells the others; all have ended when this returns.
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
    """Whether threads are the system's, so that they run at the same time.

    Where gevent or eventlet took the place of `threading` they are not: one that waits for another
    within a kernel would wait for ever.
    """
    if inspect.isbuiltin(_thread.start_new_thread):
        return True
    # A debugger's may start one of the system's all the same.
    places = set()
    thread = Thread(target=lambda: places.add(_place()))
    thread.start()
    thread.join()
    return places.isdisjoint({_place()})


def _place() -> str:
    """The system's name of the thread that asks, which no library replaces."""
    try:
        return os.readlink("/proc/thread-self")
    except OSError:
        return ""
