"""Models: predictions against NumPy, refusals, and round trips through files."""

import re

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn.results.model import Model, as_model
from fastnn.results.scaling import Scaling

NET = fastnn.Network([3, 4, 2], ["tanh", "identity"])
SHARES = fastnn.Network([3, 4, 3], ["tanh", "softmax"])
SIGMOIDS = fastnn.Network([3, 4, 3])
ONE = fastnn.Network([3, 4, 1], ["relu", "sigmoid"])
RNG = np.random.default_rng(5)
X = RNG.normal(3, 2, (20, 3))
UNITS = Scaling([3, 3, 3], [2, 2, 2])
MONEY = Scaling([100, -5], [10, 0.5])


def parameters(net, members=1, dtype=np.float64):
    return RNG.normal(size=(members, net.n_parameters)).astype(dtype)


MODELS = {
    "plain": Model(NET, parameters(NET)[0]),
    "scaled": Model(NET, parameters(NET)[0], inputs=UNITS, outputs=MONEY),
    "ensemble": Model(NET, parameters(NET, 5), inputs=UNITS),
    "float32": Model(NET, parameters(NET, 2, np.float32), inputs=UNITS, outputs=MONEY),
    "words": Model(SHARES, parameters(SHARES, 3), classes=["no", "yes", "perhaps"]),
    "numbers": Model(SHARES, parameters(SHARES), classes=[3, 1, 2], inputs=UNITS),
    "sigmoids": Model(SIGMOIDS, parameters(SIGMOIDS, 2), classes=["a", "b", "c"]),
    "two": Model(
        ONE, parameters(ONE), classes=[False, True], features=["a", "b", "ä"], targets=["it"]
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_what_numpy_computes(name):
    model = MODELS[name]
    single = model.dtype == np.float32
    seen = X if model.inputs is None else (X - model.inputs.mean) / model.inputs.scale
    outputs = np.mean([fastnn.forward(model.network, p, seen) for p in model.parameters], axis=0)
    if model.outputs is not None:
        outputs = model.outputs.mean + model.outputs.scale * outputs
    tolerance = 1e-5 if single else 1e-13
    np.testing.assert_allclose(model.evaluate(X), outputs, rtol=tolerance, atol=tolerance)
    if model.classes is None:
        assert (model.predict(X) == model.evaluate(X)).all()
        with pytest.raises(ValueError, match=r"^probabilities: expected a classification model"):
            model.probabilities(X)
        return
    shares = model.probabilities(X)
    assert shares.shape == (len(X), len(model.classes))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    if outputs.shape[1] > 1:
        expected = outputs / outputs.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, expected, rtol=1e-12)
    assert (model.predict(X) == model.classes[shares.argmax(axis=1)]).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_file_gives_the_same_model(name, tmp_path):
    model, path = MODELS[name], tmp_path / "model.npz"
    model.save(path)
    again = fastnn.load(path)
    assert type(again) is Model
    assert again.network == model.network
    for part in ("features", "targets"):
        assert getattr(again, part) == getattr(model, part)
    np.testing.assert_array_equal(bits(again.parameters), bits(model.parameters))
    assert again.dtype == model.dtype
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert repr(again) == repr(model)


def test_a_run_is_a_model():
    run = fastnn.train(NET, X, X[:, :2], epochs=3)
    np.testing.assert_array_equal(as_model(run).predict(X), run.predict(X))
    assert as_model(MODELS["two"]) is MODELS["two"]
    for thing in (None, NET, Model, 3):
        with pytest.raises(
            TypeError, match=r"^model: expected a fastnn.Model, a fastnn.Run or a fitted"
        ):
            as_model(thing)


def test_scaling_learns_mean_and_deviation():
    columns = np.column_stack([X, np.full(20, 0.1), np.full(20, 1e30)])
    scaling = Scaling.of(columns)
    seen = scaling.apply(columns)
    np.testing.assert_allclose(seen[:, :3].mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(seen[:, :3].std(axis=0), 1, rtol=1e-14)
    assert (seen[:, 3:] == 0).all()
    assert (scaling.scale[3:] == 1).all()
    np.testing.assert_allclose(scaling.undo(seen), columns, rtol=1e-14)


def raises(exception, message):
    return pytest.raises(exception, match=r"^" + re.escape(message))


@pytest.mark.parametrize(
    ("options", "exception", "message"),
    [
        ({"network": [3, 2]}, TypeError, "network: expected a fastnn.Network, got [3, 2]"),
        ({"parameters": [1.0]}, ValueError, "parameters: expected shape (26,) or (members, 26)"),
        ({"parameters": np.zeros((0, 26))}, ValueError, "parameters: expected shape (26,) or"),
        ({"parameters": np.full(26, np.nan)}, ValueError, "parameters: expected finite"),
        ({"inputs": 2}, TypeError, "inputs: expected a fastnn.Scaling, got 2"),
        ({"inputs": MONEY}, ValueError, "inputs: expected a scale for 3 columns, got 2"),
        ({"outputs": UNITS}, ValueError, "outputs: expected a scale for 2 columns, got 3"),
        ({"classes": [1, 2], "outputs": MONEY}, ValueError, "outputs: expected None with classes"),
        ({"classes": [1, 2, 3]}, ValueError, "classes: expected 2 different labels, got [1, 2, 3]"),
        ({"classes": [1, 1]}, ValueError, "classes: expected 2 different labels, got [1, 1]"),
        ({"classes": [None, 1]}, TypeError, "classes: expected labels all of one type"),
        ({"features": ["a"]}, ValueError, "features: expected 3 names, got 1"),
        ({"features": "abc"}, TypeError, "features: expected a sequence of names, got 'abc'"),
        ({"targets": [1, 2]}, TypeError, "targets: expected a sequence of names, got [1, 2]"),
        ({"targets": ["a", "b"], "classes": [1, 2]}, ValueError, "targets: expected 1 names"),
    ],
)
def test_what_is_refused(options, exception, message):
    with raises(exception, message):
        Model(**{"network": NET, "parameters": np.zeros(26), **options})


@pytest.mark.parametrize(
    ("mean", "scale", "exception", "message"),
    [
        ([1], [0], ValueError, "scale: expected positive numbers, got 0.0"),
        ([1], [-1], ValueError, "scale: expected positive numbers, got -1.0"),
        ([1], [1, 2], ValueError, "scale: expected 1 numbers, as many as mean, got 2"),
        (1, 1, ValueError, "mean: expected an array of shape (n,), got 1"),
        ([], [], ValueError, "mean: expected an array of shape (n,), got []"),
        (["a"], [1], TypeError, "mean: expected real numbers, got dtype <U1"),
        ([np.inf], [1], ValueError, "mean: expected finite float64 numbers, got inf"),
    ],
)
def test_scales_that_are_refused(mean, scale, exception, message):
    with raises(exception, message):
        Scaling(mean, scale)


@pytest.mark.parametrize("method", ["predict", "evaluate", "probabilities"])
def test_inputs_that_are_refused(method):
    model = getattr(MODELS["numbers"], method)
    for bad in (X[:, :2], X[0], X[:0], np.full((2, 3), np.nan)):
        with pytest.raises(ValueError, match=r"^X: expected"):
            model(bad)
