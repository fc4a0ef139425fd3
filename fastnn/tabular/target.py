"""The target of a table, classes or numbers, and the split of its rows into three parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..support.checks import shown
from .csv_table import Labels, TableError
from .notation import CODE, LARGEST_WHOLE, PLAIN, is_gap

CLASSIFICATION, REGRESSION = TASKS = ("classification", "regression")
MOST_NUMBERS, ROWS_OF_A_NUMBER = 20, 5
"""Whole numbers are classes if there are at most this many, each in this many rows on average."""
WHOLE = re.compile(r"(0|-?[1-9][0-9]*)(\.0)?")
"""Texts that a whole number, with or without its ".0", is written as."""
LONGEST_LABEL = 1000
MOST_CLASSES = 1000
NO_TARGET = "expected a label or number, got an empty cell; fill it in, or remove the row"
RANDOM, LAST = ORDERS = ("random", "last")
"""Orders in which rows are split."""
SPLIT = 2**64 - 1
"""Second word of the random numbers' key for splitting the rows, in place of a restart's index."""


@dataclass(frozen=True)
class Target:
    """The target of predictions.

    Attributes
    ----------
    names : tuple of str
        One column, or several numeric columns.
    classes : (n_classes,) array of str, int or float, or None for regression
        Sorted.
    values : (n, columns) array of float, or (n,) array of positions in `classes`
    why : str
        The reason for classification or regression.
    """

    names: tuple[str, ...]
    classes: np.ndarray | None
    values: np.ndarray
    why: str

    @property
    def n_out(self) -> int:
        """Number of outputs that a network needs: one for two classes."""
        if self.classes is None:
            return int(self.values.shape[1])
        return 1 if len(self.classes) == 2 else len(self.classes)

    def encoded(self, rows: np.ndarray) -> np.ndarray:
        """The unscaled targets of a network for some rows: (rows, n_out) array of float."""
        values: np.ndarray = self.values[rows]
        if self.classes is None:
            return values
        if self.n_out == 1:
            values = (values == 1)[:, np.newaxis]
        else:
            values = values[:, np.newaxis] == np.arange(self.n_out)
        return values.astype(np.float64)


def places_of(classes: np.ndarray, column: Labels) -> np.ndarray:
    """The position in `classes` of every cell of a column.

    Parameters
    ----------
    classes : (n_classes,) array of str, int or float
        Numbers may be written in the other way: 1 for 1.0, or 1.0 for 1.
    column : Labels

    Returns
    -------
    (n,) array of int

    Raises
    ------
    TableError
        At the first cell that is none of them.
    """
    places = {str(label): place for place, label in enumerate(classes.tolist())}
    kind = {"i": int, "u": int, "f": float}.get(classes.dtype.kind)
    texts = [text if text in places else _plain(text, kind) for text in column.texts]
    for code, text in enumerate(texts):
        if text not in places:
            known = ", ".join([*places][:20])
            raise column.error(code, f"expected one of {known}, got {text!r}")
    found: np.ndarray = np.array([places[text] for text in texts])[column.codes]
    return found


def _plain(text: str, kind: type | None) -> str:
    """A number as labels of this kind are written: 1 for 1.0, or 1.0 for 1; text as it is."""
    number = PLAIN.number(text)
    if number is None:
        return text
    if kind is int and number.is_integer() and abs(number) < LARGEST_WHOLE:
        return str(int(number))
    return str(number) if kind is float else text


def with_rows(target: Target, columns: Sequence[Labels]) -> Target:
    """Append the rows of another file, whose classes must be known.

    Raises
    ------
    TableError
        If a label is not known, or a cell is not a number.
    """
    if target.classes is None:
        more = np.stack([column.numbers() for column in columns], axis=1)
    else:
        more = places_of(target.classes, columns[0])
    return replace(target, values=np.concatenate([target.values, more]))


def make_target(columns: Sequence[Labels], task: str | None = None) -> Target:
    """Make classes or numbers from the columns to be predicted.

    A single column means classification if it holds text or numbers with leading zeros, or at most
    20 distinct whole numbers in at least 5 rows each on average.  It means regression if it has
    more distinct numbers, and then no text.  Several columns mean regression.

    Parameters
    ----------
    columns : sequence of Labels
    task : "classification" or "regression", optional
        Overrides this rule.

    Raises
    ------
    TableError
        If cells are empty or of the wrong kind, or all rows are equal.
    """
    if len(columns) > 1 and task == CLASSIFICATION:
        raise ValueError("task: expected regression with several targets, got classification")
    for column in columns:
        if "" in column.texts:
            raise column.error(column.texts.index(""), NO_TARGET)
    why = "as requested"
    if task is None:
        task, why = _detect(columns)
    if task == CLASSIFICATION:
        return _of_classes(columns[0], why)
    values = np.stack([column.numbers() for column in columns], axis=1)
    for column, numbers in zip(columns, values.T, strict=True):
        if (numbers == numbers[0]).all():
            raise TableError(
                column.path, f"expected different numbers, got {numbers[0]:g} in every row",
                column=column.name,
            )  # fmt: skip
    return Target(tuple(column.name for column in columns), None, values, why)


def _detect(columns: Sequence[Labels]) -> tuple[str, str]:
    """Detect the task, and the reason."""
    if len(columns) > 1:
        return REGRESSION, f"{len(columns)} targets"
    column = columns[0]
    if column.odd is not None:
        odd, what = column.odd
        raise column.error(odd, f"{what}; --task classification reads the column as labels")
    read = column.notation.number
    code = next(filter(CODE.fullmatch, column.texts), None)
    if code is not None:
        return CLASSIFICATION, f"labels with leading zeros such as {shown(code)}"
    numbers = [number for number in map(read, column.texts) if number is not None]
    different, rows = len(set(numbers)), len(column.codes)
    whole = all(number.is_integer() for number in numbers)
    few = different <= MOST_NUMBERS and rows >= ROWS_OF_A_NUMBER * different
    texts = [text for text in column.texts if read(text) is None]
    if texts and different <= MOST_NUMBERS:
        if numbers and all(map(is_gap, texts)):
            what = (
                f"expected a number as in other rows, got {shown(texts[0])}; --task classification "
                "reads it as a label"
            )
            raise column.error(column.texts.index(texts[0]), what)
        return CLASSIFICATION, f"text such as {shown(texts[0])}"
    if whole and few:
        return CLASSIFICATION, f"{different} different whole numbers"
    if whole or different > MOST_NUMBERS:
        return REGRESSION, f"{different:,} different numbers in {rows:,} rows"
    fraction = next(number for number in numbers if not number.is_integer())
    return REGRESSION, f"numbers such as {fraction:g}"


def _of_classes(column: Labels, why: str) -> Target:
    """Make classes, by text unless all are whole numbers as Python writes them.

    Then ``1.0`` and ``1`` are one class: 1.0 if all have a point, otherwise 1.
    """
    for code, text in enumerate(column.texts):
        if len(text) > LONGEST_LABEL:
            what = f"expected a label of up to {LONGEST_LABEL:,} characters, got {len(text):,}"
            raise column.error(code, what)
        number = PLAIN.number(text)
        if number is not None and not np.isfinite(number):
            raise column.error(code, f"expected a label or number, got {shown(text)}")
    labels: list[float] | list[str] = column.texts
    if all(WHOLE.fullmatch(text) and abs(float(text)) < LARGEST_WHOLE for text in column.texts):
        labels = [float(text) for text in column.texts]
    classes, places = np.unique(np.array(labels), return_inverse=True)
    if len(classes) == 1:
        what = f"expected several classes, got {shown(column.texts[0])} in every row"
        raise TableError(column.path, what, column=column.name)
    if len(classes) > MOST_CLASSES:
        what = f"expected up to {MOST_CLASSES:,} classes, got {len(classes):,}"
        raise TableError(column.path, what, column=column.name)
    if 2 * len(classes) > len(column.codes):
        what = (
            f"expected at least 2 rows for each class on average, got {len(classes):,} classes in "
            f"{len(column.codes):,} rows"
        )
        raise TableError(column.path, what, column=column.name)
    if classes.dtype.kind == "f" and not all(text.endswith(".0") for text in column.texts):
        classes = classes.astype(np.int64)
    return Target((column.name,), classes, places[column.codes], why)


def split(
    target: Target,
    validation: float,
    test: float,
    seed: int,
    order: str = RANDOM,
    within: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split the rows into training, validation and test rows.

    A random order is the rank of the raw numbers of Philox with key (seed, 2**64 - 1).  Then each
    part gets its share of every class, rounded; the last row of a class is for training.

    Parameters
    ----------
    target : Target
    validation, test : float
        Shares of all rows, from 0, with a sum below 1.
    seed : int
    order : "random" or "last", default "random"
        "last" keeps the order of the rows: the last ones test, and those before them validate.
    within : (n,) array of int, optional
        The group of each row; each is split by itself, and then not by classes.

    Returns
    -------
    training, validation, test : arrays of int, in ascending order

    Raises
    ------
    ValueError
        If a part would have no rows, or there would be fewer than 2 to train on.
    """
    rows = len(target.values)
    if within is not None:
        ranks = np.arange(rows)[::-1] if order == LAST else _shuffled(rows, seed)
        groups = _by_group(ranks, within)
    else:
        groups = [np.arange(rows)[::-1]] if order == LAST else _groups(target, seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for group in groups:
        held = min(len(group) - 1, _share(test, len(group)))
        chosen = min(len(group) - 1 - held, _share(validation, len(group)))
        for rows_of, start, stop in zip(
            parts, (0, held, held + chosen), (held, held + chosen, None), strict=True
        ):
            rows_of.append(group[start:stop])
    tested, validated, trained = (np.sort(np.concatenate(part)) for part in parts)
    wanted = (("training", trained, 2), ("validation", validated, validation > 0),
              ("test", tested, test > 0))  # fmt: skip
    for name, part, least in wanted:
        if len(part) < least:
            raise ValueError(
                f"expected more rows to split, got {rows}, of which {len(trained)} would be for "
                f"training, {len(validated)} for choosing a restart and {len(tested)} for testing: "
                f"the {name} part needs {int(least)}"
            )
    return trained, validated, tested


def folds(target: Target, count: int, seed: int) -> list[np.ndarray]:
    """Deal the rows out into `count` folds of almost one size, class by class, at random.

    Returns
    -------
    list of arrays of int, each in ascending order

    Raises
    ------
    ValueError
        If there are fewer rows than folds.
    """
    dealt = np.concatenate(_groups(target, seed))
    if len(dealt) < count:
        raise ValueError(f"expected at least {count} rows for {count} folds, got {len(dealt)}")
    return [np.sort(dealt[fold::count]) for fold in range(count)]


def _groups(target: Target, seed: int) -> list[np.ndarray]:
    """The rows in a random order: those of every class, or all."""
    order = _shuffled(len(target.values), seed)
    if target.classes is None:
        return [order]
    return [order[target.values[order] == code] for code in range(len(target.classes))]


def _shuffled(rows: int, seed: int) -> np.ndarray:
    key = np.array([seed, SPLIT], dtype=np.uint64)
    return np.argsort(np.random.Philox(key=key).random_raw(rows), kind="stable")


def _by_group(order: np.ndarray, within: np.ndarray) -> list[np.ndarray]:
    """The rows of each group, in the given order."""
    sorted_rows = order[np.argsort(within[order], kind="stable")]
    return np.split(sorted_rows, np.flatnonzero(np.diff(within[sorted_rows])) + 1)


def _share(share: float, rows: int) -> int:
    return int(np.floor(share * rows + 0.5))
