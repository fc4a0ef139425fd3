"""The row of a restart: its index, and its results."""

import numpy as np

from ..jit.compiling import inlined, kernel
from ..lanes.operations import like
from .views import is_given


@inlined
def index_of(net, row):
    """The index of the restart in a row: rows are consecutive, or their indices are given."""
    if is_given(net.indices):
        return net.indices[row]
    return net.first + row


@inlined
def drawn_index(net, row):
    """The index of its random numbers: with groups, the index in its group."""
    index = index_of(net, row)
    return net.group_begin + index % net.group_restarts if net.group_restarts > 0 else index


@inlined
def canonical(number):
    """Replace NaNs, whose bits differ between machines, by a single bit pattern."""
    return like(number, np.nan) if number != number else number


@kernel
def write_row(values, stride, count, row, out):
    """Copy the numbers of one lane, every `stride`-th of `values`, into its row of `out`."""
    for m in range(count):
        out[row * count + m] = canonical(values[m * stride])
