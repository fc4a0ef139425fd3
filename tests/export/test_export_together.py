"""One saved model in Python, C and onnxruntime: the same predictions; the export command."""

import re
import sys

import numpy as np
import pytest
from export_examples import (
    COMPILER,
    assert_agree,
    assert_labels,
    c_predicts,
    compiled,
    in_deviations,
    main_for,
    random_model,
    samples,
)

import fastnn
from fastnn.cli import main
from fastnn.export import from_json
from fastnn.results.model import Model
from fastnn.results.scaling import Scaling


def trained(dtype):
    """Three networks that learnt which ring a point lies in, of points far from 0."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    ring = np.digitize(np.hypot(*X.T), [0.8, 1.5])
    X = [50, -2000] + X * [10, 300]
    inputs = Scaling.of(X)
    net = fastnn.Network([2, 8, 3], ["tanh", "softmax"])
    runs = fastnn.train_many(
        net, inputs.apply(X), np.eye(3)[ring], restarts=3, epochs=300, dtype=dtype,
        loss=fastnn.CrossEntropy(), optimizer=fastnn.RPROP(),
    )  # fmt: skip
    classes = ["inside", "between", "outside"]
    model = Model(net, runs.parameters, inputs=inputs, classes=classes, features=["x", "y"])
    assert (model.predict(X) == np.array(classes)[ring]).mean() > 0.9
    return model, X.astype(dtype)


def run(capsys, *arguments):
    code = main(["export", *map(str, arguments)])
    return code, *capsys.readouterr()


def export(model, folder, capsys):
    """The model's file, and what the command makes of it, and says of it."""
    saved = folder / "model.npz"
    model.save(saved)
    for name in ("model.onnx", "model.json"):
        code, told, errors = run(capsys, saved, folder / name)
        assert (code, errors) == (0, "")
        counted = f"the average of {len(model.parameters)} networks"
        assert told.startswith(f"{folder / name}: {model!r}\n{counted}")
    assert run(capsys, saved, folder / "rings.h", "--name", "rings")[0] == 0


@pytest.mark.skipif(COMPILER is None, reason="there is no cc")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_classes(dtype, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, X = trained(dtype)
    export(model, tmp_path, capsys)
    shares, classes = c_predicts(compiled(main_for(model, "rings"), tmp_path), X)
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    probabilities, labels = session.run(["probabilities", "label"], {"X": X})
    assert_agree(model, X, shares, in_deviations(model, X))
    assert_agree(model, X, probabilities)
    assert_labels(model, X, model.classes[classes], shares)
    assert_labels(model, X, labels, probabilities)
    np.testing.assert_array_equal(from_json(tmp_path / "model.json").predict(X), model.predict(X))


@pytest.mark.skipif(COMPILER is None, reason="there is no cc")
def test_numbers(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = random_model([4, 6, 2], ["elliott", "identity"], members=4, inputs=True, outputs=True)
    export(model, tmp_path, capsys)
    X = samples(model)
    assert_agree(model, X, c_predicts(compiled(main_for(model, "rings"), tmp_path), X)[0])
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert_agree(model, X, session.run(None, {"X": X})[0])


def test_a_model_of_float32_from_a_file_has_a_header_without_double(tmp_path, capsys):
    rows = [f"{x},{-1 if x < 4 else 1}" for x in range(10)]
    (tmp_path / "x.csv").write_text("\n".join(["x,y", *rows]))
    options = ["--target", "y", "--dtype", "float32", "--restarts", "2", "--epochs", "5"]
    assert main(["train", str(tmp_path / "x.csv"), *options]) == 0
    assert fastnn.load(tmp_path / "x.npz").dtype == np.float32
    assert main(["export", str(tmp_path / "x.npz"), str(tmp_path / "x.h")]) == 0
    header = (tmp_path / "x.h").read_text()
    assert "x_classify(const float *x);" in header
    assert "double" not in header


def test_a_run_is_exported_too(tmp_path, capsys):
    X, y = fastnn.datasets.xor()
    one = fastnn.train(fastnn.Network([2, 2, 1]), X, y, epochs=5)
    one.save(tmp_path / "run.npz")
    assert run(capsys, tmp_path / "run.npz", tmp_path / "run.json")[0] == 0
    np.testing.assert_array_equal(from_json(tmp_path / "run.json").predict(X), one.predict(X))


@pytest.fixture
def saved(tmp_path):
    random_model([2, 1], "tanh").save(tmp_path / "model.npz")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["model.npz", "a.txt"], 2, "FILE: expected a file name ending in .onnx, .h, .json, got"),
        (["model.npz", "a.h", "--name", "1"], 2, "name: expected a letter, then up to 29 letters"),
        (["model.npz", "a.json", "--name", "b"], 2, "--name: expected only with a C header"),
        (["model.npz", "/nowhere/a.h"], 2, "FILE: expected an existing folder, got /nowhere"),
        (["none.npz", "a.h"], 2, "none.npz"),
        (["foreign.npz", "a.h"], 2, "foreign.npz: expected a file that fastnn saved, got"),
        (["runs.npz", "a.h"], 2, "runs.npz: expected a model or a single run, got Runs"),
        (["net.npz", "a.h"], 2, "net.npz: expected a model or a single run, got Network"),
    ],
)
def test_errors_are_one_line(arguments, code, message, saved, capsys, monkeypatch):
    monkeypatch.chdir(saved)
    (saved / "foreign.npz").write_bytes(b"foreign")
    net = fastnn.Network([2, 2, 1])
    net.save(saved / "net.npz")
    fastnn.train_many(net, *fastnn.datasets.xor(), restarts=3, epochs=1).save(saved / "runs.npz")
    before = sorted(saved.iterdir())
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert re.fullmatch(r"fastnn: error: .*\n", err)
    assert message in err
    assert sorted(saved.iterdir()) == before


def test_without_onnx_it_says_what_to_do(saved, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert run(capsys, saved / "model.npz", saved / "a.onnx") == (
        1, "", "fastnn: error: to_onnx needs onnx: pip install onnx\n",
    )  # fmt: skip
    assert not (saved / "a.onnx").exists()
