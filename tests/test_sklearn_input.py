"""Invalid parameters of the estimators: refused by `fit`, by the parameter's name."""

import re

import numpy as np
import pytest
from test_sklearn import IRIS, KINDS, PROGRESS, quick

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor

BAD = [
    ({"hidden_layer_sizes": 0}, ValueError, "hidden_layer_sizes[0]: expected an integer from 1"),
    ({"hidden_layer_sizes": "ten"}, TypeError, "hidden_layer_sizes: expected an integer or a seq"),
    ({"hidden_layer_sizes": (3, 2.5)}, TypeError, "hidden_layer_sizes[1]: expected an integer"),
    ({"activation": "step"}, ValueError, "activation: expected one of 'logistic', 'sigmoid'"),
    ({"activation": None}, ValueError, "activation: expected one of 'logistic', 'sigmoid'"),
    ({"solver": "newton"}, ValueError, "solver: expected one of 'lbfgs', 'sgd', 'adam'"),
    ({"solver": fastnn.RPROP}, ValueError, "solver: expected one of 'lbfgs', 'sgd', 'adam'"),
    ({"solver": fastnn.Adam([0.1] * 7)}, ValueError, "Adam(learning_rate=): expected a number"),
    ({"alpha": -1}, ValueError, "alpha: expected a number 0 to inf, got -1"),
    ({"alpha": [1]}, ValueError, "alpha: expected a number 0 to inf, got [1]"),
    ({"tol": np.nan}, ValueError, "tol: expected finite float64 numbers, got nan"),
    ({"learning_rate_init": 0}, ValueError, "learning_rate_init: expected a number between 0 and"),
    ({"validation_fraction": 1.0}, ValueError, "validation_fraction: expected a number between 0"),
    ({"max_iter": 0}, ValueError, "max_iter: expected an integer from 1"),
    ({"max_iter": 2.5}, TypeError, "max_iter: expected an integer, got 2.5"),
    ({"n_restarts": 0}, ValueError, "n_restarts: expected an integer from 1"),
    ({"n_estimators": 9}, ValueError, "n_estimators: expected at most n_restarts=8, got 9"),
    ({"shuffle": "yes"}, TypeError, "shuffle: expected True or False, got 'yes'"),
    ({"batch_size": "all"}, TypeError, "batch_size: expected an integer, got 'all'"),
    ({"n_jobs": 0}, ValueError, "n_jobs: expected a number other than 0, got 0"),
    ({"random_state": -1}, ValueError, "seed: expected an integer from 0"),
    (
        {"solver": "lm", "hidden_layer_sizes": 300},
        ValueError,
        "optimizer: expected at most 500 parameters",
    ),
]


@pytest.mark.parametrize(("options", "exception", "message"), BAD)
def test_bad_parameters_are_refused_by_fit(options, exception, message):
    estimator = quick(MLPClassifier, **options)  # not by the constructor, as scikit-learn has it
    with pytest.raises(exception, match="^" + re.escape(message)):
        estimator.fit(IRIS, KINDS)


def test_bad_data_are_refused():
    with pytest.raises(ValueError, match="only one class"):
        quick(MLPClassifier).fit(IRIS, np.zeros(150))
    with pytest.raises(ValueError, match="Unknown label type"):
        quick(MLPClassifier).fit(IRIS, PROGRESS[:150])
    with pytest.raises(ValueError, match=r"learning_rate_init: expected a finite loss"):
        quick(MLPRegressor, solver="sgd", learning_rate_init=1e6).fit(IRIS, KINDS * 1.0)
    with pytest.raises(ValueError, match=r"^early_stopping: expected False with partial_fit"):
        quick(MLPClassifier, solver="adam", early_stopping=True).partial_fit(IRIS, KINDS)
