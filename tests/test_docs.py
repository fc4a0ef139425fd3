"""The documentation: it builds without a warning, and leaves nothing public out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
import fastnn.export
import fastnn.extend
import fastnn.sklearn

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted((DOCS / "pages").glob("*.md"))


def test_it_builds_without_warnings(tmp_path):
    pytest.importorskip("sphinx")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, tmp_path],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for page in PAGES:
        text = (tmp_path / "pages" / f"{page.stem}.html").read_text()
        assert "problematic" not in text
    api = (tmp_path / "pages" / "api.html").read_text()
    public = [f"fastnn.{name}" for name in fastnn.__all__ if name not in ("export", "extend")]
    public += [f"fastnn.export.{name}" for name in fastnn.export.__all__]
    public += [f"fastnn.sklearn.{name}" for name in fastnn.sklearn.__all__]
    public += [f"fastnn.extend.{name}" for name in ("add_activation", "add_optimizer", "remove")]
    public += [f"fastnn.extend.formulas.{name}" for name in fastnn.extend.formulas.__all__]
    for name in public:
        module = name in ("fastnn.datasets", "fastnn.reference")
        assert f'id="{"module-" if module else ""}{name}"' in api, name
    text = re.sub(r"<[^>]+>", "", api)
    # Names as they are written: Sphinx would take those that end with an underscore for links.
    for shown in ("coefs_, intercepts_ (lists", "seed, restart (int)", "dtype=np.float64"):
        assert shown in text, shown
    assert ">Type<" not in api  # a description up to its colon
    images = {path.name for path in (tmp_path / "_images").iterdir()}
    assert {"trainability.png", "basins.png", "learning.gif", "lanes.svg"} <= images


def test_every_page_is_listed():
    index = (DOCS / "index.md").read_text()
    listed = index.partition("{toctree}")[2]
    for page in PAGES:
        assert f"pages/{page.stem}\n" in listed, page
        if page.stem != "api":
            assert f"(pages/{page.stem}.md)" in index, page


def test_the_tables_of_the_page_on_estimators_are_those_recorded(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "benchmarks"))
    import json

    import sklearn_scores

    before = sklearn_scores.PAGE.read_text()
    written = []
    monkeypatch.setattr(Path, "write_text", lambda self, text: written.append(text))
    sklearn_scores.write_page(json.loads(sklearn_scores.RECORD.read_text()))
    assert written == [before]


def test_the_citation_is_of_this_version():
    text = (DOCS.parent / "CITATION.cff").read_text()
    assert f'version: "{fastnn.__version__}"' in text
    assert "license: MIT" in text
