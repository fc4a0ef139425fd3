"""Layouts of weights: PyTorch and scikit-learn compute the same, and round trips work."""

import re
import sys
from itertools import pairwise

import numpy as np
import pytest
from conftest import bits
from export_examples import models, random_model, samples
from hypothesis import assume, given, settings

import fastnn
from fastnn.export import from_sklearn, from_torch, to_sklearn, to_torch
from fastnn.results.scaling import Scaling

BARE = {"members": 1, "inputs": False, "outputs": False}
TORCH_NAMES = {
    "sigmoid": ("Sigmoid",), "tanh": ("Tanh",), "relu": ("ReLU",), "identity": ("Identity",),
    "leaky_relu": ("LeakyReLU", 0.01), "softplus": ("Softplus", 1, 40), "elliott": ("Softsign",),
    "silu": ("SiLU",), "gelu": ("GELU", "tanh"), "elu": ("ELU",), "selu": ("SELU",),
    "hard_sigmoid": ("Hardsigmoid",), "softmax": ("Softmax", 1),
}  # fmt: skip
SCALED = random_model([3, 4, 2], ["tanh", "identity"], inputs=True, outputs=True)
CURVED = random_model([3, 4, 2], "tanh", outputs=True)
SEVERAL = random_model([3, 2], "tanh", members=3)
PLAIN = random_model([3, 2], "tanh")


def raises(exception, message):
    return pytest.raises(exception, match="^" + re.escape(message))


@settings(deadline=None, max_examples=60)
@given(models(**BARE))
def test_pytorch_computes_the_same(model):
    torch = pytest.importorskip("torch")
    net = model.network
    assume({*net.activation} <= {*TORCH_NAMES})
    parts = []
    for n_in, n_out, name in zip(net.sizes, net.sizes[1:], net.activation, strict=False):
        kind, *arguments = TORCH_NAMES[name]
        parts += [
            torch.nn.Linear(n_in, n_out, bias=net.bias, dtype=getattr(torch, model.dtype.name)),
            getattr(torch.nn, kind)(*arguments),
        ]
    module = torch.nn.Sequential(*parts)
    module.load_state_dict(to_torch(model), strict=True)
    X = samples(model)
    found = module(torch.from_numpy(X)).detach().numpy()
    tolerance = 1e-12 if model.dtype == np.float64 else 1e-6
    np.testing.assert_allclose(found, model.evaluate(X), rtol=tolerance, atol=tolerance)
    again = from_torch(module.state_dict(), net.activation, classes=model.classes)
    assert again.network == net
    np.testing.assert_array_equal(bits(again.parameters), bits(model.parameters))
    assert again.dtype == model.dtype


def test_what_goes_to_pytorch_is_a_copy():
    torch = pytest.importorskip("torch")
    state = to_torch(PLAIN)
    assert [*state] == ["0.weight", "0.bias"]
    before = PLAIN.parameters.copy()
    with torch.no_grad():
        state["0.weight"].zero_()
        state["0.bias"].zero_()
    np.testing.assert_array_equal(PLAIN.parameters, before)


def test_pytorch_of_other_types():
    torch = pytest.importorskip("torch")
    for kind, expected in (("float64", "float64"), ("float16", "float32"), ("bfloat16", "float32")):
        layer = torch.nn.Linear(3, 2, dtype=getattr(torch, kind))
        model = from_torch(layer.state_dict(), "tanh")
        assert model.dtype == expected
        weights = model.network.unpack(model.parameters[0])[0][0]
        np.testing.assert_array_equal(weights.T, layer.weight.detach().double().numpy())


def arrays(*sizes, bias=True, names=None):
    """A state in PyTorch's layout, of arrays."""
    rng = np.random.default_rng(1)
    state = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        name = f"fc{i + 1}" if names is None else names[i]
        state[f"{name}.weight"] = rng.normal(size=(n_out, n_in))
        if bias:
            state[f"{name}.bias"] = rng.normal(size=n_out)
    return state


def test_arrays_of_any_module():
    state = arrays(3, 4, 2)
    options = {"inputs": Scaling([1, 2, 3], [2, 2, 2]), "classes": ["no", "yes"]}
    model = from_torch(state, ["relu", "softmax"], **options, features=["a", "b", "c"])
    X = samples(model)
    hidden = np.maximum((X - [1, 2, 3]) / 2 @ state["fc1.weight"].T + state["fc1.bias"], 0)
    powers = np.exp(hidden @ state["fc2.weight"].T + state["fc2.bias"])
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.probabilities(X), shares, rtol=1e-12)
    assert model.features == ("a", "b", "c")
    assert not from_torch(arrays(3, 2, bias=False), "tanh").network.bias


def test_layers_come_in_the_order_of_their_numbers():
    state = arrays(*[2] * 12)
    model = from_torch(state, "tanh")
    shuffled = from_torch(dict(sorted(state.items())), "tanh")
    np.testing.assert_array_equal(model.parameters, shuffled.parameters)
    named = arrays(3, 4, 2, names=["net.one", "net.2"])
    assert from_torch(named, "tanh").network.sizes == (3, 4, 2)


@pytest.mark.parametrize(
    ("state", "activation", "exception", "message"),
    [
        (3, "tanh", TypeError, "state_dict: expected a mapping of names to tensors, got 3"),
        ({}, "tanh", ValueError, "state_dict: expected the weights of at least one layer, got non"),
        ({1: np.ones((2, 2))}, "tanh", TypeError, "state_dict: expected names of parameters, got"),
        ({"a.weight": "x"}, "tanh", TypeError, "state_dict['a.weight']: expected real numbers"),
        ({"a.weight": [[np.nan]]}, "tanh", ValueError, "state_dict['a.weight']: expected finite"),
        ({"a.weight": np.ones(2)}, "tanh", ValueError, "state_dict: expected weights (n_out, n_in"),
        (
            {"a.running_mean": np.ones(2)}, "tanh", ValueError,
            "state_dict: expected weights (n_out, n_in) and biases (n_out,) of Linear layers, got "
            "'a.running_mean' of shape (2,)",
        ),
        ({"a.bias": np.ones(2)}, "tanh", ValueError, "state_dict: expected a weight with every"),
        (arrays(3, 2) | arrays(4, 2, names=["b"]), "tanh", ValueError,
         "state_dict: expected weights of shape (2, n_out) for layer 1, got (4, 2)"),
        (arrays(3, 2) | {"fc1.bias": np.ones(3)}, "tanh", ValueError,
         "state_dict: expected biases of shape (2,) for layer 0, got (3,)"),
        (arrays(3, 2) | arrays(2, 2, names=["b"], bias=False), "tanh", ValueError,
         "state_dict: expected biases for all layers or for none, got 1 for 2"),
        ({"weight": np.ones((0, 2))}, "tanh", ValueError, "state_dict: expected weights of"),
        (arrays(3, 2), "step", ValueError, "activation: expected one of sigmoid"),
        (arrays(3, 2), ["tanh"] * 2, ValueError, "activation: expected one name or 1"),
        (arrays(3, 2), None, TypeError, "activation: expected a name or a sequence"),
    ],
)  # fmt: skip
def test_states_that_are_refused(state, activation, exception, message):
    with raises(exception, message):
        from_torch(state, activation)


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with raises(ImportError, "to_torch needs PyTorch: pip install torch"):
        to_torch(PLAIN)
    assert from_torch(arrays(3, 2), "tanh").network.sizes == (3, 2)


@pytest.mark.parametrize("export", [to_torch, to_sklearn])
@pytest.mark.parametrize(
    ("model", "fold", "exception", "message"),
    [
        (None, False, TypeError, "model: expected a fastnn.Model"),
        (PLAIN, 1, TypeError, "fold: expected True or False, got 1"),
        (SEVERAL, False, ValueError, "model: expected a single network, "),
        (SEVERAL, True, ValueError, "model: expected a single network, "),
        (SCALED, False, ValueError, "model: expected one without scaling, which "),
        (CURVED, False, ValueError, "model: expected one without scaling, which "),
        (CURVED, True, ValueError, "model: expected the output activation 'identity'"),
    ],
)
def test_what_a_layout_cannot_hold(export, model, fold, exception, message):
    with raises(exception, message):
        export(model, fold=fold)


@settings(deadline=None, max_examples=60)
@given(models(members=1, outputs=False, labels=None))
def test_folded_weights_compute_the_same(model):
    """Also those of networks without biases, which get some; to the rounding that is stated."""
    again = from_sklearn(to_sklearn(model, fold=True), model.network.activation)
    assert again.dtype == model.dtype
    X = samples(model)
    if model.inputs is None:
        np.testing.assert_array_equal(bits(again.evaluate(X)), bits(model.evaluate(X)))
        return
    large = np.abs(model.inputs.mean / model.inputs.scale).sum()
    tolerance = 10 * (1 + large) * np.finfo(model.dtype).eps
    np.testing.assert_allclose(again.evaluate(X), model.evaluate(X), rtol=tolerance, atol=tolerance)


def test_outputs_are_folded_too():
    again = from_sklearn(to_sklearn(SCALED, fold=True), ["tanh", "identity"])
    X = samples(SCALED)
    np.testing.assert_allclose(again.evaluate(X), SCALED.evaluate(X), rtol=1e-10)


def data(classes=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    if classes is None:
        return X, np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])
    return X, np.array(classes)[np.digitize(X[:, 0] + X[:, 1] ** 2, [0.5, 1.5][: len(classes) - 1])]


def estimator(kind, **options):
    neural = pytest.importorskip("sklearn.neural_network")
    return getattr(neural, f"MLP{kind}")(
        **{"hidden_layer_sizes": (5, 3), "solver": "lbfgs", "max_iter": 20, **options}
    )


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("classes", [["a", "b"], ["x", "y", "z"], [7, 3, 5], [False, True]])
def test_classifiers_of_scikit_learn(activation, classes):
    X, y = data(classes)
    fitted = estimator("Classifier", activation=activation).fit(X, y)
    model = from_sklearn(fitted)
    np.testing.assert_allclose(model.probabilities(X), fitted.predict_proba(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))
    coefs, intercepts = to_sklearn(model)
    for own, theirs in zip(coefs + intercepts, fitted.coefs_ + fitted.intercepts_, strict=True):
        np.testing.assert_array_equal(own, theirs)
    fitted.coefs_, fitted.intercepts_ = coefs, intercepts
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_regressors_of_scikit_learn(activation, dtype):
    X, y = data()
    X, y = X.astype(dtype), y.astype(dtype)
    fitted = estimator("Regressor", activation=activation).fit(X, y)
    model = from_sklearn(fitted)
    assert model.dtype == fitted.coefs_[0].dtype
    tolerance = 1e-12 if model.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(model.predict(X), fitted.predict(X), rtol=0, atol=tolerance)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_names_and_words_of_frames():
    pandas = pytest.importorskip("pandas")
    X, y = data(["x", "y", "z"])
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = estimator("Classifier").fit(frame, pandas.Series(y, dtype=object))
    model = from_sklearn(fitted, targets=["letter"])
    assert (model.features, model.targets) == (("a", "b", "c", "d"), ("letter",))
    assert model.classes.tolist() == ["x", "y", "z"]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_several_labels_at_once():
    X, y = data()
    fitted = estimator("Classifier").fit(X, y > 0)
    model = from_sklearn(fitted)
    assert model.classes is None
    np.testing.assert_allclose(model.predict(X), fitted.predict_proba(X), rtol=0, atol=1e-12)


def test_a_scaler_before_the_estimator():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, y = data(["no", "yes"])
    X = 1000 + 30 * X
    scaler = preprocessing.StandardScaler().fit(X)
    fitted = estimator("Classifier", max_iter=2000).fit(scaler.transform(X), y)
    model = from_sklearn(fitted, inputs=Scaling(scaler.mean_, scaler.scale_))
    np.testing.assert_allclose(
        model.probabilities(X), fitted.predict_proba(scaler.transform(X)), rtol=0, atol=1e-12
    )


COEFS, INTERCEPTS = [np.ones((3, 2))], [np.ones(2)]


@pytest.mark.parametrize(
    ("source", "activation", "exception", "message"),
    [
        (
            3,
            "tanh",
            TypeError,
            "source: expected a fitted MLPClassifier or MLPRegressor of scikit-",
        ),
        ([1, 2, 3], "tanh", TypeError, "source: expected a fitted MLPClassifier or MLPRegressor"),
        ((COEFS, INTERCEPTS), None, ValueError, "activation: expected a name, or one for each"),
        ((COEFS, INTERCEPTS), 3, TypeError, "activation: expected a name or a sequence, got 3"),
        ((COEFS, INTERCEPTS), "step", ValueError, "activation: expected one of sigmoid"),
        ((3, INTERCEPTS), "tanh", TypeError, "coefs: expected a list of arrays, got 3"),
        ((COEFS, "ab"), "tanh", TypeError, "intercepts: expected a list of arrays, got 'ab'"),
        ((["a"], INTERCEPTS), "tanh", TypeError, "coefs[0]: expected real numbers"),
        ((COEFS, [[np.inf, 1]]), "tanh", ValueError, "intercepts[0]: expected finite float64"),
        ((COEFS, [[1.0]]), "tanh", ValueError, "source: expected biases of shape (2,) for layer 0"),
        (([], []), "tanh", ValueError, "source: expected the weights of at least one layer"),
        ((COEFS, INTERCEPTS * 2), "tanh", ValueError, "source: expected biases for all layers or"),
        (
            (COEFS * 2, INTERCEPTS * 2),
            "tanh",
            ValueError,
            "source: expected weights of shape (2, n_out)",
        ),
    ],
)
def test_weights_that_are_refused(source, activation, exception, message):
    with raises(exception, message):
        from_sklearn(source, activation)


def test_logistic_is_sigmoid():
    assert from_sklearn((COEFS, INTERCEPTS), "logistic").network.activation == ("sigmoid",)


def test_estimators_that_are_refused():
    with raises(
        ValueError, "source: expected a fitted MLPClassifier or MLPRegressor of scikit-lea"
    ):
        from_sklearn(estimator("Regressor"))
    linear = pytest.importorskip("sklearn.linear_model")
    with raises(
        ValueError, "source: expected a fitted MLPClassifier or MLPRegressor of scikit-lea"
    ):
        from_sklearn(linear.LinearRegression().fit(*data()))
    with raises(TypeError, "source: expected a fitted MLPClassifier or MLPRegressor of scikit-lea"):
        from_sklearn(type(estimator("Regressor")))
    fitted = estimator("Regressor", max_iter=2000).fit(*data())
    with raises(ValueError, "activation: expected None with an estimator, which has its own"):
        from_sklearn(fitted, "tanh")
    fitted.out_activation_ = "exp"
    with raises(ValueError, "activation: expected one of identity, logistic"):
        from_sklearn(fitted)


def test_a_run_is_exported_too():
    run = fastnn.train(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), epochs=5)
    coefs, intercepts = to_sklearn(run)
    for own, theirs in zip(coefs + intercepts, run.weights + run.biases, strict=True):
        np.testing.assert_array_equal(own, theirs)
