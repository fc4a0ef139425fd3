"""The first line of a table: its delimiter, and the names of the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from ..support.checks import shown
from ..support.suggestions import hint
from .notation import quantity

RECOGNIZED = ",;\t|"
"""Delimiters that are recognized; the first wins a tie."""
LISTED = 20
"""Maximum number of names that an error lists."""


class Header:
    """The names of the columns.

    Parameters
    ----------
    row : sequence of str
        The first row of the file.
    given : bool, optional
        False if it is a sample, and the columns are named by their places from "1"; True if it
        has the names, even if they are numbers.

    Attributes
    ----------
    row : list of str
        The name of every column.
    names : list of str
        Different names, without empty ones.
    places : dict of str to int
        The first column with each name.
    unnamed : list of int
        Places, from 1, of columns without a name.
    """

    def __init__(self, row: Sequence[str], given: bool | None) -> None:
        self.given = given
        self.row = [str(place) for place in range(1, len(row) + 1)] if given is False else list(row)
        self.places: dict[str, int] = {}
        self._repeated: dict[str, tuple[int, int]] = {}
        for place, name in enumerate(self.row):
            if name and (before := self.places.setdefault(name, place)) < place:
                self._repeated.setdefault(name, (before + 1, place + 1))
        self.names = list(self.places)
        self.unnamed = [place for place, name in enumerate(self.row, 1) if not name]

    def missing(self, name: str) -> str:
        """The fault of a header without the column `name`."""
        meant = hint(name, self.names, shown)
        listed = ", ".join(map(shown, self.names[:LISTED])) or "none with a name"
        more = f" and {len(self.names) - LISTED} more" if len(self.names) > LISTED else ""
        if self.given is False:
            meant = "; without a header, columns are named by their places"
        elif len(self.row) == 1:
            meant += "; the header must be the first line, and --delimiter says what separates "
            meant += "columns"
        elif not meant and re.fullmatch(r"-?\d+", name):
            meant = "; a column is given by its name, not by its place"
        return f"expected a column {shown(name)}, got {listed}{more}{meant}"

    def fault(self, needed: Sequence[str] = ()) -> str | None:
        """The fault of a header that seems to be a row of numbers, or repeats a needed name.

        Whole numbers may be names beside others: "country", "1990", "1991".
        """
        expected = "expected a header, the names of the columns, "
        if self.given is None:
            numbers = [name for name in self.names if _is_plain(name)]
            broken = [name for name in needed or self.names
                      if not name.isdecimal() and _is_plain(name)]  # fmt: skip
            if broken or (numbers and len(numbers) == len(self.names)):
                return (
                    f"{expected}got the number {shown((broken or numbers)[0])}; is there a header? "
                    "If not, use --no-header; if numbers are the names, --header"
                )
        for name in needed:
            if name in self._repeated:
                one, other = self._repeated[name]
                return (
                    f"{expected}all different, got {shown(name)} for columns {one} and "
                    f"{other}; rename one"
                )
        return None


def _is_plain(name: str) -> bool:
    """Return whether a name is a number in some notation, without a unit."""
    found = quantity(name)
    return found is not None and not found.extra


def delimiter_of(header: str, row: str) -> str:
    """The delimiter that gives the header most columns, and the first row as many if it can.

    Another delimiter comes before the comma if all cells with commas are then numbers.
    """
    row = row if row.strip() else header
    split = {mark: (_cells(header, mark), _cells(row, mark)) for mark in RECOGNIZED}
    widths = {mark: len(names) for mark, (names, cells) in split.items()
              if 1 < len(names) == len(cells)}  # fmt: skip
    for mark in widths:
        commas = [cell for cell in split[mark][1] if "," in cell]
        if mark != "," and commas and all(map(_is_plain, commas)):
            return mark
    widths = widths or {mark: len(names) for mark, (names, _) in split.items()}
    return max(widths, key=lambda mark: widths[mark])


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []
