"""Odd and damaged files given to `fastnn train`: a model, or one line that explains the error."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.cli import main

ROWS = b"a,b,kind\n" + b"".join(b"%d,%d.5,%c\n" % (i, i * i % 7, b"xyz"[i % 3]) for i in range(30))
PIECES = [b"", b'"', b",", b";", b"\r", b"\n", b"\n\n", b"\0", b"\xe9", b"$", b"e99", b"-", b"NA"]
EDIT = st.tuples(st.integers(0, len(ROWS)), st.integers(0, 8), st.sampled_from(PIECES))
QUICK = ["--restarts", "2", "--epochs", "2", "--threads", "1"]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(EDIT, min_size=1, max_size=3), stop=st.none() | st.integers(0, len(ROWS)))
def test_damaged_files_give_a_model_or_one_line(tmp_path, capsys, edits, stop):
    """Cut off, and some bytes replaced by others."""
    content = ROWS[:stop]
    for place, length, piece in edits:
        content = content[:place] + piece + content[place + length :]
    path, model = tmp_path / "data.csv", tmp_path / "data.npz"
    path.write_bytes(content)
    model.unlink(missing_ok=True)
    code = main(["train", str(path), "--target", "kind", *QUICK])
    told = capsys.readouterr().err
    if code == 0:
        assert not told or told.startswith("fastnn: warning: train: expected ")
        assert fastnn.load(model).features
    else:
        assert code == 2
        assert told.startswith(f"fastnn: error: {path}")
        assert told.count("\n") == 1
        assert not model.exists()


@pytest.mark.parametrize("labels", [("cost $x_{$", "5 $"), ("\u65e5\u672c", "\u00e4")])
def test_names_of_all_kinds_are_drawn(tmp_path, capsys, labels):
    """Also those that Matplotlib takes for formulas, or has no characters for."""
    path, figure = tmp_path / "data.csv", tmp_path / "report.png"
    one, other = labels
    rows = [f"{i},{labels[i % 2]},{i + 0.5}" for i in range(40)]
    path.write_text("\n".join([f"a,{one},{other}", *rows]))
    for target, ignored in (one, other), (other, one):
        figure.unlink(missing_ok=True)
        options = ["--target", target, "--ignore", ignored, "--figure", str(figure)]
        assert main(["train", str(path), *options, *QUICK]) == 0
        assert figure.read_bytes().startswith(b"\x89PNG")
        for line in capsys.readouterr().err.splitlines():
            assert line.startswith("fastnn: warning: train: expected clearly more of the test rows")


def test_too_few_rows_and_folders_are_told_with_the_path(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("a,kind\n" + "1,x\n2,y\n" * 2)
    for given_path, message in [
        (path, "expected more rows to split, got 4, of which 4 would be for training, 0 "),
        (tmp_path, "expected a file, got a folder"),
    ]:
        assert main(["train", str(given_path), "--target", "kind", *QUICK]) == 2
        assert capsys.readouterr().err.startswith(f"fastnn: error: {given_path}: {message}")
    assert main(["train", ".", "--target", "kind", *QUICK]) == 2
    assert capsys.readouterr().err == "fastnn: error: .: expected a file, got a folder\n"


def test_many_columns_are_read_and_few_of_them_listed(tmp_path, capsys):
    """Ten thousand, of which all but two never change."""
    path = tmp_path / "wide.csv"
    names = [f"c{j}" for j in range(10_000)]
    rows = [f"{i}," + "0," * 9_999 + f"{i % 2}" for i in range(20)]
    path.write_text("\n".join([",".join([*names, "y"]), *rows]))
    assert main(["train", str(path), "--target", "y", *QUICK]) == 0
    told = capsys.readouterr().out
    assert "20 rows, 1 inputs\n" in told
    assert "note: left out: c1, c2, " in told
    assert ", c20 and 9,979 more; a single number in all training rows teaches nothing\n" in told
    assert fastnn.load(tmp_path / "wide.npz").features == ("c0",)


def test_restarts_that_are_held_in_parts_give_the_same_model(tmp_path, capsys, monkeypatch):
    path = tmp_path / "data.csv"
    path.write_bytes(ROWS)
    options = ["train", str(path), "--target", "kind", "--restarts", "40", "--model"]
    assert main([*options, str(tmp_path / "one.npz")]) == 0
    told = re.search(r"restart \d+, \d+ epochs", capsys.readouterr().out)[0]
    one = fastnn.load(tmp_path / "one.npz")
    monkeypatch.setattr("fastnn.cli.fitting.BYTES", 8 * one.network.n_parameters * 7)
    assert main([*options, str(tmp_path / "parts.npz")]) == 0
    assert told in capsys.readouterr().out
    np.testing.assert_array_equal(
        fastnn.load(tmp_path / "parts.npz").parameters, one.parameters, strict=True
    )
