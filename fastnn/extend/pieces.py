"""What optimizers are made of: their base, their setup, and the parts of a compiled update.

A compiled update is a function of `net`, which `piece` declares; it returns nothing.  It changes
``net.parameters[m, s]``, where m goes through ``range(net.n_parameters)`` and s through
``range(net.strips)``.
"""

from ..kernels.pieces import Piece, piece
from ..lanes.operations import fma, like, magnitude, select, sqrt
from ..optimizers.common import BELOW_ONE, TINY, Optimizer, Setup

__all__ = [
    "BELOW_ONE",
    "TINY",
    "Optimizer",
    "Piece",
    "Setup",
    "fma",
    "like",
    "magnitude",
    "piece",
    "select",
    "sqrt",
]
