"""Functions of formulas, for the terms of code and for symbols that record."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..lanes.formulas import Term
from ..lanes.symbols import Symbol
from ..support.checks import shown
from .nodes import CONDITION, OPERATIONS
from .recording import RecordedCondition, RecordedNumber


def _function(kind: str) -> Callable[..., Any]:
    """The function of this name, with plain numbers taken wherever a symbol is, beside a symbol."""
    operation = OPERATIONS[kind]
    arguments = inspect.signature(operation.of_terms)

    @wraps(operation.of_terms)
    def checked(*args: Any, **kwargs: Any) -> Any:
        operands = arguments.bind(*args, **kwargs).args
        symbol: Any = next((one for one in operands if isinstance(one, Symbol)), None)
        if symbol is None:
            raise TypeError(
                f"{kind}: expected the symbol of a formula, got {', '.join(map(shown, operands))}; "
                "for a number that is known use the module math"
            )
        if isinstance(symbol, RecordedNumber | RecordedCondition):
            return symbol.recording.apply(kind, *operands)
        like = Term(symbol.builder, symbol.kind, symbol.value)._like
        return operation.of_terms(
            *(
                operand if letter == CONDITION else like(operand)
                for letter, operand in zip(operation.takes, operands, strict=True)
            )
        )

    checked.__name__ = checked.__qualname__ = kind
    return checked


at_least = _function("at_least")
at_most = _function("at_most")
atan = _function("atan")
atanh = _function("atanh")
cos = _function("cos")
exp = _function("exp")
expm1 = _function("expm1")
fma = _function("fma")
log = _function("log")
log1p = _function("log1p")
magnitude = _function("magnitude")
select = _function("select")
sigmoid = _function("sigmoid")
sin = _function("sin")
softplus = _function("softplus")
softplus_rest = _function("softplus_rest")
sqrt = _function("sqrt")
tanh = _function("tanh")
with_sign = _function("with_sign")
