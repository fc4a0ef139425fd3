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

import fastnn
from fastnn.engine import blueprint
from fastnn.kernels import workspace

matplotlib.use("Agg")


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

# Files of tests that take long, or go into depth: the default leaves them out.
THOROUGH = frozenset(
    "test_" + name
    for name in [
        "assembly",
        "batches",
        "batches_divergence",
        "bursts",
        "cache",
        "cache_trust",
        "classroom_plots",
        "cli_train",
        "combinations",
        "concurrency",
        "corruption",
        "dask",
        "documents",
        "elementary",
        "executors",
        "executors_interrupt",
        "extend",
        "folders_of_others",
        "forged",
        "fuzz",
        "gallery",
        "guard",
        "kills",
        "lanes",
        "lbfgs",
        "lbfgs_bits",
        "levenberg_marquardt",
        "levenberg_marquardt_bits",
        "loss_gradients",
        "loss_kinds",
        "loss_sums",
        "losses_torch",
        "machines",
        "notebook",
        "optimizers_bits",
        "optimizers_torch",
        "own_losses",
        "primitives",
        "samples",
        "shares",
        "shuffling",
        "sklearn",
        "sklearn_losses",
        "specialize",
        "stopping",
        "stopping_together",
        "suite",
        "sweeps",
        "sweeps_input",
        "threads",
        "wheel",
    ]
)


def pytest_addoption(parser):
    """Declare three tiers: the default, all, and all with the slow ones."""
    parser.addoption("--all", action="store_true", help="run all tests but those marked slow")
    parser.addoption("--rest", action="store_true", help="run what the default leaves out")
    parser.addoption("--slow", action="store_true", help="run all tests, those marked slow too")


def pytest_collection_modifyitems(config, items):
    """Deselect tests of other tiers, except in files named on the command line."""
    all_asked = config.getoption("--all") or config.getoption("--slow")
    by_default = config.args_source is not pytest.Config.ArgsSource.ARGS
    chosen = items[:]
    if config.getoption("--rest"):
        chosen = [item for item in items if item.path.stem in THOROUGH]
    elif by_default and not all_asked:
        chosen = [item for item in items if item.path.stem not in THOROUGH]
    left_out = set(items) - set(chosen)
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = chosen
    for item in items:
        if item.get_closest_marker("slow"):
            if config.getoption("--slow"):
                item.add_marker(pytest.mark.timeout(7200))
            else:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
