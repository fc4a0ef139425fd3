"""Schedules that raise the learning rate or follow the loss, and the list of all schedules."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import by_name, shown
from .common import BELOW_ONE
from .decays import CosineDecay, CosineRestarts, ExponentialDecay, StepDecay
from .schedule_common import SLOTS, FactorOf, Schedule, Slots, wave
from .schedule_steps import CONSTANT, ONE_CYCLE, PLATEAU, WARM_UP


@by_name
@dataclass(frozen=True, eq=False)
class OneCycle(Schedule):
    """Raise the rate along half a cosine to its full value, then lower it along another one.

    It begins at `start` times the rate, has all of it in epoch ``rise * epochs - 1``, and `end`
    times it in epoch ``epochs - 1`` and after it.  Momentum does not change.

    Parameters
    ----------
    epochs : int or (restarts,) array of int, default 1000
        Length of the cycle, at least 1; with float32 at most 2**24, if training may take longer.
    rise : float or (restarts,) array of float, default 0.3
        Share of the cycle in which the rate rises, from 0 to 1.
    start : float or (restarts,) array of float, default 0.04
        Share of the rate in the first epoch, from 0 to 1.
    end : float or (restarts,) array of float, default 4e-6
        Share of the rate in the last epoch, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    L. N. Smith, "A disciplined approach to neural network hyper-parameters: part 1", 2018 (arXiv
    1803.09820), section 4; L. N. Smith and N. Topin, "Super-convergence: Very fast training of
    neural networks using large learning rates", 2018 (arXiv 1708.07120).  The form with cosines and
    these defaults are PyTorch's, as with ``three_phase=False`` and ``cycle_momentum=False``.
    """

    epochs: ArrayLike = 1000
    _: KW_ONLY
    rise: ArrayLike = 0.3
    start: ArrayLike = 0.04
    end: ArrayLike = 4e-6

    code = ONE_CYCLE

    def __post_init__(self) -> None:
        self.check("epochs", 1.0, whole=True)
        for name in ("rise", "start", "end"):
            self.check(name, 0.0, 1.0)

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return float(np.max(self.epochs))

    def slots(self, prefix: str) -> Slots:
        """The memory between steps."""
        return ((1, f"{prefix}.start"), (1, 0.0))

    @staticmethod
    def numpy_factor(epoch: int, epochs: float, rise: float, start: float, end: float) -> float:
        """Factor of the rate in `epoch`."""
        peak, last = max(rise * epochs - 1, 0.0), epochs - 1
        if epoch == 0:
            return start
        if epoch >= last:
            return end
        if epoch <= peak:
            return wave(start, 1.0, epoch / peak)
        return wave(1.0, end, (epoch - peak) / (last - peak))


@by_name
@dataclass(frozen=True, eq=False)
class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` when the loss has not fallen for more than `patience` epochs.

    Falling means to a value below the lowest so far by at least `threshold` times its magnitude.
    The count of epochs begins anew after each decrease.  With mini-batches, the loss of an epoch is
    the sum of those of its batches, each at the parameters before its step.

    Parameters
    ----------
    patience : int or (restarts,) array of int, default 10
        Epochs without a fall that leave the rate as it is; with float32 at most 2**24 - 1, if
        training may take longer.
    factor : float or (restarts,) array of float, default 0.1
        From 0 to 1.
    threshold : float or (restarts,) array of float, default 0.0001
        From 0 to the largest float32 below 1.
    floor : float or (restarts,) array of float, default 0
        Least share of the rate, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    PyTorch's ``ReduceLROnPlateau``, of relative thresholds and without cooldown.
    """

    patience: ArrayLike = 10
    _: KW_ONLY
    factor: ArrayLike = 0.1
    threshold: ArrayLike = 0.0001
    floor: ArrayLike = 0.0

    code = PLATEAU

    def __post_init__(self) -> None:
        self.check("patience", 0.0, whole=True)
        self.check("factor", 0.0, 1.0)
        self.check("threshold", 0.0, BELOW_ONE)
        self.check("floor", 0.0, 1.0)

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return float(np.max(self.patience)) + 1

    def slots(self, prefix: str) -> Slots:
        """The memory between steps: the lowest loss and that of this epoch, too."""
        return (*SLOTS, (1, math.inf), (1, 0.0))

    def numpy_factors(self, numbers: dict[str, float]) -> FactorOf:
        """Make a function, called before every step, of epoch and loss: the factor of the rate."""
        patience, threshold = numbers["patience"], numbers["threshold"]
        factor, best, count, total, current = 1.0, math.inf, 0, 0.0, 0

        def factor_in(epoch: int, loss: float) -> float:
            nonlocal factor, best, count, total, current
            if epoch > current:
                count += 1
                if total < min(best * (1 - threshold), best * (1 + threshold)):
                    best, count = total, 0
                if count > patience:
                    factor, count = max(factor * numbers["factor"], numbers["floor"]), 0
                total, current = 0.0, epoch
            total += loss
            return factor

        return factor_in


@by_name
@dataclass(frozen=True, eq=False)
class WarmUp(Schedule):
    """Raise the rate evenly to its full value in the first epochs; then another schedule begins.

    In epoch e of the first `epochs` the factor is ``start + (1 - start) * e / epochs``.

    Parameters
    ----------
    epochs : int or (restarts,) array of int, default 10
        At least 1; with float32 at most 2**24, if training may take longer.
    start : float or (restarts,) array of float, default 0.1
        Share of the rate in the first epoch, from 0 to 1.
    then : StepDecay, CosineDecay or any other schedule but WarmUp, optional
        What follows; its first epoch is the one after the warm-up.  None: the full rate.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD: Training ImageNet in 1 hour", 2017 (arXiv
    1706.02677), section 2.2.
    """

    epochs: ArrayLike = 10
    _: KW_ONLY
    start: ArrayLike = 0.1
    then: Schedule | None = None

    code = WARM_UP

    def __post_init__(self) -> None:
        self.check("epochs", 1.0, whole=True)
        self.check("start", 0.0, 1.0)
        check_schedule(self.then, "then", SCHEDULES[:-1])

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return max(float(np.max(self.epochs)), 0.0 if self.then is None else self.then.count)

    @property
    def run_time_code(self) -> int:
        """The code that kernels read, with that of what follows."""
        return self.code + run_time_code(self.then)

    def slots(self, prefix: str) -> Slots:
        """The memory between steps: its own, and that of what follows."""
        return ((1, f"{prefix}.start"), (1, 0.0), *schedule_slots(self.then, f"{prefix}.then"))

    def numpy_factors(self, numbers: dict[str, float]) -> FactorOf:
        """Make a function, called before every step, of epoch and loss: the factor of the rate."""
        length, start = numbers["epochs"], numbers["start"]
        following = numpy_factors(self.then, numbers, "then")

        def factor_in(epoch: int, loss: float) -> float:
            if epoch < length:
                return start + (1 - start) * epoch / length
            return following(epoch - int(length), loss)

        return factor_in


SCHEDULES: tuple[type[Schedule], ...] = (
    StepDecay, ExponentialDecay, CosineDecay, CosineRestarts, OneCycle, ReduceOnPlateau, WarmUp,
)  # fmt: skip
"""All schedules; a warm-up may precede those before it."""


def check_schedule(
    schedule: Any, name: str = "schedule", kinds: tuple[type[Schedule], ...] = SCHEDULES
) -> None:
    """Raise unless `schedule` is a schedule or None; `name` is that of the argument."""
    if schedule is not None and not isinstance(schedule, kinds):
        expected = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name}: expected one of {expected} or None, got {shown(schedule)}")


def run_time_code(schedule: Schedule | None) -> int:
    """The code of a schedule that kernels read."""
    return CONSTANT if schedule is None else schedule.run_time_code


def schedule_slots(schedule: Schedule | None, prefix: str = "schedule") -> Slots:
    """The memory of a schedule; without one, that of a constant rate."""
    return SLOTS if schedule is None else schedule.slots(prefix)


def schedule_numbers(schedule: Schedule | None, prefix: str = "schedule") -> dict[str, Any]:
    """The hyperparameters of a schedule and of what follows it, by name."""
    found: dict[str, Any] = {}
    for field in () if schedule is None else fields(schedule):  # type: ignore[arg-type]
        name, value = f"{prefix}.{field.name}", getattr(schedule, field.name)
        following = value is None or isinstance(value, Schedule)
        found |= schedule_numbers(value, name) if following else {name: value}
    return found


def numpy_factors(
    schedule: Schedule | None, numbers: dict[str, float], prefix: str = "schedule"
) -> FactorOf:
    """Make a function of epoch and loss for the factor of the rate, for one restart."""
    if schedule is None:
        return lambda epoch, loss: 1.0
    own = {
        name.removeprefix(f"{prefix}."): value
        for name, value in numbers.items()
        if name.startswith(f"{prefix}.")
    }
    return schedule.numpy_factors(own)
