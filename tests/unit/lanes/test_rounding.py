"""The processor's floating-point mode: another library's changes no bit, and is restored."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from conftest import python

from fastnn.lanes import rounding

pytestmark = pytest.mark.skipif(
    rounding.ARCHITECTURE != "x86_64" or shutil.which("cc") is None,
    reason="sets the mode of an x86-64 processor by a C library",
)

LIBRARY = """
#include <xmmintrin.h>
unsigned get(void) { return _mm_getcsr(); }
void set(unsigned mode) { _mm_setcsr(mode); }
"""

# What comes out in every mode, and which mode there was afterwards, without the flags of errors.
WORK = """
import ctypes, hashlib, json, sys, threading
import numpy as np
import fastnn
from fastnn.lanes import rounding

library = ctypes.CDLL(LIBRARY)
library.get.restype = ctypes.c_uint
X, y = fastnn.datasets.xor()
X = X * np.array([1.0, 0.9]) + 0.01
net = fastnn.Network([2, 3, 1], "tanh")
# Before the mode is another: what the program itself computes is its own.
kinds = [
    (dtype, np.full(net.n_parameters, tiny / 7), [(X, X / 3), (X * tiny, X * tiny / 3)])
    for dtype, tiny in (("float64", 1e-307), ("float32", 1e-37))
]

def work():
    digest = hashlib.sha256()
    def add(*arrays):
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    for dtype, init, tables in kinds:
        options = dict(epochs=20, dtype=dtype)
        for threads in (1, 2):
            runs = fastnn.train_many(
                net, X, y, restarts=40, keep="all", threads=threads, chunk=20, **options
            )
            add(runs.parameters, runs.loss)
        for data, others in tables:
            for parallel in ("restarts", "samples"):
                run = fastnn.train(net, data, y, parallel=parallel, threads=2, **options)
                add(run.parameters, run.loss, run.history, run.predict(others))
            add(fastnn.gradient(net, run.parameters, data, y))
        add(fastnn.train(net, X, y, init=init, **options).parameters)
    kept = fastnn.train_many(net, X, y, restarts=40, epochs=20, keep="statistics")
    for array in kept.to_arrays().values():
        add(array)
    return digest.hexdigest()

said = {}
for mode in MODES:
    library.set(mode)
    saw = rounding.is_standard()
    found = work()
    after = library.get() & ~0x3F
    library.set(0x1F80)
    said[mode] = saw, found, after
print(json.dumps(said))
"""
STANDARD = 0x1F80
# Results flushed to zero, arguments too, both, the three other ways to round, and all at once.
ODD = [0x9F80, 0x1FC0, 0x9FC0, 0x3F80, 0x5F80, 0x7F80, 0xFFC0]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mode")
    (folder / "mode.c").write_text(LIBRARY)
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", folder / "mode.so", folder / "mode.c"]
    subprocess.run(command, check=True, timeout=60)
    return str(folder / "mode.so")


def said(library, modes):
    done = python(WORK.replace("LIBRARY", repr(library)).replace("MODES", repr(modes)))
    return {int(mode): tuple(values) for mode, values in json.loads(done.stdout).items()}


@pytest.mark.thorough
def test_no_mode_changes_a_bit_and_each_stays(library):
    found = said(library, [STANDARD, *ODD])
    _, expected, _ = found[STANDARD]
    assert found[STANDARD] == (True, expected, STANDARD)
    for mode in ODD:
        assert found[mode] == (False, expected, mode), hex(mode)


@pytest.mark.thorough
def test_a_process_that_begins_in_another_mode(library):
    """Whose jobs, launches and compiled functions are made in it."""
    (expected,) = said(library, [STANDARD]).values()
    (found,) = said(library, [0xFFC0]).values()
    assert found[1] == expected[1]


def test_a_mode_that_is_not_set_right_would_be_seen(library):
    """The work above does depend on it: NumPy, which computes the same, has other bits there."""
    code = (
        "import ctypes, numpy as np\n"
        f"library = ctypes.CDLL({library!r})\n"
        "x = np.append(np.linspace(1, 2, 99), 1e-308); ordinary = x / 3\n"
        "for mode in MODES:\n"
        "    library.set(mode); other = x / 3; library.set(0x1F80)\n"
        "    assert (other != ordinary).any(), hex(mode)\n"
    )
    python(code.replace("MODES", repr([mode for mode in ODD if mode != 0x1FC0])))


def test_the_mode_comes_back_after_an_error():
    calls = []

    @rounding.in_ieee_mode
    def fails(a, *, b):
        calls.append((a, b))
        raise ValueError("as it should")

    with pytest.raises(ValueError, match="as it should"):
        fails(1, b=2)
    assert calls == [(1, 2)]
    assert rounding.is_standard()
    assert np.float64(5e-324) != 0
