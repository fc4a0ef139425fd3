"""Numba: supported versions, refused versions, and the internals that fastnn uses.

The oldest and the newest version that pip finds are tried too, if asked for (--slow).
"""

import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numba
import numpy as np
import pytest
from llvmlite.binding import ffi
from numba.core import caching, codegen, sigutils, typed_passes
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from packaging.requirements import Requirement

import fastnn
from fastnn.jit import compiling
from fastnn.jit.requirements import BELOW, OLDEST, check_numba

ROOT = Path(fastnn.__file__).parent.parent


def requirement():
    """What pyproject.toml asks of Numba."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (found,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "numba")
    return found


def test_the_bounds_are_those_of_the_package():
    low, high = (".".join(map(str, bound)) for bound in (OLDEST, BELOW))
    assert requirement().specifier == Requirement(f"numba>={low},<{high}").specifier


def test_versions_that_work():
    low, high = OLDEST[1], BELOW[1]
    for version in (numba.__version__, f"0.{low}.0", f"0.{low}.0rc1", f"0.{high - 1}.99"):
        check_numba(version)
    others = ("0.50.1", f"0.{low - 1}.9", f"0.{high}.0", f"0.{high}.0dev0+3.gabc", "1.0", "x")
    for version in others:
        with pytest.raises(ImportError, match=rf"^numba: expected .*, got {re.escape(version)}; "):
            check_numba(version)


def test_importing_says_which_versions_work():
    code = (
        "import numba\n"
        "numba.__version__ = '0.99.1'\n"
        "import sys\n"
        "sys.modules['numba._dynfunc'] = None\n"  # the first part that is used would fail
        "import fastnn\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search(
        r"^ImportError: numba: expected a version from 0\.68 to below 0\.69, .* got 0\.99\.1; "
        r"run: python -m pip install 'numba>=0\.68,<0\.69'$",
        done.stderr,
        re.MULTILINE,
    )


def attributes_set_by(function):
    return set(re.findall(r"self\.(\w+)\s*=", inspect.getsource(function)))


# What is not public, and used or replaced here.
METHODS = {
    caching.IndexDataCacheFile: ["flush", "save", "load", "_dump", "_data_path", "_open_for_write"],
    caching.Cache: ["load_overload", "save_overload", "_index_key", "cache_path"],
    caching.CacheImpl: ["filename_base"],
    CFunc: ["compile", "enable_caching", "cache_hits", "_targetdescr"],
    Dispatcher: ["compile"],
    CompileResult: ["_replace"],
    codegen.JITCodeLibrary: [
        "_optimize_functions", "_optimize_final_module", "_finalize_final_module", "_finalized",
        "get_pointer_to_function", "get_asm_str",
    ],
    typed_passes.NativeLowering: ["run_pass", "_name"],
}  # fmt: skip
SET = {
    caching.IndexDataCacheFile: ["_index_name", "_source_stamp", "_version"],
    caching.Cache: ["_cache_file", "_impl"],
    CFunc: ["_wrapper_name", "_cache", "_sig", "_library"],
}


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)
def test_inner_parts_are_there(kind):
    for name in METHODS[kind]:
        assert hasattr(kind, name), name


@pytest.mark.parametrize("kind", SET, ids=lambda kind: kind.__name__)
def test_inner_attributes_are_set(kind):
    made = set().union(
        *(attributes_set_by(f) for f in vars(kind).values() if inspect.isfunction(f))
    )
    assert made >= set(SET[kind])


def test_inner_names_are_what_they_were():
    assert list(inspect.signature(caching.IndexDataCacheFile).parameters) == [
        "cache_path", "filename_base", "source_stamp",
    ]  # fmt: skip
    assert isinstance(compiling._llvm_lock, type(ffi.lib._lock))
    # The name of the code itself, beside its wrapper's.
    own = CFunc(lambda x: x, sigutils.normalize_signature(numba.int64(numba.int64)), {}, {})
    own.compile()
    assert own._wrapper_name.startswith("cfunc.")
    assert own._library.get_pointer_to_function(own._wrapper_name.removeprefix("cfunc."))


TRAIN = """
import fastnn, numba
X, y = fastnn.datasets.xor()
runs = fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=70, epochs=9, progress=False)
again = fastnn.train(fastnn.Network([2, 2, 1]), X, y, restart=3, epochs=9)
assert (runs.parameters[3] == again.parameters).all()
print(numba.__version__, runs.parameters.tobytes().hex())
"""


def pip(python, *arguments):
    """pip of an environment; the test is skipped where no packages can be had."""
    done = subprocess.run(
        [str(python), "-m", "pip", *arguments], capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        pytest.skip(f"pip finds no such Numba: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["oldest", "newest"])
def test_versions_at_both_ends_give_the_same_bits(asked, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True, timeout=300)
    python = tmp_path / "bin" / "python"
    oldest = f"numba=={'.'.join(map(str, OLDEST))}.0"
    pip(
        python, "install", "--quiet", "--disable-pip-version-check",
        oldest if asked == "oldest" else str(requirement()), f"numpy=={np.__version__}",
    )  # fmt: skip
    # Of the rest fastnn imports nothing to train.
    where = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def output(interpreter):
        done = subprocess.run(
            [str(interpreter), "-W", "error", "-c", TRAIN],
            env=where, cwd=tmp_path, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    version, bits = output(python)
    check_numba(version)
    assert bits == output(sys.executable)[1]
