"""A progress bar on the terminal, or in a notebook."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import warnings
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


def _in_notebook() -> bool:
    """True in a process that runs the cells of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


def _kind_of_bar(notebook: bool) -> Any:
    """The class of tqdm's bars: widgets in a notebook that has ipywidgets, otherwise text."""
    if notebook:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing widgets: text serves as well
            from tqdm.auto import tqdm
        return tqdm
    from tqdm import tqdm

    return tqdm


def progress_bar(job: Job, ended: int, progress: bool | None) -> Any:
    """A bar of restarts; `progress` None means only if there is a terminal or a notebook."""
    notebook = _in_notebook()
    tqdm = _kind_of_bar(notebook)

    class Bar(tqdm):  # type: ignore[misc, valid-type]
        monitor_interval = 0  # no thread may outlive the run

        def display(self, *args: Any, **kwargs: Any) -> bool:
            """Show the state; a page that is gone must not end the training."""
            with contextlib.suppress(Exception):
                super().display(*args, **kwargs)
            return True

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
        ncols=None if notebook else shutil.get_terminal_size().columns,  # 80 if unknown
        disable=not (notebook or terminal.isatty() if progress is None else progress),
    )
