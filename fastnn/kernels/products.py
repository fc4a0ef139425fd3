"""Matrix products of all passes, for many networks in lanes and for one.

``c = start + a @ b`` with any steps between rows and columns; each sum begins at its start and
ascends, each product is fused into it.  In lanes a vector holds one number of each network; for one
network it holds neighbouring columns, the last vector being filled in part.
"""

from ..lanes.buffers import across, lane_count
from ..lanes.compiling import glue, kernel
from ..lanes.tiles import multiply_columns


@kernel
def multiply(
    strips, a, a_row, a_step, b, b_step, b_column,
    begin, start, c, c_row, c_column, rows, columns, inner,
):  # fmt: skip
    """``c[r, j] = start + sum(a[r, s] * b[s, j] for s in range(inner))``, s ascending.

    Start is 0, ``start[j]`` or c itself, as `begin` says: `ZERO`, `ROW` or `ITSELF`.  All steps
    count numbers.  Of lane vectors there are `strips` side by side, of plain numbers one.
    """
    j = 0
    while columns - j >= 4:
        multiply_columns(
            strips, a, a_row, a_step, b, b_step, b_column,
            begin, start, c, c_row, c_column, rows, inner, j, 4, 0,
        )  # fmt: skip
        j += 4
    if columns - j >= 2:
        multiply_columns(
            strips, a, a_row, a_step, b, b_step, b_column,
            begin, start, c, c_row, c_column, rows, inner, j, 2, 0,
        )  # fmt: skip
        j += 2
    if columns > j:
        multiply_columns(
            strips, a, a_row, a_step, b, b_step, b_column,
            begin, start, c, c_row, c_column, rows, inner, j, 1, 0,
        )  # fmt: skip


@glue
def multiply_across(
    unit, a, a_row, a_step, b, b_step, begin, start, c, c_row, rows, columns, inner
):
    """The same of plain numbers that lie side by side in rows, in vectors; `unit` is 1."""
    width = lane_count(across(b))
    blocks = columns // width
    rest = columns - blocks * width
    if blocks > 0:
        multiply(
            unit, a, a_row, a_step, across(b), b_step, width, begin, across(start),
            across(c), c_row, width, rows, blocks, inner,
        )  # fmt: skip
    if rest > 0:
        multiply_columns(
            unit, a, a_row, a_step, across(b), b_step, width, begin, across(start),
            across(c), c_row, width, rows, inner, blocks, 0, rest,
        )  # fmt: skip
