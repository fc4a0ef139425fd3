"""Bad input: an exception before any training that names the argument and the value."""

import itertools
import re

import numpy as np
import pytest

import fastnn

NET = fastnn.Network([2, 2, 1], bias=False)
BIASED = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
NAN, INF = np.nan, np.inf


def network(*args, **kwargs):
    return lambda: fastnn.Network(*args, **kwargs)


def train(net=NET, X=X, y=Y, **kwargs):
    return lambda: fastnn.train(net, X, y, **kwargs)


def many(net=NET, X=X, y=Y, restarts=4, **kwargs):
    return lambda: fastnn.train_many(net, X, y, restarts=restarts, **kwargs)


def rate(value):
    return lambda: fastnn.GradientDescent(value)


def uniform(low, high):
    return lambda: fastnn.Uniform(low, high)


def replaced(array, value):
    array = array.copy()
    array[1, 0] = value
    return array


CASES = [
    # call, exception, part of the message
    (network("221"), TypeError, "sizes: expected a sequence of integers, got '221'"),
    (network(3), TypeError, "sizes: expected a sequence of integers, got 3"),
    (network(itertools.repeat(1)), TypeError, "sizes: expected a sequence of integers, got r"),
    (network({3, 2, 1}), TypeError, "sizes: expected a sequence of integers, got {1, 2, 3}"),
    (network(np.array(5)), TypeError, "sizes: expected a sequence of integers, got array(5)"),
    (network([10**5000, 1]), ValueError, "sizes[0]: expected an integer from 1 to 100000000, got"),
    (network([2]), ValueError, "sizes: expected at least an input and an output layer, got (2,)"),
    (network([2, 0, 1]), ValueError, "sizes[1]: expected an integer from 1 to 100000000, got 0"),
    (network([2, -3, 1]), ValueError, "sizes[1]: expected an integer from 1 to 100000000, got -3"),
    (network([2, 2.0, 1]), TypeError, "sizes[1]: expected an integer, got 2.0"),
    (network([2, True]), TypeError, "sizes[1]: expected an integer, got True"),
    (network([20000, 20000]), ValueError, "sizes: expected at most 100000000 parameters"),
    (network([2, 1], "softplus2"), ValueError, "activation: expected one of sigmoid, tanh"),
    (network([2, 1], 7), TypeError, "activation: expected a name or a sequence of names, got 7"),
    (network([2, 1], [7]), ValueError, "activation: expected one of sigmoid, tanh"),
    (network([2, 1], ["tanh", "tanh"]), ValueError, "activation: expected one name or 1"),
    (network([2, 1], bias=1), TypeError, "bias: expected True or False, got 1"),
    (lambda: NET.unpack([1, 2]), ValueError, "parameters: expected shape (6,)"),
    (lambda: NET.pack([np.zeros((2, 2))]), ValueError, "expected 2 weight and 0 bias arrays"),
    (lambda: NET.pack([X, X]), ValueError, "weights[0]: expected shape (2, 2), got (4, 2)"),
    (lambda: NET.pack(3), TypeError, "weights: expected a sequence of arrays, got 3"),
    (lambda: NET.plot(weights=3), TypeError, "weights: expected a sequence of arrays, got 3"),
    (lambda: NET.plot(biases=[X]), ValueError, "expected 2 weight and 0 bias arrays"),
    (rate(True), TypeError, "learning_rate: expected real numbers, got dtype bool"),
    (rate(-1), ValueError, "learning_rate: expected numbers >= 0, got -1.0"),
    (rate(NAN), ValueError, "learning_rate: expected finite float64 numbers, got nan"),
    (rate("fast"), TypeError, "learning_rate: expected real numbers, got dtype <U4"),
    (rate(None), TypeError, "learning_rate: expected real numbers, got dtype object"),
    (rate(1j), TypeError, "learning_rate: expected real numbers, got dtype complex128"),
    (rate([]), ValueError, "learning_rate: expected a number or an array of shape (restarts,)"),
    (rate([[1.0]]), ValueError, "learning_rate: expected a number or an array of shape"),
    (rate([1, INF]), ValueError, "learning_rate: expected finite float64 numbers"),
    (uniform(1, 0), ValueError, "low, high: expected low <= high, got 1.0, 0.0"),
    (uniform(0, INF), ValueError, "high: expected finite float64 numbers"),
    (uniform([0, 0], [1, 1, 1]), ValueError, "low, high: expected arrays of equal length"),
    (uniform(-1.7e308, 1.7e308), ValueError, "low, high: expected a finite difference"),
    (train(net="2-2-1"), TypeError, "net: expected a fastnn.Network, got '2-2-1'"),
    (train(X=X[0]), ValueError, "X: expected shape (n, 2)"),
    (train(X=X[:, :1]), ValueError, "X: expected shape (n, 2)"),
    (train(X=X[:, :, None]), ValueError, "X: expected shape (n, 2)"),
    (train(X=X[:0], y=Y[:0]), ValueError, "X: expected at least one sample, got none"),
    (train(X=replaced(X, NAN)), ValueError, "got nan at index (1, 0)"),
    (train(X=replaced(X, -INF)), ValueError, "X: expected finite float64 numbers"),
    (train(X=replaced(X, 1e300), dtype="float32"), ValueError, "X: expected finite float32"),
    (train(X=np.ma.masked_array(X, X > 0)), ValueError, "X: expected numbers without a mask"),
    (train(X=[["a", "b"]] * 4), TypeError, "X: expected real numbers, got dtype <U1"),
    (train(X=[[1, 2], [3]]), TypeError, "X: expected an array of numbers"),
    (train(X=None), TypeError, "X: expected real numbers, got dtype object"),
    (train(X=X * 1j), TypeError, "X: expected real numbers, got dtype complex128"),
    (train(y=Y[:3]), ValueError, "y: expected 4 rows, as many as X, got 3"),
    (train(y=np.zeros((4, 2))), ValueError, "y: expected shape (n, 1)"),
    (train(y=replaced(Y, NAN)), ValueError, "y: expected finite float64 numbers"),
    (train(net=fastnn.Network([2, 2]), y=Y[:, 0]), ValueError, "y: expected shape (n, 2)"),
    (train(epochs=-1), ValueError, "epochs: expected an integer from 0"),
    (train(epochs=1.5), TypeError, "epochs: expected an integer, got 1.5"),
    (train(epochs=True), TypeError, "epochs: expected an integer, got True"),
    (train(epochs=10**30), ValueError, "epochs: expected an integer from 0"),
    (train(epochs=10**12), ValueError, "history: 1000000000000 epochs would take"),
    (train(history=-1), ValueError, "history: expected an integer from 1"),
    (train(history=0), ValueError, "history: expected an integer from 1"),
    (train(history="all"), TypeError, "history: expected an integer, got 'all'"),
    (train(target_sse=0), ValueError, "target_sse: expected a positive float64 number or None"),
    (train(target_sse=-1), ValueError, "target_sse: expected a positive float64 number or None"),
    (train(target_sse=True), ValueError, "target_sse: expected a positive float64 number or None"),
    (train(target_sse=NAN), ValueError, "target_sse: expected finite float64 numbers"),
    (train(target_sse=[1]), ValueError, "target_sse: expected a positive float64 number or None"),
    (train(seed=-1), ValueError, "seed: expected an integer from 0 to 18446744073709551615"),
    (train(seed=2**64), ValueError, "seed: expected an integer from 0 to 18446744073709551615"),
    (train(seed=None), TypeError, "seed: expected an integer, got None"),
    (train(restart=-1), ValueError, "restart: expected an integer from 0"),
    (train(restart=2**63), ValueError, "restart: expected an integer from 0"),
    (train(optimizer="step"), ValueError, "optimizer: expected one of fastnn.GradientDescent, "),
    (train(optimizer=0.5), TypeError, "'gd', 'sgd', 'lm', got 0.5"),
    (train(optimizer=fastnn.GradientDescent([1, 2])), ValueError, "of shape (1,), one for each"),
    (train(optimizer=fastnn.GradientDescent(1e300), dtype="f4"), ValueError, "that fit float32"),
    (train(optimizer=fastnn.GradientDescent(1e-60), dtype="f4"), ValueError, "that fit float32"),
    (train(init=fastnn.Uniform(-3e38, 3e38), dtype="f4"), ValueError, "difference that fits"),
    (train(optimizer=10**5000), TypeError, "optimizer: expected one of fastnn.GradientDescent"),
    (train(dtype="float16"), ValueError, "dtype: expected float64 or float32, got 'float16'"),
    (train(dtype=int), ValueError, "dtype: expected float64 or float32"),
    (train(dtype=None), ValueError, "dtype: expected float64 or float32, got None"),
    (train(dtype="numbers"), ValueError, "dtype: expected float64 or float32, got 'numbers'"),
    (train(init="zeros"), TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal(…)"),
    (train(init=0.5), TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal(…)"),
    (train(init=[]), TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal(…)"),
    (train(init=[1, 2, 3]), ValueError, "a flat vector of 6 numbers"),
    (train(init=np.zeros((2, 6))), ValueError, "got an array of shape (2, 6)"),
    (train(init=[X]), ValueError, "got a list of 1 arrays"),
    (train(init=[X, Y]), ValueError, "init: weights[0]: expected shape (2, 2), got (4, 2)"),
    (train(init=[NAN] * 6), ValueError, "init: expected finite float64 numbers"),
    (train(init=["a"] * 6), TypeError, "init: expected real numbers"),
    (train(net=BIASED, init=[X[:2], Y[:2]]), ValueError, "[W1, b1, W2, b2, …]"),
    (train(net=BIASED, init=([X[:2], Y[:2]], [[0.0, 0.0]])), ValueError, "2 weight and 2 bias"),
    (train(net=BIASED, init=([X[:2], Y[:2]], None)), ValueError, "init: expected 2 weight and 2"),
    (many(restarts=None), TypeError, "restarts: expected the number of networks to train, such as"),
    (many(restarts=0), ValueError, "restarts: expected an integer from 1"),
    (many(restarts=-5), ValueError, "restarts: expected an integer from 1"),
    (many(restarts=1e6), TypeError, "restarts: expected an integer, got 1000000.0"),
    (many(restarts=10**13), ValueError, "restarts: expected an integer from 1"),
    (many(restarts=10**9), ValueError, "keep: 1,000,000,000 restarts would take"),
    (many(restarts=10**12, keep="outcomes"), ValueError, "GiB of this machine"),
    (many(keep="everything"), ValueError, "keep: expected 'all', 'parameters', 'outcomes'"),
    (many(first=-1), ValueError, "first: expected an integer from 0"),
    (many(first=2**63 - 2), ValueError, "first: expected an integer from 0"),
    (many(keep=np.array(["all", "x"])), TypeError, "keep: expected 'all', 'parameters'"),
    (many(threads=0), ValueError, "threads: expected an integer from 1"),
    (train(threads=0), ValueError, "threads: expected an integer from 1"),
    (train(threads="2"), TypeError, "threads: expected an integer, got '2'"),
    (train(parallel="lanes"), ValueError, "parallel: expected 'restarts' or 'samples', got 'la"),
    (many(parallel=None), ValueError, "parallel: expected 'restarts' or 'samples', got None"),
    (many(parallel=["samples"]), ValueError, "parallel: expected 'restarts' or 'samples', got"),
    (many(threads=1.0), TypeError, "threads: expected an integer, got 1.0"),
    (many(chunk=0), ValueError, "chunk: expected an integer from 1"),
    (many(executor="pool"), TypeError, "executor: expected a concurrent.futures.Executor"),
    (many(progress="yes"), TypeError, "progress: expected True, False or None, got 'yes'"),
    (many(optimizer=fastnn.GradientDescent([1, 2, 3])), ValueError, "shape (4,), one for each"),
    (many(init=fastnn.Uniform([0, 0, 0], 1)), ValueError, "Uniform(low=): expected a number or"),
    (many(init=np.zeros((3, 6))), ValueError, "or an array of shape (4, 6)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(call, exception, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    with pytest.raises(exception, match=re.escape(message)):
        call()


def test_there_are_enough_cases():
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (X[0], "X: expected shape (n, 2)"),
        (np.zeros((3, 3)), "X: expected shape (n, 2)"),
        (replaced(X, NAN), "X: expected finite float64 numbers"),
        (X[:0], "X: expected at least one sample"),
    ],
)
def test_bad_input_of_predict(X, message):
    runs = fastnn.train_many(NET, *fastnn.datasets.xor(), restarts=4, epochs=1)
    for call in (runs.best.predict, runs.predict, lambda X: runs.predict(X, "all")):
        with pytest.raises(ValueError, match=re.escape(message)):
            call(X)


@pytest.mark.parametrize(
    ("which", "exception"),
    [
        ("worst", ValueError),
        (3, TypeError),
        ([0.5], TypeError),
        ([99], ValueError),
        ([-1], ValueError),
    ],
)
def test_bad_choice_of_predictions(which, exception):
    runs = fastnn.train_many(NET, X, Y, restarts=4, epochs=1)
    with pytest.raises(exception):
        runs.predict(X, which)


@pytest.mark.parametrize("k", [-1, 4, 1.5, "0"])
def test_bad_restart(k):
    runs = fastnn.train_many(NET, X, Y, restarts=4, epochs=1)
    with pytest.raises((ValueError, TypeError), match="restart: expected"):
        runs.restart(k)
