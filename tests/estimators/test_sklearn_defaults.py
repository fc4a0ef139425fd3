"""What the estimators do by default: averages, a chosen penalty; curves; warnings of searches."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from conftest import python
from sklearn import neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_sklearn import DIABETES, IRIS, KINDS, PROGRESS, fitted, quick

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor
from fastnn.sklearn.penalty import ALPHAS, FEWEST


def test_defaults_do_not_overfit():
    """With the best of ten alone, and no penalty, the score was -0.18."""
    X, y = load_diabetes(return_X_y=True)
    scaled = TransformedTargetRegressor(MLPRegressor((30,)), transformer=StandardScaler())
    folds = KFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_val_score(make_pipeline(StandardScaler(), scaled), X, y, cv=folds)
    assert scores.mean() > 0.46


def test_the_penalty_goes_with_the_noise():
    inputs = np.random.default_rng(0).normal(size=(200, 2))
    smooth = np.sin(2 * inputs[:, 0]) * inputs[:, 1]
    options = {"alpha": "auto", "hidden_layer_sizes": (20,), "n_estimators": None, "max_iter": 200}
    clean = fitted(quick(MLPRegressor, **options), inputs, smooth)
    assert clean.alpha_ == ALPHAS[-1]
    assert 1 < len(clean.parameters_) <= 8
    noise = np.random.default_rng(1).normal(size=200)
    assert fitted(quick(MLPRegressor, **options), inputs, noise).alpha_ == ALPHAS[0]


@pytest.mark.parametrize(
    "options", [{"early_stopping": True}, {"warm_start": True}, {"solver": "adam"}]
)
def test_nothing_is_chosen_where_something_else_limits_the_fit(options):
    model = fitted(quick(MLPRegressor, alpha="auto", **options), DIABETES, PROGRESS)
    given = fitted(quick(MLPRegressor, alpha=1e-4, **options), DIABETES, PROGRESS)
    assert model.alpha_ == given.alpha_ == 1e-4
    np.testing.assert_array_equal(model.parameters_, given.parameters_)


def test_few_samples_are_learnt_by_heart():
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    assert fitted(MLPClassifier((10,)), X, y).score(X, y) == 1
    few = FEWEST - 1
    assert fitted(quick(MLPRegressor, alpha="auto"), IRIS[:few], IRIS[:few, 0]).alpha_ == 1e-4


def test_a_class_of_one_sample_prevents_no_choice():
    kinds = np.r_[KINDS[:-1], 7]
    model = fitted(quick(MLPClassifier, alpha="auto"), IRIS, kinds)
    assert model.alpha_ in ALPHAS
    assert model.predict_proba(IRIS).shape == (150, 4)


def test_pickles_of_before_have_the_new_parameters():
    model = fitted(quick(MLPClassifier), IRIS, KINDS)
    state = model.__getstate__()
    for name in ("class_weight", "learning_rate", "power_t", "max_fun"):
        del state[name]
    old = MLPClassifier.__new__(MLPClassifier)
    old.__setstate__(state)
    assert old.get_params() == model.get_params()
    assert (old.predict(IRIS) == model.predict(IRIS)).all()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_curves(kind, solver):
    y = KINDS if kind is MLPClassifier else IRIS[:, 0] * IRIS[:, 1]
    model = fitted(quick(kind, solver=solver, random_state=3), IRIS, y)
    assert len(model.loss_curve_) == model.n_iter_
    assert model.loss_curve_[-1] == model.loss_
    assert model.loss_curve_[0] > model.loss_
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None
    assert model.best_loss_ == model.loss_
    model = fitted(
        quick(kind, solver=solver, early_stopping=True, learning_rate_init=0.02), IRIS, y
    )
    scores = model.validation_scores_
    assert len(scores) == len(model.loss_curve_)
    assert min(scores) <= model.best_validation_score_ <= max(scores) <= 1
    assert any(abs(score - model.best_validation_score_) < 1e-12 for score in scores)
    assert model.best_loss_ is None
    again = pickle.loads(pickle.dumps(model))  # with what was read before
    assert again.validation_scores_ == scores


def test_curves_that_are_not_there():
    model = fitted(quick(MLPClassifier), IRIS, KINDS)
    for loaded in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        with pytest.raises(AttributeError, match=r"^loss_curve_: expected an estimator fitted at"):
            loaded.loss_curve_  # noqa: B018
    model = fitted(quick(MLPClassifier, warm_start=True), IRIS, KINDS)
    assert len(model.loss_curve_) == model.n_iter_
    fitted(model, IRIS, KINDS)
    assert not hasattr(model, "loss_curve_")
    assert not hasattr(MLPClassifier(), "validation_scores_")


def test_class_weights_are_weights():
    weights = np.array([1.0, 5.0, 0.5])
    given = fitted(quick(MLPClassifier, class_weight={1: 5, 2: 0.5}), IRIS, KINDS)
    same = fitted(quick(MLPClassifier), IRIS, KINDS, sample_weight=weights[KINDS])
    np.testing.assert_array_equal(given.parameters_, same.parameters_)
    rare = np.r_[0:50, 50:60, 100:105]
    own = np.linspace(1, 2, len(rare))
    even = fitted(quick(MLPClassifier, class_weight="balanced"), IRIS[rare], KINDS[rare], own)
    sums = np.bincount(KINDS[rare], weights=own)
    factors = own.sum() / (3 * sums)
    same = fitted(quick(MLPClassifier), IRIS[rare], KINDS[rare], own * factors[KINDS[rare]])
    np.testing.assert_array_equal(even.parameters_, same.parameters_)
    words = np.array(["x", "y"])[(KINDS == 1).astype(int)]
    assert fitted(quick(MLPClassifier, class_weight={"y": 9.0}), IRIS, words).score(IRIS, words) > 0


def test_other_words_mean_what_they_do_in_scikit_learn():
    plain = fitted(quick(MLPClassifier), IRIS, KINDS)
    same = fitted(
        quick(MLPClassifier, learning_rate="adaptive", power_t=0.3, max_fun=900), IRIS, KINDS
    )
    np.testing.assert_array_equal(plain.parameters_, same.parameters_)
    assert fitted(quick(MLPClassifier, max_fun=7), IRIS, KINDS).n_iter_ <= 7
    fitted(quick(MLPRegressor, loss="squared_error"), DIABETES, PROGRESS)


@pytest.mark.parametrize(("rate", "patience"), [(3.0, 1), (3.0, 2), (5.0, 2)])
def test_an_adaptive_rate_is_that_of_scikit_learn(rate, patience):
    """From the same start, without a tolerance, which is absolute there."""
    options = {"activation": "tanh", "solver": "sgd", "learning_rate": "adaptive", "alpha": 0.0,
               "learning_rate_init": rate, "momentum": 0.5, "tol": 0.0,
               "n_iter_no_change": patience,
               "batch_size": len(IRIS), "shuffle": False, "random_state": 0}  # fmt: skip
    ours = fitted(MLPClassifier((4,), n_restarts=1, max_iter=80, **options), IRIS, KINDS)
    start = fastnn.train(
        ours.network_, IRIS, np.eye(3)[KINDS], loss="cross_entropy", epochs=0, seed=0,
        init=fastnn.GlorotUniform(),
    )  # fmt: skip
    theirs = neural_network.MLPClassifier((4,), max_iter=1, warm_start=True, **options)
    fitted(theirs, IRIS, KINDS)
    theirs.coefs_, theirs.intercepts_ = (
        [part.copy() for part in parts] for parts in (start.weights, start.biases)
    )
    theirs.loss_curve_, theirs._no_improvement_count, theirs.best_loss_ = [], 0, np.inf
    theirs.set_params(max_iter=80)
    del theirs._optimizer
    fitted(theirs, IRIS, KINDS)
    assert theirs._optimizer.learning_rate <= 0.05 * rate  # it has been lowered twice or more
    count = theirs.n_iter_ - 1  # theirs are losses before each epoch
    assert ours.n_iter_ in (count, count + 1)
    np.testing.assert_allclose(ours.loss_curve_[:count], theirs.loss_curve_[1:], rtol=1e-8)


def test_an_adaptive_rate_ends_when_it_is_too_small_to_matter():
    options = {"solver": "sgd", "max_iter": 5000, "tol": 1e-3, "learning_rate_init": 0.02}
    constant = fitted(quick(MLPRegressor, **options), DIABETES, PROGRESS)
    adaptive = fitted(quick(MLPRegressor, learning_rate="adaptive", **options), DIABETES, PROGRESS)
    assert adaptive.status_ == constant.status_ == "STALLED"
    assert adaptive.n_iter_ > constant.n_iter_


def short(**options):
    return MLPClassifier((4,), solver="adam", max_iter=2, n_restarts=2, n_jobs=1, **options)


SEARCHES = {
    "cross_val_score": lambda one: cross_val_score(one, IRIS, KINDS, cv=3),
    "grid": lambda one: GridSearchCV(one, {"alpha": [0.1, 0.2]}, cv=2).fit(IRIS, KINDS),
    "grid of a pipeline": lambda one: GridSearchCV(
        make_pipeline(StandardScaler(), one), {"mlpclassifier__alpha": [0.1, 0.2]}, cv=2
    ).fit(IRIS, KINDS),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_warns_once(name):
    model = short()
    for _ in range(2):  # each search does
        with pytest.warns(ConvergenceWarning, match=r"^max_iter: .* use a larger") as told:
            SEARCHES[name](model)
        assert len(told) == 1
    for _ in range(2):  # and each fit outside of one
        with pytest.warns(ConvergenceWarning) as told:
            model.fit(IRIS, KINDS)
        assert len(told) == 1


@pytest.mark.slow
@pytest.mark.thorough
def test_a_search_in_processes_warns_once():
    code = """
import warnings
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from fastnn.sklearn import MLPClassifier
if __name__ == "__main__":
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((4,), solver="adam", max_iter=2, n_restarts=2)
    GridSearchCV(make_pipeline(StandardScaler(), model), {"mlpclassifier__alpha": [0.1, 0.2, 0.3]},
                 cv=3, n_jobs=2).fit(X, y)
    cross_val_score(model, X, y, cv=4, n_jobs=2)
"""
    told = python(code).stderr
    assert told.count("ConvergenceWarning: max_iter") == 2, told
