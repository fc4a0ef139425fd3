"""Predict with a model for every row of a CSV file.

MODEL is a file that ``fastnn train`` wrote.  FILE has the model's inputs as columns, in any order,
and may have others.  FILE is read as the file of ``fastnn train`` was: options given there hold
here too, unless they are given anew.  Texts and empty cells are encoded as in training; a note
tells of texts that training did not see.  Predictions are written as CSV, one row for each row of
FILE, in order.  If FILE also has the targets, scores go to standard error.

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
from ..tabular.csv_table import Labels, TableError
from ..tabular.metrics import confusion
from ..tabular.target import LARGEST_WHOLE
from .files import check_output
from .inputs import read_inputs
from .reading import FILE_HELP, add_reading, check_input, opened
from .report import accuracy_text, confusion_text, errors_text

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
    add("file", type=Path, metavar="FILE", help=FILE_HELP)
    add("--out", type=Path, metavar="FILE.csv", help="where to write, by default standard output")
    add(
        "--probabilities",
        action="store_true",
        help="add a column with the probability of each class",
    )
    add_reading(parser)
    add(
        "--safe-for-spreadsheets",
        action="store_true",
        help="quote all texts, and put ' before those that a spreadsheet would read as formulas",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    check_input(options.file)
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
    with opened(options, model.reading) as table:
        table.check_names(model.features)
        known = targets if targets and set(targets) <= set(table.names) else []
        X, columns, notes = read_inputs(model, table, known)
    model = model.without_encoding()
    names = targets or [f"output_{j}" for j in range(1 if model.classes is not None else
                                                    model.network.sizes[-1])]  # fmt: skip
    try:
        told = _scores(model, X, columns)
    except TableError as error:  # perhaps the targets are not known yet
        told = f"fastnn: not scored: {error}\n"
    written = list(_rows(model, X, names, options.probabilities))
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
    told = "".join(f"fastnn: note: {note}\n" for note in notes) + told
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
        return errors_text(names, [(f"{len(X):,} rows", true, model.evaluate(X))], None) + "\n"
    column = columns[0]
    places = {str(label): place for place, label in enumerate(model.classes.tolist())}
    kind = {"i": int, "u": int, "f": float}.get(model.classes.dtype.kind)
    texts = [text if text in places else _plain(text, kind) for text in column.texts]
    for code, text in enumerate(texts):
        if text not in places:
            known = ", ".join([*places][:20])
            raise column.error(code, f"expected one of {known}, got {text!r}")
    true = np.array([places[text] for text in texts])[column.codes]
    predicted = model.scores(X).argmax(axis=1)
    told = accuracy_text("right:", true, predicted)
    return f"{told}\n{confusion_text(confusion(true, predicted, len(places)), model.classes)}\n"


def _plain(text: str, kind: type | None) -> str:
    """A number as labels of this kind are written: 1 for 1.0, or 1.0 for 1; text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    if kind is int and number.is_integer() and abs(number) < LARGEST_WHOLE:
        return str(int(number))
    return str(number) if kind is float else text
