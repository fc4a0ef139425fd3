"""Activations of your own, from one formula or from parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, overload

import numpy as np
from llvmlite import ir
from numba import types

from ..expressions import Expression, record
from ..lanes.formulas import Condition, Term, formula
from ..lanes.types import Lanes, llvm_value
from ..spec import activations, own_activations
from ..spec.activations import BY_NAME, Activation
from ..spec.activations import slope_of as slope_of_formula
from ..support.checks import integer, shown
from ..support.suggestions import suggests
from .comparison import DERIVED, check_digits, check_forms, check_symmetry, range_of, symmetry_of

Decorator = Callable[[Callable[..., Any]], Expression]


@overload
def activation(function: Callable[..., Any], *, name: str | None = None) -> Expression: ...


@overload
def activation(function: None = None, *, name: str | None = None) -> Decorator: ...


@suggests
def activation(
    function: Callable[..., Any] | None = None, *, name: str | None = None
) -> Expression | Decorator:
    """Add an activation of your own, made of one formula, which networks use by name; a decorator.

    All else follows from the formula: the compiled form, the slope, by exact differentiation (see
    `Expression.derivative` in the sources for its values at kinks), the form in NumPy for
    `fastnn.reference`, the range of its values, and whether it is even or odd.  Compiled form and
    NumPy form are compared at some 150 points, from -10,000 to 10,000 and close to 0, in both
    number types, and from -8 to 8 with the formula in extended precision; the slope is compared
    with differences and complex steps of the function.

    Parameters
    ----------
    function : callable
        A formula of one number: operators, numbers and the functions of `fastnn.extend.formulas`.
        It is called once, with a symbol that stands for the number.
    name : str, optional
        The name for ``Network(activation=...)``: letters, digits and underscores.  By default that
        of the function.

    Returns
    -------
    Expression
        The formula: usable in other formulas, and as a function of arrays.  Its `derivative("x")`
        is another one.

    Raises
    ------
    TypeError, ValueError
        If it is not such a formula, the name is taken, or the forms do not agree, such as where
        digits cancel or the slope is NaN; then nothing is added.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.extend.formulas import softplus, tanh
    >>> @fastnn.extend.activation
    ... def mish(x):
    ...     return x * tanh(softplus(x))
    >>> mish
    Expression(x: x * tanh(softplus(x)))
    >>> fastnn.Network([2, 3, 1], activation=["mish", "sigmoid"]).activation
    ('mish', 'sigmoid')
    >>> fastnn.extend.remove("mish")
    """
    if function is None:
        return lambda function: activation(function, name=name)
    _check_takes_one("function", function)
    if name is None:
        name = getattr(function, "__name__", None)
        if not isinstance(name, str) or not name.isidentifier():
            raise TypeError(
                f"name: expected a name for {shown(function)}, got none; write "
                "activation(function, name=…)"
            )
    _check_name(name)
    expression = record(function, ["x"])
    slope, of_input = slope_of_formula(expression)
    check_digits(expression, slope, of_input)
    check_forms(expression, slope, expression, slope, of_input, DERIVED)
    own_activations.add(
        own_activations.made_of(
            name,
            expression,
            slope,
            of_input=of_input,
            symmetry=symmetry_of(expression),
            range=range_of(expression),
        )
    )
    return expression


@suggests
def add_activation(
    name: str,
    *,
    function: Callable[[Term], Term],
    slope: Callable[[Term], Term] | None = None,
    numpy: Callable[[np.ndarray], np.ndarray] | None = None,
    numpy_slope: Callable[[np.ndarray], Any] | None = None,
    slope_of: str = "output",
    kink: float | None = None,
    symmetry: int = 0,
) -> None:
    """Add an activation of your own with parts that you have written; see also `activation`.

    The slope, and the forms in NumPy for `fastnn.reference`, are derived from the function unless
    you give them.  Formulas and NumPy forms are compared at some 150 points, from -10,000 to 10,000
    and close to 0, and the slope with differences of the function.

    Parameters
    ----------
    name : str
        The name for ``Network(activation=...)``: letters, digits and underscores.
    function : callable
        A formula of one number: operators, numbers and the functions of `fastnn.extend.formulas`.
        It is called with a `Term` that stands for the number, not with numbers.
    slope : callable, optional
        The formula of the derivative, for one that takes less time than the derived one, or has
        another value at a kink.
    numpy, numpy_slope : callable, optional
        The same for arrays of any shape, elementwise; float32 arrays must give float32 arrays.
    slope_of : str, default "output"
        The argument of the slopes that you give: "output", the activation's result, or "input".
    kink : float, optional
        Where the activation has no slope.
    symmetry : int, default 0
        1 if the activation is even, -1 if it is odd: then statistics of minima identify units that
        differ only in their signs.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, the name is taken, or the formulas, the NumPy
        forms and the slope do not fit together; then nothing is added.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> fastnn.extend.add_activation(
    ...     "cube", function=lambda x: x * x * x, slope=lambda x: 3.0 * x * x, symmetry=-1,
    ...     numpy=lambda x: x**3, numpy_slope=lambda x: 3 * x**2, slope_of="input",
    ... )
    >>> fastnn.forward(fastnn.Network([1, 1], "cube", bias=False), [2.0], [[1.0]])
    array([[8.]])
    >>> fastnn.extend.remove("cube")
    """
    _check_name(name)
    if slope_of not in ("output", "input"):
        raise ValueError(f"slope_of: expected 'output' or 'input', got {shown(slope_of)}")
    symmetry = integer("symmetry", symmetry, -1, 1)
    if kink is not None and not (isinstance(kink, int | float) and np.isfinite(kink)):
        raise TypeError(f"kink: expected a finite number or None, got {shown(kink)}")
    if slope is None and numpy_slope is not None:
        raise TypeError("numpy_slope: expected it only together with slope, got no slope")
    for argument, part in (("function", function), ("slope", slope)):
        if part is not None or argument == "function":
            _check_formula(argument, part)
    parts = _completed(function, slope, numpy, numpy_slope, slope_of == "input")
    _check_numpy("numpy", parts.numpy, "numpy_slope", parts.numpy_slope, parts.of_input)
    check_symmetry(parts.numpy, symmetry)
    check_forms(function, parts.slope, parts.numpy, parts.numpy_slope, parts.of_input)
    recorded = _recorded(parts.slope, parts.of_input)
    if parts.expression is not None and recorded is not None:
        check_digits(parts.expression, recorded, parts.of_input)
    own_activations.add(
        replace(
            parts,
            name=name,
            function=formula(function, arguments=1),
            slope=formula(parts.slope, arguments=1),
            slope_expression=recorded,
            kinks=() if kink is None else (float(kink),),
            symmetry=symmetry,
            range=range_of(function),
        )
    )


def _recorded(slope: Callable[..., Any], of_input: bool) -> Expression | None:
    """The slope as a formula; None for one that asks for the type of its number."""
    if isinstance(slope, Expression):
        return slope
    try:
        return record(slope, ["x" if of_input else "y"])
    except TypeError:
        return None


def _completed(
    function: Callable[..., Any],
    slope: Callable[..., Any] | None,
    numpy: Callable[..., Any] | None,
    numpy_slope: Callable[..., Any] | None,
    of_input: bool,
) -> Activation:
    """The parts of an activation, derived from the function where they are not given."""
    try:
        expression = record(function, ["x"])
    except TypeError:
        # A formula that asks for the type works, but only with all parts.
        if slope is None or numpy is None or numpy_slope is None:
            raise
        return Activation("", function, slope, numpy, numpy_slope, of_input=of_input)
    if slope is None:
        slope, of_input = slope_of_formula(expression)
    return Activation(
        "",
        function,
        slope,
        numpy or expression,
        numpy_slope or record(slope, ["x" if of_input else "y"]),
        of_input=of_input,
        expression=expression,
    )


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {shown(name)}")
    if not name.isidentifier():
        raise ValueError(f"name: expected letters, digits and underscores, got {shown(name)}")
    if name in activations.CODES and (name not in BY_NAME or BY_NAME[name].is_own):
        raise ValueError(f"name: expected a new name, got {name!r}, which already exists")


def _check_formula(argument: str, function: Any) -> None:
    """Try the formula on terms of every kind, without compiling it."""
    _check_takes_one(argument, function)
    for kind in (types.float64, types.float32, Lanes(types.float64, 2)):
        value = llvm_value(kind)
        code = ir.Function(ir.Module(), ir.FunctionType(value, [value]), "formula")
        term = Term(ir.IRBuilder(code.append_basic_block()), kind, code.args[0])
        try:
            result = function(term)
        except Exception as error:
            raise TypeError(
                f"{argument}: expected a formula made of operators, numbers and the functions of "
                f"fastnn.extend.formulas, got one that fails: {error}"
            ) from error
        if not isinstance(result, Term) or result.value.type != value:
            raise TypeError(
                f"{argument}: expected a formula that gives a number (x.constant(1.0) for a "
                f"constant), got {_named(result)}"
            )


def _check_takes_one(argument: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"{argument}: expected a function, got {shown(function)}")
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{argument}: expected a function of one argument, got one with other arguments"
        ) from error


def _named(result: Any) -> str:
    return "a comparison" if isinstance(result, Condition) else shown(result)


def _check_numpy(name: str, function: Any, slope_name: str, slope: Any, of_input: bool) -> None:
    """Try the NumPy forms on a small array of each number type."""
    for argument, part in ((name, function), (slope_name, slope)):
        if not callable(part):
            raise TypeError(f"{argument}: expected a function, got {shown(part)}")
    for dtype in (np.float64, np.float32):
        x = np.array([[-1.5, -0.75, -0.25], [0.25, 0.75, 1.5]], dtype=dtype)
        values = _of_numpy(name, function, x)
        if values.shape != x.shape or values.dtype != dtype:
            raise TypeError(
                f"{name}: expected an array of shape {x.shape} and dtype {x.dtype} for such an "
                f"input, got {shown(values)}"
            )
        slopes = _of_numpy(slope_name, slope, x if of_input else values)
        if slopes.shape not in ((), x.shape) or slopes.dtype.kind not in "biuf":
            raise TypeError(
                f"{slope_name}: expected an array of shape {x.shape} for such an input, got "
                f"{shown(slopes)}"
            )


def _of_numpy(argument: str, function: Any, x: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(x))
    except Exception as error:
        raise TypeError(
            f"{argument}: expected a function of one array, got one that fails: {error}"
        ) from error
