"""Statistics of groups, in memory that does not grow with the restarts."""

import pickle
import re

import numpy as np
import pytest
from group_examples import NET, data_of
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn.job.build import make_job
from fastnn.job.group_data import Asked
from fastnn.results.group_counts import GroupCounts
from fastnn.results.statistics import Statistics

SIZES = [1, 30, 2, 2, 17, 3, 40, 1, 8, 9, 33, 16]
RESTARTS = 5
X, Y, LABELS = data_of(SIZES)
ARGUMENTS = {"optimizer": "rprop", "epochs": 20, "target_sse": 0.01}
JOB = make_job(NET, X, Y, groups=Asked(LABELS), restarts=RESTARTS, **ARGUMENTS)


def many(**options):
    return fastnn.train_many(
        NET, X, Y, groups=LABELS, restarts=RESTARTS, **ARGUMENTS | options
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return many()


@pytest.fixture(scope="module")
def statistics():
    return many(keep="statistics")


def assert_tables_are_equal(one, other):
    for name, column in vars(one).items():
        if name != "median_loss":
            np.testing.assert_array_equal(getattr(other, name), column)


@pytest.mark.parametrize("options", [{}, {"chunk": 3, "threads": 2}, {"chunk": 13, "threads": 1}])
def test_those_of_all_restarts(expected, statistics, options):
    found = many(keep="statistics", **options)
    assert found == statistics
    table = found.by_group()
    assert_tables_are_equal(table, expected.by_group())
    assert 0 < table.converged.sum() < table.ended.sum() == len(expected)
    assert table.median_loss is None
    np.testing.assert_array_equal(found.best_of_groups(), expected.best_of_groups())
    np.testing.assert_array_equal(found.group_labels, expected.group_labels)
    np.testing.assert_array_equal(found.restarts_of(4), expected.restarts_of(4))
    codes = np.arange(12)
    np.testing.assert_array_equal(
        found.models().predict(X[:12], codes), expected.models().predict(X[:12], codes)
    )


def test_frames(statistics):
    pytest.importorskip("pandas")
    frame = statistics.by_group().to_frame()
    assert "median_loss" not in frame
    assert list(frame.index) == statistics.group_labels.tolist()


def test_files(tmp_path, statistics):
    statistics.save(tmp_path / "statistics.npz")
    for again in (
        fastnn.load(tmp_path / "statistics.npz"), pickle.loads(pickle.dumps(statistics))
    ):  # fmt: skip
        assert again == statistics
        assert_tables_are_equal(again.by_group(), statistics.by_group())


@pytest.mark.parametrize("keep", ["statistics", ["epochs"]])
def test_folders(folder, statistics, keep):
    stored = many(keep=keep, out=folder, chunk=7)
    assert stored.statistics == statistics
    assert_tables_are_equal(stored.by_group(), statistics.by_group())
    np.testing.assert_array_equal(stored.best_of_groups(), statistics.best_of_groups())


LOSSES = [0.0, 0.25, 0.5, 1e300, np.inf, np.nan]


@given(
    outcomes=st.lists(
        st.tuples(st.sampled_from(LOSSES), st.sampled_from([0, 1, 2, 3, 4])),
        min_size=60, max_size=60,
    ),
    order=st.permutations(range(60)),
    bounds=st.sets(st.integers(1, 59)),
)  # fmt: skip
def test_parts_add_up(outcomes, order, bounds):
    loss, status = (np.array(part) for part in zip(*outcomes, strict=True))
    indices, found = np.arange(60), GroupCounts(JOB.groups)
    for some in np.split(np.array(order), sorted(bounds)):
        found.add(GroupCounts.of(JOB.groups, indices[some], loss[some], status[some]))
    whole = GroupCounts.of(JOB.groups, indices, loss, status)
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array)
    numbers = found.numbers().tolist()
    for group in range(12):
        own = range(RESTARTS * group, RESTARTS * group + RESTARTS)
        ended = [k for k in own if status[k] != fastnn.Status.NOT_RUN]
        finite = [k for k in ended if np.isfinite(loss[k])]
        assert (group in numbers) == bool(ended)
        if ended:
            at = group - found.first
            counts = [len(ended), sum(status[k] == 2 for k in ended)]
            counts += [sum(status[k] == 3 for k in ended), len(finite)]
            assert found.outcomes.counts[:, at].tolist() == counts
            best = min(finite, key=lambda k: (loss[k], k), default=-1)
            assert found.outcomes.best[at] == best
            assert found.outcomes.lowest[at] == (loss[best] if finite else np.inf)


def test_memory_is_that_of_the_groups():
    some = make_job(NET, X, Y, groups=Asked(LABELS), restarts=10**6, **ARGUMENTS)
    found = Statistics.empty(some)
    indices = np.arange(0, 12 * 10**6, 10**5)
    status = np.ones(len(indices), dtype=np.int8)
    for _ in range(3):
        found._counts().add(GroupCounts.of(some.groups, indices, status.astype(float), status))
    assert sum(array.nbytes for array in found.to_arrays().values()) < 4000
    assert found._counts().outcomes.counts[0].tolist() == [30] * 12


def test_results_without_groups_have_none():
    runs = fastnn.train_many(NET, X, Y, restarts=5, keep="statistics", **ARGUMENTS)
    assert not any(name.startswith("groups") for name in runs.to_arrays())
    for call in (runs.by_group, runs.best_of_groups, runs.models, lambda: runs.restarts_of(1)):
        with pytest.raises(ValueError, match="expected runs of groups, trained with groups="):
            call()


def changed(name, change):
    def arrays_of(arrays):
        return arrays | {name: change(arrays[name].copy())}

    return arrays_of


def with_item(place, value):
    def change(array):
        array[place] = value
        return array

    return change


LOWEST = "groups_lowest, groups_best: expected the best restarts of the groups"
FORGED = [
    # a change of the arrays, part of the message
    (lambda arrays: {n: a for n, a in arrays.items() if n != "groups_best"}, "array groups_best"),
    (changed("groups_numbers", lambda a: a[::-1]), "groups_numbers: expected numbers of groups"),
    (changed("groups_numbers", lambda a: a + 1), "groups_numbers: expected numbers of groups"),
    (changed("groups_numbers", lambda a: a[1:]), "groups_counts: expected shape"),
    (changed("groups_counts", lambda a: a.astype(float)), "groups_counts: expected shape"),
    (changed("groups_counts", lambda a: a + 1), "groups_counts: expected counts that agree"),
    (changed("groups_counts", with_item((0, 0), 4)), "groups_counts: expected counts that agree"),
    (changed("groups_counts", with_item((1, 0), -1)), "groups_counts: expected counts that agree"),
    (changed("groups_lowest", with_item(3, np.inf)), LOWEST),
    (changed("groups_lowest", with_item(3, -1.0)), LOWEST),
    (changed("groups_best", with_item(3, 0)), LOWEST),
    (changed("groups_best", with_item(3, -1)), LOWEST),
    (changed("groups_best", with_item(0, 10**15)), LOWEST),
]


@pytest.mark.parametrize(("change", "message"), FORGED)
def test_arrays_that_no_restarts_can_give(statistics, change, message):
    arrays = statistics.to_arrays()
    assert Statistics.from_arrays(JOB, arrays) == statistics
    with pytest.raises(ValueError, match=re.escape(message)):
        Statistics.from_arrays(JOB, change(arrays))
