"""Your own activations, losses, optimizers and stopping rules.

An addition holds for this process.  Files, and jobs for other processes, hold the formulas of
activations, losses, rules, and optimizers of one function, so they need not be added there; the
name alone must be.  Rules have no name to add.  Each process compiles an addition anew, in less
than a second, and does not cache it on disk, since the cache could not tell whether it is still the
same.
"""

from __future__ import annotations

from ..optimizers import OPTIMIZERS, Optimizer
from ..spec import activations, own_losses
from ..spec.own_losses import OwnLoss
from ..support.checks import shown
from ..support.suggestions import suggests
from . import formulas, pieces
from .losses import loss
from .new_activations import activation, add_activation
from .optimizers import add_optimizer, optimizer, own_optimizer
from .rules import rule

__all__ = [
    "activation",
    "add_activation",
    "add_optimizer",
    "formulas",
    "loss",
    "optimizer",
    "pieces",
    "remove",
    "rule",
]


def __dir__() -> list[str]:
    return __all__


@suggests
def remove(added: str | type[Optimizer] | type[OwnLoss]) -> None:
    """Remove an added activation, loss or optimizer, so that it can be added in another form.

    Parameters
    ----------
    added : str or class
        The name of an activation, or the name or class of a loss or an optimizer.

    Raises
    ------
    ValueError
        If it was not added.
    """
    if isinstance(added, str) and activations.CODES.get(added, 0) > activations.KEPT:
        activations.remove(added)
    elif own_losses.is_added(added):
        own_losses.remove(added)
    elif (kind := own_optimizer(added)) is not None:
        OPTIMIZERS.remove(kind)
    else:
        raise ValueError(
            f"added: expected an activation, loss or optimizer that was added, got {shown(added)}"
        )
