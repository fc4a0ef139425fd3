"""What optimizers are made of: their base, their setup, and the parts of a compiled update.

A piece is a function of (digest, width) that makes the function to compile, which takes the frame
and the workspace and returns 0.  `in_lanes` shows the workspace as vectors of `width` networks, and
`of_update` gives what an update needs of it: how many vectors lie side by side for each number (the
strips), how many parameters there are, and four buffers: the parameters, their gradient, the state
and the hyperparameters.  Number m of strip s is element ``m * strips + s``.
"""

from ..lanes.buffers import in_lanes
from ..lanes.operations import fma, like, magnitude, select, sqrt
from ..lanes.pieces import Piece, piece
from ..optimizers.common import BELOW_ONE, TINY, Optimizer, Setup, of_update

__all__ = [
    "BELOW_ONE",
    "TINY",
    "Optimizer",
    "Piece",
    "Setup",
    "fma",
    "in_lanes",
    "like",
    "magnitude",
    "of_update",
    "piece",
    "select",
    "sqrt",
]
