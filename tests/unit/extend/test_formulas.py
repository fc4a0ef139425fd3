"""Formulas of one's own: what they cannot do, and what is given twice but differs."""

import ast
import functools
import math
import operator

import numpy as np
import pytest
from expression_examples import NODES
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numba import types

import fastnn
from fastnn.expressions import Expression, record
from fastnn.extend import add_activation, formulas
from fastnn.extend.comparison import compiled, points, range_of
from fastnn.lanes.formulas import Condition, Term
from fastnn.lanes.types import Lanes, llvm_value
from fastnn.spec.activations import ACTIVATIONS, BY_NAME, CODES

KINDS = (types.float64, types.float32, Lanes(types.float64, 4))
VALUE = {"dict": {}, "cached": functools.cache(lambda x: x)}


def term(kind=types.float64):
    """A symbol, as formulas get it."""
    value = llvm_value(kind)
    code = ir.Function(ir.Module(), ir.FunctionType(value, [value]), "formula")
    return Term(ir.IRBuilder(code.append_basic_block()), kind, code.args[0])


def matched(x):
    match x:
        case 0.0:
            return x
        case _:
            return -x


CHOICE, FUNCTION, STEPS = r"write select\(x > 0", "write a function of fastnn.ext", "for each step"
REFUSED = {
    "if": (lambda x: x if x > 0 else 0.0 * x, CHOICE),
    "if not": (lambda x: x if not x > 0 else 0.0 * x, CHOICE),
    "while": (lambda x: [x for _ in iter(lambda: bool(x > 0), False)], CHOICE),
    "truth": (lambda x: x or 0.0, CHOICE),
    "max": (lambda x: max(x, 0.0 * x), CHOICE),
    "min": (lambda x: min(1.0, x), CHOICE),
    "and": (lambda x: formulas.select((x > -1.0) and (x < 1.0), x, 0.0), CHOICE),
    "or": (lambda x: formulas.select((x < -1.0) or (x > 1.0), x, 0.0), CHOICE),
    "chain": (lambda x: formulas.select(-1.0 < x < 1.0, x, 0.0), CHOICE),
    "any": (lambda x: any([x > 0]), CHOICE),
    "all": (lambda x: all([x > 0]), CHOICE),
    "sorted": (lambda x: sorted([x, -x]), CHOICE),
    "np.bool_": (lambda x: np.bool_(x > 0), FUNCTION),
    "==": (lambda x: x if x == 0.0 else -x, CHOICE),
    "0 ==": (lambda x: x if 0.0 == x else -x, CHOICE),  # noqa: SIM300
    "!=": (lambda x: x if x != 0.0 else -x, CHOICE),
    "match": (matched, CHOICE),
    "in": (lambda x: x in (0.0, 1.0), CHOICE),
    "condition ==": (lambda x: (x > 0) == True, CHOICE),  # noqa: E712
    "float": (float, FUNCTION),
    "int": (lambda x: int(x), FUNCTION),
    "complex": (complex, FUNCTION),
    "index": (lambda x: [1.0, 2.0][x], FUNCTION),
    "range": (lambda x: range(x), FUNCTION),
    "%f": (lambda x: "%f" % x, FUNCTION),  # noqa: UP031
    ":.2f": (lambda x: f"{x:.2f}", r"print\(x\) shows the symbol"),
    "format": (lambda x: format(x > 0, "d"), r"print\(x\) shows the symbol"),
    "math.exp": (lambda x: math.exp(x), FUNCTION),
    "math.isnan": (lambda x: math.isnan(x), FUNCTION),
    "np.exp": (lambda x: np.exp(x), FUNCTION),
    "np.maximum": (lambda x: np.maximum(x, 0.0), FUNCTION),
    "np.equal": (lambda x: np.float64(0.0) == x, FUNCTION),
    "np.where": (lambda x: np.where(x > 0, x, 0.0), FUNCTION),
    "np.where of a number": (lambda x: np.where(x, x, 0.0), FUNCTION),
    "np.clip": (lambda x: np.clip(x, 0.0, 1.0), FUNCTION),
    "np.sum": (lambda x: np.sum(x), FUNCTION),
    "np.asarray": (np.asarray, FUNCTION),
    "np.array": (lambda x: np.array([x, x]), FUNCTION),
    "array * x": (lambda x: np.array([1.0, 2.0]) * x, FUNCTION),
    "x * array": (lambda x: x * np.array([1.0, 2.0]), r"expected a number, got array"),
    "round": (round, STEPS),
    "math.floor": (math.floor, STEPS),
    "math.ceil": (math.ceil, STEPS),
    "math.trunc": (math.trunc, STEPS),
    "//": (lambda x: x // 2.0, STEPS),
    "2 //": (lambda x: 2.0 // x, STEPS),
    "%": (lambda x: x % 2.0, STEPS),
    "divmod": (lambda x: divmod(x, 2.0), STEPS),
    "**": (lambda x: x**2, r"write x \* x"),
    "2 **": (lambda x: 2.0**x, r"write x \* x"),
    "@": (lambda x: x @ x, r"write x \* y"),
    "dict": (lambda x: VALUE["dict"].setdefault(x, x), "compute it anew"),
    "set": (lambda x: {x}, "compute it anew"),
    "cache": (lambda x: VALUE["cached"](x), "compute it anew"),
    "hash of a comparison": (lambda x: hash(x > 0), "compute it anew"),
    "len": (len, "a formula has one number"),
    "for": (lambda x: [one for one in x], "a formula has one number"),  # noqa: C416
    "in x": (lambda x: 1.0 in x, "a formula has one number"),
    "x[0]": (lambda x: x[0], "a formula has one number"),
    "& without brackets": (lambda x: x > 0.0 & x < 1.0, "put each comparison in brackets"),
    "& of a number": (lambda x: (x > 0.0) & x, "put each in brackets"),
    "comparison * x": (lambda x: (x > 0) * x, CHOICE),
    "x * comparison": (lambda x: x * (x > 0), r"got a comparison; write select"),
    "sum of comparisons": (lambda x: (x > 0) + (x > 1), CHOICE),
    "- comparison": (lambda x: -(x > 0), CHOICE),
    "comparison < 1": (lambda x: (x > 0) < 1, "put each comparison in brackets"),
    "select of a number": (lambda x: formulas.select(x, x, 0.0), "select: expected a comparison"),
    "select of True": (lambda x: formulas.select(True, x, 0.0), "select: expected a comparison"),
    "select comparisons": (lambda x: formulas.select(x > 0, x > 1, x), "got a comparison"),
    "exp(1.0)": (lambda x: formulas.exp(1.0) * x, "got 1.0; for a number that is known use"),
    "sqrt(x > 0)": (lambda x: formulas.sqrt(x > 0), "got a comparison"),
    "None": (lambda x: x > None, "expected a number, got None"),
    "text": (lambda x: x + "1", "expected a number, got '1'"),
    "complex number": (lambda x: x * 1j, "expected a number, got 1j"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_number_is_refused(name):
    formula, message = REFUSED[name]
    for kind in KINDS:
        with pytest.raises(TypeError, match=message):
            formula(term(kind))
    with pytest.raises(TypeError, match=rf"expected a formula .*{message}") as caught:
        record(formula, ["x"])
    assert "\n" not in str(caught.value)
    before = dict(CODES)
    with pytest.raises(TypeError, match=rf"function: expected a formula .*{message}"):
        add_activation(
            "own", function=formula, slope=lambda x: x, numpy=lambda x: x, numpy_slope=lambda x: x
        )
    assert before == CODES


@settings(deadline=None)
@given(NODES, NODES, st.sampled_from([*REFUSED]))
def test_mistakes_within_random_formulas_get_one_line(inner, outer, name):
    """Whatever is computed before the mistake; what comes after is not reached."""
    mistake, message = REFUSED[name]
    before, after = (Expression(("x",), node) for node in (inner, outer))
    with pytest.raises(TypeError, match=rf"expected a formula .*{message}") as caught:
        record(lambda x: after(mistake(before(x))), ["x"])
    assert "\n" not in str(caught.value)


def test_a_symbol_of_an_earlier_call_is_refused():
    kept = []

    def keeping(x):
        kept.append(x)
        return kept[0] * x

    keeping(term())
    with pytest.raises(TypeError, match="got one kept from an earlier call; compute it anew"):
        keeping(term())
    with pytest.raises(TypeError, match="put each in brackets"):
        (kept[0] > 0.0) & (term() > 0.0)


X = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
WORKING = {
    "&": (lambda x: formulas.select((x > -1) & (x < 1), x, 0), np.where(abs(X) < 1, X, 0)),
    "|": (lambda x: formulas.select((x < -1) | (x > 1), x, 0.0), np.where(abs(X) > 1, X, 0)),
    "^": (lambda x: formulas.select((x < 1) ^ (x < -1), x, 0), np.where((X < 1) & (X >= -1), X, 0)),
    "~": (lambda x: formulas.select(~(x > 0), 1.0, x), np.where(X > 0, X, 1)),
    "<=": (lambda x: formulas.select(x <= 0.5, 1.0, 2.0), np.where(X <= 0.5, 1, 2)),
    ">=": (lambda x: formulas.select(x >= 0.5, 1.0, 2.0), np.where(X >= 0.5, 1, 2)),
    "abs": (abs, np.abs(X)),
    "+": (operator.pos, X),
    "sum": (lambda x: sum([x, x, 1]), 2 * X + 1),
    "np scalars": (lambda x: np.float64(2) * x - np.int64(1), 2 * X - 1),
    "np < x": (lambda x: formulas.select(np.float64(0) < x, 1, 2), np.where(X > 0, 1, 2)),
    "np.multiply": (lambda x: np.multiply(x, x), X * X),
    "at_least(0, x)": (lambda x: formulas.at_least(0.0, x), np.maximum(X, 0)),
    "with_sign(1, x)": (lambda x: formulas.with_sign(1.0, x), np.copysign(1, X)),
    "fma": (lambda x: formulas.fma(2.0, x, 1), 2 * X + 1),
    "in place": (lambda x: operator.iadd(x, 1), X + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKING)
def test_what_works(name):
    formula, expected = WORKING[name]
    for kind in KINDS[:2]:
        np.testing.assert_array_equal(compiled(formula, kind)(X), expected)
        expression = record(formula, ["x"])
        np.testing.assert_array_equal(compiled(expression, kind)(X), expected)
        np.testing.assert_array_equal(expression(X), expected)
    assert isinstance(formula(term(KINDS[2])), Term)


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.sampled_from(["x", "0.5", "-2.0"]), lambda inner: st.tuples(
    st.sampled_from(["({0} + {1})", "({0} - {1})", "({0} * {1})", "abs({0} + x)",
                     "select({0} < x, {1}, x)", "select((x > {0}) & ~(x >= {1}), x, {1})"]),
    inner, inner).map(lambda made: made[0].format(*made[1:])), max_leaves=8))  # fmt: skip
def test_formulas_are_what_python_computes(text):
    code = compile(ast.parse(f"x + 0.0 * ({text})", mode="eval"), "formula", "eval")
    symbols = {"select": formulas.select}
    found = compiled(lambda x: eval(code, symbols | {"x": x}), types.float64)(X)
    plain = {"select": np.where, "x": X}
    expected = eval(code, plain)
    np.testing.assert_array_equal(found, expected)


SAME = {"slope": lambda x: x.constant(1.0), "numpy_slope": np.ones_like, "slope_of": "input"}
DIFFERENT = {
    "values": (
        {"function": lambda x: formulas.select(x < 0.0, 0.01 * x, x),
         "numpy": lambda x: np.where(x < 0, x / 10, x), **SAME},
        r"function: expected the values of numpy, -0.1 at x = -1 in float64, got -0.01",
    ),
    "values at 0": (
        {"function": lambda x: formulas.select(x > 0.0, x, x + 1.0),
         "numpy": lambda x: np.where(x >= 0, x, x + 1), **SAME},
        r"function: expected the values of numpy, 0 at x = 0 in float64, got 1",
    ),
    "large values": (
        {"function": lambda x: formulas.exp(x) / (1.0 + formulas.exp(x)),
         "numpy": lambda x: 1 / (1 + np.exp(-x)), "slope": lambda y: y * (1.0 - y),
         "numpy_slope": lambda y: y * (1 - y)},
        r"function: expected the values of numpy, 1 at x = 1000 in float64, got nan",
    ),
    "a hole at 0": (
        {"function": lambda x: formulas.sin(x) / x, "numpy": lambda x: np.sinc(x / np.pi), **SAME},
        r"function: expected the values of numpy, 1 at x = 0 in float64, got nan",
    ),
    "float32": (
        {"function": lambda x: x * x.by_type(1.0, 2.0), "numpy": lambda x: x, **SAME},
        r"function: expected the values of numpy, -1 at x = -1 in float32, got -2",
    ),
    "slope": (
        {"function": lambda x: x * x, "numpy": lambda x: x * x, "slope": lambda x: 0.0 - x,
         "numpy_slope": lambda x: -x, "slope_of": "input"},
        r"slope: expected the derivative of function, about -2 at x = -1, got 1",
    ),
    "slope of the output": (
        {"function": lambda x: x * x, "numpy": lambda x: x * x, "slope": lambda x: 2.0 * x,
         "numpy_slope": lambda x: 2 * x},
        r"slope: expected the derivative of function, about -2 at x = -1, got 2",
    ),
    "slope of a flat side": (
        {"function": lambda x: formulas.at_least(x, 0.0), "numpy": lambda x: np.maximum(x, 0),
         "slope": lambda y: formulas.select(y < 0.0, 0.0, 1.0), "numpy_slope": lambda y: y >= 0},
        r"slope: expected the derivative of function, about 0 at x = -1, got 1",
    ),
    "NumPy slope": (
        {"function": lambda x: x * x, "numpy": lambda x: x * x, "slope": lambda x: 2.0 * x,
         "numpy_slope": lambda x: x, "slope_of": "input"},
        r"numpy_slope: expected the values of slope, -2 at x = -1 in float64, got -1",
    ),
    "symmetry": (
        {"function": lambda x: x + 1.0, "numpy": lambda x: x + 1, "symmetry": -1, **SAME},
        r"symmetry: expected 0 for a function that is not odd, got -1; its values at",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_refused(name):
    parts, message = DIFFERENT[name]
    before = dict(BY_NAME), dict(CODES)
    with pytest.raises(ValueError, match=message):
        add_activation("own", **parts)
    assert before == (BY_NAME, CODES)


def logistic(x):
    return 1 / (1 + np.exp(-x))


FITTING = {
    "relu6": (
        {"function": lambda x: formulas.at_least(formulas.at_most(x, 6.0), 0.0),
         "slope": lambda x: formulas.select((x > 0) & (x < 6), 1.0, 0.0), "slope_of": "input",
         "numpy": lambda x: np.clip(x, 0, 6), "numpy_slope": lambda x: (x >= 0) & (x <= 6)},
        (-0.06, 6.06),
    ),
    "absolute": (
        {"function": abs, "slope": lambda x: formulas.select(x < 0.0, -1.0, 1.0),
         "numpy": np.abs, "numpy_slope": np.sign, "slope_of": "input", "symmetry": 1},
        (-0.01, math.inf),
    ),
    "selu": (
        {"function": lambda x: formulas.select(
            x > 0, 1.05 * x, 1.75 * (formulas.exp(formulas.at_most(x, 0.0)) - 1.0)),
         "slope": lambda y: formulas.select(y > 0, 1.05, y + 1.75),
         "numpy": lambda x: np.where(x > 0, x.dtype.type(1.05) * x, x.dtype.type(1.75)
                                     * np.expm1(np.minimum(x, 0))),
         "numpy_slope": lambda y: np.where(y > 0, 1.05, y + 1.75)},
        (-1.76, math.inf),
    ),
    "a NumPy form that overflows": (
        {"function": formulas.softplus, "slope": formulas.sigmoid, "slope_of": "input",
         "numpy": lambda x: np.log(1 + np.exp(x)), "numpy_slope": logistic},
        (-0.01, math.inf),
    ),
    "a NumPy form that cancels": (
        {"function": formulas.tanh, "slope": lambda y: 1.0 - y * y, "symmetry": -1,
         "numpy": lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
         "numpy_slope": lambda y: 1 - y * y},
        (-1.02, 1.02),
    ),
    "a fast wave": (
        {"function": lambda x: formulas.sin(30.0 * x), "slope_of": "input", "symmetry": -1,
         "slope": lambda x: 30.0 * formulas.cos(30.0 * x), "numpy": lambda x: np.sin(30 * x),
         "numpy_slope": lambda x: 30 * np.cos(30 * x)},
        (-1.02, 1.02),
    ),
    "a slow growth": (
        {"function": lambda x: formulas.with_sign(formulas.log1p(abs(x)), x), "symmetry": -1,
         "slope": lambda x: 1.0 / (1.0 + abs(x)), "slope_of": "input",
         "numpy": lambda x: np.sign(x) * np.log1p(np.abs(x)),
         "numpy_slope": lambda x: 1 / (1 + np.abs(x))},
        (-math.inf, math.inf),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FITTING)
def test_what_fits_is_added_with_its_range(name):
    parts, (low, high) = FITTING[name]
    add_activation("own", **parts)
    try:
        assert BY_NAME["own"].range == pytest.approx((low, high), abs=1e-3)
    finally:
        fastnn.extend.remove("own")


@pytest.mark.parametrize("name", [activation.name for activation in ACTIVATIONS])
def test_ranges_of_the_built_in_ones(name):
    """They hold all values, and values come close to their ends."""
    activation = BY_NAME[name]
    low, high = activation.range
    with np.errstate(over="ignore"):
        values = activation.numpy(np.concatenate([points(np.float64), np.linspace(-9, 9, 999)]))
    assert low <= values.min()
    assert values.max() <= high
    wide = 10.0 * np.sign([low, high]) if math.isinf(low) or math.isinf(high) else (low, high)
    assert math.isinf(low) or values.min() == pytest.approx(low, abs=2e-3)
    assert math.isinf(high) or values.max() == pytest.approx(high, abs=2e-3)
    assert not math.isinf(high) or values.max() > wide[1]


def test_ranges_that_cannot_be_known():
    assert range_of(lambda x: formulas.sqrt(x)) == (-math.inf, math.inf)


def test_conditions_and_terms_can_be_shown():
    x = term()
    assert repr(x).startswith("Term(")
    assert repr(x > 0.0).startswith("Condition(")
    assert isinstance(x > 0.0, Condition)
    assert repr(x) != repr(x + 1.0)
