"""Checks of an estimator's parameters, made by `fit` as is usual in scikit-learn."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ..support.checks import integer, real_array, shown
from .parameters import activation_of, solver_of

# Names, bounds, and whether the bounds are included.
NUMBERS = (
    ("alpha", 0.0, np.inf, True),
    ("tol", 0.0, np.inf, True),
    ("learning_rate_init", 0.0, np.inf, False),
    ("momentum", 0.0, 1.0, True),
    ("beta_1", 0.0, 1.0, True),
    ("beta_2", 0.0, 1.0, True),
    ("epsilon", 0.0, np.inf, False),
    ("validation_fraction", 0.0, 1.0, False),
)
FLAGS = ("shuffle", "nesterovs_momentum", "early_stopping", "warm_start", "halving")


def hidden_sizes(value: Any) -> tuple[int, ...]:
    """Convert `hidden_layer_sizes` to a tuple; one number is one layer."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_):
        value = (value,)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise TypeError(
            f"hidden_layer_sizes: expected an integer or a sequence of integers, got {shown(value)}"
        )
    return tuple(integer(f"hidden_layer_sizes[{i}]", n, 1) for i, n in enumerate(value))


def check_parameters(estimator: Any) -> None:
    """Raise unless all parameters are valid.

    Raises
    ------
    TypeError, ValueError
        With the parameter, what was expected, and what came.
    """
    hidden_sizes(estimator.hidden_layer_sizes)
    activation_of(estimator.activation)
    solver_of(estimator.solver)
    for name, low, high, closed in NUMBERS:
        value = getattr(estimator, name)
        number = real_array(name, value)
        inside = low <= number <= high if closed else low < number < high
        if number.ndim or isinstance(value, bool | np.bool_) or not inside:
            bounds = f"{low:g} to {high:g}" if closed else f"between {low:g} and {high:g}"
            raise ValueError(f"{name}: expected a number {bounds}, got {shown(value)}")
    for name in ("max_iter", "n_iter_no_change", "n_restarts", "n_estimators"):
        integer(name, getattr(estimator, name), 1)
    if estimator.n_estimators > estimator.n_restarts:
        raise ValueError(
            f"n_estimators: expected at most n_restarts={estimator.n_restarts}, got "
            f"{estimator.n_estimators}"
        )
    for name in FLAGS:
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False, got {shown(value)}")
    if not isinstance(estimator.batch_size, str) or estimator.batch_size != "auto":
        integer("batch_size", estimator.batch_size, 1)
    if estimator.n_jobs is not None:
        jobs = integer("n_jobs", estimator.n_jobs, -(10**4), 10**4)
        if jobs == 0:
            raise ValueError("n_jobs: expected a number other than 0, got 0")
