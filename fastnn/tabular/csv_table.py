"""CSV files: named columns of numbers or labels, and errors with file, line and column.

Line numbers are those that an editor shows, even after quoted cells with line breaks.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..support.checks import shown
from .decimal_marks import Finder, Seen
from .header import Header, delimiter_of
from .notation import CODE, PLAIN, Notation, hold_words
from .reading import Reading
from .text_file import TextError, TextFile, title
from .units import without_unit

BLOCK = 2**11
"""Number of cells to convert at a time: few, since Python's garbage collector scans all rows in
memory again and again."""
HEADER_HINT = "; if the first row has names, use --header"


class TableError(ValueError):
    """A file that cannot be used; the message names file, line and column."""

    def __init__(
        self, path: Path, what: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        place = title(path)
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {shown(column)}"
        super().__init__(f"{place}: {what}")


@dataclass(frozen=True)
class Labels:
    """A column of text: for every row which of the different texts it has.

    Attributes
    ----------
    name : str
    codes : (n,) array of int
        Positions in `texts`.
    texts : list of str
        Distinct texts, in order of first occurrence, without surrounding blanks.
    lines : list of int
        The line of the file in which each occurs first.
    notation : Notation
        How the file writes numbers.
    first_row : int, optional
        Its line, if there is no header.
    odd : (int, str), optional
        If all texts are numbers, but some in another notation: the code of the first of these, and
        what is wrong with it.
    """

    path: Path
    name: str
    codes: np.ndarray
    texts: list[str]
    lines: list[int]
    notation: Notation = PLAIN
    first_row: int | None = None
    odd: tuple[int, str] | None = None

    def error(self, code: int, what: str) -> TableError:
        """An error that names the line in which the text of that code occurs first."""
        line = self.lines[code]
        if line == self.first_row:
            what += HEADER_HINT
        return TableError(self.path, what, line=line, column=self.name)

    def numbers(self) -> np.ndarray:
        """Convert the column to numbers.

        Raises
        ------
        TableError
            At the first cell that is not a number.
        """
        if self.odd is not None:
            raise self.error(*self.odd)
        for code, text in enumerate(self.texts):
            if wrong := self.notation.fault(text):
                raise self.error(code, wrong)
        numbers = self.notation.numbers(self.texts)
        assert numbers is not None
        values: np.ndarray = numbers[self.codes]
        return values


@dataclass(frozen=True)
class Rows:
    """Content of a table.

    Attributes
    ----------
    numbers : (n, columns) array of float64
    labels : list of Labels
    """

    numbers: np.ndarray
    labels: list[Labels]


class Table:
    """An open CSV file whose header has been read.

    Cells may be quoted ("), and blanks around them are ignored.  Blank lines are no rows, except in
    a file of one column, nor are empty rows at the end.  A first line ``sep=;`` names the
    delimiter.

    Parameters
    ----------
    path : Path
        A text file, which may be compressed by gzip; ``-`` is standard input.
    delimiter : str, optional
        One character or its name; by default comma, semicolon, tab or pipe, whichever gives the
        first line most columns.
    encoding, header, decimal, thousands, units : optional
        As in `Reading`.

    Attributes
    ----------
    path : Path
    delimiter : str
    asked : Reading
        The options.
    header : Header
    names : list of str
        The different names in the header, or places from "1" without one.
    finder : Finder
        The notation of numbers.
    leading_zeros : dict of str to str
        Of the columns that were read, those with whole numbers that have leading zeros, and the
        first of these; it is looked for among the first rows only.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or value.
    TableError
        If the file cannot be opened or is empty: a ValueError.
    """

    def __init__(
        self,
        path: Path,
        delimiter: str | None = None,
        *,
        encoding: str | None = None,
        header: bool | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        units: dict[str, str] | None = None,
    ) -> None:
        self.path = path
        asked = Reading(delimiter, encoding, header, decimal, thousands, units)
        self.finder = Finder(asked.decimal, asked.thousands)
        self.asked = asked
        self.leading_zeros: dict[str, str] = {}
        self._line = 1  # of the next row
        with _errors(self):
            self._text = TextFile(path, encoding)
        try:
            with _errors(self):
                self._begin()
        except BaseException:
            self._text.close()
            raise

    def _begin(self) -> None:
        lines = self._text.lines()
        filled = (line for line in lines if line.strip(" \r\n"))
        first, delimiter = next(filled, None), self.asked.delimiter
        if first is not None and (named := re.fullmatch(r'"?sep=([^"])"?[ \r\n]*', first)):
            delimiter, first = delimiter or named[1], next(filled, None)
        if first is None:
            raise TableError(self.path, "expected a header and rows, got an empty file")
        self._line = self._text.line
        self.delimiter = delimiter or delimiter_of(first, self._text.ahead())
        if self.delimiter == " ":  # a blank at the end is no delimiter
            first, lines = _trimmed(first), map(_trimmed, lines)
        self._reader = csv.reader(itertools.chain([first], lines), delimiter=self.delimiter,
                                  skipinitialspace=True, strict=True)  # fmt: skip
        row = next(self._reader, [])
        self._header_line, has_header = self._line, self.asked.header is not False
        self.header = Header([cell.strip() for cell in row], self.asked.header)
        self.names, self._places = self.header.names, self.header.places
        units = self.asked.units or {}
        self._units = {self._places[name]: units[name] for name in {*units} & {*self.names}}
        self._first = [] if has_header else [(row, self._line)]
        self._line = self._text.line + 1

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    @property
    def reading(self) -> Reading:
        """Options that read a file of the same kind alike: those given, and the comma if found."""
        notation = self.finder.notation
        usual = self.asked.decimal is None and notation.decimal == "."
        return replace(self.asked, decimal=None if usual else notation.decimal)

    def read(self, numbers: Sequence[str], labels: Sequence[str]) -> Rows:
        """Read all rows.

        Parameters
        ----------
        numbers, labels : sequence of str
            Columns whose cells must all be finite numbers, and columns to read as text.  Other
            columns are ignored.

        Returns
        -------
        Rows

        Raises
        ------
        TableError
            At the first row with too many or too few cells, or with a cell that is not a number; if
            there are no rows, or no columns with these names; if a name stands for several columns,
            or for a number so that there seems to be no header.
        """
        self.check_names([*numbers, *labels])
        self._check_header([*numbers, *labels])
        places = [self._places[name] for name in numbers]
        blocks: list[np.ndarray] = []
        seen: list[dict[str, int]] = [{} for _ in labels]
        codes: list[list[np.ndarray]] = [[] for _ in labels]
        lines: list[list[int]] = [[] for _ in labels]
        for rows, starts in self._blocks():
            if not blocks:
                self.leading_zeros = self._find_leading_zeros(rows, [*numbers, *labels])
            blocks.append(self._numbers(rows, places, starts, not blocks))
            for name, known, coded, first in zip(labels, seen, codes, lines, strict=True):
                place, before = self._places[name], len(known)
                found = [known.setdefault(row[place].strip(), len(known)) for row in rows]
                coded.append(np.array(found, dtype=np.int64))
                if len(known) > before:
                    new, where = np.unique(coded[-1], return_index=True)
                    first += [starts[row] for row in where[new >= before]]
        if not blocks:
            raise TableError(self.path, "expected rows after the header, got none")
        columns = [
            Labels(self.path, name, np.concatenate(coded), list(known), first)
            for name, known, coded, first in zip(labels, seen, codes, lines, strict=True)
        ]
        return Rows(np.concatenate(blocks), self._with_notation(columns, numbers))

    def check_names(self, names: Iterable[str], option: str = "") -> None:
        """Raise unless columns with these names exist; `option` begins the message."""
        for name in names:
            if name not in self._places:
                self._check_header()
                parts = [part.strip() for part in name.split(",")]
                if option and {*parts} <= {*self._places}:
                    what = f"expected one column, got {shown(name)}; repeat the option for several"
                    raise TableError(self.path, option + what)
                raise TableError(self.path, option + self.header.missing(name))

    def _check_header(self, needed: Sequence[str] = ()) -> None:
        if wrong := self.header.fault(needed):
            raise TableError(self.path, wrong, line=self._header_line)

    def _blocks(self) -> Iterator[tuple[list[list[str]], list[int]]]:
        """Yield blocks of rows, with the line in which each row begins."""
        width = len(self.header.row)
        most = max(1, BLOCK // width)
        rows: list[list[str]] = []
        starts: list[int] = []
        for row, start in self._filled():
            if len(row) != width:
                of = "first row" if self._first else "header"
                what = f"expected {width} cells, as in the {of}, got {len(row)}"
                if len(row) == width + 1 and not row[-1].strip():
                    what += f"; remove the {shown(self.delimiter)} at the end of the row"
                raise TableError(self.path, what, line=start)
            for place, unit in self._units.items():
                row[place] = without_unit(row[place], unit)
            rows.append(row)
            starts.append(start)
            if len(rows) == most:
                yield rows, starts
                rows, starts = [], []
        if rows:
            yield rows, starts

    def _filled(self) -> Iterator[tuple[list[str], int]]:
        """Yield rows and their lines, without blank lines, and without empty rows at the end."""
        yield from self._first
        empty: list[tuple[list[str], int]] = []
        with _errors(self):
            for row in self._reader:
                start, self._line = self._line, self._text.line + 1
                if not row or not row[0].strip():
                    if len(row) <= 1 < len(self.header.row):
                        continue
                    if not "".join(row).strip():
                        empty.append((row or [""], start))
                        continue
                yield from empty
                empty.clear()
                yield row, start

    def _find_leading_zeros(self, rows: list[list[str]], names: list[str]) -> dict[str, str]:
        found = {}
        for name in names:
            cells = (row[self._places[name]].strip() for row in rows)
            if code := next(filter(CODE.fullmatch, cells), None):
                found[name] = code
        return found

    def _numbers(
        self, rows: list[list[str]], places: list[int], starts: list[int], is_first: bool
    ) -> np.ndarray:
        """Convert the cells of the columns at `places` to numbers (rows, columns)."""
        if places == list(range(len(self.header.row))):
            cells = list(itertools.chain.from_iterable(rows))
        else:
            cells = [row[place] for row in rows for place in places]

        def where(at: int) -> Seen:
            i, j = divmod(at, len(places))
            return Seen(cells[at].strip(), starts[i], self.header.row[places[j]])

        result = self.finder.numbers(cells, where)
        if result is not None:
            return result.reshape(len(rows), len(places))
        first = next(at for at, cell in enumerate(cells) if self.finder.fault(cell))
        what, seen = self.finder.fault(cells[first]), where(first)
        assert what is not None
        if is_first and hold_words([row[places[first % len(places)]] for row in rows]):
            what = f"expected a number, got {shown(cells[first])}"
        if self._first and seen.line == self._header_line:
            what += HEADER_HINT
        raise TableError(self.path, what, line=seen.line, column=seen.column)

    def _with_notation(self, columns: list[Labels], numbers: Sequence[str]) -> list[Labels]:
        """The columns of text, with the notation of numbers, in which all columns have a say."""

        def odd(column: Labels) -> tuple[int, str] | None:
            return self.finder.odd(
                column.texts,
                lambda at: Seen(column.texts[at], column.lines[at], column.name),
            )

        odds = [odd(column) for column in columns]
        doubt = self.finder.doubt()
        if doubt is not None:
            told = self.finder.told(doubt)
            if doubt.column in numbers or doubt.column not in [one.name for one in columns]:
                raise TableError(self.path, told, line=doubt.line, column=doubt.column)
            odds = [
                (column.texts.index(doubt.cell), told) if column.name == doubt.column else one
                for column, one in zip(columns, odds, strict=True)
            ]
        notation = self.finder.notation
        first_row = self._first[0][1] if self._first else None
        return [replace(column, notation=notation, first_row=first_row, odd=one)
                for column, one in zip(columns, odds, strict=True)]  # fmt: skip


def _trimmed(line: str) -> str:
    return line.rstrip(" \r\n") + "\n"


class _errors:  # noqa: N801  a context manager, used as a statement
    """Add the path to errors of the text, and also the row's line to those of the csv module."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, TextError):
            raise TableError(self.table.path, str(error), line=error.line) from None
        if isinstance(error, csv.Error):
            what = str(error)
            if "field limit" in what or "end of data" in what:
                what += "; is a quotation mark left open?"
            raise TableError(self.table.path, what, line=self.table._line) from None
