"""Histograms over fixed bins, the same for all jobs, so any two can be added."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..kernels.statistics import (
    BELOW,
    FIRST_EPOCH_BIN,
    FIRST_LOSS_BIN,
    N_EPOCH_BINS,
    N_LOSS_BINS,
    PER_OCTAVE,
)
from ..support.checks import shown


def _lower_ends(first: int, start: int, stop: int) -> np.ndarray:
    """The smallest floats of the bins ``start … stop - 1``, whose numbers count from `first`."""
    return (np.arange(start, stop, dtype=np.int64) + first << BELOW).view(np.float64)


# Bin i holds numbers from edge i to less than edge i + 1.
EPOCH_EDGES = np.concatenate(
    [np.arange(PER_OCTAVE), _lower_ends(FIRST_EPOCH_BIN, PER_OCTAVE, N_EPOCH_BINS + 1)]
).astype(np.int64)
LOSS_EDGES = np.concatenate([[-np.inf], _lower_ends(FIRST_LOSS_BIN, 1, N_LOSS_BINS), [np.inf]])


def share_of(name: str, value: Any) -> float:
    """Check that `value` is a number from 0 to 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name}: expected a number from 0 to 1, got {shown(value)}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {shown(value)}")
    return float(value)


def quantile(
    q: float, counts: np.ndarray, edges: np.ndarray, low: float, high: float
) -> float | None:
    """The quantile of the share `q`, interpolated within its bin.

    It is exact for 0 and 1, from the extremes `low` and `high`.  The first bin counts as the single
    number `low`.  None if there are no numbers.
    """
    q = share_of("q", q)
    ends = np.cumsum(counts)
    total = int(ends[-1])
    if total == 0:
        return None
    if q in (0, 1):
        return float(high if q else low)
    rank = max(0, math.ceil(float(q) * total) - 1)
    place = int(np.searchsorted(ends, rank, side="right"))
    if place == 0:
        return float(low)
    count = int(counts[place])
    share = (rank - (int(ends[place]) - count) + 0.5) / count
    # The largest whole number in a bin is one less than its end.
    whole = edges.dtype.kind == "i"
    start, end = max(edges[place], low), min(edges[place + 1] - whole, high)
    return float(start + (end - start) * share)


def span(
    counts: np.ndarray, edges: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """The edges and counts of the bins, from the first to the last that is not empty.

    Bins without an end of their own end at `low` or `high`.
    """
    places = np.flatnonzero(counts)
    if not len(places):
        return edges[:0].copy(), counts[:0].copy()
    start, stop = int(places[0]), int(places[-1]) + 1
    ends = edges[start : stop + 1].copy()
    if ends[0] == -np.inf:
        ends[0] = low
    if ends[-1] == np.inf:
        ends[-1] = high
    return ends, counts[start:stop].copy()


def place_of(value: float, edges: np.ndarray) -> int:
    """The bin that holds `value`."""
    return int(np.searchsorted(edges, value, side="right")) - 1
