"""The errors of a pass, for whatever looks at more than the loss."""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import fma, like, magnitude, select
from .forward_backward import samples_of
from .one_network_views import outputs as unit_outputs
from .one_network_views import unit_rows
from .pieces import piece, piece_for
from .views import outputs


@inlined
def watch_tile(net, A, Y):
    """``squares += sum((A - Y)**2)`` and ``worst = max(worst, abs(A - Y))``."""
    for s in range(net.strips):
        squares, worst = net.squares[0, s], net.worst[0, s]
        if net.tile_first == 0:
            squares, worst = net.squares.zero, net.worst.zero
        for n in range(A.rows):
            for j in range(Y.columns):  # the first outputs predict the targets
                error = A[s][n, j] - Y[s][n, j]
                squares = fma(error, error, squares)
                size = magnitude(error)
                # A NaN also makes the loss NaN, which ends the restart.
                worst = select(size < worst, worst, size)
        net.squares[0, s], net.worst[0, s] = squares, worst


@piece_for
def watch_errors(kind):
    """Compute the sum of squared errors and the largest error over the tiles of a pass."""
    tile_of = samples_of(kind)

    @inlined
    def watch(net):
        _, Y = tile_of(net, net.tile_first, net.tile_count)
        watch_tile(net, outputs(net, net.depth - 1, net.tile_count), Y)

    return watch


@piece
def single_watch_errors(net):
    """The same for one network, whose samples lie side by side."""
    count, level, n_targets = net.tile_count, net.depth - 1, net.n_targets
    Y = unit_rows(net, net.y + net.tile_place * n_targets, n_targets, count)
    watch_tile(net, unit_outputs(net, level, count).T, Y.T)


@inlined
def watch_accepted(net, s, accepted):
    """Make the watched errors of a rejected trial large, in the lanes of strip s that reject it."""
    if net.monitor != 0:
        squares, worst = net.squares[0, s], net.worst[0, s]
        never = like(squares, np.inf)
        net.squares[0, s] = select(accepted, squares, never)
        net.worst[0, s] = select(accepted, worst, never)
