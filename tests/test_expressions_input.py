"""Expressions as text and as data, and what is not a formula."""

import json
import math
import pickle

import pytest
from expression_examples import NODES, X
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn.expressions import Expression, record, record_all
from fastnn.expressions.nodes import OPERATIONS, Node
from fastnn.extend import formulas

QUICK = settings(max_examples=60, deadline=None)


def test_texts():
    shown = {
        "x * (x + 1.0)": lambda x: x * (x + 1.0),
        "x - (x - 1.0)": lambda x: x - (x - 1.0),
        "x - 1.0 - x": lambda x: x - 1.0 - x,
        "x / (x * x)": lambda x: x / (x * x),
        "-(x + 1.0) * -x": lambda x: -(x + 1.0) * -x,
        "2.0 - -1.0 * x": lambda x: 2.0 - -1.0 * x,
        "select((x > 0.0) & ~(x >= 1.0), x, 0.5)": lambda x: formulas.select(
            (x > 0.0) & ~(x >= 1.0), x, 0.5
        ),
        "0.1": lambda x: x.by_type(0.1, 0.25),
    }
    for text, function in shown.items():
        assert repr(record(function, ["x"])) == f"Expression(x: {text})"


def test_latex():
    expression = record(
        lambda x_1: formulas.select(x_1 < 0.0, formulas.exp(x_1) / 3.0, 1e-7 * abs(x_1)), ["x_1"]
    )
    x = r"\mathrm{x\_1}"
    assert expression._repr_latex_() == (
        rf"$\begin{{cases}} \frac{{e^{{{x}}}}}{{3}} & {x} < 0 \\ "
        rf"1 \cdot 10^{{-7}} \cdot \left|{x}\right| & \text{{otherwise}} \end{{cases}}$"
    )
    for kind in OPERATIONS:
        assert of_every_kind(kind)._repr_latex_().startswith("$")


def of_every_kind(kind):
    """A number with an operation of this kind."""
    operands = {"n": X, "c": Node("lt", (X, X))}
    node = Node(kind, tuple(operands[letter] for letter in OPERATIONS[kind].takes))
    return Expression(("x",), Node("select", (node, X, X)) if node.is_condition else node)


def test_long_expressions_are_quick_and_short_to_show():
    def doubled(x):
        for _ in range(500):
            x = x * x + x
        return x

    expression = record(doubled, ["x"])
    assert "…" in repr(expression)
    assert len(repr(expression)) < 700
    assert len(expression._repr_latex_()) < 700
    assert expression == record(doubled, ["x"])
    assert pickle.loads(pickle.dumps(expression)) == expression
    assert expression.derivative("x")(0.0) == 1
    assert expression(0.0) == 0


# Data


@QUICK
@given(NODES)
def test_data_and_back(node):
    expression = Expression(("x", "q"), node)
    data = json.loads(json.dumps(expression.to_data(), allow_nan=False))
    again = Expression.from_data(data)
    assert again == expression
    assert hash(again) == hash(expression)
    assert again.to_data() == data
    assert repr(again) == repr(expression)
    assert pickle.loads(pickle.dumps(expression)) == expression


def test_data_holds_every_operation_and_every_float():
    for kind in OPERATIONS:
        expression = of_every_kind(kind)
        assert Expression.from_data(expression.to_data()) == expression
    for value in (math.inf, -math.inf, math.nan, -0.0, 5e-324, 0.1, 1e308):
        expression = record(lambda x, value=value: x + value, ["x"])
        data = json.loads(json.dumps(expression.to_data(), allow_nan=False))
        assert Expression.from_data(data) == expression
    assert record(lambda x: x + 0.0, ["x"]) != record(lambda x: x + -0.0, ["x"])
    assert record(lambda x: x + 2, ["x"]) == record(lambda x: x + 2.0, ["x"])
    assert Expression.from_data(
        {"arguments": ["x"], "nodes": [["argument", "x"], ["constant", 2], ["mul", 0, 1]]}
    ) == record(lambda x: x * 2.0, ["x"])


def nodes(*rows):
    return {"arguments": ["x"], "nodes": [["argument", "x"], *rows]}


BAD_DATA = [
    (None, "a dict of 'arguments' and 'nodes', got None"),
    ([], "a dict of"),
    ({}, "a dict of"),
    ({"arguments": ["x"]}, "a dict of"),
    ({"arguments": ["x"], "nodes": [["argument", "x"]], "code": "x"}, "a dict of"),
    ({"arguments": "x", "nodes": [["argument", "x"]]}, "different names of arguments, got 'x'"),
    ({"arguments": [], "nodes": [["constant", 1]]}, "different names"),
    ({"arguments": ["x", "x"], "nodes": [["argument", "x"]]}, "different names"),
    ({"arguments": ["x y"], "nodes": [["argument", "x y"]]}, "different names"),
    ({"arguments": [3], "nodes": [["constant", 1]]}, "different names"),
    ({"arguments": ["x"] * 65, "nodes": [["argument", "x"]]}, "different names"),
    ({"arguments": ["x"], "nodes": []}, "a list of 1 to 10000 nodes"),
    ({"arguments": ["x"], "nodes": {}}, "a list of 1 to 10000 nodes"),
    ({"arguments": ["x"], "nodes": [["argument", "x"]] * 10_001}, "a list of 1 to 10000 nodes"),
    (nodes([]), "a node that begins with its kind"),
    (nodes("add"), "a node that begins with its kind"),
    (nodes([1, 0, 0]), "a node that begins with its kind"),
    (nodes(["exec", 0]), "an operation with its operands, got ['exec', 0]"),
    (nodes(["__import__", "os"]), "an operation with its operands"),
    (nodes(["argument", "y"]), "an operation with its operands"),
    (nodes(["argument"]), "an operation with its operands"),
    (nodes(["add", 0]), "an operation with its operands"),
    (nodes(["exp", 0, 0]), "an operation with its operands"),
    (nodes(["exp", 1]), "operands among the nodes before, got ['exp', 1]"),
    (nodes(["exp", -1]), "operands among the nodes before"),
    (nodes(["exp", 0.0]), "operands among the nodes before"),
    (nodes(["exp", True]), "operands among the nodes before"),
    (nodes(["exp", "x"]), "operands among the nodes before"),
    (nodes(["exp", [0]]), "operands among the nodes before"),
    (nodes(["constant", "1"]), "a finite number, 'inf', '-inf' or 'nan', got '1'"),
    (nodes(["constant", True]), "a finite number"),
    (nodes(["constant", None]), "a finite number"),
    (nodes(["constant", math.inf]), "a finite number"),
    (nodes(["constant", 10**400]), "a finite number"),
    (nodes(["constant_by_type", 1.0]), "an operation with its operands"),
    (nodes(["constant_by_type", 1.0, []]), "a finite number"),
    (nodes(["select", 0, 0, 0]), "numbers and comparisons where"),
    (nodes(["lt", 0, 0], ["exp", 1]), "numbers and comparisons where"),
    (nodes(["lt", 0, 0], ["and", 1, 0]), "numbers and comparisons where"),
    (nodes(["lt", 0, 0]), "a number for the last node"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), BAD_DATA, ids=range(len(BAD_DATA)))
def test_bad_data_is_refused(data, message):
    with pytest.raises(ValueError, match=r"^expression: expected ") as caught:
        Expression.from_data(data)
    assert message in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(NODES, st.data())
def test_changed_data_is_refused_or_another_expression(node, draws):
    data = Expression(("x",), node).to_data()
    rows = data["nodes"]
    row = rows[draws.draw(st.integers(0, len(rows) - 1))]
    place = draws.draw(st.integers(0, len(row) - 1))
    junk = st.one_of(
        st.none(), st.integers(), st.floats(), st.text(max_size=4), st.sampled_from([*OPERATIONS]),
        st.lists(st.integers(), max_size=2),
    )  # fmt: skip
    row[place] = draws.draw(junk)
    told = "expression: expected "
    try:
        again = Expression.from_data(data)
    except ValueError as error:
        told = str(error)
    else:
        assert again.to_data()["arguments"] == ["x"]
    assert told.startswith("expression: expected ")


# What is not a formula


def keeping(kept):
    def function(x):
        kept.append(x)
        return kept[0] * x

    return function


def endless(x):
    while True:
        x = x + 1.0


def named(x):
    return x if x > 0 else 0.0


class Odd:
    """A function with a name that is none."""

    __name__ = 3

    def __call__(self, x):
        return None


NOT_FORMULAS = [
    (named, r"^named: expected a formula made of operators, numbers and .*, got one that fails: "
            r"if, and, or, .*; write select\(x > 0"),
    (lambda x: x > 0, r"^formula: .*gives a number, got a comparison; write select\(condition, 1"),
    (lambda x: None, r"^formula: expected a formula that gives a number, got None"),
    (lambda x: (x, x), r"^formula: expected a formula that gives a number, got \("),
    (Odd(), r"^formula: expected a formula that gives a number, got None"),
    (lambda: 1, r"^formula: .* takes 0 positional arguments but 1 was given"),
    (lambda x: x * undefined, r"^formula: .*got one that fails: name 'undefined' is not defined"),  # noqa: F821
    (endless, r"^endless: .*expected at most 10000 operations, got more"),
    (lambda x: f"{x:.2f}" and x, r"format '\.2f': .*print\(x\) shows the symbol"),
    (lambda x: x if x.is_double else -x, r"write x.by_type\(for_float64, for_float32\)"),
    (lambda x: 10**400 * x, r"got one that fails: int too large"),
    (lambda x: formulas.select((x > 0) & 1.0, x, x), r"put each in brackets"),
    (3, r"^function: expected a function, got 3"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "message"), NOT_FORMULAS, ids=range(len(NOT_FORMULAS)))
def test_what_is_not_a_formula(function, message):
    with pytest.raises(TypeError, match=message) as caught:
        record(function, ["x"])
    assert "\n" not in str(caught.value)


def test_symbols_of_another_recording_are_refused():
    kept = []
    record(keeping(kept), ["x"])
    with pytest.raises(TypeError, match="got one kept from an earlier call; compute it anew"):
        record(keeping(kept), ["x"])
    with pytest.raises(TypeError, match="kept from an earlier call"):
        record(lambda x: kept[0], ["x"])
    with pytest.raises(TypeError, match="kept from an earlier call"):
        record(lambda x: formulas.select(kept[0] > 0, x, x), ["x"])


def test_arguments_that_are_none():
    for arguments in ("x", [], ["x", "x"], [""], ["1x"], [None], [f"a{i}" for i in range(65)]):
        with pytest.raises(ValueError, match=r"^expression: expected 1 to 64 different names"):
            record(lambda *_: 1.0, arguments)
    with pytest.raises(ValueError, match=r"expected only the arguments x, got q"):
        Expression(("x",), Node("argument", value="q"))
    with pytest.raises(ValueError, match=r"^name: expected one of x, got 'y'"):
        record(lambda x: x, ["x"]).derivative("y")
    with pytest.raises(TypeError, match=r"returns numbers, got none"):
        record_all(lambda x: (), ["x"])


def test_symbols_can_be_shown():
    shown = []
    record(lambda x: shown.extend([repr(x), f"{x}", repr(x * x), repr(x > 0)]) or x, ["x"])
    assert shown == ["Term(x)", "Term(x)", "Term(mul)", "Condition(gt)"]
