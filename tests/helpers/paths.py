"""Places in the project, and the path on which tests find helpers and one another."""

from pathlib import Path

TESTS = Path(__file__).absolute().parent.parent
ROOT = TESTS.parent
HELPERS = TESTS / "helpers"
BENCHMARKS = ROOT / "benchmarks"
FOLDERS = [*sorted({str(path.parent) for path in TESTS.rglob("*.py")}), str(BENCHMARKS)]
"""Folders of modules that tests import. Names are unique in the tests, which come first."""


def on_path():
    """A line of Python after which a new process imports what tests import."""
    return f"import sys; sys.path[:0] = {FOLDERS!r}\n"
