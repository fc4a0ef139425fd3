"""Cells of columns: numbers with gaps, or texts, from files, data frames and arrays of objects."""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ..support.checks import shown
from ..support.frames import Names, frame_columns
from .notation import LARGEST, LARGEST_WHOLE, PLAIN, Notation, is_gap

if TYPE_CHECKING:
    from .csv_table import Labels

GAP = ""
"""The text of an empty cell."""
LONGEST = 60
"""Most characters of a date."""
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([ap]m)?\s*(Z|UTC|[-+]\d{2}:?\d{2})?"
_MONTH = r"(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]*\.?"
_DATE = (
    rf"((?:1[6-9]|2[01])\d\d(?:-(?:0[1-9]|1[0-2])|(?P<a>[-/.])\d{{1,2}}(?P=a)\d{{1,2}})"
    rf"|\d{{1,2}}(?P<b>[-/.])\d{{1,2}}(?P=b)(\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}\.?[- ]{_MONTH}[- ](\d{{4}}|\d{{2}})|{_MONTH} \d{{1,2}},? \d{{4}})"
    rf"([T ]\s*{_TIME})?|{_TIME}"
)


@dataclass(frozen=True)
class Texts:
    """A column of text that is not from a file, like `Labels`.

    Attributes
    ----------
    name : str
    codes : (n,) array of int
        Positions in `texts`.
    texts : list of str
        Distinct texts, without surrounding blanks.
    """

    name: str
    codes: np.ndarray
    texts: list[str]

    # As in `Labels`: numbers are written plainly.
    notation: ClassVar[Notation] = PLAIN

    def error(self, code: int, what: str) -> ValueError:
        """An error that names the row in which the text of that code occurs first."""
        row = int(np.flatnonzero(self.codes == code)[0])
        return ValueError(f"X: column {shown(self.name)}, row {row}: {what}")

    def numbers(self) -> np.ndarray:
        """Convert the column to numbers; ValueError at the first cell that is none."""
        for code, text in enumerate(self.texts):
            if wrong := PLAIN.fault(text, in_frame=True):
                raise self.error(code, wrong)
        values: np.ndarray = np.array([float(text) for text in self.texts])[self.codes]
        return values


Cells: TypeAlias = "np.ndarray | Labels | Texts"
"""A column: numbers with NaN for empty cells, or texts."""


def is_date(text: str) -> bool:
    """Return whether a text is a date or a time of day."""
    return len(text) <= LONGEST and re.fullmatch(_DATE, text, re.IGNORECASE) is not None


def told_as_date(text: str) -> str:
    """A date or a time of day in words, and how to make a number of it."""
    if re.fullmatch(_TIME, text, re.IGNORECASE) is None:
        return f"the date {shown(text)}; {ADVICE_ON_DATES}"
    return f"the time {shown(text)}; {ADVICE_ON_TIMES}"


def key_of(text: str, notation: Notation = PLAIN) -> str:
    """Make the key that tells categories apart: equal for 1 and 1.0, True and TRUE, and gaps.

    Only plain numbers are equal by their value: not 1234 and 01234 or 100 and 1e2, which may be
    postcodes or names.
    """
    text = text.strip()
    if is_gap(text):
        return GAP
    if text.lower() in ("true", "false"):
        return text.lower()
    plain = notation.standard(text)
    if plain is not None and _PLAIN.fullmatch(plain) and abs(float(plain)) < LARGEST_WHOLE:
        return f"{float(plain) + 0.0:.17g}"  # 0 for -0
    return text


def written_alike(texts: Iterable[str]) -> list[list[str]]:
    """Groups of texts that differ only in capitals and blanks."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault("".join(text.split()).casefold(), []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def n_rows(column: Cells) -> int:
    """Number of rows of a column."""
    return len(column if isinstance(column, np.ndarray) else column.codes)


def keys(column: Cells) -> tuple[np.ndarray, list[str]]:
    """Find for every row the position of its key, and the distinct keys."""
    if isinstance(column, np.ndarray):
        column = _texts("", column.astype(object))
    known: dict[str, int] = {}
    places = [known.setdefault(key_of(text, column.notation), len(known)) for text in column.texts]
    return np.array(places, dtype=np.int64)[column.codes], list(known)


def numbers_of(column: Cells) -> np.ndarray:
    """Convert a column to numbers (n,), with NaN for empty cells.

    Raises
    ------
    ValueError
        At the first cell that is something else.
    """
    if isinstance(column, np.ndarray):
        return column
    gaps = np.array([is_gap(text) for text in column.texts], dtype=np.bool_)
    texts = ["0" if gap else text for gap, text in zip(gaps, column.texts, strict=True)]
    values = replace(column, texts=texts).numbers()
    values[gaps[column.codes]] = np.nan
    return values


def as_numbers(column: Cells) -> Cells:
    """Convert a column to numbers if all its cells are numbers or empty."""
    try:
        return numbers_of(column)
    except ValueError:
        return column


def gaps_of(column: Cells) -> np.ndarray:
    """Return for every row whether the cell is empty."""
    if isinstance(column, np.ndarray):
        return np.isnan(column)
    gaps = np.array([is_gap(text) for text in column.texts], dtype=np.bool_)
    of_rows: np.ndarray = gaps[column.codes]
    return of_rows


def taken(column: Labels, rows: np.ndarray) -> Labels:
    """The column of some rows of a file, by a mask (n,)."""
    used, codes = np.unique(column.codes[rows], return_inverse=True)
    texts, lines = ([of[code] for code in used] for of in (column.texts, column.lines))
    odd = column.odd
    if odd is not None:
        found = np.flatnonzero(used == odd[0])
        odd = (int(found[0]), odd[1]) if len(found) else None
    return replace(column, codes=codes, texts=texts, lines=lines, odd=odd)


def cells_of(
    X: Any, expected: Names | None = None, count: int | None = None
) -> tuple[list[Cells], Names | None]:
    """The columns of a data frame, taken by name, or of an array or a list of rows, by position.

    Parameters
    ----------
    X : data frame, (n, columns) array, or list of rows
        Of numbers, bools and texts; None and NaN are empty cells.
    expected : tuple of str, optional
        Names of the columns.
    count : int, optional
        Number of columns.

    Raises
    ------
    TypeError, ValueError
        If it is something else, has other columns, holds dates or other objects, or has no rows.
    """
    columns: list[np.ndarray]
    names: Names | None
    found = frame_columns("X", X, expected)
    if found is not None:
        columns, names = found
    else:
        table = X if isinstance(X, np.ndarray) else _table(X)
        if table.ndim != 2 or (count is not None and table.shape[1] != count):
            raise ValueError(
                f"X: expected a data frame or an array of shape "
                f"(n, {'columns' if count is None else count}), got {shown(X)}"
            )
        columns, names = list(table.T), expected
    if not columns or not len(columns[0]):
        raise ValueError("X: expected at least one column and one row, got none")
    labels = names or tuple(map(str, range(len(columns))))
    return [_cells(*named) for named in zip(labels, columns, strict=True)], names


def _table(rows: Any) -> np.ndarray:
    try:
        return np.array(rows, dtype=object)
    except ValueError:  # rows of different lengths
        return np.array(None)


def _cells(name: str, column: np.ndarray) -> Cells:
    if np.ma.is_masked(column):
        column = column.astype(object).filled(None)  # type: ignore[attr-defined]
    if column.dtype.kind in "iuf":
        values = np.array(column, dtype=np.float64)
        wrong = np.flatnonzero(np.abs(values) > LARGEST)
        if len(wrong):
            raise ValueError(
                f"X: column {shown(name)}, row {wrong[0]}: expected a number from "
                f"-{LARGEST:g} to {LARGEST:g}, got {float(values[wrong[0]])!r}"
            )
        return values
    if column.dtype.kind not in "OUbT":
        raise TypeError(_wrong_type(name, column.dtype))
    if column.dtype == object and all(map(_is_number_or_gap, column)):
        numbers = np.array([np.nan if _is_empty(v) else v for v in column], dtype=np.float64)
        return _cells(name, numbers)
    return _texts(name, column)


def _texts(name: str, column: np.ndarray) -> Texts:
    known: dict[str, int] = {}
    codes = [known.setdefault(_text(value, name), len(known)) for value in column.tolist()]
    return Texts(name, np.array(codes, dtype=np.int64), list(known))


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if _is_empty(value):
        return GAP
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    raise TypeError(_wrong_type(name, type(value).__name__, value))


def _wrong_type(name: str, kind: Any, value: Any = None) -> str:
    what = f"X: column {shown(name)}: expected numbers, bools or texts, got "
    if isinstance(value, datetime.date | datetime.time | np.datetime64) or "datetime" in str(kind):
        is_time = isinstance(value, datetime.time)
        return what + (f"times; {ADVICE_ON_TIMES}" if is_time else f"dates; {ADVICE_ON_DATES}")
    return f"{what}{kind}"


ADVICE_ON_TIMES = "make numbers of them first, such as the hours since midnight, or the seconds"
ADVICE_ON_DATES = (
    "make numbers of them first, such as the days since a first day, the month or the weekday"
)


def _is_empty(value: Any) -> bool:
    """Return whether an object is None, NaN, or what pandas has in their place."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and value != value


def _is_number_or_gap(value: Any) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    return real or _is_empty(value)


def share(flags: Sequence[bool], column: Labels | Texts, rows: np.ndarray) -> float:
    """The share of the rows whose text has a flag, among those that are not empty cells."""
    counts = np.bincount(column.codes[rows], minlength=len(column.texts))
    filled = np.array([not is_gap(text) for text in column.texts])
    total = int(counts[filled].sum())
    return float(counts[filled & np.array(flags)].sum()) / total if total else 0.0
