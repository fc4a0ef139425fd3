"""Folders of runs of groups: written, resumed, read by group."""

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, data_of
from test_forged import seal

import fastnn
from fastnn.storage import shards

X, Y, LABELS = data_of([1, 30, 2, 2, 17, 3, 40, 1, 8, 9, 33, 16])
NAMES = np.array([f"zone {i}" for i in range(12)])[LABELS]


def many(**options):
    settings = {"optimizer": "rprop", "epochs": 20, "restarts": 5, "groups": NAMES}
    return fastnn.train_many(NET, X, Y, **settings | options)


@pytest.fixture(scope="module")
def expected():
    return many()


def test_results_by_group(folder, expected):
    stored = many(out=folder, chunk=7)
    assert stored.shards > 5
    again = fastnn.open_run(folder)
    assert_same_bits(again.load(), expected)
    for name in ("group", "group_labels", "restart_in_group"):
        np.testing.assert_array_equal(getattr(again, name), getattr(expected, name))
    np.testing.assert_array_equal(again.best_of_groups(), expected.best_of_groups())
    for name, column in vars(expected.by_group()).items():
        np.testing.assert_array_equal(getattr(again.by_group(), name), column)
    k = int(again.restarts_of("zone 4")[1])
    np.testing.assert_array_equal(again.restart(k).parameters, expected.parameters[k])
    for runs in (again, again.statistics):
        with pytest.raises(ValueError, match="best: expected runs of one data set, got groups"):
            _ = runs.best


@pytest.fixture
def checked(monkeypatch):
    """The files that were checked before they were read, as (first restart, name)."""
    found = set()

    def check(self, name, check=shards.Shard.check):
        found.add((self.start, name))
        check(self, name)

    monkeypatch.setattr(shards.Shard, "check", check)
    return found


@pytest.mark.parametrize("keep", ["all", fastnn.Best(2)], ids=str)
def test_one_group_is_read_without_the_others(folder, expected, checked, keep):
    many(out=folder, chunk=3, keep=keep)
    stored = fastnn.open_run(folder)
    checked.clear()
    own = expected.of_group("zone 4")
    runs = stored.of_group("zone 4")
    if keep == "all":
        assert_same_bits(runs, own)
    else:
        assert_same_bits(runs, own[np.argsort(own.loss)[:2]])
    first, last = own.indices[0], own.indices[-1]
    begins = {start for start, _ in checked}
    assert begins == {start for start, stop in starts(stored) if start <= last and first < stop}
    with pytest.raises(ValueError, match="label: expected one of 'zone "):
        stored.of_group("zone 40")


def starts(stored):
    return [(shard.start, shard.stop) for shard in stored._shards]


@pytest.mark.thorough
def test_fewer_of_the_best_of_groups_are_not_all_of_them(folder, expected):
    whole = many(out=folder, chunk=12, keep=fastnn.Best(2)).load()
    shard = shards.shard_paths(folder)[1]
    for path in shard.glob("*.npy"):
        np.save(path, np.load(path)[:-1])
    seal(shard)
    with pytest.raises(fastnn.DamagedFile, match=r"expected .* of shape \("):
        fastnn.open_run(folder).load()
    again = many(out=folder, resume=True, keep=fastnn.Best(2))
    assert_same_bits(again.load(), whole)


def test_the_best_are_found_without_reading_columns(folder, expected, checked):
    many(out=folder, chunk=7)
    stored = fastnn.open_run(folder)
    checked.clear()
    np.testing.assert_array_equal(stored.best_of_groups(), expected.best_of_groups())
    assert {name for _, name in checked} == {shards.STATISTICS}
    models = stored.models()
    assert {name for _, name in checked} == {shards.STATISTICS, "parameters.npy"}
    np.testing.assert_array_equal(
        models.predict(X, NAMES), expected.models().predict(X, NAMES)
    )  # fmt: skip


def test_labels_of_restarts_are_a_lazy_column(folder, expected):
    stored = many(out=folder, chunk=7)
    for name in ("group", "restart_in_group"):
        column, whole = getattr(stored, name), getattr(expected, name)
        assert column.shape == whole.shape
        assert column.dtype == whole.dtype
        assert column[17] == whole[17]
        np.testing.assert_array_equal(column[40:20:-3], whole[40:20:-3])
        np.testing.assert_array_equal(np.concatenate(list(column.shards())), whole)
    assert_same_bits(stored[stored.group == "zone 4"], expected[expected.group == "zone 4"])


def test_resuming(folder, expected):
    stored = many(out=folder, chunk=9)
    for path in shards.shard_paths(folder)[1::2]:
        shards.remove_shard(path)
    stored.refresh()
    assert 0 < len(stored) < len(expected)
    there = expected[np.asarray(stored.indices)]
    assert_same_bits(stored.of_group("zone 9"), there.of_group("zone 9"))
    some = stored.by_group()  # of what is there
    assert 0 < some.ended.sum() == len(stored)
    assert_same_bits(many(out=folder, resume=True, chunk=4).load(), expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"groups": LABELS}, r"differs in groups\.labels; a run of groups cannot be extended"),
        ({"groups": NAMES[::-1].copy()}, "differs in .*; a run of groups cannot be extended"),
        ({"groups": None, "restarts": 60}, "differs in groups"),
        ({"restarts": 6}, "differs in groups"),
    ],
)
def test_another_job_is_refused(folder, changed, message):
    many(out=folder)
    with pytest.raises(ValueError, match=message):
        many(out=folder, resume=True, **changed)


def test_labels_that_files_do_not_hold(folder):
    with pytest.raises(TypeError, match="groups: expected labels of type str, int, float or bool"):
        many(out=folder, groups=[(i, i) for i in LABELS.tolist()])
