"""The distinct minima in which restarts end: counts by loss, and a sample of the forms of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..kernels.statistics import DIGITS, FORMS, LOWEST, N_KEYS, Tally

COLUMNS = ("keys", "counts", "firsts", "fingerprints", "form_counts", "form_firsts")


@dataclass(frozen=True)
class Minimum:
    """Restarts that ended with the same loss, to three digits.

    Attributes
    ----------
    loss : float
    restarts : int
        Number of restarts.
    share : float
        Their share of all restarts that ended.
    restart : int
        The lowest index among them.
    forms : int
        Number of distinct networks among them.  Networks count as one if they differ by less than
        the rounding of parameters to two decimals, by the order of hidden units, or by signs that
        an odd or even activation cancels.
    exact : bool
        True if `forms` is counted; otherwise it is estimated from a sample, to about 40 %.
    sample : tuple of (int, int)
        For up to eight forms, drawn uniformly from all, the lowest index and the number of
        restarts.
    """

    loss: float
    restarts: int
    share: float
    restart: int
    forms: int
    exact: bool
    sample: tuple[tuple[int, int], ...]


@dataclass(eq=False)
class Minima:
    """The minima of a `Tally`, sorted by loss."""

    keys: np.ndarray
    counts: np.ndarray
    firsts: np.ndarray
    fingerprints: np.ndarray
    form_counts: np.ndarray
    form_firsts: np.ndarray

    @classmethod
    def none(cls) -> Minima:
        """Make the minima of no restarts."""
        rows, forms = np.zeros(0, dtype=np.int64), np.zeros((0, FORMS), dtype=np.int64)
        return cls(rows, rows, rows, forms.astype(np.uint64), forms, forms)

    @classmethod
    def of(cls, tally: Tally) -> Minima:
        """Take the minima of one chunk."""
        order = np.argsort(tally.keys)
        return cls(*(getattr(tally, name)[order] for name in COLUMNS))

    def columns(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def add(self, other: Minima) -> None:
        """Add the minima of other restarts."""
        places = np.searchsorted(self.keys, other.keys)
        new = np.ones(len(places), dtype=bool)
        inside = places < len(self.keys)
        new[inside] = self.keys[places[inside]] != other.keys[inside]
        shared = {name: column[~new] for name, column in other.columns().items()}
        if new.any():
            for name, column in other.columns().items():
                grown = np.insert(getattr(self, name), places[new], column[new], axis=0)
                setattr(self, name, grown)
        rows = np.searchsorted(self.keys, shared["keys"])
        self.counts[rows] += shared["counts"]
        self.firsts[rows] = np.minimum(self.firsts[rows], shared["firsts"])
        self._add_forms(rows, *(shared[name] for name in COLUMNS[3:]))

    def _add_forms(self, rows: np.ndarray, *others: np.ndarray) -> None:
        """Join the samples of forms of some rows with others."""
        mine = (self.fingerprints, self.form_counts, self.form_firsts)
        both = [
            np.concatenate([column[rows], other], axis=1)
            for column, other in zip(mine, others, strict=True)
        ]
        order = np.lexsort((both[0], both[1] == 0))  # empty entries go to the end
        prints, counts, firsts = (np.take_along_axis(column, order, axis=1) for column in both)
        # Entries that both have are neighbours: the left one absorbs the right one.
        twin = (prints[:, 1:] == prints[:, :-1]) & (counts[:, 1:] > 0)
        left = np.pad(twin, ((0, 0), (0, 1)))
        right = np.pad(twin, ((0, 0), (1, 0)))
        counts[left] += counts[right]
        firsts[left] = np.minimum(firsts[left], firsts[right])
        counts[right] = 0
        order = np.argsort(counts == 0, axis=1, kind="stable")[:, :FORMS]
        empty = np.take_along_axis(counts, order, axis=1) == 0
        for column, joined in zip(mine, (prints, counts, firsts), strict=True):
            kept = np.take_along_axis(joined, order, axis=1)
            kept[empty] = 0
            column[rows] = kept

    def most_frequent(self, n: int, ended: int) -> list[Minimum]:
        """The `n` most frequent minima of `ended` restarts, most frequent first."""
        order = np.lexsort((self.keys, -self.counts))[:n]
        return [self._minimum(int(row), ended) for row in order]

    def _minimum(self, row: int, ended: int) -> Minimum:
        count = int(self.counts[row])
        kept = self.form_counts[row] > 0
        forms = int(np.count_nonzero(kept))
        exact = forms < FORMS
        if not exact:
            # Fingerprints are uniform, so the largest of the smallest tells their density.
            share = int(self.fingerprints[row, -1]) / 2**64
            forms = round(min(max((FORMS - 1) / share, FORMS), count))
        return Minimum(
            loss=loss_of(int(self.keys[row])),
            restarts=count,
            share=count / ended,
            restart=int(self.firsts[row]),
            forms=forms,
            exact=exact,
            sample=tuple(
                zip(
                    self.form_firsts[row, kept].tolist(),
                    self.form_counts[row, kept].tolist(),
                    strict=True,
                )
            ),
        )

    def flaw(self, first: int, stop: int) -> str | None:
        """Description of content that no restarts ``first … stop - 1`` can give, or None."""
        keys, counts, kept = self.keys, self.counts, self.form_counts > 0
        complete = ~kept[:, -1]
        known = np.where(kept, self.form_firsts, np.iinfo(np.int64).max)
        in_order = self.fingerprints[:, 1:] > self.fingerprints[:, :-1]
        digits = keys % DIGITS >= DIGITS // 10
        checks: dict[str, Any] = {
            "keys": ((keys >= DIGITS) & (keys < N_KEYS) & digits) | (keys == 0),
            "keys in order": keys[1:] > keys[:-1],
            "counts": (counts > 0) & (counts <= stop - first),
            "firsts": (self.firsts >= first) & (self.firsts < stop),
            "form_counts": (self.form_counts >= 0) & (self.form_counts <= counts[:, np.newaxis]),
            "form_counts in order": kept[:, 0] & (kept[:, 1:] <= kept[:, :-1]).all(axis=1),
            "fingerprints": in_order | ~kept[:, 1:],
            "fingerprints of none": kept | (self.fingerprints == 0),
            "form_firsts": kept | (self.form_firsts == 0),
        }
        for what, good in checks.items():
            if not np.all(good):
                return what
        # No sum overflows: there are FORMS numbers, each at most 2**60.
        sums, least = self.form_counts.sum(axis=1), known.min(axis=1)
        fits = np.where(complete, sums == counts, sums <= counts)
        if not fits.all():
            return "form_counts"
        if not np.all(np.where(complete, least == self.firsts, least >= self.firsts)):
            return "form_firsts"
        return None if np.all(~kept | (self.form_firsts < stop)) else "form_firsts"


def loss_of(key: int) -> float:
    """The loss of three digits whose number `loss_key` gives."""
    if key == 0:
        return 0.0
    value = float(f"{key % DIGITS}e{key // DIGITS + LOWEST - 3}")
    return min(value, float(np.finfo(np.float64).max))
