"""Notations of numbers: the decimal mark, marks between thousands, and units that are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from ..support.checks import shown

LARGEST = 1e100
"""Largest magnitude of a number, so that a mean of squares is finite."""
LARGEST_WHOLE = 2.0**53
"""Whole numbers below it are exact."""
MISSING = {"na", "n/a", "#n/a", "<na>", "null", "none", "missing", "?", "-", "."}
"""Texts that stand for a missing number."""
MARKS = {".": "point", ",": "comma", " ": "space", "'": "apostrophe"}
"""Marks in numbers, and their names as options."""
# How files write a mark: also by spaces that do not break lines, and by a typographic apostrophe.
WRITTEN = {" ": " \u00a0\u202f", "'": "'\u2019"}
LONGEST = 100
"""Most characters of a number in another notation, or with a unit."""
WORD = re.compile(r"[+-]?[A-Za-z]+")
# A number of any notation, with a currency before or a unit after it.  It is compiled when it is
# first used: that takes a millisecond.
CURRENCY = "$€£¥₹₽₩₺₴₫฿₪¢"
CODES = "EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|BRL|US|Rs|kr"
SYMBOL = f"[%‰°{CURRENCY}]"
QUANTITY = (
    rf"(?P<sign>[+\-−–]?)\s*(?P<before>(?:{CODES})?\.?[{CURRENCY}]?)\s*"
    r"(?P<number>[+-]?(?:\d[\d.,'’ \u00a0\u202f]*|[.,]\d+)(?:[eE][+-]?\d+)?)"
    rf"(?P<after>(?:[^\W\d_]|{SYMBOL})(?:[^\W_]|{SYMBOL}|[/·^²³*-]){{0,11}})?"
)


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes
    ----------
    decimal : "." or ","
    thousands : str
        The mark between groups of three digits: a point, comma, space or apostrophe; empty if
        there is none.
    """

    decimal: str = "."
    thousands: str = ""

    def standard(self, cell: str) -> str | None:
        """The number in a cell as Python writes it; None if the cell holds none."""
        text = cell.strip()
        if self.thousands or self.decimal != ".":
            if _pattern(self.decimal, self.thousands).fullmatch(text):
                for mark in WRITTEN.get(self.thousands, self.thousands):
                    text = text.replace(mark, "")
                text = text.replace(self.decimal, ".")
            elif not WORD.fullmatch(text):
                return None
        try:
            if not text.isascii() or "_" in text:
                raise ValueError
            float(text)
        except ValueError:
            return None
        return text

    def number(self, cell: str) -> float | None:
        """The number in a cell, which may be infinite or NaN; None if it holds none."""
        text = self.standard(cell)
        return None if text is None else float(text)

    def numbers(self, cells: list[str]) -> np.ndarray | None:
        """Convert cells to numbers; None if one of them has a `fault`."""
        texts: Sequence[str | None] = cells
        together = "".join(cells)
        is_simple = together.isascii() and "_" not in together and not self.thousands
        try:
            if not is_simple or (self.decimal == "," and "." in together):
                texts = [self.standard(cell) for cell in cells]
            elif self.decimal == ",":
                texts = [cell.replace(",", ".") for cell in cells]
            result = np.array([float(text) for text in texts])  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return None
        return result if (np.abs(result) <= LARGEST).all() else None

    def fault(self, cell: str) -> str | None:
        """The fault of a cell that should be a finite number; None if there is none."""
        if not cell or cell.isspace():
            return "expected a number, got an empty cell"
        number = self.number(cell)
        if number is None:
            return f"expected a number, got {shown(cell)}{self._advice(cell)}"
        if not abs(number) < np.inf:
            return f"expected a finite number, got {shown(cell)}"
        if abs(number) > LARGEST:
            return f"expected a number from -{LARGEST:g} to {LARGEST:g}, got {shown(cell)}"
        return None

    def _advice(self, cell: str) -> str:
        """Advice on a number in another notation; empty for other texts."""
        found = quantity(cell)
        if found is None:
            return ""
        if found.extra in ("−", "–", "()"):
            return ", a negative number; write it with '-'"
        if found.extra:
            return (
                f", a number with {shown(found.extra)}; write only the number (the column's name "
                "can have the unit)"
            )
        ways: dict[float | None, str] = {}
        for other in found.fits:
            ways.setdefault(other.number(found.number), self._options(other))
        return "; " + ", ".join(f"{way} reads it as {value:.15g}" for value, way in ways.items())

    def _options(self, other: Notation) -> str:
        """The options of the command for another notation."""
        options = []
        if other.decimal != "." or self.decimal != ".":
            options.append(f"--decimal {MARKS[other.decimal]}")
        if other.thousands:
            options.append(f"--thousands {MARKS[other.thousands]}")
        return " ".join(options) or "--decimal point"


@cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    whole, mark = r"\d+", re.escape(decimal)
    if thousands:
        marks = re.escape(WRITTEN.get(thousands, thousands))
        whole = rf"(?:[1-9]\d{{0,2}}(?:[{marks}]\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


PLAIN, WITH_COMMA = Notation(), Notation(",")
KNOWN = [PLAIN, WITH_COMMA, *(Notation(decimal, mark) for mark in MARKS for decimal in ".,"
                              if mark != decimal)]  # fmt: skip
"""Notations that are recognized in texts."""


class Quantity(NamedTuple):
    """A text that is a number in some notation, perhaps with a unit.

    Attributes
    ----------
    number : str
        Without the unit.
    fits : tuple of Notation
        Notations that read it, without those whose mark between thousands it does not have.
    extra : str
        What else there is: a unit, a currency sign, or a sign that is not ASCII.
    glued : bool
        True if a letter follows the number without a blank.
    """

    number: str
    fits: tuple[Notation, ...]
    extra: str
    glued: bool


def quantity(cell: str) -> Quantity | None:
    """Take a text apart that is a number in some notation; None for other texts."""
    text = cell.strip()
    if len(text) > LONGEST:
        return None
    negative = text[:1] == "(" and text[-1:] == ")"  # as accountants write it
    match = re.fullmatch(QUANTITY, text[1:-1].strip() if negative else text)
    if match is None or (match["sign"] and match["number"][0] in "+-"):
        return None
    number, after = match["number"], match["after"] or ""
    fits = tuple(
        notation
        for notation in KNOWN
        if notation.standard(number) is not None
        and (not notation.thousands or set(WRITTEN.get(notation.thousands, notation.thousands))
             & set(number.strip()))
    )  # fmt: skip
    if not fits:
        return None
    extra = match["before"] + after
    if match["sign"] not in ("", "+", "-") and not extra:
        extra = match["sign"]
    extra = f"({extra})" if negative else extra
    glued = after[:1].isalpha() and not number[-1].isspace()
    return Quantity(match["sign"] + number.strip(), fits, extra, glued)


def is_number(text: str) -> bool:
    """Return whether a text is a number, in whatever notation, or with a unit."""
    return PLAIN.standard(text) is not None or quantity(text) is not None


def hold_numbers(texts: Iterable[str]) -> bool:
    """Return whether all texts are numbers in some notation, but for those that mean missing ones.

    Letters right after a number are a unit if they are always the same, in three texts or more:
    "1st", "2nd", or "2D" and "3D" are labels.
    """
    texts = [text for text in texts if text.strip() and text.strip().lower() not in MISSING]
    if not texts or not all(map(is_number, texts)):
        return False
    parts = [quantity(text) for text in texts if PLAIN.standard(text) is None]
    glued = {part.extra for part in parts if part is not None and part.glued}
    return not glued or (len(glued) == 1 and len(texts) > 2)
