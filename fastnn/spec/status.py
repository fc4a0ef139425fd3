"""Status of a restart."""

from enum import IntEnum
from typing import Any

import numpy as np

from ..support.checks import shown
from ..support.suggestions import hint


class Status(IntEnum):
    """Status of a restart at its end, equal to its number and to its name.

    A comparison with a text that is no name raises ValueError.  New members go last, since files
    hold the numbers.
    """

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

    @classmethod
    def named(cls, name: str) -> "Status":
        """The member of this name; ValueError for another text."""
        return cls[name] if name in cls.__members__ else cls(name)  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return int(self) == (int(Status.named(other)) if isinstance(other, str) else other)

    def __ne__(self, other: object) -> bool:  # not the negation, which an array does not have
        return int(self) != (int(Status.named(other)) if isinstance(other, str) else other)

    __hash__ = int.__hash__

    def __str__(self) -> str:
        return self.name


class StatusCodes(np.ndarray):
    """The statuses of many restarts, as their numbers.

    They compare with names too: ``runs.status == "CONVERGED"``.  A single one is a `Status`.
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*map(_as_codes, inputs), **options)

    def __getitem__(self, key: Any) -> Any:
        found = self.view(np.ndarray)[key]
        return found.view(StatusCodes) if isinstance(found, np.ndarray) else Status(int(found))


def _as_codes(value: Any) -> Any:
    """Convert codes to a plain array, and names to numbers; anything else is left as it is."""
    if isinstance(value, StatusCodes):
        return value.view(np.ndarray)
    array = np.asarray(value) if isinstance(value, str | list | tuple | np.ndarray) else None
    if array is None or array.dtype.kind not in "UT":
        return value
    return np.array([Status.named(str(name)) for name in array.flat]).reshape(array.shape)


# For comparisons with arrays: NumPy compares a plain int in 0.1 us, a member of Status in 4.5.
NOT_RUN, EPOCH_LIMIT = int(Status.NOT_RUN), int(Status.EPOCH_LIMIT)
CONVERGED = int(Status.CONVERGED)
