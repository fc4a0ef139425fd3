"""Columns of a file that become a network's inputs: read, encoded and told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..results.model import Model
from ..support.checks import shown
from ..tabular.cells import Cells, as_numbers, gaps_of
from ..tabular.csv_table import Labels, Table, TableError
from ..tabular.encoding import Encoding, learn
from .report import escaped, short


@dataclass(frozen=True)
class Inputs:
    """The inputs that training rows and columns make.

    Attributes
    ----------
    X : (n, n_in) array
        As the encoding makes them, of all rows.
    names : list of str
        Names of the columns of `X`.
    encoding : Encoding
    cells : list of Cells
        The columns of the encoding.
    left_out : dict of (str, str)
        Reasons, and options that change it, by columns that are of no use.
    """

    X: np.ndarray
    names: list[str]
    encoding: Encoding
    cells: list[Cells]
    left_out: dict[str, tuple[str, str]]

    def model_of(self, model: Model) -> Model:
        """A model of these columns, from one of the encoded inputs."""
        if not self.encoding.changes:
            return model
        return Model(
            model.network, model.parameters, inputs=model.inputs, outputs=model.outputs,
            classes=model.classes, targets=model.targets, encoding=self.encoding,
        )  # fmt: skip

    def told(self, rows: np.ndarray) -> Iterator[str]:
        """A line for each column that is encoded or left out; `rows` are the training rows."""
        others = np.setdiff1d(np.arange(len(self.X)), rows)
        for column, cells in zip(self.encoding.columns, self.cells, strict=True):
            if not column.categories and column.fill is None:
                continue
            line = f"{short(column.name)}: {escaped(column.describe())}"
            if gaps := int(np.count_nonzero(gaps_of(cells)[rows])):
                line += f"; missing in {gaps:,} of {len(rows):,} training rows"
            if column.categories and (new := np.count_nonzero(column.codes(cells)[others] < 0)):
                line += f"; in {new:,} of the other rows it is none of them"
            yield line
        for name, (reason, ways) in self.left_out.items():
            yield escaped(f"note: left out: {name}, since {reason}; {ways}")


def read_columns(
    table: Table, features: list[str], categories: list[str], targets: list[str]
) -> tuple[list[Cells], list[Labels]]:
    """The cells of the inputs' columns, and the targets.

    Files of numbers alone are read as numbers at once.  Others are read again, as texts, and what
    can be read only once, such as a pipe, is read as texts.
    """
    asked = [name for name in features if name in categories]
    plain = [name for name in features if name not in asked]
    numbers = np.empty((0, 0))
    if table.path.is_file():
        try:
            rows = table.read(plain, [*asked, *targets])
            numbers = rows.numbers
        except TableError:
            asked = features
            with Table(table.path, table.delimiter) as again:
                rows = again.read([], [*features, *targets])
    else:
        asked = features
        rows = table.read([], [*features, *targets])
    read: dict[str, Cells] = dict(zip(plain, numbers.T, strict=False))
    for name, column in zip(asked, rows.labels, strict=False):
        read[name] = column if name in categories else as_numbers(column)
    return [read[name] for name in features], rows.labels[len(asked) :]


def learn_inputs(
    path: Path, features: list[str], cells: list[Cells], rows: np.ndarray, categories: list[str]
) -> Inputs:
    """Learn the encoding of the columns from the training rows.

    Raises
    ------
    ValueError
        If a column has dates, or numbers with texts among them, or no column is of use.
    """
    columns, kept, wrong = [], [], []
    left_out: dict[str, tuple[str, str]] = {}
    for name, part in zip(features, cells, strict=True):
        try:
            learnt = learn(name, part, rows, name in categories)
        except ValueError as error:
            wrong.append((name, error))
            continue
        if not isinstance(learnt, str):
            columns.append(learnt)
            kept.append(part)
        elif name in categories:
            raise ValueError(f"--category: expected columns of use, got {shown(name)}: {learnt}")
        else:
            ways = f"--ignore {shlex.quote(name)} does so without this note"
            if not isinstance(learn(name, part, rows, True), str):
                ways += f", --category {shlex.quote(name)} uses its texts"
            left_out[name] = learnt, ways
    if wrong:
        ignored, taken = (
            " ".join(f"{option} {shlex.quote(name)}" for name, _ in wrong)
            for option in ("--ignore", "--category")
        )
        raise ValueError(
            f"{wrong[0][1]}; to leave such columns out: {ignored}; to take each of their texts as "
            f"a category: {taken}"
        )
    if not columns:
        told = "; ".join(f"{shown(name)}: {reason}" for name, (reason, _) in left_out.items())
        raise TableError(path, f"expected an input column of use, got none: {told}")
    encoding = Encoding(columns)
    return Inputs(encoding.encode(kept), list(encoding.inputs), encoding, kept, left_out)


def read_inputs(
    model: Model, table: Table, targets: list[str]
) -> tuple[np.ndarray, list[Labels], list[str]]:
    """Read the inputs of a model from a file, as its encoding makes them.

    Returns
    -------
    (n, n_in) array
    list of Labels
        The targets.
    list of str
        Notes on texts that were not in the training rows.
    """
    assert model.features is not None
    if model.encoding is None:
        rows = table.read(model.features, targets)
        return rows.numbers, rows.labels, []
    columns = model.encoding.columns
    numbers = [c.name for c in columns if not c.categories and c.fill is None]
    texts = [c.name for c in columns if c.name not in numbers]
    rows = table.read(numbers, [*texts, *targets])
    read: dict[str, Cells] = dict(zip(numbers, rows.numbers.T, strict=True))
    read |= dict(zip(texts, rows.labels, strict=False))
    cells = [read[name] for name in model.encoding.names]
    notes = []
    for name, count, text in model.encoding.unseen(cells):
        have, what = ("row has", "rows have")[count > 1], f"a text, such as {shown(text)}"
        notes.append(
            f"column {shown(name)}: {count:,} {have} {what if text else 'no text'}, which training "
            "did not see; it counts as none of the categories"
        )
    return model.encoding.encode(cells), rows.labels[len(texts) :], notes
