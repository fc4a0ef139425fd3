"""Predict with a model for every row of a CSV file.

MODEL is a file that ``fastnn train`` wrote.  FILE has the model's inputs as columns, in any
order, and may have others.  FILE is read as the file of ``fastnn train`` was: options given there
hold here too, unless they are given anew.  Texts and empty cells are encoded as in training; a
note tells of texts that training did not see.  Models of groups find each row's group in the
column of ``--group-by``; other groups have the common network.  Predictions are written as CSV,
one row for each row of FILE, in order; a row without a number that training never missed has an
empty one.  If FILE also has the targets, scores go to standard error.

Names and labels are written unchanged.  Spreadsheets read some texts as formulas: a warning says
so, and --safe-for-spreadsheets writes them so that they are read as text.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..results.intervals import half_width
from ..results.model import Model
from ..results.models import Models
from ..storage.npz import load
from ..support.atomic_files import DamagedFile, write_file
from ..support.checks import integer, shown
from ..support.suggestions import hint
from ..tabular.cells import taken
from ..tabular.csv_table import Labels, TableError
from ..tabular.metrics import confusion
from ..tabular.notation import PLAIN, is_gap
from ..tabular.target import places_of
from .arguments import number, whole
from .files import check_output
from .gaps import Read, read_with_gaps
from .grouping import groups_of_rows
from .models import check_exists, check_order
from .reading import FILE_HELP, add_reading, check_input, opened
from .report import confusion_rows, errors_rows, rates_text, table

# A cell that starts with one of these is a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
FORMULAS = 3
"""Maximum number of formulas that the warning lists."""
MOST_DIGITS = 17
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
    add("--threshold", metavar="[NAME=]SHARE",
        help="predict NAME, by default the second of two classes, from this share on")  # fmt: skip
    add("--interval", type=number, metavar="SHARE",
        help="add columns of bounds that hold this share of new values, such as 0.9")  # fmt: skip
    add("--keep", action="append", default=[], metavar="COLUMN",
        help="column to copy to the output, such as an id; may be repeated")  # fmt: skip
    add("--digits", type=whole, help="significant digits of numbers, by default all")
    add_reading(parser)
    add(
        "--safe-for-spreadsheets",
        action="store_true",
        help="quote all texts, and put ' before those that a spreadsheet would read as formulas",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    _check(options)
    model = _model(options)
    threshold = _threshold(options.threshold, model)
    if options.interval is not None and isinstance(model, Model):
        half_width(model.residuals, options.interval)
    names = list(model.targets or ()) or [
        f"output_{j}" for j in range(1 if model.classes is not None else model.network.sizes[-1])
    ]
    header = [*options.keep, *_header(model, names, options)]
    for name in header:
        if header.count(name) > 1:
            option = "keep" if name in options.keep else "interval"
            raise ValueError(
                f"--{option}: expected columns other than those that are written, got {shown(name)}"
            )
    by = model.by if isinstance(model, Models) else None
    with opened(options, model.reading) as file:
        file.check_names([] if by is None else [by])
        more = [] if by is None or by in options.keep else [by]
        rows = read_with_gaps(file, model, [*options.keep, *more])
    evaluate, notes = _evaluator(model, rows)
    cells, guesses = _predicted(model, evaluate, rows.X, options, threshold)
    notes = [*rows.notes, *notes]
    told = "".join(f"fastnn: note: {note}\n" for note in notes) + _gaps_text(rows.complete)
    try:
        told += _scores(model, rows, guesses)
    except TableError as error:  # perhaps the targets are not known yet
        told += f"fastnn: not scored: {error}\n"
    kept = rows.kept[: len(options.keep)]
    written = [header, *_in_place(cells, rows.complete, kept, len(header) - len(kept))]
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


def _check(options: argparse.Namespace) -> None:
    """Check all options that need neither the model nor data."""
    check_order("predict", options.model, options.file)
    check_input(options.file)
    check_exists(options.model)
    if options.out is not None:
        check_output("--out", options.out, ["csv"])
        if options.out.exists() and options.file.exists() and options.out.samefile(options.file):
            raise ValueError(f"--out: expected a file other than the input, got {options.file}")
    if options.digits is not None:
        integer("--digits", options.digits, 1, MOST_DIGITS)


def _model(options: argparse.Namespace) -> Model | Models:
    """Load the model, which must have what the options need."""
    model = load(options.model)
    if not isinstance(model, Model | Models):
        raise DamagedFile(options.model, f"expected a model, got {type(model).__name__}")
    if model.features is None:
        raise DamagedFile(
            options.model,
            "expected a model with names of its inputs, got one without; use one that fastnn "
            "train saved",
        )
    for name, chosen in (
        ("probabilities", options.probabilities),
        ("threshold", options.threshold is not None),
    ):
        if chosen and model.classes is None:
            raise ValueError(f"--{name}: expected a classification model, got one for regression")
        if chosen and not model.has_shares:
            raise ValueError(
                f"--{name}: expected a model whose last activation is 'sigmoid' or 'softmax', "
                f"got {model.network.activation[-1]!r}"
            )
    if isinstance(model, Models):
        if model.by is None:
            raise DamagedFile(
                options.model, "expected models that name the column of their groups, got some "
                "without; make them with by=",
            )  # fmt: skip
        if options.interval is not None:
            raise ValueError("--interval: expected a model of one network, got models of groups")
    if options.interval is not None and model.classes is not None:
        raise ValueError("--interval: expected a regression model, got one for classification")
    return model


def _threshold(text: str | None, model: Model | Models) -> tuple[int, float] | None:
    """The position of a class, and the probability from which on it is predicted."""
    if text is None:
        return None
    assert model.classes is not None
    labels = [str(label) for label in model.classes.tolist()]
    name, equals, number = text.rpartition("=")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(
            f"--threshold: expected NAME=SHARE with a share from 0 to 1, got {shown(text)}"
        )
    if not equals:
        if len(labels) > 2:
            raise ValueError(
                f"--threshold: expected NAME=SHARE, since there are {len(labels)} classes, got "
                f"{shown(text)}"
            )
        return 1, share
    if name not in labels:
        raise ValueError(
            f"--threshold: expected one of the classes {', '.join(labels[:20])}, got "
            f"{shown(name)}{hint(name, labels, shown)}"
        )
    return labels.index(name), share


def _header(model: Model | Models, names: list[str], options: argparse.Namespace) -> list[str]:
    """The names of the columns that are predicted."""
    header = list(names)
    if options.probabilities:
        assert model.classes is not None
        header += [f"{names[0]}={label}" for label in model.classes.tolist()]
    if options.interval is not None:
        header += [f"{name}_{bound}" for name in names for bound in ("lower", "upper")]
    return header


def _evaluator(model: Model | Models, rows: Read) -> tuple[Callable[[], np.ndarray], list[str]]:
    """Make the function that computes numbers or scores of complete rows, and notes on groups."""
    method = "evaluate" if model.classes is None else "scores"
    compute = getattr(model.without_encoding(), method)
    if isinstance(model, Model):
        return lambda: compute(rows.X), []
    column = next(column for column in rows.kept if column.name == model.by)
    labels, notes = groups_of_rows(model, column, rows.complete)
    return lambda: compute(rows.X, labels), notes


def _predicted(
    model: Model | Models,
    evaluate: Callable[[], np.ndarray],
    X: np.ndarray,
    options: argparse.Namespace,
    threshold: tuple[int, float] | None,
) -> tuple[list[list[Any]], np.ndarray]:
    """The cells of complete rows, and what is predicted: positions of classes, or numbers."""
    if not len(X):
        return [], np.empty((0, 1))
    if model.classes is None:
        guesses = numbers = evaluate()
        if options.interval is not None and isinstance(model, Model):
            found = model.without_encoding().predict(X, interval=options.interval)
            bounds = np.stack(found, axis=2)
            numbers = np.hstack([numbers, bounds.reshape(len(X), -1)])
        return _rounded(numbers, options.digits), guesses
    shares = evaluate()
    guesses = shares.argmax(axis=1)
    if threshold is not None:
        place, least = threshold
        others = shares.copy()
        others[:, place] = -np.inf
        guesses = np.where(shares[:, place] >= least, place, others.argmax(axis=1))
    labels = model.classes[guesses].tolist()
    more = _rounded(shares, options.digits) if options.probabilities else [[]] * len(labels)
    return [[label, *row] for label, row in zip(labels, more, strict=True)], guesses


def _rounded(numbers: np.ndarray, digits: int | None) -> list[list[Any]]:
    """Numbers as they are written: so that they read back exactly, or with fewer digits."""
    rows: list[list[Any]] = numbers.tolist()
    if digits is None:
        return rows
    return [[float(f"{number:.{digits}g}") for number in row] for row in rows]


def _in_place(
    cells: list[list[Any]], complete: np.ndarray, columns: list[Labels], width: int
) -> Iterator[list[Any]]:
    """Yield every row of the file: kept cells, and predictions, empty where inputs are missing."""
    kept = [[column.texts[code] for code in column.codes] for column in columns]
    predicted = iter(cells)
    for place, there in enumerate(complete.tolist()):
        yield [column[place] for column in kept] + (next(predicted) if there else [""] * width)


def _gaps_text(complete: np.ndarray) -> str:
    gaps = int(np.count_nonzero(~complete))
    if not gaps:
        return ""
    return (
        f"fastnn: warning: {gaps:,} of {len(complete):,} rows have no prediction, since inputs are "
        "missing\n"
    )


def _write(rows: Iterable[list[Any]], file: TextIO, quoting: Any) -> None:
    csv.writer(file, lineterminator="\n", quoting=quoting).writerows(rows)


def is_formula(cell: Any) -> bool:
    """Return whether spreadsheets may read a cell as a formula: by its first sign, unless a number.

    The signs are those of OWASP's page on CSV injection, and their full-width forms.
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_SIGNS):
        return False
    return PLAIN.number(cell) is None or cell != cell.strip()


def _formulas(rows: Iterable[list[Any]]) -> list[str]:
    """The first few distinct formula cells."""
    found: dict[str, None] = {}
    for row in rows:
        found |= {cell: None for cell in row if is_formula(cell)}
        if len(found) >= FORMULAS:
            break
    return list(found)[:FORMULAS]


def _scores(model: Model | Models, rows: Read, guesses: np.ndarray) -> str:
    """Scores of the predictions, for the rows whose targets are known."""
    scored = rows.complete.copy()
    labels = [] if model.classes is None else [str(label) for label in model.classes.tolist()]
    for column in rows.targets:
        unknown = [is_gap(text) and text not in labels for text in column.texts]
        scored &= ~np.array(unknown, dtype=np.bool_)[column.codes]
    if not rows.targets or not scored.any():
        return ""
    columns = [taken(column, scored) for column in rows.targets]
    guesses = guesses[scored[rows.complete]]
    if model.classes is None:
        true = np.stack([column.numbers() for column in columns], axis=1)
        names = [column.name for column in columns]
        parts = [(f"{len(true):,} rows", true, guesses)]
        return table(errors_rows(names, parts, None)) + "\n"
    counts = confusion(places_of(model.classes, columns[0]), guesses, len(model.classes))
    told = rates_text({"": counts}, model.classes)
    return f"{told}\n{table(confusion_rows(counts, model.classes))}\n"
