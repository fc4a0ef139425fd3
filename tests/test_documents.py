"""The README's code and commands, and the examples, do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastnn.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SMALL = {
    "basins.py": "--cells 24",
    "kolen_pollack.py": "--cells 40 --restarts 5",
    "learning.py": "--frames 4 --epochs 20",
    "simple_chains.py": "--samples 200 --epochs 100",
    "solutions.py": "--restarts 300",
    "sweep.py": "--cells 30",
    "trainability.py": "--inputs 4 --steps 40 --cells 24",
}
"""Arguments that make examples quick."""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def run(command, folder):
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_python_blocks_run_and_print_what_they_show(tmp_path):
    source = blocks("python")
    assert source
    for block in source:
        done = run([sys.executable, "-W", "error", "-c", block], tmp_path)
        assert done.returncode == 0, done.stderr
        shown = re.findall(r"print\(.*\)  # (.+)$", block, flags=re.MULTILINE)
        assert done.stdout.splitlines() == shown


def test_set_up_is_two_commands_in_the_first_thirty_lines():
    head = README.splitlines()[:30]
    commands = [line for line in head if line.startswith("python3 -m venv .venv && ")]
    assert len(commands) == 2
    assert commands[0].endswith("fastnn xor")
    assert commands[1].endswith("-m pytest")


def test_commands_that_the_readme_names_exist(capsys):
    named = set(re.findall(r"^\.venv/bin/fastnn (\w+)", README, flags=re.MULTILINE))
    assert named >= {"xor", "restarts", "info"}
    for command in named:
        with pytest.raises(SystemExit) as error:
            main([command, "--help"])
        assert error.value.code == 0
        assert capsys.readouterr().out
    for file in re.findall(r"\b(?:benchmarks|examples|tests)/\w+\.\w+", README):
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


def test_the_readme_names_all_that_there_is():
    from fastnn.activations import NAMES
    from fastnn.initialization import INITIALIZATIONS
    from fastnn.losses import LOSSES
    from fastnn.optimizers import OPTIMIZERS
    from fastnn.stopping import RULES

    for registry in (OPTIMIZERS, LOSSES, INITIALIZATIONS, RULES):
        for kind in registry:
            assert f"`{kind.__name__}" in README, kind
    for name in NAMES:
        assert name in README


def test_nothing_in_the_project_names_a_machine_or_another_folder():
    folders = ("fastnn", "tests", "benchmarks", "examples")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    paths += [ROOT / name for name in ("README.md", "pyproject.toml", ".ci/run")]
    assert len(paths) > 50
    for path in paths:
        assert not re.search(r"\.\./\w|/(home|root|Users)/\w", path.read_text()), path
