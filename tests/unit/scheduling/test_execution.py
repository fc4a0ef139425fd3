"""Threads, chunk sizes, progress, and memory."""

import io
import os
import signal
import threading
import tracemalloc
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, python

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.scheduling.work import ChunkSizes
from fastnn.support.machine import _container_limit, available_threads


def groups(tmp_path, own, files):
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    mine = tmp_path / "self"
    mine.write_text(own)
    return tmp_path / "cgroup", mine


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "400000 100000"}, 3.0),
        ("0::/a/b\n", {"c/cpu.max": "100000 100000"}, None),
        ("4:cpu,cpuacct:/x\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1"}, None),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "25000"},
            2.0,
        ),
        ("nonsense", {"cpu.max": "nonsense"}, None),
    ],
)
def test_container_limit(own, files, limit, tmp_path):
    assert _container_limit(*groups(tmp_path, own, files)) == limit


def test_threads_respect_the_container_limit(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    for limit, threads in ((None, 8), (3.0, 3), (1.5, 1), (0.2, 1), (64.0, 8)):
        monkeypatch.setattr("fastnn.support.machine._container_limit", lambda limit=limit: limit)
        assert available_threads() == threads


def test_no_control_groups(tmp_path):
    assert _container_limit(tmp_path / "none", tmp_path / "no file") is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_is_respected():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from fastnn.support.machine import available_threads; print(available_threads())"
    )
    assert python(code).stdout == "1\n"
    assert 1 <= available_threads() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize("restarts", [1, 5, 100, 12345, 10**7])
@pytest.mark.parametrize("seconds", [0.001, 0.25, 30.0])
@pytest.mark.parametrize("workers", [1, 2, 64])
def test_chunk_sizes_cover_everything(restarts, seconds, workers, xor):
    sizes = ChunkSizes(make_job(*xor, restarts=restarts), workers, None)
    left, chunks = restarts, []
    while left:
        size = sizes.next(left)
        assert 1 <= size <= left
        chunks.append(size)
        sizes.learn(size, seconds)
        left -= size
    assert sum(chunks) == restarts
    if restarts >= 128 * workers:  # fewer do not fill the lanes of all
        assert len(chunks) >= workers
    if seconds == 0.001:
        assert len(chunks) < 30 + 20 * workers


def test_lanes_are_refilled(xor, exercise):
    """Of the epochs that the kernel computes for all lanes, few are of lanes without a restart."""
    count = 4000
    job = make_job(*xor, restarts=count, epochs=10_000, target_sse=0.04, **exercise)
    chunk = train_chunk(job, 0, count, lanes=32)
    busy = int(chunk.epochs.sum() + count) / (32 * chunk.ticks)
    assert 0.95 < busy <= 1


def test_fixed_chunk_size(xor):
    sizes = ChunkSizes(make_job(*xor, restarts=10), 2, 4)
    assert [sizes.next(10), sizes.next(6), sizes.next(2)] == [4, 4, 2]


class Eager(Executor):
    """Runs each task at once, in the caller's thread."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_any_executor(xor, exercise):
    arguments = {"restarts": 300, "epochs": 20, **exercise}
    expected = fastnn.train_many(*xor, **arguments)
    assert_same_bits(fastnn.train_many(*xor, executor=Eager(), **arguments), expected)


def test_processes(xor, exercise):
    arguments = {"restarts": 300, "epochs": 20, **exercise}
    expected = fastnn.train_many(*xor, **arguments)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        runs = fastnn.train_many(*xor, executor=executor, chunk=100, **arguments)
    assert_same_bits(runs, expected)


def test_a_failing_executor_is_reported(xor):
    class Failing(Executor):
        def submit(self, function, /, *args, **kwargs):
            future = Future()
            future.set_exception(OSError("a worker was lost"))
            return future

    with pytest.raises(fastnn.Incomplete, match="a worker was lost") as raised:
        fastnn.train_many(*xor, restarts=100, executor=Failing())
    assert isinstance(raised.value.__cause__, OSError)


def test_an_executor_that_is_shut_down_on_the_way_ends_the_run(xor):
    executor = ThreadPoolExecutor(1)

    class Closing(Executor):
        submitted = 0

        def submit(self, function, /, *args, **kwargs):
            future = executor.submit(function, *args, **kwargs)
            self.submitted += 1
            if self.submitted == 2:
                executor.shutdown(wait=False, cancel_futures=True)
            return future

    with pytest.raises(fastnn.Incomplete):
        fastnn.train_many(*xor, restarts=10**5, epochs=500, chunk=10**4, executor=Closing())


def test_chunks_that_wait_in_a_busy_executor_are_taken_back(xor):
    release = threading.Event()
    # A shell may have it ignored in what it begins.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with ThreadPoolExecutor(1) as executor:
        executor.submit(release.wait)

        def interrupt():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        timer = threading.Timer(0.3, interrupt)
        timer.start()
        try:
            with pytest.raises(fastnn.Interrupted) as interrupted:
                fastnn.train_many(*xor, restarts=100, executor=executor)
            assert not release.is_set()
        finally:
            release.set()
            timer.join()
            signal.signal(signal.SIGINT, before)
    assert len(interrupted.value.runs) == 0


@pytest.mark.parametrize("progress", [None, True])
def test_a_broken_terminal_does_not_end_the_training(xor, monkeypatch, progress):
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr("sys.stderr", stream)
        assert len(fastnn.train_many(*xor, restarts=50, epochs=1, progress=progress)) == 50


def test_no_thread_is_left_behind(xor):
    before = set(threading.enumerate())
    fastnn.train_many(*xor, restarts=1000, epochs=10, threads=4)
    assert set(threading.enumerate()) - before == set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_bar_leaves_processes_alone():
    """How they are started is still the program's choice, and a forked child needs no lock."""
    code = """
import multiprocessing, os, signal, threading
import fastnn
from tqdm.std import TqdmDefaultWriteLock

def train():
    net, data = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
    fastnn.train_many(net, *data, restarts=100, epochs=1, threads=2)

def hold():
    with TqdmDefaultWriteLock.th_lock:
        held.set()
        forked.wait()

train()
multiprocessing.set_start_method("spawn")
held, forked = threading.Event(), threading.Event()
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)  # ends a child that hangs
    train()
    os._exit(0)
status = os.waitpid(child, 0)[1]
forked.set()
assert status == 0
"""
    python(code)


def test_progress_is_shown_when_asked_for(xor, exercise, capsys):
    arguments = {"restarts": 5000, "epochs": 8000, "target_sse": 0.04, **exercise}
    fastnn.train_many(*xor, progress=True, **arguments)
    shown = capsys.readouterr()
    assert "restarts/s" in shown.err
    assert "converged 9" in shown.err
    assert "100%" in shown.err
    assert shown.out == ""
    fastnn.train_many(*xor, **arguments)
    fastnn.train_many(*xor, progress=False, **arguments)
    assert capsys.readouterr().err == ""


def test_memory_is_that_of_the_results(xor):
    restarts = 200_000
    arguments = {"restarts": restarts, "epochs": 1}
    fastnn.train_many(*xor, **arguments)
    tracemalloc.start()
    runs = fastnn.train_many(*xor, **arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    results = sum(
        column.nbytes
        for column in (runs.parameters, runs.loss, runs.epochs, runs.status, runs.indices)
    )
    assert results < peak < results + 30 * 2**20


def test_concurrent_calls(xor, exercise):
    expected = fastnn.train_many(*xor, restarts=200, epochs=50, **exercise)
    found = []

    def call():
        found.append(fastnn.train_many(*xor, restarts=200, epochs=50, threads=2, **exercise))

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 8
    for runs in found:
        assert_same_bits(runs, expected)


def test_long_single_runs_leave_the_callers_thread(xor, exercise, monkeypatch):
    names = []
    train_chunk_here = train_chunk

    def noted(*args, **kwargs):
        names.append(threading.current_thread().name)
        return train_chunk_here(*args, **kwargs)

    monkeypatch.setattr("fastnn.results.run.train_chunk", noted)
    fastnn.train(*xor, epochs=1000, **exercise)
    assert names == ["MainThread"]
    fastnn.train(fastnn.Network([1, 1]), [[1.0]], [[1.0]], epochs=10**6)
    assert names[-1].startswith("fastnn")
    monkeypatch.setattr("fastnn.results.run.QUICK", 0)
    run = fastnn.train(*xor, epochs=500, **exercise)
    assert names[-1].startswith("fastnn")
    monkeypatch.undo()
    np.testing.assert_array_equal(run.history, fastnn.train(*xor, epochs=500, **exercise).history)
