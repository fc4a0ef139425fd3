"""Notations of numbers: the decimal mark, marks between thousands, and units that are none."""

from __future__ import annotations

import re
import shlex
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
GAPS = {
    "", "na", "n/a", "#n/a", "#na", "<na>", "nan", "nat", "null", "none", "missing", "?", "-", ".",
}  # fmt: skip
"""Texts that stand for an empty cell, in lower case."""
LONGEST_GAP = max(map(len, GAPS))
CODE = re.compile(r"[+-]?0[0-9]+")
"""Whole numbers with leading zeros, such as postcodes, which as labels keep their zeros."""
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
# A long pattern is compiled when it is first used: that takes milliseconds.
QUANTITY = (
    rf"(?P<sign>[+\-−–]?)\s*(?P<before>(?:(?:{CODES})\.?)?[{CURRENCY}]?)\s*"
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

    def fault(self, cell: str, in_frame: bool = False) -> str | None:
        """The fault of a cell that should be a finite number; None if there is none.

        Its advice is on options of the command, or on those of pandas for a data frame.
        """
        if not cell or cell.isspace():
            return "expected a number, got an empty cell"
        number = self.number(cell)
        if number is None:
            return f"expected a number, got {shown(cell)}{self._advice(cell, in_frame)}"
        if not abs(number) < np.inf:
            return f"expected a finite number, got {shown(cell)}"
        if abs(number) > LARGEST:
            return f"expected a number from -{LARGEST:g} to {LARGEST:g}, got {shown(cell)}"
        return None

    def _advice(self, cell: str, in_frame: bool) -> str:
        """Advice on a number in another notation; empty for other texts."""
        found = quantity(cell)
        if found is None:
            return ""
        if found.extra in ("−", "–", "()"):
            return ", a negative number; write it with '-'"
        if found.extra:
            option = "" if in_frame else f", or {unit_option('COLUMN', found.extra)} reads it"
            return (
                f", a number with {shown(found.extra)}; write only the number (the column's name "
                f"can have the unit){option}"
            )
        ways: dict[float | None, str] = {}
        for other in found.fits:
            way = self._options(other, in_frame)
            ways.setdefault(other.number(found.number), way)
        return "; " + ", ".join(f"{way} reads it as {value:.15g}" for value, way in ways.items())

    def _options(self, other: Notation, in_frame: bool) -> str:
        """The options for another notation."""
        options = {"decimal": other.decimal, "thousands": other.thousands}
        if other.thousands and other.decimal == self.decimal == ".":
            del options["decimal"]
        used = {name: mark for name, mark in options.items() if mark}
        if in_frame:
            given = ", ".join(f"{name}={mark!r}" for name, mark in used.items())
            return f"pandas.read_csv(…, {given})"
        return " ".join(f"--{name} {MARKS[mark]}" for name, mark in used.items())


def unit_option(column: str, unit: str) -> str:
    """The option that reads a column with a unit, as a shell takes it."""
    return f"--unit {shlex.quote(f'{column}={unit}')}"


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
    marks = set(number.strip())
    fits = tuple(
        notation
        for notation in KNOWN
        if not notation.thousands
        or not marks.isdisjoint(WRITTEN.get(notation.thousands, notation.thousands))
        if notation.standard(number) is not None
    )
    if not fits:
        return None
    extra = match["before"] + after
    if match["sign"] not in ("", "+", "-") and not extra:
        extra = match["sign"]
    extra = f"({extra})" if negative else extra
    glued = after[:1].isalpha() and not number[-1].isspace()
    return Quantity(match["sign"] + number.strip(), fits, extra, glued)


def is_gap(text: str) -> bool:
    """Return whether a text stands for an empty cell."""
    text = text.strip()
    return len(text) <= LONGEST_GAP and text.lower() in GAPS


def are_numbers(texts: Sequence[str]) -> list[bool]:
    """Tell for each text of a column whether it is a number, in whatever notation, or with a unit.

    Gaps are none.  Two kinds of text are numbers only beside others.  Letters right after a number
    are a unit if they are always the same, and three texts or more begin with a number: "1st",
    "2nd", or "2D" and "3D" are labels.  "inf" counts where another text is a number.
    """
    plain = [None if is_gap(text) else PLAIN.number(text) for text in texts]
    parts = [quantity(text) if number is None else None
             for text, number in zip(texts, plain, strict=True)]  # fmt: skip
    count = sum(number is not None for number in plain) + sum(part is not None for part in parts)
    glued = {part.extra for part in parts if part is not None and part.glued}
    has_unit = len(glued) == 1 and count > 2
    found = [
        not text.isalpha() if number is not None
        else part is not None and (has_unit or not part.glued)
        for text, number, part in zip(texts, plain, parts, strict=True)
    ]  # fmt: skip
    some = any(found)
    return [one or (some and number is not None) for one, number in zip(found, plain, strict=True)]


def hold_numbers(texts: Iterable[str]) -> bool:
    """Return whether all texts but the gaps are numbers, and there is one."""
    filled = [text for text in texts if not is_gap(text)]
    if not filled or (PLAIN.number(filled[0]) is None and quantity(filled[0]) is None):
        return False  # at once, for most columns of text
    return all(are_numbers(filled))


def hold_words(cells: Iterable[str]) -> bool:
    """Return whether cells hold text, and no numbers in whatever notation."""
    filled = [cell for cell in cells if not is_gap(cell)]
    return bool(filled) and not any(are_numbers(filled))
