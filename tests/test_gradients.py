"""The kernels' loss and gradient against a naive twin and complex steps, for every activation."""

import numpy as np
import pytest
from conftest import assert_same_bits
from naive import complex_step_gradient, sse

import fastnn
from fastnn.spec.activations import ACTIVATIONS

NAMES = [activation.name for activation in ACTIVATIONS]
DEPTHS = {1: [3, 2], 2: [3, 4, 2], 3: [2, 3, 4, 1], 4: [3, 2, 4, 3, 2], "wide": [9, 18, 11]}


def problem(net, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, net.sizes[0]))
    y = rng.normal(size=(5, net.sizes[-1]))
    # More positive weights than negative, lest every unit of a deep relu network be dead.
    return X, y, rng.uniform(-0.6, 1.2, size=net.n_parameters)


def check(net, seed, train):
    X, y, start = problem(net, seed)
    expected = complex_step_gradient(net, start, X, y)
    # The step is a difference of neighbouring numbers, good to about 1e-16 / rate = 1e-13.
    rate = 2.0**-10
    run = train(net, X, y, epochs=1, init=start, optimizer=fastnn.GradientDescent(rate))
    assert run.history[0] == pytest.approx(sse(net, start, X, y), rel=1e-13)
    assert run.history[1] == pytest.approx(sse(net, run.parameters, X, y), rel=1e-13)
    gradient = (start - run.parameters) / rate
    assert np.abs(gradient - expected).max() <= 1e-12 * max(1, np.abs(expected).max())
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train], ids=["kernel", "numpy"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", NAMES)
def test_gradient(name, depth, bias, train):
    check(
        fastnn.Network(DEPTHS[depth], activation=name, bias=bias),
        7 * len(DEPTHS[depth]) + bias,
        train,
    )


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train], ids=["kernel", "numpy"])
def test_gradient_with_an_activation_per_layer(train):
    sizes = [3, *([4, 3] * 9)[: len(NAMES) - 1], 2]
    check(fastnn.Network(sizes, activation=[*NAMES]), 3, train)


def test_tiles_of_samples_change_no_bit(in_tiles):
    net = fastnn.Network([3, 4, 2], activation=["tanh", "identity"])
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(103, 3)), rng.normal(size=(103, 2))
    settings = {"epochs": 20, "optimizer": fastnn.GradientDescent(1e-3)}
    whole = fastnn.train(net, X, y, **settings)
    whole_many = fastnn.train_many(net, X, y, restarts=9, **settings)
    for n_bytes in (1, 1500, 9000):
        tiled = in_tiles(n_bytes, lambda: fastnn.train(net, X, y, **settings))
        np.testing.assert_array_equal(tiled.parameters, whole.parameters)
        np.testing.assert_array_equal(tiled.history, whole.history)
        np.testing.assert_array_equal(tiled.predict(X), whole.predict(X))
        many = in_tiles(n_bytes, lambda: fastnn.train_many(net, X, y, restarts=9, **settings))
        assert_same_bits(many, whole_many)
