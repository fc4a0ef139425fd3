"""Numbers, labels and names as C writes them, and lines that fit the width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...support.checks import shown

WIDTH = 100
LONGEST_LABEL = 1000
"""Bytes: C99 guarantees strings of 4,095 characters, and one byte may need four."""


def hexadecimal(value: float) -> str:
    """A float as a C99 literal, bit for bit."""
    if not np.isfinite(value):
        raise ValueError(f"model: expected finite numbers, got {value}")
    mantissa, _, exponent = float(value).hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def label_table(labels: list[Any], in_double: bool, name: str = "classes") -> tuple[str, list[str]]:
    """The C type of the labels, and each label as a C literal."""
    kind: Any = type(labels[0])
    if kind is str:
        return "char *const ", [_string(label, name) for label in labels]
    if kind is bool:
        return "int ", [str(int(label)) for label in labels]
    if kind is float:
        if in_double:
            return "double ", [hexadecimal(label) for label in labels]
        return "float ", [f"{hexadecimal(label)}f" for label in _as_floats(labels)]
    if max(labels) >= 2**63:
        return "unsigned long long ", [f"{label}ULL" for label in labels]
    # C has no negative literals, so the smallest integer is computed from one that fits.
    least = -(2**63)
    return "long long ", [
        f"{label}LL" if label > least else f"{label + 1}LL - 1" for label in labels
    ]


def _as_floats(labels: list[float]) -> list[float]:
    """The labels rounded to float32; ValueError if they overflow or become equal."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.array(labels).astype(np.float32)
    if not np.isfinite(rounded).all() or len(np.unique(rounded)) < len(labels):
        raise ValueError(
            f"classes: expected labels that float32 tells apart, got {shown(labels)}; use "
            "dtype='float64', or labels of text"
        )
    return [float(label) for label in rounded]


def _string(text: str, name: str) -> str:
    """A C string literal, in pieces that fit the line length."""
    data = text.encode(errors="surrogatepass")
    whole = data.decode(errors="ignore").encode() == data
    if len(data) > LONGEST_LABEL or 0 in data or not whole:
        raise ValueError(
            f"{name}: expected labels of up to {LONGEST_LABEL} bytes without NUL characters or "
            f"halves of surrogate pairs, got "
            f"{shown(text)}"
        )
    parts = [_escaped(data[i : i + 20]) for i in range(0, max(1, len(data)), 20)]
    return "\n    ".join(f'"{part}"' for part in parts)


def _escaped(data: bytes) -> str:
    """Bytes escaped for a C string, including ?, which could begin a trigraph."""
    plain = set(range(32, 127)) - set(b'"\\?')
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data)


def in_comment(text: str) -> str:
    """A name as it is, except for what could end a comment, a line, or the order of its letters."""
    plain = "".join(
        character if character.isprintable() and character not in "*\\" else _code(character)
        for character in text
    )
    return plain.replace("??", "?\\x3f")  # no trigraphs


def _code(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def wrapped(text: str) -> list[str]:
    """The text in lines of a comment."""
    return textwrap.wrap(text, WIDTH, initial_indent=" " * 3, subsequent_indent=" " * 6)


def folded(text: str) -> str:
    """Code whose long lines go on, indented, where they have blanks."""
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(
            line, WIDTH, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False
        )
        or [""]
    ]
    return "\n".join(lines)


def packed(values: Iterable[str], indent: str) -> Iterator[str]:
    """Values with commas, as many to a line as fit."""
    line = indent
    for value in values:
        if len(line) + len(value) >= WIDTH and line != indent:
            yield line.rstrip()
            line = indent
        line += f"{value}, "
    yield line.rstrip()
