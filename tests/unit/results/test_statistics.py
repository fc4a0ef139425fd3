"""Statistics of restarts: each number against a plain count, and exact sums of parts."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from statistics_examples import NETS, counted, job_of, listed, rows_of, statistics_of

import fastnn
from fastnn.results.histogram import EPOCH_EDGES, LOSS_EDGES
from fastnn.results.statistics import Statistics
from fastnn.spec.status import Status


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("net", NETS, ids=str)
def test_all_content_is_that_of_a_plain_count(net, dtype):
    job = job_of(net, dtype=dtype)
    rows = rows_of(job, 3000, seed=net.n_parameters)
    found, expected = listed(statistics_of(job, rows)), counted(job, *rows)
    assert list(found) == list(expected)
    for name, content in expected.items():
        assert found[name] == content, name
    assert sum(map(bool, found["forms_counts"][0])) > 1


@pytest.mark.parametrize("size", [0, 1, 2])
def test_few_restarts(size):
    job = job_of()
    for seed in range(20):
        rows = rows_of(job, size, seed)
        assert listed(statistics_of(job, rows)) == counted(job, *rows)


@given(
    st.integers(0, 2**32), st.integers(0, 60), st.lists(st.integers(0, 60), max_size=6),
    st.randoms(use_true_random=False), st.sampled_from(NETS[:3]),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_parts_add_up_in_any_order_and_grouping(seed, size, cuts, random, net):
    job = job_of(net)
    rows = rows_of(job, size, seed)
    whole = statistics_of(job, rows)
    ends = [0, *sorted(min(cut, size) for cut in cuts), size]
    parts = [statistics_of(job, rows, a, b) for a, b in pairwise(ends)]
    before = [listed(part) for part in parts]
    total = Statistics.empty(job)
    for part in random.sample(parts, len(parts)):
        total.add(part)
    grouped = list(parts)
    while len(grouped) > 1:
        a, b = (grouped.pop(random.randrange(len(grouped))) for _ in range(2))
        grouped.append(a + b)
    for result in (total, grouped[0]):
        assert result == whole
        assert listed(result) == listed(whole)
    assert [listed(part) for part in parts] == before


def test_many_forms_of_one_minimum_are_a_sample_that_any_order_finds():
    job = job_of()
    rng = np.random.default_rng(0)
    size = 3000
    rows = [np.full(size, 0.5), np.zeros(size, dtype=np.int64), np.full(size, 4),
            rng.integers(-1, 2, (size, 9)).astype(float)]  # fmt: skip
    whole = statistics_of(job, rows)
    assert listed(whole) == counted(job, *rows)
    parts = [statistics_of(job, rows, a, a + 100) for a in range(0, size, 100)]
    for order in (parts, parts[::-1]):
        total = Statistics.empty(job)
        for part in order:
            total.add(part)
        assert total == whole


def test_added_to_itself_it_doubles():
    job = job_of()
    once = statistics_of(job, rows_of(job, 500, 0))
    twice = once + once
    again = once + Statistics.empty(job)
    assert again == once
    again.add(again)
    assert again == twice
    assert twice.restarts == 2 * once.restarts
    assert once.mean_loss == twice.mean_loss
    assert [m.restarts for m in twice.minima()] == [2 * m.restarts for m in once.minima()]


def test_others_are_told_apart():
    job = job_of()
    rows = rows_of(job, 50, 1)
    mine = statistics_of(job, rows)
    others = [
        job_of(NETS[3]),
        job_of(dtype=np.float32),
        job_of(seed=1),
        job_of(targets=False),
    ]
    for other in others:
        with pytest.raises(ValueError, match="expected statistics of the same job"):
            mine.merge(Statistics.empty(other))
        assert Statistics.empty(other) != Statistics.empty(job)
    assert mine != statistics_of(job, rows, 0, 25)
    assert mine != 3
    with pytest.raises(TypeError):
        mine + 3
    with pytest.raises(TypeError):
        hash(mine)


@given(st.integers(0, 2**32), st.integers(1, 300))
@settings(deadline=None, max_examples=50)
def test_quantiles(seed, size):
    job = job_of()
    rng = np.random.default_rng(seed)
    loss = np.exp(rng.normal(0, rng.choice([0.01, 1, 20]), size))
    epochs = np.floor(np.exp(rng.uniform(0, rng.choice([3, 30]), size))).astype(np.int64)
    status = rng.choice([0, 1, 2, 2, 4], size)
    statistics = statistics_of(job, (loss, epochs, status, np.zeros((size, 9))))
    ended = status != Status.NOT_RUN
    cases = [
        (loss[ended], statistics.loss_quantile),
        (epochs[ended], lambda q: statistics.epochs_quantile(q, converged=False)),
        (epochs[status == Status.CONVERGED], statistics.epochs_quantile),
    ]
    for values, quantile in cases:
        if not len(values):
            assert quantile(0.5) is None
            continue
        for q in (0, 0.01, 0.25, 0.5, 0.75, 0.9, 1):
            expected = float(np.quantile(values, q, method="inverted_cdf"))
            assert quantile(q) == pytest.approx(expected, rel=1 / 64, abs=0)
            if q in (0, 1) or (expected < 128 and values.dtype == np.int64):
                assert quantile(q) == expected
    assert statistics.loss_quantile(np.float32(0.5)) == statistics.loss_quantile(0.5)


def test_edges():
    assert EPOCH_EDGES[:130].tolist() == [*range(129), 130]
    assert EPOCH_EDGES[-1] == 2**50
    assert (LOSS_EDGES[1], LOSS_EDGES[-2]) == (2.0**-128, 2.0**128)
    for edges in (EPOCH_EDGES[64:], LOSS_EDGES[1:-1]):
        widths = np.diff(edges) / edges[:-1]
        assert (widths > 0).all()
        assert widths.max() == 1 / 64


def test_histograms():
    job = job_of()
    rows = rows_of(job, 2000, 8)
    loss, epochs, status, _ = rows
    statistics = statistics_of(job, rows)
    ended = status != Status.NOT_RUN
    for chosen, mask in ((None, ended), (Status.STALLED, status == 4), (2, status == 2)):
        edges, counts = statistics.epochs_histogram(chosen)
        np.testing.assert_array_equal(counts, np.histogram(epochs[mask], edges)[0])
        assert counts.sum() == mask.sum()
        assert counts[0] > 0
        assert counts[-1] > 0
    edges, counts = statistics.loss_histogram()
    finite = loss[ended & np.isfinite(loss)]
    np.testing.assert_array_equal(counts, np.histogram(finite, edges)[0])
    assert (edges[0], edges[-1]) == (finite.min(), finite.max())
    assert [len(array) for array in Statistics.empty(job).loss_histogram()] == [0, 0]


def test_means_and_rates():
    job = job_of()
    rows = loss, epochs, status, _ = rows_of(job, 1000, 3)
    statistics = statistics_of(job, rows)
    finite = loss[(status != 0) & np.isfinite(loss)]
    assert statistics.mean_loss == float(sum(map(Fraction, finite.tolist())) / len(finite))
    wanted = [int(number) for number in epochs[status == 2]]
    assert statistics.mean_epochs == float(Fraction(sum(wanted), len(wanted)))
    assert statistics.restarts == (status != 0).sum()
    assert statistics.counts == {m.name: int((status == m).sum()) * (m > 0) for m in Status}
    summary = fastnn.results.summary.summarize(
        loss, epochs, status, has_target=True, loss_name=job.loss_name
    )
    found = statistics.summary()
    assert found.success_rate == statistics.success_rate == summary.success_rate
    assert found.success_interval == statistics.success_interval == summary.success_interval
    assert found.epochs[::4] == summary.epochs[::4]
    assert found.loss[::4] == summary.loss[::4]


def test_without_a_target_all_epochs_count():
    job = job_of(targets=False)
    rows = _, epochs, status, _ = rows_of(job, 100, 3)
    status[status == 2] = 1
    statistics = statistics_of(job, rows)
    wanted = [int(number) for number in epochs[status != 0]]
    assert statistics.mean_epochs == float(Fraction(sum(wanted), len(wanted)))
    assert statistics.epochs_quantile(1) == max(wanted)
    assert statistics.success_rate is None
    assert statistics.success_interval is None
    assert statistics.summary().epochs[-1] == max(wanted)


def test_of_nothing():
    nothing = Statistics.empty(job_of())
    assert nothing.restarts == 0
    assert nothing.minima() == []
    quantities = (nothing.mean_loss, nothing.mean_epochs, nothing.success_rate,
                  nothing.loss_quantile(0), nothing.epochs_quantile(0.5))  # fmt: skip
    assert quantities == (None,) * 5
    assert str(nothing) == "restarts     0"
    assert repr(nothing).endswith("0 restarts: none)")
    with pytest.raises(ValueError, match="best: expected a restart with a finite loss"):
        _ = nothing.best


@pytest.fixture(scope="module")
def runs():
    return fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=20000, first=7, seed=2,
        epochs=200, target_sse=0.01, optimizer=fastnn.LevenbergMarquardt(), progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(runs):
    columns = runs.loss, runs.epochs, runs.status, runs.parameters
    total = Statistics.empty(runs.job)
    for start in range(0, 20000, 3000):
        part = (column[start : start + 3000] for column in columns)
        total.add(Statistics.of(runs.job, *part, 7 + start))
    return total


def test_of_trained_restarts(runs, trained):
    columns = runs.loss, runs.epochs, runs.status, runs.parameters
    assert trained == Statistics.of(runs.job, *columns, 7)
    assert trained.counts == runs.summary().counts
    assert trained.mean_loss == math.fsum(runs.loss) / 20000
    assert trained.mean_epochs == runs.epochs[runs.status == Status.CONVERGED].mean()
    first = trained.minima()[0]
    assert first.loss == 0.5
    assert first.restarts == np.count_nonzero(np.abs(runs.loss - 0.5) < 0.0005)
    assert str(trained).startswith(str(trained.summary()))
    assert repr(trained) == repr(runs).replace("Runs", "Statistics")


def test_restarts_are_trained_again(runs, trained):
    best = trained.best
    assert best.restart == runs.best.restart
    np.testing.assert_array_equal(best.parameters, runs.best.parameters)
    assert trained.predict([[0, 1]]).shape == (1, 1)
    again, expected = trained.restart(45), runs.restart(45)
    np.testing.assert_array_equal(again.parameters, expected.parameters)
    np.testing.assert_array_equal(again.history, expected.history)
    for k in (6, 20007, 2.5):
        with pytest.raises((TypeError, ValueError), match="restart: expected an integer"):
            trained.restart(k)


def test_a_diverged_restart_is_trained_again():
    runs = fastnn.train_many(
        fastnn.Network([1, 1], "identity", bias=False), [[1.0]], [[0.0]], restarts=3, epochs=10**8,
        optimizer=fastnn.GradientDescent(1e60),
    )  # fmt: skip
    columns = runs.loss, runs.epochs, runs.status, runs.parameters
    statistics = Statistics.of(runs.job, *columns, 0)
    assert statistics.counts["DIVERGED"] == 3
    np.testing.assert_array_equal(statistics.restart(1).history, runs.restart(1).history)


def test_figure(runs, trained):
    left, right = trained.plot()
    left.figure.canvas.draw()
    (line,) = left.lines
    x, y = line.get_xdata(), line.get_ydata()
    shown = dict(zip(x.tolist(), y.tolist(), strict=True))
    for at in (10, 20, 40):
        share = ((runs.epochs <= at) & (runs.status == Status.CONVERGED)).mean()
        assert shown[at] == pytest.approx(100 * share)
    assert sum(bar.get_height() for bar in right.patches) == 20000
    assert right.get_xlabel() == "final sum of squared errors"
    given = pyplot.subplots(2)[1]
    assert trained.plot(given)[0] is given[0]
    pyplot.close("all")


@pytest.mark.parametrize("which", ["none", "zero", "alike", "not finite", "all kinds"])
def test_figures_of_unusual_kinds(which):
    job = job_of(targets=False)
    loss, epochs, status, parameters = rows_of(job, 300, 0)
    if which == "zero":
        loss[:] = 0
    if which == "alike":
        loss[:], epochs[:] = 0.3, 5
    if which == "not finite":
        loss[:] = np.nan
    size = 0 if which == "none" else None
    statistics = statistics_of(job, (loss, epochs, status, parameters), 0, size)
    statistics.plot()[0].figure.canvas.draw()
    pyplot.close("all")
