"""Comparison of the forms of what is added: code, NumPy forms, slopes, and with more digits.

Code and NumPy forms are compared with each other, with the formula in extended precision, and
slopes with differences and with complex steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types

from ..expressions import Expression
from ..expressions.complex_numbers import slope_by_complex_step
from ..lanes.formulas import Term
from ..lanes.types import llvm_value
from ..optimizers.steps import Step
from ..spec.activations import EVERYTHING
from ..support.gate import function_at

DTYPES: dict[Any, np.dtype] = {
    types.float64: np.dtype(np.float64),
    types.float32: np.dtype(np.float32),
}
# Up to here every NumPy form that means well is finite; beyond, some overflow in between.
MODERATE = 8.0
# Step of differences, and their relative and absolute error: h**2 f''' / 6 is below it for waves
# of up to 200 radians a unit, and rounding, eps f / h, far below it.
STEP, SLOPE_ERROR = 1e-5, 1e-6
# Beyond, a step is not small beside the rounding of x.
DIFFERENCES_TO = 100.0
# What to do where forms, or slopes, differ that were given, and that were derived from one formula.
GIVEN = ("give the same function twice", "give its derivative")
DERIVED = (
    "write it so that no digits are lost, such as expm1(x) for exp(x) - 1.0",
    "write the formula in another way, or give add_activation a slope",
)


def points(dtype: Any) -> np.ndarray:
    """Points of comparison: negative and positive, 0, tiny, ordinary and large.

    In ascending order, symmetric, without fractions that could be kinks, except for 0 and a few
    whole numbers.
    """
    tiny = [1e-30, 1e-12, 1e-8, 1e-5, 1e-3]
    ordinary = [*np.arange(1, 66) * (MODERATE / 65.7), 1.0, 2.0, 3.0, 6.0]
    large = [12.3, 19.7, 31.4, 77.7, 321.0, 1e3, *([1e4] if dtype == np.float64 else [])]
    positive = np.sort([*tiny, *ordinary, *large])
    return np.concatenate([-positive[::-1], [0.0], positive]).astype(dtype)


def compiled(
    function: Callable[..., Term], kind: types.Type, arguments: int = 1
) -> Callable[..., np.ndarray]:
    """The formula as a function of arrays, compiled by LLVM without Numba, in milliseconds."""
    value = llvm_value(kind)
    module = ir.Module()
    module.triple = binding.get_default_triple()
    code = ir.Function(module, ir.FunctionType(value, [value] * arguments), "formula")
    builder = ir.IRBuilder(code.append_basic_block())
    builder.ret(function(*(Term(builder, kind, given) for given in code.args)).value)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    machine = binding.Target.from_triple(module.triple).create_target_machine()
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    call = function_at(engine.get_function_address("formula"), DTYPES[kind], arguments)

    def evaluate(*x: Any, _: Any = engine) -> np.ndarray:  # the code lives as long as the engine
        rows = zip(*(np.ravel(each).tolist() for each in x), strict=True)
        return np.array([call(*row) for row in rows], dtype=DTYPES[kind])

    return evaluate


def check_forms(
    function: Callable[[Term], Term],
    slope: Callable[[Term], Term],
    numpy: Callable[[np.ndarray], Any],
    numpy_slope: Callable[[np.ndarray], Any],
    of_input: bool,
    advice: tuple[str, str] = GIVEN,
) -> None:
    """Raise unless formulas and NumPy forms agree, and the slope is the derivative."""
    for kind, dtype in DTYPES.items():
        x = points(dtype)
        y, expected = compiled(function, kind)(x), _numpy(numpy, x)
        _same(("function", "numpy", advice[0]), x, y, expected, at_kinks=False)
        argument = x if of_input else y
        slopes, given = compiled(slope, kind)(argument), _numpy(numpy_slope, argument)
        if kind == types.float64:
            _check_slope(numpy, x, slopes, advice[1])
        _same(("numpy_slope", "slope", advice[0]), x, given, slopes, at_kinks=True)


def _numpy(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.array(np.broadcast_to(function(x), x.shape), dtype=x.dtype)


def _same(
    told: tuple[str, str, str],
    x: np.ndarray,
    got: np.ndarray,
    expected: np.ndarray,
    *,
    at_kinks: bool,
) -> None:
    """Raise unless both agree at every point; the names of both, and what to do, are told.

    Half of the digits must be the same: rounding, with sums that cancel, leaves more of them at
    these points.  At a single point both slopes of a kink are right.
    """
    tolerance = math.sqrt(np.finfo(x.dtype).eps)
    with np.errstate(all="ignore"):
        close = np.isclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    close |= ~np.isfinite(expected) & np.isfinite(got) & (np.abs(x) > MODERATE)
    if at_kinks:
        alone = np.concatenate([[False], close[:-2] & close[2:], [False]])
        close |= alone & np.isfinite(got) & np.isfinite(expected)
    if not close.all():
        at, (name, other, advice) = _first(~close, x), told
        raise ValueError(
            f"{name}: expected the values of {other}, {expected[at]:.9g} at x = {x[at]:.9g} in "
            f"{x.dtype}, got {got[at]:.9g}; {advice}"
        )


def _first(wrong: np.ndarray, x: np.ndarray) -> int:
    """The position of the plainest point among the wrong ones."""
    places = np.flatnonzero(wrong)
    return int(places[np.argmin(np.abs(np.abs(x[places]) - 1))])


def _check_slope(
    numpy: Callable[[np.ndarray], Any], x: np.ndarray, slopes: np.ndarray, advice: str
) -> None:
    """Raise unless the slopes lie between the differences to the left and to the right.

    At a kink every number between is a slope.  Halving the step tells the error of each difference.
    """
    near = np.abs(x) <= DIFFERENCES_TO
    x, slopes = x[near], slopes[near]
    middle = _numpy(numpy, x)
    with np.errstate(all="ignore"):
        sides, halves = (
            np.array([(_numpy(numpy, x + step) - middle) / step for step in (-size, size)])
            for size in (STEP, STEP / 2)
        )
        low, high = sides.min(axis=0), sides.max(axis=0)
        error = SLOPE_ERROR * (1 + np.abs(sides).max(axis=0))
        error += 2 * np.abs(sides - halves).max(axis=0)
        right_slope = (slopes >= low - error) & (slopes <= high + error)
    wrong = ~right_slope & np.isfinite(low) & np.isfinite(high)
    if wrong.any():
        at = _first(wrong, x)
        raise ValueError(
            f"slope: expected the derivative of function, about {sides[:, at].mean():.6g} at "
            f"x = {x[at]:.9g}, got {slopes[at]:.9g}; {advice}"
        )


def check_digits(function: Expression, slope: Expression, of_input: bool) -> None:
    """Raise unless the code has half of the digits of the formula with more digits.

    The slope is also compared with complex steps.  Both are in float64, up to where well-meant
    formulas do not overflow.
    """
    x = points(np.float64)
    x = x[np.abs(x) <= MODERATE]
    y, exact = compiled(function, types.float64)(x), function(x.astype(np.longdouble))
    slopes = compiled(slope, types.float64)(x if of_input else y)
    exact_slopes = slope(x.astype(np.longdouble) if of_input else exact)
    more = "the formula with more digits"
    _same(("function", more, DERIVED[0]), x, y, exact, at_kinks=False)
    _same(("slope", more, DERIVED[1]), x, slopes, exact_slopes, at_kinks=True)
    steps = slope_by_complex_step(function, 0, x)
    told = np.isfinite(steps) & np.isfinite(y) & ~np.isnan(slopes)  # differences tell of NaN
    steps = np.where(told, steps, slopes)
    _same(("slope", "complex steps of the function", DERIVED[1]), x, slopes, steps, at_kinks=True)


def check_loss(
    argument: str, term: Expression, slopes: Sequence[Expression], numbers: Mapping[str, float]
) -> None:
    """Raise unless the forms of a loss agree, and its slopes are those of complex steps.

    The points are ordinary random numbers, and -1, 0 and 1 in all ways; `numbers` are constant.
    """
    free = len(term.arguments) - len(numbers)
    few = [*product((-1.0, 0.0, 1.0), repeat=free)] if free <= 4 else []
    drawn = np.random.default_rng(0).normal(0, 1.5, (60, free))
    rows = np.vstack([drawn, *few])
    constant = [np.full(len(rows), number) for number in numbers.values()]
    values = [*rows.T, *constant]
    for place, formula in enumerate((term, *slopes), -1):
        what = argument if place < 0 else f"{argument}: the slope by {term.arguments[place]}"
        for kind, dtype in DTYPES.items():
            given = [value.astype(dtype) for value in values]
            found = compiled(formula, kind, len(given))(*given)
            _agree(what, "numpy", term.arguments, given, found, formula(*given))
        exact = formula(*(value.astype(np.longdouble) for value in values))
        found = compiled(formula, types.float64, len(values))(*values)
        _agree(what, "the formula with more digits", term.arguments, values, found, exact)
        if place >= 0:
            steps = slope_by_complex_step(term, place, *values)
            steps = np.where(np.isfinite(steps) & np.isfinite(term(*values)), steps, found)
            _agree(what, "complex steps", term.arguments, values, found, steps)


def check_steps(step: Step, defaults: Mapping[str, float]) -> None:
    """Raise unless the code of an optimizer's step agrees with its NumPy form.

    They are compared in ten steps of twenty weights with random gradients, from the start of the
    memory, with the default numbers: only there need a formula make sense.
    """
    names, drawn = step.results[0].arguments, np.random.default_rng(0).normal(size=(11, 20))
    for kind, dtype in DTYPES.items():
        codes = [compiled(result, kind, len(names)) for result in step.results]
        constants = [start if isinstance(start, float) else defaults[start]
                     for _, start in step.memory]  # fmt: skip
        memory = [np.full(20, start, dtype) for start in constants]
        numbers = [np.full(20, defaults[name], dtype) for name in step.numbers]
        w, *gradients = drawn.astype(dtype)
        for g in gradients:
            values = [w, g, *memory, *numbers]
            news = [result(*values) for result in step.results]
            for name, code, new in zip((names[0], *names[2:]), codes, news, strict=False):
                _agree(f"{step.name}: the new {name}", "numpy", names, values, code(*values), new)
            w, *memory = news


def _agree(
    what: str, other: str, names: Sequence[str], values: list[np.ndarray], got: Any, expected: Any
) -> None:
    tolerance = math.sqrt(np.finfo(values[0].dtype).eps)
    with np.errstate(all="ignore"):
        close = np.isclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not close.all():
        at = int(np.argmin(close))
        where = ", ".join(f"{name} = {x[at]:.6g}" for name, x in zip(names, values, strict=True))
        raise ValueError(
            f"{what}: expected the values of {other}, {expected[at]:.9g} at {where} in "
            f"{values[0].dtype}, got {got[at]:.9g}; {DERIVED[0]}"
        )


def check_symmetry(numpy: Callable[[np.ndarray], Any], symmetry: int) -> None:
    """Raise unless the function is even (1) or odd (-1), if it is said to be."""
    x = points(np.float64)
    values = _numpy(numpy, x)
    tolerance = math.sqrt(np.finfo(x.dtype).eps)
    with np.errstate(all="ignore"):
        mirrored = symmetry * values[::-1]
        close = np.isclose(values, mirrored, rtol=tolerance, atol=tolerance, equal_nan=True)
    wrong = ~close & (np.abs(x) <= MODERATE)
    if symmetry and wrong.any():
        kind, at = "even" if symmetry > 0 else "odd", _first(wrong, x)
        raise ValueError(
            f"symmetry: expected 0 for a function that is not {kind}, got {symmetry}; its values "
            f"at {-x[at]:.6g} and {x[at]:.6g} are {values[::-1][at]:.6g} and {values[at]:.6g}"
        )


def symmetry_of(function: Callable[[Term], Term]) -> int:
    """Return 1 if the formula is even, -1 if it is odd, to the last bit of many points, else 0."""
    evaluate = compiled(function, types.float64)
    x = np.concatenate([points(np.float64), np.random.default_rng(0).normal(0, 3, 500)])
    values, mirrored = evaluate(x), evaluate(-x)
    return next((sign for sign in (1, -1) if np.array_equal(mirrored, sign * values)), 0)


def range_of(function: Callable[[Term], Term]) -> tuple[float, float]:
    """The interval of the formula's values, found by sampling; a bit wider than they are.

    An end that still moves beyond ``|x| = 1e15`` is infinite; where values are no numbers, both.
    """
    evaluate = compiled(function, types.float64)
    near, far = np.linspace(-20, 20, 4001), np.geomspace(20, 1e15, 300)
    farther = np.geomspace(1e15, 1e30, 50)
    values = evaluate(np.concatenate([near, far, -far]))
    beyond = evaluate(np.concatenate([farther, -farther]))
    if np.isnan(values).any() or np.isnan(beyond).any():
        return EVERYTHING
    high = _end(float(values.max()), float(beyond.max()))
    low = -_end(-float(values.min()), -float(beyond.min()))
    room = 0.01 * (high - low if math.isfinite(high - low) else 1.0)
    return low - room, high + room


def _end(most: float, beyond: float) -> float:
    """The upper end of a range, infinite if it still moves."""
    moves = beyond == math.inf or beyond - most > 1e-6 + 0.01 * max(abs(most), abs(beyond))
    return math.inf if moves else most
