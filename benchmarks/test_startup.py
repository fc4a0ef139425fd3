"""New processes, from their start until they print a result, and calls with almost no work.

With an earlier fastnn both take turns.
"""

import statistics
import subprocess
import sys
import time
from functools import partial

import cpus
import earlier
import pytest
from kinds import warmed
from works import WORKS, quick

import fastnn

XOR = "import fastnn; X, y = fastnn.datasets.xor(); net = fastnn.Network([2, 2, 1], bias=False); "
CODE = {
    "import": "import fastnn; print(fastnn.__version__)",
    "train": XOR + "print(fastnn.train(net, X, y).sse)",
    "train_many": XOR + "print(fastnn.train_many(net, X, y, restarts=64, threads=1).best.sse)",
}
COLD, WARM, TURNS, CALLS = (1, 1, 1, 3) if quick() else (3, 7, 5, 100)


def seconds(python, code, folder):
    """The seconds of a new process whose compiled kernels are in a folder."""
    start = time.perf_counter()
    environment = {**earlier.environment(), "NUMBA_CACHE_DIR": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has bytecode
    # Neither this folder's modules nor the sources around it are to be found.
    command = [python, "-P", "-u", "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip()
        taken = time.perf_counter() - start
    assert process.returncode == 0
    return taken


@pytest.mark.parametrize("entry", ["train", "train_many"])
def test_start(suite, tmp_path, entry):
    """The median of some processes each: cold cache, warm cache, import."""
    pythons = {"start": sys.executable}
    if process := earlier.process():
        pythons["start before"] = process.python
    for python in pythons.values():
        seconds(python, CODE["import"], tmp_path / "bytecode")
    times = {}
    for turn in range(COLD):
        for name, python in pythons.items():
            taken = seconds(python, CODE[entry], tmp_path / f"{name} {turn}")
            times.setdefault((name, f"{entry}, cold"), []).append(taken)
    for _ in range(WARM):
        for name, python in pythons.items():
            for code, label in ((CODE[entry], f"{entry}, warm"), (CODE["import"], "import")):
                taken = seconds(python, code, tmp_path / f"{name} 0")
                times.setdefault((name, label), []).append(taken)
    for (name, label), values in times.items():
        suite.measurements.setdefault(name, {})[label] = statistics.median(values)


@pytest.mark.parametrize(
    ("function", "options"), [("train", {}), ("train_many", {"restarts": 64})], ids=lambda x: str(x)
)
def test_call(suite, function, options):
    """Milliseconds of a call for one epoch of XOR."""
    work = WORKS["W2"]
    options = {"epochs": 1, **options}
    if function == "train_many":
        options |= {"threads": 1, "progress": False}
    rate = work.learning_rate
    ours = partial(
        getattr(fastnn, function), work.net, *work.arrays, init=work.init,
        optimizer=fastnn.GradientDescent(rate), **options,
    )  # fmt: skip
    numbers = {"learning_rate": rate}
    task = earlier.task_of(
        work.net, *work.arrays, function, ("GradientDescent", numbers), work.init, **options
    )
    with cpus.of_threads(1):
        warmed(ours)
        clocks = {"calls": lambda: timed(ours)}
        if process := earlier.process():
            process.begin(function, task)
            found = process.train(function, "parameters", "loss", "epochs")[2]
            earlier.assert_same_bits(ours(), found, function)
            clocks["calls before"] = lambda: process.seconds(function)
        times = {name: [] for name in clocks}
        for _ in range(TURNS):
            for name, clock in clocks.items():
                times[name] += [clock() for _ in range(CALLS)]
    for name, values in times.items():
        suite.measurements.setdefault(name, {})[function] = 1e3 * statistics.median(values)


def timed(call):
    """Seconds of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
