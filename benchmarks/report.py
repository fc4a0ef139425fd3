"""Tables, plots and the README's section on speed, made from the recorded file.

``python benchmarks/report.py`` reads ``benchmarks/record.json``; with ``--take`` it first takes
over what the last run of the suite left in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import tables
from figures import draw_all

FOLDER = Path(__file__).parent
RECORD = FOLDER / "record.json"
README = FOLDER.parent / "README.md"
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"


def with_section(text: str, section: str) -> str:
    """`text` with `section` between the markers, whatever stood there."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n{section}\n{END}{tail}"


def section_of(text: str) -> str:
    """What stands between the markers."""
    return text.partition(BEGIN)[2].partition(END)[0].strip("\n")


def main() -> None:
    """Print the tables, draw the plots, write the README's section."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--take", action="store_true", help="take over the last run's record")
    options = parser.parse_args()
    if options.take:
        shutil.copyfile(FOLDER / "results" / "record.json", RECORD)
    record = json.loads(RECORD.read_text())
    print("\n".join(tables.report(record)))
    for path in draw_all(record, FOLDER / "figures"):
        print(f"drawn {path.relative_to(FOLDER.parent)}")
    README.write_text(with_section(README.read_text(), tables.readme(record)))
    print(f"written {README.name}")


if __name__ == "__main__":
    main()
