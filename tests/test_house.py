"""House rules, read off the sources."""

import ast
from importlib import import_module
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
    if "from ..lanes.compiling import inlined as njit\n" in path.read_text():  # with the flags
        return
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            assert ast.unparse(decorator).split(".")[-1] not in ("njit", "jit", "vectorize")


def test_every_compiled_function_has_the_flags():
    from numba.core.registry import CPUDispatcher

    from fastnn.kernels import pieces, statistics

    modules = [
        import_module(name(path).removesuffix(".py").replace("/", "."))
        for path in SOURCES
        if path.parent.name in ("kernels", "optimizers") and path.name != "__init__.py"
    ]
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, CPUDispatcher)
    ]
    found += [pieces._entry(), statistics._counter()]
    assert len(found) > 100
    for dispatcher in found:
        options = dispatcher.targetoptions
        assert options["fastmath"] is False
        assert options["error_model"] == "numpy"
        assert options["nogil"] is True
        assert options["boundscheck"] is False


def test_functions_that_are_made_are_inlined():
    """Kept machine code of two functions of one name and type could be taken for one another."""
    for path in SOURCES:
        if path.parent.name not in ("kernels", "optimizers"):
            continue
        for outer in ast.walk(ast.parse(path.read_text())):
            if isinstance(outer, ast.FunctionDef):
                for inner in ast.walk(outer):
                    if inner is not outer and isinstance(inner, ast.FunctionDef):
                        decorators = [ast.unparse(each) for each in inner.decorator_list]
                        assert "kernel" not in decorators, f"{name(path)}: {inner.name}"


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
    """Interface, drivers, optimizers, kernels, definitions, lanes: nobody imports upward."""
    rank = {"lanes": 0, "checks": 0, "status": 0, "version": 0, "datasets": 0, "interrupts": 0,
             "archives": 0, "files": 0, "locks": 0, "savable": 0, "threads": 0, "gate": 0,
             "censoring": 1, "activations": 1, "plotting": 1, "per_layer": 1, "network": 2,
             "losses": 2, "stopping": 2, "sweeps": 2, "weighting": 2,
            "initialization": 3, "kernels": 4, "optimizers": 5, "job": 6, "specialize": 6,
            "machine": 7, "progress": 7, "keeping": 7, "cells": 7, "arguments": 7,
            "blueprint": 7, "launch": 8, "records": 8, "chunks": 9, "summary": 8,
            "primitives": 10, "run": 10, "tables": 7, "targets": 8, "scores": 7, "bins": 8,
            "epoch_statistics": 10, "run_columns": 13,
            "minima": 8, "statistics_arrays": 9, "again": 11, "model": 11, "statistics": 12,
            "runs": 13, "parts": 13, "collecting": 14, "directory": 15, "saving": 15,
            "executors": 15, "work": 15, "execution": 16, "export": 16, "options": 16,
            "training": 17,
            "reference": 18, "extend": 18, "sklearn": 18, "__init__": 19, "cli": 20,
            "__main__": 21}  # fmt: skip
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
