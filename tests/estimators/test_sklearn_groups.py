"""The estimators with a network for each group of rows."""

import pickle
import re
import warnings

import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import fastnn
from fastnn.sklearn import (
    GroupedMLPClassifier,
    GroupedMLPRegressor,
    MLPClassifier,
    MLPRegressor,
)

RNG = np.random.default_rng(0)
SIZES = [1, 2, 7, 40, 60]
SHOP = RNG.permutation(np.repeat(np.arange(5), SIZES))
PRICE = RNG.uniform(1000, 5000, size=len(SHOP))
DEMAND = (1 + SHOP) * np.exp(-PRICE / 2000)
X = np.column_stack([PRICE, SHOP])
SOLD = np.where(DEMAND > 1.0, "much", "little")
QUICK = {"activation": "tanh", "alpha": 1e-4, "n_restarts": 2}
KINDS = {"regressor": (GroupedMLPRegressor, DEMAND), "classifier": (GroupedMLPClassifier, SOLD)}
# What scikit-learn's checks ask of them in vain.
EXPECTED = {
    "check_dtype_object": "a column of groups holds objects of any hashable kind, not numbers",
}

pytestmark = pytest.mark.filterwarnings("ignore:max_iter:sklearn.exceptions.ConvergenceWarning")


def quick(kind=GroupedMLPRegressor, groups=1, hidden=(4,), **options):
    return kind(groups, hidden, **{**QUICK, **options})


def frame(library, groups=SHOP):
    names = [f"shop {i}" for i in groups]
    return library.DataFrame({"price": PRICE, "store": names, "other": np.sin(PRICE)})


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [GroupedMLPRegressor, GroupedMLPClassifier])
def test_scikit_learns_own_checks(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = kind(0, (5,), alpha=1e-4, n_restarts=2, max_iter=60)
        results = check_estimator(
            estimator, expected_failed_checks=EXPECTED, on_fail=None, on_skip=None
        )
    assert len(results) > 55
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {
        "check_array_api_input"
    }
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(EXPECTED)
    wrong = [r for r in results if r["status"] not in ("passed", "skipped", "xfail")]
    assert not wrong, wrong


@pytest.mark.parametrize("scaling", ["group", "common"])
@pytest.mark.parametrize("name", KINDS)
def test_groups_are_learnt(name, scaling):
    kind, y = KINDS[name]
    model = quick(kind, scaling=scaling).fit(X, y)
    assert model.score(X, y) > 0.97
    assert list(model.models_) == list(dict.fromkeys(SHOP))
    assert model.by_group_.rows.tolist() == [SIZES[int(shop)] for shop in model.by_group_.labels]
    one_row = X[SHOP == 0]
    if name == "regressor":
        np.testing.assert_allclose(model.predict(one_row), DEMAND[SHOP == 0], atol=0.02)
    else:
        assert model.classes_.tolist() == ["little", "much"]
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
        assert (model.predict(one_row) == SOLD[SHOP == 0]).all()


@pytest.mark.thorough
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_group_alone_is_an_estimator_on_its_rows(name, solver):
    """The penalty and the loss are those without groups, whatever other groups there are."""
    kind, y = KINDS[name]
    options = {"alpha": 0.3, "tol": 1e-9, "max_iter": 3000, "solver": solver, "n_restarts": 1}
    if solver == "adam":
        options |= {"learning_rate_init": 0.01, "max_iter": 3000, "n_iter_no_change": 3000}
    together = quick(kind, scaling="common", **options).fit(X, y)
    rows = SHOP == 4
    inputs, outputs = together.models_.inputs, together.models_.outputs
    seen = inputs.apply(PRICE[rows, np.newaxis])
    alone = MLPRegressor if name == "regressor" else MLPClassifier
    targets = y[rows] if outputs is None else outputs.apply(y[rows, np.newaxis])[:, 0]
    model = alone((4,), **QUICK | options, shuffle=False).fit(seen, targets)
    if name == "regressor":
        found = outputs.undo(model.predict(seen)[:, np.newaxis])[:, 0]
        np.testing.assert_allclose(together.predict(X[rows]), found, rtol=1e-4)
    else:
        found = model.predict_proba(seen)
        np.testing.assert_allclose(together.predict_proba(X[rows]), found, rtol=1e-3, atol=1e-4)


def test_other_units_change_nothing():
    before = quick().fit(X, DEMAND).predict(X)
    scaled = X * [1024.0, 1.0]
    after = quick().fit(scaled, DEMAND * 0.5).predict(scaled)
    np.testing.assert_allclose(after, before * 0.5, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_unknown_groups_are_the_fallbacks(name):
    kind, y = KINDS[name]
    model = quick(kind).fit(X, y)
    unknown = X * [1.0, 0.0] + [0.0, 99.0]
    together = np.concatenate([unknown, X])
    found = model.predict(together)
    np.testing.assert_array_equal(found[len(X) :], model.predict(X))
    np.testing.assert_array_equal(found[: len(X)], model.models_.fallback.predict(X[:, :1]).ravel())
    alone = quick(kind, fallback=False).fit(X, y)
    np.testing.assert_array_equal(alone.predict(X), model.predict(X))
    with pytest.raises(ValueError, match=r"^X: expected groups of the 5 that were fitted, got 99"):
        alone.predict(together)


@pytest.mark.thorough
@pytest.mark.parametrize("library", [pandas, polars])
@pytest.mark.parametrize("name", KINDS)
def test_frames(name, library):
    kind, y = KINDS[name]
    data = frame(library)
    model = quick(kind, "store").fit(data, y)
    assert model.feature_names_in_.tolist() == ["price", "store", "other"]
    assert model.n_features_in_ == 3
    np.testing.assert_array_equal(model.predict(data), quick(kind, 1).fit(data, y).predict(data))
    assert model.models_.by == "store"
    assert model.models_.features == ("price", "other")
    np.testing.assert_array_equal(model.models_.predict(data).ravel(), model.predict(data))
    array = np.column_stack([np.sin(PRICE), PRICE]).astype(object)
    array = np.column_stack([array[:, 1], [f"shop {i}" for i in SHOP], array[:, 0]])
    np.testing.assert_array_equal(quick(kind, -2).fit(array, y).predict(array), model.predict(data))
    rows = array.tolist()
    np.testing.assert_array_equal(quick(kind, 1).fit(rows, y).predict(rows), model.predict(data))


@pytest.mark.thorough
@pytest.mark.parametrize("name", KINDS)
def test_with_scikit_learns_tools(name):
    kind, y = KINDS[name]
    data = frame(pandas)
    model = quick(kind, "store")
    # In some folds all rows of the smallest groups are held out.
    scores = cross_val_score(model, data, y, cv=KFold(3, shuffle=True, random_state=0))
    assert (scores > 0.8).all()
    search = GridSearchCV(model, {"scaling": ["group", "common"], "alpha": [1e-4, 1.0]}, cv=3)
    search.fit(data, y)
    assert search.best_score_ > 0.8
    assert make_pipeline(FunctionTransformer(), model).fit(data, y).score(data, y) > 0.95
    copy = clone(search.best_estimator_)
    with pytest.raises(NotFittedError):
        copy.predict(data)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(data), search.predict(data))


@pytest.mark.thorough
def test_weights_are_repetitions():
    """Rows of weight 0 are not there, and groups of such rows alone are unknown."""
    counts = RNG.integers(0, 3, size=len(X)) * (SHOP != 1)
    options = {"alpha": 0.1, "tol": 1e-10, "max_iter": 2000, "n_restarts": 1}
    weighted = quick(**options).fit(X, DEMAND, sample_weight=counts)
    repeated = quick(**options).fit(np.repeat(X, counts, axis=0), np.repeat(DEMAND, counts))
    assert 1 not in weighted.models_
    known = np.isin(SHOP, repeated.models_.labels)
    np.testing.assert_allclose(
        weighted.predict(X[known]), repeated.predict(X[known]), rtol=1e-4, atol=1e-6
    )


@pytest.mark.thorough
def test_weights_of_classes():
    """They count once, also in the fallback, and a class of weight 0 is still known."""
    kinds = np.where(SHOP == 3, "other", SOLD)
    weights = {"little": 3.0, "other": 0.0}
    by_class = quick(GroupedMLPClassifier, class_weight=weights).fit(X, kinds)
    own = np.where(kinds == "little", 3.0, kinds == "much")
    by_sample = quick(GroupedMLPClassifier).fit(X, kinds, sample_weight=own)
    assert by_class.classes_.tolist() == ["little", "much", "other"]
    assert 3 not in by_class.models_
    np.testing.assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))


@pytest.mark.thorough
def test_one_class_in_a_group():
    model = quick(GroupedMLPClassifier).fit(X, np.where(SHOP == 3, "all", SOLD))
    shares = model.predict_proba(X[SHOP == 3])
    assert (shares[:, model.classes_.tolist().index("all")] > 0.99).all()


@pytest.mark.thorough
def test_several_targets_and_losses():
    both = np.column_stack([DEMAND, 3 - DEMAND])
    model = quick().fit(X, both)
    assert model.predict(X).shape == both.shape
    assert model.score(X, both) > 0.99
    counts = np.round(5 * DEMAND)
    rates = quick(loss="poisson").fit(X, counts).predict(X)
    assert (rates > 0).all()
    assert np.corrcoef(rates, counts)[0, 1] > 0.95


@pytest.mark.thorough
def test_the_penalty_goes_with_the_noise():
    noise = np.random.default_rng(1).normal(size=len(X))
    smooth = quick(alpha="auto").fit(X, DEMAND)
    noisy = quick(alpha="auto").fit(X, noise)
    assert smooth.alpha_ < noisy.alpha_
    few = SHOP < 3
    assert quick(alpha="auto").fit(X[few], DEMAND[few]).alpha_ == 1e-4


def test_a_warning_says_that_groups_were_still_learning():
    with pytest.warns(ConvergenceWarning, match="^max_iter: the best restarts of most groups"):
        quick(max_iter=2, tol=0.0).fit(X, DEMAND)


@pytest.mark.thorough
def test_groups_that_diverge():
    options = {"solver": "sgd", "learning_rate_init": 1e9, "activation": "relu"}
    with pytest.raises(ValueError, match=r"^learning_rate_init: expected a finite loss, got one"):
        quick(**options).fit(X, DEMAND)


def test_models_can_be_saved(tmp_path):
    model = quick(groups="store").fit(frame(pandas), DEMAND)
    model.models_.save(tmp_path / "shops.npz")
    again = fastnn.load(tmp_path / "shops.npz")
    found = again.predict(frame(pandas)).ravel()
    np.testing.assert_array_equal(found, model.predict(frame(pandas)))


BAD = [
    ({"groups": 2}, ValueError, "groups: expected the index of one of 2 columns, got 2"),
    ({"groups": "store"}, ValueError, "groups: expected the index of a column, as X is no data"),
    ({"groups": True}, TypeError, "groups: expected the name or index of a column of X, got True"),
    ({"groups": None}, TypeError, "groups: expected the name or index of a column of X, got None"),
    ({"scaling": "none"}, ValueError, "scaling: expected 'group', a scale for each group, or 'com"),
    ({"fallback": 1}, TypeError, "fallback: expected True or False, got 1"),
    ({"alpha": -1}, ValueError, "alpha: expected a number 0 to inf, got -1"),
    ({"n_restarts": 0}, ValueError, "n_restarts: expected an integer from 1"),
    ({"solver": "newton"}, ValueError, "solver: expected one of 'lbfgs', 'sgd', 'adam'"),
    ({"loss": "gaussian_nll"}, ValueError, "loss: expected a loss with one output of the network"),
    (
        {"solver": "sgd", "learning_rate": "invscaling"},
        ValueError,
        "learning_rate: expected 'constant' or 'adaptive' with solver='sgd' of GroupedMLPRegressor",
    ),
]


@pytest.mark.parametrize(("options", "exception", "message"), BAD)
def test_bad_parameters_are_refused_by_fit(options, exception, message):
    with pytest.raises(exception, match=f"^{re.escape(message)}"):
        quick(**options).fit(X, DEMAND)


@pytest.mark.parametrize("kind", [GroupedMLPRegressor, GroupedMLPClassifier])
@pytest.mark.parametrize(
    "word", ["warm_start", "early_stopping", "shuffle", "halving", "n_estimators"]
)
def test_what_groups_do_not_have_is_refused_in_the_name_of_the_class(kind, word):
    with pytest.raises(TypeError, match=f"^{kind.__name__}: unexpected argument {word}"):
        kind(0, **{word: 1})


def gaps(column):
    data = frame(pandas)
    data.loc[3, column] = None
    return data


BAD_DATA = [
    (gaps("store"), "X: expected a group in each row, got "),
    (gaps("price"), "Input X contains NaN"),
    (frame(pandas).rename(columns={"store": "stores"}), "groups: expected a column of X, such as"),
    (frame(pandas)[["store"]], "X: expected features beside the column of groups"),
    (frame(pandas).assign(other="text"), "X: expected numbers: could not convert string"),
]


@pytest.mark.parametrize(("data", "message"), BAD_DATA)
def test_bad_data_are_refused(data, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        quick(groups="store").fit(data, DEMAND)


def test_several_labels_are_refused():
    labels = np.column_stack([SHOP > 2, SHOP > 3]).astype(int)
    with pytest.raises(ValueError, match=r"^y: expected one label for each row, with groups"):
        quick(GroupedMLPClassifier).fit(X, labels)
