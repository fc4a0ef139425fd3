"""Models of groups in other programs: the group is an input of ONNX, and an argument in C."""

import json
import subprocess

import numpy as np
import pytest
from conftest import bits
from export_examples import COMPILER, TOLERANCES, compiled
from group_models import groups, rows_of, unit_of
from hypothesis import HealthCheck, given, settings
from test_export_onnx import session
from test_model import raises
from test_models import MODELS, NET, made

import fastnn
from fastnn.cli import main
from fastnn.export import from_json, to_c, to_json, to_onnx


def assert_close(models, X, labels, found, **more):
    """Assert that results are those of the models, to the promised accuracy."""
    expected = (models.evaluate if models.classes is None else models.scores)(X, labels)
    assert found.shape == expected.shape
    off = np.abs(found - expected) / np.maximum(unit_of(models, labels), np.abs(expected))
    size = 1.0
    if models.dtype == np.float32 and models.inputs is not None:
        size = max(np.abs(X / models[label].inputs.scale).max() for label in models)
    assert off.max() <= max(1.0, size) * TOLERANCES[models.dtype.name]


@settings(deadline=None, max_examples=20)
@given(models=groups())
def test_onnxruntime_predicts_by_group(models):
    X, labels = rows_of(models, unknown=models.fallback is not None)
    given = np.array(labels, dtype=object if isinstance(labels[0], str) else np.int64)
    ran = session(to_onnx(models).SerializeToString())
    names = [output.name for output in ran.get_outputs()]
    found = dict(zip(names, ran.run(None, {"X": X, "group": given}), strict=True))
    assert_close(models, X, labels, found[names[0]])
    if models.classes is not None:
        scores = np.sort(models.scores(X, labels), axis=1)
        clear = scores[:, -1] - scores[:, -2] > 1e-5
        expected = models.predict(X, labels)[clear]
        np.testing.assert_array_equal(np.asarray(found["label"])[clear], expected)


@settings(deadline=None, max_examples=3)
@given(models=groups(fallback=False, dtype="float32"))
def test_runtimes_refuse_unknown_groups(models):
    X, labels = rows_of(models, unknown=True)
    given = np.array(labels, dtype=object if isinstance(labels[0], str) else np.int64)
    with pytest.raises(Exception, match="out of"):
        session(to_onnx(models).SerializeToString()).run(None, {"X": X, "group": given})


def test_graphs_in_another_type():
    models = made(NET, inputs=[fastnn.Scaling([1, 2, 3], [4, 5, 6])] * 4,
                  fallback=fastnn.Model(NET, np.ones(NET.n_parameters)))  # fmt: skip
    X = np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)
    labels = ["a", "b", "new", "ä", "a"]
    ran = session(to_onnx(models, dtype="float32").SerializeToString())
    found = ran.run(None, {"X": X, "group": np.array(labels, dtype=object)})[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, models.predict(X, labels), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("labels", [[0.5, 1.5], [True, False], [(1,), (2,)], ["a", 1], [2**63, 1]])
def test_labels_that_onnx_does_not_look_up(labels):
    with raises(ValueError, "labels: expected text, or integers that fit int64, for ONNX, got ["):
        to_onnx(made(NET, labels))


def test_an_encoding_beside_the_group(tmp_path):
    pd = pytest.importorskip("pandas")
    data = pd.DataFrame({"kind": list("uvwuvw"), "shop": list("aabbab"), "size": np.arange(6.0)})
    encoding = fastnn.Encoding.of(data[["kind", "size"]])
    models = made(
        fastnn.Network([len(encoding.inputs), 2, 1]), ["a", "b"], encoding=encoding, by="shop"
    )
    to_onnx(models, tmp_path / "models.onnx")
    ran = session(str(tmp_path / "models.onnx"))
    found = ran.run(None, {
        "kind": data[["kind"]].to_numpy(dtype=object), "size": data[["size"]].to_numpy(),
        "group": data["shop"].to_numpy(dtype=object),
    })[0]  # fmt: skip
    np.testing.assert_allclose(found, models.predict(data), rtol=1e-12)
    renamed = fastnn.Encoding.of(data[["kind"]].rename(columns={"kind": "group"}))
    with raises(ValueError, "encoding: expected columns with names that the graph does not use"):
        to_onnx(made(fastnn.Network([len(renamed.inputs), 1]), ["a", "b"], encoding=renamed))


needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no cc")
MAIN = """
#include <stdio.h>
#include "model.h"
static const LABEL asked[] = {LABELS};
int main(void)
{
    REAL x[model_INPUTS], y[model_OUTPUTS];
    int i, j;
    if (CHECK)
        return 3;
    for (i = 0; i < (int)(sizeof asked / sizeof *asked); i++) {
        const int group = model_find(asked[i]);
        if (fread(x, sizeof x, 1, stdin) != 1)
            return 2;
        model_predict(group, x, y);
        printf("%d %d", group, CLASSIFY);
        for (j = 0; j < model_OUTPUTS; j++)
            printf(" %a", (double)y[j]);
        printf("\\n");
    }
    return 0;
}
"""


def c_program(models, labels, folder, **options):
    """A compiled program that predicts rows of these labels."""
    header = to_c(models, folder / "model.h", **options)
    if isinstance(labels[0], str):
        kind = "char *const "
        texts = ["".join(f"\\{byte:03o}" for byte in label.encode()) for label in labels]
        written = [f'"{text}"' for text in texts]
    else:
        kind, written = "long long ", [f"{label}LL" for label in labels]
        written = [text.replace(f"{-(2**63)}LL", f"{1 - 2**63}LL - 1") for text in written]
    main = MAIN.replace("LABELS", ", ".join(written)).replace("LABEL ", kind)
    main = main.replace("CLASSIFY", "-9" if models.classes is None else "model_classify(group, x)")
    main = main.replace("CHECK", "model_check()" if "model_check" in header else "0")
    real = "double" if "const double *x" in header else "float"
    return compiled(main.replace("REAL", real), folder, flags=["-Wconversion", "-Wshadow"])


def c_results(program, X):
    """The numbers of groups, classes and outputs that it prints."""
    done = subprocess.run([str(program)], input=X.tobytes(), capture_output=True, timeout=300)
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    integers = np.array([[int(row[0]), int(row[1])] for row in rows])
    return *integers.T, np.array([[float.fromhex(text) for text in row[2:]] for row in rows])


@needs_compiler
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(models=groups(fallback=False))
def test_c_predicts_by_group(tmp_path_factory, models):
    X, labels = rows_of(models)
    places, classes, found = c_results(c_program(models, labels, tmp_path_factory.mktemp("c")), X)
    ordered = sorted(models, key=lambda label: label.encode() if isinstance(label, str) else label)
    assert [ordered[place] for place in places] == labels
    assert_close(models, X, labels, found)
    if models.classes is not None:
        scores = np.sort(models.scores(X, labels), axis=1)
        clear = scores[:, -1] - scores[:, -2] > 1e-5
        expected = models.predict(X, labels)
        np.testing.assert_array_equal(models.classes[classes][clear], expected[clear])


@needs_compiler
@pytest.mark.parametrize("labels", [["b", "ab", "abc", "ä"], [5, -7, 2**62, 0]])
def test_unknown_groups_have_no_outputs_in_c(labels, tmp_path):
    models = made(fastnn.Network([3, 4, 2]), labels, classes=["x", "y"])
    asked = ["", "a", "abcd", "b", "z"] if labels[0] == "b" else [-8, 1, 6, 5, 2**62 + 1]
    X = np.ones((len(asked), 3))
    places, classes, found = c_results(c_program(models, asked, tmp_path), X)
    known = np.array([label in labels for label in asked])
    assert (places[~known] == -1).all()
    assert (classes[~known] == -1).all()
    assert np.isnan(found[~known]).all()
    np.testing.assert_allclose(found[known], models.scores(X[known], [asked[3]]), rtol=1e-12)


@needs_compiler
@pytest.mark.thorough
def test_many_groups_in_c(tmp_path):
    models = made(fastnn.Network([3, 2, 1]), [f"shop {i}" for i in range(3000)])
    X, labels = rows_of(models, n=500)
    _, _, found = c_results(c_program(models, labels, tmp_path), X)
    assert_close(models, X, labels, found)


@needs_compiler
def test_an_encoding_beside_the_group_in_c(tmp_path):
    pd = pytest.importorskip("pandas")
    data = pd.DataFrame({"size": [0.0, np.nan, 2.0, 3.0], "shop": list("abab")})
    encoding = fastnn.Encoding.of(data[["size"]])
    net = fastnn.Network([len(encoding.inputs), 2, 1])
    models = made(net, ["a", "b"], encoding=encoding, by="shop")
    program = c_program(models, list("abab"), tmp_path)
    _, _, found = c_results(program, data[["size"]].to_numpy())
    np.testing.assert_allclose(found, models.predict(data), rtol=1e-12)


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (made(NET, [0.5, 1.5]), {}, "labels: expected text or integers for C, got [0.5, 1.5]"),
        (made(NET, [(1,), ("a",)]), {}, "labels: expected text or integers for C, got [(1,)"),
        (made(NET, ["a", "b\0c"]), {}, "labels: expected labels of up to 1000 bytes without NUL"),
        (made(NET), {"dtype": "int8"}, "dtype: expected float64 or float32, and no calibration"),
        (made(NET), {"calibration": np.ones((2, 3))}, "calibration: expected float64 or float32"),
    ],
)
def test_what_c_refuses_of_groups(models, options, message):
    with raises(ValueError, message):
        to_c(models, **options)


JSON = {name: models for name, models in MODELS.items() if name != "floats"}


@pytest.mark.parametrize("name", JSON)
def test_json_gives_the_same_models(name, tmp_path):
    models = JSON[name]
    text = to_json(models, tmp_path / "models.json")
    again = from_json(text)
    assert to_json(again) == text == to_json(from_json(tmp_path / "models.json"))
    assert list(again) == list(models)
    assert repr(again) == repr(models)
    labels = [*models] * 2
    X = np.random.default_rng(1).normal(size=(len(labels), 3))
    np.testing.assert_array_equal(bits(again.evaluate(X, labels)), bits(models.evaluate(X, labels)))


@pytest.mark.parametrize("suffix", ["h", "json", "onnx"])
def test_the_command_line_exports_groups(suffix, tmp_path, capsys):
    made(NET).save(tmp_path / "models.npz")
    path = tmp_path / f"shops.{suffix}"
    assert main(["export", str(tmp_path / "models.npz"), str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: {fastnn.load(tmp_path / 'models.npz')!r}\n"
    assert path.stat().st_size > 1000
    for options in (["--dtype", "int8", "--calibration", __file__], ["--calibration", __file__]):
        header = str(tmp_path / "shops.h")
        assert main(["export", str(tmp_path / "models.npz"), header, *options]) == 2
        assert "for models of groups" in capsys.readouterr().err


def test_json_that_is_refused():
    record = json.loads(to_json(MODELS["fallback"]))
    del record["digest"]
    assert len(from_json(json.dumps(record))) == 4
    *most, last = record["models"]
    for name, value, reason in (
        ("labels", ["a", "b"], "parameters: expected shape"),
        ("labels", None, "labels: expected a non-empty list"),
        ("labels", ["a", "b", "c", {}], "labels: expected text, numbers or lists"),
        ("by", 3, "by: expected the name"),
        ("models", [], "models: expected a non-empty list"),
        ("models", most, "parameters: expected shape"),
        ("models", [*most, last | {"dtype": "float32"}], "expected numbers that float32"),
        (
            "models",
            [*most, last | {"features": ["u", "v", "w"]}],
            "models.3.: expected one net",
        ),
        ("models", [*most, last | {"version": 9}], "models.3.: expected a 'fastnn model'"),
        ("models", [*most, {"format": "fastnn model"}], "models.3.: expected the key"),
        ("fallback", {}, "fallback: expected the key"),
        ("more", 1, "only known keys, got 'more'"),
    ):
        with pytest.raises(fastnn.DamagedFile, match=reason):
            from_json(json.dumps(record | {name: value}))
    with pytest.raises(fastnn.DamagedFile, match="expected version 1 of its format, got 2"):
        from_json(json.dumps(record | {"version": 2}))
    with raises(TypeError, "labels: expected text, integers, finite floats, bools, or tuples"):
        to_json(MODELS["floats"])  # one of them is infinite
