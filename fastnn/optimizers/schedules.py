"""Schedules, which lower the learning rate from epoch to epoch."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..jit.compiling import inlined
from ..lanes.math.trigonometry import cos
from ..lanes.operations import like, select
from ..support.checks import by_name, hyperparameter, shown

# Run-time codes.
CONSTANT, STEP, EXPONENTIAL, COSINE = range(4)


@by_name
@dataclass(frozen=True, eq=False)
class StepDecay:
    """Multiply the rate by `factor` after every `every` epochs.

    Parameters
    ----------
    every : int or (restarts,) array of int, default 100
        Epochs between two decreases, at least 1; with float32 at most 2**24, if training may take
        longer.
    factor : float or (restarts,) array of float, default 0.5
        From 0 to 1.
    """

    every: ArrayLike = 100
    _: KW_ONLY
    factor: ArrayLike = 0.5

    code = STEP

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", hyperparameter("every", self.every, 1.0, whole=True))
        object.__setattr__(self, "factor", hyperparameter("factor", self.factor, 0.0, 1.0))

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return float(np.max(self.every))

    @staticmethod
    def numpy_factor(epoch: int, every: float, factor: float) -> float:
        """Factor of the rate in `epoch`."""
        return float(factor ** (epoch // every))


@by_name
@dataclass(frozen=True, eq=False)
class ExponentialDecay:
    """Multiply the rate in epoch e by ``factor**e``.

    Parameters
    ----------
    factor : float or (restarts,) array of float, default 0.999
        From 0 to 1.
    """

    factor: ArrayLike = 0.999

    code = EXPONENTIAL

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", hyperparameter("factor", self.factor, 0.0, 1.0))

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return 0.0

    @staticmethod
    def numpy_factor(epoch: int, factor: float, _: float) -> float:
        """Factor of the rate in `epoch`."""
        return float(factor**epoch)


@by_name
@dataclass(frozen=True, eq=False)
class CosineDecay:
    """Lower the rate along half a cosine, from 1 to `floor` times its value in `epochs` epochs.

    I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017
    (arXiv 1608.03983), equation 5, without warm restarts: after `epochs` it stays at the floor.

    Parameters
    ----------
    epochs : int or (restarts,) array of int, default 1000
        At least 1; with float32 at most 2**24, if training may take longer.
    floor : float or (restarts,) array of float, default 0
        Final share of the rate, from 0 to 1.
    """

    epochs: ArrayLike = 1000
    _: KW_ONLY
    floor: ArrayLike = 0.0

    code = COSINE

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", hyperparameter("epochs", self.epochs, 1.0, whole=True))
        object.__setattr__(self, "floor", hyperparameter("floor", self.floor, 0.0, 1.0))

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return float(np.max(self.epochs))

    @staticmethod
    def numpy_factor(epoch: int, epochs: float, floor: float) -> float:
        """Factor of the rate in `epoch`."""
        wave = (1 + math.cos(math.pi * min(epoch, epochs) / epochs)) / 2
        return float(floor + (1 - floor) * wave)


Schedule = StepDecay | ExponentialDecay | CosineDecay
SCHEDULES = (StepDecay, ExponentialDecay, CosineDecay)
# The memory of a schedule: the factor of the current epoch, and a count of epochs.
SCHEDULE_SLOTS: tuple[tuple[int, float | str], ...] = ((1, 1.0), (1, 0.0))


def check_schedule(schedule: Any) -> None:
    """Raise unless `schedule` is a schedule or None."""
    if schedule is not None and not isinstance(schedule, SCHEDULES):
        expected = ", ".join(kind.__name__ for kind in SCHEDULES)
        raise TypeError(f"schedule: expected one of {expected} or None, got {shown(schedule)}")


def schedule_numbers(schedule: Schedule | None) -> dict[str, Any]:
    """The two hyperparameters of a schedule, 0 for those that it lacks."""
    names = [] if schedule is None else [field.name for field in fields(schedule)]
    numbers = {f"schedule.{name}": getattr(schedule, name) for name in names}
    return numbers | {f"schedule[{i}]": 0.0 for i in range(len(numbers), 2)}


def numpy_factor(schedule: Schedule | None, numbers: dict[str, float], epoch: int) -> float:
    """Factor of the rate in `epoch`, for one restart."""
    if schedule is None:
        return 1.0
    first, second = (value for name, value in numbers.items() if name.startswith("schedule"))
    return schedule.numpy_factor(epoch, first, second)


@inlined
def advance(net, factors, numbers):
    """Compute factor and count for the next epoch.

    `numbers` are the schedule's two hyperparameters; the count follows the factor.
    """
    if net.last == 0:
        return
    counts, second = factors + 1, numbers + 1
    for s in range(net.strips):
        factor, count, first = factors[0, s], counts[0, s], numbers[0, s]
        one = like(count, 1.0)
        if net.other_option == STEP:
            count = count + one
            due = count >= first
            factors[0, s] = select(due, factor * second[0, s], factor)
            counts[0, s] = select(due, counts.zero, count)
        elif net.other_option == EXPONENTIAL:
            factors[0, s] = factor * first
        elif net.other_option == COSINE:
            count = count + one
            count = select(first < count, first, count)
            half, pi = like(count, 0.5), like(count, math.pi)
            wave = half + half * cos(pi * count / first)
            factors[0, s] = second[0, s] + (one - second[0, s]) * wave
            counts[0, s] = count
