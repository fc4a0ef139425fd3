"""Stopping rules: when a restart has done enough.  The first that holds ends it, per restart.

Rules look at a restart at the start of every epoch, before its update, and at its end: `epochs`
of the result counts the updates before the pass that satisfied the rule.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from ..support.checks import by_name, integer, real_array, shown
from .status import Status

# Run-time codes.
(
    SSE_BELOW, ERRORS_WITHIN, GRADIENT_BELOW, NO_PROGRESS, MEAN_LOSS_BELOW, VALIDATION,
    SUM_OF_LOSSES,
) = range(7)  # fmt: skip


def _positive(name: str, value: Any, least: float = math.nextafter(0.0, 1.0)) -> float:
    array = real_array(name, value)
    if array.ndim or not array >= least or isinstance(value, bool | np.bool_):
        bound = "positive number" if least > 0 else "number >= 0"
        raise ValueError(f"{name}: expected a {bound}, got {shown(value)}")
    return float(array)


@dataclass(frozen=True)
class Rule:
    """The base of all rules."""

    status: ClassVar[Status] = Status.CONVERGED
    """How a restart ends that the rule ends."""
    code: ClassVar[int]

    @property
    def number(self) -> float:
        """What the rule compares with."""
        return 0.0

    @property
    def count(self) -> int:
        """How many epochs it looks at."""
        return 0

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        """What it remembers of each restart: how many numbers, and what they begin with."""
        return ()


@by_name
@dataclass(frozen=True)
class LossBelow(Rule):
    """The loss is below a target: ``CONVERGED``.

    Parameters
    ----------
    loss : float
        Positive.
    """

    loss: float

    code = -1  # the engine itself looks at it

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", _positive("loss", self.loss))


@by_name
@dataclass(frozen=True)
class SSEBelow(Rule):
    """The sum of squared errors is below a target, whatever the loss is: ``CONVERGED``.

    Parameters
    ----------
    sse : float
        Positive.
    """

    sse: float

    code = SSE_BELOW

    def __post_init__(self) -> None:
        object.__setattr__(self, "sse", _positive("sse", self.sse))

    @property
    def number(self) -> float:
        return self.sse


@by_name
@dataclass(frozen=True)
class ErrorsWithin(Rule):
    """Every output of every sample is within a tolerance of its target: ``CONVERGED``.

    The classic criterion for targets 0 and 1 is 0.4 (S. E. Fahlman, CMU-CS-88-162, 1988).

    Parameters
    ----------
    tolerance : float, default 0.4
        Positive; an error as large as it does not count as within.
    """

    tolerance: float = 0.4

    code = ERRORS_WITHIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", _positive("tolerance", self.tolerance))

    @property
    def number(self) -> float:
        return self.tolerance


@by_name
@dataclass(frozen=True)
class GradientBelow(Rule):
    """The Euclidean norm of the loss's gradient is below a bound: ``GRADIENT``.

    Parameters
    ----------
    norm : float
        Positive.
    """

    norm: float

    code = GRADIENT_BELOW
    status = Status.GRADIENT

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", _positive("norm", self.norm))

    @property
    def number(self) -> float:
        return self.norm


@by_name
@dataclass(frozen=True)
class NoProgress(Rule):
    """The loss has not fallen for a number of epochs: ``STALLED``.

    Parameters
    ----------
    epochs : int, default 100
        At least 1; with float32 up to 2**24, if training may take longer.
    min_improvement : float, default 0
        By how much the loss must fall below its best to count; not negative.
    """

    epochs: int = 100
    _: KW_ONLY
    min_improvement: float = 0.0

    code = NO_PROGRESS
    status = Status.STALLED

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", integer("epochs", self.epochs, 1))
        improvement = _positive("min_improvement", self.min_improvement, 0.0)
        object.__setattr__(self, "min_improvement", improvement)

    @property
    def number(self) -> float:
        return self.min_improvement

    @property
    def count(self) -> int:
        return self.epochs

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((1, math.inf), (1, 0.0))  # the best loss, and epochs since


@by_name
@dataclass(frozen=True)
class MeanLossBelow(Rule):
    """The mean of the last losses is below a share of the first loss: ``CONVERGED``.

    Parameters
    ----------
    ratio : float, default 1
        Positive.
    last : int, default 20
        How many losses; the rule looks only at restarts that have as many.
    at_end : bool, default False
        Whether it only tells restarts that train to the last epoch whether they have converged.
    """

    ratio: float = 1.0
    _: KW_ONLY
    last: int = 20
    at_end: bool = False

    code = MEAN_LOSS_BELOW

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", _positive("ratio", self.ratio))
        object.__setattr__(self, "last", integer("last", self.last, 1, 10_000))
        if not isinstance(self.at_end, bool | np.bool_):
            raise TypeError(f"at_end: expected True or False, got {shown(self.at_end)}")

    @property
    def number(self) -> float:
        return self.ratio

    @property
    def count(self) -> int:
        return -self.last if self.at_end else self.last

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((1, 0.0), (1, 0.0), (self.last, 0.0))  # the first loss, how many, the last ones


@by_name
@dataclass(frozen=True)
class Validation(Rule):
    """The loss on the validation set has not fallen for a number of epochs: ``VALIDATION``.

    The parameters of the best validation loss are those of the result, and so is their loss.

    Parameters
    ----------
    patience : int, default 10
        Epochs, at least 1; with float32 up to 2**24, if training may take longer.
    min_improvement : float, default 0
        By how much the loss must fall below its best to count; not negative.
    """

    patience: int = 10
    _: KW_ONLY
    min_improvement: float = 0.0

    code = VALIDATION
    status = Status.VALIDATION

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", integer("patience", self.patience, 1))
        improvement = _positive("min_improvement", self.min_improvement, 0.0)
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


@by_name
@dataclass(frozen=True)
class SumOfLosses(Rule):
    """Ends no restart: it adds up the losses of every epoch, and their inverses.

    The losses are those that a history has: at the start of every epoch, and at the end.  One that
    is not finite is left out.  `Runs.loss_sums` has the sums, if `keep` has "state"; one run has
    its history.
    """

    code = SUM_OF_LOSSES
    status = Status.NOT_RUN

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        return ((2, 0.0),)  # both sums


RULES = (
    LossBelow,
    SSEBelow,
    ErrorsWithin,
    GradientBelow,
    NoProgress,
    MeanLossBelow,
    Validation,
    SumOfLosses,
)
"""All of them, for whoever goes through all."""


def rule_numbers(rules: tuple[Rule, ...], n_parameters: int) -> int:
    """How many numbers all `rules` remember of each restart."""
    return sum(count for rule in rules for count, _ in rule.slots(n_parameters))


def make_rules(stop: Any) -> tuple[Rule, ...]:
    """`stop`, a rule, a sequence of rules or None, as a tuple of rules."""
    rules = () if stop is None else stop if isinstance(stop, list | tuple) else (stop,)
    for rule in rules:
        if not isinstance(rule, Rule):
            expected = ", ".join(f"fastnn.{kind.__name__}" for kind in RULES)
            raise TypeError(
                f"stop: expected one rule or a list of rules ({expected}), got {shown(rule)}"
            )
    if sum(isinstance(rule, Validation) for rule in rules) > 1:
        raise ValueError("stop: expected at most one fastnn.Validation, got several")
    return tuple(rules)
