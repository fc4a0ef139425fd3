"""Histories of chosen restarts, boundaries, and surfaces of the loss."""

import gc
import weakref

import numpy as np
import pytest
from conftest import bits
from matplotlib import pyplot

import fastnn

pytestmark = pytest.mark.thorough

SETTINGS = {"optimizer": fastnn.GradientDescent(2.0), "epochs": 300, "target_sse": 0.04}


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def task():
    return fastnn.Network([2, 2, 1]), *fastnn.datasets.xor()


@pytest.fixture(scope="module")
def runs(task):
    return fastnn.train_many(*task, restarts=40, **SETTINGS)


def draw(ax):
    ax.figure.canvas.draw()
    return ax


def results(task, folder):
    """The same restarts, kept in several ways."""
    settings = {**SETTINGS, "restarts": 40}
    yield fastnn.train_many(*task, **settings)
    yield fastnn.train_many(*task, keep=["loss"], **settings)
    yield fastnn.train_many(*task, keep="statistics", **settings)
    yield fastnn.train_many(*task, out=folder, **settings)


def test_histories_are_those_of_single_runs(task, folder):
    alone = [fastnn.train(*task, restart=k, history=True, **SETTINGS).history for k in (7, 3)]
    for found in results(task, folder):
        histories = found.histories([7, 3])
        for own, expected in zip(histories, alone, strict=True):
            np.testing.assert_array_equal(bits(own), bits(expected))
        (best,) = found.histories("best")
        assert best[-1] == found.best.loss
        for own, expected in zip(found.histories([7, 3], every=10), alone, strict=True):
            np.testing.assert_array_equal(own, expected[::10])
        assert len(found.histories("all", every=100)) == 40
        assert found.histories([]) == []
        draw(found.plot_histories())


def test_histories_of_a_selection_and_of_continued_restarts(task, runs):
    part = runs[[5, 2]]
    assert [len(history) for history in part.histories("all")] == (part.epochs + 1).tolist()
    begun = fastnn.train_many(*task, restarts=3, epochs=20)
    more = fastnn.train_many(*task, continue_from=begun, epochs=7)
    for history, loss in zip(more.histories("all"), more.loss, strict=True):
        assert len(history) == 8
        assert history[-1] == loss
    (left, *_) = more.plot_histories("all").lines
    assert left.get_xdata()[-1] == 7


BAD_HISTORIES = [
    ("every", TypeError, "which: expected 'best', 'all' or indices, got 3", 3, 1),
    ("one", ValueError, "which: expected 'best', 'all' or indices, got 'bst'", "bst", 1),
    ("mask", TypeError, "which: expected 'best', 'all' or indices", [True] * 40, 1),
    ("beyond", ValueError, "got 40", [40], 1),
    ("every", ValueError, "every: expected an integer from 1", [0], 0),
]


@pytest.mark.parametrize(
    ("exception", "text", "which", "every"), [case[1:] for case in BAD_HISTORIES]
)
def test_bad_histories(runs, exception, text, which, every):
    with pytest.raises(exception) as error:
        runs.histories(which, every=every)
    assert text in str(error.value)


def test_histories_that_would_fill_the_memory_are_refused_with_a_way(task):
    settings = {"restarts": 2, "epochs": 10**9, "target_sse": 10.0}  # reached at once
    many = fastnn.train_many(*task, keep="statistics", **settings)
    with pytest.raises(ValueError, match=r"at most 1 GiB, got 2 .* or every=") as error:
        many.histories("all")
    every = int(str(error.value).rpartition("=")[2])
    many._replays("all", every)  # a generator: nothing is trained yet
    with pytest.raises(ValueError, match="which: expected at most 1,000,000 restarts"):
        many.histories(np.arange(10**6 + 1))
    known = fastnn.train_many(*task, **settings)
    assert [len(history) for history in known.histories("all")] == [1, 1]


def test_histories_are_coloured_by_how_they_ended(runs):
    ax = draw(runs.plot_histories("all"))
    converged = int((runs.status == fastnn.Status.CONVERGED).sum())
    labels = ax.get_legend_handles_labels()[1]
    assert labels == [f"{converged} converged", f"{40 - converged} did not converge"]
    drawn = [line for line in ax.lines if len(line.get_xdata())]
    assert [line.get_xdata()[-1] for line in drawn] == runs.epochs.tolist()
    assert [line.get_ydata()[-1] for line in drawn] == runs.loss.tolist()
    assert draw(runs.plot_histories([4], log=False)).get_yscale() == "linear"
    assert len(runs.plot_histories().get_lines()) <= 22
    draw(runs[:0].plot_histories())


def test_histories_that_diverge(task):
    X, y = fastnn.datasets.sine()
    net = fastnn.Network([1, 10, 1], ["tanh", "identity"])
    found = fastnn.train_many(net, X, y, restarts=5)
    assert (found.status == fastnn.Status.DIVERGED).all()
    ax = draw(found.plot_histories())
    assert ax.get_xlim()[1] >= found.epochs.max()
    assert "above 1e+100 from epoch" in ax.texts[0].get_text()


def test_the_boundary_lies_where_the_output_is_halfway(runs):
    ax = draw(runs.best.plot_boundary())
    (lines,) = [each for each in ax.collections if type(each).__name__ == "QuadContourSet"]
    points = np.concatenate([path.vertices for path in lines.get_paths()])
    np.testing.assert_allclose(runs.best.predict(points), 0.5, atol=0.01)
    assert ax.get_xlabel() == "input 0"
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["target 0", "target 1"]


def test_boundaries_of_all_kinds_of_outputs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    classes = (X[:, 0] > 0) + 2 * (X[:, 1] > 0)
    net = fastnn.Network([2, 5, 4], ["tanh", "softmax"])
    run = fastnn.train(net, X, np.eye(4)[classes], loss="cross_entropy", optimizer="rprop")
    ax = draw(run.plot_boundary())
    assert ax.get_legend_handles_labels()[1] == [f"class {i}" for i in range(4)]
    draw(run.plot_boundary(output=3))
    draw(run.plot_boundary(data=(X[:5], np.eye(4)[classes[:5]])))
    real = fastnn.train(fastnn.Network([2, 1], "identity"), X, X[:, 0] * X[:, 1], loss="mse")
    draw(real.plot_boundary())
    for size in (1.0, 3e38):
        X = [[size, size], [-size, 0.0]]
        run = fastnn.train(fastnn.Network([2, 1]), X, [[1.0], [0.0]], epochs=0, dtype="float32")
        draw(run.plot_boundary())
        draw(run.plot_boundary(data=([[1.0, 1.0]], [[1.0]])))


@pytest.mark.parametrize("size", [1.0, 1e200, 1e308])
def test_boundaries_of_diverged_runs_and_huge_inputs(size):
    net = fastnn.Network([2, 2, 1], "identity")
    X = size * np.array([[-1.0, 0.0], [1.0, 1.0], [0.5, 1.0]])
    run = fastnn.train(net, X, [0.0, 1.0, 0.5], optimizer=fastnn.GradientDescent(1e200), epochs=9)
    assert run.status == fastnn.Status.DIVERGED
    draw(run.plot_boundary())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(run), "parameters", np.full(net.n_parameters, np.nan))
        draw(run.plot_boundary())


def test_boundaries_name_the_columns_of_frames(task):
    import pandas

    X = pandas.DataFrame(task[1], columns=["<b>left", "right"])
    run = fastnn.train(task[0], X, task[2], epochs=5)
    assert draw(run.plot_boundary()).get_xlabel() == "<b>left"


def test_names_are_shown_as_they_are():
    import pandas

    names = ["_a", "$\\frac$", "b", *(f"c{i}" for i in range(9))]
    X = pandas.DataFrame(np.random.default_rng(0).normal(size=(12, 2)), columns=["$x$^$", "_y"])
    y = pandas.DataFrame(np.eye(12), columns=names)
    run = fastnn.train(fastnn.Network([2, 12]), X, y, epochs=1)
    ax = draw(run.plot_boundary())
    assert len(ax.get_legend().get_texts()) == 12


def test_the_surface_has_the_losses(task, runs):
    run = runs.best
    names = task[0].names
    ax = draw(run.plot_loss_surface((names[0], "b2[0]"), radius=2, points=21))
    (mesh,) = [each for each in ax.collections if type(each).__name__ == "QuadMesh"]
    losses = np.asarray(mesh.get_array()).reshape(21, 21)
    assert losses[10, 10] == pytest.approx(run.loss, rel=1e-9)
    moved = run.parameters.copy()
    moved[0] += 2.0
    moved[-1] -= 2.0
    assert losses[0, -1] == pytest.approx(fastnn.loss(*task[:1], moved, *task[1:]), rel=1e-9)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("W1[0, 0]", "b2[0]")
    for again in (run.plot_loss_surface(points=9), run.plot_loss_surface(points=9)):
        (mesh,) = [each for each in draw(again).collections if type(each).__name__ == "QuadMesh"]
        assert np.asarray(mesh.get_array()).ravel()[40] == pytest.approx(run.loss, rel=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": fastnn.SSE(l2=0.1)},
        {"loss": "mse"},
        {"sample_weight": [0.0, 1.0, 2.0, 3.0]},
        {"sample_weight": fastnn.KFold(2)},
        {"sample_weight": fastnn.Bootstrap()},
        {"dtype": "float32"},
        {"optimizer": fastnn.Quickprop()},
    ],
    ids=str,
)
def test_the_centre_of_the_surface_is_the_loss_of_the_run(task, settings):
    found = fastnn.train_many(*task, restarts=3, epochs=5, **settings)
    for run in (found.restart(2), found.best):
        ax = draw(run.plot_loss_surface(points=3))
        (mesh,) = [each for each in ax.collections if type(each).__name__ == "QuadMesh"]
        center = np.asarray(mesh.get_array()).ravel()[4]
        assert center == pytest.approx(run.loss, rel=1e-5)


BAD_SURFACES = [
    ({"along": "W1[0, 0]"}, TypeError, "along: expected two names or two directions"),
    ({"along": ("W1[0, 0]", "W1[0,0]")}, ValueError, "along: expected two different names"),
    ({"along": ("W1[0, 0]", "W3[0, 0]")}, ValueError, "along[1]: expected one of the network's"),
    ({"along": ("W1[0, 0]", 3)}, TypeError, "along: expected two names or two directions"),
    ({"along": (np.ones(9), np.ones(8))}, ValueError, "along[1]: expected a name or shape (9,)"),
    ({"along": (np.ones(9), 2 * np.ones(9))}, ValueError, "along: expected two directions that"),
    ({"radius": 0}, ValueError, "radius: expected"),
    ({"radius": [1.0, 2.0]}, TypeError, "radius: expected a number"),
    ({"points": 1}, ValueError, "points: expected an integer from 2 to 1000, got 1"),
    ({"ax": "here"}, TypeError, "ax: expected matplotlib Axes"),
]


@pytest.mark.parametrize(("arguments", "exception", "text"), BAD_SURFACES)
def test_bad_surfaces(runs, arguments, exception, text):
    with pytest.raises(exception) as error:
        runs.best.plot_loss_surface(**arguments)
    assert text in str(error.value)


def test_bad_boundaries(task, runs):
    run = fastnn.train(fastnn.Network([3, 1]), np.eye(3), [0, 1, 0], epochs=1)
    with pytest.raises(ValueError, match="expected a network of two inputs, got 3"):
        run.plot_boundary()
    with pytest.raises(ValueError, match="output: expected an integer from 0 to 0, got 1"):
        runs.best.plot_boundary(output=1)
    with pytest.raises(TypeError, match=r"data: expected a pair \(X, y\)"):
        runs.best.plot_boundary(data=5)
    with pytest.raises(ValueError, match=r"data\[0\]: expected shape \(n, 2\)"):
        runs.best.plot_boundary(data=(np.eye(3), np.eye(3)[:, :1]))
    reference = fastnn.reference.train(*task, epochs=5)
    with pytest.raises(ValueError, match=r"data: expected a pair \(X, y\) for a run that does not"):
        reference.plot_boundary()
    draw(reference.plot_boundary(data=task[1:]))
    with pytest.raises(ValueError, match="does not hold its data"):
        reference.plot_loss_surface()
    with pytest.raises(ValueError, match="along: expected a network of at least 2 parameters"):
        fastnn.train(fastnn.Network([1, 1], bias=False), [[1]], [[1]]).plot_loss_surface()


def test_a_diverged_run_has_no_surface():
    net = fastnn.Network([1, 1], "identity")
    run = fastnn.train(net, [[1.0]], [[0.5]], optimizer=fastnn.GradientDescent(1e200), epochs=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(run), "parameters", np.full(net.n_parameters, np.inf))
        with pytest.raises(ValueError, match="expected a run with finite parameters"):
            run.plot_loss_surface()


@pytest.mark.parametrize("cleared", [True, False])
def test_frames_of_an_animation_share_a_colour_bar(task, cleared):
    figure, (left, right, cells) = pyplot.subplots(1, 3)
    grid = fastnn.Grid(learning_rate=[0.1, 0.5], momentum=[0.0, 0.5])
    sweep = fastnn.train_many(*task, grid=grid, epochs=3)
    bars = []
    for epochs in (5, 50, 300):
        run = fastnn.train(*task, epochs=epochs, optimizer=fastnn.GradientDescent(2.0))
        run.plot_boundary(left)
        run.plot_loss_surface(ax=right, points=9)
        sweep.plot_grid("loss", cells)
        figure.canvas.draw()
        bars.append(figure.axes[3:])
        for ax in (left, right, cells):
            if cleared:
                ax.clear()
    assert len(bars[0]) == 3
    assert bars[0] == bars[1] == bars[2]
    figure.delaxes(bars[0][0])
    run.plot_boundary(left)
    assert len(figure.axes) == 6


def test_colour_bars_keep_no_figure(task):
    figure, ax = pyplot.subplots()
    fastnn.train(*task, epochs=5).plot_boundary(ax)
    left = weakref.ref(figure)
    pyplot.close(figure)
    del figure, ax
    gc.collect()
    assert left() is None
