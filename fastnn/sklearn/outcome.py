"""Warnings about what a fit came to."""

from __future__ import annotations

from sklearn.exceptions import ConvergenceWarning

from ..spec.status import Status
from ..support.advice import TrainingWarning, warn

HELPS = (
    "scale the data, as with StandardScaler, and the targets of a regression too, as with "
    "TransformedTargetRegressor; or use a smaller learning_rate_init, a larger max_iter, or "
    "another solver, such as 'lbfgs'"
)


class FitWarning(TrainingWarning, ConvergenceWarning):
    """The best restart of a fit diverged, or is worse than the best constant prediction.

    It is scikit-learn's ``ConvergenceWarning``, and fastnn's ``TrainingWarning``.
    """


def warn_of_outcome(status: Status, iterations: int, is_worse: bool) -> None:
    """Warn, once, of a best restart that is not worth much, or was still improving.

    The texts about the former have no numbers, so that Python's default filter shows them once for
    many fits in one line.
    """
    if status == Status.DIVERGED:
        wrong = "fit: expected a loss that stays finite, got a best restart that diverged"
        warn(f"{wrong}; {HELPS}", FitWarning)
    elif is_worse:
        wrong = "fit: expected a loss below that of the best constant prediction, got one above it"
        warn(f"{wrong}; {HELPS}", FitWarning)
    elif status == Status.EPOCH_LIMIT:
        warn(
            f"max_iter: the best restart was still improving after {iterations} iterations",
            ConvergenceWarning,
        )
