"""Recorded formulas: code, NumPy, derivatives, simplification, text and data of one definition."""

import math

import mpmath
import numba
import numpy as np
import pytest
from conftest import bits
from expression_examples import NODES, X, close_calls
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numba import types

from fastnn.expressions import Expression, evaluate_all, formula_of, record, record_all
from fastnn.expressions.complex_numbers import COMPLEX, in_complex, slope_by_complex_step
from fastnn.expressions.derivatives import FACTORS, RULES
from fastnn.expressions.nodes import OPERATIONS, Node
from fastnn.extend import formulas
from fastnn.extend.comparison import compiled
from fastnn.jit.compiling import FLAGS
from fastnn.lanes.buffers import buffer, in_lanes
from fastnn.lanes.formulas import Term
from fastnn.lanes.types import Lanes, llvm_value
from fastnn.spec.activations import ACTIVATIONS

KINDS = (types.float64, types.float32, Lanes(types.float64, 4))
POINTS = np.concatenate([np.linspace(-3.1, 3.1, 25), [-1e-9, 1e-9]])
QUICK = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def code(function, kind, count=1):
    """The instructions that a function of terms emits."""
    value = llvm_value(kind)
    made = ir.Function(ir.Module(), ir.FunctionType(value, [value] * count), "formula")
    builder = ir.IRBuilder(made.append_basic_block())
    result = function(*(Term(builder, kind, argument) for argument in made.args))
    builder.ret(result.value)
    return [str(line) for line in made.blocks[0].instructions]


def relu6(x):
    return formulas.at_least(formulas.at_most(x, 6.0), 0.0)


FORMULAS = {
    "identity": lambda x: x,
    "arithmetic": lambda x: (2.0 - x) / (1.0 + 3.0 * x) - -x,
    "np scalars": lambda x: np.float64(2) * x - np.int64(1),
    "by_type": lambda x: x * x.by_type(1.5, 2.5),
    "constant": lambda x: x + x.constant(0.1),
    "abs": lambda x: abs(x) * formulas.with_sign(1.0, x),
    "relu6": relu6,
    "conditions": lambda x: formulas.select(((x > -1) & (x <= 1)) | ~(x >= 2) ^ (x < -2), x, 0.5),
    "gate": lambda x: formulas.select(x < 0.0, formulas.expm1(x), formulas.log1p(x)),
    "fma": lambda x: formulas.fma(x, 2.0, -x),
    **{
        name: (lambda x, name=name: getattr(formulas, name)(0.3 * x))
        for name in ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "atanh",
                     "atan", "sin", "cos", "sqrt")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS)
def test_the_code_is_that_of_the_function_itself(name):
    for kind in KINDS:
        assert code(record(FORMULAS[name], ["x"]), kind) == code(FORMULAS[name], kind)


def test_what_is_shared_is_computed_once():
    def twice(x):
        return formulas.exp(x) * (1.0 - formulas.exp(x))

    def once(x):
        power = formulas.exp(x)
        return power * (1.0 - power)

    assert record(twice, ["x"]) == record(once, ["x"])
    for kind in KINDS:
        assert code(record(twice, ["x"]), kind) == code(once, kind)
        assert len(code(twice, kind)) > len(code(once, kind)) + 5


def test_expressions_of_several_arguments():
    def pinball(prediction, target, *, q):
        error = target - prediction
        return formulas.at_least(q * error, (q - 1.0) * error)

    expression = record(pinball, ["prediction", "target", "q"])
    assert repr(expression) == (
        "Expression(prediction, target, q: at_least(q * (target - prediction), "
        "(q - 1.0) * (target - prediction)))"
    )
    y, t = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 1.0])
    np.testing.assert_allclose(expression(y, t, 0.9), [0.9, 0, 0.2])
    slope = expression.derivative("prediction")
    np.testing.assert_allclose(slope(y, t, 0.9), [-0.9, -0.9, 0.1])
    assert expression.derivative("target")(1.0, 2.0, 0.25) == 0.25
    composed = record(lambda x: expression(x, 2.0 * x, 0.5) + 1.0, ["x"])
    assert composed(3.0) == 2.5


def test_several_results_share_their_parts():
    def rmsprop(w, g, v, *, rate, decay, epsilon):
        v = decay * v + (1.0 - decay) * g * g
        return w - rate * g / (formulas.sqrt(v) + epsilon), v

    names = ["w", "g", "v", "rate", "decay", "epsilon"]
    new_w, new_v = record_all(rmsprop, names)
    values = (1.0, 2.0, 0.5, 0.1, 0.9, 1e-8)
    v = 0.9 * 0.5 + (1 - 0.9) * 2.0 * 2.0
    assert new_v(*values) == v
    assert new_w(*values) == 1.0 - 0.1 * 2.0 / (math.sqrt(v) + 1e-8)
    assert evaluate_all([new_w, new_v], *values) == (new_w(*values), new_v(*values))
    step = formula_of([new_w, new_v])

    @numba.njit(**FLAGS)
    def apply(a, b, c, d, e, f):
        return step(a, b, c, d, e, f)

    assert apply(*values) == (new_w(*values), v)
    single = apply(*map(np.float32, values))
    assert single == pytest.approx((new_w(*values), v), rel=1e-6)

    @numba.njit(**FLAGS)
    def apply_in_lanes(weights, gradients, squares):
        w, g = in_lanes(buffer(weights), 4), in_lanes(buffer(gradients), 4)
        v = in_lanes(buffer(squares), 4)
        w[0], v[0] = step(w[0], g[0], v[0], 0.1, 0.9, 1e-8)

    w, g, v = (np.linspace(low, 2.0, 4) for low in (-1.0, 0.5, 0.1))
    expected = evaluate_all([new_w, new_v], w, g, v, 0.1, 0.9, 1e-8)
    apply_in_lanes(w, g, v)
    np.testing.assert_array_equal([w, v], expected)


def test_eight_numbers_in_a_kernel():
    names = [*"abcdefgh"]
    total = record(lambda *every: sum(every) * every[-1], names)
    called = formula_of(total)

    @numba.njit(**FLAGS)
    def apply(a, b, c, d, e, f, g, h):
        return called(a, b, c, d, e, f, g, h)

    assert apply(*np.arange(8.0)) == 28 * 7 == total(*np.arange(8.0))


# Types of values


def test_numpy_values_have_the_type_of_the_arrays():
    expression = record(lambda x, q: formulas.fma(q, x, formulas.tanh(x)) + 0.1, ["x", "q"])
    single = np.linspace(-1, 1, 5, dtype=np.float32)
    assert expression(single, 0.5).dtype == np.float32
    assert expression(single, np.float64(0.5)).dtype == np.float32
    assert expression(single, np.full(5, 0.5)).dtype == np.float64
    assert expression(np.arange(5), 2).dtype == np.float64
    assert expression(single[:, np.newaxis], single).shape == (5, 5)
    assert isinstance(expression(1, 2), np.float64)
    assert isinstance(expression(np.float32(1), 2), np.float32)
    assert expression([1.0, 2.0], 1.0).shape == (2,)
    constant = record(lambda x: x.constant(2.0), ["x"])
    np.testing.assert_array_equal(constant(single), np.full(5, 2, np.float32))
    one = record(lambda x: 3, ["x"])
    assert one(single).dtype == np.float32
    by_type = record(lambda x: x * x.by_type(1.0, 2.0), ["x"])
    assert by_type(np.float32(3)) == 6
    assert by_type(np.float64(3)) == 3
    for value in (1j, "1", None, np.array(["a"])):
        with pytest.raises(TypeError, match=r"^x: expected real numbers, got dtype"):
            constant(value)
    with pytest.raises(TypeError, match=r"expected 2 values, of x, q, got 1"):
        expression(1.0)


def test_branches_that_are_not_taken_do_not_matter():
    expression = record(
        lambda x: formulas.select(x > 0.0, formulas.log(x), formulas.exp(-1e3 * x) * 0.0), ["x"]
    )
    slope = expression.derivative("x")
    assert slope(2.0) == 0.5
    assert expression(1.0) == 0


# Derivatives


def test_every_operation_has_a_rule_and_a_complex_form():
    numbers = {kind for kind, operation in OPERATIONS.items() if operation.gives == "n"}
    assert {*FACTORS} | {*RULES} == numbers
    assert not {*FACTORS} & {*RULES}
    assert {*COMPLEX} == {*OPERATIONS}


EXACT = {
    "sqrt": mpmath.sqrt, "magnitude": abs, "exp": mpmath.exp, "expm1": mpmath.expm1,
    "log": mpmath.log, "log1p": mpmath.log1p, "tanh": mpmath.tanh, "atanh": mpmath.atanh,
    "atan": mpmath.atan, "sin": mpmath.sin, "cos": mpmath.cos,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "softplus_rest": lambda x: mpmath.log1p(mpmath.exp(-abs(x))),
}  # fmt: skip


@pytest.mark.parametrize("kind", FACTORS)
def test_derivatives_of_functions(kind):
    """By 40 digits; 1 - y * y loses some where y is almost 1."""
    expression = Expression(("x",), Node(kind, (X,)))
    slope = expression.derivative("x")
    low, high = {"sqrt": (0.01, 9), "log": (0.01, 9), "log1p": (-0.9, 9), "atanh": (-0.9, 0.9)}.get(
        kind, (-5, 5)
    )
    for x in np.linspace(low, high, 20):
        with mpmath.workdps(40):
            value = float(EXACT[kind](mpmath.mpf(float(x))))
            expected = float(mpmath.diff(EXACT[kind], mpmath.mpf(float(x))))
        assert expression(x) == pytest.approx(value, rel=1e-13)
        assert slope(x) == pytest.approx(expected, rel=1e-12, abs=1e-15)
        (found,) = compiled(slope, types.float64)(x)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


TEXTS = [
    (lambda x: formulas.sigmoid(x), "fma(-sigmoid(x), sigmoid(x), sigmoid(x))", "fma(-y, y, y)"),
    (lambda x: formulas.tanh(x), "fma(-tanh(x), tanh(x), 1.0)", "fma(-y, y, 1.0)"),
    (lambda x: formulas.exp(x), "exp(x)", "y"),
    (lambda x: formulas.exp(-(x * x)), "-((x + x) * exp(-(x * x)))", None),
    (lambda x: formulas.softplus(x), "sigmoid(x)", None),
    (lambda x: formulas.sqrt(x), "0.5 / sqrt(x)", "0.5 / y"),
    (lambda x: x, "1.0", "1.0"),
    (lambda x: 3.0 * x - 1.0, "3.0", "3.0"),
    (lambda x: x.constant(2.0), "0.0", "0.0"),
    (lambda x: formulas.at_least(x, 0.0), "select(0.0 > x, 0.0, 1.0)", None),
    (lambda x: formulas.select(x < 0.0, 0.0, x), "select(x < 0.0, 0.0, 1.0)", None),
    (lambda x: abs(x), "with_sign(1.0, x)", None),
    (lambda x: formulas.sin(2.0 * x), "2.0 * cos(2.0 * x)", None),
    (lambda x: formulas.cos(x), "-sin(x)", None),
    (lambda x: x * formulas.sigmoid(x),
     "sigmoid(x) + x * fma(-sigmoid(x), sigmoid(x), sigmoid(x))", None),
    (lambda x: 1.0 / (1.0 + formulas.exp(-x)),
     "exp(-x) * (1.0 / (1.0 + exp(-x))) / (1.0 + exp(-x))", None),
]  # fmt: skip


@pytest.mark.parametrize(("function", "text", "of_result"), TEXTS, ids=range(len(TEXTS)))
def test_what_derivatives_are(function, text, of_result):
    expression = record(function, ["x"])
    slope = expression.derivative("x")
    assert repr(slope) == f"Expression(x: {text})"
    found = slope.in_terms_of_result(expression)
    assert repr(found) == ("None" if of_result is None else f"Expression(y: {of_result})")


def test_a_result_in_place_of_an_argument_that_has_its_name():
    expression = record(lambda y, q: q * formulas.exp(y), ["y", "q"])
    slope = expression.derivative("y")
    assert repr(slope.in_terms_of_result(expression)) == "Expression(y_, q: y_)"
    other = record(lambda y: y * formulas.exp(y), ["y"])
    assert other.derivative("y").in_terms_of_result(other) is None


def largest_number(expression, x):
    """The largest number on the way, whose rounding errors all results have."""
    sizes = [1.0]

    def note(_, operands):
        for values in operands:
            if values.dtype != bool:
                sizes.append(float(np.abs(values[np.isfinite(values)]).max(initial=0.0)))

    in_complex(expression, x.astype(complex), seen=note)
    return max(sizes)


@QUICK
@given(NODES)
def test_derivatives_are_those_of_complex_steps(node):
    expression = Expression(("x",), node)
    slope = expression.derivative("x")
    largest = largest_number(slope, POINTS)
    assume(largest < 1e4)
    expected = slope_by_complex_step(expression, 0, POINTS)
    found = slope(POINTS)
    fine = ~close_calls(expression, POINTS) & np.isfinite(expected)
    np.testing.assert_allclose(found[fine], expected[fine], rtol=1e-10, atol=1e-13 * largest**2)


@QUICK
@given(NODES, st.sampled_from([types.float64, types.float32]))
def test_kernels_and_numpy_agree_on_random_expressions(node, kind):
    expression = Expression(("x",), node)
    dtype = np.dtype(kind.name)
    x = POINTS.astype(dtype)
    largest = largest_number(expression, x)
    assume(largest < 1e4)
    found, expected = compiled(expression, kind)(x), expression(x)
    assert found.dtype == expected.dtype == dtype
    tolerance = 300 * np.finfo(dtype).eps
    fine = ~close_calls(expression, x.astype(float), tolerance * largest)
    np.testing.assert_allclose(
        found[fine], expected[fine], rtol=tolerance, atol=tolerance * largest**2
    )


@QUICK
@given(NODES)
def test_simplified_expressions_have_the_same_bits(node):
    expression = Expression(("x",), node)
    simple = expression.simplified()
    assert len(simple.nodes) <= len(expression.nodes)
    assert simple.simplified() == simple
    special = [0.0, -0.0, np.inf, -np.inf, 1e300, -1e-300]
    for kind in (types.float64, types.float32):
        with np.errstate(over="ignore"):
            x = np.concatenate([POINTS, special]).astype(np.dtype(kind.name))
        one, other = (compiled(form, kind)(x) for form in (expression, simple))
        assert ((bits(one) == bits(other)) | (np.isnan(one) & np.isnan(other))).all()


SIMPLER = [
    (lambda x: 1.0 * x, "x"), (lambda x: x / 1.0, "x"), (lambda x: x - 0.0, "x"),
    (lambda x: x + 0.0, "x + 0.0"), (lambda x: 0.0 * x, "0.0 * x"), (lambda x: x - x, "x - x"),
    (lambda x: abs(-(-1.0 * -x)), "magnitude(-x)"), (lambda x: -1.0 * x, "-x"),
    (lambda x: -(-1.0 * x), "x"),
    (lambda x: x.constant(2.0) * 3.0 + x, "6.0 + x"),
    (lambda x: x.constant(0.1) * 3.0 + x, "0.1 * 3.0 + x"),
    (lambda x: x.constant(2.0) - 2.0 + x, "2.0 - 2.0 + x"),
    (lambda x: (x + 1.0) + 1.0, "x + 1.0 + 1.0"),
    (lambda x: formulas.select(x > 0.0, 1.0 * x, x), "x"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "text"), SIMPLER, ids=range(len(SIMPLER)))
def test_what_is_simplified(function, text):
    assert repr(record(function, ["x"]).simplified()) == f"Expression(x: {text})"


# Slopes of what is built in


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.name)
def test_written_slopes_are_derivatives(activation):
    """Of every activation that is built in, except at its kinks."""
    x = POINTS[~np.isin(POINTS, activation.kinks)].copy()
    derived = activation.expression.derivative("x")(x)
    y = activation.expression(x)
    np.testing.assert_allclose(activation.numpy(x), y, rtol=1e-14, atol=1e-16)
    written = np.broadcast_to(activation.numpy_slope(x if activation.of_input else y), x.shape)
    np.testing.assert_allclose(written.astype(float), derived, rtol=1e-12, atol=1e-15)
