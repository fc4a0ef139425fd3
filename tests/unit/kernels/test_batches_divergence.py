"""Divergence within an epoch of batches: what is recorded, and no effect on other lanes."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits

import fastnn
from fastnn import Adam, GradientDescent, Status

pytestmark = pytest.mark.thorough

NET = fastnn.Network([3, 4, 2], activation="identity")
_RNG = np.random.default_rng(7)
X, Y = _RNG.normal(size=(23, 3)), _RNG.normal(size=(23, 2))
# Steps that overflow at once, after some batches, after some epochs, or never.
RATES = np.full(48, 1e-3)
RATES[::8], RATES[1::8], RATES[2::8], RATES[3::8] = 1e300, 1e40, 0.9, 0.5
DIVERGING = np.arange(48) % 8 < 4


@pytest.fixture(params=[1, 5, 22])
def arguments(request):
    return {"batch_size": request.param, "epochs": 60, "restarts": 48}


@pytest.mark.parametrize(
    "more",
    [{}, {"target_sse": 1e-9}, {"stop": fastnn.NoProgress(10**6)}, {"dtype": "float32"}],
    ids=["plain", "target", "rule", "float32"],
)
def test_divergence(arguments, more):
    rates = np.minimum(RATES, 1e30) if "dtype" in more else RATES
    arguments = {**arguments, **more}
    runs = fastnn.train_many(NET, X, Y, optimizer=GradientDescent(rates), **arguments)
    np.testing.assert_array_equal(runs.status == Status.DIVERGED, DIVERGING)
    assert not np.isfinite(runs.loss[DIVERGING]).any()
    assert np.isfinite(runs.loss[~DIVERGING]).all()
    assert (runs.epochs[~DIVERGING] == 60).all()
    assert (runs.epochs[::8] == 0).all() or arguments["batch_size"] == 22
    tame = fastnn.train_many(
        NET, X, Y, optimizer=GradientDescent(np.where(DIVERGING, 1e-3, rates)), **arguments
    )
    assert_same_bits(runs[~DIVERGING], tame[~DIVERGING])
    for options in ({"threads": 2}, {"chunk": 1}, {"chunk": 5}):
        again = fastnn.train_many(
            NET, X, Y, optimizer=GradientDescent(rates), **arguments, **options
        )
        assert_same_bits(again, runs)
    del arguments["restarts"]
    for k in range(16):
        options = {"optimizer": GradientDescent(rates[k]), "restart": k, **arguments}
        for run in (
            runs.restart(k),
            fastnn.train(NET, X, Y, **options),
            fastnn.train(NET, X, Y, history=False, **options),
        ):
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
            assert np.isfinite(run.loss) == np.isfinite(runs.loss[k])
            if run.history is not None:
                assert len(run.history) == run.epochs + 1
        expected = fastnn.reference.train(NET, X, Y, **options)
        assert expected.status == runs.status[k]
        side_by_side = fastnn.train(NET, X, Y, parallel="samples", **options)
        assert side_by_side.status == runs.status[k]
        # Where the numbers grow slowly, rounding may decide in which step the largest is passed.
        for other in (expected, side_by_side):
            assert abs(other.epochs - runs.epochs[k]) <= (1 if rates[k] < 1 else 0)
            if rates[k] >= 1 and "dtype" not in more:
                np.testing.assert_allclose(other.parameters, runs.parameters[k], rtol=1e-6)


def test_it_ends_at_the_batch_that_is_not_finite():
    """The parameters are those before its step, the epochs those completed."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    # Steps of samples of 1: w -= 2 rate w; the third sample overflows.
    x = np.array([[1.0], [1.0], [1e200], [1.0]])
    for rate in (0.25, 0.125):
        arguments = {"batch_size": 1, "init": [1.0], "epochs": 9}
        arguments["optimizer"] = GradientDescent(rate)
        expected = (1 - 2 * rate) ** 2
        for train in (fastnn.train, fastnn.reference.train):
            run = train(net, x, np.zeros(4), history=False, **arguments)
            assert (run.status, run.epochs) == (Status.DIVERGED, 0)
            assert run.parameters[0] == expected
        runs = fastnn.train_many(net, x, np.zeros(4), restarts=20, **arguments)
        assert (runs.status == Status.DIVERGED).all()
        assert (runs.parameters == expected).all()
        # With a target the whole loss is looked at first, which overflows at the start.
        run = fastnn.train(net, x, np.zeros(4), target_sse=1e-3, **arguments)
        assert (run.status, run.epochs, run.parameters[0]) == (Status.DIVERGED, 0, 1.0)


def test_a_whole_loss_that_overflows_between_batches_ends_nothing():
    """Each batch's loss is finite, though not their sum, which only history computes."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    x = np.full((4, 1), 1e150)
    arguments = {"batch_size": 1, "init": [12_000.0], "epochs": 3}
    arguments["optimizer"] = GradientDescent(1e-301)
    for history in (True, False):
        for train in (fastnn.train, fastnn.reference.train):
            run = train(net, x, np.zeros(4), history=history, **arguments)
            # Only at the end the whole loss counts.
            assert (run.status, run.epochs) == (Status.EPOCH_LIMIT, 3)
            assert run.parameters[0] == pytest.approx(12_000 * 0.8**12)
            if history:
                assert np.isinf(run.history[0])
    lazy = {**arguments, "optimizer": GradientDescent(0.0)}
    for train in (fastnn.train, fastnn.reference.train):
        run = train(net, x, np.zeros(4), **lazy)
        assert (run.status, run.epochs, run.loss) == (Status.DIVERGED, 3, np.inf)
    runs = fastnn.train_many(net, x, np.zeros(4), restarts=9, **lazy)
    assert (runs.status == Status.DIVERGED).all()
    assert (runs.epochs == 3).all()
    assert runs.restart(4).epochs == 3


def test_adam_beside_divergence(arguments):
    rates = np.where(DIVERGING, 1e200, 1e-3)
    runs = fastnn.train_many(NET, X, Y, optimizer=Adam(rates), **arguments)
    tame = fastnn.train_many(NET, X, Y, optimizer=Adam(1e-3), **arguments)
    np.testing.assert_array_equal(runs.status == Status.DIVERGED, DIVERGING)
    assert_same_bits(runs[~DIVERGING], tame[~DIVERGING])
    for k in (0, 1, 4):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])


def test_lanes_of_diverged_restarts_are_taken_up(arguments):
    """More restarts than lanes, of which most end within their first epoch."""
    rates = np.where(np.arange(600) % 5 < 4, 1e300, 1e-3)
    options = {**arguments, "restarts": 600, "epochs": 7}
    runs = fastnn.train_many(NET, X, Y, optimizer=GradientDescent(rates), **options)
    whole = fastnn.train_many(NET, X, Y, optimizer=GradientDescent(1e-3), **options)
    healthy = rates < 1
    assert_same_bits(runs[healthy], whole[healthy])
    assert (runs.status[~healthy] == Status.DIVERGED).all()
    kept = fastnn.train_many(
        NET, X, Y, optimizer=GradientDescent(rates), keep="outcomes", **options
    )
    np.testing.assert_array_equal(kept.restart(2).parameters, runs.parameters[2])
    X_few = X[:3]
    np.testing.assert_array_equal(kept.predict(X_few, [4, 9]), runs.predict(X_few, [4, 9]))
