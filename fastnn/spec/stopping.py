"""Stopping rules.  The first rule that holds ends a restart.

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
    """Status of a restart that the rule ends."""
    code: ClassVar[int]

    @property
    def number(self) -> float:
        """Number that the rule compares with."""
        return 0.0

    @property
    def count(self) -> int:
        """Number of epochs that the rule looks at."""
        return 0

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        """Memory per restart: the size and the initial value of each slot."""
        return ()


@by_name
@dataclass(frozen=True)
class LossBelow(Rule):
    """End with ``CONVERGED`` once the loss is below a target.

    Parameters
    ----------
    loss : float
        Positive.
    """

    loss: float

    code = -1  # checked by the engine itself

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", _positive("loss", self.loss))


@by_name
@dataclass(frozen=True)
class SSEBelow(Rule):
    """End with ``CONVERGED`` once the sum of squared errors is below a target, for any loss.

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
    """End with ``CONVERGED`` once every output of every sample is within a tolerance of its target.

    The classic criterion for targets 0 and 1 is 0.4 (S. E. Fahlman, CMU-CS-88-162, 1988).

    Parameters
    ----------
    tolerance : float, default 0.4
        Positive; an error equal to the tolerance is not within it.
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
    """End with ``GRADIENT`` once the Euclidean norm of the loss's gradient is below a bound.

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
    """End with ``CONVERGED`` once the mean of the last losses is below a share of the first loss.

    Parameters
    ----------
    ratio : float, default 1
        Positive.
    last : int, default 20
        Number of losses; the rule applies only to restarts that have that many.
    at_end : bool, default False
        If True, the rule applies only after the last epoch, to decide whether a restart converged.
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
    """Sum the losses of every epoch, and their inverses; the rule ends no restart.

    The losses are those of a history: at the start of every epoch, and at the end.  Losses that are
    not finite are left out.  `Runs.loss_sums` holds the sums, if `keep` includes "state"; a single
    run has its history instead.
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
"""All rules."""


def rule_numbers(rules: tuple[Rule, ...], n_parameters: int) -> int:
    """Size of the memory of all `rules` for each restart."""
    return sum(count for rule in rules for count, _ in rule.slots(n_parameters))


def make_rules(stop: Any) -> tuple[Rule, ...]:
    """Convert `stop`, a rule, a sequence of rules or None, to a tuple of rules."""
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
