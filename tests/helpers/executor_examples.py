"""Helpers for tests of executors: odd executors, jobs to train, and comparisons of results."""

import os
import random
import signal
import threading
import time
from concurrent.futures import Executor, Future

import numpy as np
from conftest import assert_same_bits, bits

import fastnn
from fastnn.results.statistics import Statistics


class Eager(Executor):
    """Executor that runs each task at once in the caller's thread; `spoil` may change its end."""

    def __init__(self, spoil=lambda number, future, result: future.set_result(result())):
        self.spoil = spoil
        self.starts = []

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        self.starts.append(kwargs["at"])
        self.spoil(len(self.starts), future, lambda: function(*args, **kwargs))
        return future


class Disorderly(Executor):
    """Executor that ends tasks in any order, from another thread, and often with an error."""

    def __init__(self, failures):
        self.failures = failures
        self.attempts = {}
        self.most = self.waiting = 0
        self.rng = random.Random(3)
        self.tasks = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        with self.changed:
            self.tasks.append((future, kwargs["at"], lambda: function(*args, **kwargs)))
            self.most = max(self.most, len(self.tasks))
            self.changed.notify()
        return future

    def work(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.tasks)
                future, at, run = self.tasks.pop(self.rng.randrange(len(self.tasks)))
            if run is None:
                return
            if not future.set_running_or_notify_cancel():
                continue
            self.attempts[at] = self.attempts.get(at, 0) + 1
            if self.attempts[at] <= self.failures(at):
                future.set_exception(OSError(f"a worker was lost with chunk {at}"))
            else:
                future.set_result(run())

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self.changed:
            self.tasks.append((None, None, None))
            self.changed.notify()
        self.thread.join()


def settings(**more):
    """Arguments of a run of many chunks, each of a few milliseconds."""
    return {
        "restarts": 1200, "epochs": 200, "target_sse": 0.5, "chunk": 100, "init":
        fastnn.Uniform(0, 1), "optimizer": fastnn.GradientDescent(0.5), **more,
    }  # fmt: skip


def sweep(restarts):
    """Arguments with an array wherever one is allowed."""
    rng = np.random.default_rng(7)
    return {
        "restarts": restarts,
        "optimizer": fastnn.GradientDescent(np.geomspace(0.1, 2, restarts)),
        "init": rng.uniform(-1, 1, (restarts, 6)),
        "sample_weight": rng.uniform(0.5, 1, (restarts, 4)),
    }


def grid():
    """Arguments of a sweep over a grid."""
    axes = {"learning_rate": np.geomspace(0.1, 2, 12), "momentum": np.linspace(0, 0.9, 10)}
    return {
        "restarts": None,
        "optimizer": fastnn.GradientDescent(),
        "grid": fastnn.Grid(restarts_per_cell=10, **axes),
    }


def assert_same_statistics(one, other):
    """Assert that all arrays of two statistics are equal."""
    first, second = one.to_arrays(), other.to_arrays()
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def assert_all_kept_the_same(found, expected):
    """Assert that the contents of two results are equal, bit for bit."""
    if isinstance(expected, Statistics):
        assert_same_statistics(found, expected)
        return
    if hasattr(expected, "load"):  # stored
        assert found.ranges == expected.ranges
        assert_same_statistics(found.statistics, expected.statistics)
        if expected.keep.columns:
            assert_all_kept_the_same(found.load(), expected.load())
        return
    assert found.columns.keys() == expected.columns.keys()
    np.testing.assert_array_equal(found.indices, expected.indices)
    for name, column in expected.columns.items():
        if column.dtype.kind == "f":
            np.testing.assert_array_equal(bits(found.columns[name]), bits(column), err_msg=name)
        else:
            np.testing.assert_array_equal(found.columns[name], column, err_msg=name)
    if expected.statistics is not None:
        assert_same_statistics(found.statistics, expected.statistics)


def assert_are_some_of(found, expected):
    """Assert that all restarts of a result have ended, and equal those of the full result."""
    assert (found.status != fastnn.Status.NOT_RUN).all()
    assert len(np.unique(found.indices)) == len(found)
    assert_same_bits(found, expected[found.indices - expected.indices[0]])


def ended_within(seconds, processes):
    """Wait until all these processes have ended; returns those that have not."""
    end = time.monotonic() + seconds
    left = list(processes)
    while left and time.monotonic() < end:
        left = [process for process in left if _is_there(process)]
        time.sleep(0.02)
    return left


def _is_there(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(process):
    """Kill a process, as a lack of memory does."""
    os.kill(process, signal.SIGKILL)
