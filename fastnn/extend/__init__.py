"""Your own activations, losses and optimizers, available everywhere once added.

An addition holds for this process: other processes that train with it must add it too.  Each of
them compiles it anew, in less than a second, and does not cache it on disk, since the cache could
not tell whether it is still the same.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TypeVar

import numpy as np
from numba.core.errors import NumbaError

from ..job.record import kind_of
from ..kernels.pieces import Kind, Piece
from ..optimizers import OPTIMIZERS, Optimizer, Setup
from ..spec import activations, own_losses
from ..spec.network import Network
from ..spec.own_losses import OwnLoss
from ..support.checks import shown
from ..support.suggestions import suggests
from . import formulas, pieces
from .losses import loss
from .new_activations import activation, add_activation

__all__ = [
    "activation",
    "add_activation",
    "add_optimizer",
    "formulas",
    "loss",
    "pieces",
    "remove",
]

OptimizerClass = TypeVar("OptimizerClass", bound=type[Optimizer])
# Networks in a vector for which updates are tried.
WIDTH = 8
_OWN = tuple(OPTIMIZERS)


def __dir__() -> list[str]:
    return __all__


@suggests
def add_optimizer(kind: OptimizerClass) -> OptimizerClass:
    """Register an optimizer of your own for files, grids, names and the command line; a decorator.

    Parameters
    ----------
    kind : class
        A frozen dataclass that inherits from `fastnn.extend.pieces.Optimizer`, whose fields all
        have defaults, with its own `setup` and `numpy_step` (or `numpy_search`).

    Returns
    -------
    class
        The same class.

    Raises
    ------
    TypeError, ValueError
        If it is not such a class, its name is taken, or its update does not compile for several
        networks at once, as with ``if`` or ``max`` on their numbers.  Then nothing is added.
    """
    if not (isinstance(kind, type) and issubclass(kind, Optimizer)):
        raise TypeError(
            f"kind: expected a class that inherits from fastnn.extend.pieces.Optimizer, "
            f"got {shown(kind)}"
        )
    name = kind.__name__
    if not (is_dataclass(kind) and kind.__dataclass_params__.frozen):
        raise TypeError(f"{name}: expected a dataclass with frozen=True, got a class without it")
    same = {other.__name__.replace("_", "").lower() for other in OPTIMIZERS}  # as in arguments
    if kind_of(name) is not None or name.replace("_", "").lower() in same:
        raise ValueError(f"{name}: expected a new name, got one that already exists")
    for methods in (["setup"], ["numpy_step", "numpy_search"]):
        if all(getattr(kind, method) is getattr(Optimizer, method) for method in methods):
            raise TypeError(f"{name}: expected a method {' or '.join(methods)}, got none")
    try:
        setup = kind().setup(Network([1, 1]), 1)
    except Exception as error:
        raise TypeError(f"{name}: expected {name}() to make a setup, got {error}") from error
    if not isinstance(setup, Setup) or not isinstance(setup.update, Piece):
        raise TypeError(
            f"{name}.setup: expected a Setup whose update is a piece, got something else"
        )
    if not setup.numbers:
        raise ValueError(f"{name}.setup: expected at least one hyperparameter, got none")
    _check_update(name, setup.update)
    OPTIMIZERS.append(kind)
    return kind


@suggests
def remove(added: str | type[Optimizer] | type[OwnLoss]) -> None:
    """Remove an added activation, loss or optimizer, so that it can be added in another form.

    Parameters
    ----------
    added : str or class
        The name of an activation, the class of an optimizer, or the name or class of a loss.

    Raises
    ------
    ValueError
        If it was not added.
    """
    if isinstance(added, str) and activations.CODES.get(added, 0) > activations.KEPT:
        activations.remove(added)
    elif own_losses.is_added(added):
        own_losses.remove(added)
    elif isinstance(added, type) and added in OPTIMIZERS and added not in _OWN:
        OPTIMIZERS.remove(added)
    else:
        raise ValueError(
            f"added: expected an activation, loss or optimizer that was added, got {shown(added)}"
        )


def _check_update(name: str, update: Piece) -> None:
    """Compile an update of one's own for several networks, whose numbers no `if` can tell apart."""
    if update.kept:
        return
    try:
        update.compiled(Kind(np.dtype(np.float64), WIDTH))
    except NumbaError as error:
        told = [line.strip() for line in str(error).splitlines()]
        told = [line for line in told if line.startswith((">>>", "File", "No implementation"))]
        raise TypeError(
            f"{name}.setup: expected an update that compiles for several networks at once, got one "
            f"that does not: {' '.join(dict.fromkeys(told)) or error}; for if, and, or, not, max, "
            "min and a < x < b on their numbers write select(x > a, yes, no), for abs(x) "
            "magnitude(x), for x**2 x * x, and only the functions of fastnn.extend.pieces"
        ) from error
