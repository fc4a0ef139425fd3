"""A sum over the epochs, which ends no restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..lanes.operations import like, select
from ..spec.status import Status
from ..support.checks import by_name
from .common import Judge, Rule


@inlined
def sum_of_losses(net, s, number, count, memory):
    """Sum ``loss`` and ``1 / loss`` where the loss is finite; the rule never holds."""
    loss, zero = net.losses[0, s], net.losses.zero
    counts = (loss < like(zero, np.inf)) & (net.resumed[0, s] == zero)
    total, inverse = memory[0, 0], memory[1, 0]
    memory[0, 0] = select(counts, total + loss, total)
    memory[1, 0] = select(counts, inverse + like(zero, 1.0) / loss, inverse)
    return loss < loss


@by_name
@dataclass(frozen=True)
class SumOfLosses(Rule):
    """Sum the losses of every epoch, and their inverses; the rule ends no restart.

    The losses are those of a history: at the start of every epoch, and at the end.  Losses that are
    not finite are left out.  `Runs.loss_sums` holds the sums, if `keep` includes "state"; a single
    run has its history instead.
    """

    status = Status.NOT_RUN
    holds = staticmethod(sum_of_losses)

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((2, 0.0),)  # both sums

    def numpy_judge(self, problem: Any) -> Judge:
        def judge(parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
            return False

        return judge
