"""Formulas of many numbers, with several results, as functions of tuples that kernels call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .conversion import is_value
from .formulas import Term


def tuple_formula(function: Callable[..., Sequence[Term]], arguments: int, results: int) -> Any:
    """Let kernels call `function` of 1, 3 or 6 `arguments`, numbers or tuples of them, of one kind.

    Each number is a plain float or a lane vector.  The function gets terms, or lists of terms for
    tuples, and returns a sequence of `results` terms, which becomes a tuple.
    """

    def typed(*kinds):
        plain = [kind.dtype if isinstance(kind, types.UniTuple) else kind for kind in kinds]
        kind = plain[0]
        if not is_value(kind) or any(other != kind for other in plain):
            return None

        def generate(context, builder, signature, values):
            def terms(value, source):
                if not isinstance(source, types.UniTuple):
                    return Term(builder, kind, value)
                parts = cgutils.unpack_tuple(builder, value, len(source))
                return [Term(builder, kind, part) for part in parts]

            found = function(*map(terms, values, signature.args))
            parts = [term.value for term in found]
            return context.make_tuple(builder, signature.return_type, parts)

        return types.UniTuple(kind, results)(*kinds), generate

    # Numba takes the number of arguments from the signature.
    forms = {
        1: lambda typingctx, a: typed(a),
        3: lambda typingctx, a, b, c: typed(a, b, c),
        6: lambda typingctx, a, b, c, d, e, f: typed(a, b, c, d, e, f),
    }
    return intrinsic(forms[arguments])
