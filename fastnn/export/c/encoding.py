"""The encoding of columns in C: codes for categories, and a function that makes the inputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from ...tabular.encoding import UNSEEN_OF_TWO, Encoding

LONGEST = 63
"""Number of characters by which C99 tells names apart."""


def codes_of(encoding: Encoding, prefix: str) -> list[list[str]]:
    """A name for each category of each column, such as ``model_codeColorRed``, all different.

    They have no other underscores, so that no two prefixes of headers make the same name.
    """
    taken: set[str] = set()
    found = []
    for i, column in enumerate(encoding.columns):
        names = []
        for code, text in enumerate(column.categories):
            whose, what = _word(column.name), _word(text or "missing")
            name = f"{prefix}_code{whose}{what}"
            if len(name) > LONGEST or name in taken or not (whose and what):
                name = f"{prefix}_code{i}x{code}"
            while name in taken:
                name += "x"
            taken.add(name)
            names.append(name)
        found.append(names)
    return found


def _word(text: str) -> str:
    """Letters and digits of a text, each word with a capital."""
    plain = unicodedata.normalize("NFKD", text)
    words = re.findall(r"[A-Za-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return "".join(word[0].upper() + word[1:] for word in words)


def code_lines(encoding: Encoding, prefix: str) -> Iterator[str]:
    """The enum of all codes, if there are any."""
    for names in codes_of(encoding, prefix):
        if names:
            yield "enum {"
            yield from (f"    {name} = {code}," for code, name in enumerate(names[:-1]))
            yield f"    {names[-1]} = {len(names) - 1}"
            yield "};"


def comment_of(encoding: Encoding, place: int, prefix: str) -> str:
    """Describe x[place]."""
    column = encoding.columns[place]
    if column.fill is not None:
        return ", or NAN where it is missing"
    if not column.categories:
        return ""
    names = codes_of(encoding, prefix)[place]
    listed = ", ".join(
        f"{name} for {text or 'missing'}"
        for name, text in zip(names, column.categories, strict=True)
    )
    return f", one of {listed}; -1 for any other text"


def encode_lines(encoding: Encoding, prefix: str, number: Callable[[float], str]) -> Iterator[str]:
    """The function encode, which makes the network's inputs e of the columns x."""
    yield f"static inline void {prefix}_encode(const real *x, real *e)"
    yield "{"
    if any(len(column.categories) not in (0, 2) for column in encoding.columns):
        yield "    int i;"
    place = 0
    for i, column in enumerate(encoding.columns):
        missing = f"x[{i}] != x[{i}]"
        count = len(column.categories)
        gap = column.categories.index("") if "" in column.categories else None
        if not count:
            filled = f"{missing} ? {number(column.fill)} : " if column.fill is not None else ""
            yield f"    e[{place}] = {filled}x[{i}];"
            if column.indicator:
                yield f"    e[{place + 1}] = {missing};"
        elif count == 2:
            one, zero = (
                f"x[{i}] == {code}" + (f" || {missing}" if gap == code else "") for code in (1, 0)
            )
            yield f"    e[{place}] = {one} ? 1 : {zero} ? 0 : {number(UNSEEN_OF_TWO)};"
        else:
            yield f"    for (i = 0; i < {count}; i++)"
            also = f" || ({missing} && i == {gap})" if gap is not None else ""
            yield f"        e[{place} + i] = x[{i}] == i{also};"
        place += len(column.inputs)
    yield "}\n"
