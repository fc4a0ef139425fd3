"""Exports of scikit-learn's pipelines: scalers and a network become one model."""

import re

import numpy as np
import pytest

import fastnn
from fastnn.export import from_sklearn, to_c, to_json, to_onnx, to_sklearn

pytest.importorskip("sklearn")
from sklearn import compose, decomposition, linear_model, neural_network, pipeline, preprocessing
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import fastnn.sklearn

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed to converge", "ignore:max_iter")

RANDOM = np.random.default_rng(1)
X = 100 + np.array([1.0, 30.0, 0.01]) * RANDOM.normal(size=(60, 3))
LABELS = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [99.5, 100.5])]
NUMBERS = 1000 + 50 * (X[:, 0] - 100)
LIBRARIES = {"fastnn": fastnn.sklearn, "scikit-learn": neural_network}
SCALERS = [
    [StandardScaler()],
    [StandardScaler(with_mean=False)],
    [StandardScaler(with_std=False)],
    [MinMaxScaler((-1, 3))],
    [MinMaxScaler(), "passthrough", StandardScaler()],
]


def network(library, kind="Classifier", **options):
    make = getattr(LIBRARIES[library], f"MLP{kind}")
    return make(hidden_layer_sizes=(4,), activation="tanh", solver="lbfgs", max_iter=30, **options)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("scalers", SCALERS, ids=str)
def test_scalers_become_part_of_the_model(library, scalers):
    steps = pipeline.make_pipeline(*scalers, network(library)).fit(X, LABELS)
    model = from_sklearn(steps)
    np.testing.assert_allclose(model.probabilities(X), steps.predict_proba(X), atol=1e-9)
    assert (model.predict(X) == steps.predict(X)).all()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
def test_targets_that_were_scaled(library, outer, scaler):
    """The scaler of targets is around the pipeline, or around the network in it."""
    inner = network(library, "Regressor")
    if outer:
        inner = pipeline.make_pipeline(StandardScaler(), inner)
    steps = compose.TransformedTargetRegressor(inner, transformer=scaler)
    if not outer:
        steps = pipeline.make_pipeline(StandardScaler(), steps)
    steps.fit(X, NUMBERS)
    np.testing.assert_allclose(from_sklearn(steps).predict(X)[:, 0], steps.predict(X), rtol=1e-9)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_export_takes_them(library, tmp_path):
    options = {"n_estimators": 1} if library == "fastnn" else {}
    steps = pipeline.make_pipeline(StandardScaler(), network(library, **options)).fit(X, LABELS)
    model = from_sklearn(steps)
    (tmp_path / "own").mkdir()
    for export, name in ((to_c, "c.h"), (to_json, "model.json")):
        export(steps, tmp_path / name)
        export(model, tmp_path / "own" / name)
        assert (tmp_path / name).read_text() == (tmp_path / "own" / name).read_text()
    coefs, intercepts = to_sklearn(steps, fold=True)
    hidden = np.tanh(X @ coefs[0] + intercepts[0])
    odds = np.exp(hidden @ coefs[1] + intercepts[1])
    shares = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, steps.predict_proba(X), atol=1e-7)
    with pytest.raises(ValueError, match="expected one without scaling"):
        to_sklearn(steps)
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    to_onnx(steps, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    labels = session.run(["label"], {session.get_inputs()[0].name: X})[0]
    assert (labels.ravel() == steps.predict(X)).all()


def test_a_network_alone_is_exported():
    fitted = network("scikit-learn", "Regressor").fit(X, NUMBERS)
    for own, theirs in zip(to_sklearn(fitted)[0], fitted.coefs_, strict=True):
        np.testing.assert_array_equal(own, theirs)


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_of_frames_and_other_words(library):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["u", "v", "w"])
    steps = pipeline.make_pipeline(StandardScaler(), network(library)).fit(frame, LABELS)
    model = from_sklearn(steps)
    assert model.features == model.inputs.names == ("u", "v", "w")
    assert (model.predict(frame[["w", "u", "v"]]) == steps.predict(frame)).all()
    other = from_sklearn(steps, features=["a", "b", "c"], classes=["x", "y", "z"])
    assert other.features == ("a", "b", "c")
    assert other.classes.tolist() == ["x", "y", "z"]


def fitted(*steps):
    return pipeline.make_pipeline(*steps).fit(X, NUMBERS)


def mlp():
    return network("scikit-learn", "Regressor")


REFUSED = [
    (
        lambda: fitted(decomposition.PCA(2), StandardScaler(), mlp()),
        ValueError,
        "expected a pipeline of StandardScaler or MinMaxScaler and a network, got the step 'pca', "
        "a PCA; apply other steps",
    ),
    (
        lambda: fitted(pipeline.make_pipeline(StandardScaler()), mlp()),
        ValueError,
        "expected a pipeline of StandardScaler or MinMaxScaler and a network, got the step "
        "'pipeline', a Pipeline",
    ),
    (
        lambda: fitted(MinMaxScaler(clip=True), mlp()),
        ValueError,
        "step 'minmaxscaler': expected a MinMaxScaler with clip=False",
    ),
    (
        lambda: fitted(StandardScaler(), linear_model.LinearRegression()),
        TypeError,
        "expected a fitted MLPClassifier or MLPRegressor of fastnn or scikit-learn, or a pipeline "
        "with one, got LinearRegression()",
    ),
    (
        lambda: fitted(
            compose.TransformedTargetRegressor(mlp(), func=np.log, inverse_func=np.exp)
        ),
        ValueError,
        "expected StandardScaler or MinMaxScaler as the transformer of targets, got Function",
    ),
    (mlp, ValueError, "expected a fitted MLPClassifier or MLPRegressor of scikit-learn, got"),
    (
        lambda: pipeline.make_pipeline(StandardScaler(), fitted(mlp())),
        ValueError,
        "step 'standardscaler': expected a fitted scaler, got StandardScaler() before fit",
    ),
    (
        lambda: compose.TransformedTargetRegressor(mlp()),
        ValueError,
        "expected a fitted TransformedTargetRegressor",
    ),
    (lambda: pipeline.make_pipeline("passthrough"), ValueError, "expected a pipeline of Standa"),
    (lambda: preprocessing.StandardScaler().fit(X), TypeError, "expected a fitted MLPClassifier"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "exception", "message"), REFUSED)
def test_other_steps_are_refused_by_name(make, exception, message, tmp_path):
    for name in ("model.h", "model.json"):
        export = to_c if name.endswith(".h") else to_json
        with pytest.raises(exception, match=f"^model: {re.escape(message)}"):
            export(make(), tmp_path / name)
        assert not (tmp_path / name).exists()


def test_a_pipeline_has_its_own_scaling():
    steps = fitted(StandardScaler(), mlp())
    with pytest.raises(ValueError, match=r"^inputs: expected None with a pipeline"):
        from_sklearn(steps, inputs=fastnn.Scaling([0.0] * 3, [1.0] * 3))
