"""ONNX: onnxruntime computes the predictions of models of every kind; refusals."""

import json
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from export_examples import (
    TOLERANCES,
    assert_agree,
    assert_labels,
    expected_of,
    in_deviations,
    models,
    random_model,
    samples,
)
from hypothesis import given, settings

import fastnn
from fastnn.export import onnx as module
from fastnn.export import to_onnx
from fastnn.results.model import Model
from fastnn.results.scaling import Scaling
from fastnn.spec.activations import NAMES

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def session(source):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def check(model, X, source):
    ran = session(source)
    names = [output.name for output in ran.get_outputs()]
    found = dict(zip(names, ran.run(None, {"X": X}), strict=True))
    if model.classes is None:
        assert names == ["outputs"]
        assert found["outputs"].dtype == model.evaluate(X).dtype
        assert_agree(model, X, found["outputs"])
        return
    scores = "probabilities" if model.has_shares else "scores"
    assert names == [scores, "label"]
    assert found[scores].dtype == model.dtype
    assert_agree(model, X, found[scores])
    assert_labels(model, X, found["label"], found[scores])
    own = model.classes.dtype
    assert found["label"].dtype == (object if own.kind == "U" else own)


@settings(deadline=None, max_examples=100)
@given(models())
def test_onnxruntime_predicts_the_same(model):
    check(model, samples(model), to_onnx(model).SerializeToString())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", NAMES)
def test_every_activation_from_end_to_end(activation, dtype):
    """Inputs from deep in saturation to next to nothing, past what exp can hold."""
    model = Model(fastnn.Network([1, 1], activation, bias=False), np.ones(1, dtype))
    ends = np.geomspace(1e-8, 1500, 60)
    X = np.concatenate([-ends, [0], ends])[:, np.newaxis].astype(dtype)
    if activation == "sine" and dtype == "float32":
        X = X[np.abs(X[:, 0]) < 100]
    check(model, X, to_onnx(model).SerializeToString())


def test_small_values_of_softplus_keep_their_digits():
    model = Model(fastnn.Network([1, 1], "softplus", bias=False), np.ones(1))
    X = np.linspace(-100, -10, 50)[:, np.newaxis]
    found = session(to_onnx(model).SerializeToString()).run(None, {"X": X})[0]
    np.testing.assert_allclose(found, model.evaluate(X), rtol=1e-13)


def test_float32_inputs_that_are_large_beside_their_spread():
    net = fastnn.Network([2, 5, 1], ["tanh", "identity"])
    parameters = np.random.default_rng(3).normal(size=net.n_parameters).astype(np.float32)
    model = Model(net, parameters, inputs=Scaling([1e6, -3e5], [2, 0.5]))
    X = model.inputs.undo(np.random.default_rng(4).normal(size=(50, 2))).astype(np.float32)
    check(model, X, to_onnx(model).SerializeToString())


def test_the_file_is_the_model_and_says_what_it_is(tmp_path):
    model = random_model(
        [2, 3, 3], ["tanh", "softmax"], labels="words", features=["Länge", "b"], targets=["kind"]
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    proto = to_onnx(model, path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == proto.SerializeToString()
    check(model, samples(model), str(path))
    assert (proto.producer_name, proto.producer_version) == ("fastnn", fastnn.__version__)
    metadata = session(str(path)).get_modelmeta().custom_metadata_map
    assert {name: json.loads(text) for name, text in metadata.items()} == {
        "features": ["Länge", "b"],
        "targets": ["kind"],
        "classes": ["grün 0", "grün 1", "grün 2"],
    }
    shapes = [(i.name, i.type, i.shape) for i in session(str(path)).get_inputs()]
    assert shapes == [("X", "tensor(double)", ["n", 2])]


@settings(deadline=None, max_examples=60)
@given(models())
def test_either_type_is_exported_from_the_other(model):
    """Also if float32 cannot resolve the inputs well, of which a warning tells."""
    X = samples(model)
    for dtype, most in TOLERANCES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            source = to_onnx(model, dtype=dtype).SerializeToString()
        ran = session(source)
        found = ran.run(None, {"X": X.astype(dtype)})[0]
        assert found.dtype == dtype
        rounded = replace(model, parameters=model.parameters.astype(dtype).astype(np.float64))
        expected = expected_of(rounded, X.astype(dtype).astype(np.float64))
        size = in_deviations(replace(model, parameters=model.parameters.astype(dtype)), X)
        unit = 1 if model.outputs is None else model.outputs.scale
        off = np.abs(found - expected) / np.maximum(unit, np.abs(expected))
        assert off.max() <= most * size


def test_float32_graphs_have_no_doubles():
    model = random_model([2, 3, 2], ["sigmoid", "sigmoid"], labels="words", members=2, inputs=True)
    text = str(to_onnx(model, dtype="float32").graph)
    double = onnx.TensorProto.DOUBLE
    for form in (f"elem_type: {double}\n", f"data_type: {double}\n", f"  i: {double}\n"):
        assert form not in text
    assert f"  i: {double}\n" in str(to_onnx(model).graph)


def test_a_run_is_exported_too():
    run = fastnn.train(fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), epochs=5)
    X = fastnn.datasets.xor()[0]
    found = session(to_onnx(run).SerializeToString()).run(None, {"X": X})[0]
    np.testing.assert_allclose(found, run.predict(X), rtol=1e-12)


MODEL = random_model([2, 2, 1], "tanh")
UNSIGNED = Model(MODEL.network, MODEL.parameters, classes=np.array([0, 2**63], np.uint64))
ENDLESS = Model(MODEL.network, MODEL.parameters, classes=[0, np.inf])


@pytest.mark.parametrize(
    ("model", "path", "exception", "message"),
    [
        (None, None, TypeError, "model: expected a fastnn.Model, a fastnn.Run or a fitted"),
        (MODEL, 3, TypeError, "path: expected the path of a file, got 3"),
        (UNSIGNED, None, ValueError, "classes: expected labels that fit int64, got 9223372036"),
        (ENDLESS, None, ValueError, "classes: expected finite labels, got"),
        (MODEL, "/nowhere/model.onnx", OSError, r"\[Errno 2\] cannot write /nowhere/model.onnx"),
    ],
)
def test_what_is_refused(model, path, exception, message):
    with pytest.raises(exception, match=f"^{message}"):
        to_onnx(model, path)


@pytest.mark.parametrize(
    ("model", "dtype", "message"),
    [
        (MODEL, "int8", "dtype: expected float64 or float32, got 'int8'"),
        (MODEL, "flaot32", "dtype: expected float64 or float32, got 'flaot32'; did you mean"),
        (
            replace(MODEL, parameters=MODEL.parameters * 1e300),
            "float32",
            "dtype: expected weights of",
        ),
        (replace(MODEL, inputs=Scaling([0, 1e39], [1, 1])), "float32", "dtype: expected inputs of"),
        (replace(MODEL, outputs=Scaling([1e39], [1])), "float32", "dtype: expected outputs of up"),
    ],
)
def test_types_that_are_refused(model, dtype, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        to_onnx(model, dtype=dtype)


def test_the_warning_of_a_small_spread_is_about_the_call():
    model = replace(MODEL, inputs=Scaling([1e6, 0], [1, 1]))
    with pytest.warns(UserWarning, match="expected inputs whose spread float32 can res") as told:
        to_onnx(model, dtype="float32")
    assert told[0].filename == __file__


def test_models_that_are_too_large(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 71)
    with pytest.raises(ValueError, match="model: expected at most 71 bytes of parameters"):
        to_onnx(MODEL)


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^to_onnx needs onnx: pip install onnx$"):
        to_onnx(MODEL)
