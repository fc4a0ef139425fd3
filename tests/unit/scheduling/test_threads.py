"""Threads that are unavailable or replaced: nothing is lost, and nothing waits forever."""

import _thread
import importlib.util
import threading

import numpy as np
import pytest
from conftest import python

import fastnn
from fastnn.support import threads
from fastnn.support.threads import Pool, together

pytestmark = pytest.mark.thorough

JOB = """
import sys, threading
import numpy as np
import fastnn

net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
rng = np.random.default_rng(0)
inputs = rng.normal(size=(3000, 4))
wide = fastnn.Network([4, 8, 1], ["sigmoid", "identity"])

def job(out):
    many = fastnn.train_many(net, X, y, restarts=4000, epochs=300, threads=2, progress=False)
    kept = fastnn.train_many(net, X, y, restarts=500, epochs=50, out=out, chunk=100, threads=2,
                             progress=False)
    one = fastnn.train(wide, inputs, inputs[:, 0], epochs=30, parallel="samples", threads=2)
    long = fastnn.train(wide, inputs, inputs[:, 0], epochs=30, loss="mse")
    assert len(many) == 4000 and kept.complete and (many.status != 0).all()
    return [run.parameters[:].tobytes().hex()[:4000] for run in (many, kept, one, long)]
"""
AFTER = """
expected = job(sys.argv[1] + "/before")

def work():
    {wait}
    assert job(sys.argv[1] + "/after") == expected
    print("the same")

threading.Thread(target=work).start()
"""


@pytest.mark.parametrize("wait", ["threading.main_thread().join()", "pass"], ids=["ended", "ends"])
def test_a_thread_that_outlives_the_main_one_trains_on(tmp_path, wait):
    code = f"import sys; sys.argv.append({str(tmp_path)!r})\n" + JOB + AFTER.format(wait=wait)
    done = python(code, PYTHONWARNINGS="error")
    assert done.stdout == "the same\n"
    assert done.stderr == ""


def test_a_pool_that_is_closed_takes_nothing():
    with Pool(1) as pool:
        assert pool.submit(pow, 2, 3).result() == 8
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pow, 2, 3)


def test_without_threads_a_pool_lends_the_callers(monkeypatch):
    monkeypatch.setattr("concurrent.futures.thread._shutdown", True)
    with Pool(2) as pool:
        assert pool.submit(threading.get_ident).result() == threading.get_ident()
        assert list(pool.map(abs, range(-3, 0))) == [3, 2, 1]
        assert isinstance(pool.submit(int, "x").exception(), ValueError)


def test_no_room_for_a_thread_is_an_error(monkeypatch):
    def failing(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", failing)
    with Pool(1) as pool, pytest.raises(RuntimeError, match="start new thread"):
        pool.submit(pow, 2, 3)
    net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
    with pytest.raises(fastnn.Incomplete, match="a chunk could not be trained: RuntimeError"):
        fastnn.train_many(net, X, y, restarts=9, chunk=3, threads=1, progress=False)


def test_tasks_that_wait_for_each_other():
    barrier, told = threading.Barrier(5), []
    abandon = lambda: told.append("end")  # noqa: E731
    assert sorted(together(lambda k: barrier.wait(60) * 0 + k, 5, abandon=abandon)) == [*range(5)]
    assert not told
    with pytest.raises(ZeroDivisionError):
        together(lambda k: 1 // k, 3, abandon=abandon)
    assert told == ["end"]


def replaced(monkeypatch, start):
    """As a library leaves it that takes the place of `threading`."""
    for name in ("_start_new_thread", "_start_joinable_thread"):  # of Python to 3.12, and from 3.13
        if hasattr(threading, name):
            monkeypatch.setattr(threading, name, start(getattr(threading, name)))
    monkeypatch.setattr(_thread, "start_new_thread", start(_thread.start_new_thread))


def test_the_systems_threads_are_told_from_others(monkeypatch):
    assert threads.are_native()
    # A debugger's wrapper.
    replaced(monkeypatch, lambda real: lambda *args, **kwargs: real(*args, **kwargs))
    assert threads.are_native()
    # One system's thread for all.
    monkeypatch.setattr(threads, "_place", lambda: "1/task/1")
    assert not threads.are_native()


def samples():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 8))
    return fastnn.Network([8, 16, 1]), X, X[:, :1]


def test_threads_that_are_not_the_systems_are_refused(monkeypatch):
    expected = fastnn.train(*samples(), epochs=5, parallel="samples", threads=2)
    replaced(monkeypatch, lambda real: lambda *args, **kwargs: real(*args, **kwargs))
    monkeypatch.setattr(threads, "_place", lambda: "")
    with monkeypatch.context() as patch:
        patch.setattr("fastnn.training.train_one", lambda *args: pytest.fail("training began"))
        with pytest.raises(ValueError, match=r"^threads: expected 1 with parallel='samples' .* 2,"):
            fastnn.train(*samples(), epochs=5, parallel="samples", threads=2)
    for given in (None, 1):
        run = fastnn.train(*samples(), epochs=5, parallel="samples", threads=given)
        assert (run.parameters == expected.parameters).all()


REPLACED = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}
REAL = """
net, X, y = fastnn.Network([8, 16, 1]), np.random.default_rng(0).normal(size=(4000, 8)), None
y = X[:, :1]
try:
    fastnn.train(net, X, y, epochs=5, parallel="samples", threads=2)
except ValueError as error:
    print(str(error)[:19])
run = fastnn.train(net, X, y, epochs=50, parallel="samples")
many = fastnn.train_many(net, X, y, epochs=3, restarts=3, parallel="samples", threads=2)
long = fastnn.train_many(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=4000,
                         epochs=300, threads=2, progress=False)
print(len(long))
"""


@pytest.mark.parametrize("library", REPLACED)
def test_with_the_library_itself(library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    done = python(f"{REPLACED[library]}\nimport fastnn, numpy as np\n{REAL}")
    assert done.stdout == "threads: expected 1\n4000\n"
