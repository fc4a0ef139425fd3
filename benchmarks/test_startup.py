"""New processes, from their start until they print a result: import, warm cache, cold cache."""

import os
import statistics
import subprocess
import sys
import time

import pytest

XOR = "import fastnn; X, y = fastnn.datasets.xor(); net = fastnn.Network([2, 2, 1], bias=False); "
CODE = {
    "import": "import fastnn; print(fastnn.__version__)",
    "train": XOR + "print(fastnn.train(net, X, y).sse)",
    "train_many": XOR + "print(fastnn.train_many(net, X, y, restarts=64, threads=1).best.sse)",
}


def seconds(code, folder):
    start = time.perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip()
        taken = time.perf_counter() - start
    assert process.returncode == 0
    return taken


@pytest.mark.parametrize("entry", ["train", "train_many"])
def test_start(suite, tmp_path, entry):
    start = suite.measurements.setdefault("start", {})
    start[f"{entry}, cold"] = seconds(CODE[entry], tmp_path)
    start[f"{entry}, warm"] = statistics.median(seconds(CODE[entry], tmp_path) for _ in range(5))
    start["import"] = statistics.median(seconds(CODE["import"], tmp_path) for _ in range(5))
