"""The base of all schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from ..spec.per_layer import PerLayer
from ..support.checks import hyperparameter, shown

# A function of the epoch and the loss before the step.
FactorOf = Callable[[int, float], float]
Slots = tuple[tuple[int, float | str], ...]
# The memory of most schedules: the factor of the current epoch, and a count of epochs.
SLOTS: Slots = ((1, 1.0), (1, 0.0))


class Schedule:
    """The base of all schedules: a factor of the learning rate in each epoch."""

    code: ClassVar[int]
    """One of the codes of `schedule_steps`."""

    def check(self, name: str, low: float, high: float = math.inf, *, whole: bool = False) -> None:
        """Check the named field against bounds, and store it as a number or read-only array."""
        value = getattr(self, name)
        if isinstance(value, PerLayer):
            raise TypeError(
                f"{name}: expected a number or an array of shape (restarts,), got {shown(value)}; "
                "a schedule is the same for all layers, only their rates may differ"
            )
        object.__setattr__(self, name, hyperparameter(name, value, low, high, whole=whole))

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return 0.0

    @property
    def run_time_code(self) -> int:
        """The code that kernels read, with that of what follows."""
        return self.code

    def slots(self, prefix: str) -> Slots:
        """The memory between steps; `prefix` begins the names of the schedule's numbers."""
        return SLOTS

    def numpy_factors(self, numbers: dict[str, float]) -> FactorOf:
        """Make a function, called before every step, of epoch and loss: the factor of the rate."""
        return lambda epoch, loss: self.numpy_factor(epoch, **numbers)

    @staticmethod
    def numpy_factor(*args: Any, **numbers: Any) -> float:
        """Factor of the rate in an epoch, unless it depends on losses."""
        raise NotImplementedError


def wave(top: float, bottom: float, share: float) -> float:
    """The value after a share of half a cosine from `top` to `bottom`."""
    return bottom + (top - bottom) * (1 + math.cos(math.pi * share)) / 2
