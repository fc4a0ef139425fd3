"""Networks of groups that go on where they ended."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from group_examples import NET, data_of
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn

RATES = np.array([0.001, 0.01, 0.02])
HOW = {
    "L-BFGS": {"optimizer": "lbfgs"},
    "rates": {"optimizer": fastnn.GradientDescent(RATES, momentum=0.5)},
    "rules": {"optimizer": "lm", "stop": fastnn.NoProgress(4)},
    "shuffled": {"optimizer": "adam", "batch_size": 4, "shuffle": True},
    "pulled": {"optimizer": "rprop", "loss": fastnn.MSE(l2=0.1, l2_towards="start")},
    "weighted": {"optimizer": "rprop", "sample_weight": fastnn.Bootstrap()},
}
KEPT = ("optimizer", "loss")


def for_restart(how, r):
    """The arguments of one restart alone."""
    if how is HOW["rates"]:
        return {"optimizer": fastnn.GradientDescent(float(RATES[r]), momentum=0.5)}
    return how


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    name=st.sampled_from(sorted(HOW)),
    epochs=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    dtype=st.sampled_from(["float64", "float32"]),
    options=st.fixed_dictionaries(
        {"chunk": st.none() | st.integers(1, 12), "threads": st.integers(1, 2)}
    ),
    data=st.data(),
)
def test_each_goes_on_as_alone(sizes, name, epochs, dtype, options, data):
    X, y, labels = data_of(sizes)
    how, (first, then) = HOW[name], epochs
    more = {key: value for key, value in how.items() if key not in KEPT}
    plain = {"seed": 3, "dtype": dtype, "epochs": first}
    begun = fastnn.train_many(NET, X, y, groups=labels, restarts=3, **plain, **how)
    runs = fastnn.train_many(
        NET, X, y, groups=labels, continue_from=begun, epochs=then, dtype=dtype, **more, **options
    )
    for k in data.draw(st.lists(st.integers(0, len(runs) - 1), min_size=4, max_size=4)):
        rows, r = labels == runs.group[k], int(runs.restart_in_group[k])
        alone = fastnn.train(NET, X[rows], y[rows], restart=r, **plain, **for_restart(how, r))
        on = fastnn.train(
            NET, X[rows], y[rows], continue_from=alone, epochs=then, dtype=dtype, **more
        )
        for one in (on, runs.restart(k)):
            np.testing.assert_array_equal(bits(one.parameters), bits(runs.parameters[k]))
            np.testing.assert_array_equal(bits(one.state), bits(runs.columns["state"][k]))
            assert (one.epochs, one.status) == (runs.epochs[k], runs.status[k])


X, Y, LABELS = data_of([5, 30, 2, 2, 17])


def many(**more):
    return fastnn.train_many(NET, X, Y, **{"groups": LABELS} | more)


@pytest.mark.parametrize("grid", [None, fastnn.Grid(initial_step=[0.01, 0.1])], ids=["one", "grid"])
def test_parts_make_a_whole(tmp_path, grid):
    how = {"optimizer": "rprop", "grid": grid, "restarts": 2}
    begun, whole = many(epochs=6, **how), many(epochs=20, **how)
    assert_same_bits(many(continue_from=begun, epochs=14), whole)
    begun.save(tmp_path / "begun.npz")
    stored = many(
        continue_from=fastnn.load(tmp_path / "begun.npz"), epochs=14, out=tmp_path / "runs",
        keep="all", chunk=3,
    )  # fmt: skip
    assert_same_bits(stored.load(), whole)
    again = fastnn.open_run(tmp_path / "runs").restart(7)
    np.testing.assert_array_equal(again.parameters, whole.parameters[7])


def test_data_of_any_form_go_on():
    hours = np.linspace(-1, 1, 24)[:, np.newaxis]
    curves = np.sin(3 * hours.T + np.arange(7)[:, np.newaxis])
    net = fastnn.Network([1, 3, 1], activation=["tanh", "identity"])
    how = {"restarts": 2, "optimizer": "lbfgs"}
    begun = fastnn.train_many(net, hours, curves, epochs=4, **how)
    whole = fastnn.train_many(net, hours, curves, epochs=9, **how)
    assert_same_bits(fastnn.train_many(net, hours, curves, continue_from=begun, epochs=5), whole)


OTHERS = "groups: expected the groups of the runs to continue, with as many rows and restarts, "
BAD = [
    ({"groups": LABELS + 1}, OTHERS + "or None if they have none, got others"),
    ({"groups": np.sort(LABELS)[::-1] * 0}, OTHERS),
    ({"groups": None}, OTHERS + "or None if they have none, got None"),
    ({"X": X[1:], "y": Y[1:], "groups": LABELS[1:]}, OTHERS),
    ({"restarts": 2}, "restarts: expected None or 3, got 2"),
    ({"restarts": 15}, "restarts: expected None or 3, got 15"),
    ({"optimizer": "adam"}, "continue_from: expected the same kind of optimizer as before, "),
    ({"optimizer": fastnn.RPROP(initial_step=np.full(15, 0.1))}, "RPROP(initial_step=): expected "),
    ({"init": fastnn.Uniform()}, "init: expected None with continue_from, got an init"),
    ({"first": 1}, "first: expected 0, or leave it out, with continue_from, got 1"),
    ({"net": fastnn.Network([3, 5, 1])}, "continue_from: expected results of Network([3, 5, 1]"),
]


@pytest.fixture(scope="module")
def begun():
    return many(optimizer="rprop", restarts=3, epochs=3)


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(begun, arguments, message):
    given = {"net": NET, "X": X, "y": Y, "groups": LABELS, "continue_from": begun, "epochs": 2}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        fastnn.train_many(**given | arguments)


def test_all_restarts_go_on_together(begun):
    with pytest.raises(ValueError, match=r"^continue_from: expected all 15 restarts of all groups"):
        many(continue_from=begun[:6], epochs=2)
    with pytest.raises(ValueError, match=r"^continue_from: expected results of keep='all'"):
        many(continue_from=many(restarts=1, epochs=1, keep="outcomes"), epochs=2)
    common = fastnn.train_many(NET, X, Y, restarts=3, optimizer="rprop", epochs=2)
    with pytest.raises(ValueError, match=f"^{re.escape(OTHERS)}.* got others$"):
        many(continue_from=common, epochs=2)
