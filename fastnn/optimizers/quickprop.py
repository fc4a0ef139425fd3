"""Quickprop: a jump to the minimum of a parabola through the last two slopes, weight by weight."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.pieces import piece
from ..kernels.spans import common_numbers, span_at
from ..lanes.operations import fma, like, select
from ..spec.per_layer import PerLayer, numbers_of_arrays
from ..support.bounds import ADDED_LATER
from ..support.checks import by_name, shown
from .common import TINY, Optimizer, Setup
from .schedule_common import Schedule, Slots
from .schedule_steps import CONSTANT, advance
from .schedules import (
    check_schedule,
    numpy_factors,
    run_time_code,
    schedule_numbers,
    schedule_slots,
)

if TYPE_CHECKING:
    from ..spec.network import Network


@by_name
@dataclass(frozen=True, eq=False)
class Quickprop(Optimizer):
    """Quickprop: each weight jumps to where its slope would be 0 if the loss were a parabola.

    With slope S, last slope S' and last change c, the change is ``c S / (S' - S)``, limited to
    `max_growth` times c, and exactly that where the jump would go the other way.  For a weight that
    still goes downhill ``-learning_rate * S`` is added; the first step is this term alone.  Full
    batches only.

    Parameters
    ----------
    learning_rate : float, (restarts,) array of float, or PerLayer, default 0.5
        Fahlman's epsilon, for the slope of this loss; non-negative.  He divides it by the fan-in of
        the unit: ``PerLayer.divided_by_fan_in(0.55, net)``.
    max_growth : float, (restarts,) array of float, or PerLayer, default 1.75
        Fahlman's mu, positive.
    decay : float, (restarts,) array of float, or PerLayer, default 0.0001
        ``decay * w`` is added to each slope; non-negative.
    slope_offset : float, default 0
        Constant added to the slopes of all activations in back-propagation, so that saturated units
        still learn: Fahlman's sigmoid-prime offset, which he set to 0.1.
    arctanh_error : bool, default False
        If True, ``2 arctanh(e)`` replaces ``2 e``, the derivative of the SSE, where e is an
        output's error; for errors beyond 0.9999999 the arctanh counts as 17.  The loss is still the
        SSE.
    schedule : StepDecay, CosineDecay, OneCycle, WarmUp or any other schedule, optional
        Change of the rate from epoch to epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.

    References
    ----------
    S. E. Fahlman, "An empirical study of learning speed in back-propagation networks", Carnegie
    Mellon University, technical report CMU-CS-88-162 (1988).
    """

    learning_rate: ArrayLike | PerLayer = 0.5
    _: KW_ONLY
    max_growth: ArrayLike | PerLayer = 1.75
    decay: ArrayLike | PerLayer = 0.0001
    slope_offset: float = 0.0
    arctanh_error: bool = False
    schedule: Schedule | None = field(default=None, metadata=ADDED_LATER)

    takes_per_layer = True

    def __post_init__(self) -> None:
        self.check_flag("arctanh_error")
        if isinstance(self.slope_offset, PerLayer):
            raise TypeError(
                f"slope_offset: expected a number, the same in all layers, got {self.slope_offset}"
            )
        self.check_numbers(slope_offset=(0.0, math.inf))
        if np.ndim(self.slope_offset):
            raise ValueError(f"slope_offset: expected a number, got {shown(self.slope_offset)}")
        self.check_numbers(
            learning_rate=(0.0, math.inf),
            max_growth=(TINY, math.inf),
            decay=(0.0, math.inf),
        )
        check_schedule(self.schedule)

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        names = ("learning_rate", "max_growth", "decay")
        factor: Slots = () if self.schedule is None else schedule_slots(self.schedule)
        return Setup.by_layer(
            net,
            {name: getattr(self, name) for name in names},
            quickprop_update,
            common=schedule_numbers(self.schedule),
            slots=((2 * net.n_parameters, 0.0), *factor),
            other_option=run_time_code(self.schedule),
            full_batch=True,
            slope_offset=float(self.slope_offset),
            arctanh_error=self.arctanh_error,
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The textbook's step in NumPy."""
        factor_in = numpy_factors(self.schedule, numbers)
        own = numbers_of_arrays(numbers, len(arrays))
        before = [np.zeros_like(array) for array in arrays]
        changes = [np.zeros_like(array) for array in arrays]

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            factor = factor_in(epoch, loss)
            for i, (w, g, n) in enumerate(zip(arrays, gradients, own, strict=True)):
                rate, growth = factor * n["learning_rate"], n["max_growth"]
                shrink = growth / (1 + growth)
                last, slope = changes[i], g + n["decay"] * w
                # As if every weight had decreased last.
                sign = np.where(last > 0, -1.0, 1.0)
                here, there = sign * slope, sign * before[i]
                with np.errstate(divide="ignore", invalid="ignore"):
                    jump = last * slope / (before[i] - slope)
                too_far = (here >= shrink * there) | (here == there)
                change = np.where(too_far, growth * last, jump)
                change = np.where(here > 0, change - rate * slope, change)
                changes[i] = np.where(last == 0, -rate * slope, change)
                before[i] = slope
                w += changes[i]

        return step


@piece
def quickprop_update(net):
    """One step; hyperparameters: learning rate, largest growth, decay; those of the schedule."""
    p, factors = net.n_parameters, net.state + 2 * net.n_parameters
    for i in range(net.spans):
        hyper, first, count = span_at(net, i)
        parameters, gradient = net.parameters + first, net.gradient + first
        changes, slopes = net.state + first, net.state + (p + first)
        for s in range(net.strips):
            rate, growth, decay = hyper[0, s], hyper[1, s], hyper[2, s]
            if net.other_option != CONSTANT:  # otherwise there is no factor
                rate = rate * factors[0, s]
            zero, one = hyper.zero, like(rate, 1.0)
            shrink = growth / (one + growth)
            for m in range(count):
                last, before, w = changes[m, s], slopes[m, s], parameters[m, s]
                slope = fma(decay, w, gradient[m, s])
                here = select(last > zero, -slope, slope)
                there = select(last > zero, -before, before)
                jump = last * slope / (before - slope)
                too_far = (here >= shrink * there) | (here == there)
                change = select(too_far, growth * last, jump)
                straight = -(rate * slope)
                change = select(here > zero, change + straight, change)
                change = select(last == zero, straight, change)
                changes[m, s], slopes[m, s] = change, slope
                parameters[m, s] = w + change
    advance(net, factors, common_numbers(net))
