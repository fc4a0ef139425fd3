"""The matrix product behind all passes, with a block of results in registers.

In lanes an element holds one number of each network; for one network it holds neighbouring columns.
Each sum starts from its initial value and adds in ascending order, with each product fused, like
the textbook's loops, with which the tests compare it.
"""

from ..jit.compiling import inlined, kernel
from ..lanes.buffers import lane_count
from ..lanes.matrices import in_registers, resized
from .matmul_tile import multiply_columns, multiply_columns_of_known_size


def _matmul(multiply_columns):
    def matmul(strips, C, A, B, begin, start):
        """``C = start + A @ B``; start is 0, a row, or C itself: `ZERO`, `ROW` or `ITSELF`."""
        j = 0
        while C.columns - j >= 4:
            multiply_columns(strips, C, A, B, begin, start, j, 4, 0)
            j += 4
        if C.columns - j >= 2:
            multiply_columns(strips, C, A, B, begin, start, j, 2, 0)
            j += 2
        if C.columns > j:
            multiply_columns(strips, C, A, B, begin, start, j, 1, 0)

    return matmul


matmul = kernel(_matmul(multiply_columns))
matmul_of_known_size = inlined(_matmul(multiply_columns_of_known_size))
"""The same product, inlined in the surrounding code."""


@inlined
def matmul_across(C, A, B, begin, start):
    """The same for plain numbers that are contiguous in rows, in vectors."""
    columns, beside, starts = in_registers(C), in_registers(B), in_registers(start)
    width = lane_count(columns.data)
    whole, valid = C.columns // width, C.columns % width
    if whole > 0:
        matmul(1, resized(columns, C.rows, whole), A, beside, begin, starts)
    if valid > 0:
        multiply_columns(1, columns, A, beside, begin, starts, whole, 0, valid)
