"""Ctrl-C as a flag that kernels look at, instead of an exception at any instruction."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

# So long after a chunk its worker sends the part that it was, and fetches another.
BETWEEN_SECONDS = 10.0


class CtrlC:
    """While entered, Ctrl-C sets a flag and calls `wake`; a second one raises as usual.

    An exception thrown into the bookkeeping of futures can leave one of their locks held and the
    process hanging.  Outside the main thread, and where a program has a handler of its own,
    nothing is changed.

    Attributes
    ----------
    flag : (1,) array of int64
        Not zero once Ctrl-C was pressed, or the work is to stop for another reason.
    pressed : bool
    """

    def __init__(self, wake: Callable[[], Any] = lambda: None) -> None:
        self.flag = np.zeros(1, dtype=np.int64)
        self.pressed = False
        self._wake = wake
        self._installed = False

    def __enter__(self) -> CtrlC:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _restore(self) -> None:
        if self._installed:
            self._installed = False
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.flag[0] = 1
        self.pressed = True
        self._restore()
        self._wake()


class WorkersCtrlC:
    """While entered, Ctrl-C sets the flag that entering gives; soon after, it does nothing.

    A terminal sends Ctrl-C to all of its processes.  Workers that die of it while they send a part
    can leave half a message in their pool's pipe, and the pool waiting for the other half.

    Entering gives None outside the main thread, and where a program has a handler of its own.
    """

    def __init__(self) -> None:
        self._flag: np.ndarray | None = None
        self._until = 0.0

    def __enter__(self) -> np.ndarray | None:
        in_main = threading.current_thread() is threading.main_thread()
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


def _forget_in_child() -> None:
    """In a forked process, whose work is another, Ctrl-C does what it usually does."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(getattr(handler, "__self__", None), CtrlC):
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
