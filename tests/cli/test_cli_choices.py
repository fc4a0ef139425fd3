"""Choices of training and prediction: weights, penalties, splits, folds, gaps, thresholds."""

import base64
import csv
import html.parser
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from test_cli_reports import run, write

import fastnn
from fastnn.cli import fitting
from fastnn.tabular.target import Target, folds, split

RNG = np.random.default_rng(5)
QUICK = ("--restarts", 6, "--epochs", 40, "--optimizer", "lbfgs")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """300 rows: a class that is rare but can be told apart a little, and a positive number."""
    X = RNG.normal(size=(300, 3))
    rare = np.where(X[:, 0] + RNG.normal(size=300) > 1.7, "yes", "no")
    price = np.exp(2 * X[:, 0] - X[:, 1] + 0.2 * RNG.normal(size=300) + 8)
    number = np.arange(1, 301)
    return write(
        tmp_path_factory.mktemp("choices") / "data.csv", ["id", "a", "b", "c", "rare", "price"],
        number, *X.round(4).T, rare, price.round(2),
    )  # fmt: skip


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def train(capsys, path, place, target, *options, code=0):
    other = "price" if target == "rare" else "rare"
    return run(
        capsys, "train", path, "--target", target, "--ignore", other, "--ignore", "id", *QUICK,
        "--model", place / "m.npz", *options, code=code,
    )  # fmt: skip


def recall(told, label):
    return float(re.search(rf"^{label} .* ([\d.]+)%$", told, flags=re.MULTILINE)[1])


def test_weights_raise_the_recall_of_a_rare_class(path, tmp_path, capsys):
    plain = train(capsys, path, tmp_path, "rare").out
    balanced = train(capsys, path, tmp_path, "rare", "--balanced").out
    assert recall(balanced, "yes") > recall(plain, "yes") + 10
    first = fastnn.load(tmp_path / "m.npz").parameters
    rare = sum(row["rare"] == "yes" for row in rows_of(path))
    # Of the training rows, about as many as 0.6 of all.
    given = train(capsys, path, tmp_path, "rare", "--class-weight", f"yes={300 / rare - 1}").out
    assert recall(given, "yes") == pytest.approx(recall(balanced, "yes"), abs=15)
    train(capsys, path, tmp_path, "rare", "--class-weight", "yes=1")
    again = fastnn.load(tmp_path / "m.npz")
    assert not np.array_equal(again.parameters, first)


def test_weights_choose_among_restarts_too(path, tmp_path, capsys):
    """By the validation rows, repeated in proportion to the weights of their classes."""
    told = train(capsys, path, tmp_path, "rare", "--balanced", "--average", 1).out
    model = fastnn.load(tmp_path / "m.npz")
    rows = rows_of(path)
    X = np.array([[row["a"], row["b"], row["c"]] for row in rows], float)
    values = np.array([row["rare"] == "yes" for row in rows]).astype(int)
    target = Target(("rare",), np.array(["no", "yes"]), values, "")
    rows, held, _ = split(target, 0.2, 0.2, 0)
    weights = len(rows) / (2 * np.bincount(values[rows]))
    assert weights @ np.bincount(values[rows]) == pytest.approx(len(rows))
    repeated = fitting._repeated(held, target, weights)
    counts = np.bincount(values[repeated])
    assert counts[0] == pytest.approx(counts[1], rel=0.2)
    loss = log_loss(values[repeated], model.probabilities(X[repeated]))
    assert f"best {loss:.4g}," in told


def test_penalties_share_the_restarts_and_validation_chooses(path, tmp_path, capsys, monkeypatch):
    calls = []

    def trained(*args, restarts, loss, first, **kwargs):
        runs = fastnn.train_many(*args, restarts=restarts, loss=loss, first=first, **kwargs)
        calls.append((loss.l2, first, restarts))
        return runs

    monkeypatch.setattr(fitting, "train_many", trained)
    out = train(capsys, path, tmp_path, "price", "--l2", "0,0.01,10", "--restarts", 8).out
    assert calls == [(0.0, 0, 3), (0.01, 0, 3), (10.0, 0, 2)]
    assert re.search(r"restart \d, \d+ epochs, l2 0(\.01)?$", out, flags=re.MULTILINE)
    calls.clear()
    train(capsys, path, tmp_path, "price", "--l2", "auto")
    assert [l2 for l2, _, _ in calls] == [0.0, 1e-4, 1e-3, 1e-2, 1e-1]
    squares = []
    for penalty in ("0", "0.1"):
        train(capsys, path, tmp_path, "price", "--l2", penalty)
        squares.append((fastnn.load(tmp_path / "m.npz").parameters ** 2).sum())
    assert squares[1] < 0.3 * squares[0]
    calls.clear()
    run(capsys, "train", path, "--target", "price", "--ignore", "rare", "--restarts", 2,
        "--model", tmp_path / "m.npz", "--l2", "0.1", "--validation", 0)  # fmt: skip
    assert calls == [(0.1, 0, 2)]  # by default not with lm, which takes no penalty


def test_logarithms_of_the_target(path, tmp_path, capsys):
    out = train(capsys, path, tmp_path, "price", "--log-target").out
    model = fastnn.load(tmp_path / "m.npz")
    assert model.outputs.log
    rows = rows_of(path)
    X = np.array([[row["a"], row["b"], row["c"]] for row in rows], float)
    price = np.array([float(row["price"]) for row in rows])
    assert np.corrcoef(np.log(model.evaluate(X)[:, 0]), np.log(price))[0, 1] > 0.98
    assert "90% intervals, from the errors on 60 validation rows" in out
    done = run(capsys, "predict", tmp_path / "m.npz", path, "--interval", 0.9, "--digits", 5)
    header, *predicted = csv.reader(done.out.splitlines())
    assert header == ["price", "price_lower", "price_upper"]
    middle, low, high = np.array(predicted, float).T
    np.testing.assert_allclose(middle, model.evaluate(X)[:, 0], rtol=1e-4)
    np.testing.assert_allclose(low * high, middle**2, rtol=1e-3)
    assert np.mean((low <= price) & (price <= high)) > 0.8
    expected = model.predict(X, interval=0.9)
    np.testing.assert_allclose([low, high], [bound[:, 0] for bound in expected], rtol=1e-4)
    assert all(len(cell.replace(".", "").strip("0")) <= 5 for cell in predicted[0])


def test_the_last_rows_test(path, tmp_path, capsys):
    out = train(capsys, path, tmp_path, "price", "--split", "last").out
    assert "rows, in their order: 180 training, 60 validation, 60 test" in out
    rows = rows_of(path)[:180]
    model = fastnn.load(tmp_path / "m.npz")
    mean = np.mean([[float(row[name]) for name in "abc"] for row in rows], axis=0)
    np.testing.assert_allclose(model.inputs.mean, mean, rtol=1e-9)
    target = Target(("y",), None, np.arange(10.0)[:, np.newaxis], "")
    trained, validated, tested = split(target, 0.3, 0.2, 7, "last")
    assert (trained[-1], *validated, *tested) == (4, 5, 6, 7, 8, 9)


def test_another_file_tests(path, tmp_path, capsys):
    head, *lines = path.read_text().splitlines()
    for name, part in (("one", lines[:250]), ("other", lines[250:])):
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *part]))
    other = tmp_path / "other.csv"
    out = train(capsys, tmp_path / "one.csv", tmp_path, "rare", "--test-file", other).out
    assert "one.csv: 250 rows, 3 inputs" in out
    assert re.search(
        r"200 training, 50 validation, 50 test\nthe test rows are those of .*other", out
    )
    done = run(capsys, "predict", tmp_path / "m.npz", other)
    assert done.err.splitlines()[0].split()[1] in out.partition("test ")[2]
    right = re.search(r"right: ([\d.]+% \(\d+ of 50\))", done.err)[1]
    assert f"test {right}" in out
    other.write_text(other.read_text().replace(",yes,", ",maybe,"))
    done = train(capsys, tmp_path / "one.csv", tmp_path, "rare", "--test-file", other, code=2)
    assert re.search(r"other.csv, line \d+, column 'rare': expected one of no, yes, got", done.err)
    shorter = "\n".join(line.partition(",")[2] for line in [head, *lines[250:]])
    (tmp_path / "few.csv").write_text(shorter.replace("a,b", "a,d"))
    few = ("--test-file", tmp_path / "few.csv")
    done = train(capsys, tmp_path / "one.csv", tmp_path, "rare", *few, code=2)
    assert "few.csv: expected a column 'b'" in done.err


def test_folds_hold_every_row_once_and_every_class():
    values = np.array([0] * 90 + [1] * 10)
    target = Target(("y",), np.array(["a", "b"]), values, "")
    parts = folds(target, 5, 3)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    assert [np.bincount(values[part]).tolist() for part in parts] == [[18, 2]] * 5


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.integers(2, 9), st.integers(0, 99))
def test_folds_share_rows_and_classes_evenly(values, count, seed):
    values = np.array(values)
    target = Target(("y",), np.arange(4), values, "")
    if len(values) < count:
        with pytest.raises(ValueError, match=f"at least {count} rows for {count} folds"):
            folds(target, count, seed)
        return
    parts = folds(target, count, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(values)))
    for sizes in ([len(part) for part in parts], *(
        [np.count_nonzero(values[part] == code) for part in parts] for code in range(4)
    )):  # fmt: skip
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("target", ["rare", "price"])
def test_folds_and_importance_are_reported(path, tmp_path, capsys, target):
    report = tmp_path / "report.html"
    out = train(capsys, path, tmp_path, target, "--cv", 3, "--importance", "--report", report).out
    table = out.partition("cross-validation with 3 folds\n")[2].splitlines()
    assert [line.split()[0] for line in table[:6]] == ["fold", "1", "2", "3", "mean", "deviation"]
    drops = out.partition("importance, on the test rows\n")[2].splitlines()[1:4]
    assert drops[0].split()[0] == "a"
    assert sorted(line.split()[0] for line in drops) == ["a", "b", "c"]

    class Reader(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.texts, self.images = [], [], []

        def handle_starttag(self, tag, attributes):
            if tag == "img":
                self.images.append(dict(attributes)["src"])
            elif tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            self.texts.append(data.strip())

    reader = Reader()
    reader.feed(report.read_text())
    assert reader.open == []
    kind, _, image = reader.images[0].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(image).startswith(b"\x89PNG")
    for text in (f"{target} from data.csv", "Cross-validation with 3 folds", "seed", "restarts"):
        assert text in reader.texts
    assert "http" not in report.read_text()


def test_folds_of_several_targets_have_one_score(path, tmp_path, capsys):
    out = train(capsys, path, tmp_path, "price", "--target", "a", "--cv", 2).out
    table = out.partition("cross-validation with 2 folds\n")[2].splitlines()
    assert table[0].split() == ["fold", "rows", "mean", "R²"]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted before all folds had ended"),
        (RuntimeError("no restart ended"), 0, "got one that cannot be: no restart ended"),
    ],
)
def test_the_end_of_a_fold_keeps_the_model(path, tmp_path, capsys, monkeypatch, error, code, told):
    calls = []

    def trained(*args, **kwargs):
        calls.append(1)
        if len(calls) > 2:
            raise error
        return fastnn.train_many(*args, **kwargs)

    monkeypatch.setattr(fitting, "train_many", trained)
    done = train(capsys, path, tmp_path, "price", "--cv", 4, code=code)
    assert told in done.err
    assert re.search(r"^mean ", done.out, flags=re.MULTILINE)
    assert f"saved {tmp_path / 'm.npz'}\n" in done.out
    assert fastnn.load(tmp_path / "m.npz").targets == ("price",)


def test_rows_with_gaps_keep_their_place(path, tmp_path, capsys):
    train(capsys, path, tmp_path, "rare")
    head, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines[:8]]
    cells[1][1], cells[4][2], cells[6][3], cells[5][4] = "", "NA", " ? ", ""
    given = tmp_path / "gaps.csv"
    given.write_text("\n".join([head, *map(",".join, cells)]))
    done = run(capsys, "predict", tmp_path / "m.npz", given, "--keep", "id", "--probabilities")
    header, *rows = csv.reader(done.out.splitlines())
    assert header == ["id", "rare", "rare=no", "rare=yes"]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 9)]
    for i, row in enumerate(rows):
        assert (row[1:] == ["", "", ""]) is (i in (1, 4, 6))
    assert "3 of 8 rows have no prediction, since inputs are missing" in done.err
    assert " of 4)" in done.err  # scored: neither gaps nor without a target
    model = fastnn.load(tmp_path / "m.npz")
    whole = [i for i in range(8) if i not in (1, 4, 6)]
    X = np.array([lines[i].split(",")[1:4] for i in whole], float)
    np.testing.assert_array_equal(
        np.array([rows[i][2:] for i in whole], float), model.probabilities(X)
    )
    cells[2][1] = "abc"
    given.write_text("\n".join([head, *map(",".join, cells)]))
    done = run(capsys, "predict", tmp_path / "m.npz", given, code=2)
    assert "gaps.csv, line 4, column 'a': expected a number, got 'abc'" in done.err
    given.write_text("\n".join([head, "1,,,,,"]))
    done = run(capsys, "predict", tmp_path / "m.npz", given)
    assert done.out == 'rare\n""\n'


def test_thresholds(path, tmp_path, capsys):
    train(capsys, path, tmp_path, "rare")
    model = fastnn.load(tmp_path / "m.npz")
    rows = rows_of(path)
    X = np.array([[row["a"], row["b"], row["c"]] for row in rows], float)
    shares = model.probabilities(X)
    for text, expected in [
        ("0.2", shares[:, 1] >= 0.2), ("yes=0.2", shares[:, 1] >= 0.2), ("0", shares[:, 1] >= 0),
        ("no=0.9", shares[:, 0] < 0.9), ("1", shares[:, 1] >= 1),
    ]:  # fmt: skip
        done = run(capsys, "predict", tmp_path / "m.npz", path, "--threshold", text)
        said = np.array(done.out.split()[1:]) == "yes"
        np.testing.assert_array_equal(said, expected)
        right = np.mean(said == (np.array([row["rare"] for row in rows]) == "yes"))
        assert f"right: {right:.2%}" in done.err


WRONG = [
    ("rare", ["--balanced", "--class-weight", "yes=2"], "--balanced: expected no --class-weight"),
    ("rare", ["--class-weight", "yess=2"], "one of the classes no, yes, got 'yess'; did you mean"),
    ("rare", ["--class-weight", "yes"], "--class-weight: expected NAME=W"),
    ("rare", ["--class-weight", "yes=0"], "--class-weight: expected NAME=W"),
    ("rare", ["--class-weight", "yes=nan"], "--class-weight: expected NAME=W"),
    ("rare", ["--class-weight", "yes=2", "--class-weight", "yes=3"], "each class once, got 'yes'"),
    ("price", ["--class-weight", "yes=2"], "--class-weight: expected a target of classes"),
    ("price", ["--balanced"], "--balanced: expected a target of classes"),
    ("rare", ["--log-target"], "--log-target: expected a target of numbers"),
    ("a", ["--log-target"], "--log-target: expected positive numbers in column 'a', got -"),
    ("price", ["--test-file", "t.csv", "--test", "0.1"], "--test: expected no share with --test-f"),
    ("price", ["--test-file", "none.csv"], "none.csv: cannot be read"),
    ("price", ["--test-file", "FILE"], "--test-file: expected a file other than the one that"),
    ("price", ["--test-file", "."], ".: expected a file, got a folder"),
    ("price", ["--l2", "0,1", "--validation", "0"], "--l2: expected one number without validation"),
    ("price", ["--l2", "1", "--optimizer", "lm"], "--l2: expected another --optimizer than lm"),
    ("price", ["--cv", "1"], "--cv: expected an integer from 2"),
    ("rare", ["--cv", "101"], "--cv: expected an integer from 2"),
    ("price", ["--cv", "5", "--split", "last"], "--cv: expected --split random"),
    ("price", ["--report", "r.pdf"], "--report: expected a file name ending in .html"),
]


@pytest.mark.parametrize(("target", "options", "message"), WRONG)
def test_wrong_choices_are_refused_before_any_training(
    path, tmp_path, capsys, monkeypatch, target, options, message
):
    monkeypatch.setattr(fitting, "train_many", None)
    monkeypatch.chdir(tmp_path)
    if target == "a":
        options = [*options, "--ignore", "price"]
    options = [path if option == "FILE" else option for option in options]
    done = train(capsys, path, tmp_path, target, *options, code=2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["-1", "nan", "1e7", "", "0,", "many"])
def test_wrong_penalties_are_refused(path, tmp_path, capsys, text):
    with pytest.raises(SystemExit):
        train(capsys, path, tmp_path, "price", f"--l2={text}")
    assert "--l2: expected numbers from 0 to 1e+06 separated by commas" in capsys.readouterr().err


def test_wrong_options_of_predict_are_refused(path, tmp_path, capsys):
    train(capsys, path, tmp_path, "rare")
    (tmp_path / "m.npz").rename(tmp_path / "rare.npz")
    train(capsys, path, tmp_path, "price", "--validation", 0.05)
    for model, options, message in [
        ("rare", ["--threshold", "2"], "--threshold: expected NAME=SHARE with a share from 0"),
        (
            "rare",
            ["--threshold", "yess=0.5"],
            "one of the classes no, yes, got 'yess'; did you mean",
        ),
        ("m", ["--threshold", "0.5"], "--threshold: expected a classification model"),
        ("rare", ["--interval", "0.9"], "--interval: expected a regression model"),
        ("m", ["--interval", "0.99"], "interval: expected a share of at most 0.9375"),
        ("m", ["--interval", "90"], "interval: expected a share between 0 and 1, got 90"),
        ("m", ["--digits", "0"], "--digits: expected an integer from 1"),
        ("m", ["--keep", "nr"], "--keep: expected a column 'nr', got 'id'"),
        ("m", ["--keep", "price"], "--keep: expected columns other than those that are written"),
        ("m", ["--keep", "id", "--keep", "id"], "--keep: expected columns other than those"),
    ]:
        done = run(capsys, "predict", tmp_path / f"{model}.npz", path, *options, code=2)
        assert message in done.err
        assert done.err.count("\n") == 1
        assert done.out == ""


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [60, 1000])
def test_intervals_hold_their_share_of_the_test_rows(tmp_path, capsys, restarts):
    """On average over seeds, also where few rows choose among many restarts."""
    X = RNG.normal(size=(150, 8))
    y = X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=150)
    path = write(tmp_path / "d.csv", [*"abcdefgh", "y"], *X.T, y)
    held = []
    for seed in range(30):
        out = run(capsys, "train", path, "--target", "y", "--seed", seed, "--restarts", restarts,
                  "--model", tmp_path / "m.npz").out  # fmt: skip
        held.append(float(re.search(r"rows, hold ([\d.]+)% of the 30 test", out)[1]))
    assert abs(np.mean(held) - 90) < 3
