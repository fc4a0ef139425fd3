"""The classic data sets: shapes, classes, seeds, published points, and bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn import datasets

CLASSES = [datasets.circles, datasets.moons, datasets.spirals]
SEEDED = [*CLASSES, datasets.sine]


@pytest.mark.parametrize("name", [name for name in datasets.__all__ if name != "xor"])
def test_all_are_float64_and_train_as_they_are(name):
    X, y = getattr(datasets, name)()
    for array in (X, y):
        assert array.dtype == np.float64
        assert array.ndim == 2
        assert array.flags.c_contiguous
        assert np.isfinite(array).all()
    net = fastnn.Network([X.shape[1], 2, y.shape[1]])
    run = fastnn.train(net, X, y, epochs=1, optimizer="rprop")
    assert run.epochs == 1


@pytest.mark.parametrize("make", CLASSES)
@given(samples=st.integers(2, 99), seed=st.integers(0, 2**64 - 1))
def test_two_classes_of_equal_size(make, samples, seed):
    X, y = make(samples, noise=0.1, seed=seed)
    assert X.shape == (samples, 2)
    assert y.shape == (samples, 1)
    assert y.sum() == samples // 2
    assert set(np.unique(y)) == {0.0, 1.0}
    np.testing.assert_array_equal(make(samples, noise=0.1, seed=seed)[0], X)


@pytest.mark.parametrize("make", SEEDED)
def test_the_seed_decides_the_noise(make):
    values = [np.concatenate(make(noise=0.1, seed=seed), axis=1) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(values[0], values[1])
    assert (values[0] != values[2]).any()
    clean = [np.concatenate(make(noise=0.0, seed=seed), axis=1) for seed in (0, 1)]
    np.testing.assert_array_equal(*clean)
    assert np.std(values[0] - clean[0]) < 0.15


def test_parity_of_two_bits_is_xor():
    for own, known in zip(datasets.parity(2), datasets.xor(), strict=True):
        np.testing.assert_array_equal(own, known)
    X, y = datasets.parity(5)
    assert X.shape == (32, 5)
    np.testing.assert_array_equal(y[:, 0], [int(row.sum()) % 2 for row in X])


def test_the_encoder_is_the_unit_matrix():
    X, y = datasets.encoder(5)
    np.testing.assert_array_equal(X, np.eye(5))
    np.testing.assert_array_equal(X, y)
    assert not np.shares_memory(X, y)


def test_circles_have_their_radii():
    X, y = datasets.circles(noise=0.0, factor=0.3)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y[:, 0] == 1, 0.3, 1.0), rtol=1e-12)


def test_spirals_are_the_published_ones():
    """The points of the benchmark: radius 6.5 (104 - i) / 104 at the angle i π / 16."""
    X, y = datasets.spirals()
    assert X.shape == (194, 2)
    np.testing.assert_allclose(X[97], [0, 6.5], atol=1e-12)
    for i, (across, up) in enumerate(X[97:]):
        radius, angle = 6.5 * (104 - i) / 104, i * math.pi / 16
        assert across == pytest.approx(radius * math.sin(angle), abs=1e-12)
        assert up == pytest.approx(radius * math.cos(angle), abs=1e-12)
    np.testing.assert_array_equal(X[:97], -X[97:])
    assert y[:97].sum() == 0


def test_the_sine():
    X, y = datasets.sine(9)
    assert X.shape == y.shape == (9, 1)
    np.testing.assert_array_equal(y, np.sin(X))
    assert X[0] == -np.pi
    assert X[-1] == np.pi


BAD = [
    (datasets.moons, {"samples": 1}, ValueError, "samples: expected an integer from 2"),
    (datasets.moons, {"samples": 10.0}, TypeError, "samples: expected an integer, got 10.0"),
    (datasets.moons, {"noise": -1}, ValueError, "noise: expected a number from 0"),
    (datasets.circles, {"noise": np.nan}, ValueError, "noise: expected a number from 0"),
    (datasets.circles, {"noise": "low"}, TypeError, "noise: expected a number, got 'low'"),
    (datasets.circles, {"noise": [0.1]}, TypeError, "noise: expected a number"),
    (datasets.circles, {"factor": 2}, ValueError, "factor: expected a number from 0 to 1, got 2"),
    (datasets.spirals, {"seed": -1}, ValueError, "seed: expected an integer from 0"),
    (datasets.spirals, {"seed": None}, TypeError, "seed: expected an integer, got None"),
    (datasets.sine, {"samples": 0}, ValueError, "samples: expected an integer from 1"),
    (datasets.parity, {"bits": 40}, ValueError, "bits: expected an integer from 1 to 20, got 40"),
    (datasets.encoder, {"units": 0}, ValueError, "units: expected an integer from 1"),
    (datasets.moons, {"random_state": 1}, TypeError, "did you mean seed?"),
]


@pytest.mark.parametrize(("make", "arguments", "exception", "text"), BAD)
def test_bad_input(make, arguments, exception, text):
    with pytest.raises(exception) as error:
        make(**arguments)
    assert text in str(error.value)
