"""Models of groups in other programs: ONNX with the group as an input."""

import numpy as np
import pytest
from export_examples import TOLERANCES
from group_models import groups, rows_of, unit_of
from hypothesis import given, settings
from test_export_onnx import session
from test_model import raises
from test_models import NET, made

import fastnn
from fastnn.export import to_onnx


def assert_close(models, X, labels, found, **more):
    """Assert that results are those of the models, to the promised accuracy."""
    expected = (models.evaluate if models.classes is None else models.scores)(X, labels)
    assert found.shape == expected.shape
    off = np.abs(found - expected) / np.maximum(unit_of(models, labels), np.abs(expected))
    size = 1.0
    if models.dtype == np.float32 and models.inputs is not None:
        size = max(np.abs(X / models[label].inputs.scale).max() for label in models)
    assert off.max() <= max(1.0, size) * TOLERANCES[models.dtype.name]


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=10)
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
