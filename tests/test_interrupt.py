"""Ctrl-C: answered within a second, with everything that was finished."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

MANY = """
import sys, threading, numpy as np, fastnn
X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1], bias=False)
arguments = dict(optimizer=fastnn.GradientDescent(0.5), epochs=10_000, target_sse=0.04,
                 init=fastnn.Uniform(0, 1))
fastnn.train_many(net, X, y, restarts=64, **{**arguments, "epochs": 1})
print("ready", flush=True)
try:
    fastnn.train_many(net, X, y, restarts=10_000_000, **arguments)
except fastnn.Interrupted as interrupted:
    runs = interrupted.runs
    assert isinstance(interrupted, KeyboardInterrupt)
    assert threading.active_count() == 1
    assert (runs.status != fastnn.Status.NOT_RUN).all()
    np.savez(sys.argv[1], indices=runs.indices, parameters=runs.parameters, loss=runs.loss,
             epochs=runs.epochs, status=runs.status)
    print(interrupted, flush=True)
"""

SINGLE = """
import fastnn, threading
X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1])
fastnn.train(net, X, y, epochs=1)
print("ready", flush=True)
try:
    fastnn.train(net, X, y, epochs=10**14, history=False)
except KeyboardInterrupt:
    assert threading.active_count() == 1
    print("interrupted", flush=True)
"""


def interrupt(command, seconds):
    """Interrupt `command` `seconds` after it is ready; its output, and how long it took to end."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready, process.communicate()
    with pytest.raises(subprocess.TimeoutExpired):  # it is in the middle of its work
        process.wait(seconds)
    clock = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, ready + out, err, time.monotonic() - clock


def test_script(tmp_path, xor, exercise):
    file = tmp_path / "runs.npz"
    code, out, err, seconds = interrupt([sys.executable, "-c", MANY, str(file)], 1.5)
    assert (code, err) == (0, "")
    print(f"ended {seconds:.2f} s after the signal")
    match = re.search(r"interrupted after ([\d,]+) of 10,000,000 restarts", out)
    saved = np.load(file)
    count = len(saved["indices"])
    assert match
    assert int(match[1].replace(",", "")) == count > 1000
    arguments = {"epochs": 10_000, "target_sse": 0.04, **exercise}
    chosen = saved["indices"][:: count // 200]
    for position, k in zip(range(0, count, count // 200), chosen, strict=True):
        run = fastnn.train(*xor, restart=int(k), history=False, **arguments)
        assert run.parameters.tobytes() == saved["parameters"][position].tobytes()
        assert run.loss == saved["loss"][position]
        assert (run.epochs, run.status) == (saved["epochs"][position], saved["status"][position])


def test_single_run():
    code, out, err, seconds = interrupt([sys.executable, "-c", SINGLE], 0.5)
    print(f"ended {seconds:.2f} s after the signal")
    assert (code, out, err) == (0, "ready\ninterrupted\n", "")


def test_command_line(tmp_path):
    file = tmp_path / "runs.npz"
    command = [sys.executable, "-m", "fastnn", "restarts", "10000000", "--save", str(file)]
    code, out, err, seconds = interrupt(command, 3)
    print(f"ended {seconds:.2f} s after the signal")
    assert code == 130
    assert "interrupted after" in err
    assert "Traceback" not in err
    assert "success rate" in out
    with np.load(file) as saved:
        assert (saved["status"] != fastnn.Status.NOT_RUN).all()
        assert len(saved["status"]) > 0
