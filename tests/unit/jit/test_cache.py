"""The compiled cache: other processes load it, edits invalidate it, and many may share it."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import python

import fastnn
from fastnn.jit import cache, compiling
from fastnn.jit.cache import TolerantCache

pytestmark = pytest.mark.thorough

PACKAGE = Path(fastnn.__file__).parent
CODE = """
import sys
sys.path.insert(0, {folder!r})
import fastnn
import numpy as np
from fastnn.kernels.pieces import Kind
from fastnn.kernels.train_loop import train_restarts
assert fastnn.__file__.startswith({folder!r})
run = fastnn.train(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), epochs=3)
print(run.loss, train_restarts.compiled(Kind(np.dtype(float), 1)).cache_hits)
"""


@pytest.fixture
def copy(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "package" / "fastnn", ignore=ignore)
    return tmp_path / "package"


def train(copy, cache, **environment):
    done = python(
        CODE.format(folder=str(copy)), NUMBA_CACHE_DIR=str(cache), PYTHONWARNINGS="error",
        **environment,
    )  # fmt: skip
    loss, hits = done.stdout.split()
    return float(loss), int(hits)


def test_an_edit_of_a_helper_is_seen(copy, tmp_path):
    cache = tmp_path / "cache"
    before, hits = train(copy, cache)
    assert hits == 0
    assert train(copy, cache) == (before, 1)

    helper = copy / "fastnn" / "lanes" / "math" / "exponentials.py"
    source = helper.read_text()
    edited = source.replace("-0.002777777777622866", "-0.0028")
    assert edited != source
    helper.write_text(edited)
    after, hits = train(copy, cache)
    assert hits == 0
    assert after != before

    # What the other sources left has gone.
    tags = {path.name.split(".")[-3] for path in cache.rglob("*.nbc")}
    assert len(tags) == 1


@pytest.mark.slow
def test_a_damaged_file_is_compiled_again(copy, tmp_path):
    cache = tmp_path / "cache"
    before, _ = train(copy, cache)
    (file,) = cache.rglob("*train_restarts*.nbc")
    (other,) = cache.rglob("*begin_uniform*.nbc")
    for damage in (changed(file.read_bytes()), other.read_bytes()):
        file.write_bytes(damage)
        assert train(copy, cache) == (before, 0)
    assert train(copy, cache) == (before, 1)


def changed(good):
    """Other machine code, that would be loaded and run."""
    damaged = bytearray(good)
    damaged[good.index(b"\x7fELF") + 400] ^= 16
    return bytes(damaged)


@pytest.fixture
def saver(tmp_path, monkeypatch):
    """Makes the files of one function's cache, as one process or another sees them."""
    monkeypatch.setattr(compiling.numba.config, "CACHE_DIR", str(tmp_path))

    def double(x):
        return 2 * x

    return lambda: compiling.entry(double)._cache._cache_file


@pytest.mark.parametrize(
    "damage",
    [
        lambda good, other: b"",
        lambda good, other: b"nonsense",
        lambda good, other: good[:-1],
        lambda good, other: changed(good),
        lambda good, other: other,
    ],
    ids=["empty", "nonsense", "cut", "changed", "another's"],
)
def test_every_damage_is_compiled_again(tmp_path, monkeypatch, damage):
    """As above, of a small function and in one process."""
    monkeypatch.setattr(compiling.numba.config, "CACHE_DIR", str(tmp_path))

    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    def answer():
        compiled = compiling.entry(double)
        return compiled(21), sum(compiled.stats.cache_hits.values())

    assert answer() == (42, 0)
    assert answer() == (42, 1)
    assert compiling.entry(triple)(21) == 63
    (file,), (other,) = tmp_path.rglob("*double*.nbc"), tmp_path.rglob("*triple*.nbc")
    file.write_bytes(damage(file.read_bytes(), other.read_bytes()))
    assert answer() == (42, 0)
    assert answer() == (42, 1)


@pytest.mark.parametrize("dies_at", [None, 0, 1])
def test_another_process_saves_between_the_steps_of_one(saver, monkeypatch, dies_at):
    own, other = saver(), saver()
    opened = 0
    open_for_write = own._open_for_write

    def interleaved(path):
        nonlocal opened
        if opened == 0:
            other.save("float32", "code for float32")
        assert saver().load("float64") in (None, "code for float64")
        if opened == dies_at:
            raise OSError("killed")
        opened += 1
        return open_for_write(path)

    monkeypatch.setattr(own, "_open_for_write", interleaved)
    with contextlib.suppress(OSError):
        own.save("float64", "code for float64")
    kept = saver().load("float64")
    assert kept == "code for float64" or (kept is None and dies_at is not None)
    assert saver().load("float32") == "code for float32"
    assert saver().load("another") is None


SHARING = """
import sys
import fastnn
dtype = sys.argv[1]
net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
run = fastnn.train(net, X, y, epochs=20, dtype=dtype)
print(run.parameters.tobytes().hex(), run.history.tobytes().hex())
"""


def test_processes_that_start_at_once_share_an_empty_cache(tmp_path):
    def start(dtype, cache):
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SHARING, dtype],
            env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def results(processes):
        for process in processes:
            output, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors
            yield output

    def files(folder):
        found = (path for path in (tmp_path / folder).rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in found}

    dtypes = ["float32", "float64"]
    alone = list(results([start(dtype, tmp_path / dtype) for dtype in dtypes]))
    assert alone[0] != alone[1]
    at_once = [start(dtype, tmp_path / "shared") for dtype in dtypes * 2]
    assert list(results(at_once)) == alone * 2
    kept = files("shared")
    # The same key has the same name in all of them.
    names = [{path.name for path in files(folder)} for folder in (*dtypes, "shared")]
    assert names[2] == names[0] | names[1]
    assert list(results([start(dtype, tmp_path / "shared") for dtype in dtypes])) == alone
    # The later ones compiled nothing.
    assert files("shared") == kept


def test_a_failed_write_is_a_warning(monkeypatch):
    class Full:
        def save_overload(self, signature, data):
            raise OSError(28, "No space left on device")

    with pytest.warns(RuntimeWarning, match="No space left on device"):
        TolerantCache(Full()).save_overload(None, None)


def test_without_a_folder_to_write_to_it_still_works(monkeypatch):
    njit = compiling.numba.njit

    def nowhere(*functions, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*functions, **options)

    monkeypatch.setattr(compiling.numba, "njit", nowhere)
    with pytest.warns(
        RuntimeWarning, match=r"cannot be kept for the next process.*NUMBA_CACHE_DIR"
    ):
        twice = compiling.entry(lambda x: 2 * x)
    assert twice(21) == 42


def test_without_compilation_the_reference_still_works():
    code = (
        "import fastnn\n"
        "net, data = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()\n"
        "print(fastnn.reference.train(net, *data, epochs=3).loss)\n"
        "fastnn.train(net, *data, epochs=3)\n"
    )
    done = python(code, check=False, NUMBA_DISABLE_JIT="1")
    assert float(done.stdout) > 0
    assert "RuntimeError: fastnn's kernels run only when compiled" in done.stderr


def files(folder, names, size=10):
    paths = []
    for age, name in enumerate(names):
        path = folder / name
        path.write_bytes(b"x" * size)
        os.utime(path, (10_000 - age, 10_000 - age))
        paths.append(path)
    return paths


def test_the_least_used_kernels_go_first(tmp_path, monkeypatch):
    tag = cache.source_tag()
    special = files(tmp_path, [f"pieces.e_8_special-1.py311.{tag}.{i:032x}.nbc" for i in range(6)])
    general = files(tmp_path, [f"pieces.e_8_general-1.py311.{tag}.{i:032x}.nbc" for i in range(6)])
    older = files(tmp_path, [f"pieces.e_8_general-1.py311.s0123.{i:032x}.nbc" for i in range(3)])
    older += files(tmp_path, ["pieces.run-1.py311.1.nbc"])  # as Numba itself names them
    others = files(tmp_path, ["pieces.run-1.py311.nbi", "notes.txt"])
    monkeypatch.setattr(cache, "MOST_FILES", 4)
    cache.prune(tmp_path, keep=special[5])
    left = set(tmp_path.iterdir())
    assert left == {*special[:3], special[5], *general, *others}
    assert not left & set(older)
    monkeypatch.setattr(cache, "MOST_BYTES", 20)
    cache.prune(tmp_path, keep=special[5])
    assert set(tmp_path.iterdir()) == {*special[:2], special[5], *general, *others}
