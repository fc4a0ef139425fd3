"""Results by group, and the arguments that groups take and refuse."""

import re
from fractions import Fraction

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, assert_alone, data_of

import fastnn

SIZES = [3, 12, 1, 12, 30]
X, Y, LABELS = data_of(SIZES)
SETTINGS = {"optimizer": "rprop", "epochs": 20}


def many(X=X, y=Y, groups=LABELS, restarts=4, **arguments):
    return fastnn.train_many(NET, X, y, groups=groups, restarts=restarts, **SETTINGS | arguments)


@pytest.fixture(scope="module")
def runs():
    return many()


def test_numbers_of_groups(runs):
    first = [int(np.flatnonzero(label == LABELS)[0]) for label in runs.group_labels]
    assert first == sorted(first)  # by first appearance
    assert len(runs.group) == len(runs) == 4 * len(SIZES)
    rows = np.bincount(LABELS)[runs.group]
    assert (np.diff(rows) <= 0).all()  # the largest first
    np.testing.assert_array_equal(runs.restart_in_group, np.tile(np.arange(4), len(SIZES)))
    for label in runs.group_labels:
        np.testing.assert_array_equal(runs.group[runs.restarts_of(label)], label)


def test_of_group(runs):
    for label in runs.group_labels:
        assert_same_bits(runs.of_group(label), runs[runs.group == label])
    some = runs[runs.restart_in_group > 1]
    np.testing.assert_array_equal(some.of_group(3).restart_in_group, [2, 3])
    with pytest.raises(ValueError, match="label: expected one of "):
        runs.of_group(17)


def test_best_of_groups(runs):
    best = runs.best_of_groups()
    for label, k in zip(runs.group_labels, best, strict=True):
        own = runs.restarts_of(label)
        assert k == own[np.argmin(runs.loss[own])]
    # Equal losses go to the lowest index, whatever comes first.
    same = many(init=fastnn.Uniform(0.5, 0.5))[np.arange(4 * len(SIZES))[::-1]]
    np.testing.assert_array_equal(same.best_of_groups() % 4, 0)


def test_groups_without_a_finite_loss():
    targets = np.where(LABELS == 3, 1e200, Y[:, 0])
    runs = many(y=targets, optimizer=fastnn.GradientDescent(0.01))
    with pytest.raises(ValueError, match="got none in 3; pass missing=-1"):
        runs.best_of_groups()
    best = runs.best_of_groups(missing=-1)
    np.testing.assert_array_equal(runs.group_labels[best < 0], [3])
    table = runs.by_group()
    (place,) = np.flatnonzero(table.labels == 3)
    assert (table.diverged[place], table.best[place]) == (4, -1)
    assert np.isnan([table.loss[place], table.median_loss[place]]).all()


def test_by_group(runs):
    table = runs.by_group()
    assert len(table) == len(SIZES)
    np.testing.assert_array_equal(table.best, runs.best_of_groups())
    for place, label in enumerate(table.labels):
        losses = runs.loss[runs.group == label]
        assert table.rows[place] == (label == LABELS).sum()
        assert table.loss[place] == losses.min()
        assert table.median_loss[place] == pytest.approx(np.median(losses), rel=1e-15)
    np.testing.assert_array_equal(table.ended, 4)
    some = runs[runs.restart_in_group < 2].by_group()
    np.testing.assert_array_equal(some.ended, 2)


def test_frames(runs):
    pytest.importorskip("pandas")
    frame = runs.to_frame()
    assert list(frame.columns) == ["group", "restart_in_group", "loss", "epochs", "status"]
    lowest = frame.groupby("group", sort=False)["loss"].min()
    table = runs.by_group().to_frame()
    np.testing.assert_array_equal(table["loss"], lowest.loc[table.index])


def test_again_alone(runs):
    for k in (0, 7, 19):
        run = runs.restart(k)
        np.testing.assert_array_equal(run.parameters, runs.parameters[k])
        assert run.restart == k % 4
        assert len(run.history) == run.epochs + 1
    without = many(keep="outcomes")
    np.testing.assert_array_equal(without.predict(X[:5], "all"), runs.predict(X[:5], "all"))


def test_sums_of_squares_of_another_loss():
    runs = many(loss=fastnn.Huber(0.1))
    for k in (0, 9, 18):
        rows = runs.group[k] == LABELS
        errors = runs.predict(X[rows], [k])[0] - Y[rows]
        assert runs.sse[k] == pytest.approx(np.sum(errors**2), rel=1e-12)


def test_statistics(runs):
    statistics = many(keep="statistics")
    assert statistics.restarts == len(runs)
    assert statistics.summary().loss[0] == runs.loss.min()


@pytest.mark.parametrize(
    "label",
    [
        "shop {}".format, float, lambda i: (i, "a"), lambda i: Fraction(i, 7),
        lambda i: bool(i % 2), lambda i: [i, "text"][i % 2], lambda i: 2**70 + i,
        np.datetime64("2026-01-01").__add__,
    ],
    ids=["text", "float", "tuples", "fractions", "bool", "mixed", "large", "dates"],
)  # fmt: skip
def test_labels_of_any_kind(label):
    labels = [label(int(i)) for i in LABELS]
    runs = many(groups=labels)
    assert set(runs.group_labels.tolist()) == set(as_objects(labels))
    rows = np.array([own == runs.group_labels[0] for own in labels])
    k = int(runs.restarts_of(labels[0])[2])
    alone = fastnn.train(NET, X[rows], Y[rows], restart=2, **SETTINGS)
    np.testing.assert_array_equal(alone.parameters, runs.parameters[k])


def test_labels_of_a_frame(runs):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(store=LABELS)
    found = many(X=frame[["a", "b", "c"]], groups=frame["store"])
    assert_same_bits(found, runs)
    assert found.features == ("a", "b", "c")
    named = many(groups=frame["store"].map("store {}".format).astype("category"))
    assert_same_bits(named, runs)


def test_weights_go_along():
    weights = np.random.default_rng(2).uniform(0, 2, len(LABELS))
    for given in (weights, fastnn.Bootstrap()):
        runs = many(sample_weight=given)
        assert_alone(runs, X, Y, LABELS, sample_weight=given, **SETTINGS)


def as_objects(labels):
    return np.array([*labels, None], dtype=object)[:-1].tolist()


def replaced(values, at, value):
    changed = np.array(values, dtype=object)
    changed[at] = value
    return changed


CASES = [
    # arguments, exception, part of the message
    ({"groups": LABELS[1:]}, ValueError, "groups: expected 58 labels, one for each row of X"),
    ({"groups": 3}, TypeError, "groups: expected a sequence of labels, got 3"),
    ({"groups": "shop"}, TypeError, "groups: expected a sequence of labels, got 'shop'"),
    ({"groups": LABELS[:, np.newaxis]}, ValueError, "groups: expected an array of shape (n,)"),
    ({"groups": replaced(LABELS, 5, None)}, ValueError, "got None at index 5; leave out rows"),
    ({"groups": replaced(LABELS, 6, np.nan)}, ValueError, "got nan at index 6; leave out rows"),
    ({"groups": np.where(LABELS == 2, np.nan, LABELS)}, ValueError, "got nan at index"),
    ({"groups": [*LABELS[1:], [1]]}, TypeError, "groups: expected labels that can be hashed"),
    ({"restarts": 0}, ValueError, "restarts: expected an integer from 1 to"),
    ({"restarts": 10**12}, ValueError, "restarts: expected an integer from 1 to 200000000000, got"),
    ({"shuffle": True}, ValueError, "shuffle: expected a batch_size with it, got None"),
    ({"shuffle": True, "batch_size": 4}, ValueError, "batch_size: expected None with RPROP"),
    ({"parallel": "samples"}, ValueError, "parallel: 'samples' is not available with groups,"),
    ({"grid": fastnn.Grid(initial_step=[0.1, 0.2])}, ValueError, "grid: expected "),
    ({"keep": "best"}, ValueError, "keep: expected 'all', 'parameters', 'outcomes', 'statistics'"),
    (
        {"sample_weight": np.where(LABELS == 1, 0.0, 1.0)}, ValueError,
        "sample_weight: expected a weight > 0 in each group, got only zeros in group 1;",
    ),
    ({"sample_weight": np.ones((4, 58))}, ValueError, "sample_weight: expected shape (58,)"),
    (
        {"sample_weight": fastnn.KFold(3)}, ValueError,
        "sample_weight: expected at least 2 samples with KFold(folds=3) in each group, got 1 in",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "message"), CASES)
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        many(**arguments)


def test_what_groups_have_not(runs):
    for call, message in (
        (lambda: runs.best, "best: expected runs of one data set, got groups; each group has"),
        (
            lambda: runs.predict(X),
            "best: expected runs of one data set, got groups; each group has",
        ),
        (lambda: runs.restarts_of(17), "label: expected one of "),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()
    common = fastnn.train_many(NET, X, Y, restarts=2, **SETTINGS)
    for name in ("group", "restart_in_group", "group_labels"):
        with pytest.raises(ValueError, match=f"{name}: expected runs of groups, trained with gro"):
            getattr(common, name)


def test_saved(tmp_path, runs):
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(again, runs)
    np.testing.assert_array_equal(again.group_labels, runs.group_labels)
    np.testing.assert_array_equal(again.best_of_groups(), runs.best_of_groups())
    np.testing.assert_array_equal(again.restart(3).parameters, runs.parameters[3])
    texts = many(groups=[f"shop {i}" for i in LABELS])
    texts.save(tmp_path / "texts.npz")
    assert fastnn.load(tmp_path / "texts.npz").group[0] == "shop 4"
    with pytest.raises(TypeError, match="groups: expected labels of type str, int, float or bool"):
        many(groups=[(i,) for i in LABELS.tolist()]).save(tmp_path / "tuples.npz")
