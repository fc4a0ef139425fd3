"""Functions for formulas of activations, in addition to operators and numbers.

A formula is a function of a `Term`, which stands for a float64 or float32 number, or for one in
every lane; ``x.constant(c)`` is the number c of the same kind.  The bits are the same on every
machine: `exp` and the like are fastnn's own, and a product and a sum are fused only by `fma`.

Operators are ``+ - * /`` and ``abs``.  For `select` there are the comparisons ``< <= > >=``, each a
`Condition`, joined by ``&``, ``|``, ``^`` and ``~``.  The formula runs once, before there are
numbers, so ``if``, ``and``, ``max``, ``==``, ``math.exp`` and the like raise an error that says
what to write.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from ..lanes import formulas
from ..lanes.formulas import Condition, Term
from ..lanes.math import exponentials, logarithms, trigonometry

__all__ = [
    "Condition",
    "Term",
    "at_least",
    "at_most",
    "atanh",
    "cos",
    "exp",
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
Arguments = ParamSpec("Arguments")


def __dir__() -> list[str]:
    return __all__


def _of_symbols(name: str, function: Callable[Arguments, Term]) -> Callable[Arguments, Term]:
    """The function with plain numbers taken wherever a symbol is, beside at least one symbol."""

    @wraps(function)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Term:
        symbol: Any = next((one for one in args if isinstance(one, Term | Condition)), None)
        if symbol is None:
            raise TypeError(
                f"{name}: expected the symbol of a formula, got {', '.join(map(repr, args))}; for "
                "a number that is known use the module math"
            )
        like = Term(symbol.builder, symbol.kind, symbol.value)._like
        first = args[:1] if function is formulas.select else ()
        numbers: Any = (*first, *map(like, args[len(first) :]))  # type: ignore[arg-type]
        return function(*numbers, **kwargs)

    checked.__name__ = checked.__qualname__ = name
    checked.__module__ = __name__
    return checked


at_least = _of_symbols("at_least", formulas.at_least)
at_most = _of_symbols("at_most", formulas.at_most)
atanh = _of_symbols("atanh", logarithms.atanh_of)
cos = _of_symbols("cos", trigonometry.cos_of)
exp = _of_symbols("exp", exponentials.exp_of)
fma = _of_symbols("fma", formulas.fma)
log = _of_symbols("log", logarithms.log_of)
log1p = _of_symbols("log1p", logarithms.log1p_of)
magnitude = _of_symbols("magnitude", formulas.magnitude)
select = _of_symbols("select", formulas.select)
sigmoid = _of_symbols("sigmoid", exponentials.sigmoid_of)
sin = _of_symbols("sin", trigonometry.sin_of)
softplus = _of_symbols("softplus", logarithms.softplus_of)
sqrt = _of_symbols("sqrt", formulas.sqrt)
tanh = _of_symbols("tanh", exponentials.tanh_of)
with_sign = _of_symbols("with_sign", formulas.with_sign)
