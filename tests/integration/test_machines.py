"""The same bits on every machine: stored digests, under three instruction sets."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import bits, outputs
from paths import on_path

import fastnn

pytestmark = pytest.mark.thorough

# SHA-256 of the parameters and the loss of 1,000 restarts, and of 200 further down.  They may
# change only together with fastnn.NUMERICS_VERSION.
DIGESTS = {
    "xor": "e365a8cfa37ab29019473fb1f55fc524a2b5421334bcd52de30919bb3f5260bc",
    "xor-float32": "b15b43fa27d8a01d5983c820303be25c2a96ad2d762ce56627cb959ca41502d4",
    "encoder": "a8571ebc750ecaca6e85d4fc8b22ac71a4f02001400bf1b2de06dbda29b0c939",
    "deep": "3ad0ae14dbb0a693545f84c2fa8e6036ce8c02a735de219d21661954bdc86e84",
}
OTHER_DIGESTS = {
    "RPROP": "b9f465c180ef60a5157453b82a07a7e66578f8c532199fb44c7cd30df151cf54",
    "Quickprop": "ba0b7f837ec83902092d19c81dfc2c495b86855918b3d2319d9775ae1b6060aa",
    "Adam": "2bbd62a61a8101f9a6903364778778cdde89eabe257b42544ea1d09ccc9a637f",
    "LM, dual": "a279809029699f55470d5b12ddaf916248247fc4a0865d80875a2f78d8f49179",
    "LM, primal": "3099be5da8f551001d31b0fc6c30cd9018ff2d0f94d8ca3368282dae5445d88e",
    "L-BFGS": "0a78b212e86169afa9e5a533667652980e970d6ce64421e29ecdef92dc6af5f0",
    "cross-entropy": "4b7b14cf767b2d30c95447f358b4a0e7e359f17ff3cce92fea6589f83479da09",
    "activations": "0a85cba82d5f59e66cb22ad7c284c24ddabc1957c2481ca0624a956f187a0af6",
    "activations-float32": "c2688f88b96743a2998b78a2bc47c5108f8695fc48fd35afdc5abae9221a749d",
    "Huber": "d0aa856e7379b1dbf8fd1c1177afc4418428613f032d035d5727ca57711fc8c8",
}

TARGETS = {
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse2,+avx,+avx2,+fma,+bmi,+bmi2,+popcnt",
    },
    "plain": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}


def digest_of(runs):
    """Of little-endian bits."""
    digest = hashlib.sha256()
    for column in (runs.parameters, runs.loss):
        digest.update(bits(column).astype(f"<u{column.itemsize}").tobytes())
    return digest.hexdigest()


def results():
    """The four jobs: little-endian digests of what they give."""
    corners = np.eye(10)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 4)), axis=-1)
    grid = grid.reshape(-1, 2)
    saddle = grid[:, :1] * grid[:, 1:]
    exercise = fastnn.Network([2, 2, 1], bias=False)
    deep = fastnn.Network([2, 5, 4, 1], activation=["tanh", "relu", "identity"])
    xor = fastnn.datasets.xor()
    jobs = {
        "xor": (exercise, *xor, 0.5, 60, "float64"),
        "xor-float32": (exercise, *xor, 0.5, 60, "float32"),
        "encoder": (fastnn.Network([10, 5, 10]), corners, corners, 0.5, 6, "float64"),
        "deep": (deep, grid, saddle, 0.01, 10, "float64"),
    }
    found = {}
    for name, (net, X, y, rate, epochs, dtype) in jobs.items():
        runs = fastnn.train_many(
            net, X, y, restarts=1000, epochs=epochs, dtype=dtype, seed=3,
            optimizer=fastnn.GradientDescent(rate), target_sse=0.9, init=fastnn.Uniform(-2, 2),
        )  # fmt: skip
        found[name] = digest_of(runs)
        for k in (0, 999):  # alone, by another kernel
            assert (bits(runs.restart(k).parameters) == bits(runs.parameters[k])).all()
    return found


def other_jobs():
    """Arguments of training: optimizers, losses, batches, activations and starts of every kind."""
    xor = fastnn.Network([2, 3, 1]), *fastnn.datasets.xor()
    rng = np.random.default_rng(5)  # whose integers are the same everywhere
    X = rng.integers(-64, 64, (24, 3)) / 32
    classes = np.eye(3)[rng.integers(0, 3, 24)]
    sines = fastnn.Network([3, 5, 4, 3, 2], ["sine", "gaussian", "softplus", "elliott"])
    smooth = fastnn.Network([3, 4, 2], ["tanh", "identity"])
    y = rng.integers(-64, 64, (24, 2)) / 64
    normal = {"init": fastnn.Normal(0.1, 0.5), "optimizer": fastnn.GradientDescent(0.01)}
    return {
        "RPROP": (xor, {"optimizer": fastnn.RPROP("iRprop+"), "target_sse": 0.04}),
        "Quickprop": (
            xor, {"optimizer": fastnn.Quickprop(0.2, slope_offset=0.1, arctanh_error=True)},
        ),
        "Adam": (xor, {"optimizer": fastnn.Adam(0.05, schedule=fastnn.CosineDecay(40, floor=0.1))}),
        "LM, dual": (
            (fastnn.Network([2, 4, 1]), *xor[1:]), {"optimizer": fastnn.LevenbergMarquardt()},
        ),
        "LM, primal": (
            (smooth, X, y), {"optimizer": fastnn.LevenbergMarquardt(), "loss": "mse", "epochs": 20},
        ),
        "L-BFGS": (
            (smooth, X, y), {"optimizer": fastnn.LBFGS(), "loss": fastnn.MSE(l2=1e-3)},
        ),
        "cross-entropy": (
            (fastnn.Network([3, 4, 3], ["sigmoid", "softmax"]), X, classes),
            {"loss": "cross_entropy", "batch_size": 7, "shuffle": True, "epochs": 20,
             "sample_weight": fastnn.Bootstrap(), "optimizer": fastnn.GradientDescent(0.5)},
        ),
        "activations": ((sines, X, y), normal),
        "activations-float32": ((sines, X, y), {**normal, "dtype": "float32"}),
        "Huber": (
            (fastnn.Network([3, 6, 2], ["leaky_relu", "tanh"]), X, y),
            {"loss": fastnn.Huber(delta=0.3, l1=1e-3, l2=(0.01, 0.02), penalize_biases=True),
             "init": fastnn.NguyenWidrow(), "optimizer": fastnn.AdamW(0.02)},
        ),
    }  # fmt: skip


def other_results():
    """Their digests."""
    found = {}
    for name, (data, options) in other_jobs().items():
        runs = fastnn.train_many(*data, restarts=200, seed=3, **{"epochs": 40, **options})
        assert len(np.unique(runs.loss)) > 100
        found[name] = digest_of(runs)
        for k in (0, 199):  # alone
            assert (bits(runs.restart(k).parameters) == bits(runs.parameters[k])).all()
    return found


def test_digests_on_this_machine():
    assert results() == DIGESTS
    assert fastnn.NUMERICS_VERSION == 2


def test_other_digests_on_this_machine():
    assert other_results() == OTHER_DIGESTS


@pytest.mark.slow
def test_digests_of_special_kernels(monkeypatch):
    monkeypatch.setenv("FASTNN_KERNELS", "special")
    assert results() == DIGESTS


@pytest.mark.slow
def test_other_digests_of_special_kernels(monkeypatch):
    monkeypatch.setenv("FASTNN_KERNELS", "special")
    assert other_results() == OTHER_DIGESTS


def found_elsewhere(kernels, *jobs):
    """The digests of new Pythons under the other instruction sets."""
    found = ", ".join(f"test_machines.{name}()" for name in jobs)
    code = on_path() + f"import json, test_machines\nprint(json.dumps([{found}]))"
    environments = [{**target, "FASTNN_KERNELS": kernels} for target in TARGETS.values()]
    return dict(zip(TARGETS, map(json.loads, outputs(code, environments)), strict=True))


def test_digests_under_other_instruction_sets():
    found = found_elsewhere("general", "results")
    assert found == {target: [DIGESTS] for target in TARGETS}


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["general", "special"])
def test_all_digests_under_other_instruction_sets(kernels):
    found = found_elsewhere(kernels, "results", "other_results")
    assert found == {target: [DIGESTS, OTHER_DIGESTS] for target in TARGETS}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["general", "special"])
def test_all_that_is_said_of_bits_with_each_kind_of_kernels(kind):
    """The tests of bits again, in a process of their own, with one kind for all networks."""
    file = Path(__file__).parent / "test_bits.py"
    command = [sys.executable, "-m", "pytest", "-q", str(file)]
    environment = {**os.environ, "FASTNN_KERNELS": kind}
    subprocess.run(command, env=environment, check=True, timeout=1800)
