"""Ctrl-C as a flag that kernels look at, instead of an exception at any instruction."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np


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
    installed : bool
        Whether Ctrl-C comes here, and has not come yet.
    """

    def __init__(self, wake: Callable[[], Any] = lambda: None) -> None:
        self.flag = np.zeros(1, dtype=np.int64)
        self.pressed = False
        self._wake = wake
        self.installed = False

    def __enter__(self) -> CtrlC:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self.installed = True
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _restore(self) -> None:
        if self.installed:
            self.installed = False
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.flag[0] = 1
        self.pressed = True
        self._restore()
        self._wake()


def _forget_in_child() -> None:
    """In a forked process, whose work is another, Ctrl-C does what it usually does."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(getattr(handler, "__self__", None), CtrlC):
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
