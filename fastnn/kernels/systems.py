"""Symmetric systems of equations in lanes, each lane with its own."""

from ..lanes.compiling import kernel
from ..lanes.operations import fma, like
from ..lanes.tiles import ITSELF
from .products import multiply

# Columns whose factors are computed together.
BLOCK = 16


@kernel
def factorize(strips, unit, system, q, damping, factor, inverse):
    """``S + damping I = L D L'``, of the lower triangle of S, which `factor` may be itself.

    L D comes to lie below the diagonal, ``-L'`` above, 1 / D in `inverse`.  Columns go in blocks:
    what a block takes from the columns right of it is a product of matrices.
    """
    for i in range(q):
        for j in range(i + 1):
            for s in range(strips):
                value = system[(i * q + j) * strips + s]
                factor[(i * q + j) * strips + s] = value + damping[s] if i == j else value
    alone = unit // unit
    first = 0
    while first < q:
        last = min(first + BLOCK, q)
        for j in range(first, last):
            for i in range(j, q):
                for s in range(strips):
                    total = factor[(i * q + j) * strips + s]
                    for m in range(first, j):
                        total = fma(
                            factor[(i * q + m) * strips + s],
                            factor[(m * q + j) * strips + s],
                            total,
                        )
                    factor[(i * q + j) * strips + s] = total
            for s in range(strips):
                pivot = factor[(j * q + j) * strips + s]
                inverse[j * strips + s] = like(pivot, 1.0) / pivot
            for i in range(j + 1, q):
                for s in range(strips):
                    below = factor[(i * q + j) * strips + s]
                    factor[(j * q + i) * strips + s] = -(below * inverse[j * strips + s])
        top = last
        while top < q:
            height = min(8, q - top)
            into = factor + (top * q + last) * strips
            multiply(
                strips, factor + (top * q + first) * strips, q * unit, alone * unit,
                factor + (first * q + last) * strips, q * unit, unit, alone * ITSELF,
                into, into, q * unit, unit, height, top + height - last, last - first,
            )  # fmt: skip
            top += height
        first = last


@kernel
def solve(strips, q, factor, inverse, right, solution):
    """The solution of ``L D L' x = right``."""
    for m in range(q * strips):
        solution[m] = right[m]
    for m in range(q):
        for i in range(m + 1, q):
            for s in range(strips):
                solution[i * strips + s] = fma(
                    factor[(m * q + i) * strips + s],
                    solution[m * strips + s],
                    solution[i * strips + s],
                )
    for i in range(q - 1, -1, -1):
        for s in range(strips):
            total = solution[i * strips + s] * inverse[i * strips + s]
            for m in range(i + 1, q):
                total = fma(factor[(i * q + m) * strips + s], solution[m * strips + s], total)
            solution[i * strips + s] = total
