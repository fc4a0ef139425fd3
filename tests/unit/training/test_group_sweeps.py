"""Numbers that differ between the restarts of each group: arrays, starts and grids."""

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from shutil import rmtree

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from group_examples import NET, data_of
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.storage.shards import FOLDER

SIZES = [1, 30, 2, 2, 17, 3, 40]
X, Y, LABELS = data_of(SIZES)
STEPS = np.geomspace(1e-3, 0.3, 5)


def many(**more):
    return fastnn.train_many(NET, X, Y, groups=LABELS, **{"epochs": 9} | more)


def assert_each_alone(runs, X, y, labels, arguments_of, some=None):
    """Assert the bits of `train` with ``arguments_of(restart in the group)``, and those again."""
    for k in range(len(runs)) if some is None else some:
        rows, r = labels == runs.group[k], int(runs.restart_in_group[k])
        alone = fastnn.train(NET, X[rows], y[rows], **{"epochs": 9, "restart": r} | arguments_of(r))
        for one in (runs.restart(k), alone):
            np.testing.assert_array_equal(bits(runs.parameters[k]), bits(one.parameters))
            np.testing.assert_array_equal(bits(runs.columns["state"][k]), bits(one.state))


KINDS = {
    "rprop": lambda a, b: fastnn.RPROP(initial_step=a, increase=1 + b),
    "momentum": lambda a, b: fastnn.GradientDescent(a / 10, momentum=b),
    "decay": lambda a, b: fastnn.Adam(schedule=fastnn.ExponentialDecay(0.9 + a / 10)),
    "lm": lambda a, b: fastnn.LevenbergMarquardt(damping=a),
    "layers": lambda a, b: fastnn.RPROP(initial_step=fastnn.PerLayer(a, b)),
}


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    restarts=st.integers(1, 5),
    kind=st.sampled_from(sorted(KINDS)),
    chunk=st.none() | st.integers(1, 20),
    threads=st.integers(1, 2),
    data=st.data(),
)
def test_arrays(sizes, restarts, kind, chunk, threads, data):
    X, y, labels = data_of(sizes)
    numbers = st.lists(st.floats(0.01, 0.5), min_size=restarts, max_size=restarts)
    a, b = (np.array(data.draw(numbers)) for _ in range(2))
    low, delta = a - 1, b + 0.1
    loss = "sse" if kind == "lm" else fastnn.Huber(delta)
    runs = fastnn.train_many(
        NET, X, y, groups=labels, restarts=restarts, optimizer=KINDS[kind](a, b), loss=loss,
        init=fastnn.Uniform(low, 1.0), chunk=chunk, threads=threads, epochs=9,
    )  # fmt: skip

    def arguments_of(r):
        return {
            "optimizer": KINDS[kind](float(a[r]), float(b[r])),
            "loss": loss if isinstance(loss, str) else fastnn.Huber(float(delta[r])),
            "init": fastnn.Uniform(float(low[r]), 1.0),
        }

    some = data.draw(st.lists(st.integers(0, len(runs) - 1), min_size=4, max_size=4))
    assert_each_alone(runs, X, y, labels, arguments_of, some)


def test_starts():
    init = np.random.default_rng(0).normal(size=(3, NET.n_parameters))
    runs = many(init=init, restarts=3, optimizer="lbfgs")
    assert_each_alone(runs, X, Y, LABELS, lambda r: {"init": init[r], "optimizer": "lbfgs"})


def test_grids():
    grid = fastnn.Grid(initial_step=[0.01, 0.1, 0.3], delta=[0.2, 1.0], restarts_per_cell=2)
    runs = many(grid=grid, optimizer="rprop", loss=fastnn.Huber(), chunk=17)
    assert len(runs) == 12 * len(SIZES)
    values = grid.values(np.arange(12))

    def arguments_of(r):
        step, delta = (float(values[name][r]) for name in ("initial_step", "delta"))
        return {"optimizer": fastnn.RPROP(initial_step=step), "loss": fastnn.Huber(delta)}

    assert_each_alone(runs, X, Y, LABELS, arguments_of)
    cells = runs.in_grid("loss")
    assert cells.shape == (len(SIZES), 3, 2)
    for cell, label in zip(cells, runs.group_labels, strict=True):
        losses = runs.loss[runs.restarts_of(label)].reshape(3, 2, 2)
        np.testing.assert_allclose(cell, losses.mean(axis=-1), rtol=1e-15)
    few = many(grid=grid, restarts=3, optimizer="rprop", loss=fastnn.Huber())
    np.testing.assert_array_equal(few.parameters[:3], runs.parameters[:3])


SWEEPS = {
    "arrays": {"optimizer": fastnn.RPROP(initial_step=STEPS), "restarts": 5},
    "starts": {"init": np.linspace(-1, 1, 5 * NET.n_parameters).reshape(5, -1), "restarts": 5},
    "grid": {"grid": fastnn.Grid(initial_step=STEPS)},
}


@pytest.mark.parametrize("name", SWEEPS)
def test_folders_and_resuming(tmp_path, name):
    how = {"optimizer": "rprop", "chunk": 4} | SWEEPS[name]
    runs = many(**how)
    stored = many(out=tmp_path / "runs", keep="all", **how)
    assert_same_bits(stored.load(), runs)
    chunk = sorted((tmp_path / "runs" / FOLDER).iterdir())[1]
    rmtree(chunk)
    assert_same_bits(many(out=tmp_path / "runs", resume=True, **how).load(), runs)
    run = fastnn.open_run(tmp_path / "runs").restart(11)
    np.testing.assert_array_equal(run.parameters, runs.parameters[11])
    run.save(tmp_path / "run.npz")
    again = fastnn.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(again.parameters, runs.parameters[11])


@pytest.mark.thorough
@pytest.mark.parametrize("name", SWEEPS)
def test_in_processes(name):
    how = {"optimizer": "rprop", "chunk": 4} | SWEEPS[name]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert_same_bits(many(executor=executor, **how), many(**how))


def rates(count):
    return fastnn.GradientDescent(np.full(count, 0.01))


GRID = fastnn.Grid(initial_step=[0.1, 0.2])
BAD = [
    ({"optimizer": rates(3)}, "GradientDescent(learning_rate=): expected a number or an array of "),
    ({"optimizer": rates(4 * len(SIZES))}, "GradientDescent(learning_rate=): expected a number"),
    (
        {"loss": fastnn.Huber(np.ones(5))},
        "Huber(delta=): expected a number or an array of shape (4",
    ),
    ({"init": fastnn.Uniform(-np.ones(5), 1)}, "Uniform(low=): expected a number or an array of "),
    ({"init": np.zeros((5, NET.n_parameters))}, "init: expected one of "),
    (
        {"optimizer": fastnn.GradientDescent(0.1, momentum=np.array([0, 0.5, 0.5, 0.5]))},
        "optimizer: expected numbers that are 0 in all restarts or in none with groups, such as",
    ),
    (
        {"grid": fastnn.Grid(momentum=[0.0, 0.1], restarts_per_cell=2), "optimizer": "sgd"},
        "optimizer: expected numbers that are 0 in all restarts or in none with groups, such as",
    ),
    ({"grid": GRID}, "grid: expected first + restarts up to 2, the restarts of "),
    ({"grid": fastnn.Grid(step=[0.1] * 4)}, "grid: expected axes among "),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        many(**{"optimizer": "rprop", "restarts": 4} | arguments)


def test_figures_of_grids_are_those_of_one_data_set():
    grid = fastnn.Grid(initial_step=[0.1, 0.2], increase=[1.1, 1.2])
    runs = many(grid=grid, optimizer="rprop")
    with pytest.raises(ValueError, match=r"^plot_grid: expected runs of one data set, got groups"):
        runs.plot_grid()
    with pytest.raises(ValueError, match=r"^in_grid: expected all restarts of .* of 28$"):
        runs[:4].in_grid()
