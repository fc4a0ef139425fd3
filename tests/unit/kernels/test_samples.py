"""``parallel="samples"``: its documented order of sums, whatever the threads and the machine."""

import json
import os
import threading
from fractions import Fraction

import numpy as np
import pytest
from conftest import bits, python
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import on_path

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.spec.activations import ACTIVATIONS

pytestmark = pytest.mark.thorough

NAMES = [activation.name for activation in ACTIVATIONS]
GROUP = {"float64": 8, "float32": 16}


def problem(samples=1500, sizes=(3, 9, 5, 2), dtype="float64"):
    rng = np.random.default_rng(samples)
    net = fastnn.Network(sizes, activation=["tanh", "sigmoid", "identity"])
    X, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    return net, X, y, {"optimizer": fastnn.GradientDescent(1e-4), "epochs": 20, "dtype": dtype}


@pytest.mark.parametrize("dtype", GROUP)
@pytest.mark.parametrize("samples", [1, 7, 300, 1500])
def test_threads_change_no_bit(samples, dtype):
    net, X, y, options = problem(samples, dtype=dtype)
    expected = fastnn.train(net, X, y, parallel="samples", threads=1, **options)
    for threads in (2, 3, 8):
        run = fastnn.train(net, X, y, parallel="samples", threads=threads, **options)
        np.testing.assert_array_equal(bits(run.parameters), bits(expected.parameters))
        np.testing.assert_array_equal(bits(run.history), bits(expected.history))


def test_many_and_one_have_the_same_bits():
    net, X, y, options = problem(600)
    runs = fastnn.train_many(net, X, y, restarts=5, parallel="samples", **options)
    for k in range(5):
        one = fastnn.train(net, X, y, restart=k, parallel="samples", threads=2, **options)
        again = runs.restart(k)
        for run in (one, again):
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            np.testing.assert_array_equal(run.history, one.history)


@given(
    sizes=st.lists(st.integers(1, 6) | st.integers(7, 35), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=3),
    bias=st.booleans(),
    samples=st.integers(1, 300),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_the_other_order(sizes, names, bias, samples, seed):
    net = fastnn.Network(sizes, activation=names[: len(sizes) - 1], bias=bias)
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    rate = 0.03 / samples / max(sizes) ** 2  # stable: where it diverges, rounding decides the path
    options = {"epochs": 20, "seed": seed, "optimizer": fastnn.GradientDescent(rate)}
    run = fastnn.train(net, X, y, parallel="samples", **options)
    expected = fastnn.train(net, X, y, **options)
    np.testing.assert_allclose(run.history, expected.history, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-12)


def fused(a, b, c, dtype):
    """``a * b + c``, rounded once: exact in between."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    # For float32 a second rounding, from float64, changes nothing unless the first made a tie.
    return dtype(float(exact))


def halves(sums):
    while len(sums) > 1:
        sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    return sums[0]


@pytest.mark.parametrize("samples", [5, 130, 1100])
def test_the_order_is_the_documented_one(samples):
    """One weight, one epoch, computed by hand: z = w x, gradient = sum of x * 2 (z - y)."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=samples), rng.normal(size=samples)
    w, rate = 0.7, 1e-3
    error = w * x - y
    group = GROUP["float64"]
    groups = -(-samples // group)
    length = max(-(-groups // 8), 16) * group
    gradient = loss = None
    for begin in range(0, samples, length):
        sums, losses = np.zeros(group), np.zeros(group)
        for n in range(begin, min(begin + length, samples)):
            lane = n % group
            sums[lane] = fused(x[n], 2 * error[n], sums[lane], np.float64)
            losses[lane] = fused(error[n], error[n], losses[lane], np.float64)
        gradient = halves(sums) if gradient is None else gradient + halves(sums)
        loss = halves(losses) if loss is None else loss + halves(losses)
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    run = fastnn.train(
        net, x[:, None], y, init=[w], epochs=1, optimizer=fastnn.GradientDescent(rate),
        parallel="samples",
    )  # fmt: skip
    assert run.history[0] == loss
    assert run.parameters[0] == fused(-rate, gradient, w, np.float64)


def results():
    """Bits under this instruction set, as text."""
    found = {}
    for dtype in GROUP:
        net, X, y, options = problem(1500, dtype=dtype)
        run = fastnn.train(net, X, y, parallel="samples", **options)
        found[dtype] = [f"{value:x}" for value in bits(run.parameters)[::9]]
    return found


@pytest.mark.slow
def test_the_same_bits_without_wide_vectors():
    code = on_path() + ("import json, test_samples\nprint(json.dumps(test_samples.results()))")
    done = python(code, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert json.loads(done.stdout) == results()


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_ctrl_c_reaches_all_threads():
    code = """
import os, signal, threading, time
import numpy as np, fastnn
net = fastnn.Network([4, 32, 1])
X = np.random.default_rng(0).normal(size=(2000, 4))
options = dict(parallel="samples", threads=3, optimizer=fastnn.GradientDescent(1e-6))
fastnn.train(net, X, X[:, 0], epochs=1, **options)
sent = []
def send():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.5, send).start()
try:
    fastnn.train(net, X, X[:, 0], epochs=10**9, history=False, **options)
except KeyboardInterrupt:
    print(time.monotonic() - sent[0] < 1, [t.name for t in threading.enumerate()])
"""
    assert python(code).stdout == "True ['MainThread']\n"


def test_a_thread_that_cannot_start_ends_the_others(monkeypatch):
    net, X, y, options = problem(1500)
    job = make_job(net, X, y, parallel="samples", **options)

    start = threading.Thread.start
    calls = []

    def failing(self):
        calls.append(self)
        if len(calls) == 2:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", failing)
    with pytest.raises(RuntimeError, match="start new thread"):
        train_chunk(job, 0, 1, threads=2)
