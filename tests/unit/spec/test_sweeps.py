"""Grids: cells and their order, bits of restarts, results in the grid's shape, and figures."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from matplotlib import pyplot
from matplotlib.colors import LogNorm

import fastnn
from fastnn import (
    LBFGS,
    RPROP,
    Adam,
    AdamW,
    GradientDescent,
    Grid,
    LevenbergMarquardt,
    PerLayer,
    Quickprop,
    Status,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough

NET = fastnn.Network([2, 3, 1])
X, Y = fastnn.datasets.xor()
RATES, MOMENTA = np.geomspace(0.1, 10, 5), np.array([0.2, 0.5, 0.9])
GRID = Grid(learning_rate=RATES, momentum=MOMENTA, restarts_per_cell=4)
OPTIONS = {"epochs": 200, "target_sse": 0.5, "seed": 3}


@pytest.fixture(scope="module")
def runs():
    return fastnn.train_many(NET, X, Y, grid=GRID, **OPTIONS)


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def assert_same_run(run, runs, k):
    np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
    assert (run.loss, run.epochs, run.status) == (runs.loss[k], runs.epochs[k], runs.status[k])


def test_shape_and_values():
    assert GRID.shape == (5, 3)
    assert GRID.restarts == 60
    assert GRID.restarts_per_cell == 4
    assert list(GRID.axes) == ["learning_rate", "momentum"]
    assert repr(GRID) == "Grid(learning_rate: 5, momentum: 3; 4 restarts per cell)"
    values = GRID.values(np.arange(60))
    # C order, the last axis fastest, restarts of a cell side by side.
    np.testing.assert_array_equal(values["learning_rate"], np.repeat(RATES, 12))
    np.testing.assert_array_equal(values["momentum"], np.tile(np.repeat(MOMENTA, 4), 5))
    some = GRID.values(np.array([59, 0, 13]))
    assert some["learning_rate"].tolist() == RATES[[4, 0, 1]].tolist()
    assert some["momentum"].tolist() == [0.9, 0.2, 0.2]
    three = Grid(clip=range(1, 4), momentum=(0.5,), learning_rate=[2, 1])
    assert (three.shape, three.restarts) == ((3, 1, 2), 6)
    assert three.values(np.arange(6))["clip"].tolist() == [1, 1, 2, 2, 3, 3]
    assert three.values(np.arange(6))["learning_rate"].tolist() == [2, 1] * 3


def test_a_large_grid_takes_no_memory():
    grid = Grid(learning_rate=np.ones(10**6), momentum=np.linspace(0, 1, 10**6))
    assert grid.restarts == 10**12
    values = grid.values(np.array([10**12 - 1, 10**11 + 5]))
    assert values["momentum"].tolist() == grid.axes["momentum"][[-1, 5]].tolist()
    runs = fastnn.train_many(NET, X, Y, grid=grid, first=10**12 - 3, epochs=3)
    assert runs.indices.tolist() == [10**12 - 3, 10**12 - 2, 10**12 - 1]
    momentum = float(np.linspace(0, 1, 10**6)[-2])
    one = fastnn.train(NET, X, Y, restart=10**12 - 2, epochs=3,
                       optimizer=GradientDescent(1.0, momentum=momentum))  # fmt: skip
    assert_same_run(one, runs, 1)


def test_values_are_copied_and_kept():
    rates = np.array([0.5, 1.0])
    grid = Grid(learning_rate=rates)
    rates[:] = 9.0
    assert grid.axes["learning_rate"].tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        grid.axes["learning_rate"][0] = 2.0


GRIDS = {
    # an optimizer, a grid, and the optimizer of a cell's numbers
    "gradient descent": (
        GradientDescent(),
        Grid(learning_rate=[0.5, 2.0], momentum=[0.3, 0.8], restarts_per_cell=3),
        lambda c: GradientDescent(c["learning_rate"], momentum=c["momentum"]),
    ),
    "three axes": (
        GradientDescent(nesterov=True, schedule=fastnn.CosineDecay(50)),
        Grid(clip=[0.2, 1.0], momentum=[0.3, 0.8], learning_rate=[0.5, 1.0, 2.0]),
        lambda c: GradientDescent(
            c["learning_rate"], momentum=c["momentum"], clip=c["clip"], nesterov=True,
            schedule=fastnn.CosineDecay(50),
        ),
    ),
    "layers": (
        GradientDescent(momentum=0.4),
        Grid(learning_rate_0=[0.5, 2.0], learning_rate_1=[0.1, 0.2, 0.4], restarts_per_cell=2),
        lambda c: GradientDescent(
            PerLayer(c["learning_rate_0"], c["learning_rate_1"]), momentum=0.4
        ),
    ),
    "one layer": (
        GradientDescent(PerLayer(0.7, 0.3)),
        Grid(learning_rate_1=[0.1, 0.2, 0.4], momentum=[0.1, 0.9], restarts_per_cell=2),
        lambda c: GradientDescent(PerLayer(0.7, c["learning_rate_1"]), momentum=c["momentum"]),
    ),
    "layers of other numbers": (
        GradientDescent(PerLayer(0.7, 0.3), clip=2.0),
        Grid(momentum_0=[0.1, 0.5], clip_1=[0.1, 0.3], momentum_1=[0.2, 0.9],
             restarts_per_cell=2),
        lambda c: GradientDescent(
            PerLayer(0.7, 0.3), momentum=PerLayer(c["momentum_0"], c["momentum_1"]),
            clip=PerLayer(2.0, c["clip_1"]),
        ),
    ),
    "Quickprop of layers": (
        Quickprop(0.1, schedule=fastnn.CosineDecay(50)),
        Grid(decay_0=[1e-4, 1e-2], max_growth_1=[1.2, 1.75], learning_rate=[0.05, 0.1],
             restarts_per_cell=2),
        lambda c: Quickprop(
            c["learning_rate"], decay=PerLayer(c["decay_0"], 1e-4),
            max_growth=PerLayer(1.75, c["max_growth_1"]), schedule=fastnn.CosineDecay(50),
        ),
    ),
    "one of equal rates": (
        GradientDescent(0.7),
        Grid(learning_rate_0=[0.1, 0.2, 0.4], restarts_per_cell=4),
        lambda c: GradientDescent(PerLayer(c["learning_rate_0"], 0.7)),
    ),
    "Adam": (
        Adam(),
        Grid(beta1=[0.5, 0.9], learning_rate=[0.01, 0.1], epsilon=[1e-8, 1e-2], beta2=[0.9, 0.99]),
        lambda c: Adam(**c),
    ),
    "AdamW": (
        AdamW(0.05),
        Grid(weight_decay=[0.0, 0.1, 1.0], restarts_per_cell=4),
        lambda c: AdamW(0.05, **c),
    ),
    "RPROP": (
        RPROP("iRprop+"),
        Grid(min_step=[1e-6, 1e-2], max_step=[0.05, 0.5, 50.0], increase=[1.1, 1.3]),
        lambda c: RPROP("iRprop+", **c),
    ),
    "Quickprop": (
        Quickprop(slope_offset=0.1),
        Grid(max_growth=[1.0, 1.75], decay=[0, 1e-3], learning_rate=[0.1, 0.5, 1]),
        lambda c: Quickprop(slope_offset=0.1, **c),
    ),
    "Levenberg-Marquardt": (
        LevenbergMarquardt(),
        Grid(damping=[1e-3, 1.0], max_damping=[0.1, 1e2, 1e12], step_tolerance=[0, 1e-3]),
        lambda c: LevenbergMarquardt(**c),
    ),
    "L-BFGS": (
        LBFGS(trials=5),
        Grid(c1=[1e-4, 0.1], c2=[0.2, 0.5, 0.9], restarts_per_cell=2),
        lambda c: LBFGS(trials=5, **c),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", GRIDS)
def test_each_restart_has_the_bits_of_a_run_with_its_numbers(name, dtype):
    optimizer, grid, make = GRIDS[name]
    options = {"epochs": 40, "dtype": dtype, "seed": 5}
    runs = fastnn.train_many(NET, X, Y, optimizer=optimizer, grid=grid, threads=1, **options)
    assert runs.grid is grid
    assert len(runs) == grid.restarts
    for k in range(grid.restarts):
        cell = {name: float(v[0]) for name, v in grid.values(np.array([k])).items()}
        one = fastnn.train(NET, X, Y, restart=k, optimizer=make(cell), **options)
        assert_same_run(one, runs, k)
        assert_same_run(runs.restart(k), runs, k)
    for more in ({"threads": 2}, {"chunk": 1}, {"chunk": 5, "threads": 2}):
        again = fastnn.train_many(NET, X, Y, optimizer=optimizer, grid=grid, **options, **more)
        assert_same_bits(again, runs)
    job = make_job(NET, X, Y, optimizer=optimizer, grid=grid, restarts=grid.restarts, **options)
    for lanes in (2, 16) if name == "Levenberg-Marquardt" else (1, 2, 16):
        part = train_chunk(job, 3, 11, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(runs.parameters[3:11]))
    for first, count in ((0, 4), (5, 6), (grid.restarts - 1, None)):
        some = fastnn.train_many(
            NET, X, Y, optimizer=optimizer, grid=grid, first=first, restarts=count, **options
        )
        assert_same_bits(some, runs[first : first + count if count else None])
        assert_same_run(some.restart(first), runs, first)


def test_a_momentum_of_zero_is_none():
    """Though another kernel makes the step."""
    grid = Grid(momentum=[0.0, 0.5])
    runs = fastnn.train_many(NET, X, Y, optimizer=GradientDescent(0.5), grid=grid, epochs=100)
    plain = fastnn.train(NET, X, Y, optimizer=GradientDescent(0.5), epochs=100)
    np.testing.assert_array_equal(bits(runs.parameters[0]), bits(plain.parameters))


def test_arrays_of_the_optimizer_stay():
    """Beside the axes of a grid, numbers may be arrays with one for each restart."""
    momenta = np.linspace(0.1, 0.9, 12)
    grid = Grid(learning_rate=[0.5, 1.0, 2.0], restarts_per_cell=4)
    optimizer = GradientDescent(momentum=momenta)
    options = {"epochs": 40, "init": fastnn.Uniform(-np.linspace(0.5, 2, 12), 1.0)}
    runs = fastnn.train_many(NET, X, Y, optimizer=optimizer, grid=grid, **options)
    rates = np.repeat([0.5, 1.0, 2.0], 4)
    optimizer = GradientDescent(rates, momentum=momenta)
    same = fastnn.train_many(NET, X, Y, restarts=12, optimizer=optimizer, **options)
    assert_same_bits(runs, same)
    for k in (0, 3, 4, 11):
        assert_same_run(runs.restart(k), runs, k)
    # Also those that have an order with the grid's.
    steps = np.geomspace(1e-6, 1e-2, 12)
    grid = Grid(max_step=[0.05, 0.5, 5.0], restarts_per_cell=4)
    runs = fastnn.train_many(NET, X, Y, optimizer=RPROP(min_step=steps), grid=grid, epochs=40)
    for k in (1, 7):
        one = RPROP(min_step=steps[k], max_step=[0.05, 0.5, 5.0][k // 4])
        assert_same_run(fastnn.train(NET, X, Y, restart=k, optimizer=one, epochs=40), runs, k)


def test_in_grid(runs):
    assert set(runs.status) == {Status.CONVERGED, Status.EPOCH_LIMIT}
    until = np.where(runs.status == Status.CONVERGED, runs.epochs, np.nan)
    for i in range(5):
        for j in range(3):
            cell = slice((3 * i + j) * 4, (3 * i + j + 1) * 4)
            numbers = np.arange(60) ** 2
            for values, column in (
                ("success", runs.status == Status.CONVERGED),
                ("epochs", until),
                ("loss", runs.loss),
                (numbers, numbers),
                (list(numbers / 7), numbers / 7),
                (runs.epochs > 100, runs.epochs > 100),
            ):
                found = runs.in_grid(values)
                assert (found.shape, found.dtype) == ((5, 3), np.float64)
                there = column[cell][~np.isnan(column[cell])]
                expected = np.mean(there) if len(there) else np.nan
                assert found[i, j] == pytest.approx(expected, rel=1e-14, nan_ok=True)
    np.testing.assert_array_equal(runs.in_grid(), runs.in_grid("epochs"))
    assert runs.in_grid("success").max() > 0.7
    assert runs.in_grid("success").min() < 0.3


def test_in_grid_of_numbers_that_are_not_finite(runs):
    values = np.zeros(60)
    values[0], values[5], values[9], values[12:16] = np.nan, np.inf, -np.inf, 1.5e308
    found = runs.in_grid(values)
    assert (found[0, 0], found[0, 1], found[0, 2], found[1, 0]) == (0, np.inf, -np.inf, np.inf)
    assert (found[1:].ravel()[1:] == 0).all()
    single = np.full(60, 3e38, dtype=np.float32)
    assert (runs.in_grid(single) == single.astype(float)[0]).all()


def test_selections_are_no_grids(runs):
    message = "in_grid: expected all restarts of train_many(…, grid=fastnn.Grid(…)) in order"
    for part in (
        runs[runs.status == Status.CONVERGED],
        runs[:30],
        runs[::-1],
        runs[[0] * 60],
        runs[np.roll(np.arange(60), 1)],
        fastnn.train_many(NET, X, Y, grid=GRID, first=1, epochs=2),
        fastnn.train_many(NET, X, Y, restarts=60, epochs=2),
    ):
        for call in (part.in_grid, part.plot_grid):
            with pytest.raises(ValueError, match=re.escape(message) + "|expected restarts of a"):
                call()
        with pytest.raises(ValueError, match=re.escape(message)):
            part.in_grid("loss")
    everything = runs[np.ones(60, dtype=bool)]
    np.testing.assert_array_equal(everything.in_grid(), runs.in_grid())
    some = runs[runs.epochs > 50]
    k = int(some.indices[-1])
    assert_same_run(some.restart(k), runs, k)


def edges_of(mesh):
    """Of the cells that are drawn: x, y."""
    corners = mesh.get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


def test_plot_grid(runs):
    ax = runs.plot_grid()
    ax.figure.canvas.draw()
    (mesh,) = ax.collections
    np.testing.assert_array_equal(np.asarray(mesh.get_array()), runs.in_grid())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("momentum", "learning rate")
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    x, y = edges_of(mesh)
    # Each value lies in the middle of its cell, on its axis, and all cells are in sight.
    np.testing.assert_allclose(np.sqrt(y[1:] * y[:-1]), RATES)
    assert (x[:-1] < MOMENTA).all()
    assert (x[1:] > MOMENTA).all()
    assert ax.get_ylim() == pytest.approx((y[0], y[-1]))
    assert ax.get_xlim() == pytest.approx((x[0], x[-1]))
    given = pyplot.subplots()[1]
    assert runs.plot_grid("loss", given) is given
    labels = {what: [] for what in ("success", "epochs", "loss")}
    for what in labels:
        ax = runs.plot_grid(what)
        labels[what] = ax.figure.axes[-1].get_ylabel()
    assert labels == {"success": "share converged", "epochs": "mean epochs", "loss": "mean loss"}


def test_colours_are_logarithmic_where_numbers_are_wide(runs):
    wide = np.repeat(np.geomspace(1, 1e4, 15), 4)
    assert isinstance(runs.plot_grid(wide).collections[0].norm, LogNorm)
    for narrow in (wide + 1000, wide - 1, -wide, np.zeros(60), wide > 10):
        assert not isinstance(runs.plot_grid(narrow).collections[0].norm, LogNorm)
    assert not isinstance(runs.plot_grid("success").collections[0].norm, LogNorm)


@pytest.mark.parametrize(
    "values",
    [[np.nan] * 4, [np.inf] * 4, [1e308] * 4, [1, np.nan, np.inf, -np.inf], [-1, 0, 1e5, 1e300]],
    ids=str,
)
def test_cells_without_finite_numbers_are_left_grey(values):
    grid = Grid(learning_rate=[0.1, 0.2], momentum=[0.1, 0.9])
    runs = fastnn.train_many(NET, X, Y, grid=grid, epochs=2)
    ax = runs.plot_grid(values)
    ax.figure.canvas.draw()
    shown = np.ma.getmaskarray(ax.collections[0].get_array()).ravel()
    np.testing.assert_array_equal(~shown, np.abs(values) < 1e100)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0], "linear"),
        ([0.0], "linear"),
        ([1.0, 10.0], "linear"),
        ([0.01, 1.0, 100.0], "log"),
        ([100.0, 1.0, 0.01], "log"),
        ([1.0, 100.0, 0.01], "log"),
        ([0.3, 0.1, 0.2], "linear"),
        ([0.0, 1.0, 10.0], "linear"),
        ([0.5, 0.5, 0.5], "linear"),
        ([0.5, 0.5, 0.7], "linear"),
    ],
    ids=str,
)
def test_axes_of_all_kinds(values, scale):
    """Cells lie in ascending order, whatever that of the values."""
    momenta = [0.9, 0.2]
    grid = Grid(learning_rate=values, momentum=momenta)
    runs = fastnn.train_many(NET, X, Y, grid=grid, epochs=2)
    numbers = 10.0 * np.arange(len(values))[:, None] + np.arange(2)
    for swapped in (False, True):
        if swapped:
            grid = Grid(momentum=momenta, learning_rate=values)
            runs = fastnn.train_many(NET, X, Y, grid=grid, epochs=2)
        ax = runs.plot_grid((numbers.T if swapped else numbers).ravel())
        ax.figure.canvas.draw()
        assert (ax.get_xscale() if swapped else ax.get_yscale()) == scale
        (mesh,) = ax.collections
        drawn = np.asarray(mesh.get_array())
        expected = numbers[np.argsort(values, kind="stable")][:, ::-1]
        np.testing.assert_array_equal(drawn.T if swapped else drawn, expected)
        x, y = edges_of(mesh)
        edges = x if swapped else y
        assert (np.diff(edges) >= 0).all()
        assert edges[0] < min(values)
        assert edges[-1] > max(values)
        assert edges[0] > 0 or scale == "linear"


@pytest.mark.parametrize(
    "grid",
    [Grid(learning_rate=[0.1, 0.2]), Grid(learning_rate=[0.1, 0.2], momentum=[0.5], clip=[1.0])],
    ids=repr,
)
def test_other_grids_than_of_two_axes_are_not_drawn(grid):
    runs = fastnn.train_many(NET, X, Y, grid=grid, epochs=2)
    assert runs.in_grid("loss").shape == grid.shape
    message = f"plot_grid: expected restarts of a fastnn.Grid of two axes, got {grid!r}"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        runs.plot_grid()
