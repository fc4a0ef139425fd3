"""Formulas of the elements of matrices, as one instruction of a kernel."""

from __future__ import annotations

from collections.abc import Callable

from numba import types
from numba.extending import intrinsic

from .conversion import convert
from .formulas import Term
from .matrices import INTP, Matrix, load_element, proxy


def formula_at(function: Callable[..., Term], outputs: int, numbers: int) -> object:
    """Let kernels evaluate a formula of elements: ``(Z, T, H, n, j)``.

    Its arguments are ``Z[n, j]``, ``Z[n, j + T.columns]``, … for all `outputs`, then ``T[n, j]``,
    and the `numbers` ``H[0, 0]``, ``H[1, 0]``, ….  Plain numbers are copied into every lane of Z.
    """

    @intrinsic
    def evaluate(typingctx, Z, T, H, n, j):
        if not all(isinstance(kind, Matrix) for kind in (Z, T, H)):
            return None

        def generate(context, builder, signature, arguments):
            n, j = (
                context.cast(builder, value, kind, types.intp)
                for value, kind in zip(arguments[3:], signature.args[3:], strict=True)
            )

            def term(place, row, column):
                kind = signature.args[place]
                value = load_element(context, builder, kind, arguments[place], row, column)
                return Term(builder, Z.value, convert(context, builder, value, kind.value, Z.value))

            targets = proxy(context, builder, T, arguments[1]).columns
            columns = [builder.add(j, builder.mul(INTP(c), targets)) for c in range(outputs)]
            terms = [term(0, n, column) for column in columns]
            terms.append(term(1, n, j))
            terms += [term(2, INTP(i), INTP(0)) for i in range(numbers)]
            return function(*terms).value

        return Z.value(Z, T, H, n, j), generate

    return evaluate
