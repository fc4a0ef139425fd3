"""Grids and other jobs in other processes, pickled; invalid grids."""

import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, bits

import fastnn
from fastnn import (
    LBFGS,
    RPROP,
    Adam,
    GradientDescent,
    Grid,
    LevenbergMarquardt,
    PerLayer,
    Quickprop,
)

pytestmark = pytest.mark.thorough

NET = fastnn.Network([2, 3, 1])
SOFTMAX = fastnn.Network([2, 3, 2], activation=["sine", "softmax"])
X, Y = fastnn.datasets.xor()
CLASSES = np.eye(2)[[0, 1, 1, 0]]
NAN, INF = np.nan, np.inf
GRID = Grid(learning_rate=[0.5, 1.0, 2.0], momentum=[0.2, 0.9], restarts_per_cell=3)


@pytest.fixture(scope="module")
def workers():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


JOBS = {
    "grid": (NET, Y, {"grid": GRID}),
    "part of a grid": (NET, Y, {"grid": GRID, "first": 5, "restarts": 9}),
    "layers": (
        NET, Y, {"grid": Grid(learning_rate_0=[0.5, 1], learning_rate_1=[0.1, 0.2, 0.3])},
    ),
    "arrays beside a grid": (
        NET, Y, {"grid": GRID, "optimizer": GradientDescent(clip=np.linspace(0.1, 1, 18))},
    ),
    "grid of RPROP": (
        NET, Y, {"grid": Grid(min_step=[1e-6, 1e-3], max_step=[0.1, 1, 9]), "optimizer": RPROP()},
    ),
    "Adam, rules": (
        NET, Y, {"restarts": 9, "optimizer": Adam(0.1, schedule=fastnn.CosineDecay(30)),
                 "stop": [fastnn.ErrorsWithin(0.45), fastnn.NoProgress(20, min_improvement=1e-3)]},
    ),
    "cross-entropy, batches": (
        SOFTMAX, CLASSES, {"restarts": 9, "loss": fastnn.CrossEntropy(l2=0.01), "batch_size": 2,
                           "shuffle": True, "sample_weight": fastnn.Bootstrap()},
    ),
    "validation": (
        NET, Y, {"restarts": 9, "loss": "huber", "stop": fastnn.Validation(3),
                 "validation": (X + 0.1, Y)},
    ),
    "weights by restart": (
        NET, Y, {"restarts": 9, "loss": "mse", "optimizer": Quickprop(slope_offset=0.1),
                 "sample_weight": np.linspace(0, 1, 36).reshape(9, 4)},
    ),
    "Levenberg-Marquardt": (
        NET, Y, {"restarts": 9, "optimizer": LevenbergMarquardt(), "target_sse": 0.04,
                 "init": fastnn.NguyenWidrow()},
    ),
    "L-BFGS": (
        NET, Y, {"restarts": 9, "optimizer": LBFGS(), "loss": "binary_cross_entropy",
                 "stop": fastnn.GradientBelow(0.01)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JOBS)
def test_other_processes(name, workers):
    net, y, options = JOBS[name]
    options = {"epochs": 60, "seed": 4, **options}
    here = fastnn.train_many(net, X, y, **options)
    there = fastnn.train_many(net, X, y, executor=workers, chunk=4, **options)
    assert_same_bits(there, here)
    k = int(here.indices[-2])
    np.testing.assert_array_equal(
        bits(there.restart(k).parameters), bits(here.parameters[len(here) - 2])
    )


@pytest.mark.parametrize("name", JOBS)
def test_results_are_pickled(name):
    net, y, options = JOBS[name]
    runs = fastnn.train_many(net, X, y, epochs=60, **options)
    copy = pickle.loads(pickle.dumps(runs))
    assert_same_bits(copy, runs)
    k = int(runs.indices[2])
    np.testing.assert_array_equal(bits(copy.restart(k).parameters), bits(runs.parameters[2]))
    assert repr(copy.grid) == repr(runs.grid)
    if name == "grid":
        np.testing.assert_array_equal(copy.in_grid("loss"), runs.in_grid("loss"))
    options = {name: pickle.loads(pickle.dumps(value)) for name, value in options.items()}
    assert_same_bits(fastnn.train_many(net, X, y, epochs=60, **options), runs)


def test_going_on_with_a_grid():
    whole = fastnn.train_many(NET, X, Y, grid=GRID, epochs=40)
    part = fastnn.train_many(NET, X, Y, grid=GRID, epochs=15)
    rest = fastnn.train_many(NET, X, Y, grid=GRID, continue_from=part, epochs=25)
    assert_same_bits(rest, whole)
    np.testing.assert_array_equal(rest.in_grid("loss"), whole.in_grid("loss"))
    np.testing.assert_array_equal(bits(rest.restart(7).parameters), bits(whole.parameters[7]))


def test_outcomes_alone():
    whole = fastnn.train_many(NET, X, Y, grid=GRID, epochs=40)
    kept = fastnn.train_many(NET, X, Y, grid=GRID, epochs=40, keep="outcomes")
    assert kept.parameters is None
    np.testing.assert_array_equal(kept.in_grid("loss"), whole.in_grid("loss"))
    np.testing.assert_array_equal(kept.predict(X, "all"), whole.predict(X, "all"))
    np.testing.assert_array_equal(bits(kept.best.parameters), bits(whole.best.parameters))


def many(optimizer=None, *, restarts=None, grid=None, **options):
    if grid is None:
        grid, options = Grid(**options), {}
    return fastnn.train_many(NET, X, Y, optimizer=optimizer, grid=grid, restarts=restarts,
                             epochs=3, **options)  # fmt: skip


def trained(**axes):
    return fastnn.train_many(NET, X, Y, grid=Grid(**axes), epochs=3)


FIELDS = "grid: expected axes among learning_rate, momentum, nesterov, clip, schedule, numbers of "
CASES = [
    (lambda: Grid(), ValueError, "Grid: expected at least one axis such as learning_rate=[…], got"),
    (lambda: Grid(restarts_per_cell=3), ValueError, "Grid: expected at least one axis such as"),
    (lambda: Grid(learning_rate=0.5), ValueError,
     "Grid(learning_rate=): expected a sequence of numbers, got array(0.5)"),
    (lambda: Grid(learning_rate=[]), ValueError,
     "Grid(learning_rate=): expected a sequence of numbers, got an array of shape (0,)"),
    (lambda: Grid(learning_rate=[[1, 2]]), ValueError,
     "Grid(learning_rate=): expected a sequence of numbers, got an array of shape (1, 2)"),
    (lambda: Grid(learning_rate=[1, NAN]), ValueError,
     "Grid(learning_rate=): expected finite float64 numbers, got nan at index (1,)"),
    (lambda: Grid(learning_rate=[1], momentum=[INF]), ValueError,
     "Grid(momentum=): expected finite float64 numbers, got inf at index (0,)"),
    (lambda: Grid(learning_rate="fast"), TypeError,
     "Grid(learning_rate=): expected real numbers, got dtype <U4"),
    (lambda: Grid(learning_rate=["a"]), TypeError, "Grid(learning_rate=): expected real numbers"),
    (lambda: Grid(learning_rate=None), TypeError, "Grid(learning_rate=): expected real numbers"),
    (lambda: Grid(learning_rate=[1j]), TypeError, "Grid(learning_rate=): expected real numbers"),
    (lambda: Grid(learning_rate=[True, False]), TypeError,
     "Grid(learning_rate=): expected real numbers, got dtype bool"),
    (lambda: Grid(learning_rate={0.1, 0.2}), TypeError, "Grid(learning_rate=): expected real numb"),
    (lambda: Grid(learning_rate=[[1], [2, 3]]), TypeError, "Grid(learning_rate=): expected an arr"),
    (lambda: Grid(learning_rate=[1], restarts_per_cell=0), ValueError,
     "restarts_per_cell: expected an integer from 1"),
    (lambda: Grid(learning_rate=[1], restarts_per_cell=2.0), TypeError,
     "restarts_per_cell: expected an integer, got 2.0"),
    (lambda: Grid(learning_rate=[1], restarts_per_cell=True), TypeError,
     "restarts_per_cell: expected an integer, got True"),
    (lambda: Grid(learning_rate=[1], restarts_per_cell=[2]), TypeError,
     "restarts_per_cell: expected an integer, got [2]"),
    (lambda: Grid(learning_rate=np.ones(10**6), momentum=np.ones(10**6), restarts_per_cell=2),
     ValueError, "Grid: restarts: expected an integer from 1 to 1000000000000, got 2000000000000"),
    (lambda: many(grid={"learning_rate": [1]}), TypeError, "restarts: expected an integer, got No"),
    (lambda: many(grid={"learning_rate": [1]}, restarts=1), TypeError,
     "grid: expected a fastnn.Grid, got {'learning_rate': [1]}"),
    (lambda: many(grid=Grid, restarts=1), TypeError, "grid: expected a fastnn.Grid, got <class"),
    (lambda: many(grid=GRID, restarts=19), ValueError,
     "grid: expected first + restarts up to 18, the restarts of Grid(learning_rate: 3, momentum"),
    (lambda: many(grid=GRID, restarts=3, first=16), ValueError,
     "grid: expected first + restarts up to 18, the restarts of Grid(learning_rate: 3, momentum"),
    (lambda: many(grid=GRID, first=18), ValueError, "first: expected an integer from 0 to 17, got"),
    (lambda: many(grid=GRID, first=-1), ValueError, "first: expected an integer from 0 to 17, got"),
    (lambda: many(grid=GRID, restarts=0), ValueError, "restarts: expected an integer from 1"),
    (lambda: many(rate=[1]), ValueError, f"{FIELDS}GradientDescent, got rate"),
    (lambda: many(beta1=[0.5]), ValueError, f"{FIELDS}GradientDescent, got beta1"),
    (lambda: many(Adam(), momentum=[0.5]), ValueError, "grid: expected axes among learning_rate, "),
    (lambda: many(learning_rate_2=[1]), ValueError,
     "grid: expected learning_rate_0 to learning_rate_1, got learning_rate_2"),
    (lambda: many(learning_rate_00=[1]), ValueError,
     f"{FIELDS}GradientDescent, got learning_rate_00"),
    (lambda: many(**{"learning_rate_²": [1]}), ValueError,
     f"{FIELDS}GradientDescent, got learning_rate_²"),
    (lambda: many(learning_rate_=[1]), ValueError, f"{FIELDS}GradientDescent, got learning_rate_"),
    (lambda: many(_0=[1]), ValueError, f"{FIELDS}GradientDescent, got _0"),
    (lambda: many(learning_rate=[1, 2], learning_rate_0=[1]), ValueError,
     "grid: expected an axis learning_rate, or one for each layer, "
     "got both learning_rate and learning_rate_0"),
    (lambda: many(learning_rate_1=[1, 2], learning_rate=[1]), ValueError,
     "grid: expected an axis learning_rate, or one for each layer, "
     "got both learning_rate and learning_rate_1"),
    (lambda: many(GradientDescent(PerLayer(1, 2, 3)), learning_rate_2=[1]), ValueError,
     "learning_rate: expected PerLayer of 2 numbers for Network([2, 3, 1]"),
    (lambda: many(GradientDescent(PerLayer(1)), learning_rate_0=[1]), ValueError,
     "learning_rate: expected PerLayer of 2 numbers for Network([2, 3, 1]"),
    (lambda: many(GradientDescent(PerLayer(1)), learning_rate_1=[1]), ValueError,
     "learning_rate: expected PerLayer of 2 numbers for Network([2, 3, 1]"),
    (lambda: many(Adam(), learning_rate_0=[1, -1]), ValueError, "learning_rate[0]: expected numbe"),
    (lambda: many(LBFGS(), c1_0=[0.1]), TypeError, "c1: expected a number or an array of shape (r"),
    (lambda: many(momentum_0=[0.5, 2]), ValueError, "momentum[0]: expected numbers from 0 to"),
    (lambda: many(clip_0=[0.5]), ValueError,
     "grid: expected clip_0 to clip_1, or a value of clip in the optimizer for the other layers"),
    (lambda: many(RPROP(min_step=PerLayer(0.1, 0.2)), max_step_1=[0.15, 1]), ValueError,
     "min_step, max_step: expected min_step <= max_step, got PerLayer(0.1, 0.2), PerLayer(50.0,"),
    (lambda: many(learning_rate=[0.5, -1]), ValueError, "learning_rate: expected numbers >= 0, g"),
    (lambda: many(learning_rate_1=[0.5, -1]), ValueError, "learning_rate[1]: expected numbers >="),
    (lambda: many(momentum=[0.5, 1.5, 1]), ValueError, "momentum: expected numbers from 0 to 1"),
    (lambda: many(clip=[0, 1]), ValueError, "clip: expected numbers >= "),
    (lambda: many(nesterov=[0, 1]), TypeError, "nesterov: expected True or False, got an array"),
    (lambda: many(schedule=[0, 1]), TypeError, "schedule: expected one of StepDecay, "),
    (lambda: many(LBFGS(), memory=[5, 10]), TypeError, "memory: expected an integer, got an array"),
    (lambda: many(LBFGS(), trials=[5, 10]), TypeError, "trials: expected an integer, got an array"),
    (lambda: many(RPROP(), variant=[1, 2]), ValueError, "variant: expected one of Rprop-, iRprop-"),
    (lambda: many(Quickprop(), slope_offset=[0, 1]), ValueError, "slope_offset: expected a number"),
    (lambda: many(Quickprop(), arctanh_error=[0, 1]), TypeError, "arctanh_error: expected True or"),
    # Some combination is wrong, though not the first of each or the second of each.
    (lambda: many(LBFGS(), c1=[0.1, 0.6], c2=[0.5, 0.9]), ValueError, "c1, c2: expected c1 < c2,"),
    (lambda: many(LBFGS(), c1=[0.95]), ValueError, "c1, c2: expected c1 < c2, got an array"),
    (lambda: many(RPROP(), max_step=[1.0, 0.1], min_step=[0.05, 0.5]), ValueError,
     "min_step, max_step: expected min_step <= max_step, got an array"),
    (lambda: many(LevenbergMarquardt(), min_damping=[1e-3, 1], max_damping=[0.5, 2, 3]), ValueError,
     "min_damping, max_damping: expected min_damping <= max_damping, got an array"),
    (lambda: many(RPROP(min_step=np.linspace(0.1, 1, 2)), max_step=[0.5, 2]), ValueError,
     "min_step, max_step: expected min_step <= max_step, got an array"),
    (lambda: many(GradientDescent(clip=[1, 2, 3]), momentum=[0.5, 0.6]), ValueError,
     "GradientDescent(clip=): expected a number or an array of shape (2,), one for each restart"),
    (lambda: many(grid=Grid(learning_rate=[1, 1e60]), dtype="f4"), ValueError,
     "GradientDescent: expected numbers that fit float32, got numbers outside its range"),
    (lambda: many(grid=Grid(momentum=[0.5], learning_rate=[1, 1e-60]), dtype="f4"), ValueError,
     "GradientDescent: expected numbers that fit float32, got numbers outside its range"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(call, exception, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    with pytest.raises(exception, match="^" + re.escape(message)):
        call()


VALUES = [
    ("sse", ValueError, "values: expected 'success', 'epochs', 'loss' or an array, got 'sse'"),
    ("", ValueError, "values: expected 'success', 'epochs', 'loss' or an array, got ''"),
    (None, ValueError, "values: expected shape (6,), got None"),
    (3.0, ValueError, "values: expected shape (6,), got 3.0"),
    ([1, 2, 3], ValueError, "values: expected shape (6,), got [1, 2, 3]"),
    (np.ones((3, 2)), ValueError, "values: expected shape (6,), got an array of shape (3, 2)"),
    ([[1], [2, 3]], ValueError, "values: expected shape (6,), got [[1], [2, 3]]"),
    (["a"] * 6, TypeError, "values: expected real numbers, got dtype <U1"),
    ([1j] * 6, TypeError, "values: expected real numbers, got dtype complex128"),
    ([None] * 6, TypeError, "values: expected real numbers, got dtype object"),
]


@pytest.mark.parametrize(("values", "exception", "message"), VALUES, ids=range(len(VALUES)))
def test_bad_values(values, exception, message):
    runs = trained(learning_rate=[0.1, 1, 2], momentum=[0.2, 0.5])
    for call in (runs.in_grid, runs.plot_grid):
        with pytest.raises(exception, match="^" + re.escape(message)):
            call(values)


def test_bad_axes():
    runs = trained(learning_rate=[0.1, 1, 2], momentum=[0.2, 0.5])
    with pytest.raises(TypeError, match="ax: expected matplotlib Axes or None, got 'here'"):
        runs.plot_grid("loss", "here")
    with pytest.raises(ValueError, match="plot_grid: expected restarts of a"):
        fastnn.train_many(NET, X, Y, restarts=6, epochs=2).plot_grid()
    with pytest.raises(TypeError, match="grid"):
        fastnn.train(NET, X, Y, grid=GRID)
