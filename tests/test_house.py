"""House rules, read off the sources."""

import ast
from pathlib import Path

import pytest

import fastnn

ROOT = Path(fastnn.__file__).parent.parent
SOURCES = sorted((ROOT / "fastnn").rglob("*.py"))
ALL = SOURCES + sorted(
    path for folder in ("tests", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
)


def name(path):
    return str(path.relative_to(ROOT))


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_kernels_get_their_flags_from_one_place(path):
    tree = ast.parse(path.read_text())
    if path.name == "compiling.py":
        for function, node in calls(tree):
            if function.endswith("njit"):
                spread = {
                    ast.unparse(keyword.value) for keyword in node.keywords if not keyword.arg
                }
                assert spread & {"FLAGS", "_INNER"}
        return
    assert not any(function.split(".")[-1] in ("njit", "jit") for function, _ in calls(tree))
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            assert ast.unparse(decorator).split(".")[-1] not in ("njit", "jit", "vectorize")


def test_every_compiled_function_has_the_flags():
    from numba.core.registry import CPUDispatcher

    from fastnn.kernels import (
        engine,
        passes,
        predict,
        products,
        restarts,
        single,
        single_pass,
        tallies,
    )
    from fastnn.lanes import philox
    from fastnn.optimizers import common, schedules

    modules = [
        engine,
        passes,
        predict,
        products,
        philox,
        common,
        schedules,
        single,
        single_pass,
        restarts,
        tallies,
    ]
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, CPUDispatcher)
    ]
    found += [engine._entry(), tallies._counter()]
    assert len(found) > 15
    for dispatcher in found:
        options = dispatcher.targetoptions
        assert options["fastmath"] is False
        assert options["error_model"] == "numpy"
        assert options["nogil"] is True
        assert options["boundscheck"] is False


def test_generated_kernels_have_names_of_their_own():
    """Kept machine code of two functions of one name and type could be taken for one another."""
    from fastnn.kernels import losses, passes

    kernels = {
        id(value): value.py_func
        for module in (passes, losses)
        for value in vars(module).values()
        if getattr(getattr(value, "py_func", None), "__module__", "") in ("builtins", None)
    }
    names = [function.__qualname__ for function in kernels.values()]
    assert len(names) == 6
    assert len(set(names)) == 6


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_command_line_prints(path):
    if path.parent.name != "cli":
        assert not any(function == "print" for function, _ in calls(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", ALL, ids=name)
def test_files_are_short_and_say_what_they_are(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    assert not text or ast.get_docstring(ast.parse(text))


def test_imports_point_one_way():
    """Interface, drivers, kernels, definitions, lane vectors: nobody imports upward."""
    rank = {"lanes": 0, "checks": 0, "status": 0, "version": 0, "datasets": 0, "interrupts": 0,
            "frame": 0, "files": 0, "savable": 0, "activations": 1, "plotting": 1,
            "optimizers": 2, "network": 2, "losses": 2, "stopping": 2, "sweeps": 2, "weighting": 2,
            "initialization": 3, "job": 4, "kernels": 4,
            "machine": 5, "progress": 5, "keeping": 5, "cells": 5, "arguments": 5,
            "calls": 5, "records": 6, "chunks": 6, "summary": 6, "primitives": 7, "run": 7,
            "tables": 5, "targets": 6, "scores": 5, "bins": 6, "minima": 6, "statistics_arrays": 7,
            "again": 8, "model": 8, "statistics": 9, "runs": 10, "parts": 10, "collecting": 11,
            "directory": 12, "saving": 12, "executors": 12, "execution": 13, "export": 13,
            "options": 13, "training": 14, "reference": 15, "extend": 15, "sklearn": 15,
            "__init__": 16, "cli": 17, "__main__": 18}  # fmt: skip
    for path in SOURCES:
        own = path.relative_to(ROOT / "fastnn").parts
        level = rank[own[0].removesuffix(".py")]
        depth = len(own)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.level == depth:
                targets = [node.module] if node.module else [alias.name for alias in node.names]
                for target in targets:
                    assert rank[target.split(".")[0]] <= level, f"{name(path)} imports {target}"


def test_public_names_have_docstrings():
    for public in fastnn.__all__:
        value = getattr(fastnn, public)
        if callable(value):
            assert value.__doc__, public


def test_importing_is_light():
    from conftest import python

    heavy = ("matplotlib", "onnx", "pandas", "scipy", "sklearn", "torch", "tqdm")
    code = (
        "import sys, numba\n"  # which itself imports scipy where it is installed
        "before = set(sys.modules)\n"
        "import fastnn\n"
        f"print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    assert python(code).stdout == "[]\n"
