"""Results kept by `keep`: columns, the best, statistics; in memory known beforehand."""

import numpy as np
import pytest
from conftest import assert_same_bits, python
from directory_examples import NET, RESTARTS, X, Y, many

import fastnn
from fastnn.job.keep import Best, make_keep
from fastnn.scheduling.collectors import Columns


@pytest.fixture(scope="module")
def expected():
    return many()


def test_columns_and_statistics_in_memory(expected):
    runs = many(keep=["loss"])
    np.testing.assert_array_equal(runs.loss, expected.loss)
    np.testing.assert_array_equal(runs.status, expected.status)
    assert runs.parameters is None
    with pytest.raises(ValueError, match="epochs: not kept in these results"):
        _ = runs.epochs
    assert runs.summary().epochs is None
    assert runs.summary().counts == expected.summary().counts
    np.testing.assert_array_equal(runs.restart(500).parameters, expected.parameters[490])
    assert runs.best.restart == expected.best.restart
    np.testing.assert_array_equal(runs.best.parameters, expected.best.parameters)
    assert list(runs.to_frame().columns) == ["loss", "status"]
    with pytest.raises(ValueError, match="loss: not kept in these results"):
        _ = many(keep=["epochs"]).best
    statistics = many(keep="statistics")
    assert statistics.restarts == RESTARTS
    assert statistics.summary().counts == expected.summary().counts


@pytest.mark.parametrize("n", [1, 7, 5000])
@pytest.mark.parametrize("on_disk", [False, True])
def test_the_best(folder, expected, n, on_disk):
    runs = many(keep=Best(n), chunk=170, out=folder if on_disk else None)
    if on_disk:
        stored, runs = runs, runs.load()
        assert len(stored) == RESTARTS
    order = np.lexsort((expected.indices, expected.loss))[:n]
    assert_same_bits(runs, expected[order])
    assert runs.statistics.restarts == RESTARTS
    assert runs.best.restart == expected.best.restart
    np.testing.assert_array_equal(runs.restart(int(runs.indices[-1])).parameters,
                                  runs.parameters[-1])  # fmt: skip


def test_the_best_of_restarts_that_diverge():
    rates = np.where(np.arange(300) % 3 == 0, 1e300, 0.1)
    options = {"restarts": 300, "epochs": 5, "optimizer": fastnn.GradientDescent(rates)}
    net = fastnn.Network([2, 2, 1], activation="identity")
    everything = fastnn.train_many(net, X, Y, **options)
    best = fastnn.train_many(net, X, Y, keep=Best(250), chunk=40, **options)
    assert 0 < len(best) < 250
    assert np.isfinite(best.loss).all()
    assert len(best) == np.isfinite(everything.loss).sum()
    assert best.statistics.counts == everything.summary().counts


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_is_constant():
    code = (
        "import resource, fastnn\n"
        "X, y = fastnn.datasets.xor()\n"
        "def peak(restarts, **options):\n"
        "    fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=restarts, epochs=30,\n"
        "                      optimizer=fastnn.LevenbergMarquardt(), target_sse=0.04, **options)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak(500_000, keep='statistics')\n"
        "peak(4_000_000, keep='statistics')\n"
        "print(peak(4_000_000, keep=fastnn.Best(100)) - before)\n"
    )
    assert int(python(code).stdout) < 64


def test_what_is_too_large_is_refused():
    for options, named in (
        ({"keep": None}, "keep: 1,000,000,000,000 restarts would take"),
        ({"keep": "outcomes"}, "more than the .* of this machine; keep less"),
        ({"keep": Best(10**12)}, "more than the"),
    ):
        with pytest.raises(ValueError, match=named):
            many(restarts=10**12, **options)
    for keep, kind in ((5, TypeError), ("x", ValueError), ([], TypeError), (["x"], ValueError),
                       ([["loss"]], ValueError), ({"loss"}, TypeError)):  # fmt: skip
        with pytest.raises(kind, match="keep: expected 'all'"):
            many(restarts=20, keep=keep)
    for n, kind in ((0, ValueError), (1.5, TypeError), (None, TypeError)):
        with pytest.raises(kind, match="n: expected an integer"):
            Best(n)


def test_memory_is_collected_as_on_disk(expected):
    columns = Columns(expected.job, make_keep("all", expected.job))
    assert len(columns.result()) == 0
    assert columns.result().parameters.shape == (0, NET.n_parameters)
