"""Building blocks of optimizers: the base class, the setup, and the parts of a compiled update.

A compiled update is a function of `net`, declared by `piece`; it returns nothing.  It changes
``net.parameters[m, s]`` for every m in ``range(net.n_parameters)`` and s in ``range(net.strips)``.
It can read ``net.gradient[m, s]``, the loss ``net.losses[0, s]``, the setup's numbers
``net.hyper[i, s]`` in order, the memory that is kept between steps, ``net.state[m, s]``, slot after
slot, scratch memory, ``net.scratch[m, s]``, and the integers ``net.option`` and
``net.other_option``.  ``net.state + n`` begins n numbers later.
"""

from ..kernels.pieces import Piece, piece
from ..kernels.spans import span_at
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
    "span_at",
    "sqrt",
]


def __dir__() -> list[str]:
    return __all__
