"""Tables, plots and the sections on speed of README and page, made from the recorded file.

``python benchmarks/report.py`` reads ``benchmarks/record.json``; with ``--take`` it first takes
over what the last run of the suite left in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import speed_sections
import tables
from figures import draw_all
from sections import with_section

FOLDER = Path(__file__).parent
RECORD = FOLDER / "record.json"
README = FOLDER.parent / "README.md"
PAGE = FOLDER.parent / "docs" / "pages" / "speed.md"
SECTION = "speed"
WRITTEN = {README: speed_sections.brief, PAGE: speed_sections.full}
"""Who writes the section of each document."""


def left_unmeasured(record: dict[str, Any]) -> str:
    """The works without a row of fastnn in a record."""
    there = {row["work"] for row in record["rows"] if row["kind"] == "fastnn"}
    return ", ".join(work for work in record["works"] if work not in there)


def main() -> None:
    """Print the tables, draw the plots, write the sections."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--take", action="store_true", help="take over the last run's record")
    options = parser.parse_args()
    if options.take:
        taken = FOLDER / "results" / "record.json"
        missing = left_unmeasured(json.loads(taken.read_text()))
        if missing:
            parser.error(f"the last run was of a part of the suite: nothing on {missing}")
        shutil.copyfile(taken, RECORD)
    record = json.loads(RECORD.read_text())
    print("\n".join(tables.report(record)))
    for path in draw_all(record, FOLDER / "figures"):
        print(f"drawn {path.relative_to(FOLDER.parent)}")
    for document, section in WRITTEN.items():
        document.write_text(with_section(document.read_text(), SECTION, section(record)))
        print(f"written {document.relative_to(FOLDER.parent)}")


if __name__ == "__main__":
    main()
