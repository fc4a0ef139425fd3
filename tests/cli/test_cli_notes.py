"""What a user is told about columns and exports that are probably not what was meant."""

import shlex
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.cli import main

QUICK = ["--restarts", "3", "--epochs", "5", "--threads", "1"]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes columns, repeated for 60 rows, beside one of numbers and the classes a and b."""
    monkeypatch.chdir(tmp_path)

    def make(classes=("a", "b"), **columns):
        columns |= {"n": range(7), "kind": classes}
        rows = [[str(cells[i % len(cells)]) for cells in columns.values()] for i in range(60)]
        lines = [",".join(row) for row in [list(columns), *rows]]
        (tmp_path / "data.csv").write_text("\n".join(lines))
        return "data.csv"

    return make


def train(capsys, path, *options, code=0):
    assert main(["train", path, "--target", "kind", *QUICK, *options]) == code
    return capsys.readouterr()


@pytest.mark.parametrize(
    ("texts", "is_told"),
    [
        (["Yes", "yes", "no"], True),
        (["New York", "new  york", "Rome"], True),
        (["newyork", "New York"], True),
        (["Straße", "STRASSE"], True),
        (["Yes", "Yes ", "no"], False),  # blanks around cells are none of them
        (["True", "true", "FALSE"], False),
        (["a-b", "a b"], False),
    ],
)
def test_texts_that_differ_in_capitals_or_blanks_are_told(write, capsys, texts, is_told):
    first, second = sorted(texts[:2])
    for columns, name in (({"city": texts}, "city"), ({"classes": texts}, "kind")):
        if name == "kind" and "true" in texts:
            continue  # as classes they differ
        note = f"note: column '{name}' has {first!r} and {second!r}, which differ only in"
        assert (note in train(capsys, write(**columns)).out) is is_told


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (
            ["01:30", "2:45"],
            "the time '01:30'; make numbers of them first, such as the hours since",
        ),
        (["1:02:03.5", "9:00:00"], "the time '1:02:03.5'; make numbers of them first, such as the"),
        (["3:15 pm", "9:00 am"], "the time '3:15 pm'; make numbers"),
        (["2024-05-01", "2024-06-01"], "the date '2024-05-01'; make numbers"),
        (["1.5.2024 01:30", "2.5.2024 02:30"], "the date '1.5.2024 01:30'; make numbers"),
    ],
)
def test_times_of_day_are_told_from_dates(write, capsys, cells, what):
    told = train(capsys, write(when=cells), code=2).err
    assert f"column 'when': expected a number or a category, got {what}" in told
    assert "; to leave such columns out: --ignore when; to take each text" in told


def test_columns_of_one_number_are_left_out(write, capsys):
    path = write(one=[5], same=[0.0], filled=["3", ""], late=[1])
    lines = Path(path).read_text().splitlines()
    lines[-1] = lines[-1].replace(",1,", ",2,", 1)  # in a row that tests
    Path(path).write_text("\n".join(lines))
    done = train(capsys, path, "--split", "last")
    note = "note: left out: one, same, late; a single number in all training rows teaches nothing\n"
    assert note in done.out
    assert done.err == ""
    assert [column.name for column in fastnn.load("data.npz").encoding.columns] == ["filled", "n"]
    assert note[12:] not in train(capsys, path, "--ignore", "one", "--ignore", "same").out


def test_a_file_of_constants_is_refused(write, capsys):
    told = train(capsys, write(one=[5]), "--ignore", "n", code=2).err
    assert "expected an input column of use, got none: 'one': a single number in all" in told


@pytest.mark.parametrize(("rows", "is_told"), [(4, True), (29, True), (30, False)])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_a_calibration_with_few_samples_is_told(write, capsys, rows, is_told, dtype):
    train(capsys, write())
    Path("few.csv").write_text("n\n" + "".join(f"{i % 7}\n" for i in range(rows)))
    assert main(["export", "data.npz", "m.h", "--dtype", dtype, "--calibration", "few.csv"]) == 0
    told = f"warning: --calibration: expected at least 30 samples, got {rows}, which"
    assert (told in capsys.readouterr().err) is is_told


@pytest.mark.thorough
@pytest.mark.parametrize("file", ["m.h", "m.json"])
@pytest.mark.parametrize("average", [1, 3])
def test_exports_say_how_many_networks_they_hold(write, capsys, file, average):
    rng = np.random.default_rng(0)
    path = write(classes=rng.normal(size=60).round(3))
    train(capsys, path, "--average", str(average))
    assert main(["export", "data.npz", file]) == 0
    members = len(fastnn.load("data.npz").parameters)
    told = f"the average of {members} networks, and as many times as large as one; fastnn train"
    assert (told in capsys.readouterr().out) == (members > 1) == (average > 1)


# Units and currencies


def in_units(form, n=60):
    return [form.format(i % 7 + 1) for i in range(n)]


@pytest.mark.parametrize(
    ("form", "unit", "options"),
    [
        ("${}", "$", []), ("{} kg", "kg", []), ("{}%", "%", []), ("-${}", "$", []),
        ("€ {}", "€", []), ("{} sq ft", "sq ft", []), ("{}m2", "m2", []), ("USD {}", "USD", []),
        ("${}'000", "$", ["--thousands", "'"]), ("+{}.5 °C", "°C", []),
        ("{}", "kg", []),
    ],
)  # fmt: skip
def test_units_are_read_where_they_are_given(write, capsys, form, unit, options):
    sign = -1 if form[0] == "-" else 1
    scale, more = (1000 if "000" in form else 1), (0.5 if ".5" in form else 0)
    if form != "{}" and unit != "sq ft":
        told = train(capsys, write(price=in_units(form)), *options, code=2).err
        assert "line 2, column 'price': expected a number, got " in told
        assert f"or --unit {shlex.quote(f'COLUMN={unit}')} reads it" in told
    path = write(price=[*in_units(form, 7), "NA"], classes=in_units(form, 5))
    units = ["--unit", f"price={unit}", "--unit", f"kind={unit}"]
    train(capsys, path, *options, *units, "--task", "regression")
    model = fastnn.load("data.npz")
    column = model.encoding.columns[0]
    assert column.name == "price"
    assert 1 <= column.fill / sign / scale <= 7.5
    assert model.reading.units == {"price": unit, "kind": unit}
    assert main(["predict", "data.npz", path]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 61
    numbers = np.array([[sign * (i % 7 + 1) * scale + sign * more] for i in range(7)], dtype=object)
    table = np.hstack([numbers, np.arange(7)[:, np.newaxis].astype(object)])
    np.testing.assert_array_equal(np.array(out[1:8], dtype=float), model.predict(table)[:, 0])


def test_other_units_are_refused(write, capsys):
    path = write(weight=in_units("{} kg"))
    train(capsys, path, "--unit", "weight=kg")
    write(weight=[*in_units("{} kg", 5), "7 lb"])
    assert main(["predict", "data.npz", path]) == 2
    told = "line 7, column 'weight': expected a number, got '7 lb', a number with 'lb'; write only"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (["weight"], "--unit: expected COLUMN=UNIT once for a column, got 'weight'"),
        (["weight="], "--unit: expected COLUMN=UNIT once for a column, got 'weight='"),
        (
            ["weight=kg", "weight=g"],
            "--unit: expected COLUMN=UNIT once for a column, got 'weight=g",
        ),
        (["weight=10"], "--unit: expected a unit such as kg, $ or %, got '10'"),
        (["weight=."], "--unit: expected a unit such as kg, $ or %, got '.'"),
        (["wieght=kg"], "--unit: expected a column 'wieght'"),
    ],
)
def test_wrong_units_are_refused(write, capsys, given, error):
    path = write(weight=in_units("{} kg"))
    options = [part for text in given for part in ("--unit", text)]
    assert error in train(capsys, path, *options, code=2).err


# Names of columns


def test_columns_without_a_name_may_be_ignored_as_pandas_calls_them(write, capsys):
    path = Path(write())
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{i - 1 if i else ''},{line}" for i, line in enumerate(lines)))
    done = train(capsys, str(path), "--ignore", "Unnamed: 0")
    assert "note: column 1 has no name, and is ignored\n" in done.out
    assert "expected a column 'Unnamed: 1'" in train(
        capsys, str(path), "--ignore", "Unnamed: 1", code=2).err  # fmt: skip


@pytest.mark.parametrize("place", ["1", "-1", "0"])
def test_columns_are_not_given_by_their_places(write, capsys, place):
    assert main(["train", write(), "--target", place]) == 2
    told = f"expected a column '{place}', got 'n', 'kind'; a column is given by its name, not by"
    assert told in capsys.readouterr().err


def test_balanced_is_no_weight_of_a_class(write, capsys):
    told = train(capsys, write(), "--class-weight", "balanced", code=2).err
    assert told.endswith("got 'balanced'; did you mean --balanced?\n")
