"""Patience with a loss that does not decrease."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import like, select
from ..spec.status import Status
from ..support.checks import by_name, integer
from .common import Judge, Rule, positive


@inlined
def no_progress(net, s, number, count, memory):
    """No loss was `number` below the best for `count` epochs."""
    loss, resumed, zero = net.losses[0, s], net.resumed[0, s], net.losses.zero
    best, age = memory[0, 0], memory[1, 0]
    better = (loss < best - number) & (resumed == zero)
    age = select(better, zero, age + (like(zero, 1.0) - resumed))
    memory[0, 0], memory[1, 0] = select(better, loss, best), age
    return age >= like(zero, count)


@by_name
@dataclass(frozen=True)
class NoProgress(Rule):
    """End with ``STALLED`` once the loss has not decreased for a number of epochs.

    Parameters
    ----------
    epochs : int, default 100
        At least 1; with float32 at most 2**24, if training may take longer.
    min_improvement : float, default 0
        The least decrease below the best loss that counts; non-negative.
    """

    epochs: int = 100
    _: KW_ONLY
    min_improvement: float = 0.0

    status = Status.STALLED
    holds = staticmethod(no_progress)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", integer("epochs", self.epochs, 1))
        improvement = positive("min_improvement", self.min_improvement, 0.0)
        object.__setattr__(self, "min_improvement", improvement)

    @property
    def number(self) -> float:
        return self.min_improvement

    @property
    def count(self) -> int:
        return self.epochs

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((1, math.inf), (1, 0.0))  # the best loss, and epochs since

    def numpy_judge(self, problem: Any) -> Judge:
        best, age = math.inf, 0

        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            nonlocal best, age
            if loss < best - self.min_improvement:
                best, age = loss, 0
            else:
                age += 1
            return age >= self.epochs

        return judge
