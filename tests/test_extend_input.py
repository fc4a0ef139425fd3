"""Invalid user-defined activations: errors that name what is wrong, and nothing added."""

import numpy as np
import pytest

import fastnn
from fastnn.extend import formulas
from fastnn.spec.activations import BY_NAME, CODES


def identity(**changed):
    """Arguments that add an activation, but for some."""
    return {
        "name": "same", "function": lambda x: x, "slope": lambda y: y.constant(1.0),
        "numpy": lambda x: x, "numpy_slope": lambda y: 1, **changed,
    }  # fmt: skip


BAD = [
    ({"name": 3}, TypeError, r"name: expected a str, got 3"),
    ({"name": "a b"}, ValueError, r"name: expected letters, .* got 'a b'"),
    ({"name": "sigmoid"}, ValueError, r"name: expected a new name, got 'sigmoid'"),
    ({"name": "softmax"}, ValueError, r"name: expected a new name, got 'softmax'"),
    ({"function": 3}, TypeError, r"function: expected a function, got 3"),
    ({"function": lambda: 1}, TypeError, r"function: expected a function of one argument"),
    ({"function": lambda x, y: x}, TypeError, r"function: expected a function of one argument"),
    ({"function": lambda x: 0.5}, TypeError, r"function: .*gives a number \(x.const.* got 0.5"),
    ({"function": lambda x: x > 0}, TypeError, r"function: .*gives a number .* got a comparison"),
    ({"function": np.exp}, TypeError, r"function: expected a formula made of operators"),
    ({"slope": lambda x: x**2}, TypeError, r"slope: expected a formula .* got one that fails"),
    ({"slope": 3}, TypeError, r"slope: expected a function, got 3"),
    ({"slope": None}, TypeError, r"numpy_slope: expected it only together with slope, got no sl"),
    (
        {"function": lambda x: x if x.is_double else 1.0 * x, "numpy": None},
        TypeError,
        r"formula: expected a formula .*write x.by_type\(for_float64, for_float32\)",
    ),
    ({"numpy": 1.0}, TypeError, r"numpy: expected a function, got 1.0"),
    ({"numpy": lambda x: x.sum()}, TypeError, r"numpy: expected an array of shape \(2, 3\)"),
    ({"numpy": lambda x: x.astype(float)}, TypeError, r"numpy: .* dtype float32 .* float64"),
    ({"numpy": lambda x: x.nothing}, TypeError, r"numpy: .*fails: 'numpy.ndarray' object has"),
    ({"numpy_slope": lambda y: y[0]}, TypeError, r"numpy_slope: expected an array of shape"),
    ({"numpy_slope": "y"}, TypeError, r"numpy_slope: expected a function, got 'y'"),
    ({"slope_of": "x"}, ValueError, r"slope_of: expected 'output' or 'input', got 'x'"),
    ({"kink": "0"}, TypeError, r"kink: expected a finite number or None, got '0'"),
    ({"kink": np.nan}, TypeError, r"kink: expected a finite number or None, got nan"),
    ({"symmetry": 2}, ValueError, r"symmetry: expected an integer from -1 to 1, got 2"),
    ({"symmetry": 1}, ValueError, r"symmetry: expected 0 for a function that is not even, got 1"),
]


@pytest.mark.parametrize(("changed", "error", "message"), BAD, ids=range(len(BAD)))
def test_activations_that_are_none(changed, error, message):
    before = dict(BY_NAME), dict(CODES)
    with pytest.raises(error, match=message):
        fastnn.extend.add_activation(**identity(**changed))
    assert before == (BY_NAME, CODES)


FORMULAS = [
    ((3,), TypeError, r"function: expected a function, got 3"),
    ((lambda x: x,), TypeError, r"name: expected a name for <function .*; write activation\(func"),
    ((np.tanh,), ValueError, r"name: expected a new name, got 'tanh', which already exists"),
    ((lambda: 1, "own"), TypeError, r"function: expected a function of one argument"),
    ((lambda x, y: x, "own"), TypeError, r"function: expected a function of one argument"),
    ((lambda x: x, 3), TypeError, r"name: expected a str, got 3"),
    ((lambda x: x, "a b"), ValueError, r"name: expected letters, digits and underscores"),
    ((lambda x: x, "tanh"), ValueError, r"name: expected a new name, got 'tanh', which already"),
    ((lambda x: max(x, 0), "own"), TypeError, r"formula: expected a formula .*write select\(x > 0"),
    ((np.exp, "own"), TypeError, r"exp: expected a formula .*write a function of fastnn.extend.fo"),
    ((lambda x: x > 0, "own"), TypeError, r"formula: .*got a comparison; write select\(condition"),
    (
        (lambda x: formulas.sqrt(x * x), "own"),
        ValueError,
        r"slope: expected the derivative of function, about 0 at x = 0, got nan; write the formula",
    ),
    (
        (lambda x: 10.0 * (formulas.exp(x) - 1.0 / formulas.exp(-x)), "own"),
        ValueError,
        r"function: expected the values of numpy, .*, got .*; write it so that no digits",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), FORMULAS, ids=range(len(FORMULAS)))
def test_formulas_that_are_no_activation(arguments, error, message):
    before = dict(BY_NAME), dict(CODES)
    function, *name = arguments
    with pytest.raises(error, match=message):
        fastnn.extend.activation(function, **dict(zip(["name"], name, strict=False)))
    assert before == (BY_NAME, CODES)
