"""The encoding of columns of text, and of columns with gaps, as the numbers that a network sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..support.checks import real_array, shown
from ..support.frames import LISTED, Names
from ..support.suggestions import suggests
from .cells import (
    GAP,
    Cells,
    Texts,
    as_numbers,
    cells_of,
    is_date,
    key_of,
    keys,
    n_rows,
    numbers_of,
    share,
    told_as_date,
)
from .notation import PLAIN, are_numbers, is_gap

if TYPE_CHECKING:
    from .csv_table import Labels

MOST_CATEGORIES = 100
"""Maximum of a column that is not asked for as categories."""
MOST_ASKED = 1000
"""Maximum of a column that is."""
UNSEEN_OF_TWO = 0.5
"""Input for a text that is neither of two."""


@dataclass(frozen=True, init=False)
class Column:
    """A column, and the inputs of a network that it becomes.

    A column of numbers is one input.  With `fill`, that number stands for empty cells, and with
    `indicator`, a second input is 1 where a cell was empty and 0 elsewhere.  A column of two
    categories is one input, 0 for the first and 1 for the second; of any other number of
    categories, one input for each, which is 1 in rows of that category and 0 elsewhere.  A text
    that is none of them makes all of these 0, or 0.5 if there are two categories.

    Parameters
    ----------
    name : str
    categories : sequence of str, optional
        Distinct texts; ``""`` is the category of empty cells.  By default the column has numbers.
    fill : float, optional
        What stands for empty cells of a column of numbers; by default there may be none.
    indicator : bool, default False

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    name: str
    categories: tuple[str, ...]
    fill: float | None
    indicator: bool

    @suggests
    def __init__(
        self,
        name: str,
        categories: Sequence[str] = (),
        *,
        fill: float | None = None,
        indicator: bool = False,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name: expected a str, got {shown(name)}")
        if not isinstance(categories, list | tuple) or not all(
            isinstance(text, str) for text in categories
        ):
            raise TypeError(f"categories: expected a sequence of texts, got {shown(categories)}")
        if len({key_of(text) for text in categories}) < len(categories):
            raise ValueError(
                f"categories: expected different texts for {shown(name)}, got {shown(categories)}"
            )
        if fill is not None:
            number = real_array("fill", fill)
            if number.ndim:
                raise ValueError(f"fill: expected a number, got {shown(fill)}")
            fill = float(number)
        if not isinstance(indicator, bool | np.bool_):
            raise TypeError(f"indicator: expected True or False, got {shown(indicator)}")
        if categories and fill is not None:
            raise ValueError("fill: expected None with categories, got a number")
        if indicator and fill is None:
            raise ValueError("indicator: expected False without a fill, got True")
        vars(self).update(
            name=str(name), categories=tuple(map(str, categories)), fill=fill,
            indicator=bool(indicator),
        )  # fmt: skip

    @property
    def inputs(self) -> list[str]:
        """Names of the network's inputs that the column becomes."""
        told = [
            f"{self.name}={text}" if text else f"{self.name} is missing" for text in self.categories
        ]
        if told:
            return told[1:] if len(told) == 2 else told
        return [self.name, *([f"{self.name} is missing"] if self.indicator else [])]

    def describe(self) -> str:
        """Describe what the column becomes."""
        if not self.categories:
            filled = "" if self.fill is None else f", {self.fill:.6g} where it is missing"
            return f"number{filled}" + (", and an input that is 1 there" if self.indicator else "")
        told = [shown(text) if text else "missing" for text in self.categories]
        if len(told) == 2:
            return f"0 for {told[0]}, 1 for {told[1]}"
        more = f" and {len(told) - LISTED:,} more" if len(told) > LISTED else ""
        return f"{len(told)} categories: {', '.join(told[:LISTED])}{more}"

    def encode(self, cells: Cells) -> np.ndarray:
        """The inputs (n, inputs) for the cells of the column."""
        if not self.categories:
            return self._numbers(cells)
        codes = self.codes(cells)
        if len(self.categories) == 2:
            inputs = np.where(codes < 0, UNSEEN_OF_TWO, codes)[:, np.newaxis]
        else:
            inputs = codes[:, np.newaxis] == np.arange(len(self.categories))
        return inputs.astype(np.float64)

    def codes(self, cells: Cells) -> np.ndarray:
        """Find for every row the position of its category (n,), -1 for what is none of them."""
        known = {key_of(text): code for code, text in enumerate(self.categories)}
        if isinstance(cells, np.ndarray) and all(PLAIN.number(text) is None for text in known):
            row = next(iter(np.flatnonzero(np.isfinite(cells))), None)
            if row is not None:
                raise ValueError(
                    f"X: column {shown(self.name)}, row {row}: expected a text such as "
                    f"{shown(next(filter(None, self.categories)))}, got the number {cells[row]:g}"
                )
        places, found = keys(cells)
        codes = np.array([known.get(text, -1) for text in found], dtype=np.int64)
        of_rows: np.ndarray = codes[places]
        return of_rows

    def _numbers(self, cells: Cells) -> np.ndarray:
        values = numbers_of(cells)
        gaps = np.isnan(values)
        if self.fill is None:
            if gaps.any():
                raise _gap(self.name, cells, int(np.flatnonzero(gaps)[0]))
            return values[:, np.newaxis]
        columns = [np.where(gaps, self.fill, values), *([gaps] if self.indicator else [])]
        return np.stack(columns, axis=1).astype(np.float64)


def _gap(name: str, cells: Cells, row: int) -> Exception:
    what = "expected a number, since there were no gaps in training, got an empty cell"
    if isinstance(cells, np.ndarray):
        return ValueError(f"X: column {shown(name)}, row {row}: {what}")
    return cells.error(int(cells.codes[row]), what)


@dataclass(frozen=True, init=False)
class Encoding:
    """An encoding of columns of texts, bools and numbers with gaps as what a network sees.

    It takes data frames, whose columns are found by name, and arrays or lists of rows, whose
    columns go by position.  Blanks around texts do not count; ``True`` and ``true`` are one text,
    as are ``1`` and ``1.0``.  Empty cells are None, NaN, and texts such as ``""``, ``"NA"``,
    ``"none"`` and ``"?"``.

    Parameters
    ----------
    columns : sequence of Column
        With different names; at least one.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    columns: tuple[Column, ...]

    @suggests
    def __init__(self, columns: Sequence[Column]) -> None:
        found = tuple(columns) if isinstance(columns, list | tuple) else ()
        if not found or not all(isinstance(column, Column) for column in found):
            raise TypeError(f"columns: expected a sequence of Column, got {shown(columns)}")
        if len({column.name for column in found}) < len(found):
            raise ValueError("columns: expected different names, got a name twice")
        object.__setattr__(self, "columns", found)

    @property
    def names(self) -> Names:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> Names:
        """Names of the network's inputs, such as ``"color=red"``."""
        return tuple(name for column in self.columns for name in column.inputs)

    @property
    def changes(self) -> bool:
        """False if all columns are numbers without gaps, which stay as they are."""
        return any(column.categories or column.fill is not None for column in self.columns)

    def record(self) -> list[dict[str, Any]]:
        """Make what `of_record` takes, of types that JSON has."""
        return [
            {"name": column.name, "categories": list(column.categories), "fill": column.fill,
             "indicator": column.indicator}
            for column in self.columns
        ]  # fmt: skip

    @classmethod
    def of_record(cls, record: Any) -> Encoding:
        """The encoding with this record; TypeError or ValueError if it is not one."""
        names = {"name", "categories", "fill", "indicator"}
        if not isinstance(record, list) or not all(
            isinstance(part, dict) and part.keys() == names for part in record
        ):
            raise TypeError(f"encoding: expected a list of columns, got {shown(record)}")
        return cls([Column(**part) for part in record])

    @classmethod
    @suggests
    def of(cls, X: Any, *, names: Sequence[str] | None = None, categories: Iterable[str] = ()) -> (
        Encoding
    ):  # fmt: skip
        """Learn an encoding from data, which should be those for training alone.

        Columns of text become categories, in alphabetical order, with one more for empty cells if
        there are any.  In columns of numbers, the median stands for empty cells, and an input says
        where they were.

        Parameters
        ----------
        X : data frame, (n, columns) array, or list of rows
            Of numbers, bools and texts.
        names : sequence of str, optional
            Names of the columns of an array, by default "0", "1", ….
        categories : iterable of str, optional
            Columns to take as categories, whatever they hold.

        Returns
        -------
        Encoding

        Raises
        ------
        TypeError, ValueError
            If a column cannot be learnt: dates, numbers among which are texts, texts that differ in
            more than half of the rows or in more than 100, or the same in every row.
        """
        given = None if names is None else tuple(names)
        cells, found = cells_of(X, given, None if given is None else len(given))
        labels = found or tuple(map(str, range(len(cells))))
        forced = {categories} if isinstance(categories, str) else set(categories)
        if missing := sorted(forced - {*labels}):
            raise ValueError(f"categories: expected names of columns, got {shown(missing[0])}")
        rows = np.arange(n_rows(cells[0]))
        columns = []
        for name, column in zip(labels, cells, strict=True):
            learnt = learn(name, column, rows, name in forced)
            if isinstance(learnt, str):
                raise ValueError(f"X: column {shown(name)}: {learnt}; leave it out")
            columns.append(learnt)
        return cls(columns)

    def apply(self, X: Any) -> np.ndarray:
        """The inputs of a network for data with these columns.

        Parameters
        ----------
        X : data frame, (n, columns) array, or list of rows

        Returns
        -------
        (n, inputs) array of float64

        Raises
        ------
        TypeError, ValueError
            If `X` has other columns, or a cell cannot be encoded, such as a text in a column of
            numbers.
        """
        return self.encode(cells_of(X, self.names, len(self.columns))[0])

    def encode(self, cells: Sequence[Cells]) -> np.ndarray:
        """The inputs (n, inputs) for cells of all columns, in order."""
        return np.hstack(
            [column.encode(part) for column, part in zip(self.columns, cells, strict=True)]
        )

    def unseen(self, cells: Sequence[Cells]) -> list[tuple[str, int, str]]:
        """Columns with texts that are no category: name, number of rows, and the first text."""
        found = []
        for column, part in zip(self.columns, cells, strict=True):
            if column.categories:
                rows = np.flatnonzero(column.codes(part) < 0)
                if len(rows):
                    texts = keys(part)
                    found.append((column.name, len(rows), texts[1][texts[0][rows[0]]]))
        return found


def learn(name: str, cells: Cells, rows: np.ndarray, asked: bool = False) -> Column | str:
    """Learn the encoding of a column from its training rows.

    Parameters
    ----------
    name : str
    cells : Cells
        Of all rows, which decide whether the column has numbers or texts, and gaps.
    rows : array of int
        The training rows, from which the median and the categories come.
    asked : bool, default False
        True to take it as categories, whatever it holds.

    Returns
    -------
    Column, or the reason why the column is of no use

    Raises
    ------
    ValueError
        If it has dates, or numbers and some texts.
    """
    if asked:
        return _categories(name, cells, rows, MOST_ASKED, 1.0)
    cells = as_numbers(cells)
    if isinstance(cells, np.ndarray):
        values = cells
        if not np.isnan(values).any():
            return Column(name)
        seen = values[rows]
        if np.isnan(seen).all():
            return "it is empty in all training rows"
        return Column(name, fill=float(np.nanmedian(seen)), indicator=bool(np.isnan(seen).any()))
    _check_texts(cells)
    return _categories(name, cells, rows, MOST_CATEGORIES, 0.5)


def _check_texts(cells: Labels | Texts) -> None:
    """Raise ValueError if texts are dates, or at least half of them numbers, in any notation."""
    every = np.arange(n_rows(cells))
    dates = [is_date(text) for text in cells.texts]
    if share(dates, cells, every) >= 0.5:
        code = dates.index(True)
        what = f"expected a number or a category, got {told_as_date(cells.texts[code])}"
        raise cells.error(code, what)
    if share(are_numbers(cells.texts), cells, every) >= 0.5:
        numbers_of(cells)  # which names the first that is none


def _categories(
    name: str, cells: Cells, rows: np.ndarray, most: int, most_share: float
) -> Column | str:
    places, found = keys(cells)
    different = len([text for text in found if text != GAP])
    filled = int(np.count_nonzero(np.array([text != GAP for text in found])[places]))
    seen = sorted(np.unique(places[rows]), key=lambda place: found[place])
    if len(seen) == 1:
        return "it is the same in all training rows"
    if different > max(2, most_share * filled):
        return f"it has {different:,} different texts in {filled:,} rows"
    if different > most:
        return f"it has {different:,} different texts, more than {most:,}"
    shown_as = _spelled(cells, places, found, rows)
    return Column(name, [shown_as.get(int(place), found[place]) for place in seen])


def _spelled(
    cells: Cells, places: np.ndarray, found: list[str], rows: np.ndarray
) -> dict[int, str]:
    """Find how the data write each key first, such as True for true; gaps are the empty text.

    Decimal commas, which other files need not have, are not among them.
    """
    if isinstance(cells, np.ndarray):
        return {}
    codes, where = np.unique(cells.codes[rows], return_index=True)
    first: dict[int, str] = {}
    for code, row in sorted(zip(codes, rows[where], strict=True), key=lambda pair: int(pair[1])):
        text, place = cells.texts[code], int(places[row])
        if key_of(text) == found[place]:
            first.setdefault(place, GAP if is_gap(text) else text)
    return first
