"""The notation of a file's numbers: as given, or found while its cells are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..support.checks import shown
from .notation import MARKS, WORD, Notation, hold_numbers, is_gap

GROUPED = Notation(".", ",")


@dataclass(frozen=True)
class Seen:
    """A cell, its line and its column."""

    cell: str
    line: int
    column: str


Where = Callable[[int], Seen]


class Finder:
    """The notation of all numbers of a file.

    Unless a decimal mark is given, it is a comma if some number has one and no number has a point.
    A comma that could also stand between thousands is in doubt until another cell decides.

    Parameters
    ----------
    decimal : "." or ",", optional
    thousands : str, optional
        By default there is no mark between thousands.  A point makes the comma the decimal mark.

    Attributes
    ----------
    notation : Notation
    """

    def __init__(self, decimal: str | None = None, thousands: str | None = None) -> None:
        default = "," if thousands == "." else "."
        self.notation = Notation(decimal or default, thousands or "")
        self._is_open = decimal is None and thousands not in (".", ",")
        self._is_sure = False
        self._point: Seen | None = None
        self._comma: Seen | None = None

    def numbers(self, cells: list[str], where: Where) -> np.ndarray | None:
        """Convert cells to numbers; None if one of them has a `fault`.

        Parameters
        ----------
        cells : list of str
        where : callable
            The place of a cell, by its index.
        """
        found = self.notation.numbers(cells)
        if found is None and self._turns(cells, where):
            found = self.notation.numbers(cells)
        self._watch(cells, where)
        return found

    def fault(self, cell: str) -> str | None:
        """The fault of a cell that should be a finite number; None if there is none."""
        other = self._comma or self._point
        if other is not None and self.notation.number(cell) is None:
            mark, wrong = ("comma", ".") if self._comma else ("point", ",")
            grouped = Notation(self.notation.decimal, wrong).number(cell)
            if grouped is not None:
                return (
                    f"expected a number, got {shown(cell)}; --thousands {MARKS[wrong]} reads it as "
                    f"{grouped:.15g}"
                )
            if Notation(wrong, self.notation.thousands).number(cell) is not None:
                return (
                    f"expected a number with a decimal {mark}, as {shown(other.cell)} in line "
                    f"{other.line}, got {shown(cell)}; write all numbers in one notation"
                )
        return self.notation.fault(cell)

    def doubt(self) -> Seen | None:
        """The first number whose comma could also stand between thousands, if all could."""
        return None if self._is_sure else self._comma

    def told(self, seen: Seen) -> str:
        """The fault of a number that is in doubt."""
        return Notation(".", self.notation.thousands).fault(seen.cell) or ""

    def odd(self, texts: Sequence[str], where: Where) -> tuple[int, str] | None:
        """The first text in another notation, and its fault, if the texts are all numbers."""
        if self.notation.numbers(list(texts)) is not None:
            self._watch(texts, where)
            return None
        if not hold_numbers(texts):
            return None
        codes = [code for code, text in enumerate(texts)
                 if not is_gap(text) and not WORD.fullmatch(text)]  # fmt: skip
        self.numbers([texts[code] for code in codes], lambda at: where(codes[at]))
        for code in codes:
            if self.notation.number(texts[code]) is None:
                return code, self.fault(texts[code]) or ""
        return None

    def _turns(self, cells: list[str], where: Where) -> bool:
        """Make the comma the decimal mark if the first fault is such a number, and none before."""
        at = next(at for at, cell in enumerate(cells) if self.notation.fault(cell))
        other = replace(self.notation, decimal=",")
        if not self._is_open or self._comma or other.number(cells[at]) is None:
            return False
        self._watch(cells[:at], where)
        if self._point:
            return False
        self.notation, self._comma = other, where(at)
        return True

    def _watch(self, cells: Sequence[str], where: Where) -> None:
        """Keep the first decimal point, and look for a comma that is certainly decimal."""
        if not self._is_open:
            return
        if self._comma is None:
            if self._point is None and "." in "".join(cells):
                pointed = (at for at, cell in enumerate(cells)
                           if "." in cell and self.notation.number(cell) is not None)  # fmt: skip
                first = next(pointed, None)
                self._point = None if first is None else where(first)
        elif not self._is_sure:
            self._is_sure = any(
                "," in cell
                and GROUPED.standard(cell) is None
                and self.notation.number(cell) is not None
                for cell in cells
            )
