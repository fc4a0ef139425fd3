"""Memory of a run with many groups: that of their data and results, and little more."""

import tracemalloc

import numpy as np
import pytest

import fastnn

GROUPS, ROWS = 1_000_000, 4
NET = fastnn.Network([1, 2, 1])
INPUTS = np.linspace(-1, 1, ROWS)[:, np.newaxis]


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    path = tmp_path_factory.mktemp("targets") / "y.npy"
    y = np.lib.format.open_memmap(path, "w+", np.float64, (GROUPS, ROWS))
    rng = np.random.default_rng(0)
    for start in range(0, GROUPS, 10_000):
        y[start : start + 10_000] = rng.random((10_000, ROWS))
    y.flush()
    del y
    return np.load(path, mmap_mode="r")


def memory_of(y, **options):
    """Bytes for each group that a run holds afterwards, and at most; the result."""
    tracemalloc.start()
    try:
        runs = fastnn.train_many(NET, INPUTS, y, optimizer="rprop", epochs=3, **options)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / len(y), peak / len(y), runs


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("keep", "results"), [("statistics", 48), (fastnn.Best(1), 48 + 81)], ids=["statistics", "best"]
)
def test_a_million_groups(targets, keep, results):
    memory_of(targets[:1000], restarts=1, keep=keep)
    # The index of the groups: labels, places, rows.
    least = 3 * 8 + results
    for restarts in (1, 12):
        held, peak, runs = memory_of(targets, restarts=restarts, keep=keep)
        assert held < 1.1 * least  # a copy of the targets would add 32
        assert peak < 3 * least  # outcomes of 12 restarts would add 204, with parameters 876
        assert runs.by_group().ended.sum() == restarts * GROUPS
