"""Choices of training and prediction on files with categories, gaps and other notations."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cli_reports import run

import fastnn
from fastnn.cli import fitting, scores
from fastnn.cli.inputs import Inputs
from fastnn.tabular.cells import numbers_of, taken
from fastnn.tabular.csv_table import Labels, Table
from fastnn.tabular.encoding import Column
from fastnn.tabular.notation import Notation

HEADER = ["id", "color", "size", "weight", "noise", "price", "kind"]
QUICK = ("--restarts", 6, "--epochs", 40, "--optimizer", "lbfgs")
COLORS = ["blue", "green", "red"]


def samples(n=240, seed=1):
    """Rows in which color says most, weight has gaps, and size has none."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        color, size = rng.integers(3), round(float(rng.normal(5, 1)), 2)
        price = round(float(np.exp(color + 0.1 * size + 0.1 * rng.normal())), 3)
        kind = "dear" if color == 2 and rng.random() < 0.8 else "cheap"
        weight = round(float(rng.normal()), 2) if i % 7 else ""
        yield [f"A{i}", COLORS[color], size, weight, round(float(rng.normal()), 2), price, kind]


def written(path, rows, header=HEADER, comma=False):
    """A file, with semicolons and decimal commas if asked for."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter=";" if comma else ",")
        for row in (header, *rows):
            writer.writerow([str(c).replace(".", ",") if comma else c for c in row])
    return path


def train(capsys, path, target, *options, code=0):
    other = "price" if target == "kind" else "kind"
    return run(capsys, "train", path, "--target", target, "--ignore", other, "--ignore", "id",
               *QUICK, *options, code=code)  # fmt: skip


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("target", ["kind", "price"])
def test_everything_at_once(tmp_path, capsys, target, comma):
    rows = [*samples()]
    path = written(tmp_path / "a.csv", rows[:200], comma=comma)
    other = written(tmp_path / "b.csv", rows[200:], comma=comma)
    report = tmp_path / "a.html"
    more = ["--balanced"] if target == "kind" else ["--log-target", "--l2", "0,0.001"]
    out = train(capsys, path, target, "--cv", 3, "--importance", "--report", report,
                "--test-file", other, *more).out  # fmt: skip
    assert "a.csv: 200 rows, 7 inputs of 4 columns\n" in out
    assert f"160 training, 40 validation, 40 test\nthe test rows are those of {other}\n" in out
    assert "color: 3 categories: 'blue', 'green', 'red'\n" in out
    drops = out.partition("importance, on the test rows\n")[2].splitlines()[1:5]
    assert next(line.split()[0] for line in drops) == "color"
    assert sorted(line.split()[0] for line in drops) == ["color", "noise", "size", "weight"]
    folds = out.partition("cross-validation with 3 folds\n")[2].splitlines()
    assert [line.split()[0] for line in folds[:6]] == ["fold", "1", "2", "3", "mean", "deviation"]
    assert "<p>color: 3 categories" in report.read_text()

    model = fastnn.load(tmp_path / "a.npz")
    assert model.features == ("color", "size", "weight", "noise")
    assert model.reading.decimal == ("," if comma else None)
    assert (model.residuals is None) == (target == "kind")
    done = run(capsys, "predict", tmp_path / "a.npz", other, "--keep", "id")
    cells = [line.split(",") for line in done.out.splitlines()]
    assert cells[0] == ["id", target]
    assert [row[0] for row in cells[1:]] == [row[0] for row in rows[200:]]
    X = np.array([row[1:5] for row in rows[200:]], dtype=object)
    expected = model.predict(X)
    if target == "kind":
        assert [row[1] for row in cells[1:]] == expected.tolist()
        right = re.search(r"right: ([\d.]+% \(\d+ of 40\))", done.err)[1]
        assert f"test {right}" in out
        return
    assert [float(row[1]) for row in cells[1:]] == expected[:, 0].tolist()
    done = run(capsys, "predict", tmp_path / "a.npz", other, "--interval", 0.8)
    bounds = np.array([line.split(",") for line in done.out.splitlines()[1:]], float)[:, 1:]
    np.testing.assert_array_equal(bounds.T, [b[:, 0] for b in model.predict(X, interval=0.8)])
    told = run(capsys, "info", tmp_path / "a.npz").out
    assert "scales      inputs and the logarithms of outputs\n" in told
    assert "intervals   from the errors on 40 rows\n" in told
    assert ("reads       decimal ','\n" in told) is comma


def test_only_gaps_that_training_missed_have_predictions(tmp_path, capsys):
    """One in a category is a category, or none of them; one in a column with gaps is filled."""
    rows = [*samples()]
    path = written(tmp_path / "a.csv", rows, comma=True)
    train(capsys, path, "kind")
    model = fastnn.load(tmp_path / "a.npz")
    new = [list(row) for row in rows[:8]]
    new[1][2], new[2][3], new[3][1], new[4][4], new[5][1], new[6][6] = (
        "", "NA", "", "?", "pink", "")  # fmt: skip
    new[4][1] = "grey"  # in a row without a prediction: no note
    given = written(tmp_path / "b.csv", new, comma=True)
    done = run(capsys, "predict", tmp_path / "a.npz", given, "--keep", "id", "--keep", "color",
               "--probabilities")  # fmt: skip
    header, *found = csv.reader(done.out.splitlines())
    assert header == ["id", "color", "kind", "kind=cheap", "kind=dear"]
    assert [row[:2] for row in found] == [row[:2] for row in new]
    assert [i for i, row in enumerate(found) if row[2:] == [""] * 3] == [1, 4]
    whole = [i for i in range(8) if i not in (1, 4)]
    X = np.array([["" if c in ("NA", "?") else c for c in new[i][1:5]] for i in whole], object)
    np.testing.assert_array_equal(
        np.array([found[i][3:] for i in whole], float), model.probabilities(X)
    )
    assert "2 of 8 rows have no prediction, since inputs are missing" in done.err
    assert "column 'color': 2 rows have no text, which training did not see" in done.err
    assert " of 5)" in done.err  # scored: neither gaps nor without a target
    new[0][2] = "abc"
    written(given, new, comma=True)
    done = run(capsys, "predict", tmp_path / "a.npz", given, code=2)
    assert "b.csv, line 2, column 'size': expected a number, got 'abc'" in done.err


def test_folds_learn_from_their_own_training_rows(tmp_path, capsys, monkeypatch):
    taught, networks = [], []
    again, trained = Inputs.again, fastnn.train_many

    def noted(self, path, rows):
        found = again(self, path, rows)
        taught.append((rows, found))
        return found

    def noted_network(net, *args, **kwargs):
        networks.append((net, len(taught)))
        return trained(net, *args, **kwargs)

    monkeypatch.setattr(Inputs, "again", noted)
    monkeypatch.setattr(fitting, "train_many", noted_network)
    rows = [*samples()]
    rows[3][1] = rows[9][1] = "rare"
    path = written(tmp_path / "a.csv", rows)
    train(capsys, path, "price", "--cv", 10)
    assert {known for _, known in networks} == {10}  # all that could be refused comes first
    weights = np.array([np.nan if row[3] == "" else row[3] for row in rows])
    for (train_rows, inputs), (net, _) in zip(taught, networks[1:], strict=True):
        color, _, weight, _ = inputs.encoding.columns
        assert weight.fill == np.nanmedian(weights[train_rows])
        assert set(color.categories) == {rows[i][1] for i in train_rows}
        assert net.sizes[0] == len(inputs.names)
    assert len({net.sizes[0] for net, _ in networks}) == 2


def test_a_column_that_is_the_same_in_a_fold_is_left_out_there(tmp_path, capsys):
    rows = [*samples()]
    for i, row in enumerate(rows):
        row[4] = 1 if i == 6 else 0
    path = written(tmp_path / "a.csv", rows)
    out = train(capsys, path, "price", "--cv", 8, "--category", "noise", "--seed", 4).out
    assert "noise: 0 for '0', 1 for '1'" in out
    assert "\nmean " in out
    path = written(tmp_path / "b.csv", [[row[4], row[5]] for row in rows], ["noise", "price"])
    done = run(capsys, "train", path, "--target", "price", "--category", "noise", "--cv", 8,
               "--seed", 4, *QUICK, code=2)  # fmt: skip
    assert "column of use in every fold, got none in one: 'noise': it is the same" in done.err


def test_all_inputs_of_a_column_are_permuted_together(tmp_path, capsys, monkeypatch):
    seen = []
    predicted = scores.predicted

    def noted(model, X):
        seen.append(X)
        return predicted(model, X)

    path = written(tmp_path / "a.csv", samples())
    monkeypatch.setattr(scores, "predicted", noted)
    train(capsys, path, "kind", "--importance")
    for X in seen:
        assert (X[:, :3].sum(axis=1) == 1).all()
    given, *permuted = seen[-21:]  # five times each of four columns
    changed = [{*np.flatnonzero((given != X).any(axis=0)).tolist()} for X in permuted]
    assert changed == [{0, 1, 2}] * 5 + [{3}] * 5 + [{4, 5}] * 5 + [{6}] * 5


WRONG = [
    ("size", "", "line 3, column 'size': expected a number, since there were no gaps in training"),
    ("size", "abc", "line 3, column 'size': expected a number, got 'abc'"),
    ("kind", "other", "line 3, column 'kind': expected one of cheap, dear, got 'other'"),
]


@pytest.mark.parametrize(("column", "cell", "message"), WRONG)
def test_a_test_file_that_cannot_be_used_is_refused_before_training(
    tmp_path, capsys, monkeypatch, column, cell, message
):
    monkeypatch.setattr(fitting, "train_many", None)
    rows = [*samples()]
    path = written(tmp_path / "a.csv", rows[:200])
    rows[201][HEADER.index(column)] = cell
    other = written(tmp_path / "b.csv", rows[200:])
    done = train(capsys, path, "kind", "--test-file", other, code=2)
    assert f"b.csv, {message}" in done.err
    assert done.err.count("\n") == 1


def test_texts_that_only_a_test_file_has_are_told(tmp_path, capsys):
    rows = [*samples()]
    path = written(tmp_path / "a.csv", rows[:200])
    rows[201][1] = "pink"
    other = written(tmp_path / "b.csv", rows[200:])
    out = train(capsys, path, "kind", "--test-file", other).out
    assert f"note: {other}: column 'color': 1 row has a text, such as 'pink', which training" in out


def test_settings_of_the_report_are_those_that_were_used(tmp_path, capsys):
    rows = [row[1:6] for row in samples()]
    path = written(tmp_path / "a.csv", rows[1:], rows[0], comma=True)
    report = tmp_path / "a.html"
    run(capsys, "train", path, "--target", "5", "--hidden", 0, "--no-header", "--report", report,
        *QUICK)  # fmt: skip
    text = report.read_text()
    for name, value in [("hidden", "0"), ("no-header", "yes"), ("decimal", ","), ("test", "0.2")]:
        assert f"<tr><td>{name}</td><td>{value}</td></tr>" in text
    assert "<td>l2</td>" not in text


def test_rows_of_a_column_keep_its_notation_and_its_fault(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1,5;1,5\n2.5;2,5\n3,5;3,5\n")
    with Table(path) as table:
        a, b = table.read([], ["a", "b"]).labels
    assert numbers_of(taken(b, np.array([False, True, True]))).tolist() == [2.5, 3.5]
    assert numbers_of(taken(a, np.array([True, False, True]))).tolist() == [1.5, 3.5]
    with pytest.raises(ValueError, match="line 3, column 'a': expected a number with a decimal"):
        numbers_of(taken(a, np.array([False, True, True])))


@given(st.lists(st.sampled_from(["1,5", "2", "-3,25", "1e2"]), min_size=1, max_size=9), st.data())
def test_some_rows_of_a_column_have_its_numbers(cells, data):
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(cells), max_size=len(cells))))
    texts = list(dict.fromkeys(cells))
    codes = np.array([texts.index(cell) for cell in cells])
    column = Labels(Path("a.csv"), "a", codes, texts, [*range(len(texts))], Notation(","))
    some = taken(column, rows)
    np.testing.assert_array_equal(numbers_of(some), numbers_of(column)[rows])
    assert [column.texts[code] for code in codes[rows]] == [some.texts[i] for i in some.codes]


CELLS = [["1", "-2.5", "", "NA"], ["0", "1.25", "", "?"], ["x", "y", "z", "w", ""], ["u", "", "v"]]
COLUMNS = [Column("a"), Column("b", fill=1.5, indicator=True), Column("c", ["x", "y", "z"]),
           Column("d", ["", "u"])]  # fmt: skip


@given(rows=st.lists(st.tuples(*map(st.sampled_from, CELLS)), min_size=1, max_size=12))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_are_predicted_one_by_one_whatever_is_missing(tmp_path, capsys, rows):
    net = fastnn.Network([7, 3, 1], ["tanh", "identity"])
    parameters = np.random.default_rng(3).normal(size=net.n_parameters)
    model = fastnn.Model(net, parameters, targets=["y"], encoding=fastnn.Encoding(COLUMNS))
    model.save(tmp_path / "m.npz")
    named = [[str(i), *row] for i, row in enumerate(rows)]
    path = written(tmp_path / "new.csv", named, ["id", *"abcd"])
    done = run(capsys, "predict", tmp_path / "m.npz", path, "--keep", "id")
    _, *found = csv.reader(done.out.splitlines())
    assert [row[0] for row in found] == [row[0] for row in named]
    for row, (_, told) in zip(rows, found, strict=True):
        whole = row[0] not in ("", "NA")
        assert told == (repr(float(model.predict([list(row)])[0, 0])) if whole else "")


def test_models_keep_encoding_reading_and_residuals(tmp_path, capsys):
    rows = [*samples()]
    train(capsys, written(tmp_path / "a.csv", rows, comma=True), "price")
    model = fastnn.load(tmp_path / "a.npz")
    X = np.array([row[1:5] for row in rows], dtype=object)
    y = np.array([row[5] for row in rows])
    for kept in (model, model.calibrated(X, y)):
        plain = kept.without_encoding()
        assert plain.encoding is None
        np.testing.assert_array_equal(plain.residuals, kept.residuals)
        bounds = kept.predict(X, interval=0.9)
        again = plain.predict(model.encoding.apply(X), interval=0.9)
        np.testing.assert_array_equal(bounds, again)
        kept.save(tmp_path / "again.npz")
        loaded = fastnn.load(tmp_path / "again.npz")
        assert (loaded.encoding, loaded.reading) == (model.encoding, model.reading)
        np.testing.assert_array_equal(loaded.residuals, kept.residuals)
    assert len(model.calibrated(X, y).residuals) == len(rows)
