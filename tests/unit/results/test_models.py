"""Models of groups: the bits of each group's own model, labels, fallbacks and refusals."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import bits
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import raises

import fastnn
from fastnn import Model, Models
from fastnn.results.scaling import Scaling

RNG = np.random.default_rng(3)
NET = fastnn.Network([3, 4, 2], ["tanh", "identity"])
ONE = fastnn.Network([3, 5, 1], ["relu", "sigmoid"])
SIGMOIDS = fastnn.Network([3, 4, 3])
SOFTMAX = fastnn.Network([3, 4, 3], ["tanh", "softmax"])
NO_BIAS = fastnn.Network([3, 1], "identity", bias=False)
LABELS = ["b", "a", "ä", "d"]
NAMES = ("x", "y", "z")


def scalings(columns, **options):
    return [Scaling(*RNG.uniform(0.5, 2, (2, columns)), **options) for _ in LABELS]


def made(net, labels=LABELS, dtype=np.float64, **options):
    """Models with random parameters."""
    parameters = RNG.normal(size=(len(labels), net.n_parameters)).astype(dtype)
    return Models(net, parameters, labels, **options)


MODELS = {
    "plain": made(NET),
    "scaled": made(NET, inputs=Scaling([3, 3, 3], [2, 2, 2]), outputs=Scaling([1, 2], [3, 4])),
    "own scales": made(NET, inputs=scalings(3), outputs=scalings(2)),
    "logarithms": made(NO_BIAS, outputs=scalings(1, log=True), by="shop"),
    "float32": made(NET, dtype=np.float32),
    "float32, scaled": made(NET, dtype=np.float32, inputs=scalings(3), outputs=scalings(2)),
    "two classes": made(ONE, classes=[False, True], features=NAMES, by="shop"),
    "sigmoids": made(SIGMOIDS, classes=["no", "yes", "perhaps"], inputs=scalings(3)),
    "softmax": made(SOFTMAX, classes=[3, 1, 2], dtype=np.float32),
    "integers": made(NET, [7, -1, 2**62, 0]),
    "floats": made(NET, [0.5, -1.0, 1e300, np.inf]),
    "bools": made(NET, [True, False]),
    "tuples": made(NET, [("a", 1), ("a", 2), (), ("b", (1.5, True))]),
    "mixed": made(NET, ["1", 1, "2", 2]),
    "fallback": made(
        NET, inputs=scalings(3), features=NAMES, by="shop",
        fallback=Model(NET, RNG.normal(size=(2, NET.n_parameters)), features=NAMES),
    ),
}  # fmt: skip


@st.composite
def rows(draw, n_groups):
    """Inputs, and the numbers of their groups, of very different sizes."""
    sizes = draw(st.lists(st.sampled_from([0, 1, 2, 7, 8, 9, 64, 65, 700]), min_size=n_groups,
                          max_size=n_groups).filter(any))  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    places = rng.permutation(np.repeat(np.arange(n_groups), sizes))
    return rng.normal(size=(len(places), 3)), places


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_every_row_has_the_bits_of_its_groups_model(name, data):
    models = MODELS[name]
    labels = list(models)
    X, places = data.draw(rows(len(labels)))
    groups = [labels[place] for place in places]
    methods = ["evaluate"] if models.classes is None else ["evaluate", "scores", "probabilities"]
    for method in methods:
        together = getattr(models, method)(X, groups)
        for place in np.unique(places):
            chosen = places == place
            alone = getattr(models[labels[place]], method)(X[chosen])
            assert together.dtype == alone.dtype
            np.testing.assert_array_equal(bits(together[chosen]), bits(alone))
    predicted = models.predict(X, groups)
    for place in np.unique(places):
        chosen = places == place
        np.testing.assert_array_equal(predicted[chosen], models[labels[place]].predict(X[chosen]))


def test_sigmoids_that_underflow_are_those_of_their_group():
    parameters = RNG.normal(size=(3, SIGMOIDS.n_parameters))
    parameters[1, -3:] = [-800, -760, -790]
    parameters[2, -3:] = [-760, -790, -800]
    models = Models(SIGMOIDS, parameters, ["a", "b", "c"], classes=[1, 2, 3])
    X, groups = RNG.normal(size=(6, 3)), list("abcabc")
    found = models.probabilities(X, groups)
    assert found[[1, 4]].argmax(axis=1).tolist() == [1, 1]
    assert found[[2, 5]].argmax(axis=1).tolist() == [0, 0]
    for row, group in enumerate(groups):
        expected = models[group].probabilities(X[row : row + 1])[0]
        np.testing.assert_array_equal(bits(found[row]), bits(expected))


@pytest.mark.parametrize("name", MODELS)
def test_groups_are_a_mapping_of_labels(name):
    models = MODELS[name]
    assert len(models) == len(list(models)) == len(models.labels)
    for label, parameters in zip(models, models.parameters, strict=True):
        assert label in models
        model = models[label]
        np.testing.assert_array_equal(bits(model.parameters[0]), bits(parameters))
        assert model.features == models.features
    assert "unheard of" not in models
    with pytest.raises(KeyError, match=r"expected the label of a group, got 'unheard of'"):
        models["unheard of"]


@pytest.mark.parametrize("name", MODELS)
def test_copies_are_equal(name):
    models = MODELS[name]
    for again in (copy.deepcopy(models), pickle.loads(pickle.dumps(models))):
        assert repr(again) == repr(models)
        assert list(again) == list(models)
        np.testing.assert_array_equal(bits(again.parameters), bits(models.parameters))


def frame(library):
    columns = {"z": [0.3, 0.1, 0.2], "shop": ["a", "b", "a"], "x": [1, 2, 3], "y": [4.0, 5.0, 6.0]}
    return library.DataFrame(columns)


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_name_the_group_by_a_column(library):
    data = frame(library)
    models = made(NET, features=NAMES, by="shop")
    X = np.column_stack([data[name] for name in NAMES])
    expected = models.predict(X, ["a", "b", "a"])
    for groups in (None, "shop", data["shop"], np.array(["a", "b", "a"]), ("a", "b", "a")):
        np.testing.assert_array_equal(models.predict(data, groups), expected)
    # Without names of features, all other columns by their places.
    by_place = Models(NET, models.parameters, LABELS)
    X = np.column_stack([data[name] for name in ("z", "x", "y")])
    np.testing.assert_array_equal(by_place.predict(data, "shop"), by_place.predict(X, data["shop"]))


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("labels", [[2, 0, 1], [True, False], [0.5, 1.5]])
def test_columns_of_numbers_find_labels_of_the_same_value(library, labels):
    models = made(NET, labels)
    X = RNG.normal(size=(len(labels), 3))
    column = library.Series(labels)
    np.testing.assert_array_equal(models.predict(X, column), models.predict(X, labels))
    floats = np.array(labels, dtype=np.float64)  # as pandas has integers beside gaps
    np.testing.assert_array_equal(models.predict(X, floats), models.predict(X, labels))


def test_a_fallback_predicts_all_other_groups():
    models = MODELS["fallback"]
    X = RNG.normal(size=(5, 3))
    groups = ["a", "new", "ä", None, np.nan]
    found = models.predict(X, groups)
    for row in (0, 2):
        np.testing.assert_array_equal(found[row], models[groups[row]].predict(X[row : row + 1])[0])
    np.testing.assert_array_equal(found[[1, 3, 4]], models.fallback.predict(X[[1, 3, 4]]))
    np.testing.assert_array_equal(models.predict(X, ["new"] * 5), models.fallback.predict(X))


def test_a_fallback_may_compute_in_another_type_and_scale():
    fallback = Model(NET, RNG.normal(size=NET.n_parameters), inputs=Scaling([1, 2, 3], [4, 5, 6]))
    models = made(NET, dtype=np.float32, fallback=fallback)
    X = RNG.normal(size=(4, 3))
    found = models.predict(X, ["a", "?", "b", "?"])
    np.testing.assert_array_equal(found[1::2], fallback.predict(X[1::2]))
    np.testing.assert_array_equal(found[0], models["a"].predict(X[:1])[0])


def test_an_encoding_of_all_groups():
    data = pd.DataFrame({"kind": list("uvwuvw"), "shop": list("aabbcc"), "size": np.arange(6.0)})
    encoding = fastnn.Encoding.of(data[["kind", "size"]])
    net = fastnn.Network([len(encoding.inputs), 2, 1])
    fallback = Model(net, RNG.normal(size=net.n_parameters), encoding=encoding)
    models = made(net, ["a", "b"], encoding=encoding, by="shop", fallback=fallback)
    found = models.predict(data)
    for label, rows in data.groupby("shop"):
        model = fallback if label == "c" else models[label]
        np.testing.assert_array_equal(found[rows.index], model.predict(rows))


def test_texts_of_models():
    assert repr(MODELS["bools"]).endswith("2 groups: True, False)")
    assert "with a fallback" in repr(MODELS["fallback"])
    html = made(NET, range(1000))._repr_html_()
    assert "1,000 groups: 0, 1, 2, 3, 4 and 995 more" in html
    assert len(html) < 10_000


X = RNG.normal(size=(2, 3))


@pytest.mark.parametrize(
    ("options", "exception", "message"),
    [
        ({"network": [3, 2]}, TypeError, "network: expected a fastnn.Network, got [3, 2]"),
        ({"parameters": np.zeros(26)}, ValueError, "parameters: expected shape (4, 26), a row for"),
        ({"parameters": np.zeros((3, 26))}, ValueError, "parameters: expected shape (4, 26)"),
        (
            {"parameters": np.where(np.arange(4) == 2, np.nan, np.zeros((26, 4))).T},
            ValueError,
            "parameters: expected finite float64 numbers, got nan at index (2, 0); not finite are "
            "those of 'ä': leave them out",
        ),
        ({"labels": "bcde"}, TypeError, "labels: expected a sequence of labels, got 'bcde'"),
        ({"labels": 4}, TypeError, "labels: expected a sequence of labels, got 4"),
        ({"labels": []}, ValueError, "labels: expected at least one label, got none"),
        ({"labels": np.zeros((2, 2))}, ValueError, "labels: expected an array of shape (n,)"),
        (
            {"labels": [1, [2], 3, 4]},
            TypeError,
            "labels: expected labels that can be hashed, got [2",
        ),
        ({"labels": [1, 2, None, 3]}, ValueError, "labels: expected labels, got None at index 2"),
        ({"labels": [1, 2, np.nan, 3]}, ValueError, "labels: expected labels, got nan at index 2"),
        (
            {"labels": [1, 2, 3, 1.0]},
            ValueError,
            "labels: expected different labels, got 1.0 at the indices 0 and 3",
        ),
        ({"inputs": 2}, TypeError, "inputs: expected a fastnn.Scaling, or a sequence of one for"),
        ({"inputs": [1, 2, 3, 4]}, TypeError, "inputs: expected a fastnn.Scaling, or a sequence"),
        (
            {"inputs": scalings(3)[:2]},
            ValueError,
            "inputs: expected 4 scalings, one for each label",
        ),
        (
            {"inputs": [*scalings(3)[:3], *scalings(2)[:1]]},
            ValueError,
            "inputs: expected a scale for 3 columns, got 2 at index 3",
        ),
        (
            {"inputs": Scaling([1], [1])},
            ValueError,
            "inputs: expected a scale for 3 columns, got 1",
        ),
        ({"inputs": scalings(3, log=True)}, ValueError, "inputs: expected a scaling without log"),
        (
            {"outputs": [*scalings(2)[:3], *scalings(2, log=True)[:1]]},
            ValueError,
            "outputs: expected scalings alike in names and log, got another at index 3",
        ),
        ({"classes": [1, 2], "outputs": scalings(2)}, ValueError, "outputs: expected None with"),
        ({"features": ["a"]}, ValueError, "features: expected 3 names, got 1"),
        ({"targets": "ab"}, TypeError, "targets: expected a sequence of names, got 'ab'"),
        ({"by": 3}, TypeError, "by: expected the name of a column, got 3"),
        (
            {"by": "x", "features": NAMES},
            ValueError,
            "by: expected a column that is no feature, got 'x'",
        ),
        ({"fallback": NET}, TypeError, "fallback: expected a fastnn.Model, got Network"),
        (
            {"fallback": Model(ONE, np.zeros(ONE.n_parameters))},
            ValueError,
            "fallback: expected a model of the same outputs as the groups', 2, got 1",
        ),
        (
            {"fallback": Model(NET, np.zeros(26), classes=[1, 2])},
            ValueError,
            "fallback: expected a model of the same classes as the groups', None, got [1, 2]",
        ),
        (
            {"fallback": Model(NET, np.zeros(26), features=["z", "y", "x"]), "features": NAMES},
            ValueError,
            "fallback: expected the columns 'x', 'y', 'z', in this order",
        ),
        ({"group": 1}, TypeError, "Models: unexpected argument group"),
    ],
)
def test_what_is_refused(options, exception, message):
    arguments = {"network": NET, "parameters": np.zeros((4, 26)), "labels": LABELS, **options}
    with raises(exception, message):
        Models(**arguments)


@pytest.mark.parametrize(
    ("inputs", "groups", "exception", "message"),
    [
        (X, None, TypeError, "groups: expected the label of each row, or the name of a column"),
        (X, "shop", TypeError, "groups: expected the label of each row, or the name of a column"),
        (X, ["a"], ValueError, "groups: expected 2 labels, as many as X has rows, got 1"),
        (X, 3, TypeError, "groups: expected a sequence of labels, got 3"),
        (X, [["a"], ["b"]], TypeError, "groups: expected labels that can be hashed, got ['a'] at"),
        (
            X,
            ["a", "A"],
            ValueError,
            "groups: expected labels of the 4 groups, such as 'b', 'a', 'ä', 'd', got 'A', first "
            "in row 1; leave such rows out, or make the models with fallback=, a model for all "
            "other groups; did you mean 'a'?",
        ),
        (X, ["a", None], ValueError, "groups: expected labels of the 4 groups, such as 'b', "),
        (X[:, :2], ["a", "b"], ValueError, "X: expected shape (n, 3)"),
        (X[:0], [], ValueError, "X: expected at least one sample"),
        (np.full((2, 3), np.nan), ["a", "b"], ValueError, "X: expected finite float64 numbers"),
        (frame(pd), "store", ValueError, "X: expected the columns 'store', got 'z', 'shop', 'x'"),
        (frame(pd)[["x", "shop"]], "shop", ValueError, "X: expected shape (n, 3)"),
    ],
)
def test_rows_that_are_refused(inputs, groups, exception, message):
    with raises(exception, message):
        MODELS["plain"].predict(inputs, groups)


def test_methods_that_need_classes():
    for method in ("scores", "probabilities"):
        with raises(ValueError, f"{method}: expected a classification model, got one for"):
            getattr(MODELS["plain"], method)(X, ["a", "b"])
    models = made(fastnn.Network([3, 2], "tanh"), classes=[1, 2])
    with raises(ValueError, "probabilities: expected the output activation 'sigmoid' or 'softmax'"):
        models.probabilities(X, ["a", "b"])
