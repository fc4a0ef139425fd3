"""Losses, penalties and sample weights against the NumPy reference, by every kernel."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from loss_examples import LOSSES, PENALTIES, RESTARTS, WEIGHTS, one, problem, settings

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

EPOCHS = 200


def relative(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


def assert_near(run, expected, tolerance=1e-9):
    assert (run.epochs, run.status) == (expected.epochs, expected.status)
    assert relative(run.history, expected.history) <= tolerance
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=tolerance, atol=tolerance)
    assert run.loss == run.history[-1]
    assert run.sse == pytest.approx(expected.sse, rel=tolerance)


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", LOSSES)
def test_agreement_with_the_reference(name, penalty, weighting):
    arguments = settings(name, penalty, epochs=EPOCHS)
    runs = fastnn.train_many(
        *problem(name), sample_weight=WEIGHTS[weighting], restarts=RESTARTS, **arguments
    )
    for k in (1, 10):
        expected = one(fastnn.reference.train, name, k, weighting, **arguments)
        run = one(fastnn.train, name, k, weighting, **arguments)
        assert len(run.history) == EPOCHS + 1
        assert_near(run, expected)
        assert run.history[-1] < 0.99 * run.history[0]
        # In lanes, bit for bit, and again alone.
        np.testing.assert_array_equal(bits(runs.parameters[k]), bits(run.parameters))
        assert runs.loss[k] == run.loss
        assert runs.sse[k] == pytest.approx(run.sse, rel=1e-14)
        np.testing.assert_array_equal(bits(runs.restart(k).history), bits(run.history))
        if weighting in ("none", "common", "by restart"):
            side_by_side = one(fastnn.train, name, k, weighting, parallel="samples", **arguments)
            assert_near(side_by_side, expected)


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("penalty", ["none", "biases"])
@pytest.mark.parametrize("name", LOSSES)
def test_float32(name, penalty, weighting):
    arguments = settings(name, penalty, epochs=40, dtype="float32")
    runs = fastnn.train_many(
        *problem(name), sample_weight=WEIGHTS[weighting], restarts=RESTARTS, **arguments
    )
    for k in (1, 10):
        run = one(fastnn.train, name, k, weighting, **arguments)
        assert run.parameters.dtype == run.history.dtype == np.float32
        np.testing.assert_array_equal(bits(runs.parameters[k]), bits(run.parameters))
        assert_near(run, one(fastnn.reference.train, name, k, weighting, **arguments), 1e-3)
        double = one(fastnn.train, name, k, weighting, **{**arguments, "dtype": "float64"})
        np.testing.assert_allclose(run.history, double.history, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_lanes_chunks_and_threads_change_no_bit(name, weighting, dtype):
    arguments = {
        **settings(name, "biases", epochs=25, dtype=dtype),
        "sample_weight": WEIGHTS[weighting],
        "restarts": RESTARTS,
    }
    expected = fastnn.train_many(*problem(name), **arguments, threads=1)
    for options in ({"threads": 2}, {"chunk": 1}, {"chunk": 5, "threads": 3}):
        assert_same_bits(fastnn.train_many(*problem(name), **arguments, **options), expected)
    job = make_job(*problem(name), **arguments)
    for lanes in (1, 2, 8) if WEIGHTS[weighting] is None else (2, 8):
        part = train_chunk(job, 3, 9, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[3:9]))
        np.testing.assert_array_equal(bits(part.loss), bits(expected.loss[3:9]))


@pytest.mark.parametrize("weighting", ["none", "common"])
@pytest.mark.parametrize("name", LOSSES)
def test_samples_side_by_side(name, weighting):
    """Several runs and tiles, a number of samples that fills no vector, and two threads."""
    net, X, y = problem(name, samples=1203)
    arguments = settings(name, "per layer", epochs=30, parallel="samples")
    arguments["optimizer"] = fastnn.GradientDescent(1e-4 if name == "SSE" else 0.02)
    if weighting == "common":
        arguments["sample_weight"] = np.random.default_rng(0).uniform(size=len(X))
    run = fastnn.train(net, X, y, threads=1, **arguments)
    other = fastnn.train(net, X, y, threads=2, **arguments)
    np.testing.assert_array_equal(bits(run.history), bits(other.history))
    runs = fastnn.train_many(net, X, y, restarts=4, **arguments)
    np.testing.assert_array_equal(bits(runs.parameters[0]), bits(run.parameters))
    del arguments["parallel"]
    assert_near(run, fastnn.reference.train(net, X, y, **arguments))
    in_order = fastnn.train(net, X, y, **arguments)
    assert_near(run, in_order, 1e-11)


@pytest.mark.parametrize("name", LOSSES)
def test_tiles_of_samples_change_no_bit(name, in_tiles):
    net, X, y = problem(name, samples=203)
    arguments = settings(name, "l2", epochs=10, restarts=9, sample_weight=fastnn.Bootstrap())
    whole = fastnn.train_many(net, X, y, **arguments)
    for n_bytes in (1, 9000, 30000):
        tiled = in_tiles(n_bytes, lambda: fastnn.train_many(net, X, y, **arguments))
        assert_same_bits(tiled, whole)


def test_losses_are_given_as_objects_classes_or_names():
    options = {"epochs": 5, "seed": 1}
    for name, text in {
        "SSE": "sse",
        "MSE": "mse",
        "Huber": "huber",
        "BinaryCrossEntropy": "binary_cross_entropy",
        "CrossEntropy": "cross_entropy",
    }.items():
        histories = [
            fastnn.train(*problem(name), loss=loss, **options).history
            for loss in (LOSSES[name][0](), text, text.upper())
        ]
        assert (histories[0] == histories[1]).all()
        assert (histories[0] == histories[2]).all()
    plain = fastnn.train(*problem("SSE"), **options)
    named = fastnn.train(*problem("SSE"), loss="sse", **options)
    assert (plain.history == named.history).all()


def test_scales():
    """The MSE is the SSE over the numbers of samples and outputs; so are rates and penalties."""
    net, X, y = problem("SSE")
    count = y.size
    options = {"epochs": 50, "seed": 4}
    total = fastnn.train(net, X, y, loss=fastnn.SSE(l2=0.42 * count),
                         optimizer=fastnn.GradientDescent(0.05 / count), **options)  # fmt: skip
    mean = fastnn.train(net, X, y, loss=fastnn.MSE(l2=0.42),
                        optimizer=fastnn.GradientDescent(0.05), **options)  # fmt: skip
    np.testing.assert_allclose(total.history, count * mean.history, rtol=1e-12)
    assert total.sse == pytest.approx(mean.sse)
    wide = fastnn.train(net, X, y, loss=fastnn.Huber(delta=1e9),
                        optimizer=fastnn.GradientDescent(0.1), **options)  # fmt: skip
    half = fastnn.train(net, X, y, loss="mse",
                        optimizer=fastnn.GradientDescent(0.05), **options)  # fmt: skip
    np.testing.assert_allclose(2 * wide.history, half.history, rtol=1e-12)


def test_sse_is_that_of_the_errors_whatever_the_loss():
    for name in LOSSES:
        arguments = settings(name, "biases", epochs=20, sample_weight=WEIGHTS["common"])
        net, X, y = problem(name)
        run = fastnn.train(net, X, y, **arguments)
        assert run.sse == pytest.approx(((run.predict(X) - y) ** 2).sum(), rel=1e-13)
        assert abs(run.sse / run.loss - 1) > 1e-3
        runs = fastnn.train_many(net, X, y, restarts=6, **arguments)
        errors = runs.predict(X, "all") - y
        np.testing.assert_allclose(runs.sse, (errors**2).sum(axis=(1, 2)), rtol=1e-13)
        assert runs.best.sse == pytest.approx(runs.sse[runs.best.restart])
