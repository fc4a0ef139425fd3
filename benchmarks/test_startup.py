"""Whole processes from start to result: import, warm cache, cold cache for each compiled entry."""

import os
import statistics
import subprocess
import sys
import time

import pytest

XOR = "import fastnn; X, y = fastnn.datasets.xor(); net = fastnn.Network([2, 2, 1], bias=False); "
CODE = {
    "import": "import fastnn",
    "train": XOR + "fastnn.train(net, X, y)",
    "train_many": XOR + "fastnn.train_many(net, X, y, restarts=64, threads=1)",
}


def seconds(code, folder):
    start = time.perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("entry", ["train", "train_many"])
def test_start(suite, tmp_path, entry):
    start = suite.measurements.setdefault("start", {})
    start[f"{entry}, cold"] = seconds(CODE[entry], tmp_path)
    start[f"{entry}, warm"] = statistics.median(seconds(CODE[entry], tmp_path) for _ in range(5))
    start["import"] = statistics.median(seconds(CODE["import"], tmp_path) for _ in range(5))
