"""Options for reading files: those asked for, while the rest is found in each file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..support.checks import shown
from ..support.suggestions import hint
from .notation import MARKS
from .units import check_units

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
"""Delimiters that have names."""


@dataclass(frozen=True)
class Reading:
    r"""Options for reading CSV files; None leaves a choice to each file.

    Marks may be given by their names, such as "comma" or "tab".

    Parameters
    ----------
    delimiter : str, optional
        One character, other than a quotation mark or a line break.
    encoding : str, optional
        Any text encoding of Python; by default UTF-8, or what a byte order mark says.
    header : bool, optional
        False if the first row is a sample, and columns are named by their places "1", "2", …; True
        if numbers may be names.  By default names that are all numbers are refused.
    decimal : "." or ",", optional
    thousands : str, optional
        A point, comma, space or apostrophe between groups of three digits; by default none.
    units : dict of str to str, optional
        Units or currencies by names of columns, such as ``{"price": "$"}``, which their cells may
        have before or after the number; no column needs to be there.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    units: dict[str, str] | None = None

    def __post_init__(self) -> None:
        for name, marks in (
            ("delimiter", DELIMITERS),
            ("decimal", {mark: MARKS[mark] for mark in ".,"}),
            ("thousands", MARKS),
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _mark(name, getattr(self, name), marks))
        if self.thousands is not None and self.thousands == (self.decimal or "").strip():
            raise ValueError(
                f"thousands: expected another mark than decimal, got {shown(self.thousands)} for "
                "both"
            )
        if self.header is not None and not isinstance(self.header, bool):
            raise TypeError(f"header: expected a bool, got {shown(self.header)}")
        if self.units is not None:
            object.__setattr__(self, "units", check_units(self.units))
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise ValueError(
                f"encoding: expected a text encoding such as utf-8, latin-1, cp1252 or utf-16, got "
                f"{shown(self.encoding)}"
            )

    def to_record(self) -> dict[str, Any]:
        """The options that are not None, by name, as JSON can hold them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _mark(name: str, value: Any, marks: dict[str, str]) -> str:
    """A mark, which may be given by its name."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected text, got {shown(value)}")
    named = {"\\t": "\t", **{text: mark for mark, text in marks.items()}}
    mark = named.get(value.lower(), value) if len(value) > 1 else value
    if name == "delimiter":
        if len(mark) != 1 or mark in '"\r\n\0':
            raise ValueError(
                f"delimiter: expected one character, or one of {', '.join(marks.values())}, got "
                f"{shown(value)}{hint(value, marks.values())}"
            )
    elif mark not in marks:
        raise ValueError(
            f"{name}: expected one of {', '.join(marks.values())}, got "
            f"{shown(value)}{hint(value, marks.values())}"
        )
    return mark


def _is_encoding(name: Any) -> bool:
    try:
        b"".decode(name)
        "a".encode(name)
    except (LookupError, UnicodeError, ValueError, TypeError):
        return False
    return True
