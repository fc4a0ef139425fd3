"""Validation sets of groups: every form in which they are given, and what is refused."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, assert_alone, data_of, validation_of

import fastnn

SIZES = [3, 12, 1, 12, 30]
X, Y, LABELS = data_of(SIZES)
HELD = validation_of(SIZES)
SETTINGS = {"optimizer": "rprop", "epochs": 40, "stop": fastnn.Validation(3)}


def many(X=X, y=Y, groups=LABELS, validation=HELD, restarts=4, **arguments):
    return fastnn.train_many(
        NET, X, y, groups=groups, validation=validation, restarts=restarts,
        **SETTINGS | arguments,
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return many()


def arrays_of(X, y, labels):
    """The rows of each group, as arrays of its own."""
    return [X[labels == i] for i in range(5)], [y[labels == i] for i in range(5)]


def test_rows_with_labels(expected):
    assert (expected.status == "VALIDATION").any()
    assert_alone(expected, X, Y, LABELS, validation=HELD, **SETTINGS)
    run = expected.restart(7)
    np.testing.assert_array_equal(run.parameters, expected.parameters[7])
    # Other labels, in another order, name the same groups.
    names = np.array(["e", "d", "c", "b", "a"])
    order = np.argsort(HELD[2], kind="stable")
    held = HELD[0][order], HELD[1][order], names[HELD[2][order]]
    assert_same_bits(many(groups=names[LABELS], validation=held), expected)


def test_arrays_of_each_group(expected):
    runs = many(*arrays_of(X, Y, LABELS), groups=None, validation=arrays_of(*HELD))
    for label in range(5):
        one, other = expected.restarts_of(label), runs.restarts_of(label)
        np.testing.assert_array_equal(runs.parameters[other], expected.parameters[one])


@pytest.mark.parametrize("axes", [2, 3])
def test_common_inputs(axes):
    rng = np.random.default_rng(2)
    inputs, held = rng.normal(size=(9, 3)), rng.normal(size=(4, 3))
    y, of_held = rng.random((6, 9, 1)), rng.random((6, 4, 1))
    given = (y, of_held) if axes == 3 else (y[..., 0], of_held[..., 0])
    runs = many(inputs, given[0], None, (held, given[1]), chunk=7)
    for k in (0, 9, 23):
        group = runs.group[k]
        alone = fastnn.train(
            NET, inputs, y[group], validation=(held, of_held[group]), restart=k % 4, **SETTINGS
        )
        np.testing.assert_array_equal(runs.parameters[k], alone.parameters)


def test_frames_are_taken_by_the_names_of_their_columns(expected):
    pandas = pytest.importorskip("pandas")
    inputs, held = (pandas.DataFrame(rows, columns=list("abc")) for rows in (X, HELD[0]))
    runs = many(inputs, validation=(held[["c", "a", "b"]], *HELD[1:]))
    np.testing.assert_array_equal(runs.parameters, expected.parameters)


@pytest.mark.parametrize("form", ["labels", "common"])
def test_kept_and_resumed(folder, tmp_path, expected, form):
    arguments = {}
    if form == "common":
        rng = np.random.default_rng(2)
        arguments = {"X": rng.normal(size=(9, 3)), "y": rng.random((6, 9)), "groups": None}
        arguments["validation"] = rng.normal(size=(4, 3)), rng.random((6, 4))
        expected = many(**arguments)
    expected.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(again, expected)
    np.testing.assert_array_equal(again.restart(6).parameters, expected.parameters[6])
    many(out=folder, time_limit=1e-9, **arguments)
    stored = many(out=folder, resume=True, chunk=3, **arguments)
    assert_same_bits(stored.load(), expected)
    part = expected.job.compact_range(5, 11)  # as for another process
    assert part.groups.count == len(part.groups.validation_rows) - 1 == 2


def changed(place, value):
    parts = list(HELD)
    parts[place] = value
    return tuple(parts)


NO_ROWS = HELD[2] != 3
SEPARATE = arrays_of(X, Y, LABELS)
COMMON = np.ones((9, 3)), np.ones((6, 9))
CASES = [
    # arguments, exception, part of the message
    ({"validation": None}, ValueError, "validation: expected (X, y, labels), with the label of"),
    ({"validation": HELD[:2]}, TypeError, "validation: expected (X, y, labels), with the label of"),
    ({"validation": 3}, TypeError, "validation: expected (X, y, labels), with the label of each"),
    ({"stop": None}, ValueError, "validation: expected the rule fastnn.Validation in stop, got no"),
    (
        {"validation": tuple(part[NO_ROWS] for part in HELD)}, ValueError,
        "validation: expected at least one row of each group, got none of 3; add some, or",
    ),
    (
        {"validation": changed(2, np.where(NO_ROWS, HELD[2], 17))}, ValueError,
        "validation[2]: expected labels of groups to train, got 17 at index",
    ),
    ({"validation": changed(2, HELD[2][1:])}, ValueError, "validation[2]: expected "),
    ({"validation": changed(2, "shop")}, TypeError, "validation[2]: expected a sequence of labels"),
    ({"validation": changed(2, [[1]] * len(HELD[2]))}, TypeError, "validation[2]: expected labels"),
    ({"validation": changed(0, HELD[0][:, :2])}, ValueError, "validation[0]: expected shape (n"),
    ({"validation": changed(1, HELD[1][1:])}, ValueError, "validation[1]: expected "),
    ({"validation": changed(1, HELD[1] * np.nan)}, ValueError, "validation[1]: expected "),
    (
        {"X": SEPARATE[0], "y": SEPARATE[1], "groups": None}, TypeError,
        "validation: expected a pair (X, y) of sequences with arrays of each group, got",
    ),
    (
        {"X": SEPARATE[0], "y": SEPARATE[1], "groups": None, "validation": (3, 4)}, TypeError,
        "validation[0]: expected arrays, got 3",
    ),
    (
        {"X": SEPARATE[0], "y": SEPARATE[1], "groups": None,
         "validation": ([X, X], [Y, Y])}, ValueError,
        "validation: expected 5 arrays, one for each array of X, got 2",
    ),
    (
        {"X": SEPARATE[0], "y": SEPARATE[1], "groups": None,
         "validation": ([X, X[:0], X, X, X], [Y, Y[:0], Y, Y, Y])}, ValueError,
        "validation[0][1]: expected at least one sample, got none",
    ),
    (
        {"X": COMMON[0], "y": COMMON[1], "groups": None, "validation": COMMON[0]}, TypeError,
        "validation: expected a pair (X, y) with targets y[i] of each group, got",
    ),
    (
        {"X": COMMON[0], "y": COMMON[1], "groups": None,
         "validation": (COMMON[0], np.ones((5, 9)))}, ValueError,
        "validation[1]: expected shape (6, n, 1), with targets of each group, got (5, 9, 1)",
    ),
    (
        {"X": COMMON[0], "y": COMMON[1], "groups": None,
         "validation": (COMMON[0], np.ones((6, 8)))}, ValueError,
        "validation[1][0]: expected 9 rows, as many as validation[0], got 8",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "message"), CASES)
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        many(**arguments)
