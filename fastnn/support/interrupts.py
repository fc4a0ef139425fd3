"""Ctrl-C as a flag that kernels check, instead of an exception at any instruction.

Repeated presses count as one.  In the main process, the first sets the flag, and further ones do
nothing until the work has ended and none has come for a moment.  In a pool's worker, Ctrl-C does
nothing between chunks, so that no message is cut in half and the pool remains usable; a worker
whose pool is gone ends.
"""

from __future__ import annotations

# CPython's own part of `signal`, which takes 5 us more to make enumeration members of handlers.
import _signal  # type: ignore[import-not-found]
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

# Seconds that a worker takes, after a chunk, to send the part and fetch another chunk.
BETWEEN_SECONDS = 10.0
# Seconds after the first Ctrl-C when another one raises as usual, since the work has not ended.
ENDING_SECONDS = 3.0
# Maximum seconds between two presses of the same burst.
QUIET_SECONDS = 0.2
# Seconds between a worker's checks that its parent process is alive.
WATCH_SECONDS = 0.5


class CtrlC:
    """Context in which Ctrl-C sets a flag and calls `wake`; further ones do nothing.

    An exception thrown into the bookkeeping of futures can leave one of their locks held and the
    process hanging.  Leaving waits until a burst is over; otherwise its rest could interrupt
    whoever stores the results.  A Ctrl-C that comes `ENDING_SECONDS` after the first raises as
    usual.  Outside the main thread, and if a program has its own handler, nothing is changed.

    Attributes
    ----------
    flag : (1,) array of int64
        Non-zero once Ctrl-C was pressed, or the work should stop for another reason.
    pressed : bool
    """

    def __init__(self) -> None:
        self.flag = np.zeros(1, dtype=np.int64)
        self.pressed = False
        self.wake: Callable[[], Any] = lambda: None
        self._first = self._last = 0.0
        self._raises = self._installed = False

    def __enter__(self) -> CtrlC:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and _signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            _signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._installed:
            while self.pressed and (left := self._last + QUIET_SECONDS - time.monotonic()) > 0:
                time.sleep(left)
            self._installed = False
            _signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Let every Ctrl-C raise, for work that checks no flag, such as compilations.

        An exception in a function that LLVM calls gets lost; then leaving the context raises it.
        """
        self._raises = True
        try:
            yield
        finally:
            self._raises = False
        self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._last = time.monotonic()
        first, self.pressed = not self.pressed, True
        if first:
            self._first = self._last
        self.flag[0] = 1
        late = self._last - self._first > ENDING_SECONDS
        if self._raises or late:
            raise KeyboardInterrupt
        if first:
            self.wake()


class WorkersCtrlC:
    """Context in which Ctrl-C sets the flag that entering returns; soon after, Ctrl-C does nothing.

    A terminal sends Ctrl-C to all of its processes.  Workers that die of it while they send a part
    can leave half a message in their pool's pipe, and the pool waiting for the other half.

    Entering returns None outside the main thread, and if the program has its own handler.
    """

    def __init__(self) -> None:
        self._flag: np.ndarray | None = None
        self._until = 0.0

    def __enter__(self) -> np.ndarray | None:
        in_main = threading.current_thread() is threading.main_thread()
        # A process that `multiprocessing` did not start may outlive its parent.
        process = sys.modules.get("multiprocessing")
        if in_main and process is not None and process.parent_process() is not None:
            end_with_parent()
        ours = signal.default_int_handler, self._handle
        if in_main and self._flag is None and signal.getsignal(signal.SIGINT) in ours:
            self._flag = np.zeros(1, dtype=np.int64)
            signal.signal(signal.SIGINT, self._handle)
            return self._flag
        return None

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._until = time.monotonic() + BETWEEN_SECONDS
            self._flag = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._flag is not None:
            self._flag[0] = 1
        elif time.monotonic() > self._until:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt


_watching: set[int] = set()
"""Identifiers of processes that watch their parents; after a fork, the child has another."""


def end_with_parent() -> None:
    """Make this process end once its parent has ended, by SIGTERM, as a pool ends its workers."""
    if os.getpid() in _watching:
        return
    _watching.add(os.getpid())
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="fastnn-parent", daemon=True).start()


def _forget_in_child() -> None:
    """Restore the usual Ctrl-C in a forked process, which has other work."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(getattr(handler, "__self__", None), CtrlC):
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
