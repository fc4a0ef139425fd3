"""House rules, read off the sources."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import grimp
from paths import TESTS
from sources import ALL, ROOT, SOURCES, broken, name, tree_of

import fastnn
from fastnn.optimizers import OPTIMIZERS
from fastnn.rules import RULES
from fastnn.spec.losses import LOSSES
from fastnn.starts import INITIALIZATIONS

COMPILED = ("kernels", "optimizers", "rules", "starts")
"""The folders of compiled functions that training calls."""


# A docstring opens with a noun or a verb; articles and formulas may come first.
OPENERS = re.compile(
    r"(what|whether|those|how|where|which|who|whoever|when|while|why|it|its|they|these|their|them|"
    r"that|this|of|as|if|from|by|for|also|so|to|in|not|up|after|before|between|like|else)\b",
    re.IGNORECASE,
)


def docstrings(tree):
    """The docstrings of modules, classes, functions and attributes."""
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return [node.value for node in values if isinstance(getattr(node, "value", None), str)]


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def own_flags(path):
    """Compiled functions whose flags are not those of `jit.compiling`."""
    tree = tree_of(path)
    if path.name == "compiling.py":
        for function, node in calls(tree):
            if function.endswith("njit"):
                spread = {
                    ast.unparse(keyword.value) for keyword in node.keywords if not keyword.arg
                }
                if not spread & {"FLAGS", "_INNER"}:
                    yield ast.unparse(node)
        return
    yield from (
        function for function, _ in calls(tree) if function.split(".")[-1] in ("njit", "jit")
    )
    if "from ..jit.compiling import inlined as njit\n" in path.read_text():  # with the flags
        return
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            if ast.unparse(decorator).split(".")[-1] in ("njit", "jit", "vectorize"):
                yield ast.unparse(decorator)


def test_kernels_get_their_flags_from_one_place():
    assert broken(own_flags, SOURCES) == {}


def test_every_compiled_function_has_the_flags():
    from numba.core.registry import CPUDispatcher

    from fastnn.kernels import pieces, statistics

    modules = [
        import_module(name(path).removesuffix(".py").replace("/", "."))
        for path in SOURCES
        if path.parent.name in COMPILED and path.name != "__init__.py"
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
        if path.parent.name not in COMPILED:
            continue
        for outer in ast.walk(tree_of(path)):
            if isinstance(outer, ast.FunctionDef):
                for inner in ast.walk(outer):
                    if inner is not outer and isinstance(inner, ast.FunctionDef):
                        decorators = [ast.unparse(each) for each in inner.decorator_list]
                        assert "kernel" not in decorators, f"{name(path)}: {inner.name}"


def prints(path):
    if path.parent.name != "cli":
        yield from (node.lineno for function, node in calls(tree_of(path)) if function == "print")


def test_only_the_command_line_prints():
    assert broken(prints, SOURCES) == {}


def test_files_are_short():
    assert {name(p): n for p in ALL if (n := p.read_text().count("\n")) > 400} == {}


def test_files_say_what_they_are():
    assert [name(p) for p in ALL if p.read_text() and not ast.get_docstring(tree_of(p))] == []


@cache
def defined_in(path):
    """Every name that a module defines, at whatever depth."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def home_of(path, node):
    """The folder or file, without its ending, that a ``from … import …`` takes names from."""
    base = path.parents[node.level - 1] if node.level else ROOT
    return base.joinpath(*(node.module or "").split("."))


def names_from_elsewhere(path):
    """Names that are imported from modules that import them, too."""
    for node in ast.walk(tree_of(path)):
        home = home_of(path, node) if isinstance(node, ast.ImportFrom) else ROOT
        if home.is_dir() or not home.is_relative_to(ROOT / "fastnn"):
            continue
        source = home.with_suffix(".py")
        if not source.is_file():
            yield f"there is no {node.module}"
        elif passed_on := {each.name for each in node.names} - defined_in(source):
            yield f"{node.module} does not define {passed_on}"


def test_names_are_imported_from_where_they_are_defined():
    """Only the `__init__` of a package passes names on."""
    assert broken(names_from_elsewhere, ALL) == {}


def odd_openers(path):
    return filter(OPENERS.match, docstrings(tree_of(path)))


def test_docstrings_open_with_a_noun_or_a_verb():
    assert broken(odd_openers, SOURCES) == {}


def test_wings_import_only_downwards():
    """The layers in pyproject.toml, also for imports within functions and for type checkers."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert found.returncode == 0, found.stdout


def test_no_module_imports_itself_by_way_of_others():
    """Imports within functions count, and those for type checkers do not."""
    graph = grimp.build_graph("fastnn", exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 150
    TopologicalSorter(imports).prepare()  # a CycleError has the circle


def test_whatever_is_in_a_registry_is_public():
    for registry in (OPTIMIZERS, LOSSES, INITIALIZATIONS, RULES):
        for kind in registry:
            assert getattr(fastnn, kind.__name__) is kind
            assert kind.__name__ in fastnn.__all__


def test_public_names_have_docstrings():
    for public in fastnn.__all__:
        value = getattr(fastnn, public)
        if callable(value):
            assert value.__doc__, public


def test_importing_is_light():
    from conftest import python

    heavy = (
        "csv", "fastnn.export", "fastnn.extend", "fastnn.reference", "fastnn.tabular.csv_table",
        "fractions", "matplotlib", "narwhals", "numpy.ma", "onnx", "pandas", "scipy", "sklearn",
        "statistics", "torch", "tqdm",
    )  # fmt: skip
    code = (
        "import sys, numba\n"  # which itself imports scipy where it is installed
        "before = set(sys.modules)\n"
        "import fastnn\n"
        f"print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    assert python(code).stdout == "[]\n"


def test_modules_are_imported_when_they_are_first_used():
    from conftest import python

    code = (
        "import sys, fastnn\n"
        "print(fastnn.export is sys.modules['fastnn.export'], fastnn.export.to_c.__name__)\n"
        "from fastnn import *\n"
        "print(reference is fastnn.reference is sys.modules['fastnn.reference'])\n"
        "try:\n"
        "    fastnn.exports\n"
        "except AttributeError as error:\n"
        "    print(error)\n"
    )
    said = "True to_c\nTrue\nmodule 'fastnn' has no attribute 'exports'; did you mean export?\n"
    assert python(code).stdout == said


def test_checks_of_plain_arguments_import_nothing():
    from conftest import python

    code = (
        "import sys, fastnn\n"
        "from fastnn.job.build import make_job\n"
        "net, data = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()\n"
        "before = set(sys.modules)\n"
        "make_job(net, *data)\n"
        "print(set(sys.modules) - before)"
    )
    assert python(code).stdout == "set()\n"


def test_tests_lie_in_the_folders_of_wings():
    """Their modules import one another by name alone, from whatever folder."""
    names = [path.name for path in TESTS.rglob("*.py")]
    assert len(set(names)) == len(names)
    assert [path.name for path in TESTS.glob("*.py")] == ["conftest.py"]
    wings = {path.stem for path in (ROOT / "fastnn").iterdir()}
    assert {path.parent.name for path in (TESTS / "unit").rglob("*.py")} <= wings
