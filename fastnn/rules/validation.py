"""Patience with a loss on other data that does not decrease: early stopping."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ..jit.compiling import inlined
from ..kernels.views import call_at
from ..lanes.operations import like, select
from ..spec.status import Status
from ..support.checks import by_name, integer
from .common import Judge, Rule, positive


@inlined
def validation_pass(net):
    """Compute the losses on the validation set: a pass with another record and this workspace."""
    call_at(net.validate, net.validation_record, net.space)


@inlined
def no_better_validation(net, s, number, count, memory):
    """No validation loss was `number` below the best, whose network is kept, for `count` epochs."""
    value, loss, zero = net.validation_losses[0, s], net.losses[0, s], net.losses.zero
    best, age, infinity = memory[0, 0], memory[1, 0], like(zero, np.inf)
    better = (value < best - number) & (loss < infinity)
    age = select(better, zero, age + like(zero, 1.0))
    memory[0, 0], memory[1, 0] = select(better, value, best), age
    # Until there is a best loss, the result is the current one.
    keeps = better | (best == infinity)
    memory[2, 0] = select(keeps, loss, memory[2, 0])
    parameters, kept = net.parameters, memory + 3
    for m in range(net.n_parameters):
        kept[m, 0] = select(keeps, parameters[m, s], kept[m, 0])
    return age >= like(zero, count)


@by_name
@dataclass(frozen=True)
class Validation(Rule):
    """End with ``VALIDATION`` once the validation loss has not decreased for a number of epochs.

    The result has the parameters with the best validation loss, and their loss.

    Parameters
    ----------
    patience : int, default 10
        Number of epochs, at least 1; with float32 at most 2**24, if training may take longer.
    min_improvement : float, default 0
        The least decrease below the best loss that counts; non-negative.
    """

    patience: int = 10
    _: KW_ONLY
    min_improvement: float = 0.0

    status = Status.VALIDATION
    holds = staticmethod(no_better_validation)
    prepare = staticmethod(validation_pass)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", integer("patience", self.patience, 1))
        improvement = positive("min_improvement", self.min_improvement, 0.0)
        object.__setattr__(self, "min_improvement", improvement)

    @property
    def number(self) -> float:
        return self.min_improvement

    @property
    def count(self) -> int:
        return self.patience

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        # The best validation loss, epochs since, the loss there and the parameters.
        return ((1, math.inf), (1, 0.0), (1, math.nan), (n_parameters, 0.0))

    def numpy_judge(self, problem: Any) -> Judge:
        return Best(self, problem)


class Best:
    """The best parameters on the validation set, and the epochs since they were found."""

    def __init__(self, rule: Validation, problem: Any) -> None:
        self.rule, self.problem = rule, problem
        self.best, self.age = math.inf, 0
        self.parameters: np.ndarray | None = None
        self.loss = math.nan

    def __call__(self, parameters: np.ndarray, loss: float, gradient: np.ndarray) -> bool:
        value = self.problem.data_loss(parameters, *self.problem.job.validation, None)
        if value < self.best - self.rule.min_improvement:
            self.best, self.age = value, 0
            self.parameters, self.loss = parameters.copy(), loss
        else:
            self.age += 1
        return self.age >= self.rule.patience
