"""Functions for formulas of activations, in addition to operators and numbers.

A formula is a function of symbols, which stand for float64 or float32 numbers, or for one in every
lane; ``x.constant(c)`` is the number c of the same kind as x.  The bits are the same on every
machine: `exp` and the like are fastnn's own, and a product and a sum are fused only by `fma`.

Operators are ``+ - * /`` and ``abs``.  For `select` there are the comparisons ``< <= > >=``, joined
by ``&``, ``|``, ``^`` and ``~``.  The formula runs once, before there are numbers, so ``if``,
``and``, ``max``, ``==``, ``math.exp`` and the like raise an error that says what to write.
"""

from ..expressions.functions import (
    at_least,
    at_most,
    atan,
    atanh,
    cos,
    exp,
    expm1,
    fma,
    log,
    log1p,
    magnitude,
    select,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
    with_sign,
)
from ..lanes.formulas import Condition, Term

__all__ = [
    "Condition",
    "Term",
    "at_least",
    "at_most",
    "atan",
    "atanh",
    "cos",
    "exp",
    "expm1",
    "fma",
    "log",
    "log1p",
    "magnitude",
    "select",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
    "with_sign",
]


def __dir__() -> list[str]:
    return __all__
