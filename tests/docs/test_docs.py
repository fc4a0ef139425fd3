"""The documentation: it builds without a warning, and covers everything public."""

import html
import itertools
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from pages import blocks
from paths import ROOT

import fastnn
import fastnn.export
import fastnn.extend
import fastnn.sklearn

DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "pages").glob("*.md"))
OWN = ("activation", "add_activation", "add_optimizer", "optimizer", "remove")
COLUMN = 88
"""Characters of code that a page shows without a scroll bar."""


@pytest.mark.thorough
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
        assert 'class="contents' not in text  # over which the theme writes an error
    api = (tmp_path / "pages" / "api.html").read_text()
    public = [f"fastnn.{name}" for name in fastnn.__all__ if name not in ("export", "extend")]
    public += [f"fastnn.export.{name}" for name in fastnn.export.__all__]
    public += [f"fastnn.sklearn.{name}" for name in fastnn.sklearn.__all__]
    public += [f"fastnn.extend.{name}" for name in OWN]
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
    assert {
        "xor.png",
        "trainability.png",
        "learning.gif",
        "lanes.svg",
        "architecture.svg",
    } <= images


def test_every_page_is_listed():
    index = (DOCS / "index.md").read_text()
    listed = index.partition("{toctree}")[2]
    for page in PAGES:
        assert f"pages/{page.stem}\n" in listed, page
        assert f"(pages/{page.stem}.md)" in index, page


@pytest.mark.parametrize("page", [DOCS / "index.md", *PAGES], ids=lambda path: path.stem)
def test_code_fits_its_column(page):
    for block in blocks(page.read_text(), "python", "py", "sh", "c", "console", "text"):
        for line in block.splitlines():
            assert len(line) <= COLUMN, line


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_figures_that_programs_save_are_shown(page):
    text = page.read_text()
    saved = re.findall(r'savefig\("([\w.]+)"|--figure ([\w.]+)', text)
    for name in filter(None, itertools.chain(*saved)):
        assert re.search(rf"!\[[^\]]+\]\(\.\./figures/{name}\)", text), name
        assert (DOCS / "figures" / name).stat().st_size < 100_000


def test_the_tour_names_every_wing_and_its_figure_is_of_these_imports():
    spec = spec_from_file_location("architecture", DOCS / "figures" / "architecture.py")
    architecture = module_from_spec(spec)
    spec.loader.exec_module(architecture)
    page = (DOCS / "pages" / "architecture.md").read_text()
    wings = {wing for row in architecture.layers() for wing in row}
    assert wings == set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", page, re.M))))
    assert wings >= {wing for wing, _ in architecture.DOWN + architecture.UP}
    said = architecture.described(architecture.reduced(architecture.imports()))
    assert html.escape(said) in architecture.FILE.read_text(), "draw it anew"


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
