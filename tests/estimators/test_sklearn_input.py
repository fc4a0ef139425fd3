"""Invalid parameters of the estimators: refused by `fit`, by the parameter's name."""

import re

import numpy as np
import pytest
from test_sklearn import IRIS, KINDS, PROGRESS, fitted, quick

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
    ({"n_estimators": 0}, ValueError, "n_estimators: expected an integer from 1"),
    ({"random_state": -1}, ValueError, "random_state: expected an integer from 0"),
    ({"random_state": "now"}, TypeError, "random_state: expected an integer, a RandomState or"),
    ({"alpha": "none"}, (TypeError, ValueError), "alpha: expected"),
    ({"max_fun": 0}, ValueError, "max_fun: expected an integer from 1"),
    ({"power_t": "a"}, (TypeError, ValueError), "power_t: expected"),
    ({"learning_rate": 0.1}, ValueError, "learning_rate: expected one of 'constant', 'invscaling'"),
    (
        {"learning_rate": "invscaling", "solver": "sgd"},
        ValueError,
        "learning_rate: expected 'constant' or 'adaptive' with solver='sgd' of MLPClassifier, got "
        "'invscaling'; use solver=fastnn.GradientDescent(",
    ),
    ({"class_weight": "even"}, ValueError, "class_weight: expected None, 'balanced' or a dict"),
    ({"class_weight": 3}, TypeError, "class_weight: expected None, 'balanced' or a dict"),
    ({"class_weight": {0: -1}}, ValueError, "class_weight: expected finite numbers from 0 on"),
    ({"class_weight": {0: "a"}}, ValueError, "class_weight: expected finite numbers from 0 on"),
    ({"class_weight": {5: 1}}, ValueError, "class_weight: expected labels among [0, 1, 2], got 5"),
    ({"class_weight": {0: 0, 1: 0, 2: 0}}, ValueError, "class_weight: expected weights with a sum"),
    (
        {"solver": "lm", "hidden_layer_sizes": 300},
        ValueError,
        "solver: expected one for 2403 parameters, got 'lm', which takes at most 500",
    ),
]


@pytest.mark.parametrize(("options", "exception", "message"), BAD)
def test_bad_parameters_are_refused_by_fit(options, exception, message):
    estimator = quick(MLPClassifier, **options)  # not by the constructor, as scikit-learn has it
    with pytest.raises(exception, match="^" + re.escape(message)):
        estimator.fit(IRIS, KINDS)


@pytest.mark.parametrize(
    "loss",
    [
        None, 3, "hubert", "cross_entropy", "binary_cross_entropy", fastnn.MSE(l2=0.1),
        fastnn.Huber(l2_towards="start"),
        fastnn.Quantile([0.1, 0.9]), fastnn.Network,
    ],
)  # fmt: skip
def test_other_losses_are_refused(loss):
    with pytest.raises((ValueError, TypeError), match=r"^loss: expected "):
        quick(MLPRegressor, loss=loss).fit(IRIS, KINDS * 1.0)


@pytest.mark.filterwarnings("ignore:max_iter:sklearn.exceptions.ConvergenceWarning")
def test_what_a_loss_does_not_have():
    with pytest.raises(ValueError, match=r"^loss: expected SSE or MSE without penalties"):
        quick(MLPRegressor, loss="quantile", solver="lm").fit(IRIS, KINDS * 1.0)
    with pytest.raises(ValueError, match=r"^y: expected numbers >= 0 for Poisson"):
        quick(MLPRegressor, loss="poisson").fit(IRIS, -KINDS * 1.0)
    model = quick(MLPRegressor, loss="huber", max_iter=200).fit(IRIS, KINDS * 1.0)
    with pytest.raises(ValueError, match=r"^return_std: expected False except with loss="):
        model.predict(IRIS, return_std=True)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_unknown_words_are_refused_in_the_name_of_the_class(kind):
    with pytest.raises(TypeError, match=f"^{kind.__name__}: unexpected argument max_epochs"):
        kind(max_epochs=3)
    with pytest.raises(ValueError, match=f"for estimator {kind.__name__}"):
        kind().set_params(max_epochs=3)


def test_class_weights_that_do_not_fit():
    labels = np.column_stack([KINDS > 0, KINDS > 1]).astype(int)
    with pytest.raises(ValueError, match=r"^class_weight: expected None with several labels"):
        quick(MLPClassifier, class_weight="balanced").fit(IRIS, labels)
    with pytest.raises(ValueError, match=r"^class_weight: expected None or a dict with partial"):
        quick(MLPClassifier, class_weight="balanced", solver="adam").partial_fit(IRIS, KINDS)


def test_bad_data_are_refused():
    with pytest.raises(ValueError, match="only one class"):
        quick(MLPClassifier).fit(IRIS, np.zeros(150))
    with pytest.raises(ValueError, match="Unknown label type"):
        quick(MLPClassifier).fit(IRIS, PROGRESS[:150])
    with pytest.raises(ValueError, match=r"learning_rate_init: expected a finite loss"):
        quick(MLPRegressor, solver="sgd", learning_rate_init=1e6).fit(IRIS, KINDS * 1.0)
    with pytest.raises(ValueError, match=r"^early_stopping: expected False with partial_fit"):
        quick(MLPClassifier, solver="adam", early_stopping=True).partial_fit(IRIS, KINDS)


DAYS = np.datetime64("2026-01-01") + np.arange(len(IRIS))
DATES = "make numbers of dates and times first"


def with_dates(library):
    """A frame of a number and a date, or the dates alone."""
    if library == "numpy":
        return DAYS[:, np.newaxis]
    frame = pytest.importorskip(library)
    make = frame.table if library == "pyarrow" else frame.DataFrame
    return make({"width": IRIS[:, 0], "sold on": DAYS.astype("datetime64[us]")})


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_dates_are_no_numbers(kind, library):
    """NumPy makes nanoseconds of them, in silence, where no other type is beside them."""
    frame = with_dates(library)
    column = "" if library == "numpy" else " in 'sold on'"
    message = rf"^X: expected numbers, got dates or times{column}; {DATES}"
    with pytest.raises(ValueError, match=message):
        quick(kind).fit(frame, KINDS)
    model = fitted(quick(kind), IRIS[:, :2], KINDS)
    with pytest.raises(ValueError, match=message):
        model.predict(frame)


@pytest.mark.parametrize(("values", "message"), [
    (DAYS, f"y: expected numbers, got dates or times; {DATES}"),
    (DAYS - DAYS[0], f"y: expected numbers, got dates or times; {DATES}"),
    (DAYS.astype(object), "y: expected numbers: float() argument must be a string or a real "
     f"number, not 'datetime.date'; {DATES}"),
    (np.array(["cat", "dog", "cow"])[KINDS], "y: expected numbers: could not convert string to "
     "float: np.str_('cat'); classes are for MLPClassifier"),
])  # fmt: skip
def test_targets_of_a_regression_are_numbers(values, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        quick(MLPRegressor).fit(IRIS, values)


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "rprop", fastnn.LBFGS(), "no such"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_without_batches_there_is_no_partial_fit(kind, solver):
    model = quick(kind, solver=solver)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        model.partial_fit(IRIS, KINDS)
    assert str(caught.value) == (
        f"partial_fit: expected a solver of batches, such as 'sgd' or 'adam', for {kind.__name__}, "
        f"got {solver!r}; use one of these, or fit with warm_start=True, which goes on too"
    )
    assert kind.partial_fit.__doc__.startswith("Train all restarts for one epoch")


@pytest.mark.parametrize("rows", [np.arange(0, 150, 15), [0, 1, 2, 3, 50, 51, 52, 100], [0, 50]])
def test_too_few_samples_to_hold_some_out(rows):
    model = quick(MLPClassifier, early_stopping=True)
    message = rf"^early_stopping: expected enough samples .*, of every class, got {len(rows)}: "
    with pytest.raises(ValueError, match=message):
        model.fit(IRIS[rows], KINDS[rows])
