"""Kernels for one network's sizes: when they pay, and how they are compiled in the background.

A general kernel takes any sizes; a special one is compiled for the sizes of one job, has the same
bits, and trains small networks in half the time.  It takes one to two seconds to compile.  So
general kernels start, and if a job takes long, another process compiles the special one and keeps
it on disk.  Running kernels check their record for a replacement every `TICKS_AT_ONCE` epochs, so
it takes over in the middle of a run; later processes start with it.

The environment variable ``FASTNN_KERNELS`` is "auto" (default), "general" or "special"; the last
compiles special kernels before training begins.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core import config

from ..jit.cache import is_kept
from ..kernels.pieces import Kind, Piece, Sizes
from ..kernels.train_loop import train_epochs
from ..lanes.types import register_bytes
from ..spec.activations import BY_NAME
from ..support.locks import sole_holder
from ..support.suggestions import hint

if TYPE_CHECKING:
    from ..job.job import Job
    from .blueprint import Blueprint
    from .launch import Launch

MODES = ("auto", "general", "special")
# Products of parameters and samples up to which all loops are unrolled: for one network, and in
# lanes with the 32 registers of AVX-512 and with 16.  In times of general kernels, with 16:
# 2-3-2-1 on four samples (80) 0.84 unrolled and 0.87 in blocks, 3-4-1 on eight (168) 1.05 and 0.92,
# 3-8-1 on twelve (492) 1.43 and 1.00.  With 32: 3-4-1 0.90 unrolled, 10-5-10 on ten (1,150) 0.98
# and 0.89, but alone 0.80.
MOST_ALONE, MOST_IN_LANES, MOST_IN_LANES_OF_16 = 1200, 200, 80
# The same in lanes up to which known sizes pay without unrolling, in products of blocks: 10-5-10
# on ten samples takes 271 and 243 ns, 4-8-3 on 150 samples (10,050) 2,546 and 2,432, 8-16-1 on 300
# samples (48,300) 94 % and, in float32, 97 % of the time.
MOST_IN_BLOCKS = 50_000
# How many times as long as small jobs these must take before a compilation starts.
FOR_BLOCKS = 8
# Up to this product a special kernel compiles faster than the general ones; if all of these are
# missing, it is compiled first.
QUICKLY_COMPILED = 200
# Seconds that a job must have trained, and must still be expected to take, before a compilation
# starts.
BEHIND, AHEAD = 1.0, 3.0
# Jobs of one kind that have taken this long in total start one too.
TOGETHER = 8.0
# Seconds between two looks at the running work.
PAUSE = 0.1
# Maximum seconds for a compilation.
PATIENCE = 120.0


def mode() -> str:
    """The value of ``FASTNN_KERNELS``.

    Raises
    ------
    ValueError
        If it is none of `MODES`.
    """
    asked = os.environ.get("FASTNN_KERNELS", MODES[0]) or MODES[0]
    if asked not in MODES:
        raise ValueError(
            f"FASTNN_KERNELS: expected one of {', '.join(MODES)}, got {asked!r}{hint(asked, MODES)}"
        )
    return asked


def is_small(job: Job, lanes: int) -> bool:
    """Return whether network and data are small enough for a special kernel to pay."""
    work = job.samples * job.net.n_parameters
    in_lanes = MOST_IN_LANES if register_bytes() == 64 else MOST_IN_LANES_OF_16
    most = in_lanes if lanes > 1 else MOST_ALONE
    return job.parallel == "restarts" and work <= most


def gains_in_blocks(job: Job, lanes: int) -> bool:
    """Return whether a special kernel pays in a long job, though its loops are not unrolled."""
    work = job.samples * job.net.n_parameters
    return lanes > 1 and job.parallel == "restarts" and work <= MOST_IN_BLOCKS


def is_quickly_compiled(job: Job) -> bool:
    """Return whether an unrolled kernel takes no longer to compile than general ones."""
    plain = job.setup.compute is None and job.has_plain_loss and not job.rules
    return plain and job.samples * job.net.n_parameters <= QUICKLY_COMPILED


def has_own_pieces(pieces: dict[str, Piece], sizes: Sizes | None) -> bool:
    """Return whether users wrote some of the pieces, which another process cannot compile."""
    assert sizes is not None
    own = all(activation.is_own for activation, _ in sizes.activations)
    return not own or not all(pieces[name].kept for name, _ in sizes.inlined)


# In another process.


def to_text(kind: Kind) -> str:
    """A kind as JSON."""
    sizes = kind.sizes
    assert sizes is not None
    return json.dumps(
        {
            "dtype": kind.dtype.name,
            "width": kind.width,
            "own_data": kind.own_data,
            "fields": sizes.fields,
            "layers": sizes.layers,
            "activations": [(activation.name, keeps) for activation, keeps in sizes.activations],
            "unrolled": sizes.unrolled,
            "inlined": [(name, piece.home) for name, piece in sizes.inlined],
            # The folder of this package, not the current one.
            "path": [*filter(os.path.isabs, sys.path), str(Path(__file__).absolute().parents[1])],
        }
    )


def from_text(text: str) -> Kind:
    """The kind of a JSON text, in a process with the same sources."""
    said = json.loads(text)

    def piece_at(home: str) -> Any:
        module, _, name = home.partition(":")
        return attrgetter(name)(import_module(module))

    sizes = Sizes(
        fields=tuple((name, value) for name, value in said["fields"]),
        layers=tuple(map(tuple, said["layers"])),
        activations=tuple((BY_NAME[name], keeps) for name, keeps in said["activations"]),
        unrolled=said["unrolled"],
        inlined=tuple((name, piece_at(home)) for name, home in said["inlined"]),
    )
    return Kind(np.dtype(said["dtype"]), said["width"], sizes, said["own_data"])


# Neither the current folder nor the user's program is imported.
_CODE = """
import json, sys
text = sys.stdin.read()
sys.path[:] = json.loads(text)["path"]
from fastnn.engine.specialize import compile_here
from fastnn.support.interrupts import end_with_parent
end_with_parent()
compile_here(text)
"""


def compile_here(text: str) -> None:
    """Compile the special kernel of a kind and keep it, unless another process is compiling it."""
    kind = from_text(text)
    path = train_epochs.kept_file(kind)
    if path is None or is_kept(path):
        return
    with suppress(OSError), sole_compiler(path):
        if not is_kept(path):
            train_epochs.compiled(kind)


@contextmanager
def sole_compiler(path: Path) -> Iterator[None]:
    """Hold the lock on the compilation of one kernel; OSError if another process does."""
    lock = path.with_suffix(".lock")
    with sole_holder(lock):
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()


def begin_compiling(kind: Kind) -> subprocess.Popen[bytes]:
    """Start compiling the special kernel of a kind in a process of its own."""
    environment = dict(os.environ)
    if config.CACHE_DIR:
        environment["NUMBA_CACHE_DIR"] = config.CACHE_DIR
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # so that Ctrl-C does not reach it
    )
    assert process.stdin is not None
    with suppress(OSError), process.stdin as stdin:
        stdin.write(to_text(kind).encode())
    return process


class Compilations:
    """Running work that special kernels may take over, and the compilations under way."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start empty: a forked child has neither its parent's threads nor its processes."""
        self.lock = Lock()
        self.running: dict[int, tuple[Launch, np.ndarray, float]] = {}
        self.spent: dict[Blueprint, float] = {}
        self.processes: dict[Blueprint, subprocess.Popen[bytes]] = {}
        self.begun: dict[Blueprint, float] = {}
        self.thread: Thread | None = None
        self.idle = Event()

    def may_help(self, launch: Launch) -> bool:
        """Return whether a special kernel may take over while this job trains."""
        blueprint = launch.blueprint
        return blueprint.may_change and launch.expected > AHEAD * blueprint.reluctance

    def begin(self, launch: Launch, record: np.ndarray) -> None:
        """Start watching the kernel that trains by `record`."""
        with self.lock:
            self.running[id(record)] = launch, record, time.monotonic()
            self.idle.clear()
            if self.thread is None:
                thread = Thread(target=self._watch, name="fastnn-kernels")
                with suppress(RuntimeError):  # no thread available: general kernels continue
                    thread.start()
                    self.thread = thread

    def end(self, record: np.ndarray) -> None:
        """Stop watching it."""
        with self.lock:
            launch, _, began = self.running.pop(id(record))
            spent = self.spent.get(launch.blueprint, 0.0)
            self.spent[launch.blueprint] = spent + time.monotonic() - began
            if not self.running:
                self.idle.set()

    def _watch(self) -> None:
        while True:
            self.idle.wait(PAUSE)
            with self.lock:
                if not self.running:
                    self.thread = None
                    return
                running = list(self.running.values())
            for launch, record, began in running:
                if not launch.take_over(record):
                    self._look_at(launch, time.monotonic() - began)

    def _look_at(self, launch: Launch, elapsed: float) -> None:
        """Start a compilation if it pays; a failed one is not tried again."""
        blueprint = launch.blueprint
        if blueprint in self.begun:
            process, now = self.processes.get(blueprint), time.monotonic()
            if process is None:
                return
            if process.poll() is not None:
                del self.processes[blueprint]
            elif now - self.begun[blueprint] > PATIENCE:
                process.kill()
            return
        behind = (self.spent.get(blueprint, 0.0) + elapsed) / blueprint.reluctance
        ahead = launch.expected / blueprint.reluctance - behind
        if behind > BEHIND and (ahead > AHEAD or behind > TOGETHER):
            self.begun[blueprint] = time.monotonic()
            with suppress(OSError):  # no process available
                self.processes[blueprint] = begin_compiling(blueprint.special)

    def close(self) -> None:
        """Stop all compilations; whoever needs one starts it again."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()


compilations = Compilations()
atexit.register(compilations.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=compilations.forget)
