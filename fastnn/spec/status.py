"""Status of a restart."""

from enum import IntEnum

from ..support.checks import shown
from ..support.suggestions import hint


class Status(IntEnum):
    """Status of a restart at its end; new members go last, since files hold the numbers."""

    NOT_RUN = 0
    """Unfinished, or not trained at all."""
    EPOCH_LIMIT = 1
    """Trained for the maximum number of epochs."""
    CONVERGED = 2
    """Met a target."""
    DIVERGED = 3
    """Had a loss that was not finite at the start of an epoch.

    A smaller learning rate, scaled data, ``loss="mse"`` for many samples, or ``optimizer="rprop"``
    helps.
    """
    STALLED = 4
    """Made no more progress."""
    GRADIENT = 5
    """Reached a sufficiently small gradient."""
    VALIDATION = 6
    """Stopped improving on the validation set."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        names = [status.name for status in cls]
        raise ValueError(
            f"status: expected one of {', '.join(names)}, or its number, got {shown(value)}"
            f"{hint(value, names, 'fastnn.Status.{}'.format)}"
        )

    def __str__(self) -> str:
        return self.name


# For comparisons with arrays: NumPy compares a plain int in 0.1 us, a member of Status in 4.5.
NOT_RUN, EPOCH_LIMIT = int(Status.NOT_RUN), int(Status.EPOCH_LIMIT)
CONVERGED = int(Status.CONVERGED)
