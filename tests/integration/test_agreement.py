"""Agreement of kernels and NumPy reference: the exercise for 10,000 epochs, random problems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.spec.activations import ACTIVATIONS

NAMES = [activation.name for activation in ACTIVATIONS]


def relative(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


@pytest.mark.parametrize("seed", range(20))
def test_the_exercise(seed, xor, exercise):
    run = fastnn.train(*xor, epochs=10_000, seed=seed, **exercise)
    expected = fastnn.reference.train(*xor, epochs=10_000, seed=seed, **exercise)
    assert run.history.shape == expected.history.shape == (10_001,)
    assert relative(run.history, expected.history) <= 1e-12
    assert relative(run.parameters, expected.parameters) <= 1e-12
    np.testing.assert_allclose(
        run.predict(xor[1]),
        fastnn.reference.predict(xor[0], expected.parameters, xor[1]),
        rtol=1e-12,
    )


@given(
    sizes=st.lists(st.integers(1, 5) | st.integers(7, 35), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=3),
    bias=st.booleans(),
    samples=st.integers(1, 9),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=100, deadline=None)
def test_random_problems(sizes, names, bias, samples, seed):
    net = fastnn.Network(sizes, activation=names[: len(sizes) - 1], bias=bias)
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    rate = 0.01 / max(sizes) ** 2  # stable: where training diverges, rounding decides the path
    arguments = {"epochs": 30, "seed": seed, "optimizer": fastnn.GradientDescent(rate)}
    run = fastnn.train(net, X, y, **arguments)
    expected = fastnn.reference.train(net, X, y, **arguments)
    np.testing.assert_allclose(run.history, expected.history, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-12)


def test_float32(xor, exercise):
    run = fastnn.train(*xor, epochs=200, dtype="float32", **exercise)
    expected = fastnn.reference.train(*xor, epochs=200, dtype="float32", **exercise)
    assert run.parameters.dtype == run.history.dtype == expected.parameters.dtype == np.float32
    assert relative(run.history, expected.history) < 1e-5
    assert run.history[0] == pytest.approx(expected.history[0], rel=3e-7)  # 2.5 ULP


def test_many(xor, exercise):
    arguments = {"restarts": 8, "epochs": 6000, "target_sse": 0.04, "first": 3, **exercise}
    runs = fastnn.train_many(*xor, **arguments)
    expected = fastnn.reference.train_many(*xor, **arguments)
    np.testing.assert_array_equal(runs.status, expected.status)
    np.testing.assert_array_equal(runs.epochs, expected.epochs)
    np.testing.assert_array_equal(runs.indices, expected.indices)
    assert relative(runs.parameters, expected.parameters) <= 1e-12
    assert len(set(runs.epochs)) > 4


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train], ids=["kernel", "numpy"])
def test_divergence_keeps_the_first_parameters_without_a_finite_loss(train):
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    # w is multiplied by 1 - 2 * rate = -1e10 in each epoch; (-1e160)**2 is the first to overflow.
    run = train(net, [[1.0]], [[0.0]], init=[1.0], epochs=50,
                optimizer=fastnn.GradientDescent((1e10 + 1) / 2))  # fmt: skip
    assert run.status == fastnn.Status.DIVERGED
    assert run.epochs == 16
    assert run.loss == np.inf
    assert run.parameters[0] == pytest.approx(1e160, rel=1e-9)
    assert run.history.shape == (17,)


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train], ids=["kernel", "numpy"])
def test_errors_belong_to_the_parameters_that_are_returned(train, xor, exercise):
    _, X, y = xor
    run = train(*xor, epochs=10_000, target_sse=0.04, **exercise)
    assert run.status == fastnn.Status.CONVERGED
    assert len(run.history) == run.epochs + 1
    assert run.history[-1] == run.loss < 0.04 <= run.history[-2]
    assert np.sum((run.predict(X) - y) ** 2) == pytest.approx(run.loss, rel=1e-14)
    same = train(*xor, epochs=run.epochs, **exercise)
    np.testing.assert_array_equal(same.parameters, run.parameters)
    assert same.status == fastnn.Status.EPOCH_LIMIT


def test_no_epochs_is_the_start_itself(xor):
    run = fastnn.train(*xor, epochs=0, init=np.arange(6.0))
    assert run.parameters.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.history.tolist() == [run.loss]
    assert (run.epochs, run.status) == (0, fastnn.Status.EPOCH_LIMIT)
