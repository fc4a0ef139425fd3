"""Predict with a model for every row of a CSV file.

MODEL is a file that ``fastnn train`` wrote.  FILE has the model's inputs as columns, in any order,
and may have others.  Predictions are written as CSV, one row for each row of FILE, in order.  If
FILE also has the targets, scores go to standard error.

Names and labels are written unchanged.  Spreadsheets read some texts as formulas: a warning says
so, and --safe-for-spreadsheets writes them so that they are read as text.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..results.model import Model
from ..storage.npz import load
from ..support.atomic_files import DamagedFile, write_file
from ..tabular.csv_table import Labels, Table, TableError
from ..tabular.metrics import confusion
from ..tabular.target import places_of
from .files import check_output
from .report import confusion_rows, errors_rows, rates_text, table

# A cell that starts with one of these is a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_WARNING = (
    "fastnn: warning: a spreadsheet would read some cells as formulas: {}; "
    "--safe-for-spreadsheets writes them as text"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a model that fastnn train saved")
    add("file", type=Path, metavar="FILE", help="a CSV file with a header")
    add("--out", type=Path, metavar="FILE.csv", help="where to write, by default standard output")
    add(
        "--probabilities",
        action="store_true",
        help="add a column with the probability of each class",
    )
    add("--delimiter", help="by default comma, semicolon or tab, as in the header")
    add(
        "--safe-for-spreadsheets",
        action="store_true",
        help="quote all texts, and put ' before those that a spreadsheet would read as formulas",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.out is not None:
        check_output("--out", options.out, ["csv"])
        if options.out.exists() and options.file.exists() and options.out.samefile(options.file):
            raise ValueError(f"--out: expected a file other than the input, got {options.file}")
    model = load(options.model)
    if not isinstance(model, Model):
        raise DamagedFile(options.model, f"expected a model, got {type(model).__name__}")
    if model.features is None:
        raise DamagedFile(
            options.model,
            "expected a model with names of its inputs, got one without; use one that fastnn "
            "train saved",
        )
    if options.probabilities and model.classes is None:
        raise ValueError("--probabilities: expected a classification model, got one for regression")
    if options.probabilities and not model.has_shares:
        raise ValueError(
            "--probabilities: expected a model whose last activation is 'sigmoid' or 'softmax', "
            f"got {model.network.activation[-1]!r}"
        )
    targets = list(model.targets or ())
    with Table(options.file, options.delimiter) as table:
        table.check_names(model.features)
        known = targets if targets and set(targets) <= set(table.names) else []
        rows = table.read(model.features, known)
    names = targets or [f"output_{j}" for j in range(1 if model.classes is not None else
                                                    model.network.sizes[-1])]  # fmt: skip
    try:
        told = _scores(model, rows.numbers, rows.labels)
    except TableError as error:  # perhaps the targets are not known yet
        told = f"fastnn: not scored: {error}\n"
    written = list(_rows(model, rows.numbers, names, options.probabilities))
    formulas = _formulas(written)
    if options.safe_for_spreadsheets:
        written = [[f"'{cell}" if is_formula(cell) else cell for cell in row] for row in written]
    elif formulas:
        told = f"{_WARNING.format(', '.join(map(repr, formulas)))}\n{told}"
    quoting = csv.QUOTE_NONNUMERIC if options.safe_for_spreadsheets else csv.QUOTE_MINIMAL
    if options.out is None:
        _write(written, sys.stdout, quoting)
    else:
        text = io.StringIO(newline="")
        _write(written, text, quoting)
        write_file(options.out, lambda file: file.write(text.getvalue().encode()))
    print(told, end="", file=sys.stderr)
    return 0


def _rows(
    model: Model, X: np.ndarray, names: list[str], probabilities: bool
) -> Iterator[list[Any]]:
    """The header and the cells of every row; floats are written so that they read back exactly."""
    if model.classes is None:
        yield names
        yield from model.evaluate(X).tolist()
        return
    shares = model.scores(X)
    labels = model.classes[shares.argmax(axis=1)].tolist()
    if not probabilities:
        yield names
        yield from ([label] for label in labels)
        return
    yield names + [f"{names[0]}={label}" for label in model.classes.tolist()]
    for label, row in zip(labels, shares.tolist(), strict=True):
        yield [label, *row]


def _write(rows: Iterable[list[Any]], file: TextIO, quoting: Any) -> None:
    csv.writer(file, lineterminator="\n", quoting=quoting).writerows(rows)


def is_formula(cell: Any) -> bool:
    """Return whether spreadsheets may read a cell as a formula: by its first sign, unless a number.

    The signs are those of OWASP's page on CSV injection, and their full-width forms.
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_SIGNS):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return not cell.isascii() or cell != cell.strip()


def _formulas(rows: Iterable[list[Any]], most: int = 3) -> list[str]:
    """The first few distinct formula cells."""
    found: dict[str, None] = {}
    for row in rows:
        found |= {cell: None for cell in row if is_formula(cell)}
        if len(found) >= most:
            break
    return list(found)[:most]


def _scores(model: Model, X: np.ndarray, columns: list[Labels]) -> str:
    """Scores of the predictions, if the targets are known and not left empty."""
    if not columns or any(column.texts == [""] for column in columns):
        return ""
    if model.classes is None:
        true = np.stack([column.numbers() for column in columns], axis=1)
        names = [column.name for column in columns]
        parts = [(f"{len(X):,} rows", true, model.evaluate(X))]
        return table(errors_rows(names, parts, None)) + "\n"
    column = columns[0]
    true = places_of(model.classes, column)
    predicted = model.scores(X).argmax(axis=1)
    counts = confusion(true, predicted, len(model.classes))
    told = rates_text({"": counts}, model.classes)
    return f"{told}\n{table(confusion_rows(counts, model.classes))}\n"
