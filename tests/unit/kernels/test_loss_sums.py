"""The rule SumOfLosses: it ends nothing, and its sums are those of the histories."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from stopping_examples import NET, RESTARTS, VALIDATION, X, Y, options

import fastnn
from fastnn import GradientDescent, MeanLossBelow, NoProgress, Status, SumOfLosses

pytestmark = pytest.mark.thorough

KEEP = ["loss", "epochs", "status", "parameters", "state"]


def sums_of(history):
    """Both sums of the finite losses, in the order of the epochs and the history's own type."""
    finite = history[np.isfinite(history)]
    return [np.cumsum(values, dtype=history.dtype)[-1] for values in (finite, 1 / finite)]


def assert_sums_are_those_of_histories(runs):
    sums = runs.loss_sums
    assert sums.shape == (len(runs), 2)
    assert sums.dtype == runs.loss.dtype
    for position, k in enumerate(runs.indices.tolist()):
        history = runs.restart(k).history
        assert len(history) == runs.epochs[position] + 1
        np.testing.assert_array_equal(bits(sums[position]), bits(np.array(sums_of(history))))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"batch_size": 7, "shuffle": True},
        {"loss": "mse", "optimizer": fastnn.Adam(0.1)},
        {"optimizer": fastnn.LBFGS(), "epochs": 25},
        {"optimizer": fastnn.LevenbergMarquardt(), "epochs": 25},
        {"optimizer": GradientDescent(2e-3, momentum=0.9)},
        {"sample_weight": fastnn.Bootstrap()},
    ],
    ids=repr,
)
def test_sums_are_those_of_the_history(more, dtype):
    arguments = options("SumOfLosses", dtype=dtype, **more)
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, keep=KEEP, **arguments)
    assert_sums_are_those_of_histories(runs)
    again = fastnn.train_many(
        NET, X, Y, restarts=RESTARTS, keep="all", threads=2, chunk=7, **arguments
    )
    np.testing.assert_array_equal(bits(again.loss_sums), bits(runs.loss_sums))
    if dtype == "float64":
        for k in (0, 5):
            expected = sums_of(fastnn.reference.train(NET, X, Y, restart=k, **arguments).history)
            np.testing.assert_allclose(runs.loss_sums[k], expected, rtol=1e-9)


def test_it_changes_nothing_and_ends_nothing():
    for names in ((), ("NoProgress",), ("Validation",)):
        rules = options(*names)["stop"]
        runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, **options(*names))
        for stop in ([SumOfLosses(), *rules], [*rules, SumOfLosses()]):
            more = {"validation": VALIDATION} if "Validation" in names else {}
            arguments = options(stop=stop, **more)
            with_sums = fastnn.train_many(NET, X, Y, restarts=RESTARTS, keep=KEEP, **arguments)
            assert_same_bits(with_sums, runs)
            if not more:
                assert_sums_are_those_of_histories(with_sums)
            alone = fastnn.reference.train(NET, X, Y, restart=1, **arguments)
            assert (alone.epochs, alone.status) == (runs.epochs[1], runs.status[1])
    assert not fastnn.train_many(NET, X, Y, restarts=3, stop=SumOfLosses()).job.has_targets


def test_diverged_restarts_keep_the_sums_of_what_was_finite():
    net = fastnn.Network([3, 4, 2], activation="identity")
    rates = np.full(30, 5e-3)
    rates[::6], rates[3::6] = 1e300, 3.0
    arguments = {"stop": SumOfLosses(), "epochs": 400, "init": fastnn.Uniform(0.5, 1)}
    runs = fastnn.train_many(
        net, X, Y, restarts=30, keep=KEEP, optimizer=GradientDescent(rates), **arguments
    )
    assert (runs.status[::3] == Status.DIVERGED).all()
    assert_sums_are_those_of_histories(runs)
    assert np.isfinite(runs.loss_sums).all()


def test_no_start_adds_anything_and_a_perfect_one_has_an_infinite_inverse():
    arguments = {"stop": SumOfLosses(), "keep": KEEP, "restarts": 2, "init": np.zeros(26)}
    runs = fastnn.train_many(NET, X, np.zeros_like(Y), epochs=3, **arguments)
    np.testing.assert_array_equal(runs.loss_sums, [[0, np.inf]] * 2)
    runs = fastnn.train_many(NET, np.full((1, 3), 1e300), [[1e200, 0.0]], epochs=3, **arguments)
    assert (runs.status == Status.DIVERGED).all()
    np.testing.assert_array_equal(runs.loss_sums, 0)


def test_going_on_adds_to_the_sums():
    stop = [NoProgress(1000), SumOfLosses(), MeanLossBelow(1e-9)]
    arguments = {"optimizer": GradientDescent(5e-3), "stop": stop}
    whole = fastnn.train_many(NET, X, Y, restarts=9, epochs=90, keep="all", **arguments)
    part = fastnn.train_many(NET, X, Y, restarts=9, epochs=40, keep="all", **arguments)
    rest = fastnn.train_many(NET, X, Y, epochs=50, keep="all", continue_from=part, **arguments)
    np.testing.assert_array_equal(bits(rest.loss_sums), bits(whole.loss_sums))
    # Other rules begin anew, with the loss that they find.
    arguments["stop"] = SumOfLosses()
    anew = fastnn.train_many(NET, X, Y, epochs=50, keep="all", continue_from=part, **arguments)
    expected = [sums_of(whole.restart(k).history[40:]) for k in range(9)]
    np.testing.assert_array_equal(bits(anew.loss_sums), bits(np.array(expected)))


def test_files_keep_the_sums(tmp_path):
    arguments = options("SumOfLosses", restarts=20, keep="all")
    runs = fastnn.train_many(NET, X, Y, **arguments)
    runs.save(tmp_path / "runs.npz")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "runs.npz").loss_sums, runs.loss_sums)
    stored = fastnn.train_many(NET, X, Y, out=tmp_path / "folder", **arguments)
    np.testing.assert_array_equal(stored.load().loss_sums, runs.loss_sums)
    np.testing.assert_array_equal(runs[3:7].loss_sums, runs.loss_sums[3:7])


def test_without_it_or_without_state():
    runs = fastnn.train_many(NET, X, Y, restarts=2, epochs=3)
    with pytest.raises(ValueError, match=r"^loss_sums: expected runs with stop=fastnn.SumOfLosse"):
        _ = runs.loss_sums
    runs = fastnn.train_many(NET, X, Y, restarts=2, epochs=3, stop=SumOfLosses(), keep="outcomes")
    with pytest.raises(ValueError, match=r"^state: not kept in these results; train with a keep="):
        _ = runs.loss_sums
