"""Statistics as plain arrays for files, and back, with every array checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.grouping import Groups
from ..kernels.statistics import FORMS, N_EPOCH_BINS, N_KEYS, N_LOSS_BINS
from ..spec.status import Status
from ..support.checks import MAX_COUNT, shown
from .group_counts import OF_GROUPS, GroupCounts
from .histogram import EPOCH_EDGES, LOSS_EDGES, place_of
from .minima import Minima

if TYPE_CHECKING:
    from .statistics import Statistics

# All finite floats are multiples of the unit 1 / UNITS.
UNITS = 2**1074
NO_EPOCHS = np.iinfo(np.int64).max
INT, TEXT = np.dtype(np.int64), np.dtype(np.str_)
MINIMA = {
    "minima_keys": "keys",
    "minima_counts": "counts",
    "minima_firsts": "firsts",
    "forms_fingerprints": "fingerprints",
    "forms_counts": "form_counts",
    "forms_firsts": "form_firsts",
}
EARLY = ("cut_places", "cut_counts", "accounted")
"""Arrays that only statistics of a run that ended early have."""


def to_arrays(statistics: Statistics) -> dict[str, np.ndarray]:
    """Convert the content: of histograms only the non-zero bins, and long integers as text."""
    epochs, losses = statistics._epoch_bins.ravel(), statistics._loss_bins.ravel()
    columns, bins = statistics._minima.columns(), statistics._cut_bins
    cut = np.zeros(0, dtype=np.int64) if bins is None else bins.ravel()
    early = np.flatnonzero(cut), cut[cut > 0], np.array(statistics.accounted)
    ended_early = bins is not None or not statistics.accounted
    return {
        **(dict(zip(EARLY, early, strict=True)) if ended_early else {}),
        "epochs_places": np.flatnonzero(epochs),
        "epochs_counts": epochs[epochs > 0],
        "epochs_sums": np.array([str(number) for number in statistics._epoch_sums]),
        "epochs_least": statistics._epoch_least.copy(),
        "epochs_most": statistics._epoch_most.copy(),
        "loss_places": np.flatnonzero(losses),
        "loss_counts": losses[losses > 0],
        "loss_sum": np.array(f"{statistics._loss_sum:x}"),
        "loss_range": np.array(statistics._loss_range),
        "best": np.array(statistics._best),
        **{name: columns[column].copy() for name, column in MINIMA.items()},
        **({} if statistics._of_groups is None else statistics._of_groups.to_arrays()),
    }


def most_bytes(restarts: int, *, by_group: bool = False) -> int:
    """Maximum size of the arrays of statistics of this many restarts, with headers and texts."""
    bins = len(Status) * N_EPOCH_BINS + 2 * N_LOSS_BINS
    rows = min(restarts, N_KEYS)
    groups = restarts * (3 + len(OF_GROUPS)) if by_group else 0
    return 8 * (2 * bins + rows * 3 * (1 + FORMS) + groups) + 2**16


def fill(statistics: Statistics, arrays: Mapping[str, Any]) -> None:
    """Fill empty statistics from `arrays`; ValueError if no restarts can give this content."""
    if unknown := sorted(arrays.keys() - to_arrays(statistics).keys() - {*EARLY}):
        raise ValueError(f"statistics: expected only known arrays, got {shown(unknown[0])}")
    job = statistics.job
    first, stop = job.first, job.first + job.restarts
    _fill_bins("epochs", arrays, statistics._epoch_bins, job.restarts)
    if "accounted" in arrays:  # of a run that ended early
        fill_cut_off(statistics, arrays, job.restarts - int(statistics._epoch_bins.sum()))
    _fill_bins("loss", arrays, statistics._loss_bins, job.restarts)
    _fill_epochs(statistics, arrays)
    _fill_losses(statistics, arrays, first, stop)
    kinds = {
        name: np.dtype(np.uint64) if column == "fingerprints" else INT
        for name, column in MINIMA.items()
    }
    size = len(_read(arrays, "minima_keys", INT, (None,)))
    shapes = {name: (size, FORMS) if name.startswith("forms") else (size,) for name in MINIMA}
    minima = Minima(*(_read(arrays, name, kinds[name], shapes[name]) for name in MINIMA))
    flaw = minima.flaw(first, stop)
    if flaw is not None:
        _refuse("minima", flaw)
    if sum(minima.counts.tolist()) > statistics._loss_bins[0].sum():
        _refuse("minima_counts", "counts that agree with those of the losses")
    statistics._minima = minima
    if job.groups is not None:
        statistics._of_groups = _groups_of(statistics, arrays, job.groups)


def _groups_of(statistics: Statistics, arrays: Mapping[str, Any], groups: Groups) -> GroupCounts:
    """Read the outcomes by group, which agree with those of all restarts."""
    job = statistics.job
    numbers = _read(arrays, "groups_numbers", INT, (None,))
    size = (len(numbers),)
    counts = _read(arrays, "groups_counts", INT, (len(OF_GROUPS), *size))
    lowest = _read(arrays, "groups_lowest", np.dtype(np.float64), size)
    best = _read(arrays, "groups_best", INT, size)
    first, last = job.first // groups.restarts, (job.first + job.restarts - 1) // groups.restarts
    if (np.diff(numbers) <= 0).any() or (
        size[0] and not first <= numbers[0] <= numbers[-1] <= last
    ):
        _refuse("groups_numbers", "numbers of groups in ascending order")
    ended, converged, diverged, finite = counts
    fits = (counts >= 0) & (counts <= groups.restarts)
    fits &= (ended > 0) & (converged + diverged <= ended) & (finite <= ended)
    bins = statistics._epoch_bins.sum(axis=1)
    totals = [
        bins.sum(),
        bins[Status.CONVERGED],
        bins[Status.DIVERGED],
        statistics._loss_bins.sum(),
    ]
    if not fits.all() or counts.sum(axis=1).tolist() != [int(total) for total in totals]:
        _refuse("groups_counts", "counts that agree with those of all restarts")
    has = finite > 0
    inside = np.isfinite(lowest) & (best // groups.restarts == numbers)
    inside &= (best >= job.first) & (best < job.first + job.restarts)
    if not np.where(has, inside, (lowest == np.inf) & (best == -1)).all():
        _refuse("groups_lowest, groups_best", "the best restarts of the groups")
    lowest_of_all = min(zip(lowest[has].tolist(), best[has].tolist(), strict=True), default=None)
    if lowest_of_all not in (None, (statistics._loss_range[0], statistics._best)):
        _refuse("groups_lowest, groups_best", "the best restarts of the groups")
    made = GroupCounts(groups)
    if size[0]:
        made.reach(int(numbers[0]), int(numbers[-1]) + 1)
        some = made.outcomes
        places = numbers - numbers[0]
        some.counts[:, places], some.lowest[places], some.best[places] = counts, lowest, best
    return made


def fill_cut_off(statistics: Statistics, arrays: Mapping[str, Any], most: int) -> None:
    """Add the restarts that the end of a run cut off, at most `most`, to statistics without any."""
    bins = np.zeros_like(statistics._epoch_bins)
    _fill_bins("cut", arrays, bins, most)
    statistics._cut_bins = bins if bins.any() else None
    statistics.accounted = bool(_read(arrays, "accounted", np.dtype(np.bool_), ()))


def _fill_bins(name: str, arrays: Mapping[str, Any], bins: np.ndarray, restarts: int) -> None:
    places = _read(arrays, f"{name}_places", INT, (None,))
    counts = _read(arrays, f"{name}_counts", INT, (len(places),))
    low = N_EPOCH_BINS * (Status.NOT_RUN + 1) if name == "epochs" else 0
    if not (np.all(places[1:] > places[:-1]) and np.all((places >= low) & (places < bins.size))):
        _refuse(f"{name}_places", "numbers of bins in ascending order")
    if np.any(counts < 1) or sum(counts.tolist()) > restarts:
        _refuse(f"{name}_counts", f"positive numbers that sum to at most {restarts}")
    bins.reshape(-1)[places] = counts


def _fill_epochs(statistics: Statistics, arrays: Mapping[str, Any]) -> None:
    size = (len(Status),)
    texts = _read(arrays, "epochs_sums", TEXT, size)
    least = _read(arrays, "epochs_least", INT, size)
    most = _read(arrays, "epochs_most", INT, size)
    sums = [_whole("epochs_sums", text, "[0-9]{1,40}", 10) for text in texts.tolist()]
    for status, counts in enumerate(statistics._epoch_bins):
        low, high, total = int(least[status]), int(most[status]), int(counts.sum())
        if total == 0:
            fits = (low, high, sums[status]) == (NO_EPOCHS, -1, 0)
        else:
            fits = 0 <= low <= high <= MAX_COUNT
            fits = fits and _are_ends(low, high, counts, EPOCH_EDGES)
            fits = fits and total * low <= sums[status] <= total * high
        if not fits:
            _refuse(
                "epochs_sums, epochs_least, epochs_most", "values consistent with the histogram"
            )
    statistics._epoch_sums, statistics._epoch_least, statistics._epoch_most = sums, least, most


def _fill_losses(statistics: Statistics, arrays: Mapping[str, Any], first: int, stop: int) -> None:
    text = _read(arrays, "loss_sum", TEXT, ()).item()
    low, high = _read(arrays, "loss_range", np.dtype(np.float64), (2,)).tolist()
    best = int(_read(arrays, "best", INT, ()))
    units = _whole("loss_sum", text, "-?[0-9a-f]{1,600}", 16)
    converged = int(statistics._epoch_bins[Status.CONVERGED].sum())
    others = int(statistics._epoch_bins.sum()) - converged
    counts = statistics._loss_bins.sum(axis=1).tolist()
    if counts[0] > others or counts[1] > converged:
        _refuse("loss_counts", "at most as many as there are restarts")
    total = sum(counts)
    if total == 0:
        fits = (low, high, units, best) == (np.inf, -np.inf, 0, -1)
    else:
        fits = bool(np.isfinite([low, high]).all()) and low <= high and first <= best < stop
        fits = fits and _are_ends(low, high, statistics._loss_bins.sum(axis=0), LOSS_EDGES)
        fits = fits and total * _in_units(low) <= units <= total * _in_units(high)
    if not fits:
        _refuse("loss_sum, loss_range, best", "values consistent with the histogram")
    statistics._loss_sum, statistics._loss_range, statistics._best = units, (low, high), best


def _in_units(number: float) -> int:
    """A finite float as a multiple of the unit."""
    numerator, denominator = number.as_integer_ratio()
    return numerator * (UNITS // denominator)


def _are_ends(low: float, high: float, counts: np.ndarray, edges: np.ndarray) -> bool:
    """Return whether the extremes lie in the first and the last non-empty bin."""
    places = np.flatnonzero(counts)
    return place_of(low, edges) == int(places[0]) and place_of(high, edges) == int(places[-1])


def _read(
    arrays: Mapping[str, Any], name: str, dtype: np.dtype, shape: tuple[int | None, ...]
) -> np.ndarray:
    """Copy one of the arrays after a check of its dtype and shape; None allows any length."""
    try:
        array = np.array(arrays[name])
    except KeyError:
        raise ValueError(f"statistics: expected an array {name}, got none") from None
    same_kind = array.dtype.kind == "U" if dtype.kind == "U" else array.dtype == dtype
    lengths = zip(array.shape, shape, strict=False)
    if not same_kind or array.ndim != len(shape) or any(b not in (None, a) for a, b in lengths):
        size = ", ".join("any" if length is None else str(length) for length in shape)
        _refuse(name, f"shape ({size}) and dtype {dtype.name}", array)
    return array


def _whole(name: str, text: str, pattern: str, base: int) -> int:
    if not re.fullmatch(pattern, text):
        _refuse(name, "integers as text", text)
    return int(text, base)


def _refuse(name: str, expected: str, got: Any = None) -> None:
    found = "different values" if got is None else shown(got)
    raise ValueError(f"statistics: {name}: expected {expected}, got {found}")
