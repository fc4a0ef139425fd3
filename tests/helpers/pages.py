"""The programs on a page of Markdown: its blocks of Python, and their stated output."""

import os
import re
import subprocess
import sys

import pytest

# What a page may show that need not be installed.
OTHERS = ("sklearn", "torch", "onnx", "onnxruntime", "pandas", "distributed")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)


def blocks(text, *languages):
    """The contents of the blocks in these languages."""
    return [found for language, found in _blocks(text) if language in languages]


def _blocks(text):
    for indent, language, found in BLOCK.findall(text):
        yield language, re.sub(rf"^{indent}", "", found, flags=re.MULTILINE)


def programs(text):
    """(source, lines that it prints) of each program.

    A program starts with a block that imports fastnn, and continues with blocks that do not.
    Its output is in a comment after each print, or in a block of text that follows.
    """
    found = []
    for language, block in _blocks(text):
        if language == "python":
            if not found or re.search(r"^import fastnn$", block, flags=re.MULTILINE):
                found.append([[], []])
            found[-1][0].append(block)
            found[-1][1] += re.findall(r"print\(.*\)  # (.+)$", block, flags=re.MULTILINE)
        elif language == "text":
            found[-1][1] += block.splitlines()
    return [("\n".join(sources), lines) for sources, lines in found]


def run(command, folder):
    """Run a process without a display to its end."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def check_program(program, folder):
    """Run a program, and check that it prints what it states."""
    source, lines = program
    for name in OTHERS:
        if re.search(rf"^(?:from|import) (?:fastnn\.)?{name}\b", source, flags=re.MULTILINE):
            pytest.importorskip(name)
    done = run([sys.executable, "-W", "error", "-c", source], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == lines
