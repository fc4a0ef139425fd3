"""The project's Python sources, and rules that they keep."""

import ast
from functools import cache
from pathlib import Path

import fastnn

ROOT = Path(fastnn.__file__).parent.parent
PACKAGE = ROOT / "fastnn"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL = SOURCES + sorted(
    path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
)


def name(path):
    return str(path.relative_to(ROOT))


@cache
def tree_of(path):
    return ast.parse(path.read_text())


def broken(rule, paths):
    """What a rule finds in each of some files, those in which it finds nothing left out."""
    return {name(path): found for path in paths if (found := list(rule(path)))}
