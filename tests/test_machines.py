"""The same bits on every machine: stored digests, under three instruction sets."""

import hashlib
import json

import numpy as np
import pytest
from conftest import bits, python

import fastnn

# SHA-256 of the parameters and the SSE of 1,000 restarts.  They may change only together with
# fastnn.NUMERICS_VERSION.
DIGESTS = {
    "xor": "e365a8cfa37ab29019473fb1f55fc524a2b5421334bcd52de30919bb3f5260bc",
    "xor-float32": "b15b43fa27d8a01d5983c820303be25c2a96ad2d762ce56627cb959ca41502d4",
    "encoder": "a8571ebc750ecaca6e85d4fc8b22ac71a4f02001400bf1b2de06dbda29b0c939",
    "deep": "3ad0ae14dbb0a693545f84c2fa8e6036ce8c02a735de219d21661954bdc86e84",
}

TARGETS = {
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse2,+avx,+avx2,+fma,+bmi,+bmi2,+popcnt",
    },
    "plain": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}


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
        digest = hashlib.sha256()
        for column in (runs.parameters, runs.loss):
            digest.update(bits(column).astype(f"<u{column.itemsize}").tobytes())
        found[name] = digest.hexdigest()
        for k in (0, 999):  # alone, by another kernel
            assert (bits(runs.restart(k).parameters) == bits(runs.parameters[k])).all()
    return found


def test_digests_on_this_machine():
    assert results() == DIGESTS
    assert fastnn.NUMERICS_VERSION == 2


@pytest.mark.parametrize("target", TARGETS)
def test_digests_under_other_instruction_sets(target, tmp_path):
    from pathlib import Path

    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import json, test_machines\n"
        "print(json.dumps(test_machines.results()))"
    )
    done = python(code, NUMBA_CACHE_DIR=str(tmp_path), **TARGETS[target])
    assert json.loads(done.stdout) == DIGESTS
