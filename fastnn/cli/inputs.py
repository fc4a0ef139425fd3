"""Columns of a file that become a network's inputs: read, encoded and told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..support.checks import shown
from ..tabular.cells import ADVICE_ON_DATES, ADVICE_ON_TIMES, Cells, gaps_of, n_rows, written_alike
from ..tabular.csv_table import Labels, Table, TableError
from ..tabular.encoding import Column, Encoding, learn
from ..tabular.notation import quantity
from ..tabular.reading import Reading
from ..tabular.target import MOST_NUMBERS, Target
from ..tabular.text_file import STANDARD_INPUT
from .report import PRINTED, escaped, listed, short

CONSTANT = "a single number in all training rows teaches nothing"


@dataclass(frozen=True)
class Inputs:
    """The inputs that training rows and columns make.

    Attributes
    ----------
    encoding : Encoding
    cells : list of Cells
        The columns of the encoding.
    left_out : dict of (str, str)
        Reasons, and options that change it, by columns that are of no use.  For columns with one
        number, they are `CONSTANT` and empty.
    """

    encoding: Encoding
    cells: list[Cells]
    left_out: dict[str, tuple[str, str]]

    @property
    def names(self) -> list[str]:
        """Names of the network's inputs."""
        return list(self.encoding.inputs)

    def encoded(self) -> np.ndarray:
        """The inputs of all rows (n, n_in)."""
        return self.encoding.encode(self.cells)

    def again(self, path: Path, rows: np.ndarray) -> Inputs:
        """The same columns, with an encoding that other training rows teach."""
        columns, kept, reasons = [], [], []
        for column, part in zip(self.encoding.columns, self.cells, strict=True):
            learnt = learn(column.name, part, rows, bool(column.categories))
            if isinstance(learnt, Column):
                columns.append(learnt)
                kept.append(part)
            else:
                reasons.append(f"{shown(column.name)}: {learnt}")
        if not columns:
            told = "; ".join(reasons)
            raise TableError(
                path, f"expected an input column of use in every fold, got none in one: {told}"
            )
        return Inputs(Encoding(columns), kept, {})

    def model_of(self, model: Model, reading: Reading) -> Model:
        """A model of a file's columns, from one of the encoded inputs."""
        return Model(**model.__getstate__() | self._of_columns(reading))

    def models_of(self, models: Models, reading: Reading) -> Models:
        """Models of a file's columns, from those of the encoded inputs."""
        more = self._of_columns(reading)
        more["fallback"] = models.fallback and self.model_of(models.fallback, reading)
        return Models(**models.__getstate__() | more)

    def _of_columns(self, reading: Reading) -> dict[str, Any]:
        if not self.encoding.changes:
            return {"reading": reading}
        return {"reading": reading, "encoding": self.encoding, "features": None}

    def alike(self, target: Target) -> Iterator[str]:
        """A note for each column, also the target, with texts that seem to mean the same."""
        texts = {column.name: column.categories for column in self.encoding.columns}
        if target.classes is not None:
            texts[target.names[0]] = tuple(map(str, target.classes.tolist()))
        for name, every in texts.items():
            for group in written_alike(every):
                yield (
                    f"column {shown(name)} has {' and '.join(map(shown, group[:PRINTED]))}, which "
                    "differ only in capitals or blanks, and are not the same here; if they mean "
                    "the same, write them alike"
                )

    def told(self, rows: np.ndarray) -> Iterator[str]:
        """A line for each column that is encoded or left out; `rows` are the training rows."""
        others = np.setdiff1d(np.arange(n_rows(self.cells[0])), rows)
        for column, cells in zip(self.encoding.columns, self.cells, strict=True):
            if not column.categories and column.fill is None:
                continue
            line = f"{short(column.name)}: {escaped(column.describe())}"
            if gaps := int(np.count_nonzero(gaps_of(cells)[rows])):
                line += f"; missing in {gaps:,} of {len(rows):,} training rows"
            if column.categories and (new := np.count_nonzero(column.codes(cells)[others] < 0)):
                line += f"; in {new:,} of the other rows it is none of them"
            yield line
        constant = [name for name, (reason, _) in self.left_out.items() if reason == CONSTANT]
        if constant:
            yield f"note: left out: {listed(constant)}; {CONSTANT}"
        for name, (reason, ways) in self.left_out.items():
            if reason != CONSTANT:
                yield escaped(f"note: left out: {name}, since {reason}; {ways}")


def read_columns(
    table: Table, numbers: Sequence[str], texts: Sequence[str], others: Sequence[str]
) -> tuple[dict[str, np.ndarray | Labels], list[Labels]]:
    """Read columns of numbers and of texts, by their names, and other columns.

    A file whose numbers have gaps, or are texts, is read again, as texts.  What can be read only
    once, such as a pipe, is read as texts.
    """
    if table.path != STANDARD_INPUT and table.path.is_file():
        try:
            rows = table.read(numbers, [*texts, *others])
        except TableError:
            numbers, texts = [], [*numbers, *texts]
            with Table(table.path, **table.asked.to_record()) as again:
                rows = again.read([], [*texts, *others])
            table.finder, table.leading_zeros = again.finder, again.leading_zeros
    else:
        numbers, texts = [], [*numbers, *texts]
        rows = table.read([], [*texts, *others])
    found: dict[str, np.ndarray | Labels] = dict(zip(numbers, rows.numbers.T, strict=True))
    found |= dict(zip(texts, rows.labels, strict=False))
    return found, rows.labels[len(texts) :]


def read_encoded(
    table: Table, encoding: Encoding, others: Sequence[str]
) -> tuple[list[np.ndarray | Labels], list[Labels]]:
    """Read the columns of an encoding, and other columns."""
    numbers = [c.name for c in encoding.columns if not c.categories and c.fill is None]
    texts = [name for name in encoding.names if name not in numbers]
    found, labels = read_columns(table, numbers, texts, others)
    return [found[name] for name in encoding.names], labels


def notes_on(encoding: Encoding, cells: Sequence[Cells]) -> Iterator[str]:
    """Yield a note on every column with texts that were not in the training rows."""
    for name, count, text in encoding.unseen(cells):
        have, what = ("row has", "rows have")[count > 1], f"a text, such as {shown(text)}"
        yield (
            f"column {shown(name)}: {count:,} {have} {what if text else 'no text'}, which training "
            "did not see; it counts as none of the categories"
        )


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
            if isinstance(part, Labels) and part.odd is not None:  # numbers, to be read otherwise
                if _are_few_quantities(part):
                    way = f"--category {shlex.quote(name)}"
                    raise ValueError(f"{error}; to take each text as a category: {way}") from None
                raise
            wrong.append((name, error))
            continue
        if isinstance(learnt, Column) and _is_constant(learnt, part, rows):
            left_out[name] = CONSTANT, ""
        elif not isinstance(learnt, str):
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
        raise ValueError(f"{wrong[0][1]}; {_ways(wrong)}")
    if not columns:
        told = "; ".join(f"{shown(name)}: {reason}" for name, (reason, _) in left_out.items())
        raise TableError(path, f"expected an input column of use, got none: {told}")
    return Inputs(Encoding(columns), kept, left_out)


def _is_constant(column: Column, cells: Cells, rows: np.ndarray) -> bool:
    """Return whether a column of numbers is one and the same input in all of these rows."""
    if column.categories or column.indicator:
        return False
    return len(np.unique(column.encode(cells)[rows])) == 1


def _are_few_quantities(column: Labels) -> bool:
    """Return whether there are few numbers with units, such as terms of 36 and 60 months."""
    found = [quantity(text) for text in column.texts]
    return len(found) <= MOST_NUMBERS and any(part is not None and part.extra for part in found)


def _ways(wrong: list[tuple[str, ValueError]]) -> str:
    """Ways to use a file in spite of the first wrong column, and of others of its kind.

    Columns of numbers are worth mending, those of dates may be left out.
    """
    dates = [
        name for name, error in wrong if str(error).endswith((ADVICE_ON_DATES, ADVICE_ON_TIMES))
    ]
    names = dates if wrong[0][0] in dates else [name for name, _ in wrong if name not in dates]
    ignored, taken = (
        " ".join(f"{option} {shlex.quote(name)}" for name in names)
        for option in ("--ignore", "--category")
    )
    way = "empty the cell if its number is missing"
    if names == dates:
        way = f"to leave such columns out: {ignored}"
    return f"{way}; to take each text of such columns as a category: {taken}"
