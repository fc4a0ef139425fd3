"""Ctrl-C: answered in the middle of a chunk, with all finished restarts.

Each script sends itself the signal once its work is under way.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

PREPARE = """
import os, signal, sys, threading, time
import numpy as np
import fastnn
from fastnn.scheduling import collectors as collecting

X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1], bias=False)
exercise = dict(optimizer=fastnn.GradientDescent(0.5), init=fastnn.Uniform(0, 1))
arguments = dict(epochs=10_000, target_sse=0.04, **exercise)
for count in (1, 64):
    fastnn.train_many(net, X, y, restarts=count, epochs=1)
sent = []

def send():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

def working():
    return any(thread.name.startswith("fastnn") for thread in threading.enumerate())

def send_once_working():
    while not working():
        pass
    for restart in range(100):  # work, in place of waiting
        fastnn.train(net, X, y, restart=restart, **arguments)
    send()

def send_after_chunks(self, chunk, add=collecting.Columns.add):
    add(self, chunk)
    if self.ended > 2000 and not sent:
        send()

def ended():
    print(f"{time.monotonic() - sent[0]:.2f} s after the signal")
    assert not working()
"""

MANY = """
collecting.Columns.add = send_after_chunks
try:
    fastnn.train_many(net, X, y, restarts=10_000_000, **arguments)
except fastnn.Interrupted as interrupted:
    ended()
    runs = interrupted.runs
    assert isinstance(interrupted, KeyboardInterrupt)
    assert str(interrupted) == f"interrupted after {len(runs):,} of 10,000,000 restarts"
    np.savez(sys.argv[1], restart=runs.indices, parameters=runs.parameters, loss=runs.loss,
             epochs=runs.epochs, status=runs.status)
"""

ONE_CHUNK = """
threading.Thread(target=send_once_working).start()
try:
    fastnn.train_many(net, X, y, restarts=1_000_000, chunk=1_000_000, **arguments)
except fastnn.Interrupted as interrupted:
    ended()
    runs = interrupted.runs
    np.savez(sys.argv[1], restart=runs.indices, parameters=runs.parameters, loss=runs.loss,
             epochs=runs.epochs, status=runs.status)
"""

SINGLE = """
threading.Thread(target=send_once_working).start()
try:
    fastnn.train(net, X, y, epochs=10**14, history=False)
except KeyboardInterrupt:
    ended()
"""

COMMAND = """
from fastnn.cli import main
collecting.Columns.add = send_after_chunks
code = main(["restarts", "1e7", "--save", sys.argv[1]])
ended()
sys.exit(code)
"""


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", PREPARE + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def check_saved(file, xor, exercise):
    with np.load(file) as opened:
        saved = dict(opened)
    count = len(saved["restart"])
    assert count > 100
    assert (saved["status"] != fastnn.Status.NOT_RUN).all()
    for position in range(0, count, count // 100):
        k = int(saved["restart"][position])
        expected = fastnn.train(*xor, restart=k, epochs=10_000, target_sse=0.04, **exercise)
        assert expected.parameters.tobytes() == saved["parameters"][position].tobytes()
        assert expected.loss == saved["loss"][position]
        assert expected.epochs == saved["epochs"][position]
        assert expected.status == saved["status"][position]


@pytest.mark.parametrize("script", [MANY, ONE_CHUNK], ids=["between chunks", "within a chunk"])
def test_script(script, tmp_path, xor, exercise):
    done = run(script, tmp_path / "runs.npz")
    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    check_saved(tmp_path / "runs.npz", xor, exercise)


def test_single_run():
    done = run(SINGLE)
    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "after the signal" in done.stdout


def test_command_line(tmp_path, xor, exercise):
    done = run(COMMAND, tmp_path / "runs.npz")
    print(done.stdout)
    assert done.returncode == 130
    assert "fastnn: interrupted after" in done.stderr
    assert "Traceback" not in done.stderr
    assert "success rate" in done.stdout
    check_saved(tmp_path / "runs.npz", xor, exercise)


def test_a_forked_process_has_its_own_ctrl_c():
    from conftest import python

    code = (
        "import os, signal\n"
        "from fastnn.support.interrupts import CtrlC\n"
        "with CtrlC() as ctrl_c:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        own = signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "        os._exit(not own)\n"
        "    assert signal.getsignal(signal.SIGINT) == ctrl_c._handle\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    python(code)
