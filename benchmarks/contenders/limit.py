"""The limit: `limit.cpp`, sizes fixed at compile time, built by the system's compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from works import Work

from contenders import Contender, Train

SOURCE = Path(__file__).parent.parent / "limit.cpp"
COMPILER = os.environ.get("CXX", "c++")
# -fschedule-insns interleaves the sigmoids before registers are given out: XOR took 6.3 ns per
# network and epoch without, 5.2 with.  The promise of finite numbers without signed zeros turns a
# comparison and a blend into one minimum; it changes no finite result.
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=fast",
    "-fno-math-errno", "-fno-trapping-math", "-ffinite-math-only", "-fno-signed-zeros",
    "-fschedule-insns", "-fsched-pressure", "-shared", "-fPIC",
)  # fmt: skip


def needs() -> str | None:
    """Why there is no limit here, or None."""
    if shutil.which(COMPILER) is None:
        return f"no C++ compiler {COMPILER}"
    try:
        library()
    except subprocess.CalledProcessError as error:
        return f"{COMPILER} failed: {(error.stderr.strip().splitlines() or ['no message'])[-1]}"
    return None


@cache
def library() -> ctypes.CDLL:
    """The compiled program."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "limit.so"
        command = [COMPILER, *FLAGS, str(SOURCE), "-o", str(built)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return ctypes.CDLL(str(built))


def prepare(work: Work, restarts: int) -> Train:
    """Build the program and lay out the data."""
    number = np.dtype(work.dtype)
    function = getattr(library(), f"{work.key.removesuffix('-float32')}_{number}")
    X, y = (np.ascontiguousarray(array) for array in work.arrays)
    start = np.ascontiguousarray(work.start(restarts))
    rate = work.learning_rates(1)[0]
    array = np.ctypeslib.ndpointer(number, flags="C_CONTIGUOUS")
    real = ctypes.c_double if number == np.float64 else ctypes.c_float
    function.argtypes = [array, array, array, real, ctypes.c_int64, ctypes.c_int64, array]
    function.restype = None

    def train() -> np.ndarray:
        sse = np.empty(restarts, number)
        function(X, y, start, rate, work.epochs, restarts, sse)
        return sse

    return train


CONTENDERS = [
    Contender(
        "limit", "the limit: C++, sizes fixed at compile time, no stopping", "limit", needs,
        {"W2": 20_000, "W2-float32": 20_000, "W2b": 20_000, "W3": 5000, "W3-float32": 5000,
         "W4": 2000, "W4-float32": 2000},
        prepare,
    )
]  # fmt: skip
