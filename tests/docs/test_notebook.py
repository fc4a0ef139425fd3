"""The notebook of the exercise says what it prints, and progress is shown in notebooks."""

import pytest
from paths import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = ROOT / "examples" / "from_scratch.ipynb"
SECONDS = 300
"""Time after which a cell that hangs is given up."""
PROGRESS = """
import fastnn
runs = fastnn.train_many(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=50,
                         epochs=5, progress=True)
runs
"""

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore"),  # of the libraries that run notebooks
]


def executed(notebook, folder):
    client = nbclient.NotebookClient(
        notebook, timeout=SECONDS, startup_timeout=SECONDS, kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    return client.execute()


def printed(cell):
    """The text that a cell prints and shows, without progress on standard error."""
    found = ""
    for output in cell.outputs:
        if output.get("name") == "stderr":
            assert "Warning" not in output.text
        else:
            found += output.get("text") or output.data.get("text/plain", "")
    return found


def test_the_notebook_prints_what_it_shows(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    before = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [(cell.source, printed(cell)) for cell in before]
    after = [cell for cell in executed(notebook, tmp_path).cells if cell.cell_type == "code"]
    for cell, (source, text) in zip(after, shown, strict=True):
        if "time" not in cell.metadata.get("tags", []):
            assert printed(cell) == text, source
    assert sum("plot" in source for source, _ in shown) >= 6


def test_the_notebook_is_small():
    assert NOTEBOOK.stat().st_size < 600_000


def test_progress_and_results_in_a_notebook(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROGRESS)])
    (cell,) = executed(notebook, tmp_path).cells
    texts = [output.get("text", "") for output in cell.outputs]
    shown = [output.data for output in cell.outputs if "data" in output]
    widgets = any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert widgets or any("50/50" in text or "50.0/50.0" in text for text in texts)
    assert not any("Warning" in text for text in texts)
    assert shown[-1]["text/html"].startswith("<div")
