"""Activations of one's own in C and ONNX: what is generated from formulas computes them."""

import math
from itertools import count

import numpy as np
import pytest
from conftest import remove_own_activations
from export_examples import (
    COMPILER,
    TOLERANCES,
    assert_agree,
    c_predicts,
    compiled,
    main_for,
    random_model,
    samples,
)
from expression_examples import NODES, close_calls
from hypothesis import HealthCheck, given, settings

import fastnn
from fastnn.export import to_c, to_onnx
from fastnn.export.c.formulas import CALLS, FORMS
from fastnn.export.onnx_formulas import FORMS as OF_ONNX
from fastnn.expressions import Expression, formula_of
from fastnn.expressions.nodes import OPERATIONS
from fastnn.expressions.texts import INFIX
from fastnn.extend import activation, add_activation, formulas
from fastnn.results.model import Model
from fastnn.spec import activations
from fastnn.spec.activations import BY_NAME, Activation

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no cc")
counted = count()
thorough = pytest.mark.thorough
STRICT = ["-O2", "-Wconversion", "-Wshadow"]


@pytest.fixture(autouse=True)
def _removed():
    yield
    remove_own_activations()


def session(proto):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


OWN = {
    "swish": lambda x: x * formulas.sigmoid(x),
    "mish": lambda x: x * formulas.tanh(formulas.softplus(x)),
    "relu6": lambda x: formulas.at_least(formulas.at_most(x, 6.0), 0.0),
    "signed": lambda x: formulas.with_sign(formulas.sqrt(formulas.magnitude(x)), x),
    "bent": lambda x: 0.5 * (formulas.sqrt(x * x + 1.0) - 1.0) + x,
    "logs": lambda x: formulas.with_sign(formulas.log1p(formulas.magnitude(x)), x),
    "lifted": lambda x: formulas.select(x > 0.0, x, formulas.expm1(x)),
    "powers": lambda x: formulas.expm1(formulas.at_most(x, 3.0)),
    "waves": lambda x: formulas.cos(x) + formulas.sin(2.0 * x),
    "banded": lambda x: formulas.select(
        ((x > -1.0) & ~(x >= 2.0)) ^ (x < -3.0), formulas.fma(x, x, 1.0), -formulas.atan(x)
    ),
    "either": lambda x: formulas.select((x < -1.0) | (x > 1.0), formulas.magnitude(x), 1.0),
    "largest": lambda x: formulas.atanh(0.9 * formulas.tanh(x)),
    "limited": lambda x: formulas.select(x <= 50.0, formulas.log(1.0 + formulas.exp(x)), x),
    "constant": lambda x: 0.25 + 0.0 * formulas.tanh(x),
    "größe": lambda x: x / (1.0 + formulas.magnitude(x)),
    "predict": lambda x: x.by_type(1.5, 1.25) * x,
    "a_b": lambda x: 0.3 * x,
    "ab": lambda x: 0.7 * x,
}  # fmt: skip
"""Together they have all operations.  Some names mean something in a header, or are not ASCII."""


def register(name, formula):
    """Add an activation of any formula, also one that no comparison would let pass."""
    slope = formula.derivative("x")
    compiled = formula_of(formula), formula_of(slope)
    made = Activation(name, *compiled, formula, slope, of_input=True, expression=formula)
    activations.add(made)


def line(name, dtype):
    """A network of one unit, whose output is the activation of its input."""
    return Model(fastnn.Network([1, 1], name, bias=False), np.ones(1, dtype))


def points(dtype):
    """Random and special numbers: zeros, kinks, tiny and large ones."""
    rng = np.random.default_rng(5)
    special = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 6.0, 50.0, 1e-30, -1e-8, 700.0, -800.0]
    near = rng.normal(0, 3, 60)
    return np.concatenate([special, near])[:, np.newaxis].astype(dtype)


@needs_compiler
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    "name", [name if name == "swish" else pytest.param(name, marks=thorough) for name in OWN]
)
def test_c_and_onnxruntime_compute_the_formula(name, dtype, tmp_path):
    register(name, fastnn.expressions.record(OWN[name], ["x"]))
    model, X = line(name, dtype), points(dtype)
    to_c(model, tmp_path / "model.h")
    found, _ = c_predicts(compiled(main_for(model), tmp_path, flags=STRICT), X)
    assert_agree(model, X, found)
    assert_agree(model, X, session(to_onnx(model)).run(None, {"X": X})[0])
    ends = np.array([[np.inf], [-np.inf], [np.nan]], dtype)
    for got in (
        c_predicts(tmp_path / "program", ends)[0],
        session(to_onnx(model)).run(None, {"X": ends})[0],
    ):
        expected = BY_NAME[name].numpy(ends)
        np.testing.assert_allclose(got, expected, rtol=TOLERANCES[dtype])


def test_the_examples_have_every_operation():
    recorded = [fastnn.expressions.record(function, ["x"]) for function in OWN.values()]
    kinds = {node.kind for formula in recorded for node in formula.nodes}
    hidden = {"softplus_rest"}  # only in derivatives
    assert kinds >= {*OPERATIONS} - hidden - {"le", "ge", "sub", "add"}
    assert {*OF_ONNX} == {*OPERATIONS} == {*CALLS} | {*INFIX} | {*FORMS}


@thorough
@needs_compiler
def test_networks_of_several_own_activations(tmp_path):
    for name in ("swish", "a_b", "ab", "größe"):
        activation(OWN[name], name=name)
    for dtype in TOLERANCES:
        names = ["swish", "a_b", "ab", "größe", "tanh"]
        model = random_model(
            [2, 3, 3, 3, 2, 2], names, members=2, inputs=True, outputs=True, dtype=dtype
        )
        X = samples(model)
        to_c(model, tmp_path / "model.h")
        program = compiled(main_for(model), tmp_path, flags=STRICT)
        assert_agree(model, X, c_predicts(program, X)[0])
        assert_agree(model, X, session(to_onnx(model)).run(None, {"X": X})[0])


@thorough
@needs_compiler
def test_eight_bits(tmp_path):
    activation(OWN["swish"], name="swish")
    model = random_model([2, 6, 1], ["swish", "identity"])
    X = samples(model, 200)
    header = to_c(model, tmp_path / "model.h", dtype="int8", calibration=X)
    assert header.loss.difference < 0.05
    found, _ = c_predicts(
        compiled(main_for(model, dtype="float32"), tmp_path), X.astype(np.float32)
    )
    assert np.abs(found - model.evaluate(X)).max() < 0.06


def test_the_header_has_the_formula_as_written():
    activation(OWN["swish"], name="swish")
    text = to_c(line("swish", "float64"))
    assert "/* swish(x) = x * sigmoid(x) */" in text
    assert "return x * model_sigmoid(x);" in text
    activation(lambda x: formulas.tanh(sum((k * x for k in range(1, 200)), 0.0)), name="long")
    assert max(map(len, to_c(line("long", "float32")).splitlines())) <= 100
    assert "softplus" not in text


@thorough
@needs_compiler
def test_constants_beyond_the_type(tmp_path):
    """Numbers of float64 that float32 rounds to infinity, infinities and NaN."""
    ends = {"huge": 1e300, "infinite": math.inf, "none": math.nan, "least": -math.inf}
    for name, end in ends.items():
        made = fastnn.expressions.record(lambda x, end=end: formulas.select(x < 9.0, x, end), ["x"])
        register(name, made)
        for dtype in TOLERANCES:
            model, X = line(name, dtype), np.array([[1.0], [10.0]], dtype)
            to_c(model, tmp_path / "model.h")
            with np.errstate(over="ignore"):
                expected = np.array([[1.0], [end]]).astype(dtype)
                onnx = session(to_onnx(model)).run(None, {"X": X})[0]
            found, _ = c_predicts(compiled(main_for(model), tmp_path), X)
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(onnx, expected)


def test_a_formula_without_its_argument():
    """It has the shape of the input all the same."""
    register("flat", Expression(("x",), fastnn.expressions.record(lambda x: 0.5, ["x"]).result))
    model = random_model([2, 3], "flat")
    X = samples(model)
    np.testing.assert_array_equal(session(to_onnx(model)).run(None, {"X": X})[0], 0.5)
    assert "(void)x;" in to_c(model)


@thorough
@needs_compiler
@settings(deadline=None, max_examples=15, suppress_health_check=[*HealthCheck])
@given(result=NODES)
def test_random_expressions(tmp_path_factory, result):
    """To 1e-12 of the largest number on the way, unless rounding may decide a comparison."""
    formula = Expression(("x",), result)
    x = np.linspace(-3.1, 2.9, 41)
    largest = np.ones_like(x)
    for node in formula.nodes:
        if not node.is_condition:
            largest = np.maximum(largest, np.abs(Expression(("x",), node)(x)))
    plain = ~close_calls(formula, x) & np.isfinite(largest)
    name = f"random{next(counted)}"
    register(name, formula)
    try:
        folder, model = tmp_path_factory.mktemp("c"), line(name, "float64")
        to_c(model, folder / "model.h")
        X = x[:, np.newaxis]
        found, _ = c_predicts(compiled(main_for(model), folder, flags=STRICT), X)
        onnx = session(to_onnx(model)).run(None, {"X": X})[0]
    finally:
        fastnn.extend.remove(name)
    for got in (found, onnx):
        off = np.abs(got[:, 0] - formula(x)) / largest
        assert (off[plain] <= 1e-12).all(), formula


def typed():
    add_activation(
        "typed", function=lambda x: 2.0 * x if x.is_double else x + x, slope_of="input",
        slope=lambda x: x.constant(2.0), numpy=lambda x: x + x, numpy_slope=lambda x: 2,
    )  # fmt: skip


@pytest.mark.parametrize("export", [to_c, to_onnx])
def test_what_is_refused(export):
    typed()
    message = r"^activation: expected one with a single formula for (C|ONNX), got 'typed', whose"
    with pytest.raises(ValueError, match=message):
        export(line("typed", "float64"))
    activation(OWN["swish"], name="swish")
    model = line("swish", "float64")
    fastnn.extend.remove("swish")
    with pytest.raises(ValueError, match=r"got 'swish'; an activation of your own must be added"):
        export(model)
