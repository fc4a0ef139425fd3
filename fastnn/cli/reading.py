"""Options of `fastnn train` and `fastnn predict` on how their CSV file is read."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path

from ..support.checks import shown
from ..tabular.csv_table import Table, TableError
from ..tabular.reading import DELIMITERS, Reading
from ..tabular.text_file import STANDARD_INPUT

FILE_HELP = "a CSV file, which may be compressed by gzip; - reads standard input"


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    names = ", ".join(DELIMITERS.values())
    add("--delimiter", metavar="MARK",
        help=f"one character, or {names}; by default as in the header")  # fmt: skip
    add("--decimal", metavar="MARK",
        help="point or comma in numbers, by default found from them")  # fmt: skip
    add("--thousands", metavar="MARK",
        help="point, comma, space or apostrophe in 360,000; default none")  # fmt: skip
    add("--unit", action="append", default=[], metavar="COLUMN=UNIT",
        help="unit or currency in the cells of a column; may be repeated")  # fmt: skip
    add("--encoding", metavar="NAME", help="such as latin-1; default UTF-8, or UTF-16 if marked")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--header", action="store_true", default=None,
                       help="the first row has the names, even if they are numbers")  # fmt: skip
    group.add_argument("--no-header", dest="header", action="store_false", default=None,
                       help="the first row is a sample; columns are named 1, 2, …")  # fmt: skip


def opened(
    options: argparse.Namespace, like: Reading | None = None, path: Path | None = None
) -> Table:
    """The opened file, or another at `path`; options that are not given are those of `like`."""
    given = {field.name: getattr(options, field.name, None) for field in fields(Reading)}
    given["units"] = _units(options.unit)
    try:
        asked = Reading(**given).to_record()
        known = {} if like is None else like.to_record()
        if "decimal" in asked:  # the mark between thousands belongs to it
            known.pop("thousands", None)
        return Table(options.file if path is None else path, **{**known, **asked})
    except TableError:
        raise
    except ValueError as error:
        raise ValueError(f"--{str(error).replace('units:', 'unit:')}") from None


def _units(texts: list[str]) -> dict[str, str] | None:
    """Units by columns, from the texts of the option."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, unit = text.rpartition("=")
        if not equals or not unit.strip() or name in found:
            raise ValueError(f"--unit: expected COLUMN=UNIT once for a column, got {shown(text)}")
        found[name] = unit
    return found or None


def check_input(path: Path, name: str = "FILE") -> None:
    """Raise unless `path` may be that of a file; `name` is that of the argument."""
    if path == STANDARD_INPUT:
        return
    address = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", str(path))
    if address is not None and not path.exists():
        raise ValueError(
            f"{name}: expected a file, got the address {address[1]}://{address[2]}; download it "
            "first"
        )
    if path.is_dir():
        raise TableError(path, "expected a file, got a folder")


def default_model(path: Path) -> Path:
    """The path at which the model of a file is saved by default."""
    if path == STANDARD_INPUT:
        raise ValueError("--model: expected a file name, since standard input has none")
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).with_suffix(".npz")
