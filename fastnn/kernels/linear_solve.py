"""Normal equations and symmetric systems, one for each network.

Small networks of known sizes use the textbook's loops, others matrix products, a block of rows or
columns at a time.  Both compute the same sums in the same, ascending order, with each product fused
into the sum.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.matrices import resized
from ..lanes.operations import fma, like
from .matmul import matmul
from .matmul_tile import ITSELF, ZERO

# Rows of a block of products, which are computed a little beyond the diagonal.
ROWS = 8
# Columns whose factors are computed together.
COLUMNS = 16
# A literal 0 would make Numba compile functions again.
FIRST = np.int64(0)


@inlined
def block_of(M, i, j, rows, columns):
    """The block of `rows` rows and `columns` columns that starts at ``M[i, j]``."""
    return resized(((M + i).T + j).T, rows, columns)


@inlined
def add_gram(A, S, begin):
    """``S = A @ A.T``, the lower triangle; sums start from `begin`: `ZERO`, or S `ITSELF`."""
    for i in range(A.rows):
        for j in range(i + 1):
            total = S.zero if begin == ZERO else S[i, j]
            for m in range(A.columns):
                total = fma(A[i, m], A[j, m], total)
            S[i, j] = total


@inlined
def add_projection(A, r, g, begin):
    """``g = A @ r``; sums start from `begin`."""
    for i in range(A.rows):
        total = g.zero if begin == ZERO else g[i, 0]
        for m in range(A.columns):
            total = fma(A[i, m], r[m, 0], total)
        g[i, 0] = total


def normal_products(kind):
    """``S = A @ A.T`` and ``g = A @ r``: functions of (net, A, S, begin), (net, A, r, g, begin)."""
    if kind.is_unrolled:

        @inlined
        def gram(net, A, S, begin):
            for s in range(net.strips):
                add_gram(A[s], S[s], begin)

        @inlined
        def projection(net, A, r, g, begin):
            for s in range(net.strips):
                add_projection(A[s], r[s], g[s], begin)

    else:

        @inlined
        def gram(net, A, S, begin):
            top = 0
            while top < A.rows:
                height = min(ROWS, A.rows - top)
                block = resized(S + top, height, top + height)
                rows = resized(A + top, height, A.columns)
                rows_above = resized(A, top + height, A.columns)
                matmul(net.strips, block, rows, rows_above.T, begin, block)
                top += height

        @inlined
        def projection(net, A, r, g, begin):
            matmul(net.strips, g, A, r, begin, g)

    return gram, projection


@inlined
def add_damping(net, S, damping, F):
    """``F = S + damping I``, its lower triangle; F may be S itself."""
    for i in range(S.rows):
        for j in range(i + 1):
            for s in range(net.strips):
                F[s][i, j] = S[s][i, j] + damping[0, s] if i == j else S[s][i, j]


@inlined
def factorize_columns(net, F, inverse, first, last):
    """``F = L D L'`` for the columns from `first` to `last`; those before are already subtracted.

    L D is stored below the diagonal, ``-L'`` above, 1 / D in `inverse`.
    """
    for j in range(first, last):
        for i in range(j, F.rows):
            for s in range(net.strips):
                total = F[s][i, j]
                for m in range(first, j):
                    total = fma(F[s][i, m], F[s][m, j], total)
                F[s][i, j] = total
        for s in range(net.strips):
            inverse[s][j, 0] = like(F.zero, 1.0) / F[s][j, j]
        for i in range(j + 1, F.rows):
            for s in range(net.strips):
                F[s][j, i] = -(F[s][i, j] * inverse[s][j, 0])


@inlined
def take_columns(net, F, first, last):
    """``F -= L D L'`` of the columns from `first` to `last`, for the columns to their right."""
    top = last
    while top < F.rows:
        height = min(ROWS, F.rows - top)
        columns = top + height - last
        block = block_of(F, top, last, height, columns)
        below = block_of(F, top, first, height, last - first)
        above = block_of(F, first, last, last - first, columns)
        matmul(net.strips, block, below, above, ITSELF, block)
        top += height


def factorization(kind):
    """``F = L D L'``, in place, of the lower triangle of F: a function of (net, F, inverse).

    Subtracting a block of columns from the columns to its right is a matrix product.
    """
    if kind.is_unrolled:

        @inlined
        def factorize(net, F, inverse):
            factorize_columns(net, F, inverse, FIRST, F.rows)

    else:

        @inlined
        def factorize(net, F, inverse):
            first = 0
            while first < F.rows:
                last = min(first + COLUMNS, F.rows)
                factorize_columns(net, F, inverse, first, last)
                take_columns(net, F, first, last)
                first = last

    return factorize


@inlined
def substitute(net, F, inverse, b, x):
    """The solution of ``L D L' x = b``."""
    for m in range(F.rows):
        for s in range(net.strips):
            x[s][m, 0] = b[s][m, 0]
    for m in range(F.rows):
        for i in range(m + 1, F.rows):
            for s in range(net.strips):
                x[s][i, 0] = fma(F[s][m, i], x[s][m, 0], x[s][i, 0])
    for i in range(F.rows - 1, -1, -1):
        for s in range(net.strips):
            total = x[s][i, 0] * inverse[s][i, 0]
            for m in range(i + 1, F.rows):
                total = fma(F[s][i, m], x[s][m, 0], total)
            x[s][i, 0] = total


def damped_solve(kind):
    """``(S + damping I) x = b``: a function of (net, S, damping, F, inverse, b, x).

    The factors are stored in F, which may be S itself, and in `inverse`.
    """
    factorize = factorization(kind)

    @inlined
    def solve(net, S, damping, F, inverse, b, x):
        add_damping(net, S, damping, F)
        factorize(net, F, inverse)
        substitute(net, F, inverse, b, x)

    return solve
