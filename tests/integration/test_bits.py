"""The bits of a restart depend only on the job and its index."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.spec.activations import ACTIVATIONS

NAMES = [activation.name for activation in ACTIVATIONS]
COUNT = 1000


@pytest.fixture(scope="module")
def job():
    """A thousand restarts that end at very different times, some of them in divergence."""
    rates = np.geomspace(0.02, 0.2, COUNT)
    rates[::9] = 1e308  # the second step overflows the weights
    net = fastnn.Network([2, 2, 1], activation=["sigmoid", "identity"])
    return {
        "net": net,
        "X": fastnn.datasets.xor()[0],
        "y": fastnn.datasets.xor()[1],
        "restarts": COUNT,
        "epochs": 400,
        "target_sse": 0.1,
        "seed": 11,
        "init": fastnn.Uniform(-2, 2),
        "optimizer": fastnn.GradientDescent(rates),
    }


@pytest.fixture(scope="module")
def expected(job):
    runs = fastnn.train_many(**job, threads=1)
    statuses = np.bincount(runs.status, minlength=4)
    assert statuses[fastnn.Status.EPOCH_LIMIT] > 50
    assert statuses[fastnn.Status.CONVERGED] > 50
    assert statuses[fastnn.Status.DIVERGED] > 50
    return runs


@pytest.mark.parametrize("threads", [2, 5])
def test_threads(job, expected, threads):
    assert_same_bits(fastnn.train_many(**job, threads=threads), expected)


@pytest.mark.parametrize("chunk", [1, 7, 33, 500, 10**6])
def test_chunks(job, expected, chunk):
    assert_same_bits(fastnn.train_many(**job, chunk=chunk), expected)


def test_own_executor(job, expected):
    with ThreadPoolExecutor(3) as executor:
        assert_same_bits(fastnn.train_many(**job, executor=executor), expected)
        assert executor.submit(int).result() == 0  # still alive


@pytest.mark.parametrize("lanes", [1, 2, 8, 16, 32])
def test_lanes_and_order(job, expected, lanes):
    made = make_job(**job)
    bounds = [(600, 1000), (3, 600), (1, 3), (0, 1)]
    parts = [train_chunk(made, start, stop, lanes=lanes) for start, stop in bounds][::-1]
    for name in ("parameters", "loss", "epochs", "status"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        column = getattr(expected, name)
        if joined.dtype.kind == "f":
            joined, column = bits(joined), bits(column)
        np.testing.assert_array_equal(joined, column)


def test_alone(job, expected):
    for k in range(COUNT):
        run = expected.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(expected.parameters[k]))
        assert bits(np.float64(run.loss)) == bits(expected.loss[k])
        assert (run.epochs, run.status) == (expected.epochs[k], expected.status[k])
        assert len(run.history) == run.epochs + 1


def test_beside_other_neighbours(job, expected):
    healthy = np.setdiff1d(np.arange(COUNT), np.arange(0, COUNT, 9))
    rates = np.asarray(job["optimizer"].learning_rate).copy()
    rates[::9] = 0.1
    runs = fastnn.train_many(**{**job, "optimizer": fastnn.GradientDescent(rates)})
    assert not (runs.status == fastnn.Status.DIVERGED).any()
    assert_same_bits(runs[healthy], expected[healthy])


def test_first_and_number_of_restarts(job, expected):
    rates = np.asarray(job["optimizer"].learning_rate)[200:300]
    part = {**job, "restarts": 100, "first": 200, "optimizer": fastnn.GradientDescent(rates)}
    assert_same_bits(fastnn.train_many(**part), expected[200:300])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_few_restarts_use_another_kernel(dtype, xor, exercise):
    runs = fastnn.train_many(*xor, restarts=50, epochs=300, dtype=dtype, **exercise)
    few = fastnn.train_many(*xor, restarts=2, first=30, epochs=300, dtype=dtype, **exercise)
    assert_same_bits(few, runs[30:32])


@pytest.mark.thorough
@given(
    sizes=st.lists(st.integers(1, 6) | st.integers(7, 35), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=3),
    bias=st.booleans(),
    samples=st.integers(1, 30),
    seed=st.integers(0, 2**64 - 1),
    dtype=st.sampled_from(["float64", "float32"]),
)
@settings(max_examples=60, deadline=None)
def test_any_problem_in_lanes_has_the_bits_of_one_network(sizes, names, bias, samples, seed, dtype):
    net = fastnn.Network(sizes, activation=names[: len(sizes) - 1], bias=bias)
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    runs = fastnn.train_many(
        net, X, y, restarts=40, epochs=15, seed=seed, dtype=dtype,
        optimizer=fastnn.GradientDescent(0.3), target_sse=0.1 * samples,
    )  # fmt: skip
    for k in (0, 17, 39):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])


def test_stored_nans_are_canonical():
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    # Both products overflow, with opposite signs: infinity minus infinity in the first gradient.
    runs = fastnn.train_many(
        net, [[1e200], [1e200]], [[1e154], [-1e154]], restarts=8, epochs=3,
        init=fastnn.Uniform(0, 0),
    )  # fmt: skip
    assert (runs.status == fastnn.Status.DIVERGED).all()
    for values in (runs.parameters, runs.loss):
        nans = bits(values[np.isnan(values)])
        assert (nans == bits(np.array(np.nan))).all()
