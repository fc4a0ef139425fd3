"""Kernels of either kind: one forced for a call, and special ones cached before any timing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[[], Any])
VARIABLE = "FASTNN_KERNELS"


@contextlib.contextmanager
def forced(kind: str) -> Iterator[None]:
    """Context with kernels of one kind, "general" or "special"."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = kind
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def warmed(call: Function) -> Function:
    """`call`, after the special kernels that it may use are compiled and kept on disk.

    From then on "auto" begins with them, here and in other processes.  For large networks, whose
    special kernels "auto" never uses, this would only take time.
    """
    with forced("special"):
        call()
    return call
