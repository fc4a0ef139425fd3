"""Measure how fast training is on this machine, against the NumPy reference.

Every contender must first agree with the reference; then all are timed in turns.  This takes about
half a minute; run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import reference
from ..datasets import xor
from ..optimizers import GradientDescent
from ..spec.network import Network
from ..starts.uniform import Uniform
from ..support.atomic_files import write_file
from ..support.checks import integer
from ..support.machine import available_threads, describe
from ..training import train, train_many
from .arguments import whole
from .files import check_output
from .machine import CountingPool, line

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
# Settings that make BLAS use the code for another processor, and its numbers of threads.
PINNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE",
          "MKL_DEBUG_CPU_TYPE")  # fmt: skip
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
CHECKED = 3
"""Restarts of each task that are compared with the reference."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--turns", type=whole, default=5, help="rounds of measurement, default %(default)s")
    add("--restarts", type=whole, default=20_000,
        help="networks in the XOR rows, default %(default)s; other rows have fewer")  # fmt: skip
    add(
        "--save",
        type=Path,
        metavar="FILE.json",
        help="save the results and a description of the machine",
    )


@dataclass(frozen=True)
class Task:
    """A network, its data, and how it is trained."""

    title: str
    net: Network
    X: np.ndarray
    y: np.ndarray
    rate: float
    init: Uniform
    epochs: int
    restarts: int
    reference_epochs: int
    target_sse: float | None = None

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Keyword arguments for every way of training."""
        return {
            "optimizer": GradientDescent(self.rate), "init": self.init, "epochs": self.epochs,
            "target_sse": self.target_sse, **changes,
        }  # fmt: skip

    def many(self, **changes: Any) -> Any:
        """All restarts."""
        settings = self.settings(**changes)
        count = settings.pop("restarts", self.restarts)
        return train_many(self.net, self.X, self.y, restarts=count, progress=False, **settings)

    def reference(self, **changes: Any) -> Any:
        """One restart in NumPy."""
        return reference.train(self.net, self.X, self.y, **self.settings(**changes))


@dataclass
class Row:
    """One line of the table."""

    task: Task
    title: str
    call: Callable[[], Any]
    networks: int
    epochs: int
    """Total over all networks."""
    seconds: list[float] = field(default_factory=list)

    def ns(self) -> list[float]:
        """Nanoseconds per network and epoch, sorted."""
        return sorted(1e9 * seconds / self.epochs for seconds in self.seconds)


def tasks(restarts: int) -> list[Task]:
    """XOR, XOR with a target, an encoder, and a wider network on random data."""
    random = np.random.default_rng(0)
    unit, default = Uniform(0, 1), Uniform(-1, 1)
    exercise = Network([2, 2, 1], bias=False)
    wide = random.uniform(size=(256, 64)), np.eye(10)[random.integers(10, size=256)]
    few = max(1, restarts // 10), max(1, restarts // 312)
    return [
        Task("XOR 2-2-1", exercise, *xor(), 0.5, unit, 1000, restarts, 1000),
        Task("XOR until SSE < 0.04", exercise, *xor(), 0.5, unit, 10_000, few[0], 0, 0.04),
        Task("10-5-10 encoder", Network([10, 5, 10]), np.eye(10), np.eye(10), 0.5, default, 200,
             few[0], 200),
        Task("64-32-10, 256 samples", Network([64, 32, 10]), *wide, 1e-3, default, 20, few[1], 20),
    ]  # fmt: skip


def fair_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` without those that slow NumPy down, and with one thread for its products.

    BLAS threads would also keep spinning while other contenders are timed.
    """
    kept = {name: value for name, value in variables.items() if name not in PINNED}
    return {**kept, **dict.fromkeys(BLAS_THREADS, "1")}


def restart_fairly() -> None:
    """Restart the command in a fair environment, which NumPy reads on import."""
    environment = fair_environment(os.environ)
    if environment != dict(os.environ):
        # The same command line: `-m` would also look for modules in the current folder.
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    integer("turns", options.turns, 1)
    integer("restarts", options.restarts, 1)
    if options.save is not None:
        check_output("--save", options.save, ["json"])
    machine = describe()
    print(line(machine))
    loading = _load()
    for name, seconds in loading.items():
        print(f"kernels for {name} loaded or compiled in {seconds:.2f} s")
    todo = tasks(options.restarts)
    worst = max(_check(task) for task in todo)
    print(f"all agree with the NumPy reference; largest relative difference {worst:.1e}\n")
    busy, rows = {}, []
    for task in todo:
        if task.target_sse is not None:
            busy[task.title] = _lanes_busy(task)
        rows += list(_rows(task))
    for _ in range(options.turns):
        for row in rows:
            start = time.perf_counter()
            row.call()
            row.seconds.append(time.perf_counter() - start)
    for text in _table(rows):
        print(text)
    for title, share in busy.items():
        print(f"\n{title}: lanes busy {share:.1%} of the time")
    if options.save is not None:
        about = {"machine": machine, "loading": loading, "lanes_busy": busy}
        _save({**about, "rows": [_as_json(row) for row in rows]}, options.save)
        print(f"\nsaved {options.save}")
    return 0


def _load() -> dict[str, float]:
    """Seconds until each compiled entry was ready."""
    task = tasks(64)[0]
    calls: dict[str, Callable[[], Any]] = {
        "train": lambda: train(task.net, task.X, task.y, epochs=0),
        "train_many": lambda: task.many(epochs=0),
        "train_many, float32": lambda: task.many(epochs=0, dtype="float32"),
    }
    return {name: _seconds(call) for name, call in calls.items()}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _check(task: Task) -> float:
    """Return the largest relative difference from the reference; RuntimeError if too large."""
    worst = 0.0
    for dtype in ("float64", "float32"):
        count = min(CHECKED, task.restarts)
        # More than are compared, so that they train in lanes.
        found = task.many(dtype=dtype, restarts=max(64, count))
        for k in range(count):
            # Stopping an epoch earlier or later changes the result, so both train equally long.
            epochs = int(found.epochs[k])
            expected = task.reference(restart=k, epochs=epochs, target_sse=None).sse
            difference = abs(float(found.loss[k]) - expected) / expected
            if not difference <= TOLERANCE[dtype]:
                raise RuntimeError(
                    f"{task.title}, {dtype}: restart {k} ends with SSE {found.loss[k]}, but with "
                    f"{expected} in the reference"
                )
            worst = max(worst, difference) if dtype == "float64" else worst
    return worst


def _lanes_busy(task: Task) -> float:
    """Share of the epochs computed in the lanes that trained a restart."""
    with CountingPool(1) as pool:
        runs = task.many(executor=pool)
    return float(runs.epochs.sum() / max(1, pool.lane_ticks))


def _rows(task: Task) -> Iterator[Row]:
    """Time the contenders on one task."""
    if task.reference_epochs:
        epochs = task.reference_epochs
        yield Row(task, "reference, NumPy", lambda: task.reference(history=False), 1, epochs)
    if task.title.startswith("XOR 2-2-1"):
        settings = task.settings(epochs=10_000)
        yield Row(task, "train, history kept", lambda: train(task.net, task.X, task.y, **settings),
                  1, 10_000)  # fmt: skip
    runs = task.many()
    size = task.restarts, max(1, int(runs.epochs.sum()))
    yield Row(task, "train_many, 1 thread", lambda: task.many(threads=1), *size)
    threads = available_threads()
    if threads > 1:
        yield Row(task, f"train_many, {threads} threads", lambda: task.many(threads=threads), *size)
    if task.target_sse is None:
        yield Row(task, "train_many, float32, 1 thread",
                  lambda: task.many(threads=1, dtype="float32"), *size)  # fmt: skip


def _table(rows: list[Row]) -> Iterator[str]:
    head = ("ns per network and epoch", "networks", "median", "from", "to", "reference / it")
    yield f"{head[0]:<34}{head[1]:>10}{head[2]:>11}{head[3]:>11}{head[4]:>11}{head[5]:>16}"
    task, textbook = None, 0.0
    for row in rows:
        ns = row.ns()
        median = statistics.median(ns)
        if row.task is not task:
            task = row.task
            # XOR with a target is compared with the same reference as XOR.
            textbook = median if task.reference_epochs else textbook
            yield task.title
        cells = "".join(f"{value:>11,.1f}" for value in (median, ns[0], ns[-1]))
        yield f"  {row.title:<32}{row.networks:>10,}{cells}{textbook / median:>16,.1f}"


def _as_json(row: Row) -> dict[str, Any]:
    ns = row.ns()
    spread = {"min": ns[0], "median": statistics.median(ns), "max": ns[-1]}
    return {
        "task": row.task.title, "title": row.title, "networks": row.networks,
        "epochs": row.epochs, "ns": spread,
    }  # fmt: skip


def _save(record: dict[str, Any], path: Path) -> None:
    text = json.dumps(record, indent=1) + "\n"
    write_file(path, lambda file: file.write(text.encode()))
