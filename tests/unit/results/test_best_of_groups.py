"""The best restarts of each group, kept without the others."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, data_of
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn.job.best_rows import BestRows
from fastnn.job.build import make_job
from fastnn.job.group_data import Asked
from fastnn.job.keep import Keep, make_keep
from fastnn.scheduling.collectors import StatisticsAndBest
from fastnn.scheduling.work import kept_bytes
from fastnn.storage import shards

SIZES = [1, 30, 2, 2, 17, 3, 40, 1, 8, 9, 33, 16]
RESTARTS = 5
X, Y, LABELS = data_of(SIZES)


def arguments(**options):
    return {"optimizer": "rprop", "epochs": 20, "restarts": RESTARTS, "groups": LABELS} | options


def many(**options):
    return fastnn.train_many(NET, X, Y, **arguments(**options))


def best_of(runs, n):
    """The n best restarts of each group, by a sort of each group's losses."""
    chosen = []
    for group in np.unique(runs.indices // RESTARTS):
        own = np.flatnonzero(runs.indices // RESTARTS == group)
        own = own[np.isfinite(runs.loss[own])]
        chosen += own[np.lexsort((runs.indices[own], runs.loss[own]))][:n].tolist()
    return runs[np.array(chosen, dtype=np.int64)]


@pytest.fixture(scope="module")
def expected():
    return many()


@pytest.mark.parametrize("options", [{"chunk": 3}, {"threads": 2}, {"threads": 1, "chunk": 17}])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_those_of_all_restarts(expected, n, options):
    runs = many(keep=fastnn.Best(n), **options)
    assert_same_bits(runs, best_of(expected, n))
    assert runs.statistics.counts == expected.summary().counts
    np.testing.assert_array_equal(runs.best_of_groups(), expected.best_of_groups())
    for name, column in vars(runs.by_group()).items():
        if name != "median_loss":
            np.testing.assert_array_equal(column, getattr(expected.by_group(), name))
    codes = np.arange(12)
    np.testing.assert_array_equal(
        runs.models().predict(X[:12], codes), expected.models().predict(X[:12], codes)
    )
    k = int(runs.indices[-1])
    np.testing.assert_array_equal(runs.restart(k).parameters, runs.parameters[-1])
    np.testing.assert_array_equal(runs.group, expected.group[runs.indices])


JOB = make_job(
    NET, X, Y, groups=Asked(LABELS), restarts=RESTARTS, optimizer="rprop", epochs=20
)  # fmt: skip
KEEP = Keep(("loss", "status"), 2, True)


@given(
    n=st.integers(1, 7),
    losses=st.lists(
        st.sampled_from([0.0, 0.5, 1.0, np.inf, np.nan]), min_size=60, max_size=60
    ),
    order=st.permutations(range(60)),
    bounds=st.sets(st.integers(1, 59)),
)  # fmt: skip
def test_parts_in_any_order(n, losses, order, bounds):
    loss, indices = np.array(losses), np.arange(60)
    status = np.where(np.isfinite(loss), 1, 3).astype(np.int8)
    best = BestRows(JOB, KEEP._replace(best=n))
    for some in np.split(np.array(order), sorted(bounds)):
        best.add({"loss": loss[some], "status": status[some], "restart": indices[some]})
    wanted = []
    for group in range(12):
        own = [k for k in range(5 * group, 5 * group + 5) if np.isfinite(loss[k])]
        wanted += sorted(own, key=lambda k: (loss[k], k))[:n]
    np.testing.assert_array_equal(best.columns()["restart"], np.array(wanted, dtype=np.int64))
    np.testing.assert_array_equal(best.columns()["loss"], loss[wanted])


def test_groups_that_diverge():
    targets = np.where(np.isin(LABELS, [3, 6]), 1e200, Y[:, 0])
    runs = fastnn.train_many(
        NET, X, targets, keep=fastnn.Best(2),
        **arguments(optimizer=fastnn.GradientDescent(0.01)),
    )  # fmt: skip
    assert np.isfinite(runs.loss).all()
    best = runs.best_of_groups(missing=-1)
    assert {3, 6} <= set(runs.group_labels[best < 0].tolist())
    with pytest.raises(ValueError, match="best_of_groups: expected a restart with a finite loss"):
        runs.best_of_groups()


def test_files(tmp_path, expected):
    runs = many(keep=fastnn.Best(2))
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(again, runs)
    np.testing.assert_array_equal(again.best_of_groups(), expected.best_of_groups())
    assert again.statistics == runs.statistics


def test_folders(folder, expected):
    stored = many(keep=fastnn.Best(2), out=folder, chunk=7)
    assert len(stored) == len(expected)
    assert_same_bits(stored.load(), best_of(expected, 2))
    for path in shards.shard_paths(folder)[1::2]:
        shards.remove_shard(path)
    stored.refresh()
    assert -1 in stored.best_of_groups(missing=-1)
    again = many(keep=fastnn.Best(2), out=folder, chunk=4, resume=True)
    assert_same_bits(again.load(), best_of(expected, 2))
    np.testing.assert_array_equal(again.best_of_groups(), expected.best_of_groups())
    codes = np.arange(12)
    np.testing.assert_array_equal(
        again.models().predict(X[:12], codes), expected.models().predict(X[:12], codes)
    )
    with pytest.raises(ValueError, match=r"keep: expected Best\(2\) as in"):
        many(keep=fastnn.Best(3), out=folder, resume=True)


@pytest.mark.thorough
def test_processes(expected):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        runs = many(keep=fastnn.Best(2), executor=executor, chunk=11)
    assert_same_bits(runs, best_of(expected, 2))


def test_ctrl_c_keeps_the_best_that_ended(expected, monkeypatch):
    def add(self, part, add=StatisticsAndBest.add):
        add(self, part)
        if part.start > 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(StatisticsAndBest, "add", add)
    with pytest.raises(fastnn.Interrupted) as caught:
        many(keep=fastnn.Best(2), chunk=6, threads=1)
    runs, ended = caught.value.runs, caught.value.ended
    assert 20 < ended < len(expected)
    assert_same_bits(runs, best_of(expected[:ended], 2))


def test_memory_is_that_of_the_best(monkeypatch):
    few, more = (JOB, make_job(NET, X, Y, groups=Asked(LABELS), restarts=5000))
    keep = make_keep(fastnn.Best(2), few)
    assert keep.most_rows(few) == keep.most_rows(more) == 2 * len(SIZES)
    assert len(BestRows(more, keep).arrays["loss"]) == 2 * len(SIZES)
    # A chunk has rows of many groups.
    assert kept_bytes(few, keep) == 2 * keep.row_bytes(few) // 5
    monkeypatch.setattr("fastnn.job.keep.physical_memory", lambda: 2**12)
    with pytest.raises(ValueError, match="keep: 24 restarts would take"):
        make_keep(fastnn.Best(2), few)
