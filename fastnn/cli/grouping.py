"""Groups of a table's rows, by the texts of a column, such as those of a shop or a sensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..results.models import Models
from ..support.checks import shown
from ..tabular.cells import GAP, key_of, keys
from ..tabular.csv_table import Labels, TableError
from ..tabular.notation import LARGEST_WHOLE
from ..tabular.target import WHOLE
from .report import short

FEWEST_ROWS = 10
"""Rows that a group needs for a network of its own, unless another number is asked for."""


@dataclass(frozen=True)
class Grouping:
    """The groups of rows.

    Attributes
    ----------
    by : str
        The column that names them.
    labels : list of str or int
        In the order of their first rows; numbers if all are whole.
    codes : (n,) array of int
        For every row, the position of its group in `labels`; -1 if its cell is empty.
    fewest : int
        Rows that a group needs for a network of its own.
    """

    by: str
    labels: list[Any]
    codes: np.ndarray
    fewest: int

    @property
    def sizes(self) -> np.ndarray:
        """Number of rows of each group."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.labels))

    @property
    def own(self) -> np.ndarray:
        """Tell which rows (n,) are of groups with enough rows for a network of their own."""
        enough = np.append(self.sizes >= self.fewest, False)  # the last one for -1
        return np.asarray(enough[self.codes])

    def labels_of(self, rows: np.ndarray) -> list[Any]:
        """The labels of some rows, None for those without a group."""
        return [None if code < 0 else self.labels[code] for code in self.codes[rows].tolist()]

    def told(self) -> Iterator[str]:
        """Yield lines on the groups, and on rows that have no network of their own."""
        sizes, n = self.sizes, len(self.codes)
        enough = sizes >= self.fewest
        least, most = sizes[enough].min(), sizes[enough].max()
        middle = f" to {most:,} rows, median {np.median(sizes[enough]):,.0f}"
        groups = "group" if enough.sum() == 1 else "groups"
        yield (
            f"a network for each {short(self.by)}: {enough.sum():,} {groups} of {least:,}"
            f"{middle if most > least else ' rows'}"
        )
        if few := int((~enough).sum()):
            yield (
                f"note: {few:,} more with fewer than {self.fewest:,} rows, {sizes[~enough].sum():,}"
                " rows in all, have the common network"
            )
        if gaps := int((self.codes < 0).sum()):
            yield (
                f"note: column {shown(self.by)} is empty in {gaps:,} of {n:,} rows, which have the "
                "common network"
            )


def make_grouping(path: Path, column: Labels, fewest: int) -> Grouping:
    """Make groups of the cells of a column; cells that count as empty have no group.

    Raises
    ------
    TableError
        If there are fewer than two groups, or none has enough rows.
    """
    places, found = keys(column)
    first: dict[str, str] = {}
    for text in column.texts:
        first.setdefault(key_of(text, column.notation), text)
    there = [place for place, key in enumerate(found) if key != GAP]
    texts = [found[place] for place in there]
    whole = all(WHOLE.fullmatch(text) and abs(float(text)) < LARGEST_WHOLE for text in texts)
    labels = [int(text) if whole else first[text] for text in texts]
    if len(labels) < 2:
        got = f"{shown(labels[0])} alone" if labels else "empty cells alone"
        raise TableError(path, f"expected several groups, got {got}", column=column.name)
    codes = np.full(len(found), -1, dtype=np.int64)
    codes[there] = np.arange(len(there))
    made = Grouping(column.name, labels, codes[places], fewest)
    if (most := int(made.sizes.max())) < fewest:
        raise TableError(
            path, f"expected a group with at least {fewest:,} rows, got {len(labels):,} groups of "
            f"up to {most:,}; --group-rows asks for fewer", column=column.name,
        )  # fmt: skip
    return made


def groups_of_rows(models: Models, column: Labels, rows: np.ndarray) -> tuple[list[Any], list[str]]:
    """The labels of some rows of a file to predict, and notes on those of no known group.

    Parameters
    ----------
    models : Models
    column : Labels
        The column that names the groups.
    rows : (n,) array of bool
        Which rows of the file to label.

    Returns
    -------
    list, list of str
        None stands for unknown groups and empty cells.

    Raises
    ------
    TableError
        At the first cell of no known group, if there is no fallback.
    """
    known: dict[str, Any] = {}
    for label in models:
        known.setdefault(key_of(str(label)), label)
    of_texts = [known.get(key_of(text, column.notation)) for text in column.texts]
    codes = column.codes[rows]
    others = [code for code in np.unique(codes).tolist() if of_texts[code] is None]
    if others and models.fallback is None:
        code = others[0]
        raise column.error(
            code, f"expected one of the groups, such as {shown(next(iter(models)))}, got "
            f"{shown(column.texts[code])}, for which there is no network and no fallback",
        )  # fmt: skip
    return [of_texts[code] for code in codes.tolist()], [*_notes(column, codes, others)]


def _notes(column: Labels, codes: np.ndarray, others: Sequence[int]) -> Iterator[str]:
    """Yield notes on rows of unknown groups, and on those without a group."""
    empty = {code for code in others if key_of(column.texts[code], column.notation) == GAP}
    unknown = [code for code in others if code not in empty]
    for chosen, what in (
        (unknown, "a group without a network of its own"),
        ([*empty], "no group"),
    ):
        if count := int(np.isin(codes, chosen).sum()):
            have = "has" if count == 1 else "have"
            such = f", such as {shown(column.texts[chosen[0]])}" if chosen is unknown else ""
            yield (
                f"column {shown(column.name)}: {count:,} of {len(codes):,} rows {have} {what}"
                f"{such}; the common network predicts such rows"
            )
