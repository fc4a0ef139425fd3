"""Bits with every optimizer: independent of lanes, threads, chunks and other restarts."""

import pickle
from functools import cache

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from optimizer_examples import EXAMPLES, regression_problem, xor_problem

import fastnn
from fastnn import (
    RPROP,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    GradientDescent,
    PerLayer,
    Quickprop,
    StepDecay,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough

# Many restarts end early, at different epochs, so that lanes are refilled: what an optimizer
# remembers must begin anew.
TARGETS = {"target_sse": 1.02, "epochs": 120, "seed": 2}
RESTARTS = 60
DTYPES = ("float64", "float32")


@cache
def xor_runs(name, dtype):
    runs = fastnn.train_many(
        *xor_problem(), restarts=RESTARTS, optimizer=EXAMPLES[name], dtype=dtype, threads=1,
        **TARGETS,
    )  # fmt: skip
    assert (runs.status == fastnn.Status.CONVERGED).any()
    assert len(set(runs.epochs)) > 5
    return runs


def assert_same_run(run, runs, k):
    np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
    assert (run.loss, run.epochs, run.status) == (runs.loss[k], runs.epochs[k], runs.status[k])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_restart_alone(name, dtype):
    runs = xor_runs(name, dtype)
    assert runs.parameters.dtype == dtype
    for k in range(RESTARTS):
        assert_same_run(runs.restart(k), runs, k)
    one = fastnn.train(*xor_problem(), optimizer=EXAMPLES[name], restart=41, dtype=dtype, **TARGETS)
    assert_same_run(one, runs, 41)


@pytest.mark.parametrize("name", EXAMPLES)
def test_threads_and_chunks(name):
    expected = xor_runs(name, "float64")
    for options in ({"threads": 2}, {"chunk": 1}, {"chunk": 7, "threads": 3}):
        runs = fastnn.train_many(
            *xor_problem(), restarts=RESTARTS, optimizer=EXAMPLES[name], **TARGETS, **options
        )
        assert_same_bits(runs, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lanes", [1, 2, 8, 16])
@pytest.mark.parametrize("name", EXAMPLES)
def test_lanes(name, lanes, dtype):
    expected = xor_runs(name, dtype)
    job = make_job(
        *xor_problem(), restarts=RESTARTS, optimizer=EXAMPLES[name], dtype=dtype, **TARGETS
    )
    for start, stop in ((0, RESTARTS), (33, 50)):
        part = train_chunk(job, start, stop, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[start:stop]))
        np.testing.assert_array_equal(part.epochs, expected.epochs[start:stop])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_samples_in_lanes(name, dtype):
    problem = regression_problem(150)
    options = {"optimizer": EXAMPLES[name], "epochs": 30, "dtype": dtype, "parallel": "samples"}
    one = fastnn.train(*problem, threads=1, restart=2, **options)
    two = fastnn.train(*problem, threads=2, restart=2, **options)
    np.testing.assert_array_equal(bits(one.parameters), bits(two.parameters))
    np.testing.assert_array_equal(bits(one.history), bits(two.history))
    runs = fastnn.train_many(*problem, restarts=4, **options)
    assert_same_run(two, runs, 2)
    # The other order of sums gives other last digits, and no more: for a few epochs.
    few = {**options, "epochs": 5}
    run = fastnn.train(*problem, **few)
    other = fastnn.train(*problem, **{**few, "parallel": "restarts"})
    tolerance = 1e-9 if dtype == "float64" else 1e-2
    np.testing.assert_allclose(run.history, other.history, rtol=tolerance)


@pytest.mark.parametrize("name", EXAMPLES)
def test_float32_is_near_float64(name):
    options = {"optimizer": EXAMPLES[name], "epochs": 20}
    single = fastnn.train(*xor_problem(), dtype="float32", **options)
    double = fastnn.train(*xor_problem(), **options)
    np.testing.assert_allclose(single.history, double.history, rtol=2e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_neighbours_that_diverge_harm_nobody(name):
    rng = np.random.default_rng(0)
    starts = rng.uniform(-1, 1, (24, 13))
    wild = starts.copy()
    wild[::3] = 1e200  # the first loss of an identity network overflows
    net = fastnn.Network([2, 3, 1], activation="identity")
    options = {"restarts": 24, "optimizer": EXAMPLES[name], "epochs": 20}
    tame = fastnn.train_many(net, *xor_problem()[1:], init=starts, **options)
    mixed = fastnn.train_many(net, *xor_problem()[1:], init=wild, **options)
    assert (mixed.status[::3] == fastnn.Status.DIVERGED).all()
    others = np.arange(24) % 3 > 0
    assert_same_bits(mixed[others], tame[others])


@pytest.mark.parametrize("name", EXAMPLES)
def test_pickled(name):
    copy = pickle.loads(pickle.dumps(EXAMPLES[name]))
    assert repr(copy) == repr(EXAMPLES[name])
    options = {"restarts": 5, "epochs": 10}
    expected = fastnn.train_many(*xor_problem(), optimizer=EXAMPLES[name], **options)
    assert_same_bits(fastnn.train_many(*xor_problem(), optimizer=copy, **options), expected)


def spread(low, high, whole=False):
    values = np.geomspace(low, high, 24)
    return np.round(values) if whole else values


SWEEPS = {
    # a function of a number or an array of numbers, and the numbers
    "rate": (GradientDescent, spread(0.01, 1)),
    "rate with momentum": (lambda x: GradientDescent(x, momentum=0.5), spread(0.01, 1)),
    "momentum": (lambda x: GradientDescent(0.1, momentum=x), spread(0.1, 1)),
    "nesterov": (lambda x: GradientDescent(0.1, momentum=x, nesterov=True), spread(0.1, 1)),
    "clip": (lambda x: GradientDescent(0.3, clip=x), spread(0.01, 1)),
    "first layer": (lambda x: GradientDescent(PerLayer(x, 0.1)), spread(0.01, 1)),
    "last layer": (lambda x: GradientDescent(PerLayer(0.1, x)), spread(0.01, 1)),
    "both layers": (lambda x: GradientDescent(PerLayer(x, 2 * x)), spread(0.01, 1)),
    "every": (lambda x: GradientDescent(0.3, schedule=StepDecay(x)), spread(1, 90, whole=True)),
    "step factor": (lambda x: GradientDescent(schedule=StepDecay(9, factor=x)), spread(0.01, 1)),
    "factor": (lambda x: GradientDescent(schedule=ExponentialDecay(x)), spread(0.5, 1)),
    "epochs": (lambda x: GradientDescent(schedule=CosineDecay(x)), spread(1, 90, whole=True)),
    "floor": (lambda x: GradientDescent(schedule=CosineDecay(20, floor=x)), spread(0.01, 1)),
    "increase": (lambda x: RPROP(increase=x), spread(1, 2)),
    "decrease": (lambda x: RPROP("Rprop+", decrease=x), spread(0.1, 1)),
    "initial_step": (lambda x: RPROP("iRprop+", initial_step=x), spread(1e-3, 1)),
    "min_step": (lambda x: RPROP("Rprop-", min_step=x), spread(1e-3, 1)),
    "max_step": (lambda x: RPROP(max_step=x), spread(0.01, 10)),
    "Quickprop's rate": (Quickprop, spread(0.01, 1)),
    "max_growth": (lambda x: Quickprop(0.1, max_growth=x), spread(0.1, 3)),
    "decay": (lambda x: Quickprop(0.1, decay=x), spread(1e-5, 0.1)),
    "Adam's rate": (Adam, spread(1e-3, 1)),
    "beta1": (lambda x: Adam(0.1, beta1=x), spread(0.1, 0.99)),
    "beta2": (lambda x: Adam(0.1, beta2=x), spread(0.1, 0.9999)),
    "epsilon": (lambda x: Adam(0.1, epsilon=x), spread(1e-10, 1)),
    "Adam's every": (lambda x: Adam(0.1, schedule=StepDecay(x)), spread(1, 90, whole=True)),
    "weight_decay": (lambda x: AdamW(0.1, weight_decay=x), spread(1e-3, 1)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps(name, dtype):
    """Restart k of a sweep has the bits of a run with the k-th number alone."""
    make, values = SWEEPS[name]
    options = {"epochs": 60, "dtype": dtype, "seed": 6}
    runs = fastnn.train_many(
        *xor_problem(), restarts=len(values), optimizer=make(values), **options
    )
    ends = set()
    for k in range(0, len(values), 3):
        alone = fastnn.train(*xor_problem(), restart=k, optimizer=make(values[k]), **options)
        assert_same_run(alone, runs, k)
        assert_same_run(runs.restart(k), runs, k)
        same_start = fastnn.train(*xor_problem(), optimizer=make(values[k]), **options)
        ends.add(same_start.parameters.tobytes())
    assert len(ends) > 3  # the number matters


def test_a_sweep_over_two_numbers_and_starts():
    rates, momenta = spread(0.01, 1), spread(0.1, 1)[::-1]
    sweep = GradientDescent(rates, momentum=momenta, schedule=CosineDecay(50, floor=rates / 2))
    init = fastnn.Uniform(-rates, momenta)
    runs = fastnn.train_many(*xor_problem(), restarts=24, optimizer=sweep, init=init, epochs=60)
    for k in (0, 9, 23):
        alone = fastnn.train(
            *xor_problem(), restart=k, epochs=60, init=fastnn.Uniform(-rates[k], momenta[k]),
            optimizer=GradientDescent(
                rates[k], momentum=momenta[k], schedule=CosineDecay(50, floor=rates[k] / 2)
            ),
        )  # fmt: skip
        assert_same_run(alone, runs, k)
