"""How a restart ended."""

from enum import IntEnum


class Status(IntEnum):
    """How a restart ended; new members go to the end, since files hold the numbers."""

    NOT_RUN = 0
    """It was not trained, or not to its end."""
    EPOCH_LIMIT = 1
    """It trained for as many epochs as were allowed."""
    CONVERGED = 2
    """It met its target."""
    DIVERGED = 3
    """Its loss was not finite at the start of an epoch."""
    STALLED = 4
    """It made no more progress."""
    GRADIENT = 5
    """Its gradient became small enough."""
    VALIDATION = 6
    """Its loss on the validation set stopped improving."""

    def __str__(self) -> str:
        return self.name
