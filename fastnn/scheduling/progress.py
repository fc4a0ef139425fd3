"""A progress bar on the terminal."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from typing import Any

from ..job.job import Job


class _Terminal:
    """Standard error for a progress bar, whose failures must not end the training."""

    def __init__(self) -> None:
        self.stream = sys.stderr

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def isatty(self) -> bool:
        try:
            return bool(self.stream.isatty())
        except (AttributeError, OSError, ValueError):  # none, or closed
            return False

    def write(self, text: str) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self.stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self.stream.flush()


def progress_bar(job: Job, ended: int, progress: bool | None) -> Any:
    """A bar of restarts on the terminal; `progress` None means only if there is a terminal."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread may outlive the run

    # tqdm's own lock also works between processes.  Creating it fixes how a program starts
    # processes, and a child that is forked while another thread holds it waits forever.
    if not hasattr(tqdm, "_lock"):
        Bar.set_lock(threading.RLock())
    terminal = _Terminal()
    return Bar(
        total=job.restarts,
        initial=ended,
        unit=" restarts",
        unit_scale=True,
        smoothing=0.1,
        delay=0.0 if progress else 0.5,
        file=terminal,
        ncols=shutil.get_terminal_size().columns,  # 80 if unknown
        disable=not (terminal.isatty() if progress is None else progress),
    )
