"""From a file with categories, gaps and identifiers to a model in one command."""

import csv
import json
import os
import re
import threading

import numpy as np
import pytest
from export_examples import COMPILER, MAIN, compiled

import fastnn
from fastnn.cli import main
from fastnn.cli.verdicts import Tried, doubts_of_classes, doubts_of_numbers

CONTRACTS = ["Month-to-month", "One year", "Two year"]
WAYS = ["Electronic check", "Mailed check", "Bank transfer", "Credit card"]
HEADER = [
    "customerID",
    "gender",
    "Senior",
    "tenure",
    "Contract",
    "Way",
    "Monthly",
    "Total",
    "Churn",
]


def customers(n=300, seed=0):
    rng = np.random.default_rng(seed)
    for i in range(n):
        contract, tenure = rng.integers(3), int(rng.integers(0, 73))
        monthly = round(float(rng.normal(65, 25)), 2)
        leaves = rng.random() < 1 / (1 + np.exp(3 * contract + 0.05 * tenure - 3))
        yield [
            f"C{i:05d}", ["Female", "Male"][rng.integers(2)], int(rng.random() < 0.2), tenure,
            CONTRACTS[contract], WAYS[rng.integers(4)], monthly if rng.random() > 0.05 else "",
            round(tenure * monthly, 2) if tenure else " ", ["No", "Yes"][int(leaves)],
        ]  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Writes rows as a CSV file, and gives its path."""

    def make(rows, header=HEADER, name="churn.csv"):
        path = tmp_path / name
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return make


def run(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def train(capsys, path, *options, target="Churn", code=0):
    quick = ("--restarts", 5, "--epochs", 30, "--optimizer", "lbfgs", "--hidden", 4)
    return run(capsys, "train", path, "--target", target, *quick, *options, code=code)


def test_one_command_makes_a_model_of_a_raw_file(write, capsys, tmp_path):
    rows = [*customers()]
    path = write(rows)
    done = train(capsys, path)
    told = done.out.splitlines()
    assert told[0] == f"{path}: 300 rows, 14 inputs of 7 columns"
    assert "gender: 0 for 'Female', 1 for 'Male'" in told
    assert "Contract: 3 categories: 'Month-to-month', 'One year', 'Two year'" in told
    line = next(line for line in told if line.startswith("Monthly: "))
    assert re.fullmatch(
        r"Monthly: number, [\d.]+ where it is missing, and an input that is 1 there; missing in "
        r"\d+ of 180 training rows", line,
    )  # fmt: skip
    assert any(line.startswith("note: left out: customerID, since it has 300") for line in told)
    assert done.err == ""
    model = fastnn.load(tmp_path / "churn.npz")
    assert model.features == tuple(HEADER[1:-1])
    done = run(capsys, "predict", tmp_path / "churn.npz", path, "--probabilities")
    found = [row.split(",") for row in done.out.splitlines()[1:]]
    table = np.array([row[1:-1] for row in rows], dtype=object)
    assert [row[0] for row in found] == model.predict(table).tolist()
    shares = model.probabilities(table)
    np.testing.assert_array_equal(np.array([row[1:] for row in found], dtype=float), shares)
    assert (model.predict(table) == [row[-1] for row in rows]).mean() > 0.7
    told = run(capsys, "info", tmp_path / "churn.npz").out
    assert "inputs      14 of 7 columns" in told
    assert "  Contract: 3 categories: 'Month-to-month', 'One year', 'Two year'\n" in told
    assert "  tenure: number\n" in told


@pytest.mark.skipif(COMPILER is None, reason="there is no cc")
def test_c_onnx_json_and_python_agree_on_its_predictions(write, capsys, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    rows = [*customers(), ["", "other", 1, 2, "", "Cash", "", "", ""]]
    train(capsys, write(rows[:-1]))
    model = fastnn.load(tmp_path / "churn.npz")
    small = fastnn.Model(
        model.network, model.parameters.astype(np.float32), inputs=model.inputs,
        classes=model.classes, encoding=model.encoding,
    )  # fmt: skip
    small.save(tmp_path / "small.npz")
    table = np.array([row[1:-1] for row in rows], dtype=object)
    for name, kept, most in (("churn", model, 1e-12), ("small", small, 1e-6)):
        for suffix in ("h", "onnx", "json"):
            run(capsys, "export", tmp_path / f"{name}.npz", tmp_path / f"m.{suffix}")
        shares = kept.probabilities(table)
        again = fastnn.export.from_json(tmp_path / "m.json")
        np.testing.assert_array_equal(again.probabilities(table), shares)
        header = (tmp_path / "m.h").read_text()
        codes = dict(re.findall(r"(m_code\w+) = (\d+)", header))

        def code(column, text, codes=codes):
            word = "".join(part.capitalize() for part in re.findall(r"\w+", text))
            return int(codes.get(f"m_code{column}{word}", -1))

        coded = [
            [code("Gender", row[1]), row[2], row[3], code("Contract", row[4]), code("Way", row[5]),
             *(float(str(cell).strip() or "nan") for cell in row[6:8])]
            for row in rows
        ]  # fmt: skip
        real = "float" if kept is small else "double"
        main = MAIN.replace("NAME", "m").replace("EXTRA", "").replace("REAL", real)
        found = _run(compiled(main, tmp_path), np.array(coded, dtype=kept.dtype))
        assert np.abs(found - shares).max() <= most
        given = {
            column: np.array(cells, dtype=object if column in ("gender", "Contract", "Way")
                             else kept.dtype)[:, np.newaxis]
            for column, cells in zip(model.features, zip(*(
                [row[1], row[2], row[3], row[4], row[5], *coded[i][5:]] for i, row
                in enumerate(rows)), strict=True), strict=True)
        }  # fmt: skip
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx",
                                               providers=["CPUExecutionProvider"])  # fmt: skip
        labels, probabilities = session.run(["label", "probabilities"], given)
        rounded = table.copy()
        rounded[:, 5:] = np.array(coded, dtype=kept.dtype)[:, 5:]
        expected = kept.probabilities(rounded)
        assert np.abs(probabilities - expected).max() <= most
        assert labels.tolist() == kept.predict(rounded).tolist()


def _run(program, X):
    from export_examples import c_predicts

    return c_predicts(program, X)[0]


def test_medians_and_categories_come_from_the_training_rows_alone(write, capsys, tmp_path):
    def rows(others):
        rng = np.random.default_rng(0)
        for i in range(60):
            label = "ab"[i % 2]
            odd = others and i in held
            yield [
                1e6 if odd else ("" if i % 10 == 0 else round(rng.normal(), 3)),
                "rare" if odd else "xyz"[i % 3], label,
            ]  # fmt: skip

    held = set()
    train(capsys, write(rows(False), ["n", "t", "kind"]), target="kind")
    plain = fastnn.load(tmp_path / "churn.npz")
    from fastnn.tabular.csv_table import Table
    from fastnn.tabular.target import make_target, split

    with Table(tmp_path / "churn.csv") as table:
        target = make_target(table.read([], ["kind"]).labels)
    held = {*range(60)} - {*split(target, 0.2, 0.2, 0)[0].tolist()}
    done = train(capsys, write(rows(True), ["n", "t", "kind"]), target="kind")
    again = fastnn.load(tmp_path / "churn.npz")
    assert again.encoding.columns[1] == plain.encoding.columns[1]
    assert abs(again.encoding.columns[0].fill) < 3
    assert f"in {len(held)} of the other rows it is none of them" in done.out


def test_new_texts_and_gaps_are_told_when_predicting(write, capsys, tmp_path):
    rows = [*customers()]
    train(capsys, write(rows))
    new = [list(row) for row in rows[:5]]
    new[1][4] = new[3][4] = "Weekly"
    new[2][1] = "NA"
    done = run(capsys, "predict", tmp_path / "churn.npz", write(new, name="new.csv"))
    assert done.out.count("\n") == 6
    assert "column 'Contract': 2 rows have a text, such as 'Weekly', which training" in done.err
    assert "column 'gender': 1 row has no text, which training did not see; " in done.err
    new[0][3] = ""
    done = run(capsys, "predict", tmp_path / "churn.npz", write(new, name="new.csv"))
    assert [row == '""' for row in done.out.splitlines()[1:]] == [True, *[False] * 4]
    assert "1 of 5 rows have no prediction, since inputs are missing" in done.err


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_calibration_is_read_like_the_file_that_trained(write, capsys, tmp_path, dtype):
    """Semicolons and decimal commas, categories that are numbers or new, and gaps."""

    def content(rows):
        lines = [";".join(map(str, row)).replace(".", ",") for row in (HEADER, *rows)]
        path = tmp_path / "churn.csv"
        path.write_text("\n".join(lines))
        return path

    rows = [*customers()]
    for row in rows:
        row[2] = [0.5, 1.5, 2.5][row[2] + row[3] % 2]
    train(capsys, content(rows), "--category", "Senior")
    rows[1][2], rows[2][4], rows[3][3] = "9,5", "Weekly", ""
    path = content(rows)
    options = ["--dtype", dtype, "--calibration", path]
    done = run(capsys, "export", tmp_path / "churn.npz", tmp_path / "m.h", *options)
    model = fastnn.load(tmp_path / "churn.npz")
    table = np.array([row[1:-1] for row in rows], dtype=object)
    table = table[table[:, 2] != ""]
    header = fastnn.export.to_c(model, name="m", dtype=dtype, calibration=table)
    assert header.loss.samples == 299
    assert f"{dtype}: {header.loss}" in done.out
    assert (tmp_path / "m.h").read_text() == header
    told = run(capsys, "export", tmp_path / "churn.npz", tmp_path / "n.h", "--calibration",
               tmp_path, code=2).err  # fmt: skip
    assert told.endswith(f"{tmp_path}: expected a file, got a folder\n")


def test_categories_with_decimal_commas_are_those_of_other_files(capsys, tmp_path):
    for delimiter, decimal in ((";", ","), (",", ".")):
        rows = [["size", "kind"], *([f"{i % 3 + 0.5}", "abc"[i % 3]] for i in range(60))]
        text = "\n".join(delimiter.join(row).replace(".", decimal) for row in rows)
        (tmp_path / "data.csv").write_text(text)
        if decimal == ",":
            train(capsys, tmp_path / "data.csv", "--category", "size", target="kind")
        done = run(capsys, "predict", tmp_path / "data.npz", tmp_path / "data.csv")
        assert "note" not in done.err
        assert "right: 100.00% (60 of 60)" in done.err
        assert fastnn.load(tmp_path / "data.npz").encoding.inputs[0] == "size=0.5"


def test_codes_with_leading_zeros_are_told(write, capsys, tmp_path):
    rows = [[f"{i * 7919 % 1000:04d}", i % 7, ["08", "9"][i % 2], "ab"[i % 2]] for i in range(60)]
    names = ["zip code", "n", "m", "kind"]
    for gap in ("0", ""):  # which is read as text first
        rows[5][1] = gap
        done = train(capsys, write(rows, names), "--category", "m", target="kind")
        notes = [line for line in done.out.splitlines() if line.startswith("note: column")]
        assert notes == [
            "note: column 'zip code' has whole numbers with leading zeros, such as '0000', and is "
            "read as numbers; if they are codes, --category 'zip code' takes them as categories, "
            "and --ignore 'zip code' leaves them out"
        ]
    rows[3].append("")
    done = train(capsys, write(rows, names), target="kind", code=2)
    assert "line 5: expected 4 cells, as in the header, got 5; remove the ',' at" in done.err


@pytest.mark.parametrize(("units", "told"), [(["36 months", "60 months"], True),
                                             ([f"{i} %" for i in range(60)], False)])  # fmt: skip
def test_few_numbers_with_units_may_be_categories(write, capsys, units, told):
    rows = [[units[i % len(units)], i % 7, "ab"[i % 2]] for i in range(60)]
    path = write(rows, ["the term", "n", "kind"])
    done = train(capsys, path, target="kind", code=2)
    way = "; to take each text as a category: --category 'the term'\n"
    assert done.err.endswith(way if told else "or --unit COLUMN=% reads it\n")
    if told:
        done = train(capsys, path, "--category", "the term", target="kind")
        assert "the term: 0 for '36 months', 1 for '60 months'" in done.out


def test_rows_that_tell_little_are_told(write, capsys):
    rows = [[i, f"odd{i}" if i < 3 else "ab"[i % 2]] for i in range(40)]
    done = train(capsys, write(rows, ["n", "kind"]), target="kind")
    note = "note: no test rows tell how well the rarest classes are predicted: odd0, odd1, odd2\n"
    assert note in done.out
    counts, tried = {"test": np.array([[2, 0], [0, 1]])}, Tried("rprop")
    few = "3 rows are too few to tell whether this model is worth more than that constant; try"
    assert few in next(doubts_of_classes(counts, 0, np.array(["a", "b"]), tried))
    true = np.array([1.0, -1.0, 1.0])
    assert few in next(doubts_of_numbers("y", {"test": (true, true * 0)}, 0.0, tried))
    true = np.tile(true, 20)
    told = next(doubts_of_numbers("y", {"test": (true, true * 0)}, 0.0, tried))
    assert ": this model is hardly worth more than that constant; try" in told


def test_marks_among_targets_are_unknown_when_predicting(write, capsys, tmp_path):
    rows = [*customers()]
    train(capsys, write(rows))
    for marks, scored in ((("?", "NA"), 18), (("?",) * 20, 0)):
        new = [list(row) for row in rows[:20]]
        for row, mark in zip(new, marks, strict=False):
            row[-1] = mark
        done = run(capsys, "predict", tmp_path / "churn.npz", write(new, name="new.csv"))
        assert done.out.count("\n") == 21
        assert "not scored" not in done.err
        assert [int(n) for n in re.findall(r"of (\d+)\)", done.err)] == [scored] * bool(scored)


def test_marks_among_labels_are_told(write, capsys, tmp_path):
    rows = [[i % 9, ["yes", "no", "NA"][i % 3]] for i in range(60)]
    done = train(capsys, write(rows, ["n", "kind"]), target="kind")
    assert "note: 'NA' counts as a class; if it stands for an unknown one, remove" in done.out
    path = write([*rows, [1, ""]], ["n", "kind"])
    done = train(capsys, path, target="kind", code=2)
    told = f"{path}, line 62, column 'kind': expected a label or number, got an empty cell; fill it"
    assert told in done.err


def test_columns_are_categories_if_asked(write, capsys, tmp_path):
    path = write(customers())
    done = train(capsys, path, "--category", "Senior", "--category", "tenure")
    assert "Senior: 0 for '0', 1 for '1'" in done.out
    model = fastnn.load(tmp_path / "churn.npz")
    assert len(model.encoding.columns[2].categories) > 50
    assert "of 7 columns" in done.out


def texts(*columns, n=40):
    return [[*(column[i % len(column)] for column in columns), "ab"[i % 2]] for i in range(n)]


REFUSED = [
    (texts([f"{d}.3.2024" for d in range(1, 29)], [1, 2, 3]), [], "line 2, column 'a': expected a "
     "number or a category, got the date '1.3.2024'; make numbers of them first, such as the days "
     "since a first day, the month or the weekday; to leave such columns out: --ignore a; to "),
    (texts([1, 2, 3, "red"], [1]), [], "line 5, column 'a': expected a number, got 'red'; empty "
     "the cell if its number is missing; to take each text of such columns as a category: "
     "--category a\n"),
    (texts(["inf", 1, "x"], [3, "y z", 4]), [], ": --category a --category b\n"),
    (texts([f"n{i}" for i in range(40)], ["same"]), [], "data.csv: expected an input column of use"
     ", got none: 'a': it has 40 different texts in 40 rows; 'b': it is the same in all training"),
    (texts(["x"], [1, 2, 3]), ["--category", "a"], "--category: expected columns of use, got 'a': "
     "it is the same in all training rows"),
    (texts(["x"], [1, 2, 3]), ["--category", "c"], "--category: expected a column 'c'"),
    (texts(["x"], [1, 2, 3]), ["--category", "kind"], "--category: expected columns other than the "
     "target, got 'kind', which --target names"),
    (texts(["x"], [1, 2, 3]), ["--category", "a", "--ignore", "a"], "--category: expected columns "
     "other than those to leave out, got 'a', which --ignore names; leave out one of the two"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "options", "message"), REFUSED)
def test_what_is_of_no_use_is_refused_before_training(
    write, capsys, monkeypatch, rows, options, message
):
    def never(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("fastnn.cli.fitting.train_many", never)
    path = write(rows, ["a", "b", "kind"], "data.csv")
    done = train(capsys, path, *options, target="kind", code=2)
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_pipe_is_read_once(capsys, tmp_path, write):
    content = write(customers()).read_bytes()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    feeder = threading.Thread(target=lambda: path.write_bytes(content), daemon=True)
    feeder.start()
    train(capsys, path, "--model", tmp_path / "pipe.npz")
    feeder.join(60)
    train(capsys, tmp_path / "churn.csv")
    one, other = (fastnn.load(tmp_path / f"{name}.npz") for name in ("pipe", "churn"))
    assert one.encoding == other.encoding
    np.testing.assert_array_equal(one.parameters, other.parameters)


def test_files_of_numbers_make_the_models_of_before(capsys, write, tmp_path):
    rows = [[round(row[3] / 7, 4), row[2], row[-1]] for row in customers()]
    done = train(capsys, write(rows, ["n", "m", "Churn"]))
    assert "300 rows, 2 inputs\n" in done.out
    model = fastnn.load(tmp_path / "churn.npz")
    assert model.encoding is None
    with np.load(tmp_path / "churn.npz") as file:
        assert json.loads(str(file["about"][()]))["version"] == 1
    assert "inputs      n, m\n" in run(capsys, "info", tmp_path / "churn.npz").out
