"""Distinct minima: losses to three digits, and networks up to the names of their units."""

from decimal import Decimal
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_examples import FIRST, NETS, job_of, statistics_of

import fastnn
from fastnn.kernels.statistics import tally
from fastnn.results.minima import loss_of
from fastnn.spec.activations import BY_NAME


def one_fingerprint(net, parameters):
    columns = (np.ones(1), np.zeros(1, np.int64), np.full(1, 4, np.int8))
    return int(tally(net, *columns, np.array([parameters], dtype=float), 0).fingerprints[0, 0])


def renamed(net, parameters, orders, signs):
    """The same network with the units of hidden layers in other orders and with other signs."""
    weights, biases = net.unpack(np.array(parameters))
    weights, biases = [w.copy() for w in weights], [b.copy() for b in biases]
    for at, (order, sign) in enumerate(zip(orders, signs, strict=True)):
        kind = BY_NAME[net.activation[at]].symmetry
        turned = np.array(sign) if kind else np.ones(len(order))
        weights[at] = (weights[at] * turned)[:, order]
        if net.bias:
            biases[at] = (biases[at] * turned)[list(order)]
        if kind == -1:
            weights[at + 1] = weights[at + 1] * turned[:, np.newaxis]
        weights[at + 1] = weights[at + 1][list(order)]
    return net.pack(weights, biases)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", sorted(BY_NAME))
def test_one_hidden_layer_under_all_names_is_one_form(activation, bias):
    net = fastnn.Network([2, 3, 2], [activation, "identity"], bias=bias)
    rng = np.random.default_rng(5)
    for scale in (0.02, 3.0):  # with many equal numbers and zeros, and without
        numbers = rng.normal(0, scale, net.n_parameters)
        expected = one_fingerprint(net, numbers)
        for order in permutations(range(3)):
            for sign in product([-1, 1], repeat=3):
                assert one_fingerprint(net, renamed(net, numbers, [order], [sign])) == expected


@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_deep_networks_under_other_names_are_one_form(seed, random):
    net = fastnn.Network([2, 20, 3, 4, 2], ["tanh", "gaussian", "sine", "sigmoid"])
    numbers = np.random.default_rng(seed).normal(0, 5, net.n_parameters)
    orders = [random.sample(range(size), size) for size in net.sizes[1:-1]]
    signs = [[random.choice([-1, 1]) for _ in order] for order in orders]
    other = renamed(net, numbers, orders, signs)
    assert one_fingerprint(net, other) == one_fingerprint(net, numbers)


def test_other_names_are_the_same_function():
    """What counts as one form is one: the outputs are alike."""
    X = np.random.default_rng(2).normal(size=(7, 2))
    for activation in sorted(BY_NAME):
        net = fastnn.Network([2, 3, 1], [activation, "sigmoid"])
        numbers = np.random.default_rng(1).normal(size=net.n_parameters)
        other = renamed(net, numbers, [(2, 0, 1)], [(-1, 1, -1)])
        np.testing.assert_allclose(
            fastnn.forward(net, numbers, X), fastnn.forward(net, other, X), rtol=1e-12
        )


def test_other_networks_are_other_forms():
    net = NETS[0]
    numbers = np.random.default_rng(3).normal(0, 3, 9)
    found = {one_fingerprint(net, numbers), one_fingerprint(net, -numbers)}
    for i in range(9):
        changed = numbers.copy()
        changed[i] += 0.02
        found.add(one_fingerprint(net, changed))
    assert len(found) == 11
    assert one_fingerprint(net, numbers + 1e-9) == one_fingerprint(net, numbers)
    # The signs of a sigmoid unit are its own.
    turned = renamed(net, numbers, [(0, 1)], [(1, 1)])
    turned[[0, 2, 4, 6]] *= -1
    assert one_fingerprint(net, turned) not in found


def test_fingerprints_are_spread_evenly():
    net = NETS[0]
    grid = np.random.default_rng(0).integers(-50, 50, (20000, 9)) / 100
    grid = np.unique(grid, axis=0)
    prints = np.array([one_fingerprint(net, row) for row in grid[:2000]], dtype=np.uint64)
    for shift in (0, 20, 56):
        counts = np.bincount((prints >> np.uint64(shift)).astype(np.int64) & 255, minlength=256)
        assert ((counts - 2000 / 256) ** 2 / (2000 / 256)).sum() < 400


@given(st.floats(1e-12, 1.7e308))
@settings(deadline=None)
def test_losses_are_rounded_to_three_digits(loss):
    columns = (np.array([loss]), np.zeros(1, np.int64), np.full(1, 4, np.int8))
    (key,) = tally(NETS[3], *columns, np.zeros((1, 3)), 0).keys
    nearest, exact = Decimal(f"{key % 1000}e{key // 1000 - 15}"), Decimal(loss)
    assert abs(nearest - exact) <= Decimal("0.5000001") * Decimal(10) ** (exact.adjusted() - 2)
    assert loss_of(key) == min(float(nearest), 1.7976931348623157e308)


def test_minima():
    job = job_of()
    loss = np.array([0.5, 0.5001, 0.49951, 0.6667, 1e-13, 0.1, 0.7, 0.6667])
    status = np.array([1, 4, 4, 4, 4, 2, 3, 4])
    parameters = np.zeros((8, 9))
    parameters[0, 0] = 1
    statistics = statistics_of(job, (loss, np.ones(8, dtype=np.int64), status, parameters))
    found = statistics.minima()
    assert [(m.loss, m.restarts, m.restart, m.forms) for m in found] == [
        (0.5, 3, FIRST, 2), (0.667, 2, FIRST + 3, 1), (0.0, 1, FIRST + 4, 1),
    ]  # fmt: skip
    assert [m.share for m in found] == [3 / 8, 2 / 8, 1 / 8]
    assert all(m.exact for m in found)
    assert sorted(found[0].sample) == [(FIRST, 1), (FIRST + 1, 2)]
    assert found[1].sample == ((FIRST + 3, 2),)
    assert statistics.minima(1) == found[:1]
    assert str(statistics).endswith(
        "minima: loss 0.5: 3 restarts (37.50%), 2 forms\n"
        "        loss 0.667: 2 restarts (25.00%), 1 form\n"
        "        loss 0: 1 restart (12.50%), 1 form"
    )
    with pytest.raises(ValueError, match="n: expected an integer"):
        statistics.minima(-1)


def test_the_number_of_forms_is_estimated():
    job = job_of(NETS[3])
    size = 40000
    parameters = np.stack([np.arange(size) % 2000, np.arange(size), np.zeros(size)], axis=1)
    estimates = []
    for at in range(16):
        parameters[:, 1] = at
        rows = np.ones(size), np.ones(size, dtype=np.int64), np.full(size, 4), parameters
        (minimum,) = statistics_of(job, rows).minima()
        assert not minimum.exact
        estimates.append(minimum.forms)
    assert np.mean(estimates) == pytest.approx(2000, rel=0.4)
    assert "about " in str(statistics_of(job, rows))
