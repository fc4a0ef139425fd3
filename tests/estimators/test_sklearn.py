"""The estimators with scikit-learn: its checks and tools, and the results of `fit`."""

import pickle
import re
import warnings

import numpy as np
import pandas
import pytest
from conftest import bits, python
from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastnn
from fastnn.sklearn import MLPClassifier, MLPRegressor
from fastnn.sklearn.parameters import SOLVERS, TABLE

pytestmark = pytest.mark.thorough

IRIS, KINDS = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
DIABETES = StandardScaler().fit_transform(DIABETES)
PROGRESS = (PROGRESS - PROGRESS.mean()) / PROGRESS.std()
# With the penalty given, and the best network alone.
QUICK = {
    "hidden_layer_sizes": (6,), "max_iter": 60, "n_restarts": 8, "alpha": 1e-4, "n_estimators": 1,
}  # fmt: skip
ESTIMATORS = {
    "classifier": (MLPClassifier, IRIS, KINDS),
    "regressor": (MLPRegressor, DIABETES, PROGRESS),
}


def quick(kind, **options):
    return kind(**{**QUICK, **options})


def fitted(estimator, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*arguments, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (MLPClassifier, {}),
        pytest.param(MLPRegressor, {}, marks=pytest.mark.slow),
        pytest.param(
            MLPClassifier,
            {"solver": "adam", "hidden_layer_sizes": (30,), "learning_rate_init": 0.01},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            MLPRegressor,
            {"solver": "lm", "hidden_layer_sizes": (5,), "halving": False},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_scikit_learns_own_checks(kind, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(kind(**options), on_fail=None, on_skip=None)
    assert len(results) > 55
    # What is skipped is for other kinds of estimators, or for arrays of other libraries.
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert skipped <= {
        "check_array_api_input",
        "check_classifiers_multilabel_output_format_decision_function",
    }
    wrong = [r for r in results if r["status"] not in ("passed", "skipped")]
    assert not wrong, wrong


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_words_are_scikit_learns(kind):
    theirs = getattr(neural_network, kind.__name__)().get_params()
    ours = kind().get_params()
    own = {"n_restarts", "halving", "n_estimators", "n_jobs"}
    own |= {"class_weight"} if kind is MLPClassifier else set()
    assert set(ours) - set(theirs) == own
    assert set(theirs) <= set(ours)
    others = {name for name in ours if name in theirs and ours[name] != theirs[name]}
    assert others == {"solver", "random_state", "alpha"}
    table = " ".join(word for row in TABLE for word in row)
    for name in [*ours, *SOLVERS]:
        if name not in ("verbose", "warm_start", "halving"):
            assert re.search(rf"\b{name}\b", table), name
        assert name in kind.__doc__


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_learns(name, solver):
    kind, X, y = ESTIMATORS[name]
    rates = {"sgd": 0.05, "quickprop": 0.05, "adagrad": 0.2, "lion": 0.03, "rmsprop": 0.01}
    rate = rates.get(solver, 0.02)
    model = fitted(quick(kind, solver=solver, activation="tanh", learning_rate_init=rate), X, y)
    assert model.score(X, y) > (0.95 if kind is MLPClassifier else 0.5)
    assert model.n_iter_ <= 60
    assert model.loss_ == model.restart_losses_[model.restarts_[0]]
    assert [a.shape for a in model.coefs_] == [(X.shape[1], 6), (6, model.n_outputs_)]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("solver", "optimizer"),
    [
        ("adam", lambda rate: fastnn.Adam(0.01)),
        ("rprop", lambda rate: fastnn.RPROP()),
        ("quickprop", lambda rate: fastnn.Quickprop(rate)),
        (
            "sgd",
            lambda rate: fastnn.GradientDescent(
                fastnn.PerLayer(rate, rate), momentum=0.9, nesterov=True
            ),
        ),
        ("lm", lambda rate: fastnn.LevenbergMarquardt()),
    ],
)
def test_an_optimizer_is_a_solver_with_its_own_numbers(name, solver, optimizer):
    kind, X, y = ESTIMATORS[name]
    own = optimizer(0.01 if kind is MLPClassifier else 0.005)  # of twice scikit-learn's loss
    options = {"learning_rate_init": 0.01, "batch_size": 40}
    named = fitted(quick(kind, solver=solver, **options), X, y)
    model = clone(quick(kind, solver=own, **options | {"learning_rate_init": 5.0}))
    given = pickle.loads(pickle.dumps(fitted(model, X, y)))
    np.testing.assert_array_equal(given.parameters_, named.parameters_)
    np.testing.assert_array_equal(given.restart_losses_, named.restart_losses_)
    assert hasattr(given, "partial_fit") == (solver in ("adam", "sgd"))


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "lm"])
@pytest.mark.parametrize("halving", [True, False])
def test_the_best_restart_can_be_had_again(solver, halving):
    y = (KINDS == 1).astype(float)[:, np.newaxis]
    model = fitted(
        quick(MLPRegressor, solver=solver, halving=halving, random_state=3, n_restarts=20,
              batch_size=40, activation="tanh"), IRIS, y[:, 0],
    )  # fmt: skip
    optimizers = {
        "lbfgs": fastnn.LBFGS(), "adam": fastnn.Adam(0.001), "lm": fastnn.LevenbergMarquardt()
    }  # fmt: skip
    batch = {"batch_size": 40, "shuffle": True} if solver == "adam" else {}
    samples, stop = 150, fastnn.GradientBelow(1e-4 * 37**0.5)
    if solver == "adam":
        samples, stop = 40, fastnn.NoProgress(10, min_improvement=1e-4)
    alone = fastnn.train(
        fastnn.Network([4, 6, 1], ["tanh", "identity"]), IRIS, y, seed=3,
        restart=int(model.restarts_[0]), epochs=60, optimizer=optimizers[solver], **batch,
        loss=fastnn.MSE(l2=0 if solver == "lm" else 0.0001 / samples), stop=stop,
        init=fastnn.GlorotUniform(), parallel="samples" if solver == "lbfgs" else "restarts",
    )  # fmt: skip
    np.testing.assert_array_equal(bits(alone.parameters), bits(model.parameters_[0]))
    assert alone.epochs == model.n_iter_
    if not halving:
        assert model.loss_ == np.nanmin(model.restart_losses_)


def test_the_loss_is_scikit_learns():
    """With the same weights, both report the same loss, penalty included."""
    theirs = fitted(
        neural_network.MLPClassifier((6,), solver="lbfgs", alpha=0.3, max_iter=40, random_state=0),
        IRIS, KINDS,
    )  # fmt: skip
    ours = fitted(quick(MLPClassifier, alpha=0.3, n_restarts=1, max_iter=400), IRIS, KINDS)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.02)  # both near the one minimum
    model = fastnn.export.from_sklearn(theirs)
    loss = fastnn.CrossEntropy(l2=0.3 / (2 * 150))
    targets = np.eye(3)[KINDS]
    value = fastnn.loss(model.network, model.parameters[0], IRIS, targets, loss=loss)
    assert value == pytest.approx(theirs.loss_, rel=1e-10)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_more_restarts_and_ensembles(name):
    kind, X, y = ESTIMATORS[name]
    model = fitted(quick(kind, n_estimators=3, halving=False), X, y)
    assert model.parameters_.shape == (3, model.network_.n_parameters)
    order = np.argsort(model.restart_losses_, kind="stable")[:3]
    assert model.restarts_.tolist() == order.tolist()
    outputs = np.mean([fastnn.forward(model.network_, p, X) for p in model.parameters_], axis=0)
    predicted = model.predict_proba(X) if kind is MLPClassifier else model.predict(X)[:, np.newaxis]
    np.testing.assert_allclose(predicted, outputs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "rprop"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_warm_start_goes_on_where_it_was(name, solver):
    kind, X, y = ESTIMATORS[name]
    options = {"solver": solver, "warm_start": True, "tol": 0.0, "batch_size": 50}
    once = fitted(quick(kind, max_iter=30, **options), X, y)
    twice = fitted(quick(kind, max_iter=10, **options), X, y)
    twice = fitted(twice.set_params(max_iter=20), X, y)
    np.testing.assert_array_equal(bits(twice.parameters_), bits(once.parameters_))
    assert twice.n_iter_ == once.n_iter_
    with pytest.raises(ValueError, match=r"^warm_start: expected data and parameters of Network"):
        fitted(twice.set_params(hidden_layer_sizes=(5,)), X, y)


def test_partial_fit_is_an_epoch():
    options = {"solver": "adam", "batch_size": 150, "learning_rate_init": 0.02}
    parts = quick(MLPClassifier, **options)
    for _ in range(12):
        parts.partial_fit(IRIS, KINDS, classes=[0, 1, 2])
    whole = fitted(
        quick(MLPClassifier, **{**options, "max_iter": 12, "halving": False}), IRIS, KINDS
    )
    np.testing.assert_array_equal(bits(parts.parameters_), bits(whole.parameters_))
    parts = quick(MLPClassifier, **options).partial_fit(IRIS[:50], KINDS[:50], classes=[0, 1, 2])
    assert parts.partial_fit(IRIS, KINDS).predict_proba(IRIS).shape == (150, 3)
    with pytest.raises(ValueError, match=r"^y: expected only the classes \[0, 1, 2\], got 5"):
        parts.partial_fit(IRIS, KINDS + 5)
    assert not hasattr(quick(MLPClassifier, solver="lbfgs"), "partial_fit")
    assert hasattr(quick(MLPRegressor, solver="sgd"), "partial_fit")


def test_partial_fit_learns_whatever_came_before():
    """Ten easy batches without progress end nothing."""
    model = quick(MLPClassifier, solver="adam", learning_rate_init=0.05, n_restarts=3)
    easy = np.vstack([IRIS[:5], IRIS[50:55], IRIS[100:105]])
    for _ in range(300):
        model.partial_fit(easy, np.repeat([0, 1, 2], 5))
    for _ in range(30):
        before = model.parameters_
        model.partial_fit(IRIS[10::7], KINDS[10::7])
        assert (model.parameters_ != before).any()
    with pytest.raises(ValueError, match=r"^classes: expected \[0, 1, 2\], as in the first"):
        model.partial_fit(IRIS, KINDS, classes=[0, 1])


@pytest.mark.parametrize("solver", ["adam", "rprop", "lbfgs"])
def test_other_data_are_learnt_after_a_stall(solver):
    model = quick(MLPRegressor, solver=solver, warm_start=True, max_iter=400, tol=1e-2)
    fitted(model, DIABETES[:100], np.zeros(100))
    assert model.status_ in (fastnn.Status.STALLED, fastnn.Status.GRADIENT)
    before = model.n_iter_
    fitted(model, DIABETES[100:], PROGRESS[100:])
    assert model.n_iter_ > before


def test_going_on_after_an_ordinary_fit():
    model = fitted(
        quick(MLPRegressor, solver="adam", n_estimators=2, max_iter=30), DIABETES, PROGRESS
    )
    before = model.parameters_
    model.partial_fit(DIABETES, PROGRESS)
    assert model.parameters_.shape == before.shape
    assert 0 < np.abs(np.sort(model.parameters_, axis=0) - np.sort(before, axis=0)).max() < 0.01
    model = fitted(quick(MLPRegressor, max_iter=30), DIABETES, PROGRESS)
    loss = model.loss_
    fitted(model.set_params(warm_start=True), DIABETES, PROGRESS)
    assert model.loss_ < loss
    # Another solver begins with the parameters; another number of restarts is refused.
    fitted(model.set_params(solver="rprop"), DIABETES, PROGRESS)
    with pytest.raises(ValueError, match=r"^n_restarts: expected 8, as before, to continue, got 9"):
        fitted(model.set_params(n_restarts=9), DIABETES, PROGRESS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_early_stopping_judges_on_other_samples(name):
    kind, X, y = ESTIMATORS[name]
    model = fitted(
        quick(kind, solver="rprop", early_stopping=True, validation_fraction=0.2, max_iter=300,
              halving=False), X, y,
    )  # fmt: skip
    assert model.n_iter_ < 300
    assert model.status_ == fastnn.Status.VALIDATION
    assert model.restarts_[0] == np.argmin(model.restart_losses_)
    assert model.loss_ != model.restart_losses_.min()
    weights = np.where(np.arange(len(X)) % 3 == 0, 0.0, 1.0)
    some = fitted(clone(model), X, y, sample_weight=weights)
    without = fitted(clone(model), X[weights > 0], y[weights > 0])
    np.testing.assert_allclose(some.parameters_, without.parameters_, rtol=1e-9)
    again = fitted(clone(model).set_params(warm_start=True), X, y)
    assert fitted(again, X, y).n_iter_ < 300


def test_weights_are_repetitions():
    weights = np.random.default_rng(0).integers(0, 4, len(IRIS))
    options = {"max_iter": 15, "halving": False}
    weighted = fitted(quick(MLPClassifier, **options), IRIS, KINDS, sample_weight=weights)
    repeated = fitted(
        quick(MLPClassifier, **options), np.repeat(IRIS, weights, axis=0), np.repeat(KINDS, weights)
    )
    np.testing.assert_allclose(
        weighted.predict_proba(IRIS), repeated.predict_proba(IRIS), rtol=1e-6, atol=1e-9
    )
    for bad in (np.zeros(150), -np.ones(150), np.ones(3)):
        with pytest.raises(ValueError, match=r"(?i)sample.weight"):
            quick(MLPClassifier).fit(IRIS, KINDS, sample_weight=bad)


def test_several_outputs_and_labels():
    targets = np.column_stack([PROGRESS, -2 * PROGRESS])
    model = fitted(quick(MLPRegressor), DIABETES, targets)
    assert model.predict(DIABETES).shape == targets.shape
    X, labels = make_multilabel_classification(100, 6, n_classes=4, random_state=0)
    X = StandardScaler().fit_transform(X)
    for y in (labels, sparse.csr_matrix(labels)):
        many = fitted(quick(MLPClassifier, n_restarts=20, max_iter=300), X, y)
        assert many.predict(X).shape == labels.shape
        theirs = neural_network.MLPClassifier((6,), solver="lbfgs", max_iter=300, random_state=0)
        theirs = fitted(theirs, X, labels)
        assert many.score(X, labels) >= theirs.score(X, labels)
        assert many.loss_ * 4 < theirs.loss_  # the mean over four outputs, there the sum
        shares = many.predict_proba(X)
        assert ((shares > 0) & (shares < 1)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_sparse_data_and_frames(name):
    kind, X, y = ESTIMATORS[name]
    dense = fitted(quick(kind), X, y)
    thin = fitted(quick(kind), sparse.csr_array(X), y)
    np.testing.assert_array_equal(bits(thin.parameters_), bits(dense.parameters_))
    assert (thin.predict(sparse.csc_matrix(X)) == dense.predict(X)).all()
    frame = pandas.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    named = fitted(quick(kind), frame, pandas.Series(y))
    assert list(named.feature_names_in_) == list(frame.columns)
    assert named.to_model().features == tuple(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(frame[frame.columns[::-1]])
    assert (named.predict(frame) == dense.predict(X)).all()


def test_with_scikit_learns_tools():
    pipeline = make_pipeline(StandardScaler(), quick(MLPClassifier))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert cross_val_score(pipeline, IRIS, KINDS, cv=3).mean() > 0.9
        search = GridSearchCV(
            quick(MLPClassifier),
            {"solver": ["lbfgs", "rprop"], "alpha": [1e-4, 0.1]},
            cv=2,
            n_jobs=2,
        ).fit(IRIS, KINDS)
    assert search.best_score_ > 0.9
    with pytest.raises(NotFittedError):
        clone(search.best_estimator_).predict(IRIS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pickles_and_models(name, tmp_path):
    kind, X, y = ESTIMATORS[name]
    y = (
        np.array(["setosa", "versicolor", "virginica"], dtype=object)[y]
        if name == "classifier"
        else y
    )
    model = fitted(quick(kind, n_estimators=2), X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()
    model.to_model().save(tmp_path / "model.npz")
    loaded = fastnn.load(tmp_path / "model.npz").predict(X)
    assert (loaded.ravel() == model.predict(X)).all()
    grown = fitted(clone(model).set_params(warm_start=True), X, y)
    fitted(pickle.loads(pickle.dumps(grown)), X, y)


def test_a_warning_says_that_it_was_still_learning():
    with pytest.warns(ConvergenceWarning, match=r"^max_iter: the best restart was still improving"):
        quick(MLPClassifier, solver="adam").fit(IRIS, KINDS)


@pytest.mark.slow
def test_fits_take_no_more_threads_than_their_share():
    """One fit takes all CPUs; workers of joblib take their share, and threads beside others one."""
    code = """
import joblib, os
from unittest.mock import patch
from fastnn.sklearn import MLPClassifier
def threads():
    with patch("fastnn.sklearn.base.available_threads", return_value=8):
        return MLPClassifier()._threads(), MLPClassifier(n_jobs=3)._threads()
if __name__ == "__main__":
    print(threads(), MLPClassifier(n_jobs=-1)._threads() >= 1)
    for backend in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_config(backend=backend):
            print(backend, *joblib.Parallel(n_jobs=2)(joblib.delayed(threads)() for _ in range(2)))
"""
    share = max(1, len(__import__("os").sched_getaffinity(0)) // 2)
    assert python(code, NUMBA_NUM_THREADS="").stdout.splitlines() == [
        "(8, 3) True",
        f"loky ({share}, 3) ({share}, 3)",
        "threading (1, 3) (1, 3)",
        "multiprocessing (1, 3) (1, 3)",
    ]
