"""Warnings about what a fit came to."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import ConvergenceWarning

from ..spec.status import Status
from ..support.advice import TrainingWarning, warn
from .searches import is_first

SCALE = (
    "scale the data, as with StandardScaler, and the targets of a regression too, as with "
    "TransformedTargetRegressor"
)
# Kinds of outcomes, and the texts about them.  They have no numbers, so that Python's default
# filter shows them once for many fits in one line.
TEXTS = {
    "diverged": "fit: expected a loss that stays finite, got a best restart that diverged",
    "worse": "fit: expected a loss below that of the best constant prediction, got one above it",
    "unfinished": (
        "max_iter: the best restart was still improving after so many iterations; use a larger "
        "max_iter or tol, or early_stopping=True; or scale the data, as with StandardScaler"
    ),
}


class FitWarning(TrainingWarning, ConvergenceWarning):
    """The best restart of a fit diverged, or is worse than the best constant prediction.

    It is scikit-learn's ``ConvergenceWarning``, and fastnn's ``TrainingWarning``.
    """


def warn_of_outcome(
    status: Status, is_worse: bool, search: str | None, solver: Any, *, inner: bool = False
) -> None:
    """Warn, once, of a best restart that is not worth much, or was still improving.

    All fits of a `search` together warn once for each kind of outcome.  What the `solver` does not
    have, or is already, is not advised.  Of an estimator that is the `inner` one
    of another, which scales the data, only what is wrong is told.
    """
    if status == Status.DIVERGED:
        kind = "diverged"
    elif is_worse:
        kind = "worse"
    elif status == Status.EPOCH_LIMIT and not inner:
        kind = "unfinished"
    else:
        return
    if is_first(search, kind):
        if kind == "unfinished":
            warn(TEXTS[kind], ConvergenceWarning)
        else:
            lbfgs = isinstance(solver, str) and solver == "lbfgs"
            rate, other = ("", "adam") if lbfgs else ("a smaller learning_rate_init, ", "lbfgs")
            more = f"or use {rate}a larger max_iter, or another solver, such as {other!r}"
            advice = (
                more.removeprefix("or ") + ", for the fallback" if inner else f"{SCALE}; {more}"
            )
            warn(f"{TEXTS[kind]}; {advice}", FitWarning)


def warn_of_groups(diverged: bool, unfinished: bool, search: str | None) -> None:
    """Warn of groups without a network of finite loss, and of best restarts still improving."""
    if diverged and is_first(search, "diverged"):
        warn(
            "fit: expected a loss that stays finite, got groups all of whose restarts diverged, "
            "which the fallback predicts; use a smaller learning_rate_init, or solver='lbfgs'",
            FitWarning,
        )
    if unfinished and is_first(search, "unfinished"):
        warn(
            "max_iter: the best restarts of most groups were still improving after so many "
            "iterations; use a larger max_iter or tol",
            ConvergenceWarning,
        )
