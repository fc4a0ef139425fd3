"""Checks of an estimator's parameters, made by `fit` as is usual in scikit-learn."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ..support.checks import integer, real_array, shown
from .parameters import activation_of, solver_of

# Names, bounds, and whether the bounds are included.
NUMBERS = (
    ("power_t", -np.inf, np.inf, False),
    ("tol", 0.0, np.inf, True),
    ("learning_rate_init", 0.0, np.inf, False),
    ("momentum", 0.0, 1.0, True),
    ("beta_1", 0.0, 1.0, True),
    ("beta_2", 0.0, 1.0, True),
    ("epsilon", 0.0, np.inf, False),
    ("validation_fraction", 0.0, 1.0, False),
)
RATES = ("constant", "invscaling", "adaptive")
MEMBERS = 10
"""The number of networks that are averaged by default: more add little."""
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
    alpha = () if _is(estimator.alpha, "auto") else (("alpha", 0.0, np.inf, True),)
    for name, low, high, closed in (*alpha, *NUMBERS):
        value = getattr(estimator, name)
        number = real_array(name, value)
        inside = low <= number <= high if closed else low < number < high
        if number.ndim or isinstance(value, bool | np.bool_) or not inside:
            bounds = f"{low:g} to {high:g}" if closed else f"between {low:g} and {high:g}"
            raise ValueError(f"{name}: expected a number {bounds}, got {shown(value)}")
    for name in ("max_iter", "max_fun", "n_iter_no_change", "n_restarts"):
        integer(name, getattr(estimator, name), 1)
    if estimator.n_estimators is not None:
        integer("n_estimators", estimator.n_estimators, 1)
        if estimator.n_estimators > estimator.n_restarts:
            raise ValueError(
                f"n_estimators: expected at most n_restarts={estimator.n_restarts}, got "
                f"{estimator.n_estimators}"
            )
    _check_learning_rate(estimator)
    _check_random_state(estimator.random_state)
    for name in FLAGS:
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False, got {shown(value)}")
    if not _is(estimator.batch_size, "auto"):
        integer("batch_size", estimator.batch_size, 1)
    if estimator.n_jobs is not None:
        jobs = integer("n_jobs", estimator.n_jobs, -(10**4), 10**4)
        if jobs == 0:
            raise ValueError("n_jobs: expected a number other than 0, got 0")


def members(estimator: Any) -> int:
    """The number of networks to average, without those that turn out to be stuck."""
    asked = estimator.n_estimators
    return min(MEMBERS, int(estimator.n_restarts)) if asked is None else int(asked)


def _is(value: Any, word: str) -> bool:
    return isinstance(value, str) and value == word


def _check_learning_rate(estimator: Any) -> None:
    """Refuse the schedule that "sgd" does not have; without "sgd" it means nothing."""
    value = estimator.learning_rate
    if not isinstance(value, str) or value not in RATES:
        known = ", ".join(map(repr, RATES))
        raise ValueError(f"learning_rate: expected one of {known}, got {shown(value)}; the number "
                         "is learning_rate_init")  # fmt: skip
    if value == "invscaling" and _is(estimator.solver, "sgd"):
        name = getattr(estimator, "_inner_of", None) or type(estimator).__name__
        raise ValueError(
            "learning_rate: expected 'constant' or 'adaptive' with solver='sgd' of "
            f"{name}, got {value!r}; use solver=fastnn.GradientDescent(rate, "
            "momentum=0.9, schedule=fastnn.ExponentialDecay(…)), or 'adam'"
        )


def _check_random_state(value: Any) -> None:
    if isinstance(value, numbers.Integral):
        integer("random_state", value, 0, 2**64 - 1)
    elif not (value is None or value is np.random or isinstance(value, np.random.RandomState)):
        raise TypeError(
            f"random_state: expected an integer, a RandomState or None, got {shown(value)}"
        )
