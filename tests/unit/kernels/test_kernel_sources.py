"""House rules for kernels, checked on the sources: short functions with few arguments."""

import ast
from pathlib import Path

import pytest
from sources import PACKAGE, SOURCES, broken

KERNELS = sorted((PACKAGE / "kernels").glob("*.py"))
COMPILED = sorted(
    path
    for folder in ("jit", "kernels", "lanes", "optimizers", "rules", "starts")
    for path in (PACKAGE / folder).rglob("*.py")
)
MOST_ARGUMENTS, MOST_LINES, MOST_NAMES, MOST_LINES_OF_A_FORMULA = 8, 40, 12, 25
# Functions that are longer than others, and why.
ALLOWED = {
    "matmul_tile.py: _TileBuilder.emit": "emits LLVM code: three loops, block by block",
}
# What knows the places of fields: the views, and what lays out the launch record.
KNOW_PLACES = ("views.py", "workspace.py")
WAYS_OF_WEIGHTING = {"UNWEIGHTED", "COMMON", "OWN"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions(node, outer=()):
    """All functions, however deep, with the classes and functions around each, outermost first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child, outer
        named = isinstance(child, (*FUNCTIONS, ast.ClassDef))
        yield from functions(child, (*outer, child) if named else outer)


def qualified(function, outer):
    return ".".join(each.name for each in (*outer, function))


def lines(function):
    """How many lines a function has from its `def` on, without those of functions inside it."""
    every = set(range(function.lineno, function.end_lineno + 1))
    for inner, _ in functions(function):
        first = min([inner.lineno, *(each.lineno for each in inner.decorator_list)])
        every -= set(range(first, inner.end_lineno + 1))
    return len(every)


def arguments(function):
    spread = [each for each in (function.args.vararg, function.args.kwarg) if each]
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs, *spread]


def emits_code(function):
    """Whether it is an intrinsic, whose body makes LLVM code instead of being compiled."""
    decorators = (getattr(each, "func", each) for each in function.decorator_list)
    return any(ast.unparse(each).split(".")[-1] == "intrinsic" for each in decorators)


def has_formula(node):
    return isinstance(node, FUNCTIONS) and "``" in (ast.get_docstring(node) or "")


def run_texts(text):
    """Calls that run text as code."""
    names = {"exec", "eval", "builtins.exec", "builtins.eval"}
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [ast.unparse(node) for node in calls if ast.unparse(node.func) in names]


def idle_expressions(text):
    """Lines with a mere name as a statement, which ruff would not take."""
    return [line for line in text.splitlines() if "noqa" in line and "B018" in line]


def functions_of_many_arguments(text):
    every = [
        (function, qualified(function, outer)) for function, outer in functions(ast.parse(text))
    ] + [(node, "lambda") for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
    return [
        called
        for function, called in every
        if len(arguments(function)) > MOST_ARGUMENTS
        and not (isinstance(function, FUNCTIONS) and emits_code(function))
    ]


def long_functions(text):
    return [
        qualified(function, outer)
        for function, outer in functions(ast.parse(text))
        if lines(function) > MOST_LINES
    ]


def long_imports(text):
    return [
        node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and len(node.names) > MOST_NAMES
    ]


def functions_unlike_formulas(text):
    """Functions that are long, or neither they nor the function that makes them has a formula."""
    return [
        qualified(function, outer)
        for function, outer in functions(ast.parse(text))
        if lines(function) > MOST_LINES_OF_A_FORMULA
        or not any(map(has_formula, (function, *outer)))
    ]


def places_of_fields(text):
    """What is imported of the layout, and the layout itself."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            of_layout = (node.module or "").split(".")[-1] == "layout"
            names = [alias.name for alias in node.names]
            found += [each for each in names if of_layout or each == "layout"]
        elif isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.split(".")[-1] == "layout"]
    return [each for each in found if each not in WAYS_OF_WEIGHTING]


def in_files(rule, paths):
    """What a rule of texts finds in each of some files."""
    return broken(lambda path: rule(path.read_text()), paths)


def test_no_text_is_run_as_code():
    assert in_files(run_texts, SOURCES) == {}


def test_nothing_is_named_only_to_be_closed_over():
    assert in_files(idle_expressions, SOURCES) == {}


def test_kernels_have_few_arguments():
    assert in_files(functions_of_many_arguments, KERNELS) == {}


def test_kernels_are_short():
    found = in_files(long_functions, KERNELS)
    long = {f"{Path(file).name}: {each}" for file, every in found.items() for each in every}
    assert long - set(ALLOWED) == set()


@pytest.mark.parametrize("function", ALLOWED)
def test_only_what_emits_code_is_long(function):
    file, called = function.split(": ")
    text = (PACKAGE / "kernels" / file).read_text()
    assert called in long_functions(text)
    assert "from llvmlite import ir" in text


def test_imports_are_short():
    assert in_files(long_imports, COMPILED) == {}


def test_textbook_is_made_of_formulas():
    text = (PACKAGE / "kernels" / "textbook.py").read_text()
    assert functions_unlike_formulas(text) == []
    assert len(list(functions(ast.parse(text)))) > 5


def test_kernels_read_fields_by_name():
    others = [path for path in COMPILED if path.name not in KNOW_PLACES]
    assert in_files(places_of_fields, others) == {}


def body(count):
    return "\n".join(f"    x{i} = {i}" for i in range(count))


def taking(count):
    return ", ".join("abcdefghijkl"[:count])


NESTED = f"def make():\n    '''F.'''\n    @inlined\n    def inner():\n{body(38)}\n".replace(
    "    x", "        x"
)
FORMULA = "'''``y = f(x)``.'''"
CONTROLS = [
    (run_texts, "exec('x = 1')", ["exec('x = 1')"]),
    (run_texts, "def f():\n    return [builtins.eval(text)]", ["builtins.eval(text)"]),
    (run_texts, "model.eval()\nexecute('x')\n'exec(x)'  # eval(x)", []),
    (idle_expressions, "x\ndigest  # noqa: B018  why\n", ["digest  # noqa: B018  why"]),
    (idle_expressions, "digest  # noqa: E501,B018\n", ["digest  # noqa: E501,B018"]),
    (idle_expressions, "x = 1  # noqa: E501\n", []),
    (functions_of_many_arguments, f"def f({taking(8)}): ...", []),
    (functions_of_many_arguments, f"def f({taking(9)}): ...", ["f"]),
    (functions_of_many_arguments, "def f(a, /, b, c, *d, e, g, h, i, **j): ...", ["f"]),
    (functions_of_many_arguments, f"def f(a):\n    def g({taking(9)}): ...", ["f.g"]),
    (functions_of_many_arguments, f"class C:\n    def f(self, {taking(8)}): ...", ["C.f"]),
    (functions_of_many_arguments, f"f = lambda {taking(9)}: a", ["lambda"]),
    (functions_of_many_arguments, f"@kernel\ndef f({taking(9)}): ...", ["f"]),
    (functions_of_many_arguments, f"@intrinsic\ndef f({taking(9)}): ...", []),
    (functions_of_many_arguments, f"@intrinsic(prefer_literal=True)\ndef f({taking(9)}): ...", []),
    (long_functions, f"@kernel\ndef f():\n{body(39)}\n", []),
    (long_functions, f"def f():\n{body(40)}\n", ["f"]),
    (
        long_functions,
        f"class C:\n    def f():\n{body(40)}\n".replace("    x", "        x"),
        ["C.f"],
    ),
    (long_functions, NESTED, []),
    (long_functions, NESTED + body(38), []),
    (long_functions, NESTED + "        y = 0\n        z = 0\n", ["make.inner"]),
    (long_functions, NESTED + body(39), ["make"]),
    (long_imports, f"from a import {taking(12)}", []),
    (long_imports, f"def f():\n    from .a import ({taking(12)}, m)", ["a"]),
    (functions_unlike_formulas, f"def f():\n    {FORMULA}\n{body(23)}", []),
    (functions_unlike_formulas, f"def f():\n    {FORMULA}\n{body(24)}", ["f"]),
    (functions_unlike_formulas, "def f():\n    '''Y is f of X.'''", ["f"]),
    (functions_unlike_formulas, "def f():\n    return 1", ["f"]),
    (functions_unlike_formulas, f"def f(g):\n    {FORMULA}\n    def h(x): ...\n", []),
    (functions_unlike_formulas, f"def f(g):\n    def h(x):\n        {FORMULA}\n", ["f"]),
    (functions_unlike_formulas, f"class C:\n    {FORMULA}\n    def h(x): ...\n", ["C.h"]),
    (places_of_fields, "from .layout import COMMON, OWN, UNWEIGHTED", []),
    (places_of_fields, "from .layout import OWN, PLACES", ["PLACES"]),
    (places_of_fields, "from ..kernels.layout import FIELDS as f", ["FIELDS"]),
    (places_of_fields, "def f():\n    from . import layout", ["layout"]),
    (places_of_fields, "import fastnn.kernels.layout", ["fastnn.kernels.layout"]),
    (places_of_fields, "from .views import call", []),
]


@pytest.mark.parametrize(("rule", "text", "expected"), CONTROLS)
def test_what_breaks_a_rule_is_found(rule, text, expected):
    assert rule(text) == expected
