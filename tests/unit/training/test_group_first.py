"""Restarts of groups that begin at another index than 0."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, assert_alone, data_of
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn

X, Y, LABELS = data_of([5, 30, 2, 2, 17])


def many(**more):
    how = {"groups": LABELS, "restarts": 3, "optimizer": "rprop", "epochs": 6}
    return fastnn.train_many(NET, X, Y, **how | more)


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(0, 9) | st.integers(2**62, 2**63 - 8),
    how=st.sampled_from(
        [
            {"optimizer": "lbfgs"}, {"sample_weight": fastnn.Bootstrap()},
            {"sample_weight": fastnn.KFold(2)},
            {"optimizer": "adam", "batch_size": 4, "shuffle": True},
            {"optimizer": "lm", "init": fastnn.NguyenWidrow()},
        ]
    ),
    chunk=st.none() | st.integers(1, 9),
    some=st.lists(st.integers(0, 14), min_size=3, max_size=3),
)  # fmt: skip
def test_bits(first, how, chunk, some):
    arguments = {"optimizer": "rprop", "epochs": 6, "seed": 5} | how
    runs = many(first=first, chunk=chunk, **arguments)
    np.testing.assert_array_equal(runs.restart_in_group[:6], first + np.arange(6) % 3)
    assert_alone(runs, X, Y, LABELS, some=some, **arguments)
    again = runs.restart(some[0])
    assert again.restart == runs.restart_in_group[some[0]]
    np.testing.assert_array_equal(again.parameters, runs.parameters[some[0]])


def test_more_restarts_of_the_same():
    whole, begun, more = many(restarts=5), many(restarts=2), many(first=2)
    for label in whole.group_labels:
        places = whole.restarts_of(label)
        np.testing.assert_array_equal(
            whole.parameters[places],
            np.concatenate([runs.parameters[runs.restarts_of(label)] for runs in (begun, more)]),
        )


def test_folders_files_and_continuation(tmp_path):
    runs, whole = many(first=4), many(first=4, epochs=9)
    stored = many(first=4, out=tmp_path / "runs", keep="all", chunk=4)
    assert_same_bits(stored.load(), runs)
    assert_same_bits(many(first=4, out=tmp_path / "runs", resume=True).load(), runs)
    runs.save(tmp_path / "runs.npz")
    begun = fastnn.load(tmp_path / "runs.npz")
    np.testing.assert_array_equal(begun.restart_in_group, runs.restart_in_group)
    for first in (0, 4):
        more = fastnn.train_many(
            NET, X, Y, groups=LABELS, continue_from=begun, first=first, epochs=3
        )
        assert_same_bits(more, whole)


def test_numbers_go_by_position_and_grids_by_index():
    steps = np.array([0.01, 0.1, 0.3])
    runs = many(first=2, optimizer=fastnn.RPROP(initial_step=steps))
    for k in (0, 4, 14):
        rows = runs.group[k] == LABELS
        alone = fastnn.train(
            NET, X[rows], Y[rows], restart=2 + k % 3, epochs=6,
            optimizer=fastnn.RPROP(initial_step=float(steps[k % 3])),
        )  # fmt: skip
        for one in (alone, runs.restart(k)):
            np.testing.assert_array_equal(one.parameters, runs.parameters[k])
    grid = fastnn.Grid(initial_step=[0.01, 0.1, 0.3], restarts_per_cell=2)
    whole, part = many(grid=grid, restarts=None), many(grid=grid, first=3, restarts=None)
    assert len(part) == 3 * 5
    for label in whole.group_labels:
        np.testing.assert_array_equal(
            part.parameters[part.restarts_of(label)],
            whole.parameters[whole.restarts_of(label)[3:]],
        )


BAD = [
    ({"first": -1}, ValueError, "first: expected an integer from 0 to"),
    ({"first": 2**63 - 1}, ValueError, "first: expected an integer from 0 to"),
    ({"first": 0.5}, TypeError, "first: expected an integer"),
    ({"first": 5, "grid": fastnn.Grid(initial_step=[0.1] * 6)}, ValueError, "grid: expected first"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        many(**arguments)


def test_runs_go_on_with_their_own_indices():
    with pytest.raises(ValueError, match=r"^first: expected 4, or leave it out"):
        many(restarts=None, continue_from=many(first=4), first=3)
