"""What is added is compared in every form that it has; what loses digits is refused."""

import numpy as np
import pytest
from conftest import remove_own_activations

import fastnn
from fastnn.extend import activation, add_activation, formulas, loss, optimizer
from fastnn.extend.comparison import check_digits, check_loss, check_steps
from fastnn.optimizers import OPTIMIZERS
from fastnn.optimizers.one_formula import OneFormula
from fastnn.spec.activations import ACTIVATIONS, CODES, slope_of
from fastnn.spec.losses import BY_NAME


@pytest.fixture(autouse=True)
def _nothing_was_added():
    """Nothing remains of what is refused; what was added is removed."""
    losses = set(BY_NAME)
    yield
    assert losses == set(BY_NAME)
    remove_own_activations()


@pytest.mark.parametrize("name", [one.name for one in ACTIVATIONS])
def test_built_in_activations_keep_their_digits(name):
    function = next(one.expression for one in ACTIVATIONS if one.name == name)
    check_digits(function, *slope_of(function))


def cancels(x):
    return 1e9 * (formulas.exp(1e-9 * x) - 1.0)


def test_an_activation_that_loses_its_digits():
    """Code and NumPy lose the same ones, so only more digits tell."""
    with pytest.raises(
        ValueError,
        match=r"^function: expected the values of the formula with more digits, .* at x = .* in "
        r"float64, got .*; write it so that no digits are lost, such as expm1",
    ):
        activation(cancels)
    assert "cancels" not in CODES
    activation(lambda x: 1e9 * formulas.expm1(1e-9 * x), name="keeps")


def test_a_slope_that_is_nearly_right():
    """Differences do not see an error of 1e-7; complex steps do."""
    given = {"function": formulas.sin, "slope_of": "input"}
    with pytest.raises(
        ValueError, match=r"^slope: expected the values of complex steps of the function, .* at x"
    ):
        add_activation("wave", slope=lambda x: 1.0000001 * formulas.cos(x), **given)
    add_activation("wave", slope=lambda x: 1.0000000001 * formulas.cos(x), **given)


def test_either_slope_of_a_kink_is_right():
    add_activation(
        "bent", function=lambda x: formulas.select(x > 0.0, x, 0.2 * x), slope_of="input",
        slope=lambda x: formulas.select(x >= 0.0, 1.0, 0.2), kink=0.0,
    )  # fmt: skip


def test_numbers_and_outputs_are_named_where_forms_differ():
    def far(a, b, target, *, size=2.0):
        return 1e12 * formulas.log(1.0 + 1e-12 * size * (a * a + b * b)) + target

    with pytest.raises(
        ValueError, match=r"^function: .*at a = .*, b = .*, target = .*, size = 2 in float64, g"
    ):
        loss(far)
    with pytest.raises(ValueError, match=r"^residual: expected the values of the formula with mo"):
        loss(residual=lambda y, t: 1e9 * (formulas.exp(1e-9 * (y - t)) - 1.0), name="own")


def test_slopes_are_those_by_complex_steps():
    """A wrong slope, which no formula of a user can have, since slopes are derived."""
    term = fastnn.expressions.record(lambda y, t: (y - t) * (y - t), ["y", "t"])
    wrong = fastnn.expressions.record(lambda y, t: 2.001 * (y - t), ["y", "t"])
    check_loss("function", term, [term.derivative("y")], {})
    with pytest.raises(ValueError, match=r"^function: the slope by y: expected the values of comp"):
        check_loss("function", term, [wrong], {})


def test_where_a_formula_is_no_number_all_forms_are_none():
    made = loss(lambda y, t: y - t * formulas.log(y), name="of_positive")
    assert np.isnan(made.formula.term(-1.0, 1.0))
    fastnn.extend.remove(made)


@pytest.mark.parametrize(
    "kind", [one for one in OPTIMIZERS if issubclass(one, OneFormula)], ids=lambda one: one.__name__
)
def test_steps_of_built_in_optimizers(kind):
    numbers = {name: getattr(kind(), name) for name in kind._formula.numbers}
    check_steps(kind._formula, numbers)


def test_an_optimizer_whose_step_is_a_rounding_error():
    """Code rounds `fma` once, NumPy twice, which leaves no digits of this difference."""

    def rest(w, g, v, *, rate=1e20):
        return w - g, rate * formulas.fma(g, g, -(g * g)) + v

    before = [*OPTIMIZERS]
    with pytest.raises(
        ValueError,
        match=r"^rest: the new v: expected the values of numpy, .* at w = .*, rate = 1e\+20 in "
        r"float64, got .*; write it so that no digits are lost",
    ):
        optimizer(rest)
    assert before == OPTIMIZERS
    optimizer(lambda w, g, v, *, rate=0.1: (w - rate * v, g + v), name="rest")
    fastnn.extend.remove("rest")
