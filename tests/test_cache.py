"""The compiled cache: a second process loads it, and no edit leaves it stale."""

import shutil
from pathlib import Path

import pytest
from conftest import python

import fastnn
from fastnn.lanes import compiling
from fastnn.lanes.cache import TolerantCache

PACKAGE = Path(fastnn.__file__).parent
CODE = """
import sys
sys.path.insert(0, {folder!r})
import fastnn
import numpy as np
from fastnn.kernels.engine import train_restarts
assert fastnn.__file__.startswith({folder!r})
run = fastnn.train(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), epochs=3)
print(run.loss, train_restarts.compiled(np.dtype(float), 1).cache_hits)
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

    helper = copy / "fastnn" / "lanes" / "elementary.py"
    source = helper.read_text()
    edited = source.replace("-0.002777777777622866", "-0.0028")
    assert edited != source
    helper.write_text(edited)
    after, hits = train(copy, cache)
    assert hits == 0
    assert after != before

    helper.write_text(source)
    assert train(copy, cache) == (before, 1)


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_again(copy, tmp_path, ending):
    cache = tmp_path / "cache"
    before, _ = train(copy, cache)
    for damage in (b"", b"nonsense"):
        (file,) = (path for path in cache.rglob(f"*train_restarts*{ending}"))
        file.write_bytes(damage)
        assert train(copy, cache) == (before, 0)
    assert train(copy, cache) == (before, 1)


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
    with pytest.warns(RuntimeWarning, match=r"not kept for the next process.*NUMBA_CACHE_DIR"):
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
    assert "RuntimeError: fastnn's kernels exist only compiled" in done.stderr
