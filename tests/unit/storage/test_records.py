"""Jobs as records and back: the same digest and bits, and only ValueError for nonsense."""

import copy
import json
import pickle

import numpy as np
import optimizer_examples
import pytest
import stopping_examples
from conftest import bits
from loss_examples import ALL_LOSSES, PENALTIES, WEIGHTS

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.job.record import job_digest, job_of, job_record, network_of, network_record
from fastnn.optimizers import OPTIMIZERS
from fastnn.optimizers.schedules import SCHEDULES
from fastnn.rules import RULES
from fastnn.spec import losses
from fastnn.spec.grid import Grid
from fastnn.starts import INITIALIZATIONS

NET = fastnn.Network([3, 4, 2], activation=["tanh", "sigmoid"])
RNG = np.random.default_rng(11)
N = 12
X, Y = RNG.normal(size=(21, 3)), RNG.uniform(0.1, 0.9, size=(21, 2))
RATES = np.geomspace(1e-3, 0.1, N)
OPTIMIZER_EXAMPLES = [
    *optimizer_examples.EXAMPLES.values(), fastnn.LevenbergMarquardt(),
    fastnn.LevenbergMarquardt(damping=RATES), fastnn.LBFGS(), fastnn.GradientDescent(RATES),
    fastnn.GradientDescent(fastnn.PerLayer(RATES, 0.01)),
]  # fmt: skip
INIT_EXAMPLES = [
    *(kind() for kind in INITIALIZATIONS), fastnn.Uniform(-0.5, RATES), fastnn.Normal(0.3),
    fastnn.HeNormal(gain=RATES), RNG.normal(size=(N, NET.n_parameters)),
    RNG.normal(size=NET.n_parameters),
]  # fmt: skip
RULE_EXAMPLES = [rule for rule, _ in stopping_examples.RULES.values()]
SOFTMAX = fastnn.Network([3, 4, 2], activation=["tanh", "softmax"])
SHARES = np.stack([Y[:, 0], 1 - Y[:, 0]], axis=1)
VALIDATION = X[:5] + 0.1, Y[:5]


def job(**options):
    options = {"restarts": N, "epochs": 6, "seed": 4, "first": 3, **options}
    net, y = options.pop("net", NET), options.pop("y", Y)
    return make_job(net, options.pop("X", X), y, **options)


def loss_options(name, penalty="none"):
    kind, numbers, _ = ALL_LOSSES[name]
    fitting = {
        "CrossEntropy": {"net": SOFTMAX, "y": SHARES},
        "Poisson": {"y": np.abs(Y)},
        "GaussianNLL": {"net": fastnn.Network([3, 4, 2 * Y.shape[1]], activation="tanh")},
    }
    return {"loss": kind(**numbers, **PENALTIES[penalty]), **fitting.get(name, {})}


def continued(**options):
    runs = fastnn.train_many(NET, X, Y, restarts=N, epochs=5, first=3, **options)
    return make_job(
        NET, X, Y, epochs=4, restarts=N, seed=0, first=3, before=runs.before(None), **options
    )


def rule_options(rule):
    validates = isinstance(rule, fastnn.Validation)
    return {"stop": rule} | ({"validation": VALIDATION} if validates else {})


JOBS = {
    **{f"optimizer {i}": {"optimizer": example} for i, example in enumerate(OPTIMIZER_EXAMPLES)},
    **{f"loss {name}": loss_options(name) for name in ALL_LOSSES},
    **{f"penalty {name}": loss_options("MSE", name) for name in PENALTIES},
    **{f"init {i}": {"init": example} for i, example in enumerate(INIT_EXAMPLES)},
    **{f"rule {i}": rule_options(example) for i, example in enumerate(RULE_EXAMPLES)},
    "rules": {"stop": [fastnn.LossBelow(0.1), fastnn.GradientBelow(1e-3), fastnn.NoProgress(3)]},
    "target": {"target_sse": 1.5},
    **{
        f"weights {name}": {"sample_weight": None if given is None else given}
        for name, given in WEIGHTS.items()
    },
    "grid": {"grid": Grid(learning_rate=[0.1, 0.2, 0.3], restarts_per_cell=5)},
    "grid of layers": {
        "optimizer": fastnn.GradientDescent(fastnn.PerLayer(0.1, 0.2)),
        "grid": Grid(learning_rate_1=RATES, momentum=[0, 0.5]),
    },
    "float32": {"dtype": np.float32, "optimizer": fastnn.GradientDescent(RATES)},
    "float32, target": {"dtype": np.float32, "target_sse": 1.7, "loss": fastnn.MSE(l2=0.1)},
    "float32, explicit": {"dtype": np.float32, "init": INIT_EXAMPLES[-2]},
    "batches": {"batch_size": 5},
    "shuffled": {"batch_size": 5, "shuffle": True},
    "whole batch": {"batch_size": 21, "shuffle": True},
    "samples": {"parallel": "samples", "optimizer": fastnn.Adam()},
    "late": {"first": 2**63 - N - 1, "seed": 2**64 - 1},
    "one": {"restarts": 1, "init": INIT_EXAMPLES[-1], "sample_weight": np.ones((1, 21))},
    "signed zero": {"X": np.where(X < 0, -0.0, X), "init": fastnn.Uniform(-0.0, 0.0)},
}  # fmt: skip
CONTINUED = {
    "plain": {}, "Adam": {"optimizer": fastnn.Adam()}, "float32": {"dtype": np.float32},
    "rules": {"stop": [fastnn.NoProgress(2), fastnn.MeanLossBelow(0.1, last=2)]},
    "Levenberg-Marquardt": {"optimizer": fastnn.LevenbergMarquardt()},
}  # fmt: skip


def through_text(made):
    """The record of a job through JSON, and its arrays through memory."""
    record, arrays = job_record(made)
    text = json.dumps(record, allow_nan=False)
    return json.loads(text), {name: array.copy() for name, array in arrays.items()}


def trained(made, start=0, stop=None):
    result = train_chunk(made, start, made.restarts if stop is None else stop)
    return [result.parameters, result.loss, result.epochs, result.status, result.state]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(bits(a), bits(b))


def check_round_trip(made):
    record, arrays = through_text(made)
    again = job_of(record, arrays, made.restarts)
    assert job_digest(*job_record(again)) == job_digest(*job_record(made))
    assert json.dumps(job_record(again)[0]) == json.dumps(record)
    expected = trained(made)
    assert_same(trained(again), expected)
    for start, stop in ((0, 4), (5, 12)):
        if stop <= made.restarts:
            sent = pickle.loads(pickle.dumps(made.compact_range(start, stop)))
            part = [values[start:stop] for values in expected]
            assert_same(trained(sent, 0, stop - start), part)


@pytest.mark.parametrize("name", JOBS)
def test_round_trips(name):
    check_round_trip(job(**JOBS[name]))


@pytest.mark.parametrize("name", CONTINUED)
def test_round_trips_of_what_goes_on(name):
    check_round_trip(continued(**CONTINUED[name]))


def test_every_class_has_an_example():
    def kinds(examples):
        return {type(example) for example in examples}

    schedules = [getattr(example, "schedule", None) for example in OPTIMIZER_EXAMPLES]
    assert kinds(OPTIMIZER_EXAMPLES) >= set(OPTIMIZERS)
    assert kinds(schedules) >= set(SCHEDULES)
    assert kinds(INIT_EXAMPLES) >= set(INITIALIZATIONS)
    assert kinds(RULE_EXAMPLES) >= set(RULES)
    assert {kind for kind, _, _ in ALL_LOSSES.values()} >= set(losses.LOSSES)


def test_networks():
    for net in (NET, SOFTMAX, fastnn.Network([1, 1], bias=False)):
        assert network_of(json.loads(json.dumps(network_record(net)))) == net
    for record in (None, 5, [], {}, "Network", {"type": "KFold", "folds": 3}, {"type": "Network"}):
        with pytest.raises(ValueError, match=r"network|record"):
            network_of(record)


CHANGES = {
    "seed": {"seed": 5},
    "first": {"first": 4},
    "epochs": {"epochs": 7},
    "network": {"net": fastnn.Network([3, 4, 2], activation=["tanh", "identity"])},
    "bias": {"net": fastnn.Network([3, 4, 2], activation=["tanh", "sigmoid"], bias=False)},
    "X": {"X": np.nextafter(X, 9)},
    "y": {"y": np.nextafter(Y, 9)},
    "sign of zero": {"X": X * np.where(np.arange(3) == 1, -0.0, 1)},
    "zero": {"X": X * np.where(np.arange(3) == 1, 0.0, 1)},
    "dtype": {"dtype": np.float32},
    "optimizer": {"optimizer": fastnn.GradientDescent(0.2)},
    "last bit": {"optimizer": fastnn.GradientDescent(np.nextafter(0.2, 1))},
    "by restart": {"optimizer": fastnn.GradientDescent(np.full(N, 0.2))},
    "per layer": {"optimizer": fastnn.GradientDescent(fastnn.PerLayer(0.2, 0.2))},
    "another optimizer": {"optimizer": fastnn.Adam(0.2)},
    "momentum": {"optimizer": fastnn.GradientDescent(0.2, momentum=0.1)},
    "schedule": {"optimizer": fastnn.GradientDescent(0.2, schedule=fastnn.StepDecay(2))},
    "grid": {"grid": Grid(learning_rate=[0.1, 0.2], restarts_per_cell=10)},
    "cells": {"grid": Grid(learning_rate=[0.1, 0.2], restarts_per_cell=11)},
    "loss": {"loss": "mse"},
    "penalty": {"loss": fastnn.SSE(l2=0.1)},
    "weights": {"sample_weight": np.arange(21.0)},
    "bootstrap": {"sample_weight": fastnn.Bootstrap()},
    "folds": {"sample_weight": fastnn.KFold(4)},
    "other folds": {"sample_weight": fastnn.KFold(5)},
    "target": {"target_sse": 0.1},
    "rule": {"stop": fastnn.GradientBelow(0.1)},
    "two rules": {"stop": [fastnn.GradientBelow(0.1), fastnn.NoProgress(2)]},
    "rules in another order": {"stop": [fastnn.NoProgress(2), fastnn.GradientBelow(0.1)]},
    "validation": {"stop": fastnn.Validation(2), "validation": VALIDATION},
    "other validation": {"stop": fastnn.Validation(2), "validation": (X[:4], Y[:4])},
    "batches": {"batch_size": 7},
    "shuffle": {"batch_size": 7, "shuffle": True},
    "init": {"init": fastnn.Uniform(-1, 0.5)},
    "another init": {"init": fastnn.HeNormal()},
    "explicit": {"init": np.ones(NET.n_parameters)},
    "parallel": {"parallel": "samples"},
}


def test_the_digest_tells_jobs_apart(monkeypatch):
    digests = {name: job_digest(*job_record(job(**options))) for name, options in CHANGES.items()}
    digests["none"] = job_digest(*job_record(job()))
    assert len(set(digests.values())) == len(digests)
    for same in ({"restarts": N + 5}, {"loss": "sse"}, {"batch_size": 21}, {"batch_size": 100},
                 {"optimizer": fastnn.GradientDescent()}, {"init": fastnn.Uniform(-1, 1)},
                 {"X": X.tolist()}, {"X": np.asfortranarray(X)}):  # fmt: skip
        assert job_digest(*job_record(job(**same))) == digests["none"]
    monkeypatch.setattr("fastnn.job.record.NUMERICS_VERSION", 99)
    assert job_digest(*job_record(job())) != digests["none"]


@pytest.mark.parametrize("options", [
    lambda n: {"optimizer": fastnn.GradientDescent(np.linspace(0.1, 1, n))},
    lambda n: {"grid": Grid(learning_rate=np.linspace(0.1, 1, n))},
    lambda n: {"grid": Grid(learning_rate=RATES, momentum=np.linspace(0, 0.9, n // N + 1))},
    lambda n: {"init": fastnn.Uniform(-1, np.linspace(0.1, 1, n))},
    lambda n: {"optimizer": fastnn.GradientDescent(fastnn.PerLayer(np.linspace(0.1, 1, n), 0.1))},
])  # fmt: skip
def test_what_is_sent_is_small(options):
    made = job(restarts=10**6, first=0, **options(10**6))
    sent = pickle.dumps(made.compact_range(5000, 6000))
    assert len(sent) < 100_000
    assert_same(trained(pickle.loads(sent), 0, 9), trained(made, 5000, 5009))


GARBAGE = [
    None, True, False, 0, -1, 1, 1.5, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"),
    "", "x", "Network", "\ud800", "a\0", [], [[]], [None], {}, {"type": "x"}, {"type": None},
    {"type": []}, {"array": "X"}, {"array": "none"}, {"array": None}, {"array": []}, {"array": {}},
    {"type": "Network"}, {"type": "GradientDescent"}, {"type": "KFold", "folds": 10**30},
    {"type": "Grid", "restarts_per_cell": 1}, {"type": "PerLayer"},
    {"type": "PerLayer", "values": 5},
    {"type": "SSE", "l2": [1, 2, 3, 4, 5]}, {"type": "__import__"}, {"type": "Uniform", "low": "a"},
    {"type": "Network", "sizes": [10**8, 10**8], "activation": "tanh", "bias": True},
    {"type": "Network", "sizes": [3] * 10**4, "activation": "tanh", "bias": True},
    {"type": "Validation", "patience": 1}, {"type": "Uniform", "low": {"array": "X"}, "high": 2},
    {"type": "StepDecay", "every": 0}, [{"type": "LossBelow"}], ["a", 5, {}], [float("nan")],
]  # fmt: skip
ARRAYS = [
    None, 5, "a", [], np.ones(3), np.ones((21, 3), dtype=complex), np.full((21, 3), np.nan),
    np.full((21, 3), "a"), np.full((21, 3), None), np.zeros((0, 3)), np.zeros((10**6, 0)),
    np.array(5.0), np.ones((2, 2, 2)), np.zeros(2, dtype=[("a", "f8")]), np.zeros(3, "M8[s]"),
    np.broadcast_to(np.float64(1), (10**9, 3))[:0],
]  # fmt: skip


def places_in(part):
    pairs = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in pairs:
        yield part, key
        if isinstance(value, dict | list):
            yield from places_in(value)


def job_or_refusal(record, arrays, restarts=N):
    """Whether the record is one of a job; every error but ValueError goes on."""
    try:
        made = job_of(record, arrays, restarts)
    except ValueError as error:
        return str(error) == ""
    job_record(made)
    return True


SOURCES = ["penalty per layer", "grid of layers", "rules", "weights KFold", "float32", "shuffled"]


@pytest.mark.parametrize("name", [*SOURCES, "going on", "validation"])
def test_records_of_garbage(name):
    rng = np.random.default_rng(len(name))
    if name == "going on":
        made = continued()
    elif name == "validation":
        made = job(stop=fastnn.Validation(2), validation=VALIDATION)
    else:
        made = job(**JOBS[name])
    record, arrays = through_text(made)
    for part, key in [*places_in(record)]:
        for value in [*GARBAGE, ...]:
            old = copy.deepcopy(part)
            if value is ...:
                del part[key]
            else:
                part[key] = value
            job_or_refusal(record, arrays)
            if isinstance(part, dict):
                part.clear()
                part.update(old)
            else:
                part[:] = old
    for _ in range(300):
        other = copy.deepcopy(record)
        for _ in range(int(rng.integers(1, 4))):
            places = [*places_in(other)]
            part, key = places[int(rng.integers(len(places)))]
            source, name = places[int(rng.integers(len(places)))]
            part[key] = copy.deepcopy(source[name])
            if isinstance(part, dict) and rng.random() < 0.3:
                part[str(name)] = copy.deepcopy(GARBAGE[int(rng.integers(len(GARBAGE)))])
        job_or_refusal(other, arrays)
    for key in arrays:
        for value in ARRAYS:
            job_or_refusal(record, arrays | {key: value})
        assert not job_or_refusal(record, {k: v for k, v in arrays.items() if k != key})
    for whole in GARBAGE:
        assert not job_or_refusal(whole, arrays)
    deep = []
    for _ in range(10**5):
        deep = [deep]
    assert not job_or_refusal(record | {"optimizer": deep}, arrays)
    assert not job_or_refusal(record, arrays, restarts=10**13)
