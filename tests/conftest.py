"""What many tests use: the exercise's network and data, and subprocesses."""

import os
import subprocess
import sys
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
    """Where a run may be written; there is nothing yet."""
    return tmp_path / "run"


@pytest.fixture
def in_tiles(monkeypatch):
    """Calls a function with so few bytes for tiles of samples that it goes through several."""

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
    """Every column of two `Runs` is equal, bit for bit."""
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
    """What `code` prints in new Pythons that run at once, one for each dict of variables."""
    with ThreadPoolExecutor(len(environments)) as pool:
        done = pool.map(lambda environment: python(code, **environment), environments)
        return [process.stdout for process in done]


def pytest_addoption(parser):
    """Slow tests are asked for."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config, items):
    """Skip slow tests unless they are asked for."""
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
