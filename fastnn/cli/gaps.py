"""Rows of a table in which some cells are missing: they keep their place, without a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..tabular.csv_table import Labels, Table, TableError
from ..tabular.target import MISSING

GAPS = {"", "nan", *MISSING}
"""Texts of a cell, in lower case, that stand for no value."""


@dataclass(frozen=True)
class Read:
    """The rows to predict from.

    Attributes
    ----------
    numbers : (n, inputs) array of float
        NaN where a cell is missing.
    complete : (n,) array of bool
        True for rows without a missing cell.
    targets, kept : list of Labels
    """

    numbers: np.ndarray
    complete: np.ndarray
    targets: list[Labels]
    kept: list[Labels]


def read_with_gaps(
    path: Path,
    delimiter: str | None,
    features: Sequence[str],
    targets: Sequence[str],
    keep: Sequence[str],
) -> Read:
    """Read the inputs, the targets if the file has all of them, and the columns to keep.

    Raises
    ------
    TableError
        As for `Table.read`, except for missing cells of inputs.
    """
    with Table(path, delimiter) as table:
        table.check_names(features)
        table.check_names(keep, "--keep: ")
        known = list(targets) if targets and set(targets) <= set(table.names) else []
        try:
            rows = table.read(features, [*known, *keep])
        except TableError:
            if not path.is_file():  # a pipe cannot be read twice
                raise
            rows = None
    if rows is not None:
        labels, numbers = rows.labels, rows.numbers
    else:
        with Table(path, delimiter) as table:
            texts = table.read([], [*features, *known, *keep]).labels
        labels = texts[len(features) :]
        numbers = np.stack([_numbers(column) for column in texts[: len(features)]], axis=1)
    complete = np.isfinite(numbers).all(axis=1)
    return Read(numbers, complete, labels[: len(known)], labels[len(known) :])


def taken(column: Labels, rows: np.ndarray) -> Labels:
    """The column of some rows, by a mask (n,)."""
    used, codes = np.unique(column.codes[rows], return_inverse=True)
    texts, lines = ([of[i] for i in used] for of in (column.texts, column.lines))
    return Labels(column.path, column.name, codes, texts, lines)


def is_gap(text: str) -> bool:
    """Return whether a text stands for no value."""
    return text.lower() in GAPS


def _numbers(column: Labels) -> np.ndarray:
    """The numbers (n,) of a column, NaN for gaps."""
    gaps = np.array([is_gap(text) for text in column.texts])[column.codes]
    numbers = np.full(len(gaps), np.nan)
    if not gaps.all():
        numbers[~gaps] = taken(column, ~gaps).numbers()
    return numbers
