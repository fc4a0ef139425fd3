"""Scores of predictions, against their definitions and scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from fastnn.tabular.metrics import Errors, confusion

RNG = np.random.default_rng(3)


def test_errors_are_scikit_learns():
    true = RNG.normal(5, 2, 50)
    predicted = true + RNG.normal(0, 1, 50)
    errors = Errors.of(true, predicted, 4.5)
    constant = np.full(50, 4.5)
    for value, function, guess in [
        (errors.r2, metrics.r2_score, predicted),
        (errors.rmse, metrics.root_mean_squared_error, predicted),
        (errors.mae, metrics.mean_absolute_error, predicted),
        (errors.constant_rmse, metrics.root_mean_squared_error, constant),
        (errors.constant_mae, metrics.mean_absolute_error, constant),
    ]:
        assert value == pytest.approx(function(true, guess), rel=1e-12)


@pytest.mark.parametrize("size", [1e-310, 1e-300, 1e-100, 1e100])
def test_errors_of_all_sizes(size):
    """Squares of the smallest are 0 in floating point."""
    true = np.array([0.0, 1, 2, 3])
    predicted = np.array([0.0, 1, 2, 2])
    expected, errors = Errors.of(true, predicted, 1), Errors.of(true * size, predicted * size, size)
    assert expected.r2 == pytest.approx(0.8, rel=1e-14)
    assert errors.r2 == pytest.approx(expected.r2, rel=1e-9)
    assert errors.rmse == pytest.approx(expected.rmse * size, rel=1e-9)
    assert errors.constant_rmse == pytest.approx(expected.constant_rmse * size, rel=1e-9)


def test_a_column_of_one_value_has_no_share_explained():
    one = np.full(7, 0.1)
    errors = Errors.of(one, one, 0.1)
    assert np.isnan(errors.r2)
    assert errors.rmse == errors.mae == 0


def test_confusions_are_scikit_learns():
    true, predicted = RNG.integers(0, 5, (2, 200))
    counts = confusion(true, predicted, 6)
    np.testing.assert_array_equal(
        counts, metrics.confusion_matrix(true, predicted, labels=range(6))
    )
