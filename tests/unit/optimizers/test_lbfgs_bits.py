"""L-BFGS: bits, numbers for each restart, and bad input."""

import pickle
import re
from functools import cache

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from levenberg_marquardt_examples import random_problem
from loss_examples import LOSSES, problem

import fastnn
from fastnn import LBFGS, Bootstrap, GradientBelow, PerLayer, Status
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough

DTYPES = ("float64", "float32")
RESTARTS = 60
PROBLEM = random_problem([2, 4, 1], 30, activation=["sine", "identity"])
# Restarts end at many epochs and in three ways, so that lanes are refilled.
OPTIONS = {
    "epochs": 60, "seed": 2, "sample_weight": Bootstrap(),
    "stop": [fastnn.LossBelow(1.0), GradientBelow(0.1)],
}  # fmt: skip
NUMBERS = {
    "defaults": {"trials": 6},
    "memory of 1": {"memory": 1, "c2": 0.3, "trials": 4},
    "memory of 3": {"memory": 3, "c1": 0.1, "trials": 4},
    "one trial": {"trials": 1},
}


@cache
def runs_of(name, dtype):
    runs = fastnn.train_many(
        *PROBLEM, restarts=RESTARTS, optimizer=LBFGS(**NUMBERS[name]), dtype=dtype, threads=1,
        **OPTIONS,
    )  # fmt: skip
    assert runs.parameters.dtype == dtype
    assert {Status.GRADIENT, Status.CONVERGED} <= set(runs.status.tolist())
    assert len(set(runs.epochs)) > 10
    return runs


def assert_same_run(run, runs, k):
    np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
    assert (run.loss, run.epochs, run.status) == (runs.loss[k], runs.epochs[k], runs.status[k])


def test_some_stall():
    for dtype in DTYPES:
        assert (runs_of("one trial", dtype).status == Status.STALLED).sum() > 5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBERS)
def test_every_restart_alone(name, dtype):
    runs = runs_of(name, dtype)
    for k in range(RESTARTS):
        assert_same_run(runs.restart(k), runs, k)
    one = fastnn.train(
        *PROBLEM, restart=41, optimizer=LBFGS(**NUMBERS[name]), dtype=dtype, **OPTIONS
    )
    assert_same_run(one, runs, 41)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBERS)
def test_threads_and_chunks(name, dtype):
    expected = runs_of(name, dtype)
    for options in ({"threads": 2}, {"chunk": 1}, {"chunk": 7, "threads": 3}):
        runs = fastnn.train_many(
            *PROBLEM, restarts=RESTARTS, optimizer=LBFGS(**NUMBERS[name]), dtype=dtype, **OPTIONS,
            **options,
        )  # fmt: skip
        assert_same_bits(runs, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lanes", [2, 8, 16, 48])
@pytest.mark.parametrize("name", NUMBERS)
def test_lanes(name, lanes, dtype):
    expected = runs_of(name, dtype)
    job = make_job(
        *PROBLEM, restarts=RESTARTS, optimizer=LBFGS(**NUMBERS[name]), dtype=dtype, **OPTIONS
    )
    for start, stop in ((0, RESTARTS), (33, 50)):
        part = train_chunk(job, start, stop, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[start:stop]))
        np.testing.assert_array_equal(part.epochs, expected.epochs[start:stop])
        np.testing.assert_array_equal(part.status, expected.status[start:stop])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_one_network_by_another_kernel(loss, dtype):
    """Few restarts without weights of their own are trained one after another."""
    made, numbers, _ = LOSSES[loss]
    options = {"loss": made(**numbers, l2=0.01), "optimizer": LBFGS(), "epochs": 40}
    net, X, y = problem(loss)
    runs = fastnn.train_many(net, X, y, restarts=20, dtype=dtype, **options)
    for k in range(0, 20, 3):
        assert_same_run(fastnn.train(net, X, y, restart=k, dtype=dtype, **options), runs, k)
    single = fastnn.train(net, X, y, dtype="float32", **{**options, "epochs": 10})
    double = fastnn.train(net, X, y, **{**options, "epochs": 10})
    np.testing.assert_allclose(single.history, double.history, rtol=2e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NUMBERS)
def test_samples_in_lanes(name, dtype):
    net, X, y = random_problem([3, 6, 2], 700, activation=["tanh", "identity"])
    options = {"optimizer": LBFGS(**NUMBERS[name]), "epochs": 30, "dtype": dtype,
               "parallel": "samples"}  # fmt: skip
    one = fastnn.train(net, X, y, threads=1, restart=2, **options)
    for threads in (2, 3):
        two = fastnn.train(net, X, y, threads=threads, restart=2, **options)
        np.testing.assert_array_equal(bits(one.parameters), bits(two.parameters))
        np.testing.assert_array_equal(bits(one.history), bits(two.history))
    assert_same_run(one, fastnn.train_many(net, X, y, restarts=4, **options), 2)
    # The other order of sums gives other last digits, and no more: for a few epochs.
    few = {**options, "epochs": 8}
    run = fastnn.train(net, X, y, **few)
    other = fastnn.train(net, X, y, **{**few, "parallel": "restarts"})
    tolerance = 1e-11 if dtype == "float64" else 1e-3
    np.testing.assert_allclose(run.history, other.history, rtol=tolerance)


def test_what_is_looked_at_changes_no_bit_of_the_way():
    plain = fastnn.train(*PROBLEM, optimizer=LBFGS(), epochs=37, history=False)
    every = fastnn.train(*PROBLEM, optimizer=LBFGS(), epochs=37)
    for more in (
        {"history": 7},
        {"target_sse": 1e-9},
        {"stop": [GradientBelow(1e-12), fastnn.NoProgress(1000), fastnn.ErrorsWithin(1e-9)]},
    ):
        run = fastnn.train(*PROBLEM, optimizer=LBFGS(), epochs=37, **more)
        np.testing.assert_array_equal(bits(run.parameters), bits(plain.parameters))
        np.testing.assert_array_equal(run.history, every.history[:: run.history_every])


def test_going_on_is_going_through():
    """After any epoch, amid a search along one direction too."""
    whole = fastnn.train_many(*PROBLEM, optimizer=LBFGS(c2=0.2), restarts=20, epochs=30)
    for epochs in range(0, 30, 3):
        part = fastnn.train_many(*PROBLEM, optimizer=LBFGS(c2=0.2), restarts=20, epochs=epochs)
        rest = fastnn.train_many(
            *PROBLEM, optimizer=LBFGS(c2=0.2), continue_from=part, epochs=30 - epochs
        )
        assert_same_bits(rest, whole)


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbours_that_end_at_once_harm_nobody(dtype):
    net, X, y = PROBLEM
    p = net.n_parameters
    starts = np.random.default_rng(0).uniform(-1, 1, (24, p))
    wild = starts.copy()
    wild[::3, 12:] = 1e30 if dtype == "float32" else 1e200  # the first loss overflows
    options = {"optimizer": LBFGS(), "restarts": 24, "epochs": 30, "dtype": dtype}
    tame = fastnn.train_many(net, X, y, init=starts, **options)
    mixed = fastnn.train_many(net, X, y, init=wild, **options)
    assert (mixed.status[::3] == Status.DIVERGED).all()
    others = np.arange(24) % 3 > 0
    assert_same_bits(mixed[others], tame[others])


SWEEPS = {
    "c1": (lambda x: LBFGS(c1=x, trials=4), np.geomspace(1e-4, 0.8, 24)),
    "c2": (lambda x: LBFGS(c2=x, trials=4), np.geomspace(1e-3, 0.999, 24)),
    "both": (lambda x: LBFGS(c1=x / 4, c2=x, trials=4), np.geomspace(1e-3, 0.999, 24)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps(name, dtype):
    """Restart k of a sweep has the bits of a run with the k-th number alone."""
    make, values = SWEEPS[name]
    options = {"epochs": 30, "dtype": dtype, "seed": 6}
    runs = fastnn.train_many(*PROBLEM, restarts=24, optimizer=make(values), **options)
    ends = set()
    for k in range(0, 24, 3):
        alone = fastnn.train(*PROBLEM, restart=k, optimizer=make(values[k]), **options)
        assert_same_run(alone, runs, k)
        assert_same_run(runs.restart(k), runs, k)
        same_start = fastnn.train(*PROBLEM, optimizer=make(values[k]), **options)
        ends.add(same_start.parameters.tobytes())
    assert len(ends) >= 3  # the number matters


def test_a_grid():
    grid = fastnn.Grid(c1=[1e-4, 0.1], c2=[0.2, 0.5, 0.9], restarts_per_cell=2)
    runs = fastnn.train_many(*PROBLEM, optimizer=LBFGS(memory=4), grid=grid, epochs=30)
    for k in range(12):
        numbers = {"c1": [1e-4, 0.1][k // 6], "c2": [0.2, 0.5, 0.9][k // 2 % 3]}
        alone = fastnn.train(*PROBLEM, optimizer=LBFGS(memory=4, **numbers), epochs=30, restart=k)
        assert_same_run(alone, runs, k)


def test_pickled():
    optimizer = LBFGS(3, c1=np.full(5, 0.01), c2=0.5, trials=7)
    copy = pickle.loads(pickle.dumps(optimizer))
    assert repr(copy) == repr(optimizer)
    options = {"restarts": 5, "epochs": 20}
    expected = fastnn.train_many(*PROBLEM, optimizer=optimizer, **options)
    assert_same_bits(fastnn.train_many(*PROBLEM, optimizer=copy, **options), expected)


NAN, INF = np.nan, np.inf
FLOATS = "expected numbers from 1.17549435e-38 to 0.99999994, got "
CASES = [
    (lambda: LBFGS(0), ValueError, "memory: expected an integer from 1 to 100, got 0"),
    (lambda: LBFGS(101), ValueError, "memory: expected an integer from 1 to 100, got 101"),
    (lambda: LBFGS(-3), ValueError, "memory: expected an integer from 1 to 100, got -3"),
    (lambda: LBFGS(2.0), TypeError, "memory: expected an integer, got 2.0"),
    (lambda: LBFGS(True), TypeError, "memory: expected an integer, got True"),
    (lambda: LBFGS(None), TypeError, "memory: expected an integer, got None"),
    (lambda: LBFGS("10"), TypeError, "memory: expected an integer, got '10'"),
    (lambda: LBFGS([5, 6]), TypeError, "memory: expected an integer, got [5, 6]"),
    (lambda: LBFGS(trials=0), ValueError, "trials: expected an integer from 1 to 1000000, got 0"),
    (lambda: LBFGS(trials=10**7), ValueError, "trials: expected an integer from 1 to 1000000"),
    (lambda: LBFGS(trials=2.5), TypeError, "trials: expected an integer, got 2.5"),
    (lambda: LBFGS(trials=False), TypeError, "trials: expected an integer, got False"),
    (lambda: LBFGS(trials=[3]), TypeError, "trials: expected an integer, got [3]"),
    *(
        case
        for name in ("c1", "c2")
        for case in (
            (lambda name=name: LBFGS(**{name: 0}), ValueError, f"{name}: {FLOATS}0.0"),
            (lambda name=name: LBFGS(**{name: 1}), ValueError, f"{name}: {FLOATS}1.0"),
            (lambda name=name: LBFGS(**{name: -0.1}), ValueError, f"{name}: {FLOATS}-0.1"),
            (lambda name=name: LBFGS(**{name: 1e-60}), ValueError, f"{name}: {FLOATS}1e-60"),
            (lambda name=name: LBFGS(**{name: [0.5, 2]}), ValueError, f"{name}: {FLOATS}2.0"),
            (lambda name=name: LBFGS(**{name: NAN}), ValueError,
             f"{name}: expected finite float64 numbers, got nan"),
            (lambda name=name: LBFGS(**{name: [0.1, INF]}), ValueError,
             f"{name}: expected finite float64 numbers, got inf at index (1,)"),
            (lambda name=name: LBFGS(**{name: True}), TypeError,
             f"{name}: expected real numbers, got dtype bool"),
            (lambda name=name: LBFGS(**{name: "0.5"}), TypeError,
             f"{name}: expected real numbers, got dtype <U3"),
            (lambda name=name: LBFGS(**{name: None}), TypeError,
             f"{name}: expected real numbers, got dtype object"),
            (lambda name=name: LBFGS(**{name: 0.5j}), TypeError,
             f"{name}: expected real numbers, got dtype complex128"),
            (lambda name=name: LBFGS(**{name: PerLayer(0.1, 0.2)}), TypeError,
             f"{name}: expected a number or an array of shape (restarts,), got PerLayer(0.1, 0.2)"),
            (lambda name=name: LBFGS(**{name: []}), ValueError,
             f"{name}: expected a number or an array of shape (restarts,), got an array"),
            (lambda name=name: LBFGS(**{name: [[0.5]]}), ValueError,
             f"{name}: expected a number or an array of shape (restarts,), got an array"),
            (lambda name=name: many(LBFGS(**{name: [0.5, 0.6], "c1": 0.1, **({"c1": [0.5, 0.6]}
              if name == "c1" else {})})), ValueError,
             f"LBFGS({name}=): expected a number or an array of shape (4,), one for each restart"),
        )
    ),
    (lambda: LBFGS(c1=0.9), ValueError, "c1, c2: expected c1 < c2, got 0.9, 0.9"),
    (lambda: LBFGS(c1=0.6, c2=0.5), ValueError, "c1, c2: expected c1 < c2, got 0.6, 0.5"),
    (lambda: LBFGS(c1=[0.1, 0.6], c2=0.5), ValueError, "c1, c2: expected c1 < c2, got an array"),
    (lambda: LBFGS(c1=[0.1, 0.2], c2=[0.5, 0.1]), ValueError, "c1, c2: expected c1 < c2, got an"),
    (lambda: LBFGS(c1=[0.1, 0.2], c2=[0.5] * 3), ValueError,
     "c1, c2: expected arrays of equal length, got 2 and 3"),
    (lambda: fastnn.train(*PROBLEM, optimizer=LBFGS(c1=[0.1, 0.2])), ValueError,
     "LBFGS(c1=): expected a number or an array of shape (1,), one for each restart"),
    (lambda: fastnn.train(*PROBLEM, optimizer=fastnn.MSE), TypeError,
     "optimizer: expected one of "),
    (lambda: fastnn.train(*PROBLEM, optimizer=LBFGS(), batch_size=7), ValueError,
     "batch_size: expected None with LBFGS, which needs all samples in every step, got 7"),
    (lambda: many(LBFGS(), batch_size=7, shuffle=True), ValueError, "batch_size: expected None"),
]  # fmt: skip


def many(optimizer, **options):
    return fastnn.train_many(*PROBLEM, restarts=4, optimizer=optimizer, **options)


@pytest.mark.parametrize(("call", "exception", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(call, exception, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    with pytest.raises(exception, match="^" + re.escape(message)):
        call()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_outermost_numbers_are_allowed(dtype):
    least = float(np.finfo(np.float32).tiny)
    below_one = float(np.nextafter(np.float32(1), np.float32(0)))
    for optimizer in (
        LBFGS(1, c1=least, c2=below_one, trials=1),
        LBFGS(np.int8(100), c1=np.float32(0.25), c2=[0.5], trials=10**6),
        LBFGS(100, c1=np.nextafter(np.float32(below_one), np.float32(0)), c2=below_one),
    ):
        run = fastnn.train(*PROBLEM, optimizer=optimizer, epochs=6, dtype=dtype)
        expected = fastnn.reference.train(*PROBLEM, optimizer=optimizer, epochs=6, dtype=dtype)
        assert np.isfinite(run.parameters).all()
        tolerance = 1e-9 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(run.history, expected.history, rtol=tolerance)


def test_arrays_are_copied():
    numbers = np.array([0.1, 0.2, 0.3, 0.4])
    optimizer = LBFGS(c1=numbers)
    runs = many(optimizer, epochs=20)
    numbers[:] = 0.5
    assert (many(optimizer, epochs=20).parameters == runs.parameters).all()
    with pytest.raises(ValueError, match="read-only"):
        optimizer.c1[0] = 0.5
