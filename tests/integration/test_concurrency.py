"""Threads, asyncio and forked children: correct results, one compilation per kernel, no hangs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import python

from fastnn.jit.compiling import once

pytestmark = pytest.mark.thorough

# How long a child may take before it counts as hanging; children take a second or two.
START = """
import faulthandler, multiprocessing, sys, threading, time
from functools import partial
import numpy as np
import fastnn
faulthandler.enable()
faulthandler.dump_traceback_later(300, exit=True)
net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
many = partial(fastnn.train_many, net, X, y, progress=False)

def bits(runs):
    return np.asarray(runs.loss).tobytes() + np.asarray(runs.parameters).tobytes()

def forked(function):
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sender.send_bytes(function()))
    child.start()
    if not receiver.poll(120):
        child.kill()
        sys.exit("the child hangs")
    answer = receiver.recv_bytes()
    child.join()
    assert child.exitcode == 0
    return answer
"""

FORK_WHILE_COMPILING = """
from fastnn.jit import compiling
compiling_now = threading.Event()
compile_uncached = compiling.Function._compile_uncached

def slowly(self):
    compiling_now.set()
    time.sleep(0.5)
    return compile_uncached(self)

def train(dtype):
    return bits(many(restarts=30, epochs=30, threads=1, dtype=dtype))

def child():
    import gc
    assert gc.isenabled()
    return train("float32")

compiling.Function._compile_uncached = slowly
thread = threading.Thread(target=train, args=["float64"])
thread.start()
assert compiling_now.wait(60)
compiling.Function._compile_uncached = compile_uncached
answer = forked(child)
thread.join()
assert answer == train("float32")
"""

FORK_WHILE_TRAINING = """
from concurrent.futures import ProcessPoolExecutor
train = partial(many, restarts=20_000, epochs=10_000, threads=2)
small = partial(many, restarts=50, epochs=100, threads=2)
expected, expected_small = bits(train()), bits(small())
found = []
thread = threading.Thread(target=lambda: found.append(bits(train())))
thread.start()
while not any(other.name.startswith("fastnn") for other in threading.enumerate()):
    time.sleep(0.001)
assert forked(lambda: bits(small())) == expected_small
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    assert bits(small(executor=pool, chunk=10)) == expected_small
assert forked(lambda: bits(small(dtype="float32"))) == bits(small(dtype="float32"))
thread.join()
assert found == [expected]
"""

ASYNCIO = """
import asyncio
calls = [
    partial(many, restarts=100 + i, epochs=200, seed=i, dtype=dtype, threads=2)
    for i in range(4)
    for dtype in ("float64", "float32")
]

async def at_once():
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, call) for call in calls))

found = asyncio.run(at_once())
assert list(map(bits, found)) == [bits(call()) for call in calls]
"""

MIXED = """
import hashlib, json, os, tempfile
from concurrent.futures import ThreadPoolExecutor
from numba.core.ccallback import CFunc

# What is compiled or loaded, to see that nothing is twice.
compiled, compile = [], CFunc.compile

def counted(self):
    compiled.append((self.__qualname__, str(self._sig), self.identity))
    return compile(self)

CFunc.compile = counted
random = np.random.default_rng(1)
samples, values = random.normal(size=(600, 2)), random.normal(size=(600, 1))
few = samples[:50]
classes = np.eye(3)[random.integers(3, size=50)]
classifier = fastnn.Network([2, 4, 3], activation=["tanh", "softmax"])
parameters = random.normal(size=(5, net.n_parameters))
train = partial(fastnn.train, net, X, y, epochs=40)
folder = tempfile.mkdtemp()

def of_run(run):
    return run.parameters.tobytes() + run.history.tobytes()

def of_statistics(statistics):
    return b"".join(array.tobytes() for array in statistics.to_arrays().values())

def stored():
    out = tempfile.mkdtemp(dir=folder)
    return bits(many(restarts=60, epochs=30, threads=1, out=out, chunk=20))

CALLS = {
    "gradient descent": lambda: of_run(train()),
    "many": lambda: bits(many(restarts=50, epochs=50, threads=2, chunk=10)),
    "many in float32": lambda: bits(many(restarts=70, epochs=50, threads=1, dtype="float32")),
    "samples": lambda: of_run(fastnn.train(
        net, samples, values, epochs=5, parallel="samples", threads=2)),
    "predict": lambda: train(init=parameters[0]).predict(few).tobytes(),
    "statistics": lambda: of_statistics(many(
        restarts=50, epochs=50, threads=1, keep="statistics", target_sse=0.5)),
    "out": stored,
    "gradient": lambda: fastnn.gradient(net, parameters, X, y, loss="mse").tobytes(),
    "Adam, Huber": lambda: of_run(train(
        optimizer=fastnn.Adam(0.05), loss=fastnn.Huber(), dtype="float32")),
    "RPROP": lambda: of_run(train(optimizer=fastnn.RPROP())),
    "batches": lambda: of_run(fastnn.train(
        net, few, values[:50], epochs=10, batch_size=7, shuffle=True)),
    "L-BFGS": lambda: of_run(train(optimizer=fastnn.LBFGS())),
    "Levenberg-Marquardt": lambda: bits(many(
        restarts=20, epochs=20, threads=1, optimizer=fastnn.LevenbergMarquardt())),
    "softmax": lambda: bits(fastnn.train_many(
        classifier, few, classes, restarts=20, epochs=10, threads=1, dtype="float32",
        progress=False, loss="cross_entropy", optimizer=fastnn.AdamW(0.01))),
}
how, threads, calls, kinds = sys.argv[1], *map(int, sys.argv[2:])
names = list(CALLS)[:kinds]

def digest(name):
    return hashlib.sha256(CALLS[name]()).hexdigest()

if how == "alone":
    print(json.dumps({name: digest(name) for name in names}))
    sys.exit()
expected = json.loads(os.environ["EXPECTED"])
start = threading.Barrier(threads)

def work(number):
    start.wait()
    for call in range(calls):
        name = names[(number + call) % len(names)]
        assert digest(name) == expected[name], name

with ThreadPoolExecutor(threads) as pool:
    list(pool.map(work, range(threads)))
assert len(compiled) > 5
assert sorted(compiled) == sorted(set(compiled))
"""


def test_threads_that_want_the_same_thing_make_it_once():
    made = []

    @once
    def make(name):
        made.append(name)
        time.sleep(0.05)
        return [name]

    start = threading.Barrier(20)

    def want(number):
        start.wait()
        return make("ab"[number % 2])

    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(want, range(20)))
    assert sorted(made) == ["a", "b"]
    assert len({id(value) for value in found}) == 2
    assert [value[0] for value in found] == ["a", "b"] * 10


def test_what_could_not_be_made_is_tried_again():
    answers = iter([OSError("full"), 3])

    @once
    def make():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(OSError, match="full"):
        make()
    assert make() == make() == 3


def test_a_fork_while_another_thread_compiles(tmp_path):
    python(START + FORK_WHILE_COMPILING, NUMBA_CACHE_DIR=str(tmp_path))


def test_a_fork_while_another_thread_trains():
    python(START + FORK_WHILE_TRAINING)


def test_asyncio():
    python(START + ASYNCIO)


def mixed(threads, calls, kinds, **environment):
    """The calls alone, then those of many threads at once."""

    def code(how):
        return f"import sys\nsys.argv = {['', how, threads, calls, kinds]!r}\n" + START + MIXED

    expected = python(code("alone")).stdout
    python(code("at once"), EXPECTED=expected, **environment)


def test_many_threads():
    mixed(threads=20, calls=50, kinds=14)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [3, 8])
def test_many_threads_compile(kinds, tmp_path):
    mixed(threads=20, calls=4, kinds=kinds, NUMBA_CACHE_DIR=str(tmp_path))
