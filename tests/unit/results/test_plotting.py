"""Figures: their content, and that nothing is shown or saved unasked."""

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes

import fastnn
from fastnn.support.figures import BLUE, ORANGE


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.fixture
def runs(xor, exercise):
    return fastnn.train_many(*xor, restarts=300, epochs=6000, target_sse=0.04, **exercise)


def test_history(xor, exercise):
    run = fastnn.train(*xor, epochs=50, history=5, **exercise)
    ax = run.plot()
    assert isinstance(ax, Axes)
    (line,) = ax.lines
    assert line.get_xdata().tolist() == list(range(0, 51, 5))
    np.testing.assert_array_equal(line.get_ydata(), run.history)
    assert ax.get_yscale() == "log"
    assert run.plot(log=False).get_yscale() == "linear"
    assert run.plot(ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_history_of_a_diverged_run_and_of_no_epochs(xor):
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    run = fastnn.train(net, [[1.0]], [[0.0]], init=[1e70], epochs=9,
                       optimizer=fastnn.GradientDescent(1e60))  # fmt: skip
    assert run.status == fastnn.Status.DIVERGED
    ax = run.plot()
    ax.figure.canvas.draw()
    assert "diverged" in ax.get_title()
    assert ax.get_xlim()[1] >= run.epochs  # also where the loss is too large to be drawn
    assert ax.texts[0].get_text() == "above 1e+100 from epoch 0"
    fastnn.train(*xor, epochs=0).plot().figure.canvas.draw()


def test_history_in_single_precision(xor, exercise):
    run = fastnn.train(*xor, epochs=50, dtype="float32", **exercise)
    (line,) = run.plot().lines
    np.testing.assert_array_equal(line.get_ydata(), run.history)


def test_many(runs):
    left, right = runs.plot()
    (line,) = left.lines
    converged = (runs.status == fastnn.Status.CONVERGED).mean()
    assert line.get_ydata()[-1] == pytest.approx(100 * converged)
    x, y = line.get_xdata(), line.get_ydata()
    for at in np.quantile(runs.epochs, [0.1, 0.5, 0.9]):
        share = ((runs.epochs <= at) & (runs.status == fastnn.Status.CONVERGED)).mean()
        assert y[np.searchsorted(x, at, side="right") - 1] == pytest.approx(100 * share)
    assert sum(bar.get_height() for bar in right.patches) == len(runs)
    left.figure.canvas.draw()
    given = pyplot.subplots(2)[1]
    assert runs.plot(given)[0] is given[0]


@pytest.mark.parametrize("which", ["none converged", "none", "all alike"])
def test_many_of_unusual_kinds(runs, which):
    chosen = {
        "none converged": runs[runs.status != fastnn.Status.CONVERGED],
        "none": runs[:0],
        "all alike": runs[[4]],
    }[which]
    chosen.plot()[0].figure.canvas.draw()


def test_many_without_a_target(xor, exercise):
    """Nothing was to be reached, so nobody failed to reach it."""
    runs = fastnn.train_many(*xor, restarts=20, epochs=50, **exercise)
    statistics = fastnn.train_many(*xor, restarts=20, epochs=50, keep="statistics", **exercise)
    for results in (runs, statistics):
        left = results.plot()[0]
        (text,) = left.texts
        assert text.get_text() == "no target (target_sse= or stop=)"
        assert not left.lines
        left.figure.canvas.draw()


def test_network(xor):
    net = xor[0]
    plain = net.plot()
    assert len(plain.lines) == 6
    weights = [np.array([[1.0, -2.0], [3.0, -4.0]]), np.array([[5.0], [-6.0]])]
    ax = net.plot(weights)
    links = {tuple(line.get_xdata()): [] for line in ax.lines}
    for line in ax.lines:
        links[tuple(line.get_xdata())].append((line.get_color(), line.get_linewidth()))
    assert [color for color, _ in links[0, 1]] == [BLUE, ORANGE, BLUE, ORANGE]
    assert [color for color, _ in links[1, 2]] == [BLUE, ORANGE]
    widths = [width for _, width in links[0, 1] + links[1, 2]]
    assert widths == sorted(widths)
    assert "5" in {text.get_text() for text in ax.texts}
    ax.figure.canvas.draw()


def test_network_with_biases_and_wide_layers():
    net = fastnn.Network([64, 32, 10])
    run = fastnn.train(net, np.zeros((1, 64)), np.zeros((1, 10)), epochs=0)
    ax = net.plot(run.weights, run.biases)
    assert len(ax.lines) < 64 * 32
    ax.figure.canvas.draw()


def test_nothing_is_open_unless_asked_for(xor, exercise):
    fastnn.train(*xor, epochs=5, **exercise)
    assert pyplot.get_fignums() == []


def without_history(xor, exercise):
    """Runs that have none, and the same with theirs."""
    options = {"epochs": 400, "target_sse": 0.9, **exercise}
    many = fastnn.train_many(*xor, restarts=9, first=3, **options)
    yield many.best, many.restart(many.best.restart)
    net, X, y = xor
    held = {"validation": (X, 1 - y), "stop": fastnn.Validation(20), "epochs": 400, **exercise}
    for data in (options, held, options | {"parallel": "samples"}):
        yield fastnn.train(net, X, y, history=False, **data), fastnn.train(net, X, y, **data)
    before = fastnn.train(net, X, y, epochs=30, **exercise)
    yield (
        fastnn.train(net, X, y, continue_from=before, epochs=20, history=False),
        fastnn.train(net, X, y, continue_from=before, epochs=20),
    )


def test_a_run_without_a_history_is_trained_again_for_its_plot(xor, exercise):
    for run, same in without_history(xor, exercise):
        assert run.history is None
        drawn, expected = run.plot(), same.plot()
        np.testing.assert_array_equal(*(ax.lines[0].get_ydata() for ax in (drawn, expected)))
        np.testing.assert_array_equal(*(ax.lines[0].get_xdata() for ax in (drawn, expected)))
        assert drawn.get_title() == expected.get_title()
        assert run.history is None


def test_wrong_axes_are_refused(xor, runs):
    run = fastnn.train(*xor, epochs=5)
    with pytest.raises(TypeError, match="ax: expected matplotlib Axes"):
        run.plot("here")
    with pytest.raises(ValueError, match="axes: expected two"):
        runs.plot(pyplot.subplots(3)[1])
    alone = fastnn.reference.train(*xor, epochs=5, history=False)
    with pytest.raises(ValueError, match="expected a run with a history or a job, got one without"):
        alone.plot()
    assert len(pyplot.get_fignums()) == 1
    with pytest.raises(ValueError, match=r"weights\[0\]: expected shape"):
        xor[0].plot([np.zeros((3, 2)), np.zeros((2, 1))])
