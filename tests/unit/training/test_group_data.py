"""Data of groups in all the forms in which they may come."""

import re

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, data_of

import fastnn

SIZES = [3, 12, 1, 12, 30]
X, Y, LABELS = data_of(SIZES)
SETTINGS = {"optimizer": "rprop", "epochs": 20, "restarts": 2}
NAMES = [f"shop {i}" for i in range(len(SIZES))]
XS, YS = ([values[i == LABELS] for i in range(len(SIZES))] for values in (X, Y))


def many(X, y, **arguments):
    return fastnn.train_many(NET, X, y, **SETTINGS | arguments)


@pytest.fixture(scope="module")
def expected():
    order = np.argsort(LABELS, kind="stable")
    return many(X[order], Y[order], groups=np.array(NAMES)[LABELS[order]])


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (XS, YS),
        (tuple(XS), [y[:, 0] for y in YS]),
        (XS, [y.tolist() for y in YS]),
    ],
    ids=["arrays", "one output", "lists"],
)
def test_an_array_for_each_group(expected, inputs, targets):
    runs = many(inputs, targets, groups=NAMES)
    assert_same_bits(runs, expected)
    assert list(runs.group) == list(expected.group)
    unnamed = many(inputs, targets)
    assert_same_bits(unnamed, expected)
    np.testing.assert_array_equal(unnamed.group_labels, range(len(SIZES)))


def test_a_frame_for_each_group(expected):
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame(x, columns=["a", "b", "c"]) for x in XS]
    frames[1] = frames[1][["c", "a", "b"]]
    with pytest.raises(ValueError, match=r"X\[1\], y\[1\]: expected the columns of X\[0\] and y"):
        many(frames, YS)
    frames[1] = frames[1][["a", "b", "c"]]
    runs = many(frames, YS)
    assert_same_bits(runs, expected)
    assert runs.features == ("a", "b", "c")


def test_weights_of_each_group():
    weights = np.random.default_rng(1).uniform(0.1, 2, len(LABELS))
    order = np.argsort(LABELS, kind="stable")
    labels = np.array(NAMES)[LABELS[order]]
    flat = many(X[order], Y[order], groups=labels, sample_weight=weights[order])
    given = [weights[i == LABELS] for i in range(len(SIZES))]
    assert_same_bits(many(XS, YS, sample_weight=given), flat)


COMMON = np.random.default_rng(3).random((40, 17, 1))


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (X[:17], COMMON),
        (X[:17], COMMON[..., 0]),
        (X[:17].tolist(), list(COMMON[..., 0])),
        (np.broadcast_to(X[:17], (40, 17, 3)), COMMON),
        (np.broadcast_to(X[:17], (40, 17, 3)), COMMON[..., 0]),
    ],
    ids=["three axes", "two axes", "lists", "own inputs", "own inputs, one output"],
)
def test_groups_of_one_size(inputs, targets):
    runs = many(inputs, targets)
    assert len(runs) == 80
    for k in (0, 1, 33, 79):
        alone = fastnn.train(
            NET, X[:17], COMMON[k // 2], restart=k % 2, epochs=20, optimizer="rprop"
        )
        np.testing.assert_array_equal(alone.parameters, runs.parameters[k])
        np.testing.assert_array_equal(runs.restart(k).parameters, runs.parameters[k])


def test_weights_of_groups_of_one_size():
    weights = np.random.default_rng(1).uniform(0.1, 2, (40, 17))
    for given in (weights, weights[0]):
        runs = many(X[:17], COMMON, sample_weight=given)
        alone = fastnn.train(
            NET, X[:17], COMMON[7], restart=1, epochs=20, optimizer="rprop",
            sample_weight=np.broadcast_to(given, weights.shape)[7],
        )  # fmt: skip
        np.testing.assert_array_equal(alone.parameters, runs.parameters[15])


def test_targets_in_a_mapped_file(tmp_path):
    np.save(tmp_path / "y.npy", COMMON)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    runs = many(X[:17], mapped)
    assert_same_bits(runs, many(X[:17], COMMON))
    assert np.shares_memory(runs.job.y, mapped)
    changed = np.load(tmp_path / "y.npy", mmap_mode="r+")
    assert not np.shares_memory(many(X[:17], changed).job.y, changed)
    changed[3, 2, 0] = np.nan
    changed.flush()
    with pytest.raises(ValueError, match=r"y: expected finite float64 numbers, got nan at index"):
        many(X[:17], mapped)


def test_saved(tmp_path):
    runs = many(X[:17], COMMON, groups=[f"pixel {i}" for i in range(40)], sample_weight=np.ones(17))
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(again, runs)
    assert again.group[2] == "pixel 1"
    np.testing.assert_array_equal(again.restart(79).parameters, runs.parameters[79])


def test_data_of_one_set_stay_one_set():
    square = fastnn.Network([3, 2, 3])
    runs = fastnn.train_many(square, X[:3], np.full((3, 3), 0.5), restarts=2, epochs=1)
    assert (len(runs), runs.job.groups) == (2, None)
    for targets in (Y[:1], Y[:1, 0], [[0.5]]):
        assert many(X[:1], targets).job.groups is None


CASES = [
    # X, y, other arguments, exception, part of the message
    (XS, YS[1:], {}, ValueError, "y: expected 5 arrays, one for each array of X, got 4 of them"),
    (XS, 3.0, {}, ValueError, "y: expected 5 arrays, one for each array of X, got 3.0"),
    ([*XS[:2], XS[2][:, :2], *XS[3:]], YS, {}, ValueError, "X[2]: expected shape (n, 3)"),
    (XS, [*YS[:3], YS[1][:4], YS[4]], {}, ValueError, "y[3]: expected 12 rows, as many as X[3]"),
    ([XS[0][:0], *XS[1:]], YS, {}, ValueError, "X[0]: expected at least one sample, got none"),
    (XS, [*YS[:4], YS[4] * np.nan], {}, ValueError, "y[4]: expected finite float64 numbers"),
    (XS, YS, {"groups": NAMES[1:]}, ValueError, "groups: expected 5 labels, one for each array"),
    (XS, YS, {"groups": [*NAMES[1:], NAMES[1]]}, ValueError, "groups: expected different labels"),
    (XS, YS, {"sample_weight": [np.ones(3)]}, ValueError, "sample_weight: expected 5 arrays, one"),
    (
        XS, YS, {"sample_weight": [np.ones(3)] * 5}, ValueError,
        "sample_weight[1]: expected shape (12,), as many as X[1] has rows, got (3,)",
    ),
    (X[:17], COMMON[:0], {}, ValueError, "y: expected targets of at least one group, got none"),
    (X[:16], COMMON, {}, ValueError, "y[0]: expected 16 rows, as many as X, got 17"),
    (X[:17], np.zeros((4, 17, 2)), {}, ValueError, "y[0]: expected shape (n, 1) for"),
    (X[:17], COMMON, {"groups": [1, 2]}, ValueError, "groups: expected 40 labels, one for each"),
    (
        X[:17], COMMON, {"sample_weight": np.ones(40)}, ValueError,
        "sample_weight: expected shape (17,) or (40, 17), got shape (40,)",
    ),
    (X[:17], COMMON[:, :, 0].T, {}, ValueError, "y: expected shape (n, 1) for"),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "targets", "arguments", "kind", "message"), CASES)
def test_bad_input(inputs, targets, arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        many(inputs, targets, **arguments)


def test_one_network_takes_one_data_set():
    with pytest.raises(ValueError, match=re.escape("y: expected shape (n, 1)")):
        fastnn.train(NET, X[:17], COMMON)
