"""The exercise under pytest-benchmark: ``python -m pytest benchmarks``."""

import numpy as np
import pytest
from numpy_loops import textbook, tuned

import fastnn

NET = fastnn.Network([2, 2, 1], bias=False)
X, Y = fastnn.datasets.xor()
SETTINGS = {"optimizer": fastnn.GradientDescent(0.5), "init": fastnn.Uniform(0, 1)}
EPOCHS = 1000


@pytest.fixture(scope="module")
def expected():
    """The error of every epoch, on which all must agree before they are timed."""
    return fastnn.train(NET, X, Y, epochs=EPOCHS, **SETTINGS).history


@pytest.mark.benchmark(group="one network, 1,000 epochs")
@pytest.mark.parametrize("loop", [textbook, tuned])
def test_numpy_loop(benchmark, loop, expected):
    start = fastnn.train(NET, X, Y, epochs=0, **SETTINGS).parameters

    def run():
        W1, W2 = NET.unpack(start.copy())[0]
        return loop(X, Y, W1, W2, 0.5, EPOCHS)

    np.testing.assert_allclose(run(), expected[:-1], rtol=1e-12)
    benchmark(run)


@pytest.mark.benchmark(group="one network, 1,000 epochs")
@pytest.mark.parametrize("train", [fastnn.reference.train, fastnn.train], ids=["numpy", "kernel"])
def test_one_network(benchmark, train, expected):
    np.testing.assert_allclose(
        train(NET, X, Y, epochs=EPOCHS, **SETTINGS).history, expected, rtol=1e-12
    )
    benchmark(train, NET, X, Y, epochs=EPOCHS, **SETTINGS)


@pytest.mark.benchmark(group="20,000 networks, 1,000 epochs")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_many_networks(benchmark, threads, dtype, expected):
    def run():
        return fastnn.train_many(
            NET, X, Y, restarts=20_000, epochs=EPOCHS, threads=threads, dtype=dtype, **SETTINGS
        )

    np.testing.assert_allclose(
        run().loss[0], expected[-1], rtol=1e-12 if dtype[-2:] == "64" else 1e-4
    )
    benchmark.pedantic(run, rounds=5)
