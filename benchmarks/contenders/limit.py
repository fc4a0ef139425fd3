"""The limit: `limit.cpp`, sizes fixed at compile time, the fastest of many builds.

What is best differs from machine to machine: compiler, flags, vectors of 32 or 64 bytes, how many
networks are in flight, and in which order.  So each work's program is built in all these ways, the
builds take turns on a part of the work, and the fastest is the limit.  Builds are kept in
``results/limit``.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cpus
import numpy as np
from works import WORKS, Work, quick

from contenders import Call, Contender
from fastnn.support import machine

SOURCE = Path(__file__).parent.parent / "limit.cpp"
KEPT = Path(__file__).parent.parent / "results" / "limit"
# The promise of finite numbers without signed zeros turns a comparison and a blend into one
# minimum; it changes no finite result.
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno",
    "-fno-trapping-math", "-ffinite-math-only", "-fno-signed-zeros", "-shared", "-fPIC",
)  # fmt: skip
# GCC can interleave sigmoids before registers are given out: XOR took 5.2 instead of 6.3 ns per
# network and epoch on one machine, and 12.0 instead of 10.3 on another.
INTERLEAVED = ("-fschedule-insns", "-fsched-pressure")
# Bytes of one number's vectors that are in flight: 8, 16, 32 and 64 networks in float64.
IN_FLIGHT = (64, 128, 256, 512)
BLOCKS = (4, 5, 16)
"""Registers for sums, tried with the best of the builds that have 8."""
MOST_AT_ONCE = 10
"""Samples whose outputs lie in memory together."""
WORKS_DONE = ("W2", "W2b", "W2d", "W2p", "W3", "W4")
SECONDS, ROUNDS = 0.01, 5
"""Seconds of a build's turn, and the number of turns."""


@dataclass(frozen=True)
class Build:
    """One way to build a work's program."""

    compiler: str
    flags: tuple[str, ...]
    vector: int
    groups: int
    """Vectors side by side in every loop."""
    strips: int
    """The numbers of vectors whose epochs a program computes in turn."""
    tile: int
    block: int = 8

    def __str__(self) -> str:
        lanes = self.groups * self.strips * self.vector // 8
        flags = "".join(f" {flag}" for flag in self.flags)
        turns = f" in {self.strips} parts" if self.strips > 1 else ""
        return (
            f"{Path(self.compiler).name}{flags}, {lanes} float64 in flight{turns}, "
            f"vectors of {self.vector} bytes, {self.tile} samples at once, blocks of {self.block}"
        )

    def command(self, work: Work) -> list[str]:
        """The command line, without the output."""
        number = {"float64": "double", "float32": "float"}[work.dtype]
        together = 16 if self.vector == 64 else 4
        defined = {
            "NUMBER": number, "VECTOR_BYTES": self.vector,
            "SIZES": ",".join(map(str, work.net.sizes)), "SAMPLES": len(work.data()[0]),
            "BIAS": str(work.net.bias).lower(), "TILE": self.tile, "GROUPS": self.groups,
            "STRIPS": self.strips, "BLOCK": self.block, "TOGETHER": together,
        }  # fmt: skip
        names = [f"-D{name}={value}" for name, value in defined.items()]
        return [self.compiler, *FLAGS, *self.flags, *names, str(SOURCE)]


@cache
def compilers() -> dict[str, str]:
    """Paths of the available C++ compilers, and their versions."""
    found: dict[str, str] = {}
    seen = set()
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        path = name and shutil.which(name)
        if not path or os.path.realpath(path) in seen:  # c++ is another name of one of them
            continue
        seen.add(os.path.realpath(path))
        done = subprocess.run([path, "--version"], capture_output=True, text=True)
        if done.returncode == 0:
            found[path] = done.stdout
    return found


def needs() -> str | None:
    """The reason why there is no limit here, or None."""
    if not compilers():
        return "no C++ compiler"
    reasons = [error for build in first_builds(WORKS["W2"]) if (error := made(WORKS["W2"], build))]
    return f"no build of limit.cpp: {reasons[0]}" if len(reasons) == len(compilers()) else None


def first_builds(work: Work) -> list[Build]:
    """The plainest build of each compiler."""
    return [Build(path, (), widths()[0], 1, 1, tiles(work)[0]) for path in compilers()]


@cache
def widths() -> tuple[int, ...]:
    """Bytes of the machine's vectors."""
    units = machine.describe()["vector_units"]
    return (64, 32) if "avx512f" in units else (32,) if "avx2" in units else (16,)


def tiles(work: Work) -> list[int]:
    """Divisors of the number of samples; the largest are the first."""
    samples = len(work.data()[0])
    found = [n for n in range(MOST_AT_ONCE, 0, -1) if samples % n == 0]
    return found[: 1 if found[0] == samples else 2]


def builds(work: Work) -> Iterator[Build]:
    """All builds with blocks of 8 registers."""
    for path, about in compilers().items():
        clang = "clang" in about.lower()
        for vector in widths():
            preferred = f"-mprefer-vector-width={8 * vector}"
            flags = [(), (preferred,)] + ([] if clang else [(preferred, *INTERLEAVED)])
            counts = [size // vector for size in IN_FLIGHT]
            shapes = [(n, 1) for n in counts] + [(1, n) for n in counts if n > 1]
            for chosen, (groups, strips), tile in itertools.product(flags, shapes, tiles(work)):
                yield Build(path, chosen, vector, groups, strips, tile)


def file_of(work: Work, build: Build) -> Path:
    """The path of the program: a unique name, since a loaded name is not loaded again."""
    about = machine.describe()
    key = repr((
        build.command(work)[1:-1], compilers()[build.compiler], SOURCE.read_text(),
        about["processor"], about["architecture"], about["vector_units"],
    ))  # fmt: skip
    return KEPT / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"


def made(work: Work, build: Build) -> str | None:
    """Build the program, unless it is kept; returns the compiler's error, if any."""
    path = file_of(work, build)
    if path.exists():
        return None
    KEPT.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    done = subprocess.run([*build.command(work), "-o", part], capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[0]
    part.replace(path)
    return None


def program(work: Work, build: Build, restarts: int) -> Callable[[int], np.ndarray]:
    """A function of the number of epochs that trains and returns the final SSEs."""
    number = np.dtype(work.dtype)
    run = ctypes.CDLL(str(file_of(work, build))).run
    X, y = (np.ascontiguousarray(array) for array in work.arrays)
    start = np.ascontiguousarray(work.start(restarts))
    rate = work.learning_rates(1)[0]
    array = np.ctypeslib.ndpointer(number, flags="C_CONTIGUOUS")
    real = ctypes.c_double if number == np.float64 else ctypes.c_float
    run.argtypes = [array, array, array, real, ctypes.c_int64, ctypes.c_int64, array]
    run.restype = None

    def train(epochs: int) -> np.ndarray:
        sse = np.empty(restarts, number)
        run(X, y, start, rate, epochs, restarts, sse)
        return sse

    return train


def fastest(work: Work, tried: list[Build]) -> Build:
    """The build with the shortest turn on some restarts."""
    with cpus.of_threads(len(cpus.ALL)), ThreadPoolExecutor(len(cpus.ALL)) as pool:
        errors = list(pool.map(lambda build: made(work, build), tried))
    # As many as fill the lanes of every build.
    programs = {
        build: program(work, build, 2 * IN_FLIGHT[-1] // 4)
        for build, error in zip(tried, errors, strict=True)
        if error is None
    }
    if not programs:
        raise RuntimeError(f"no build of limit.cpp: {errors[0]}")
    one = min(seconds(train, 1) for train in programs.values() for _ in range(2))
    epochs = max(1, int(SECONDS / one))
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(1 if quick() else ROUNDS):
        for build, train in programs.items():
            best[build] = min(best[build], seconds(train, epochs))
    return min(best, key=best.__getitem__)


def seconds(train: Callable[[int], np.ndarray], epochs: int) -> float:
    """The seconds of a call."""
    begin = time.perf_counter()
    train(epochs)
    return time.perf_counter() - begin


@cache
def best_build(work: Work) -> Build:
    """The fastest of all builds of a work here."""
    if quick():
        return fastest(work, first_builds(work))
    best = fastest(work, list(builds(work)))
    return fastest(work, [best, *(replace(best, block=block) for block in BLOCKS)])


def prepare(work: Work, restarts: int) -> Call:
    """Find the fastest build and lay out the data."""
    best = best_build(work)
    train = program(work, best, restarts)
    return Call(lambda: train(work.epochs), note=str(best))


CONTENDERS = [
    Contender(
        "limit", "the limit: C++, sizes fixed at compile time, no stopping", "limit", needs,
        {key: work.restarts for key, work in WORKS.items()
         if key.removesuffix("-float32") in WORKS_DONE},
        prepare,
    )
]  # fmt: skip
