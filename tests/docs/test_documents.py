"""The README's code and commands, and the examples, work as stated."""

import re
import shutil
import sys

import pytest
from pages import blocks, check_program, programs, run
from paths import ROOT

from fastnn.cli import main

pytestmark = pytest.mark.thorough

README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SMALL = {
    "a_billion.py": "--restarts 2e5 --sample 100",
    "basins.py": "--cells 24",
    "kolen_pollack.py": "--cells 40 --restarts 5",
    "learning.py": "--frames 4 --epochs 20",
    "neural_fields.py": "--images 3 --restarts 2",
    "permutation_test.py": "--permutations 50",
    "quantiles.py": "--samples 200",
    "shops.py": "--groups 20 --restarts 2",
    "simple_chains.py": "--samples 200 --epochs 100",
    "solutions.py": "--restarts 300",
    "sweep.py": "--cells 30",
    "trainability.py": "--inputs 4 --steps 40 --cells 24",
}
"""Arguments that make examples quick."""
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ABOUT = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_blocks_run_and_print_what_they_show(document, tmp_path):
    for program in programs(document.read_text()):  # a later one reads what an earlier one wrote
        check_program(program, tmp_path)


def test_a_page_says_what_its_programs_print():
    page = (
        "```python\nimport fastnn\nprint(1)  # 1\n```\n"
        "- ```python\n  print(2, end='')\n  ```\n\n```text\n2\n```\n"
        "```py\nnot run\n```\n```python\nimport fastnn\n```\n"
    )
    indented = page.replace("- ```python", "  ```python")
    expected = [
        ("import fastnn\nprint(1)  # 1\n\nprint(2, end='')\n", ["1", "2"]),
        ("import fastnn\n", []),
    ]
    assert programs(indented) == expected
    with pytest.raises(AssertionError):
        check_program(("print(3)", ["2"]), None)


def test_set_up_is_two_commands_in_the_first_thirty_lines():
    head = README.splitlines()[:30]
    commands = [line for line in head if line.startswith("python3 -m venv .venv && ")]
    assert len(commands) == 2
    assert commands[0].endswith("fastnn xor")
    assert commands[1].endswith("-m pytest")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 160


def test_the_readme_fits_a_file_and_writes_it_for_a_microcontroller(tmp_path):
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "iris.csv", tmp_path / "examples")
    commands = re.findall(r"^\.venv/bin/fastnn (.*iris.*)$", README, flags=re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["train", "export"]
    output = ""
    for command in commands:
        done = run([sys.executable, "-m", "fastnn", *command.split()], tmp_path)
        assert done.returncode == 0, done.stderr
        output += done.stdout
    (shown,) = blocks(README, "console")
    for part in re.split(r"\.\.\.", shown):
        assert part.strip() in output
    (program,) = blocks(README, "c")
    if shutil.which("cc"):
        (tmp_path / "program.c").write_text(program)
        assert run(["cc", "-std=c99", "program.c", "-lm"], tmp_path).returncode == 0
        (printed,) = re.findall(r"/\* (.+) \*/", program)
        assert run(["./a.out"], tmp_path).stdout == f"{printed}\n"


def test_the_page_on_groups_says_what_its_commands_print(tmp_path):
    page = (ROOT / "docs" / "pages" / "groups.md").read_text()
    (program,) = (block for block in blocks(page, "python") if "sales.csv" in block)
    check_program((program, []), tmp_path)
    commands = re.findall(r"^\.venv/bin/fastnn (.*sales.*)$", page, flags=re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["train", "predict"]
    outputs = []
    for command in commands:
        done = run([sys.executable, "-m", "fastnn", *command.split()], tmp_path)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    (shown,) = blocks(page, "console")
    for part in shown.split("..."):
        assert part.strip() in outputs[0]
    lines = (tmp_path / "predicted.csv").read_text().splitlines()
    assert lines[0] == "store,sales"
    assert len(lines) == len((tmp_path / "sales.csv").read_text().splitlines())


def test_commands_that_documents_name_exist(capsys):
    text = "\n".join(path.read_text() for path in [*DOCUMENTS, *ABOUT])
    shell = "\n".join(blocks(text, "sh"))
    named = set(re.findall(r"^(?:.*\s)?(?:\.venv/bin/)?fastnn (\w+)", shell, re.MULTILINE))
    assert named >= {"xor", "restarts", "info", "train", "predict", "export"}
    for command in named:
        with pytest.raises(SystemExit) as error:
            main([command, "--help"])
        assert error.value.code == 0
        assert capsys.readouterr().out
    for file in re.findall(r"\b(?:benchmarks|examples|tests|docs|fastnn)/[\w/]+\.\w+", text):
        assert (ROOT / file).stat().st_size > 0, file


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_run(example, tmp_path):
    command = [sys.executable, "-W", "error", str(example), *SMALL.get(example.name, "").split()]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    figures = [*tmp_path.glob("*.png"), *tmp_path.glob("*.gif")]
    assert figures
    assert all(figure.read_bytes().startswith((b"\x89PNG", b"GIF89a")) for figure in figures)


def test_the_page_of_options_names_all_that_there_is():
    page = (ROOT / "docs" / "pages" / "options.md").read_text()
    from fastnn.optimizers import OPTIMIZERS
    from fastnn.rules import RULES
    from fastnn.spec.activations import NAMES
    from fastnn.spec.losses import LOSSES
    from fastnn.starts import INITIALIZATIONS

    for registry in (OPTIMIZERS, LOSSES, INITIALIZATIONS, RULES):
        for kind in registry:
            assert f"`{kind.__name__}" in page, kind
    for name in NAMES:
        assert name in page


def test_what_pages_and_examples_write_is_never_committed():
    """They may be run in the project's own folder."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    texts = [path.read_text() for path in DOCUMENTS + EXAMPLES]
    writes = re.compile(
        r"""(?:save|savefig|to_c|to_onnx)\((?:[^()"]|\([^()]*\))*"([^"/]+\.\w+)"|out="(\w+)/"""
    )
    names = {name or folder + "/" for text in texts for name, folder in writes.findall(text)}
    assert {"learning.png", "runs.npz", "rings.h", "runs/"} <= names
    done = run(["git", "check-ignore", "--no-index", *names], ROOT)
    assert set(done.stdout.splitlines()) == names


def test_nothing_in_the_project_names_a_machine_or_another_folder():
    folders = ("fastnn", "tests", "benchmarks", "examples", "docs")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    paths += [ROOT / "pyproject.toml", ROOT / ".ci" / "run", *DOCUMENTS, *ABOUT]
    assert len(paths) > 50
    for path in paths:
        text = re.sub(r"\]\([./]+/", "](", path.read_text())  # pictures that pages show
        assert not re.search(r"\.\./\w|/(home|root|Users)/\w", text), path


def test_nothing_is_installed_by_this_name_from_the_index():
    """There the name fastnn belongs to another project: this one comes from its checkout."""
    by_name = re.compile(r"\binstall +(?:-\S+ +)*[\"']?fastnn\b")
    assert by_name.search('pip install -U "fastnn[onnx]"')
    assert by_name.search("pip install 'fastnn-cpu'")
    assert not by_name.search('pip install -e ".[onnx]" && fastnn xor')
    # Not an environment's packages, which lie in the checkout too.
    folders = [ROOT / name for name in ("benchmarks", "docs", "examples", "fastnn", "tests")]
    paths = [path for folder in folders for path in (*folder.rglob("*.py"), *folder.rglob("*.md"))]
    paths += [ROOT / "pyproject.toml", ROOT / "README.md", *ABOUT]
    assert len(paths) > 50
    for path in paths:
        if path.name != "test_documents.py":
            assert not by_name.search(path.read_text()), path
