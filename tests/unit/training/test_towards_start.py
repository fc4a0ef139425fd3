"""Penalties that pull parameters towards the start."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from group_examples import NET, assert_alone, data_of
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn

X, Y, LABELS = data_of([25])
PULL = fastnn.MSE(l2=(0.3, 0.02), l1=0.01, penalize_biases=True, l2_towards="start")
OPTIMIZERS = [
    "rprop", "quickprop", "lbfgs", "adam", "adamw", "amsgrad", "nadam", "rmsprop", "adagrad",
    "lion", fastnn.GradientDescent(0.01, momentum=0.5),
]  # fmt: skip


def test_by_hand():
    loss, plain = fastnn.MSE(l2=0.25, l2_towards="start"), "mse"
    rate = 2.0**-6
    how = {"optimizer": fastnn.GradientDescent(rate), "loss": loss}
    v, w, after = (fastnn.train(NET, X, Y, epochs=n, **how) for n in range(3))
    distance = w.parameters - v.parameters
    weights, _ = NET.unpack(distance)
    of_data = fastnn.loss(NET, w.parameters, X, Y, loss=plain)
    pull = 0.25 * sum(float((part**2).sum()) for part in weights)
    assert w.loss == pytest.approx(of_data + pull, rel=1e-12)
    NET.unpack(distance)[1][0][:] = 0.0  # biases are not penalized
    NET.unpack(distance)[1][1][:] = 0.0
    slope = fastnn.gradient(NET, w.parameters, X, Y, loss=plain) + 2 * 0.25 * distance
    np.testing.assert_allclose(after.parameters, w.parameters - rate * slope, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_bits_reference_and_continuation(optimizer, dtype):
    how = {"optimizer": optimizer, "loss": PULL, "dtype": dtype}
    whole = fastnn.train(NET, X, Y, epochs=15, restart=9, **how)
    twin = fastnn.reference.train(NET, X, Y, epochs=15, restart=9, **how)
    near = 1e-9 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(whole.parameters, twin.parameters, rtol=0, atol=near)
    many = fastnn.train_many(NET, X, Y, epochs=15, restarts=20, **how)
    for name in ("parameters", "state"):
        np.testing.assert_array_equal(bits(many.columns[name][9]), bits(getattr(whole, name)))
    half = fastnn.train_many(NET, X, Y, epochs=6, restarts=20, **how)
    assert_same_bits(fastnn.train_many(NET, X, Y, epochs=9, dtype=dtype, continue_from=half), many)


def test_side_by_side():
    how = {"optimizer": "lbfgs", "loss": PULL, "epochs": 15}
    many = fastnn.train_many(NET, X, Y, restarts=3, parallel="samples", **how)
    one = fastnn.train(NET, X, Y, restart=2, parallel="samples", **how)
    np.testing.assert_array_equal(bits(many.parameters[2]), bits(one.parameters))
    twin = fastnn.reference.train(NET, X, Y, restart=2, **how)
    np.testing.assert_allclose(one.parameters, twin.parameters, rtol=0, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=9),
    how=st.sampled_from(
        [
            {"optimizer": "lbfgs"}, {"optimizer": "rprop", "stop": fastnn.NoProgress(3)},
            {"optimizer": "adam", "batch_size": 6, "shuffle": True},
        ]
    ),
    init=st.none() | st.integers(0, 99),
    seed=st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_groups(sizes, how, init, seed):
    X, y, labels = data_of(sizes)
    if init is not None:
        init = np.random.default_rng(init).normal(size=NET.n_parameters)
    how = {"loss": PULL, "epochs": 9, "init": init, "seed": seed} | how
    runs = fastnn.train_many(NET, X, y, groups=labels, restarts=2, **how)
    assert_alone(runs, X, y, labels, **how)


def test_a_strong_pull_keeps_networks_near_a_common_one():
    X, y, labels = data_of([30, 20, 10, 5])
    common = fastnn.train(NET, X, y, optimizer="lbfgs", epochs=100)
    how = {"groups": labels, "restarts": 1, "init": common, "optimizer": "lbfgs", "epochs": 200}
    away = []
    for l2 in (1e3, 1.0, 1e-3, 0.0):
        loss = fastnn.MSE(l2=l2, penalize_biases=True, l2_towards="start")
        runs = fastnn.train_many(NET, X, y, loss=loss, **how)
        away.append(np.abs(runs.parameters - common.parameters).max())
    assert away[0] < 1e-3
    assert away == sorted(away)
    plain = fastnn.train_many(NET, X, y, loss="mse", **how)
    np.testing.assert_array_equal(bits(runs.parameters), bits(plain.parameters))


@pytest.mark.parametrize("loss", [PULL, fastnn.Huber(0.2, l2=0.1, l2_towards="start")], ids=str)
def test_folders_and_files(tmp_path, loss):
    how = {"optimizer": "rprop", "epochs": 9, "loss": loss, "restarts": 8}
    runs = fastnn.train_many(NET, X, Y, **how)
    stored = fastnn.train_many(NET, X, Y, out=tmp_path / "runs", keep="all", **how)
    assert_same_bits(stored.load(), runs)
    run = runs.restart(3)
    run.save(tmp_path / "run.npz")
    again = fastnn.load(tmp_path / "run.npz")
    assert again.job.loss == loss
    np.testing.assert_array_equal(again.state, run.state)
    more = fastnn.train(NET, X, Y, continue_from=again, epochs=4)
    np.testing.assert_array_equal(
        more.parameters, fastnn.train_many(NET, X, Y, **how | {"epochs": 13}).parameters[3]
    )


def before(loss):
    return fastnn.train(NET, X, Y, optimizer="rprop", loss=loss, epochs=3)


BAD = [
    (lambda: fastnn.SSE(l2=0.1, l2_towards="zero"), "l2_towards: expected 'start' or None, got"),
    (lambda: fastnn.SSE(l2=0.1, l2_towards=0), "l2_towards: expected 'start' or None, got 0"),
    (
        lambda: fastnn.SSE(l2=0.1, l2_towards=np.zeros(3)),
        "l2_towards: expected 'start' or None, got an array",
    ),
    (
        lambda: fastnn.train(NET, X, Y, loss=PULL, optimizer="lm"),
        "loss: expected SSE or MSE without penalties with LevenbergMarquardt",
    ),
    (
        lambda: fastnn.loss(NET, np.zeros(NET.n_parameters), X, Y, loss=PULL),
        "loss: expected one without l2_towards, since parameters alone tell no start, got",
    ),
    (
        lambda: fastnn.gradient(NET, np.zeros(NET.n_parameters), X, Y, loss=PULL),
        "loss: expected one without l2_towards",
    ),
    (
        lambda: fastnn.train(NET, X, Y, continue_from=before(PULL), loss="mse"),
        "loss: expected a penalty towards the start, or none, as before, with continue_from, got",
    ),
    (
        lambda: fastnn.train(NET, X, Y, continue_from=before(fastnn.MSE(l2=0.1)), loss=PULL),
        "loss: expected a penalty towards the start, or none, as before, with continue_from, got",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        call()
