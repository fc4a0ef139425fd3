"""Initializations: one file each, holding numbers, compiled start and NumPy start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..support.checks import per_restart, shown
from ..support.suggestions import hint
from .common import Initialization, Start
from .explicit import Explicit, explicit_numbers
from .glorot import GlorotNormal, GlorotUniform
from .he import HeNormal, HeUniform
from .nguyen_widrow import NguyenWidrow
from .normal import Normal
from .uniform import Uniform

if TYPE_CHECKING:
    from ..spec.network import Network

INITIALIZATIONS: tuple[type[Initialization], ...] = (
    Uniform, Normal, GlorotUniform, GlorotNormal, HeUniform, HeNormal, NguyenWidrow,
)  # fmt: skip
"""All initializations."""


def make_start(init: Any, net: Network, restarts: int | None, dtype: np.dtype) -> Start:
    """Convert `init` for the kernels, with one row of numbers for all restarts or one for each."""
    if isinstance(init, Initialization):
        count = 1 if restarts is None else restarts
        rows = per_restart(type(init).__name__, init.numbers(net), count, dtype)
        init.check_rows(rows)
        return Start(type(init), rows, np.ascontiguousarray(init.table(net), dtype=dtype))
    known = ", ".join(f"fastnn.{kind.__name__}(…)" for kind in INITIALIZATIONS)
    expected = (
        f"init: expected one of {known}, a flat vector of {net.n_parameters} numbers, "
        "or a list of arrays [W1, W2, …] (with biases [W1, b1, W2, b2, …] or (weights, biases))"
    )
    if restarts is not None:
        expected += f", or an array of shape ({restarts}, {net.n_parameters})"
    if not isinstance(init, np.ndarray) and (not isinstance(init, list | tuple) or not init):
        names = [kind.__name__ for kind in INITIALIZATIONS]
        meant = hint(init, names, "fastnn.{}()".format)
        raise TypeError(f"{expected}; got {shown(init)}{meant}")
    numbers = explicit_numbers(init, net, restarts, dtype, expected)
    return Start(Explicit, numbers, np.zeros((2, 0), dtype))
