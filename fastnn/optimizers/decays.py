"""Schedules that lower the learning rate by the epoch alone."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import by_name
from .schedule_common import SLOTS, Schedule, Slots, wave
from .schedule_steps import COSINE, EXPONENTIAL, RESTARTS, STEP


@by_name
@dataclass(frozen=True, eq=False)
class StepDecay(Schedule):
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
        self.check("every", 1.0, whole=True)
        self.check("factor", 0.0, 1.0)

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
class ExponentialDecay(Schedule):
    """Multiply the rate in epoch e by ``factor**e``.

    Parameters
    ----------
    factor : float or (restarts,) array of float, default 0.999
        From 0 to 1.
    """

    factor: ArrayLike = 0.999

    code = EXPONENTIAL

    def __post_init__(self) -> None:
        self.check("factor", 0.0, 1.0)

    @staticmethod
    def numpy_factor(epoch: int, factor: float) -> float:
        """Factor of the rate in `epoch`."""
        return float(factor**epoch)


@by_name
@dataclass(frozen=True, eq=False)
class CosineDecay(Schedule):
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
        self.check("epochs", 1.0, whole=True)
        self.check("floor", 0.0, 1.0)

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs."""
        return float(np.max(self.epochs))

    @staticmethod
    def numpy_factor(epoch: int, epochs: float, floor: float) -> float:
        """Factor of the rate in `epoch`."""
        return wave(1.0, floor, min(epoch, epochs) / epochs)


@by_name
@dataclass(frozen=True, eq=False)
class CosineRestarts(Schedule):
    """Lower the rate as `CosineDecay` does, begin anew at its end, and so on.

    In period i, of length T_i, the rate has the factor ``floor + (1 - floor) (1 + cos(pi t / T_i))
    / 2`` in epoch t, from 0 to ``T_i - 1``; the next one is ``growth`` times as long.  These are
    "warm" restarts of the rate alone; parameters and memory go on.

    Parameters
    ----------
    epochs : int or (restarts,) array of int, default 100
        Length of the first period, at least 1.  With float32, if training may take longer than
        2**24 epochs, at most 2**24, and then `growth` must be 1.
    growth : int or (restarts,) array of int, default 1
        Factor of the length from period to period, at least 1.
    floor : float or (restarts,) array of float, default 0
        Share of the rate towards which each period falls, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017
    (arXiv 1608.03983), equation 5; `epochs` and `growth` are its T_0 and T_mult.
    """

    epochs: ArrayLike = 100
    _: KW_ONLY
    growth: ArrayLike = 1
    floor: ArrayLike = 0.0

    code = RESTARTS

    def __post_init__(self) -> None:
        self.check("epochs", 1.0, whole=True)
        self.check("growth", 1.0, whole=True)
        self.check("floor", 0.0, 1.0)

    @property
    def count(self) -> float:
        """Number to which the schedule counts epochs; a period that grows has no bound."""
        return math.inf if np.any(np.greater(self.growth, 1)) else float(np.max(self.epochs))

    def slots(self, prefix: str) -> Slots:
        """The memory between steps: the length of the period, too."""
        return (*SLOTS, (1, f"{prefix}.epochs"))

    @staticmethod
    def numpy_factor(epoch: int, epochs: float, growth: float, floor: float) -> float:
        """Factor of the rate in `epoch`."""
        start = 0.0
        while epoch >= start + epochs:
            start, epochs = start + epochs, epochs * growth
        return wave(1.0, floor, (epoch - start) / epochs)
