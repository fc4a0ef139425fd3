"""Models of groups in files: the same after loading, and labels or contents that are refused."""

import datetime

import numpy as np
import pandas as pd
import pytest
from conftest import bits
from test_model import raises
from test_models import MODELS, NET, made
from test_saving import content_of, forge, path, refuses  # noqa: F401  a fixture

import fastnn

RNG = np.random.default_rng(8)


def typed(label):
    """A label with the types of all of its parts."""
    parts = tuple(map(typed, label)) if isinstance(label, tuple) else label
    return type(label), parts


@pytest.mark.parametrize("name", MODELS)
def test_a_file_gives_the_same_models(name, path):  # noqa: F811
    models = MODELS[name]
    models.save(path)
    again = fastnn.load(path)
    assert type(again) is fastnn.Models
    assert [typed(label) for label in again] == [typed(label) for label in models]
    assert again.labels.dtype == models.labels.dtype
    for part in ("network", "features", "targets", "by"):
        assert getattr(again, part) == getattr(models, part)
    assert repr(again) == repr(models)
    groups = [*models] * 3
    X = RNG.normal(size=(len(groups), 3))
    if models.fallback is not None:
        groups[5] = "new"
    np.testing.assert_array_equal(bits(again.evaluate(X, groups)), bits(models.evaluate(X, groups)))
    np.testing.assert_array_equal(again.predict(X, groups), models.predict(X, groups))


def test_encodings_are_kept_as_of_models(path):  # noqa: F811
    data = pd.DataFrame({"kind": list("uvwuvw"), "shop": list("aabbab")})
    encoding = fastnn.Encoding.of(data[["kind"]])
    models = made(fastnn.Network([3, 1]), ["a", "b"], encoding=encoding, by="shop")
    models.save(path)
    np.testing.assert_array_equal(fastnn.load(path).predict(data), models.predict(data))
    about, arrays = content_of(path)
    assert about["version"] == 2
    forge(path, about | {"version": 1}, arrays)
    refuses(path, "expected version 2 of the format, got 1")


@pytest.mark.parametrize(
    ("label", "what"),
    [
        (datetime.date(2024, 5, 1), "datetime.date"),
        (np.datetime64("2024-05-01"), "np.datetime64"),
        (b"bytes", "b'bytes' of type bytes"),
        (("a", (1, np.inf)), "inf of type float"),
        (frozenset([1]), "frozenset"),
    ],
)
def test_labels_that_no_file_holds_are_refused_by_name(label, what, path):  # noqa: F811
    models = made(NET, ["a", label])
    assert label in models
    with raises(TypeError, "labels: expected text, integers, finite floats, bools, or tup"):
        models.save(path)
    with pytest.raises(TypeError, match=what):
        models.save(path)
    assert not path.exists()


def test_forged_content_is_refused(path):  # noqa: F811
    made(
        NET, [("a", 1), ("b", 2)], inputs=[fastnn.Scaling([1, 2, 3], [4, 5, 6])] * 2,
        fallback=fastnn.Model(NET, np.zeros(NET.n_parameters)),
    ).save(path)  # fmt: skip
    about, arrays = content_of(path)
    forge(path, about, arrays)
    assert ("a", 1) in fastnn.load(path)
    for name, array in arrays.items():
        less = {key: value for key, value in arrays.items() if key != name}
        texts = array.astype("S")
        for wrong in (less, arrays | {name: array[None, None]}, arrays | {name: texts}):
            forge(path, about, wrong)
            refuses(path, "does not describe a result of fastnn")
    for name, value in (
        ("parameters", np.zeros((3, 26))), ("parameters", np.full((2, 26), np.nan)),
        ("inputs.scale", np.zeros((2, 3))), ("inputs.mean", np.full((2, 3), np.inf)),
        ("inputs.mean", np.zeros((2, 2))), ("outputs.mean", np.zeros((2, 2))),
        ("outputs.log", np.array(True)), ("fallback.parameters", np.zeros(3)),
        ("labels", np.array(["a", "b"])),
    ):  # fmt: skip
        forge(path, about, arrays | {name: value})
        refuses(path, "does not describe a result of fastnn")
    forge(path, about, arrays | {"residuals": np.zeros((2, 2))})
    refuses(path, "expected only the arrays of a models, got 'residuals'")
    for name, value in (
        ("labels", [1]), ("labels", [1, 1]), ("labels", [1, None]), ("labels", [1, {}]),
        ("labels", "ab"), ("labels", None), ("by", 3), ("fallback", None), ("fallback", {}),
        ("network", None), ("features", ["a"]),
    ):  # fmt: skip
        forge(path, about | {name: value}, arrays)
        refuses(path, "does not describe a result of fastnn")
    forge(path, {key: value for key, value in about.items() if key != "fallback"}, arrays)
    refuses(path, "fallback: expected no arrays of it, got some")
