"""Continued training: what must stay the same, and what is refused."""

import numpy as np
import pytest
from conftest import bits

import fastnn

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()


def test_what_is_not_given_stays():
    optimizer = fastnn.GradientDescent(0.7, momentum=0.3)
    whole = fastnn.train(NET, X, Y, optimizer=optimizer, loss="mse", seed=4, restart=9, epochs=30)
    part = fastnn.train(NET, X, Y, optimizer=optimizer, loss="mse", seed=4, restart=9, epochs=10)
    rest = fastnn.train(NET, X, Y, continue_from=part, epochs=20)
    np.testing.assert_array_equal(bits(rest.parameters), bits(whole.parameters))
    assert (rest.seed, rest.restart, rest.epochs) == (4, 9, 30)
    assert rest.loss == whole.loss


def test_other_rates_and_rules_may_follow():
    part = fastnn.train(NET, X, Y, optimizer=fastnn.Adam(0.1), epochs=10)
    rest = fastnn.train(
        NET, X, Y, continue_from=part, epochs=500, optimizer=fastnn.Adam(0.05),
        stop=fastnn.ErrorsWithin(0.4),
    )  # fmt: skip
    assert rest.status == fastnn.Status.CONVERGED
    again = fastnn.train(NET, X, Y, continue_from=rest, epochs=5)
    assert again.epochs == rest.epochs + 5


CASES = [
    (
        {"optimizer": fastnn.RPROP()},
        "continue_from: expected the same kind of optimizer as before, ",
    ),
    ({"optimizer": fastnn.GradientDescent(momentum=0.5)}, "expected the same kind of optimizer"),
    ({"seed": 3}, "seed: expected 0, or leave it out, with continue_from, got 3"),
    ({"restart": 3}, "restart: expected 0, or leave it out, with continue_from, got 3"),
    ({"init": fastnn.Uniform(0, 1)}, "init: expected None with continue_from, got an init"),
    ({"net": fastnn.Network([2, 3, 1])}, "continue_from: expected results of Network([2, 3, 1]"),
    ({"dtype": "float32"}, "continue_from: expected results of dtype float32, got float64"),
    (
        {"stop": fastnn.Validation(), "validation": (X, Y)},
        "continue_from: not available with fastnn.Validation",
    ),
]


@pytest.mark.parametrize(("options", "message"), CASES, ids=range(len(CASES)))
def test_what_does_not_go_on(options, message):
    run = fastnn.train(NET, X, Y, optimizer=fastnn.Quickprop(), epochs=3)
    arguments = {"net": NET, "continue_from": run, "epochs": 3, **options}
    with pytest.raises(ValueError, match="^.*" + message.replace("(", r"\(").replace("[", r"\[")):
        fastnn.train(X=X, y=Y, **arguments)


@pytest.mark.parametrize("value", ["run", 3, fastnn.Uniform()])
def test_only_results_are_continued(value):
    with pytest.raises(TypeError, match=r"continue_from: expected a fastnn.Run, got"):
        fastnn.train(NET, X, Y, continue_from=value)
    with pytest.raises(TypeError, match=r"continue_from: expected fastnn.Runs, got"):
        fastnn.train_many(NET, X, Y, continue_from=value)


def test_parts_of_many_restarts():
    runs = fastnn.train_many(NET, X, Y, restarts=30, epochs=5, optimizer=fastnn.Adam(0.1))
    whole = fastnn.train_many(NET, X, Y, restarts=30, epochs=12, optimizer=fastnn.Adam(0.1))
    rest = fastnn.train_many(NET, X, Y, continue_from=runs[10:20], epochs=7)
    np.testing.assert_array_equal(rest.indices, np.arange(10, 20))
    np.testing.assert_array_equal(bits(rest.parameters), bits(whole.parameters[10:20]))
    with pytest.raises(ValueError, match="consecutive indices"):
        fastnn.train_many(NET, X, Y, continue_from=runs[::2], epochs=7)
    for keep in ("outcomes", "parameters"):
        kept = fastnn.train_many(NET, X, Y, restarts=3, epochs=5, keep=keep)
        with pytest.raises(ValueError, match="expected results of keep='all'"):
            fastnn.train_many(NET, X, Y, continue_from=kept, epochs=7)


def test_fahlmans_derivative_is_of_any_scale():
    options = {"optimizer": fastnn.Quickprop(0.1, arctanh_error=True), "loss": "mse", "epochs": 15}
    run = fastnn.train(NET, X, Y, **options)
    expected = fastnn.reference.train(NET, X, Y, **options)
    np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)


def test_cells_without_a_number():
    grid = fastnn.Grid(learning_rate=[1e-8, 100.0], restarts_per_cell=2)
    net = fastnn.Network([2, 1], activation="identity")
    runs = fastnn.train_many(
        net, 100 * X, Y, grid=grid, optimizer=fastnn.GradientDescent(), epochs=50
    )
    assert runs.in_grid("epochs").tolist()[0] == 50
    assert np.isnan(runs.in_grid("epochs")[1])
    assert np.isnan(runs.in_grid("loss")[1])


def test_an_order_needs_batches():
    with pytest.raises(ValueError, match="shuffle: expected a batch_size with it, got None"):
        fastnn.train(NET, X, Y, shuffle=True)


def test_large_systems_are_left_to_a_thread():
    """Where Ctrl-C can reach the caller: a trial of this network takes many milliseconds."""
    from fastnn.job.build import make_job
    from fastnn.results.run import QUICK

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(480, 20)), rng.normal(size=(480, 1))
    net = fastnn.Network([20, 22, 1])
    job = make_job(net, X, y, optimizer=fastnn.LevenbergMarquardt())
    assert job.work > QUICK / 100
    assert make_job(net, X, y).work < QUICK / 100
