"""Ctrl-C with other processes at work: a terminal sends it to all of them at once."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import python
from executor_examples import ended_within
from test_interrupt import check_saved

import fastnn

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals"),
]

PREPARE = """
import multiprocessing, os, sys, time
import numpy as np
import fastnn
from fastnn.scheduling import collectors as collecting
from fastnn.storage import writer

def children():
    found = []
    for process in os.listdir("/proc"):
        try:
            if process.isdigit() and os.getpgid(int(process)) == os.getpgid(0):
                found.append(process)
        except ProcessLookupError:
            pass
    return found

collector = writer.Shards if len(sys.argv) > 3 else collecting.Columns

def tell(self, part, add=collector.add):
    add(self, part)
    if self.ended > 2000 and not told:
        told.append(True)
        print("processes", *children(), flush=True)

def train(executor):
    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1], bias=False)
    collector.add = tell
    try:
        fastnn.train_many(
            net, X, y, restarts=10_000_000, epochs=10_000, target_sse=0.04, executor=executor,
            optimizer=fastnn.GradientDescent(0.5), init=fastnn.Uniform(0, 1), **options,
        )
    except fastnn.Interrupted as interrupted:
        print("interrupted", flush=True)
        runs = interrupted.runs
        if hasattr(runs, "load"):
            runs = runs.load()
        assert len(runs) == interrupted.ended
        np.savez(sys.argv[2], restart=runs.indices, parameters=runs.parameters, loss=runs.loss,
                 epochs=runs.epochs, status=runs.status)

told = []
options = {"out": sys.argv[3]} if len(sys.argv) > 3 else {}
"""

PROCESSES = """
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        train(executor)
    print("ended", flush=True)
"""

DASK = """
if __name__ == "__main__":
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            train(client.get_executor())
    print("ended", flush=True)
"""


WORKER = """
import os, signal, threading, time
import numpy as np
import fastnn
from fastnn.support import interrupts
from fastnn.job.build import make_job
from fastnn.job.keep import make_keep
from fastnn.scheduling.worker import train_sent

net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
job = make_job(net, X, y, restarts=10_000_000, epochs=2000)
keep = make_keep("outcomes", job)
short = job.compact_range(0, 10)
train_sent(short, keep, at=0, only_whole=True)
for only_whole in (True, False):
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    part = train_sent(job, keep, at=70, only_whole=only_whole)
    assert part.start == 70
    assert 0 < part.ended < 10_000_000
    assert only_whole == (part.rows == part.ended)
os.kill(os.getpid(), signal.SIGINT)  # while a part is sent
assert train_sent(short, keep, at=0, only_whole=True).ended == 10
interrupts.BETWEEN_SECONDS = 0.0
train_sent(short, keep, at=0, only_whole=True)
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("as usual")
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


class Script:
    """A script in a process group of its own, as a shell begins one."""

    def __init__(self, text, tmp_path, *arguments):
        path = tmp_path / "script.py"
        path.write_text(PREPARE + text)
        self.process = subprocess.Popen(
            [sys.executable, str(path), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def interrupt(self, to_all):
        """Send Ctrl-C once it works; what it said, and which processes there were."""
        try:
            first = self.process.stdout.readline()
            processes = [int(process) for process in re.findall(r"\d+", first)]
            assert processes, self.process.communicate(timeout=60)
            (os.killpg if to_all else os.kill)(self.process.pid, signal.SIGINT)
            began = time.monotonic()
            told = self.process.stdout.readline()
            print(f"Interrupted {time.monotonic() - began:.2f} s after the signal")
            out, error = self.process.communicate(timeout=60)
            print(f"ended {time.monotonic() - began:.2f} s after it")
            print(error)
            return told + out, error, processes
        except BaseException:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


def test_a_worker_returns_what_had_ended():
    """And is not ended itself by Ctrl-C, as long as chunks come."""
    done = python(WORKER)
    assert (done.stdout, done.stderr) == ("as usual\n", "")


@pytest.mark.parametrize("to_all", [True, False], ids=["to all", "to the first"])
@pytest.mark.parametrize(
    "method", ["spawn", "fork", pytest.param("forkserver", marks=pytest.mark.slow)]
)
def test_processes(method, to_all, tmp_path, xor, exercise):
    file = tmp_path / "runs.npz"
    script = Script(PROCESSES, tmp_path, method, file)
    out, error, processes = script.interrupt(to_all)
    assert (script.process.returncode, out) == (0, "interrupted\nended\n"), error
    assert len(processes) >= 3
    # Workers that just then waited for a chunk, or were receiving one, say so themselves.
    assert "BrokenProcessPool" not in error
    assert "Incomplete" not in error
    assert not ended_within(5, processes)
    check_saved(file, xor, exercise)


def test_processes_and_a_folder(tmp_path, xor, exercise):
    file, folder = tmp_path / "runs.npz", tmp_path / "folder"
    script = Script(PROCESSES, tmp_path, "spawn", file, folder)
    out, error, processes = script.interrupt(True)
    assert (script.process.returncode, out) == (0, "interrupted\nended\n"), error
    assert not ended_within(5, processes)
    check_saved(file, xor, exercise)
    assert len(fastnn.open_run(folder)) == len(np.load(file)["restart"])


@pytest.mark.parametrize("to_all", [True, False], ids=["to all", "to the first"])
def test_dask(to_all, tmp_path, xor, exercise):
    pytest.importorskip("distributed", reason="distributed is not installed")
    file = tmp_path / "runs.npz"
    script = Script(DASK, tmp_path, "dask", file)
    out, error, processes = script.interrupt(to_all)
    assert (script.process.returncode, out) == (0, "interrupted\nended\n"), error
    assert not ended_within(5, processes)
    check_saved(file, xor, exercise)
