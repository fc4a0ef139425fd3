"""Rows of a file to predict from; those with gaps keep their place, without a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..tabular.cells import Cells, n_rows, numbers_of, taken
from ..tabular.csv_table import Labels, Table
from ..tabular.encoding import Column, Encoding
from .inputs import notes_on, read_encoded


@dataclass(frozen=True)
class Read:
    """The rows to predict from.

    Attributes
    ----------
    X : (complete rows, n_in) array of float
        The network's inputs.
    cells : list of Cells
        The columns of these rows that they are made of.
    complete : (n,) array of bool
        True for rows without gaps, but for those that the model's encoding fills.
    targets, kept : list of Labels
    notes : list of str
        Notes on texts that were not in the training rows.
    """

    X: np.ndarray
    cells: list[Cells]
    complete: np.ndarray
    targets: list[Labels]
    kept: list[Labels]
    notes: list[str]


def read_with_gaps(table: Table, model: Model | Models, keep: Sequence[str]) -> Read:
    """Read the inputs, the targets if the file has all of them, and the columns to keep.

    Raises
    ------
    TableError
        As for `Table.read`, except for missing cells of inputs.
    """
    assert model.features is not None
    table.check_names(model.features)
    table.check_names(keep, "--keep: ")
    targets = model.targets or ()
    known = list(targets) if targets and set(targets) <= set(table.names) else []
    encoding = model.encoding or Encoding([Column(name) for name in model.features])
    cells, labels = read_encoded(table, encoding, [*known, *keep])
    complete = np.ones(n_rows(cells[0]), dtype=np.bool_)
    for place, column in enumerate(encoding.columns):
        if not column.categories and column.fill is None:
            cells[place] = numbers = numbers_of(cells[place])
            complete &= ~np.isnan(numbers)
    kept: list[Cells] = [
        part[complete] if isinstance(part, np.ndarray) else taken(part, complete) for part in cells
    ]
    return Read(
        encoding.encode(kept), kept, complete, labels[: len(known)], labels[len(known) :],
        [*notes_on(encoding, kept)],
    )  # fmt: skip
