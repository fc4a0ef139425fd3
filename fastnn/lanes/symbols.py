"""Questions that Python asks of a number, which a symbol in a formula cannot answer.

A formula runs once, before there are numbers.  So whatever depends on a number's value, such as
``if x > 0``, would run for a single case and be compiled for all of them.  Each such question is
refused here, with what to write instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

CHOICE = (
    "write select(x > 0.0, yes, no), at_least(x, 0.0), at_most(x, 1.0), (x > a) & (x < b), "
    "(x < a) | (x > b) or ~(x > a)"
)
FUNCTION = "write a function of fastnn.extend.formulas, such as exp(x) or select(x > 0.0, yes, no)"
STEPS = "write select(x < 1.0, …, …) for each step"
ANEW = "compute it anew where it is needed"
POWER = "write x * x, sqrt(x), or exp(p * log(x)) for x > 0"
BRACKETS = "put each comparison in brackets: (x > a) & (x < b)"
# Special methods, what calls them, and what to write instead.
REFUSED = (
    ("bool", "if, and, or, not, max, min, any, all or a < x < b", CHOICE),
    ("eq ne", "== or !=, also within `in` and `match`", "write select(x > 0.0, yes, no)"),
    ("hash", "dict, set or cache", ANEW),
    ("float complex int index", "float(x), int(x) or a function of the module math", FUNCTION),
    ("array array_function", "function of NumPy", FUNCTION),
    ("len iter contains getitem", "sequence", "a formula has one number"),
    ("round trunc floor ceil", "rounding", STEPS),
    ("mod rmod floordiv rfloordiv divmod rdivmod", "%, // or divmod", STEPS),
    ("pow rpow", "**", POWER),
    ("matmul rmatmul", "@", "write x * y"),
)
OF_NUMBERS = (("and rand or ror xor rxor invert", "&, |, ^ or ~", BRACKETS),)
OF_CONDITIONS = (
    ("add radd sub rsub mul rmul truediv rtruediv neg pos abs", "arithmetic with a comparison",
     "write select(x > 0.0, yes, no)"),
    ("lt gt le ge", "comparison of a comparison", BRACKETS),
)  # fmt: skip
# What NumPy's scalars call for an operator with a symbol on its right.
OPERATORS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
}


def refusal(use: str, instead: str) -> TypeError:
    """The error for a use that needs a value."""
    return TypeError(
        f"{use}: expected a value that is known, got the symbol of a formula, which stands for all "
        f"values; {instead}"
    )


class Symbol:
    """The base of what stands for numbers, or for comparisons of them, in a formula."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc in OPERATORS and method == "__call__" and not options:
            numbers = [one if isinstance(one, Symbol) else np.asarray(one) for one in inputs]
            if all(isinstance(one, Symbol) or one.ndim == 0 for one in numbers):
                plain = [one if isinstance(one, Symbol) else one.item() for one in numbers]
                return OPERATORS[ufunc](*plain)
        raise refusal(f"np.{ufunc.__name__}", FUNCTION)

    def __format__(self, specification: str) -> str:
        if specification:
            raise refusal(f"format {specification!r}", "print(x) shows the symbol itself")
        return str(self)


def refuses(*refused: tuple[str, str, str]) -> Callable[[type], type]:
    """Make a class refuse these special methods."""

    def method(use: str, instead: str) -> Callable[..., NoReturn]:
        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise refusal(use, instead)

        return refuse

    def changed(kind: type) -> type:
        for names, use, instead in refused:
            for name in names.split():
                setattr(kind, f"__{name}__", method(use, instead))
        return kind

    return changed
