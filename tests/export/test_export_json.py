"""JSON: the same bits after a round trip; damaged, unknown or later files are refused."""

import json

import numpy as np
import pytest
from conftest import bits
from export_examples import models, random_model, samples
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.export import from_json, to_json
from fastnn.results.model import Model

MODEL = random_model(
    [2, 3, 2], ["tanh", "softmax"], members=2, inputs=True, labels="words", features=["ä", "b"]
)
NUMBERS = random_model([2, 1], "identity", outputs=True)


def assert_same(again, model):
    assert again.network == model.network
    assert again.dtype == model.dtype
    np.testing.assert_array_equal(bits(again.parameters), bits(model.parameters))
    for name in ("inputs", "outputs"):
        one, other = getattr(again, name), getattr(model, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(bits(one.mean), bits(other.mean))
            np.testing.assert_array_equal(bits(one.scale), bits(other.scale))
    assert (again.features, again.targets) == (model.features, model.targets)
    if model.classes is None:
        assert again.classes is None
    else:
        assert again.classes.tolist() == model.classes.tolist()
        assert again.classes.dtype.kind == model.classes.dtype.kind


@settings(deadline=None, max_examples=100)
@given(models())
def test_it_reads_back_to_the_same_bits(model):
    assert_same(from_json(to_json(model)), model)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_at_the_ends_of_their_range(dtype, tmp_path):
    info = np.finfo(dtype)
    numbers = np.array([0, -0.0, 1, info.max, info.tiny, info.smallest_subnormal], dtype)
    model = Model(fastnn.Network([6, 1], "identity", bias=False), numbers)
    to_json(model, tmp_path / "model.json")
    assert_same(from_json(tmp_path / "model.json"), model)


def test_the_file_is_whole_plain_and_documented(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("older")
    text = to_json(MODEL, path)
    assert path.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]
    assert_same(from_json(str(path)), MODEL)
    record = json.loads(text)
    for name in record:
        assert f"``{name}``" in to_json.__doc__
    assert max(map(len, text.splitlines())) < 200


def test_the_documented_form_predicts():
    """A reader that knows only the description."""
    record = json.loads(to_json(MODEL))
    X = samples(MODEL)
    seen = (X - record["inputs"]["mean"]) / record["inputs"]["scale"]
    shares = []
    for layers in record["members"]:
        values = seen
        for layer in layers:
            values = values @ np.array(layer["weights"]) + layer["biases"]
            values = np.tanh(values) if layer["activation"] == "tanh" else np.exp(values)
        shares.append(values / values.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(np.mean(shares, axis=0), MODEL.probabilities(X), rtol=1e-12)


def test_what_others_write_is_read():
    layer = {"activation": "relu", "weights": [[1, 0.5], [2, -3]]}
    record = {
        "format": "fastnn model", "version": 1, "dtype": "float32", "members": [[layer]],
    }  # fmt: skip
    model = from_json("  " + json.dumps(record))
    assert model.network == fastnn.Network([2, 2], "relu", bias=False)
    assert model.dtype == np.float32
    np.testing.assert_array_equal(model.predict([[1, 1]]), [[3, 0]])


def changed(model, change):
    """The text of a model whose record is changed, and sealed again."""
    record = json.loads(to_json(model))
    del record["digest"]
    change(record)
    return json.dumps(record)


def put(*path, to):
    """A change of what lies at a path in the record."""

    def change(record):
        for part in path[:-1]:
            record = record[part]
        record[path[-1]] = to

    return change


LAYER = ("members", 0, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            put("format", to="another"),
            "expected the format 'fastnn model' or 'fastnn models', got another file",
        ),
        (put("version", to=2), "expected version 1 of its format, got 2"),
        (put("version", to=True), "expected version 1 of its format, got True"),
        (put("version", to=None), "expected version 1 of its format, got None"),
        (put("dtype", to="float16"), "it does not describe a model: dtype: expected float64 or"),
        (put("dtype", to="float32"), "it does not describe a model: members[0]: expected numbers"),
        (put("members", to=[]), "it does not describe a model: members: expected a non-empty list"),
        (put("members", to=3), "it does not describe a model: members: expected a non-empty list"),
        (
            put("members", 0, to=[]),
            "it does not describe a model: members[0]: expected a non-empty list",
        ),
        (put(*LAYER, to=1), "it does not describe a model: members[0][0]: expected an object"),
        (put(*LAYER, to={"activation": "tanh"}), "it does not describe a model: members[0][0]: ex"),
        (put(*LAYER, "activation", to="step"), "it does not describe a model: activation: exp"),
        (put(*LAYER, "activation", to=["a"]), "it does not describe a model: activation: exp"),
        (put(*LAYER, "weights", to=[[1, 2], [3]]), "it does not describe a model: members[0][0]."),
        (put(*LAYER, "weights", to=[[1, 2], 3]), "it does not describe a model: members[0][0]."),
        (put(*LAYER, "weights", to=[[1, "2"]]), "it does not describe a model: members[0][0]."),
        (put(*LAYER, "weights", to=[[1, [2]]]), "it does not describe a model: members[0][0]."),
        (put(*LAYER, "weights", to=[[1, 10**400]]), "it does not describe a model: members[0]"),
        (put(*LAYER, "weights", to=[[1, 2, 3, 4]] * 2), "it does not describe a model: members[0]"),
        (put(*LAYER, "biases", to=[1]), "it does not describe a model: members[0]: expected bia"),
        (put(*LAYER, "biases", to=None), "it does not describe a model: members[0]: expected bia"),
        (put(*LAYER, "biases", to="ab"), "it does not describe a model: members[0][0].biases: "),
        (put("members", 1, 0, "activation", to="relu"), "it does not describe a model: members: "),
        (put("inputs", to=[1]), "it does not describe a model: inputs: expected an object"),
        (put("inputs", "mean", to=[1]), "it does not describe a model: scale: expected 1 numbers"),
        (put("inputs", "scale", to=[1, 0]), "it does not describe a model: scale: expected posit"),
        (
            put("inputs", "more", to=1),
            "it does not describe a model: inputs: expected only known keys, got 'more'",
        ),
        (put("more", to=1), "it does not describe a model: expected only known keys, got 'more'"),
        (put("classes", to=["a", 1]), "it does not describe a model: classes: expected labels all"),
        (put("classes", to=["a", "a"]), "it does not describe a model: classes: expected 2 diff"),
        (put("classes", to=[None, None]), "it does not describe a model: classes: expected lab"),
        (put("features", to="ab"), "it does not describe a model: features: expected a sequence"),
        (put("features", to=["a"]), "it does not describe a model: features: expected 2 names"),
        (
            lambda record: record.pop("members"),
            "it does not describe a model: expected the key 'members'",
        ),
        (
            lambda record: record.pop("format"),
            "expected the format 'fastnn model' or 'fastnn models', got another file",
        ),
    ],
)
def test_what_is_no_model(change, reason, tmp_path):
    path = tmp_path / "model.json"
    path.write_text(changed(MODEL, change))
    with pytest.raises(fastnn.DamagedFile) as error:
        from_json(path)
    assert str(error.value).startswith(f"{path}: {reason}")
    assert error.value.path == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected JSON, got damaged or other text ("),
        ("{", "expected JSON"),
        ('{"format": NaN}', "expected JSON, got damaged or other text (NaN is not JSON)"),
        ("[" * 100_000, "expected JSON"),
        ("[1, 2]", "expected the format 'fastnn model' or 'fastnn models', got another file"),
        ("3", "expected the format 'fastnn model' or 'fastnn models', got another file"),
        ("\x00\xff", "expected JSON"),
        (to_json(NUMBERS)[:-20], "expected JSON"),
        (to_json(NUMBERS).replace("identity", "tanh"), "its text does not match its digest"),
        (changed(NUMBERS, put("members", 0, 0, "biases", 0, to=1e999)), "expected JSON"),
        (to_json(NUMBERS).replace('"mean": [', '"mean": [1e999, '), "expected JSON"),
    ],
)
def test_damaged_and_foreign_texts(text, reason, tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(fastnn.DamagedFile) as error:
        from_json(path)
    assert str(error.value).startswith(f"{path}: {reason}")


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_byte_is_noticed_or_changes_nothing(data):
    text = to_json(NUMBERS)
    place = data.draw(st.integers(1, len(text) - 1))
    other = text[:place] + data.draw(st.characters(codec="ascii")) + text[place + 1 :]
    try:
        again = from_json(other)
    except fastnn.DamagedFile:
        return
    assert_same(again, NUMBERS)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        from_json(tmp_path / "none.json")
    with pytest.raises(fastnn.DamagedFile, match="expected a file, got something else"):
        from_json(tmp_path)
    for thing in (None, 3, b"{}"):
        with pytest.raises(TypeError, match=r"^source: expected the path of a file, or JSON text"):
            from_json(thing)


@pytest.mark.parametrize(
    ("model", "path", "exception", "message"),
    [
        (3, None, TypeError, "model: expected a fastnn.Model"),
        (MODEL, 3, TypeError, "path: expected the path of a file, got 3"),
        (MODEL, "/nowhere/a.json", OSError, r"\[Errno 2\] cannot write /nowhere/a.json: No such"),
        (
            Model(NUMBERS.network, NUMBERS.parameters, classes=[0, np.inf]),
            None, ValueError, "classes: expected finite labels, got",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(model, path, exception, message):
    with pytest.raises(exception, match=f"^{message}"):
        to_json(model, path)
