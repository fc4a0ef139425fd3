"""Activations of one's own from one formula: what follows from it, and training with them."""

import math

import numpy as np
import pytest
from conftest import remove_own_activations

import fastnn
from fastnn.expressions import Expression
from fastnn.extend import activation, add_activation, formulas
from fastnn.spec.activations import BY_NAME

XOR = fastnn.datasets.xor()


@pytest.fixture(autouse=True)
def _taken_back():
    yield
    remove_own_activations()


def softclip(x):
    return x / formulas.sqrt(formulas.fma(x, x, 1.0))


OWN = {
    "mish": (lambda x: x * formulas.tanh(formulas.softplus(x)), 0, (-0.319, math.inf)),
    "softclip": (softclip, -1, (-1.02, 1.02)),
    "bump": (lambda x: 1.0 / formulas.fma(x, x, 1.0), 1, (-0.01, 1.01)),
    "relu6": (lambda x: formulas.at_least(formulas.at_most(x, 6.0), 0.0), 0, (-0.06, 6.06)),
    "own_tanh": (formulas.tanh, -1, (-1.02, 1.02)),
    "own_sigmoid": (lambda x: 1.0 / (1.0 + formulas.exp(-x)), 0, (-0.01, 1.01)),
    "lifted": (lambda x: formulas.select(x > 0.0, x, formulas.expm1(x)), 0, (-1.01, math.inf)),
    "step": (lambda x: formulas.select(x > 0.0, 1.0, -1.0) + 0.1 * x, 0, (-math.inf, math.inf)),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_what_follows_from_the_formula(name):
    function, symmetry, (low, high) = OWN[name]
    made = activation(function, name=name)
    assert isinstance(made, Expression)
    added = BY_NAME[name]
    assert added.expression == made
    assert added.symmetry == symmetry
    assert added.range == pytest.approx((low, high), abs=6e-3)
    x = np.linspace(-3, 3, 50)
    np.testing.assert_array_equal(added.numpy(x), made(x))
    slope = added.numpy_slope(x if added.of_input else made(x))
    np.testing.assert_allclose(slope, made.derivative("x")(x), rtol=1e-12, atol=1e-15)
    assert added.of_input == (name not in ("own_tanh", "step"))


def test_one_formula_trains_saves_and_goes(tmp_path):
    @activation
    def mish(x):
        return x * formulas.tanh(formulas.softplus(x))

    net = fastnn.Network([2, 3, 1], ["mish", "sigmoid"])
    for dtype, tolerance in (("float64", 1e-11), ("float32", 1e-4)):
        runs = fastnn.train_many(net, *XOR, restarts=9, epochs=30, dtype=dtype)
        expected = fastnn.reference.train_many(net, *XOR, restarts=9, epochs=30, dtype=dtype)
        np.testing.assert_allclose(runs.loss, expected.loss, rtol=tolerance)
    runs.save(tmp_path / "runs.npz")
    assert fastnn.load(tmp_path / "runs.npz").loss[3] == runs.loss[3]
    fastnn.extend.remove("mish")
    with pytest.raises(ValueError, match=r"got 'mish'; an activation of your own must be added"):
        fastnn.Network([2, 1], "mish")
    assert mish(0.0) == 0  # the formula stays


def test_formulas_use_formulas():
    @activation
    def gate(x):
        return formulas.sigmoid(1.702 * x)

    @activation(name="gated")
    def of_gate(x):
        return x * gate(x)

    net = fastnn.Network([1, 1], "gated", bias=False)
    expected = 2.0 / (1 + math.exp(-1.702 * 2))
    assert fastnn.forward(net, [2.0], [[1.0]])[0, 0] == pytest.approx(expected, rel=1e-14)
    assert repr(of_gate) == "Expression(x: x * sigmoid(1.702 * x))"


def test_parts_that_are_not_given_are_derived():
    x = np.linspace(-2, 2, 9)
    add_activation("cube", function=lambda x: x * x * x, symmetry=-1, kink=0.0)
    np.testing.assert_allclose(BY_NAME["cube"].numpy_slope(x), 3 * x**2)
    assert BY_NAME["cube"].kinks == (0.0,)
    add_activation("flat", function=abs, slope=lambda x: formulas.select(x > 0.0, 1.0, -1.0),
                   slope_of="input", symmetry=1)  # fmt: skip
    np.testing.assert_array_equal(BY_NAME["flat"].numpy(x), np.abs(x))
    assert BY_NAME["flat"].numpy_slope(0.0) == -1  # as written
    add_activation("mine", function=formulas.tanh, numpy=np.tanh)
    assert BY_NAME["mine"].numpy is np.tanh
    assert not BY_NAME["mine"].of_input
    # A formula that asks for the type cannot be recorded, and needs all parts.
    add_activation(
        "typed", function=lambda x: 2.0 * x if x.is_double else x + x, slope_of="input",
        slope=lambda x: x.constant(2.0), numpy=lambda x: x + x, numpy_slope=lambda x: 2,
    )  # fmt: skip
    assert BY_NAME["typed"].expression is None
    net = fastnn.Network([1, 1, 1, 1, 1], ["cube", "flat", "mine", "typed"], bias=False)
    found = fastnn.forward(net, np.full(4, 0.9), [[-1.0]])[0, 0]
    assert found == pytest.approx(2 * 0.9 * math.tanh(0.9 * 0.9 * 0.9**3), rel=1e-14)
