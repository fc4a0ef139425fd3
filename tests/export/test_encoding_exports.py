"""Encodings in C and ONNX: the same predictions as in Python."""

import re
from dataclasses import replace

import numpy as np
import pytest
from encoding_examples import COLUMNS, ROWS, cells_in, model_of, objects
from export_examples import (
    COMPILER,
    TOLERANCES,
    assert_agree,
    c_predicts,
    compiled,
    in_deviations,
    main_for,
)

import fastnn
from fastnn.export import from_json, to_c, to_json, to_onnx
from fastnn.results.scaling import Scaling
from fastnn.tabular.encoding import Column, Encoding
from fastnn.tabular.notation import is_gap


def coded(rows):
    """The columns of rows as C takes them."""
    result = np.empty((len(rows), len(COLUMNS)))
    for j, (column, cells) in enumerate(zip(COLUMNS, cells_in(rows), strict=True)):
        if column.categories:
            result[:, j] = column.codes(cells)
        else:
            result[:, j] = [np.nan if is_gap(str(row[j] or "" if row[j] != 0 else 0))
                            else float(row[j]) for row in rows]  # fmt: skip
    return result


@pytest.mark.skipif(COMPILER is None, reason="there is no cc")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("labels", [None, "words"])
def test_c_agrees(tmp_path, dtype, language, labels):
    model = model_of(dtype, labels, scaled=labels is None)
    text = to_c(model, tmp_path / "m.h", "m")
    assert max(map(len, text.splitlines())) <= 100
    for name in ("m_codeSmokesYes = 1", "m_codeKindMissing = 2", "m_code5x3 = 3",
                 "m_codeCarRealNAME = 1", "m_codeKindLEAK = 0"):  # fmt: skip
        assert name in text or "x3" in name
    program = compiled(main_for(model, "m"), tmp_path, language=language)
    X = coded(ROWS).astype(model.dtype)
    numbers, _ = c_predicts(program, X)
    size = in_deviations(model.without_encoding(), model.encoding.apply(objects(ROWS)))
    assert_agree(model, objects(ROWS), numbers, size)
    X[:, 4] = np.where(X[:, 4] == 0, np.nan, X[:, 4])  # NaN is the category of empty cells
    X[:, 5] = np.where(X[:, 5] == 2, np.nan, X[:, 5])
    np.testing.assert_array_equal(c_predicts(program, X)[0], numbers)


def test_the_names_of_codes_differ():
    texts = ["a b", "a_b", "aB", "äB", "北", "京", "x" * 80, "y" * 80, "", "Missing!"]
    columns = [Column(name, texts) for name in ("c", "C", "北京", "d" * 100, "x0", "")]
    encoding = Encoding(columns)
    text = to_c(model_of(encoding=encoding), name="m")
    names = re.findall(r"^    (m_code\w+) = \d+", text, re.M)
    assert len(names) == len(set(names)) == len(texts) * len(columns)
    assert max(map(len, names)) <= 63
    assert all("_" not in name[2:] for name in names)


def runs_in_onnx(model, rows, dtype=None):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    proto = to_onnx(model, dtype=dtype)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {}
    for j, column in enumerate(model.encoding.columns):
        cells = [row[j] for row in rows]
        if column.categories:
            given[column.name] = [["" if text is None else str(text).strip()] for text in cells]
            given[column.name] = np.array(given[column.name], dtype=object)
        else:
            numbers = [np.nan if is_gap(str("" if n is None else n)) else float(n) for n in cells]
            given[column.name] = np.array(numbers, dtype=dtype or model.dtype)[:, np.newaxis]
    return dict(zip([out.name for out in session.get_outputs()], session.run(None, given),
                    strict=True))  # fmt: skip


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("labels", [None, "words"])
@pytest.mark.parametrize("scaled", [True, False])
def test_onnx_agrees(dtype, labels, scaled):
    model = model_of(dtype, labels, scaled=scaled)
    found = runs_in_onnx(model, ROWS[:2] + ROWS[2:4] + ROWS[4:])
    assert_agree(model, objects(ROWS), found["probabilities" if labels else "outputs"])
    if labels:
        assert found["label"].tolist() == model.predict(ROWS).tolist()


def test_onnx_in_float32_of_a_float64_model():
    model = model_of()
    rows = ROWS[:2] + ROWS[3:]
    found = runs_in_onnx(model, rows, "float32")["probabilities"]
    assert found.dtype == np.float32
    narrow = replace(model, parameters=model.parameters.astype(np.float32))
    assert_agree(narrow, objects(rows), found, amplified=100)  # the largest number is 41
    far = replace(model, inputs=Scaling(np.full(15, 1e5), np.ones(15)))
    with pytest.warns(UserWarning, match=r"got .*size \[m²\].*age is missing.* with a mean"):
        to_onnx(far, dtype="float32")


def test_onnx_takes_columns_of_any_name():
    names = ["Concat_9", "constant_0", "weights_1", "biases_1", "labels", "X", "n", "Cast_0"]
    encoding = Encoding([Column(name, ["a", "b", "c"]) for name in names])
    model = model_of(encoding=encoding)
    rows = [["a"] * 8, ["b"] * 8, ["d"] * 8]
    assert_agree(model, rows, runs_in_onnx(model, rows)["probabilities"])
    for name in ("label", "outputs", ""):
        with pytest.raises(ValueError, match=f"encoding: expected columns with names .* {name!r}"):
            to_onnx(model_of(encoding=Encoding([Column(name, ["a", "b", "c"])])))


def test_logarithms_of_the_targets_of_encoded_columns(tmp_path):
    """All numbers are positive, and equal up to rounding, of the logarithms too."""
    kept = model_of(labels=None).__getstate__()
    log = Scaling([0.5, -3.0], [1.25, 2.0], log=True)
    model = fastnn.Model(**kept | {"outputs": log, "residuals": [[0.25, 0.5]] * 9})
    expected = model.predict(ROWS)
    np.testing.assert_array_equal(from_json(to_json(model)).predict(ROWS), expected)
    if COMPILER is not None:
        to_c(model, tmp_path / "m.h", "m")
        program = compiled(main_for(model, "m"), tmp_path)
        np.testing.assert_allclose(c_predicts(program, coded(ROWS))[0], expected, rtol=1e-11)
    np.testing.assert_allclose(runs_in_onnx(model, ROWS)["outputs"], expected, rtol=1e-11)
