"""The parts of a job, with other numbers, or made for each other."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from ..optimizers import Optimizer, Setup
from ..optimizers.common import START
from ..optimizers.schedules import SCHEDULES
from ..spec.loss_formulas import SQUARES
from ..spec.losses import Penalized
from ..spec.network import Network
from ..spec.per_layer import PerLayer
from ..starts import INITIALIZATIONS
from ..starts.common import Start
from .grouping import Groups


def setup_of(optimizer: Optimizer, net: Network, samples: int, loss: Penalized) -> Setup:
    """The setup of an optimizer for this network and loss."""
    setup = optimizer.setup(net, samples)
    if loss.pulls_to_start:
        setup = replace(setup, slots=(*setup.slots, (net.n_parameters, START)))
    if setup.compute_of is None or loss.formula is SQUARES or loss.formula.residual is None:
        return setup
    return replace(setup, compute=setup.compute_of(loss.formula))


def slot_table(
    slots: list[tuple[int, float | str]], names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Initial content of a memory: (count, source) rows, and constants.

    A source is the place of a hyperparameter, -1 for the constant, -2 for the initial parameters.
    """
    rows, constants = np.zeros((len(slots), 2), dtype=np.int64), np.zeros(len(slots))
    for place, (count, value) in enumerate(slots):
        if value == START:
            rows[place] = count, -2
        elif isinstance(value, str):
            rows[place] = count, names.index(value)
        else:
            rows[place], constants[place] = (count, -1), value
    return rows, constants


def ends(array: np.ndarray) -> np.ndarray:
    """The extremes of an array, which suffice for checks if the job holds its numbers."""
    return np.array([array.min(), array.max()]) if len(array) > 2 else array


def with_numbers(part: Any, number: Callable[[np.ndarray], Any]) -> Any:
    """An optimizer, loss or initialization with its arrays replaced by `number` of them."""
    if isinstance(part, np.ndarray):
        return number(part)
    if isinstance(part, tuple):
        return tuple(with_numbers(item, number) for item in part)
    if not isinstance(part, (Optimizer, PerLayer, Penalized, *SCHEDULES, *INITIALIZATIONS)):
        return part
    made = copy(part)
    for name, value in vars(part).items():
        object.__setattr__(made, name, with_numbers(value, number))
    return made


def laid_out(part: Any) -> Any:
    """A part of a job, with aligned arrays in C order, as compiled code needs them."""
    if isinstance(part, tuple):
        return tuple(map(laid_out, part))
    if isinstance(part, Start):
        return replace(part, numbers=laid_out(part.numbers), table=laid_out(part.table))
    if isinstance(part, Groups):
        return replace(part, rows=laid_out(part.rows))
    return np.require(part, requirements=["C", "A"]) if isinstance(part, np.ndarray) else part
