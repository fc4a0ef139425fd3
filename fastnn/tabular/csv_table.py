"""CSV files: a header and columns of numbers or labels, and errors with file, line and column.

Line numbers are those that an editor shows, even after quoted cells with line breaks.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from ..support.checks import shown
from ..support.suggestions import hint

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""Delimiters that are recognized; the first wins a tie."""
LARGEST = 1e100
"""Largest magnitude of a number, so that a mean of squares is finite."""
LONGEST_LINE = 2**24
BLOCK = 2**11
"""Number of cells to convert at a time: few, since Python's garbage collector scans all rows in
memory again and again."""
LISTED = 20
"""Maximum number of names that an error lists."""


class TableError(ValueError):
    """A file that cannot be used; the message names file, line and column.

    Attributes
    ----------
    text : list of str
        Columns with text where numbers were expected, in the row that failed.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        *,
        line: int | None = None,
        column: str | None = None,
        text: Sequence[str] = (),
    ) -> None:
        place = str(path)
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {shown(column)}"
        super().__init__(f"{place}: {what}")
        self.text = list(text)


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
    """

    path: Path
    name: str
    codes: np.ndarray
    texts: list[str]
    lines: list[int]

    def error(self, code: int, what: str) -> TableError:
        """An error that names the line in which the text of that code occurs first."""
        return TableError(self.path, what, line=self.lines[code], column=self.name)

    def numbers(self) -> np.ndarray:
        """Convert the column to numbers.

        Raises
        ------
        TableError
            At the first cell that is not a number.
        """
        for code, text in enumerate(self.texts):
            if wrong := fault(text):
                raise self.error(code, wrong)
        values: np.ndarray = np.array([float(text) for text in self.texts])[self.codes]
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

    The text is UTF-8, with or without a byte order mark.  Cells may be quoted ("), and blanks
    around them are ignored.  Blank lines are allowed only after the last row.

    Parameters
    ----------
    path : Path
    delimiter : str, optional
        One character; by default comma, semicolon or tab, whichever gives the header most columns.

    Attributes
    ----------
    path : Path
    delimiter : str
    names : list of str
        The columns of the header.

    Raises
    ------
    TableError
        If the file cannot be opened or is empty, or its header is invalid: a ValueError.
    """

    def __init__(self, path: Path, delimiter: str | None = None) -> None:
        self.path = path
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
            raise ValueError(f"delimiter: expected one character, got {shown(delimiter)}")
        try:
            self._file: TextIO = open(  # noqa: SIM115  closed by close()
                path, encoding="utf-8-sig", errors="surrogateescape", newline=""
            )
        except OSError as error:
            raise TableError(path, f"cannot be read: {error.strerror}") from None
        try:
            self._begin(delimiter)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, delimiter: str | None) -> None:
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            raise TableError(self.path, "expected a header and rows, got an empty file")
        if delimiter is None:
            counts = {mark: len(_cells(first, mark)) for mark in DELIMITERS}
            delimiter = max(counts, key=lambda mark: counts[mark])
        self.delimiter = delimiter
        self._reader = csv.reader(
            itertools.chain([first], lines), delimiter=delimiter, skipinitialspace=True, strict=True
        )
        self._line = 1  # of the next row
        with _csv_errors(self):
            header = next(self._reader, [])
        self.names = [name.strip() for name in header]
        self._check_header()
        self._line = self._reader.line_num + 1

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

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
            there are no rows, or no columns with these names.
        """
        self.check_names([*numbers, *labels])
        places = [self._places[name] for name in numbers]
        blocks: list[np.ndarray] = []
        seen: list[dict[str, int]] = [{} for _ in labels]
        codes: list[list[np.ndarray]] = [[] for _ in labels]
        lines: list[list[int]] = [[] for _ in labels]
        for rows, starts in self._blocks():
            blocks.append(self._numbers(rows, places, starts))
            for name, known, coded, first in zip(labels, seen, codes, lines, strict=True):
                place, before = self._places[name], len(known)
                found = [known.setdefault(row[place].strip(), len(known)) for row in rows]
                coded.append(np.array(found, dtype=np.int64))
                if len(known) > before:
                    new, where = np.unique(coded[-1], return_index=True)
                    first += [starts[row] for row in where[new >= before]]
        if not blocks:
            raise TableError(self.path, "expected rows after the header, got none")
        return Rows(
            np.concatenate(blocks),
            [
                Labels(self.path, name, np.concatenate(coded), list(known), first)
                for name, known, coded, first in zip(labels, seen, codes, lines, strict=True)
            ],
        )

    def check_names(self, names: Iterable[str], option: str = "") -> None:
        """Raise unless columns with these names exist; `option` begins the message."""
        for name in names:
            if name not in self._places:
                meant = hint(name, self.names, shown)
                listed = ", ".join(map(shown, self.names[:LISTED]))
                more = f" and {len(self.names) - LISTED} more" if len(self.names) > LISTED else ""
                raise TableError(
                    self.path,
                    f"{option}expected a column {shown(name)}, got {listed}{more}{meant}",
                )

    def _check_header(self) -> None:
        def refuse(what: str) -> TableError:
            return TableError(self.path, f"expected a header, the names of the columns, {what}",
                              line=self._line)  # fmt: skip

        if not self.names:
            raise refuse("got a blank line")
        numbers = [name for name in self.names if fault(name) is None]
        if len(numbers) == len(self.names) or any(not name.isdecimal() for name in numbers):
            raise refuse(f"got the number {shown(numbers[0])}; is there a header?")
        self._places: dict[str, int] = {}
        for place, name in enumerate(self.names):
            if not name:
                raise refuse(f"got none for column {place + 1}")
            first = self._places.setdefault(name, place)
            if first < place:
                raise refuse(
                    f"all different, got {shown(name)} for columns {first + 1} and {place + 1}"
                )

    def _lines(self) -> Iterator[str]:
        """Yield the lines of the file, with their ends."""
        number = 0
        while line := self._file.readline(LONGEST_LINE):
            number += 1
            if not line.isascii() and (wrong := re.search("[\ud800-\udfff]", line)):
                byte = ord(wrong[0]) & 0xFF
                what = f"expected UTF-8 text, got the byte 0x{byte:02X}"
                if number == 1 and line.startswith(("\udcff\udcfe", "\udcfe\udcff")):
                    what += ": it seems to be UTF-16"
                raise TableError(self.path, what, line=number)
            if "\0" in line:
                raise TableError(self.path, "expected text, got a NUL character", line=number)
            if len(line) == LONGEST_LINE:
                raise TableError(
                    self.path, f"expected a line of fewer than {LONGEST_LINE:,} characters, "
                    "got a longer one", line=number
                )  # fmt: skip
            yield line

    def _blocks(self) -> Iterator[tuple[list[list[str]], list[int]]]:
        """Yield blocks of rows, with the line in which each row begins."""
        width = len(self.names)
        most = max(1, BLOCK // width)
        rows: list[list[str]] = []
        starts: list[int] = []
        blank = 0
        with _csv_errors(self):
            for row in self._reader:
                start, self._line = self._line, self._reader.line_num + 1
                if not row or (width > 1 and len(row) == 1 and not row[0].strip()):
                    blank = blank or start
                    continue
                if blank:
                    raise TableError(self.path, "expected a row, got a blank line", line=blank)
                if len(row) != width:
                    raise TableError(
                        self.path, f"expected {width} cells, as in the header, got {len(row)}",
                        line=start,
                    )  # fmt: skip
                rows.append(row)
                starts.append(start)
                if len(rows) == most:
                    yield rows, starts
                    rows, starts = [], []
        if rows:
            yield rows, starts

    def _numbers(self, rows: list[list[str]], places: list[int], starts: list[int]) -> np.ndarray:
        """Convert the cells of the columns at `places` to numbers (rows, columns)."""
        if places == list(range(len(self.names))):
            cells = list(itertools.chain.from_iterable(rows))
        else:
            cells = [row[place] for row in rows for place in places]
        result = _parsed(cells)
        if result is not None:
            return result.reshape(len(rows), len(places))
        first = next(i for i, cell in enumerate(cells) if fault(cell))
        i, j = divmod(first, len(places))
        what = fault(cells[first])
        assert what is not None
        text = [self.names[place] for place in places if _is_text(rows[i][place])]
        raise TableError(self.path, what, line=starts[i], column=self.names[places[j]], text=text)


def fault(cell: str) -> str | None:
    """The fault of a cell that should be a finite number; None if there is none."""
    if not cell or cell.isspace():
        return "expected a number, got an empty cell"
    try:
        if not cell.isascii() or "_" in cell:
            raise ValueError
        number = float(cell)
    except ValueError:
        comma = re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell)
        hint = " with a decimal comma, which is not supported" if comma else ""
        return f"expected a number, got {shown(cell)}{hint}"
    if not abs(number) < np.inf:
        return f"expected a finite number, got {shown(cell)}"
    if abs(number) > LARGEST:
        return f"expected a number from -{LARGEST:g} to {LARGEST:g}, got {shown(cell)}"
    return None


def _is_text(cell: str) -> bool:
    """Return whether a cell holds something other than a number, finite or not."""
    try:
        float(cell)
    except ValueError:
        return bool(cell.strip())
    return False


def _parsed(cells: list[str]) -> np.ndarray | None:
    """Convert cells to numbers; None if one of them has a `fault`."""
    together = "".join(cells)
    if not together.isascii() or "_" in together:
        return None
    try:
        result = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return result if (np.abs(result) <= LARGEST).all() else None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


class _csv_errors:  # noqa: N801  a context manager, used as a statement
    """Add the line in which the row begins to errors of the csv module."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, csv.Error):
            what = str(error)
            if "field limit" in what or "end of data" in what:
                what += "; is a quotation mark left open?"
            raise TableError(self.table.path, what, line=self.table._line) from None
