"""Functions for formulas of activations, in addition to operators and numbers.

A formula is a function of a `Term`, which stands for a float64 or float32 number, or for one in
every lane; ``x.constant(c)`` is the number c of the same kind.  The bits are the same on every
machine: `exp` and the like are fastnn's own, and a product and a sum are fused only by `fma`.  For
`select` there are the comparisons ``<`` and ``>``.
"""

from ..lanes.formulas import Term, at_least, at_most, fma, magnitude, select, sqrt, with_sign
from ..lanes.math.exponentials import exp_of as exp
from ..lanes.math.exponentials import sigmoid_of as sigmoid
from ..lanes.math.exponentials import tanh_of as tanh
from ..lanes.math.logarithms import atanh_of as atanh
from ..lanes.math.logarithms import log1p_of as log1p
from ..lanes.math.logarithms import log_of as log
from ..lanes.math.logarithms import softplus_of as softplus
from ..lanes.math.trigonometry import cos_of as cos
from ..lanes.math.trigonometry import sin_of as sin

__all__ = [
    "Term",
    "at_least",
    "at_most",
    "atanh",
    "cos",
    "exp",
    "fma",
    "log",
    "log1p",
    "magnitude",
    "select",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
    "with_sign",
]


def __dir__() -> list[str]:
    return __all__
