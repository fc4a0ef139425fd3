"""Levenberg-Marquardt: bits, numbers for each restart, other stopping rules, and bad input."""

import re
from functools import cache

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from levenberg_marquardt_examples import FORMS, random_problem

import fastnn
from fastnn import Bootstrap, LevenbergMarquardt, Status
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough

DTYPES = ("float64", "float32")
RESTARTS = 60
# Restarts end at many epochs and in three ways, so that lanes are refilled.
OPTIONS = {"epochs": 25, "seed": 2, "sample_weight": Bootstrap()}
LOSSES = {"primal": 0.7, "dual": 0.01}


def options_of(form):
    optimizer = LevenbergMarquardt(gradient_tolerance=0.1, max_damping=0.5, step_tolerance=1e-3)
    return {**OPTIONS, "optimizer": optimizer, "stop": fastnn.LossBelow(LOSSES[form])}


@cache
def runs_of(form, dtype):
    runs = fastnn.train_many(
        *FORMS[form], restarts=RESTARTS, dtype=dtype, threads=1, **options_of(form)
    )
    assert runs.parameters.dtype == dtype
    assert {Status.GRADIENT, Status.CONVERGED, Status.STALLED} <= set(runs.status.tolist())
    assert len(set(runs.epochs)) > 5
    return runs


def assert_same_run(run, runs, k):
    np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
    assert (run.loss, run.epochs, run.status) == (runs.loss[k], runs.epochs[k], runs.status[k])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_restart_alone(form, dtype):
    runs = runs_of(form, dtype)
    for k in range(RESTARTS):
        assert_same_run(runs.restart(k), runs, k)
    one = fastnn.train(*FORMS[form], restart=41, dtype=dtype, **options_of(form))
    assert_same_run(one, runs, 41)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
def test_threads_and_chunks(form, dtype):
    for more in ({"threads": 2}, {"chunk": 1}, {"chunk": 7, "threads": 3}):
        runs = fastnn.train_many(
            *FORMS[form], restarts=RESTARTS, dtype=dtype, **options_of(form), **more
        )
        assert_same_bits(runs, runs_of(form, dtype))


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("lanes", [2, 8, 16, 48])
@pytest.mark.parametrize("form", FORMS)
def test_lanes(form, lanes, dtype):
    expected = runs_of(form, dtype)
    job = make_job(*FORMS[form], restarts=RESTARTS, dtype=dtype, **options_of(form))
    for start, stop in ((0, RESTARTS), (33, 50)):
        part = train_chunk(job, start, stop, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[start:stop]))
        np.testing.assert_array_equal(part.epochs, expected.epochs[start:stop])
        np.testing.assert_array_equal(part.status, expected.status[start:stop])


@pytest.mark.parametrize("lanes", [8, 64])
def test_all_samples_have_room(lanes):
    """Of a network with many residuals, and fewer than parameters, no tile is made."""
    net, X, y = random_problem([3, 60, 1], 250)
    options = {"optimizer": LevenbergMarquardt(), "epochs": 4}
    job = make_job(net, X, y, restarts=64, **options)
    part = train_chunk(job, 0, 64, lanes=lanes)
    for k in (0, 63):
        expected = fastnn.reference.train(net, X, y, restart=k, **options)
        assert part.loss[k] == pytest.approx(expected.loss, rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_float32_is_near_float64(form):
    options = {"optimizer": LevenbergMarquardt(), "epochs": 6}
    single = fastnn.train(*FORMS[form], dtype="float32", **options)
    double = fastnn.train(*FORMS[form], **options)
    np.testing.assert_allclose(single.history, double.history, rtol=0.01)


SWEEPS = {
    "damping": np.geomspace(1e-4, 10, 24),
    "increase": np.geomspace(1, 100, 24),
    "decrease": np.linspace(0, 1, 24),
    "min_damping": np.geomspace(1e-5, 0.05, 24),
    "max_damping": np.geomspace(1e-3, 1, 24),
    "gradient_tolerance": np.concatenate([[0.0], np.geomspace(1e-3, 10, 23)]),
    "step_tolerance": np.concatenate([[0.0], np.geomspace(1e-5, 1, 23)]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SWEEPS)
def test_sweeps(name, form, dtype):
    """Restart k of a sweep has the bits of a run with the k-th number alone."""
    net, X, y = FORMS[form]
    options = {"epochs": 15, "dtype": dtype}
    start = fastnn.train(net, X, y, epochs=0, restart=5).parameters
    others = {} if name == "damping" else {"damping": 1e-3}  # of which many trials are rejected
    sweep = LevenbergMarquardt(**{name: SWEEPS[name]}, **others)
    starts = np.tile(start, (24, 1))
    runs = fastnn.train_many(net, X, y, restarts=24, init=starts, optimizer=sweep, **options)
    for k in range(24):
        alone = LevenbergMarquardt(**{name: SWEEPS[name][k]}, **others)
        run = fastnn.train(net, X, y, init=start, optimizer=alone, **options)
        assert_same_run(run, runs, k)
    ends = zip(runs.epochs, runs.parameters, strict=True)
    assert len({(epochs, row.tobytes()) for epochs, row in ends}) > 2  # the number matters


def test_a_sweep_over_two_numbers_and_starts():
    dampings, increases = np.geomspace(1e-3, 1, 24), np.geomspace(2, 20, 24)
    net, X, y = FORMS["primal"]
    sweep = LevenbergMarquardt(dampings, increase=increases)
    runs = fastnn.train_many(net, X, y, restarts=24, optimizer=sweep, epochs=15)
    for k in (0, 9, 23):
        alone = LevenbergMarquardt(dampings[k], increase=increases[k])
        run = fastnn.train(net, X, y, restart=k, optimizer=alone, epochs=15)
        assert_same_run(run, runs, k)


VALIDATION = random_problem([2, 3, 1], 60, seed=1)[1:], random_problem([3, 5, 2], 60, seed=1)[1:]
RULES = {
    # loss, stop, and the status of the restarts that the rule ends
    "ErrorsWithin": ("SSE", fastnn.ErrorsWithin(0.42), Status.CONVERGED),
    "SSEBelow": ("MSE", fastnn.SSEBelow(2.0), Status.CONVERGED),
    "GradientBelow": ("SSE", fastnn.GradientBelow(0.3), Status.GRADIENT),
    "NoProgress": ("SSE", fastnn.NoProgress(2), Status.STALLED),
    "MeanLossBelow": ("MSE", fastnn.MeanLossBelow(0.3, last=3), Status.CONVERGED),
    "Validation": ("MSE", fastnn.Validation(2), Status.VALIDATION),
    "all": (
        "SSE",
        [fastnn.NoProgress(3), fastnn.ErrorsWithin(0.35), fastnn.Validation(6)],
        Status.STALLED,
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", RULES)
def test_rules(name, form, weighted):
    """Rules look at the accepted parameters, and the validation loss harms no system."""
    loss, stop, status = RULES[name]
    net, X, y = FORMS[form]
    options = {
        "optimizer": LevenbergMarquardt(), "loss": getattr(fastnn, loss)(), "stop": stop,
        "epochs": 12,
    }  # fmt: skip
    if name in ("Validation", "all"):
        options["validation"] = VALIDATION[form == "dual"]
    if weighted:
        options["sample_weight"] = Bootstrap()
    runs = fastnn.train_many(net, X, y, restarts=40, **options)
    expected = fastnn.reference.train_many(net, X, y, restarts=40, **options)
    same = (runs.epochs == expected.epochs) & (runs.status == expected.status)
    assert (same | (runs.loss < 1e-20)).all()  # a loss that is a rounding error falls by chance
    np.testing.assert_allclose(runs.loss, expected.loss, rtol=1e-6, atol=1e-12)
    assert (runs.status == status).sum() >= 3
    for k in (0, 21, 39):
        assert_same_run(runs.restart(k), runs, k)


def test_a_rejected_trial_meets_no_rule():
    """Its errors may all be within a tolerance that the accepted ones are not."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 1)), rng.uniform(-0.5, 0.5, (12, 1))
    net = fastnn.Network([1, 2, 1], activation="tanh")
    for tolerance in (0.3, 0.35, 0.4, 0.45):
        runs = fastnn.train_many(
            net, X, y, restarts=1000, epochs=40, stop=fastnn.ErrorsWithin(tolerance),
            optimizer=LevenbergMarquardt(damping=1e-3),
        )  # fmt: skip
        errors = np.abs(runs.predict(X, "all") - y).max(axis=(1, 2))
        np.testing.assert_array_equal(errors < tolerance, runs.status == Status.CONVERGED)


TINY = "1.17549435e-38"
# Every number: its name, values out of bounds, and the bounds as the message has them.
NUMBERS = [
    ("damping", (0, -1, 1e-300), f">= {TINY}"),
    ("increase", (0.99, 0, -2), ">= 1"),
    ("decrease", (-0.1, 1.01), "from 0 to 1"),
    ("min_damping", (0, -1), f">= {TINY}"),
    ("max_damping", (0, -1), f">= {TINY}"),
    ("gradient_tolerance", (-1e-9,), ">= 0"),
    ("step_tolerance", (-1e-9,), ">= 0"),
]
INPUT = fastnn.Network([2, 2, 1]), *fastnn.datasets.xor()


def raises(exception, message):
    return pytest.raises(exception, match="^" + re.escape(message))


@pytest.mark.parametrize(("name", "outside", "bounds"), NUMBERS)
def test_bad_numbers(name, outside, bounds):
    for value in outside:
        message = f"{name}: expected numbers {bounds}, got {float(value)!r}"
        for bad in (value, [1.0, value, value]):
            with raises(ValueError, message):
                LevenbergMarquardt(**{name: bad})
    for value, exception, message in [
        (True, TypeError, "real numbers, got dtype bool"),
        (None, TypeError, "real numbers, got dtype object"),
        ("small", TypeError, "real numbers, got dtype <U5"),
        (1j, TypeError, "real numbers, got dtype complex128"),
        (np.nan, ValueError, "finite float64 numbers, got nan"),
        ([1, np.inf], ValueError, "finite float64 numbers, got inf at index (1,)"),
        ([], ValueError, "a number or an array of shape (restarts,), got an array of shape (0,)"),
        ([[1.0]], ValueError, "a number or an array of shape (restarts,), got an array of shape"),
        (fastnn.PerLayer(1, 1), TypeError, "a number or an array of shape (restarts,), got PerLa"),
    ]:
        with raises(exception, f"{name}: expected {message}"):
            LevenbergMarquardt(**{name: value})
    optimizer = LevenbergMarquardt(**{name: np.ones(3)})
    where = f"LevenbergMarquardt({name}=): expected a number or an array of shape "
    with raises(ValueError, f"{where}(4,), one for each restart, got an array of shape (3,)"):
        fastnn.train_many(*INPUT, restarts=4, optimizer=optimizer)
    with raises(ValueError, f"{where}(1,)"):
        fastnn.train(*INPUT, optimizer=optimizer)


def train(net=INPUT[0], X=INPUT[1], y=INPUT[2], numbers=None, **options):
    return fastnn.train(net, X, y, optimizer=LevenbergMarquardt(**numbers or {}), **options)


BINARY = fastnn.Network([2, 2, 1], activation=["tanh", "sigmoid"])
LARGE = fastnn.Network([2, 125, 1])  # 501 parameters
CASES = [
    (lambda: train(LARGE), "optimizer: expected at most 500 parameters for LevenbergMarquardt, got "
     "501 in Network([2, 125, 1]"),
    (lambda: train(loss=fastnn.Huber()), "loss: expected SSE or MSE without penalties with Levenb"),
    (lambda: train(BINARY, loss=fastnn.BinaryCrossEntropy()), "loss: expected SSE or MSE without"),
    (lambda: train(loss=fastnn.SSE(l2=0.1)), "loss: expected SSE or MSE without penalties with Le"),
    (lambda: train(loss=fastnn.MSE(l1=0.1)), "loss: expected SSE or MSE without penalties with Le"),
    (lambda: train(batch_size=2), "batch_size: expected None with LevenbergMarquardt, which needs"),
    (lambda: train(parallel="samples"), "parallel: 'samples' is not available with"),
    (lambda: train(numbers={"max_damping": 1e60}, dtype="float32"),
     "LevenbergMarquardt: expected numbers that fit float32"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(call, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    with raises(ValueError, message):
        call()


def test_the_outermost_input_is_allowed():
    net = fastnn.Network([3, 100, 1], bias=False)  # 400 parameters
    X = np.random.default_rng(0).normal(size=(3, 3))
    assert train(net, X, [1.0, 0.5, 0.0], epochs=20).loss < 1e-3
    assert train(batch_size=4, epochs=3).epochs == 3  # all samples
    least = float(np.finfo(np.float32).tiny)
    for dtype in DTYPES:
        for numbers in (
            {"damping": least, "min_damping": least, "decrease": 0},
            {"increase": 1, "decrease": 1, "max_damping": 1},
        ):
            run = train(numbers=numbers, dtype=dtype, epochs=9)
            assert np.isfinite(run.parameters).all()
            assert run.loss <= run.history[0]
