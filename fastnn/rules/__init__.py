"""Stopping rules: one file each, holding numbers, compiled judgement and NumPy judgement.

The first rule that holds ends a restart.  Rules look at a restart at the start of every epoch,
before its update, and at its end: `epochs` of the result counts the updates before the pass that
satisfied the rule.
"""

from typing import Any

from ..support.checks import shown
from .common import Rule
from .errors_within import ErrorsWithin
from .gradient_below import GradientBelow
from .loss_below import LossBelow
from .mean_loss_below import MeanLossBelow
from .no_progress import NoProgress
from .own_rules import OwnRule
from .sse_below import SSEBelow
from .sum_of_losses import SumOfLosses
from .validation import Validation

RULES: tuple[type[Rule], ...] = (
    LossBelow, SSEBelow, ErrorsWithin, GradientBelow, NoProgress, MeanLossBelow, Validation,
    SumOfLosses,
)  # fmt: skip
"""All rules."""


def rule_numbers(rules: tuple[Rule, ...], n_parameters: int) -> int:
    """Size of the memory of all `rules` for each restart."""
    return sum(count for rule in rules for count, _ in rule.slots(n_parameters))


def make_rules(stop: Any) -> tuple[Rule, ...]:
    """Convert `stop`, a rule, a sequence of rules or None, to a tuple of rules.

    The class of a user's rule stands for the rule with its defaults.
    """
    given = () if stop is None else stop if isinstance(stop, list | tuple) else (stop,)
    rules = [one() if isinstance(one, type) and issubclass(one, OwnRule) else one for one in given]
    for rule in rules:
        if not isinstance(rule, Rule):
            expected = ", ".join(f"fastnn.{kind.__name__}" for kind in RULES)
            own = callable(rule) and not isinstance(rule, type)
            way = "; make a rule of a formula with fastnn.extend.rule" if own else ""
            raise TypeError(
                f"stop: expected one rule or a list of rules ({expected}), got {shown(rule)}{way}"
            )
    if sum(isinstance(rule, Validation) for rule in rules) > 1:
        raise ValueError("stop: expected at most one fastnn.Validation, got several")
    return tuple(rules)
