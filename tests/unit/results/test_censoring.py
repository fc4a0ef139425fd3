"""Runs that end early: restarts that were cut off, and estimates that account for them."""

import heapq
import json
import threading
import time
from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn import Status
from fastnn.engine.chunk import train_chunk
from fastnn.results.censoring import CutOff, incidence_of, wilson_interval
from fastnn.scheduling.worker import train_part
from fastnn.storage.cut_off import NAME

X, y = fastnn.datasets.xor()
NET = fastnn.Network([2, 2, 1])
# Most restarts converge within some hundred epochs; the others never end.
ENDLESS = {
    "epochs": 10**9, "target_sse": 0.04, "optimizer": fastnn.GradientDescent(2.0),
    "progress": False, "restarts": 2000, "threads": 2,
}  # fmt: skip
CONVERGED, NOT_RUN = int(Status.CONVERGED), int(Status.NOT_RUN)


def counts(epochs, status):
    """Epochs and how many converged, ended otherwise, or were cut off, from pairs."""
    values, places = np.unique(epochs, return_inverse=True)
    status = np.asarray(status)
    kinds = status == CONVERGED, ~np.isin(status, (CONVERGED, NOT_RUN)), status == NOT_RUN
    return values, *(np.bincount(places[kind], minlength=len(values)) for kind in kinds)


def test_published_estimates():
    """Weeks in remission of 21 children (Freireich and others, 1963), as in Kaplan-Meier tables."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    cut = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = incidence_of(*counts(ended + cut, [CONVERGED] * len(ended) + [NOT_RUN] * len(cut)))
    shares = dict(zip(found.epochs.tolist(), 1 - found.share, strict=True))
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(shares[week], 3) for week in published} == published
    assert found.followed == 35
    # Their standard error at the end, 0.1346, is that of a sample of so many.
    size = found.rate * (1 - found.rate) / 0.1346**2
    assert found.interval == pytest.approx(wilson_interval(found.rate * size, size), abs=1e-3)


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([1, 2, 3])), min_size=1))
def test_without_censoring_it_is_the_share(restarts):
    epochs, status = np.array(restarts).T
    found = incidence_of(*counts(epochs, status))
    for value, share in zip(found.epochs, found.share, strict=True):
        assert share == pytest.approx(np.mean((epochs <= value) & (status == CONVERGED)))
    expected = wilson_interval(np.count_nonzero(status == CONVERGED), len(status))
    assert found.interval == pytest.approx(expected)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0, 1, 2, 3])), min_size=1),
    st.floats(0, 1),
)
def test_whatever_is_cut_off_shares_are_shares(restarts, q):
    epochs, status = np.array(restarts).T
    found = incidence_of(*counts(epochs, status))
    low, high = found.interval
    assert 0 <= low <= found.rate <= high <= 1
    assert (np.diff(found.share) >= 0).all()
    assert (found.quantile(q) is None) == (CONVERGED not in status)
    if found.rate > 0:
        assert found.quantile(1) in epochs[status == CONVERGED]
        assert found.quantile(0) == epochs[status == CONVERGED].min()


@pytest.mark.parametrize("lanes", [1, None])
def test_a_restart_that_was_cut_off_had_trained_so_long(lanes):
    """What kernels tell of restarts at work, against training them again."""
    job = fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 0}).job
    job = replace(job, epochs=10**9)
    train_chunk(job, 0, 0, lanes=lanes)
    stop = np.zeros(1, dtype=np.int64)
    timer = threading.Timer(0.3, stop.__setitem__, (0, 1))
    timer.start()
    chunk = train_chunk(job, 0, 300, lanes=lanes, stop_flag=stop)
    timer.join()
    at_work = np.flatnonzero((chunk.status == NOT_RUN) & (chunk.epochs > 0))
    assert len(at_work)
    assert np.isnan(chunk.loss[at_work]).all()
    for k in at_work[:5]:
        made = int(chunk.epochs[k])
        again = fastnn.train(
            NET, X, y, restart=int(k), history=False, target_sse=0.04, epochs=min(made, 10**6),
            optimizer=fastnn.GradientDescent(2.0),
        )  # fmt: skip
        assert again.epochs == min(made, 10**6)


def test_parts_tell_of_restarts_without_a_row():
    job = fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 200}).job
    keep = fastnn.job.keep.make_keep("outcomes", job)
    stop = np.zeros(1, dtype=np.int64)
    assert not len(train_part(job, 0, 100, keep, stop_flag=stop).cut.epochs)
    status = np.array([1, 0, 2, 0, 0], dtype=np.int8)
    cut = CutOff.of(np.array([200, 7, 9, 0, 3]), status)
    assert cut.epochs.tolist() == [200, 7, 9, 3]  # that of 0 epochs was not begun
    assert cut.at_work == 2


def check(summary):
    """Of a run of `ENDLESS` that ended early: 84 % converge, and nobody else ends."""
    assert 0 < summary.cut_off <= 2000
    assert summary.counts["CONVERGED"] == summary.restarts > 100
    low, high = summary.success_interval
    assert summary.accounted
    assert low < 0.9
    assert low < summary.success_rate < high
    assert 100 < summary.epochs[2] < 300
    text = str(summary)
    assert f"cut off      {summary.cut_off:,} in progress" in text
    assert f"by epoch {summary.followed:,}" in text
    assert "of those that ended" in text


@pytest.mark.parametrize("keep", ["all", "outcomes", "statistics"])
def test_a_time_limit_does_not_make_the_rate_that_of_short_ones(keep, tmp_path):
    fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 10}, keep=keep)
    runs = fastnn.train_many(NET, X, y, **ENDLESS, keep=keep, time_limit=0.5)
    check(runs.summary())
    assert runs.cut_off == runs.summary().cut_off
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert again.summary() == runs.summary()
    axes = runs.plot()
    assert f"{runs.cut_off:,} cut off" in axes[0].get_title()
    if keep == "statistics":
        assert again == runs
        assert runs.success_rate == runs.summary().success_rate
        assert runs.mean_epochs == pytest.approx(230, rel=0.5)
    else:
        assert runs[:10].summary().success_interval is None  # which ones were cut off?


def test_columns_without_epochs_tell_no_rate():
    fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 10})
    runs = fastnn.train_many(NET, X, y, **ENDLESS, keep=["loss"], time_limit=0.5)
    summary = runs.summary()
    assert summary.cut_off > 0
    assert summary.success_rate is summary.success_interval is None


def test_merges_of_what_was_cut_off_are_exact():
    job = fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 200}).job
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(3):
        part = fastnn.Statistics.empty(job)
        epochs = rng.integers(1, 10**6, 20)
        part.cut_short(CutOff(epochs, rng.integers(0, 3, 20).astype(np.int8)))
        parts.append(part)
    a, b, c = parts
    assert (a + b) + c == a + (b + c) == c + b + a
    assert (a + b + c).cut_off == sum(part.cut_off for part in parts)
    assert fastnn.Statistics.from_arrays(job, (a + b).to_arrays()) == a + b
    b.accounted = False
    assert not (a + b).accounted
    assert a + b != a + c


class Lost(Executor):
    """Takes work and never gives any back."""

    def submit(self, *_, **__):
        future = Future()
        future.set_running_or_notify_cancel()
        return future


def test_work_that_does_not_come_back_leaves_no_interval():
    runs = fastnn.train_many(NET, X, y, **{**ENDLESS, "threads": None}, executor=Lost(),
                             time_limit=0.1)  # fmt: skip
    assert len(runs) == 0
    assert not runs.summary().accounted
    assert runs.summary().success_interval is None


@pytest.fixture
def folder(tmp_path):
    """A folder whose run ended early."""
    fastnn.train_many(NET, X, y, **{**ENDLESS, "epochs": 10})
    out = tmp_path / "run"
    fastnn.train_many(NET, X, y, **ENDLESS, out=out, keep="outcomes", time_limit=1.0)
    return out


def test_a_folder_tells_what_was_cut_off(folder):
    stored = fastnn.open_run(folder)
    summary = stored.summary()
    assert summary.cut_off > 0
    assert summary.accounted
    assert summary.success_interval[0] < 0.9
    assert summary.restarts == len(stored)
    assert stored[:].summary().success_interval is None
    assert json.loads((folder / NAME).read_text())["ended"] == len(stored)


@pytest.mark.parametrize("how", ["gone", "damaged", "forged", "of another moment"])
def test_without_a_record_that_is_right_a_folder_has_no_interval(folder, how):
    path = folder / NAME
    if how == "gone":  # as after a crash, or while somebody writes
        path.unlink()
    elif how == "damaged":
        path.write_text(path.read_text().replace('"reached"', '"reacher"'))
    else:
        from fastnn.support.atomic_files import sealed

        record = json.loads(path.read_text())
        record.pop("digest")
        change = {"ended": 7} if how == "of another moment" else {"cut_counts": [-5]}
        path.write_text(json.dumps(sealed(record | change)))
    summary = fastnn.open_run(folder).summary()
    assert not summary.accounted
    assert summary.success_interval is None
    assert "no interval" in str(summary) or summary.success_rate is None


def test_a_folder_that_goes_on_forgets_what_was_cut_off_then(folder):
    fastnn.train_many(NET, X, y, **ENDLESS, out=folder, resume=True, time_limit=1e-6)
    summary = fastnn.open_run(folder).summary()
    assert not summary.accounted  # those at work before were not begun again
    again = fastnn.train_many(NET, X, y, **ENDLESS, out=folder, resume=True, time_limit=1.0)
    assert again.summary().restarts == len(again)


def test_a_whole_run_is_told_as_before(tmp_path):
    options = {**ENDLESS, "epochs": 300}
    runs = fastnn.train_many(NET, X, y, **options, out=tmp_path / "run")
    summary = runs.summary()
    assert summary.accounted
    assert (summary.cut_off, summary.followed) == (0, None)
    assert summary.success_interval == wilson_interval(summary.counts["CONVERGED"], 2000)
    runs = fastnn.train_many(
        NET, X, y, **{**options, "restarts": 3000}, out=tmp_path / "run", resume=True
    )
    assert runs.summary().accounted


def cut_at(epochs, status, lanes, share):
    """What is known of restarts in order when lanes have trained a share of all their epochs."""
    moment = epochs.sum() / lanes * share
    free = [0.0] * lanes
    known = []
    for trained, ending in zip(epochs.tolist(), status.tolist(), strict=True):
        begin = heapq.heappop(free)
        if begin >= moment:
            break
        whole = begin + trained <= moment
        known.append((trained, ending) if whole else (int(moment - begin), NOT_RUN))
        heapq.heappush(free, begin + trained)
    return np.array(known).T


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_intervals_cover_what_they_should(share):
    """Restarts of XOR, drawn from many, cut off at a share of the time: 95 % within 1 %."""
    pool = fastnn.train_many(
        NET, X, y, restarts=20_000, epochs=20_000, target_sse=0.04,
        optimizer=fastnn.GradientDescent(2.0), progress=False,
    )  # fmt: skip
    rng, covered, naive, times = np.random.default_rng(0), 0, 0, 4000
    begin = time.perf_counter()
    for _ in range(times):
        drawn = rng.integers(0, len(pool), 2000)
        epochs, status = cut_at(pool.epochs[drawn], pool.status[drawn], 32, share)
        found = incidence_of(*counts(epochs, status))
        true = np.mean((pool.status == CONVERGED) & (pool.epochs <= found.followed))
        covered += found.interval[0] <= true <= found.interval[1]
        ended = status[status != NOT_RUN]
        low, high = wilson_interval(np.count_nonzero(ended == CONVERGED), len(ended))
        naive += low <= true <= high
    print(
        f"at {share:.0%} of the time: {covered / times:.2%} covered, {naive / times:.2%} by those "
        f"that ended alone ({times} runs, {time.perf_counter() - begin:.0f} s)"
    )
    assert abs(covered / times - 0.95) <= 0.01
