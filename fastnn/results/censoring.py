"""Restarts cut off by the end of a run, and estimates that account for them.

When a run ends early, the restarts that have ended are mostly short ones.  Of the restarts still in
progress we know a lower bound: the epochs that they had trained.  Such observations are called
censored.

Sources: E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", Journal
of the American Statistical Association 53 (1958) 457–481; for restarts that end in other ways,
O. O. Aalen and S. Johansen, "An empirical transition matrix for non-homogeneous Markov chains based
on censored observations", Scandinavian Journal of Statistics 5 (1978) 141–150.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..spec.status import Status
from ..support.checks import MAX_COUNT, shown
from ..support.gate import check_array


def wilson_interval(
    successes: float, trials: float, z: float = 1.959963984540054
) -> tuple[float, float]:
    """The Wilson score interval of a proportion, 95 % for the default z.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927) 209–212.
    """
    p = successes / trials
    denominator = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / denominator
    half = z / denominator * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class CutOff:
    """Restarts that were started, but are not among the results of a run that ended early."""

    epochs: np.ndarray
    """(restarts,) int64: the epochs that they had trained."""
    status: np.ndarray
    """(restarts,) int8: `Status.NOT_RUN` for those in progress.  In folders, whose shards have no
    gaps, later restarts may have ended."""
    accounted: bool = True
    """True if these are all such restarts."""

    def __post_init__(self) -> None:
        check_array("cut.epochs", self.epochs, np.dtype(np.int64), (len(self.epochs),))
        check_array("cut.status", self.status, np.dtype(np.int8), (len(self.epochs),))
        if not isinstance(self.accounted, bool):
            raise TypeError(f"accounted: expected True or False, got {shown(self.accounted)}")
        limits = {"epochs": MAX_COUNT, "status": len(Status) - 1}
        for name, most in limits.items():
            values = getattr(self, name)
            if len(values) and not 0 <= values.min() <= values.max() <= most:
                raise ValueError(
                    f"cut.{name}: expected numbers from 0 to {most}, got {values.min()} to "
                    f"{values.max()}"
                )

    @classmethod
    def none(cls, *, accounted: bool = True) -> CutOff:
        """Make a record of no restarts."""
        return _NONE if accounted else _UNKNOWN

    @classmethod
    def of(cls, epochs: np.ndarray, status: np.ndarray) -> CutOff:
        """Select those of a chunk's rows that were started."""
        begun = (status != Status.NOT_RUN) | (epochs > 0)
        return cls(epochs[begun].astype(np.int64), status[begun].astype(np.int8))

    @classmethod
    def joined(cls, parts: Iterable[CutOff]) -> CutOff:
        """Join the restarts of all parts."""
        found = [part for part in parts if len(part.epochs) or not part.accounted]
        if len(found) < 2:
            return found[0] if found else cls.none()
        return cls(
            np.concatenate([part.epochs for part in found]),
            np.concatenate([part.status for part in found]),
            all(part.accounted for part in found),
        )

    @property
    def at_work(self) -> int:
        """Number of restarts in progress."""
        return int(np.count_nonzero(self.status == Status.NOT_RUN))

    def incidence(
        self, epochs: np.ndarray, status: np.ndarray, *, only_converged: bool
    ) -> Incidence | None:
        """The share by epoch, from these restarts and from those that ended, given as columns."""
        epochs, status = np.append(epochs, self.epochs), np.append(status, self.status)
        values, places = np.unique(epochs, return_inverse=True)

        def counted(chosen: np.ndarray) -> np.ndarray:
            return np.bincount(places[chosen], minlength=len(values))

        cut, events = status == Status.NOT_RUN, status == Status.CONVERGED
        if not only_converged:
            events = ~cut
        return incidence_of(values, counted(events), counted(~events & ~cut), counted(cut))


# Shared, since every part of a complete run has the first.
_NONE, _UNKNOWN = (
    CutOff(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8), accounted)
    for accounted in (True, False)
)


class Incidence(NamedTuple):
    """The share of restarts that converged by an epoch, or ended, under censoring.

    Attributes
    ----------
    epochs : (n,) array of int64
        Epochs at which restarts ended or were cut off, ascending.
    share : (n,) array of float
        The share by each of these epochs: the Aalen-Johansen estimate, which equals Kaplan and
        Meier's if restarts end in one way only.
    interval : (float, float)
        95 % interval of the last share: Wilson's score interval of a sample whose size gives the
        same variance, so without censoring it is the usual interval.
    """

    epochs: np.ndarray
    share: np.ndarray
    interval: tuple[float, float]

    @property
    def rate(self) -> float:
        """The share by the last epoch that any restart reached."""
        return float(self.share[-1])

    @property
    def followed(self) -> int:
        """The last epoch that any restart reached."""
        return int(self.epochs[-1])

    def quantile(self, q: float) -> float | None:
        """The epochs within which a share `q` of those counted in `rate` ended; None without
        any."""
        if self.rate == 0:
            return None
        wanted = max(q * self.rate, np.nextafter(0, 1)) * (1 - 1e-12)
        return float(self.epochs[int(np.searchsorted(self.share, wanted))])

    def quartiles(self, shares: tuple[float, ...]) -> tuple[float, ...] | None:
        """Several quantiles; None if there are none."""
        found = [self.quantile(q) for q in shares]
        return tuple(value for value in found if value is not None) or None

    def mean(self) -> float | None:
        """Mean of these epochs; None if there are none."""
        if self.rate == 0:
            return None
        return float(np.diff(self.share, prepend=0.0) @ self.epochs / self.rate)


def incidence_of(
    epochs: np.ndarray, events: np.ndarray, others: np.ndarray, cut: np.ndarray
) -> Incidence | None:
    """Estimate the share by epoch from counts of events, other ends, and restarts cut off.

    The share at t is the sum over epochs i up to t of S(i) d(i) / n(i): of the n(i) restarts that
    trained for i epochs, d(i) have the event, and S(i) is the share that had not ended before.  Its
    variance is Greenwood's, extended to several ways to end (E. Marubini and M. G. Valsecchi,
    *Analysing Survival Data from Clinical Trials and Observational Studies*, 1995, chapter 10).

    Parameters
    ----------
    epochs : (n,) array of int64
        Ascending.
    events, others, cut : (n,) arrays of int
        Numbers of restarts with these epochs; restarts cut off have trained at least that long.

    Returns
    -------
    Incidence, or None if there are no restarts
    """
    some = (events + others + cut) > 0
    if not some.any():
        return None
    epochs, events, others, cut = (a[some] for a in (epochs, events, others, cut))
    all_of = events + others + cut
    at_risk = np.cumsum(all_of[::-1])[::-1].astype(np.float64)
    ended = events + others
    before = np.concatenate([[1.0], np.cumprod(1 - ended / at_risk)[:-1]])
    steps = before * events / at_risk
    share = np.minimum(np.cumsum(steps), 1.0)
    rate = float(share[-1])

    left = rate - share
    stay = np.where(at_risk > ended, at_risk - ended, np.inf)  # none is left after the last
    variance = np.sum(
        left**2 * ended / (at_risk * stay)
        + before**2 * events * (at_risk - events) / at_risk**3
        - 2 * left * steps / at_risk
    )
    last = int(np.flatnonzero(events)[-1]) if events.any() else -1
    if not cut.any():
        size = float(at_risk[0])
    elif last < 0:
        size = max(1.0, float(others.sum()))
    elif rate < 1 and variance > 0:
        size = rate * (1 - rate) / float(variance)
    else:  # all restarts followed to the last event had it
        size = float(at_risk[last])
    return Incidence(epochs, share, wilson_interval(rate * size, size))
