"""An earlier fastnn from another environment, which trains in its own process.

``--before /path/to/python`` names that environment's Python.  The process stays, imports its own
fastnn, and answers each call with its seconds and results.  Results are compared with ours bit for
bit before anything is timed.
"""

from __future__ import annotations

import os
import subprocess
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np

import fastnn
from fastnn.support.version import NUMERICS_VERSION

WORKER = Path(__file__).with_name("earlier_worker.py")


def environment() -> dict[str, str]:
    """Environment of the other Python, without paths to this one's packages."""
    left_out = ("PYTHONPATH", "PYTHONHOME", "FASTNN_KERNELS")
    return {name: value for name, value in os.environ.items() if name not in left_out}


class Earlier:
    """The process, and the version of its fastnn.

    Raises
    ------
    ValueError
        If that Python has no fastnn, this very one, or one whose results have other bits.
    """

    def __init__(self, python: str) -> None:
        self.python = python
        self.pipe, other = Pipe()
        try:
            self.process = subprocess.Popen(
                [python, "-P", str(WORKER), str(other.fileno())],
                pass_fds=[other.fileno()], env=environment(), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise ValueError(f"{python}: {error.strerror}") from None
        finally:
            other.close()
        try:
            self.about = self._checked(python)
        except BaseException:
            self.close()
            raise

    def _checked(self, python: str) -> dict[str, Any]:
        """The process's description of its fastnn, if results are comparable with ours."""
        try:
            about: dict[str, Any] = self.pipe.recv()
        except EOFError:
            raise ValueError(f"{python} cannot import fastnn") from None
        folder = Path(about.pop("folder"))
        if folder == Path(fastnn.__file__).parent:
            raise ValueError(f"{python} has the very fastnn that is measured")
        if about["numerics_version"] != NUMERICS_VERSION:
            raise ValueError(
                f"{python} has a fastnn of numerics version {about['numerics_version']}, "
                f"whose results have other bits than those of version {NUMERICS_VERSION}"
            )
        return about

    def begin(self, key: str, task: dict[str, Any]) -> None:
        """Give it a task, by a name."""
        self._ask(key, task)

    def train(self, key: str, *names: str) -> tuple[float, float, dict[str, Any]]:
        """Do a task; returns its seconds, its CPU seconds, and attributes `names` of the result."""
        return self._ask(key, names)

    def seconds(self, key: str) -> float:
        """Seconds of a task."""
        return self.train(key)[0]

    def _ask(self, key: str, what: Any) -> Any:
        self.pipe.send((key, what))
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.wait()


def name_of(about: dict[str, Any]) -> str:
    """Version and commit, as reports name them."""
    commit = f" ({about['commit']})" if about["commit"] else ""
    return f"fastnn {about['version']}{commit}"


def task_of(
    net: fastnn.Network, X: np.ndarray, y: np.ndarray, function: str,
    optimizer: tuple[str, dict[str, Any]], init: fastnn.Uniform | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """A task in words that every version understands."""
    return {
        "sizes": net.sizes, "activation": net.activation, "bias": net.bias, "X": X, "y": y,
        "function": function, "optimizer": optimizer, "options": options,
        "init": None if init is None else (float(init.low), float(init.high)),
    }  # fmt: skip


def assert_same_bits(ours: Any, theirs: dict[str, Any], what: str) -> None:
    """Compare the attributes of `ours` with arrays or numbers of the same names, bit for bit."""
    assert theirs
    for name, value in theirs.items():
        own, other = np.asarray(getattr(ours, name)), np.asarray(value)
        assert own.dtype == other.dtype, f"{what}, {name}: {own.dtype}, before {other.dtype}"
        assert own.shape == other.shape, f"{what}, {name}: {own.shape}, before {other.shape}"
        assert own.tobytes() == other.tobytes(), f"{what}, {name}: other bits than before"


_process: list[Earlier] = []


def begin(python: str) -> None:
    """Start the process of the session."""
    _process.append(Earlier(python))


def end() -> None:
    """End it, if there is one."""
    while _process:
        _process.pop().close()


def process() -> Earlier | None:
    """The session's process, if an earlier fastnn was given."""
    return _process[0] if _process else None
