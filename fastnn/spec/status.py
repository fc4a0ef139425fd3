"""How a restart ended."""

from enum import IntEnum

from ..support.checks import shown
from ..support.suggestions import hint


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

    @classmethod
    def _missing_(cls, value: object) -> None:
        names = [status.name for status in cls]
        raise ValueError(
            f"status: expected one of {', '.join(names)}, or its number, got {shown(value)}"
            f"{hint(value, names, 'fastnn.Status.{}'.format)}"
        )

    def __str__(self) -> str:
        return self.name
