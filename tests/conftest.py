"""Shared fixtures and helpers: the exercise's network and data, and subprocesses."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
from paths import FOLDERS

import fastnn
from fastnn.engine import blueprint
from fastnn.kernels import workspace
from fastnn.spec.activations import CODES, KEPT

matplotlib.use("Agg")
sys.path[:0] = FOLDERS


@pytest.fixture
def xor():
    """The exercise: 2-2-1 without biases, inputs, targets."""
    return fastnn.Network([2, 2, 1], bias=False), *fastnn.datasets.xor()


@pytest.fixture
def exercise():
    """The exercise's settings."""
    return {"optimizer": fastnn.GradientDescent(0.5), "init": fastnn.Uniform(0, 1)}


@pytest.fixture
def folder(tmp_path):
    """The path of a folder for a run, which does not exist yet."""
    return tmp_path / "run"


@pytest.fixture
def in_tiles(monkeypatch):
    """Call a function with tiles of so few bytes that it goes through several."""

    def call(n_bytes, function):
        blueprint._made.clear()  # they have the tiles of other bytes
        for name in ("TILE_BYTES", "SINGLE_TILE_BYTES"):
            monkeypatch.setattr(workspace, name, n_bytes)
        result = function()
        plans = [made.plan for made in blueprint._made.values()]
        assert plans
        assert all(plan.tile < plan.get("batch_size") for plan in plans)
        return result

    yield call
    blueprint._made.clear()


def bits(array):
    """The bits of a float array, so that NaNs and signed zeros compare too."""
    array = np.ascontiguousarray(array)
    return array.view(f"u{array.itemsize}")


def assert_same_bits(runs, expected):
    """Assert that all columns of two `Runs` are equal, bit for bit."""
    for name in ("parameters", "loss"):
        np.testing.assert_array_equal(bits(getattr(runs, name)), bits(getattr(expected, name)))
    for name in ("indices", "epochs", "status"):
        np.testing.assert_array_equal(getattr(runs, name), getattr(expected, name))


def remove_own_activations():
    """Remove all activations that are not built in."""
    for name in [name for name, code in CODES.items() if code > KEPT]:
        fastnn.extend.remove(name)


def python(code, *, check=True, **environment):
    """Run `code` in a new Python; returns the finished process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def outputs(code, environments):
    """Run `code` in concurrent Pythons, one for each dict of variables; returns their outputs."""
    with ThreadPoolExecutor(len(environments)) as pool:
        done = pool.map(lambda environment: python(code, **environment), environments)
        return [process.stdout for process in done]


# A shell begins what runs in its background with SIGINT ignored, and children inherit that: a test
# that interrupts one would wait for ever.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

MOST_PROCESSES = 4
"""Each compiles some kernels that the others compile too, and tests have threads themselves."""
IN_ONE = (
    "keyword", "markexpr", "lf", "stepwise", "usepdb", "trace", "collectonly", "cov_source",
)  # fmt: skip
"""Options of runs that are soon over, that somebody watches, or whose plugin has begun already."""


def pytest_addoption(parser):
    """Declare three tiers: the default, all, and all with the slow ones."""
    parser.addoption("--all", action="store_true", help="run all tests but those marked slow")
    parser.addoption("--rest", action="store_true", help="run what the default leaves out")
    parser.addoption("--slow", action="store_true", help="run all tests, those marked slow too")


def files_are_named(config):
    """Return whether the command line names files or folders."""
    return config.args_source is pytest.Config.ArgsSource.ARGS


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Distribute a whole tier over processes, unless `-n` says otherwise or output is wanted."""
    option = config.option
    if getattr(option, "numprocesses", 0) is not None or hasattr(config, "workerinput"):
        return  # without pytest-xdist, as told, or in one of the processes
    if files_are_named(config) or option.capture == "no":
        return
    if not any(getattr(option, name, None) for name in IN_ONE):
        option.numprocesses, option.dist = "logical", "worksteal"
        option.maxprocesses = option.maxprocesses or MOST_PROCESSES


def pytest_collection_modifyitems(config, items):
    """Deselect tests of other tiers, except in files named on the command line."""
    rest, slow = config.getoption("--rest"), config.getoption("--slow")
    everything = slow or config.getoption("--all") or files_are_named(config)
    chosen, left_out = [], []
    for item in items:
        is_thorough = item.get_closest_marker("thorough") is not None
        belongs = is_thorough if rest else everything or not is_thorough
        (chosen if belongs else left_out).append(item)
        if item.get_closest_marker("slow"):
            if slow:
                item.add_marker(pytest.mark.timeout(7200))
            else:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
