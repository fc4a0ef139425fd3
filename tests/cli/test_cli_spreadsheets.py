"""Output of `fastnn predict` in spreadsheets: no text becomes a formula."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastnn
from fastnn.cli import main
from fastnn.cli.predict import is_formula

LINK = '=HYPERLINK("http://example.org","see")'
SIGNS = "=+-@\t\r\n＝＋－＠"


@pytest.fixture
def predict(tmp_path, capsys):
    """Runs the command with a model of these labels; its rows as CSV has them, and its errors."""

    def run(labels, *options, targets=("kind",), to_file=False):
        n = len(labels)
        net = fastnn.Network([1, n], bias=False)
        parameters = np.linspace(-1, 1, n)
        model = fastnn.Model(net, parameters, classes=labels, features=["x"], targets=targets)
        model.save(tmp_path / "model.npz")
        (tmp_path / "data.csv").write_text("x\n1\n-1\n")
        out = ["--out", str(tmp_path / "out.csv")] if to_file else []
        files = [str(tmp_path / "model.npz"), str(tmp_path / "data.csv")]
        code = main(["predict", *files, *out, *options])
        assert code == 0
        done = capsys.readouterr()
        text = (tmp_path / "out.csv").read_bytes().decode() if to_file else done.out
        return list(csv.reader(io.StringIO(text, newline=""))), done.err, text

    return run


@pytest.mark.parametrize("to_file", [False, True], ids=["stdout", "file"])
def test_formulas_are_told_and_written_as_they_are(predict, to_file):
    rows, errors, _ = predict(["plain", "other", LINK], to_file=to_file)
    assert rows == [["kind"], [LINK], ["plain"]]
    assert errors.startswith("fastnn: warning: a spreadsheet would read some cells")
    assert LINK in errors
    assert "--safe-for-spreadsheets" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("to_file", [False, True], ids=["stdout", "file"])
def test_formulas_become_texts_if_asked(predict, to_file):
    rows, errors, text = predict(
        ["plain", "other", LINK], "--safe-for-spreadsheets", "--probabilities", to_file=to_file
    )
    assert errors == ""
    assert rows[0] == ["kind", "kind=plain", "kind=other", f"kind={LINK}"]
    assert [row[0] for row in rows[1:]] == [f"'{LINK}", "plain"]
    for row in rows[1:]:
        np.testing.assert_allclose(sum(map(float, row[1:])), 1)
    assert text.startswith('"kind","kind=plain"')


def test_names_of_columns_are_texts_too(predict):
    rows, errors, _ = predict(["a", "b", "c"], targets=["=1+1"])
    assert rows[0] == ["=1+1"]
    assert "'=1+1'" in errors
    rows, errors, _ = predict(["a", "b", "c"], "--safe-for-spreadsheets", targets=["=1+1"])
    assert rows[0] == ["'=1+1"]
    assert errors == ""


@pytest.mark.parametrize(
    "labels", [["a", "b", "c"], [-1, -2, -3], [-0.5, 1e300, -1e-5], ["-1", "+2.5", "-1e3"]]
)
def test_numbers_and_plain_texts_are_left_alone(predict, labels):
    rows, errors, _ = predict(labels)
    assert errors == ""
    safe, errors, _ = predict(labels, "--safe-for-spreadsheets")
    assert errors == ""
    assert safe == rows
    assert rows[1] == [str(labels[2])]


def test_numbers_that_are_predicted_stay_numbers(predict, tmp_path, capsys):
    net = fastnn.Network([1, 1], ["identity"], bias=False)
    fastnn.Model(net, [-2.5], features=["x"]).save(tmp_path / "model.npz")
    (tmp_path / "data.csv").write_text("x\n1\n")
    files = [str(tmp_path / "model.npz"), str(tmp_path / "data.csv")]
    assert main(["predict", *files, "--safe-for-spreadsheets"]) == 0
    done = capsys.readouterr()
    assert (done.out, done.err) == ('"output_0"\n-2.5\n', "")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *((f"{sign}cmd|' /C calc'!A0", True) for sign in SIGNS),
        *((sign, True) for sign in SIGNS),
        ("-1", False), ("+1e5", False), ("-1\n", True), ("\t1", True), ("－1", True),
        ("--1", True), ("-1+2", True), ("-1_0", True), ("a=1", False), ("'=1", False), ("", False),
        (-1.5, False), (-1, False), (True, False),
    ],
)  # fmt: skip
def test_what_is_a_formula(cell, expected):
    assert is_formula(cell) is expected


@given(st.text())
def test_what_is_made_safe_begins_no_formula(text):
    safe = f"'{text}" if is_formula(text) else text
    assert not is_formula(safe)
    assert safe[:1] not in SIGNS or safe == "" or float(safe) is not None
