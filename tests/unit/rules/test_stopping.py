"""Stopping rules: their meaning, epoch by epoch, and every kernel against the reference."""

import itertools

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from stopping_examples import (
    EPOCHS,
    LARGE_VALIDATION,
    NET,
    RATE,
    RESTARTS,
    RULES,
    VALIDATION,
    X,
    Y,
    options,
    side_by_side,
)

import fastnn
from fastnn import (
    ErrorsWithin,
    GradientBelow,
    GradientDescent,
    LossBelow,
    MeanLossBelow,
    NoProgress,
    SSEBelow,
    Status,
    Validation,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

thorough = pytest.mark.thorough


def assert_near(found, expected):
    np.testing.assert_array_equal(found.epochs, expected.epochs)
    np.testing.assert_array_equal(found.status, expected.status)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-9)
    np.testing.assert_allclose(found.sse, expected.sse, rtol=1e-9)
    np.testing.assert_allclose(found.parameters, expected.parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_agreement_with_the_reference(name):
    arguments = options(name)
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, **arguments)
    expected = fastnn.reference.train_many(NET, X, Y, restarts=RESTARTS, **arguments)
    assert_near(runs, expected)
    assert set(runs.status) <= {RULES[name][1], Status.EPOCH_LIMIT}
    assert (runs.status == RULES[name][1]).sum() > 10
    for k in (0, 3, 8):
        expected = fastnn.reference.train(NET, X, Y, restart=k, **arguments)
        for parallel in ("restarts", "samples")[: 1 + side_by_side(name)]:
            run = fastnn.train(NET, X, Y, restart=k, parallel=parallel, **arguments)
            assert_near(run, expected)
            assert len(run.history) == len(expected.history) == run.epochs + 1
            np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)


@thorough
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RULES)
def test_every_restart_alone_has_the_same_bits(name, dtype):
    runs = fastnn.train_many(NET, X, Y, restarts=RESTARTS, dtype=dtype, **options(name))
    assert (runs.status == RULES[name][1]).sum() > 10
    for k in range(RESTARTS):
        for run in (
            runs.restart(k),
            fastnn.train(NET, X, Y, restart=k, dtype=dtype, **options(name)),
        ):
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            assert (run.loss, run.epochs) == (runs.loss[k], runs.epochs[k])
            assert run.status == runs.status[k]
    again = fastnn.train_many(
        NET, X, Y, restarts=RESTARTS, dtype=dtype, threads=3, chunk=7, **options(name)
    )
    assert_same_bits(again, runs)
    job = make_job(NET, X, Y, restarts=RESTARTS, dtype=dtype, **options(name))
    for lanes in (2, 8, 16):
        part = train_chunk(job, 4, 33, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(runs.parameters[4:33]))
        np.testing.assert_array_equal(part.epochs, runs.epochs[4:33])
        np.testing.assert_array_equal(part.status, runs.status[4:33])


@thorough
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [name for name in RULES if side_by_side(name)])
def test_samples_side_by_side(name, dtype):
    rng = np.random.default_rng(1)
    more = rng.normal(size=(300, 3)), 0.3 * rng.normal(size=(300, 2))
    rules = {
        "LossBelow": LossBelow(60),
        "SSEBelow": SSEBelow(60),
        "GradientBelow": GradientBelow(5),
        "NoProgress, longer": NoProgress(10, min_improvement=1),
    }
    arguments = {
        **options(name, parallel="samples", dtype=dtype),
        "stop": rules.get(name, RULES[name][0]),
        "optimizer": GradientDescent(RATE / 15),
    }
    runs = fastnn.train_many(NET, *more, restarts=10, **arguments)
    assert (runs.status == RULES[name][1]).any()
    for k in range(10):
        for run in (
            runs.restart(k),
            fastnn.train(NET, *more, restart=k, threads=1, **arguments),
            fastnn.train(NET, *more, restart=k, threads=2, **arguments),
        ):
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])


def trajectory(k, **more):
    """Losses, parameters and errors of restart k at the start of every epoch, without rules."""
    arguments = {"optimizer": GradientDescent(RATE), "restart": k, **more}
    runs = [fastnn.train(NET, X, Y, epochs=epoch, **arguments) for epoch in range(EPOCHS + 1)]
    losses = [run.loss for run in runs]
    return losses, [run.parameters for run in runs], [run.predict(X) - Y for run in runs]


def first(conditions):
    """The epoch of the first condition that holds, or the last epoch."""
    return next((epoch for epoch, holds in enumerate(conditions) if holds), EPOCHS)


def without_progress(values, epochs, improvement):
    """Whether `values` have not fallen for so long, epoch by epoch."""
    best, since = np.inf, 0
    for value in values:
        if value < best - improvement:
            best, since = value, 0
        else:
            since += 1
        yield since >= epochs


def validation_losses(parameters, data=VALIDATION):
    return [((fastnn.reference.predict(NET, p, data[0]) - data[1]) ** 2).sum() for p in parameters]


@thorough
@pytest.mark.parametrize("k", [0, 2, 6])
def test_epochs_are_those_before_the_pass_that_satisfied_the_rule(k):
    losses, parameters, errors = trajectory(k)
    gradients = [(a - b) / RATE for a, b in itertools.pairwise(parameters)]
    norms = [np.linalg.norm(gradient) for gradient in gradients]
    means = [np.mean(losses[max(0, e - 6) : e + 1]) for e in range(EPOCHS + 1)]
    expected = {
        "LossBelow": first(loss < 4.5 for loss in losses),
        "SSEBelow": first((error**2).sum() < 4.6 for error in errors),
        "ErrorsWithin": first(np.abs(error).max() < 1.15 for error in errors),
        "GradientBelow": first(norm < 1.0 for norm in norms),
        "NoProgress": first(without_progress(losses, 5, 0.05)),
        "NoProgress, longer": first(without_progress(losses, 10, 0.06)),
        "MeanLossBelow": first(e >= 6 and mean < 0.3 * losses[0] for e, mean in enumerate(means)),
        "MeanLossBelow of one": first(loss < 0.3 * losses[0] for loss in losses),
        "MeanLossBelow at the end": EPOCHS,
        "SumOfLosses": EPOCHS,
        "Validation": first(without_progress(validation_losses(parameters), 5, 0)),
        "Validation, improvement": first(without_progress(validation_losses(parameters), 3, 0.05)),
    }
    assert set(expected) == set(RULES)
    for name, epoch in expected.items():
        run = fastnn.train(NET, X, Y, restart=k, **options(name))
        assert run.epochs == epoch, name
        if epoch < EPOCHS:
            assert run.status == RULES[name][1]
        if not name.startswith("Validation"):
            assert run.loss == losses[epoch]
            np.testing.assert_array_equal(bits(run.parameters), bits(parameters[epoch]))


@thorough
@pytest.mark.parametrize("data", [VALIDATION, LARGE_VALIDATION], ids=["few", "many"])
@pytest.mark.parametrize(
    "rule", [Validation(5), Validation(3, min_improvement=0.05), Validation(1000)], ids=repr
)
def test_validation_keeps_the_best(rule, data):
    """The parameters of the lowest loss on the validation set, and their loss on the data."""
    for k in (0, 2, 5):
        losses, parameters, _ = trajectory(k)
        values = validation_losses(parameters, data)
        end = first(without_progress(values, rule.patience, rule.min_improvement))
        best, kept = np.inf, 0
        for epoch in range(end + 1):
            if values[epoch] < best - rule.min_improvement:
                best, kept = values[epoch], epoch
        arguments = options(restart=k, stop=rule, validation=data)
        run = fastnn.train(NET, X, Y, **arguments)
        assert run.epochs == end
        assert run.status == (Status.VALIDATION if end < EPOCHS else Status.EPOCH_LIMIT)
        np.testing.assert_array_equal(bits(run.parameters), bits(parameters[kept]))
        assert run.loss == losses[kept]
        assert run.sse == run.loss
        np.testing.assert_array_equal(run.history, losses[: end + 1])
        assert_near(run, fastnn.reference.train(NET, X, Y, **arguments))


@thorough
def test_validation_is_judged_by_the_loss_without_penalties_and_weights():
    weights = np.random.default_rng(0).uniform(size=20)
    for loss in (fastnn.MSE(l2=0.01), fastnn.Huber(l1=0.003, delta=0.3), fastnn.SSE(l2=0.1)):
        for given in (weights, fastnn.Bootstrap(), fastnn.KFold(3), None):
            arguments = options(
                "Validation", loss=loss, sample_weight=given,
                optimizer=GradientDescent(0.005 if loss.name == "SSE" else 0.2),
            )  # fmt: skip
            runs = fastnn.train_many(NET, X, Y, restarts=12, **arguments)
            expected = fastnn.reference.train_many(NET, X, Y, restarts=12, **arguments)
            assert_near(runs, expected)
            assert (runs.status == Status.VALIDATION).any()
            for k in (0, 11):
                run = runs.restart(k)
                np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
                if loss.name == "MSE" and given is None:
                    errors = run.predict(X) - Y
                    penalty = 0.01 * sum((w**2).sum() for w in run.weights)
                    assert run.loss == pytest.approx((errors**2).mean() + penalty)


@thorough
def test_a_validation_set_like_the_data_stops_only_where_the_loss_does():
    arguments = options("Validation", validation=(X, Y))
    run = fastnn.train(NET, X, Y, **arguments)
    assert run.status == Status.EPOCH_LIMIT
    assert run.loss == run.history[-1] == run.history.min()


@thorough
def test_classes_by_softmax_with_validation():
    rng = np.random.default_rng(3)
    net = fastnn.Network([3, 6, 3], activation=["tanh", "softmax"])
    inputs, classes = rng.normal(size=(60, 3)), np.eye(3)[rng.integers(0, 3, 60)]
    arguments = {
        "loss": "cross_entropy", "stop": [Validation(4), ErrorsWithin(0.8), SSEBelow(23.0)],
        "validation": (inputs[40:], classes[40:]), "optimizer": fastnn.Adam(0.03), "epochs": 100,
    }  # fmt: skip
    runs = fastnn.train_many(net, inputs[:40], classes[:40], restarts=12, **arguments)
    expected = fastnn.reference.train_many(net, inputs[:40], classes[:40], restarts=12, **arguments)
    assert_near(runs, expected)
    assert set(runs.status) == {Status.VALIDATION, Status.CONVERGED}


@thorough
@pytest.mark.parametrize("optimizer", [fastnn.LevenbergMarquardt(1e-3), fastnn.LBFGS()])
def test_optimizers_that_try_steps(optimizer):
    """Rules look at accepted parameters, not at trials that are rejected."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    other = rng.normal(size=(30, 2)), rng.normal(size=(30, 1))
    for sizes in ([2, 3, 1], [2, 1]):  # more parameters than residuals, and fewer
        net = fastnn.Network(sizes, activation=["tanh", "identity"][: len(sizes) - 1])
        for rule in (
            ErrorsWithin(0.9), ErrorsWithin(1.1), ErrorsWithin(1.6), GradientBelow(0.5),
            MeanLossBelow(0.3, last=3), NoProgress(4, min_improvement=0.3),
            Validation(4, min_improvement=1e-6), Validation(8, min_improvement=0.01),
        ):  # fmt: skip
            arguments = {"optimizer": optimizer, "epochs": 25, "stop": rule, "restarts": 40}
            if isinstance(rule, Validation):
                arguments["validation"] = other
            runs = fastnn.train_many(net, inputs, targets, **arguments)
            expected = fastnn.reference.train_many(net, inputs, targets, **arguments)
            same = (runs.status == expected.status) & (runs.epochs == expected.epochs)
            assert same.all(), (rule, np.flatnonzero(~same))
            if isinstance(rule, ErrorsWithin):
                ended = runs.status == Status.CONVERGED
                errors = np.abs(runs.predict(inputs, "all") - targets).max(axis=(1, 2))
                assert (errors[ended] < rule.tolerance).all()
                assert (errors[runs.status == Status.EPOCH_LIMIT] >= rule.tolerance).all()
            for k in (0, 9, 18):
                run = runs.restart(k)
                np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
                assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
