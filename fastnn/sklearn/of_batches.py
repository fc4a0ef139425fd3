"""Methods that only solvers of batches have."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import Any

from .parameters import solver_of


class OfBatches:
    """A method of estimators whose solver makes an update for each batch.

    For others it is not there, and the error says why; `sklearn.utils.metaestimators.available_if`
    says only that it is not.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)  # type: ignore[arg-type]

    def __get__(self, estimator: Any, kind: Any = None) -> Any:
        if estimator is None:
            return self.function
        if not _has_batches(estimator.solver):
            raise AttributeError(
                f"{self.function.__name__}: expected a solver of batches, such as 'sgd' or 'adam', "
                f"for {type(estimator).__name__}, got {estimator.solver!r}; use one of these, or "
                "fit with warm_start=True, which goes on too"
            )
        return MethodType(self.function, estimator)


def _has_batches(solver: Any) -> bool:
    try:
        return solver_of(solver).stochastic
    except ValueError:  # `fit` will raise it
        return False
