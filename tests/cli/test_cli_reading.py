"""Options on files: `fastnn predict` reads as `fastnn train` did, and errors say what to do."""

import gzip
import io
import sys

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.tabular.reading import Reading

RANDOM = np.random.default_rng(0)
NUMBERS = (RANDOM.normal(size=(40, 2)) * 3).round(2)
ROWS = [(a, b, round(a - b / 4, 2)) for a, b in NUMBERS.tolist()]
QUICK = ["--restarts", "2", "--epochs", "5", "--threads", "1", "--optimizer", "lbfgs"]


def text(header="größe,b,y", delimiter=",", decimal=".", form="{}", end="\n"):
    """A file of the same numbers in another form."""
    rows = [[form.format(cell).replace(".", decimal) for cell in row] for row in ROWS]
    lines = [header.split(","), *rows] if header else rows
    return "".join(delimiter.join(line) + end for line in lines)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(place, capsys):
    """Runs the command on content, which is a file or standard input."""

    def run(name, content, *options, code=0):
        content = content.encode() if isinstance(content, str) else content
        (place / name).write_bytes(content)
        assert main(list(options)) == code
        return capsys.readouterr()

    return run


INDEXED = "".join(f"{i or ''},{line}" for i, line in enumerate(text().splitlines(keepends=True)))
FORMS = {
    "plain": (text(), []),
    "comma": (text(delimiter=";", decimal=","), []),
    "blank lines": (text(end="\n\n"), []),
    "utf-16": (text().encode("utf-16"), []),
    "latin-1": (text().encode("latin-1"), ["--encoding", "latin-1"]),
    "gzip": (gzip.compress(text().encode()), []),
    "tab": (text(delimiter="\t"), ["--delimiter", "tab"]),
    "space": (text(delimiter="  ", end="  \r\n"), ["--delimiter", "space"]),
    "pipe": (text(delimiter="|"), []),
    "other": (text(delimiter="/"), ["--delimiter", "/"]),
    "sep=": ("sep=:\n" + text(delimiter=":"), []),
    "thousands": (text(delimiter=";", decimal=",", form="{:,.2f}"), ["--decimal", "comma"]),
    "index": (INDEXED, []),
    "comma at the end": (text(header="größe,b,y,", end=",\n").replace(",,", ",", 1), []),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_predict_reads_as_train_did(command, place, name):
    content, options = FORMS[name]
    done = command("data.csv", content, "train", "data.csv", "--target", "y", *options, *QUICK)
    assert "regression of y" in done.out
    assert ("has no name, and is ignored" in done.out) == (name in ("index", "comma at the end"))
    model = fastnn.load("data.npz")
    assert model.features == ("größe", "b")
    assert (model.reading.decimal == ",") == (name in ("comma", "thousands"))
    done = command("new.csv", content, "predict", "data.npz", "new.csv")
    told = np.array(done.out.splitlines()[1:], dtype=float)
    np.testing.assert_array_equal(told, model.evaluate(NUMBERS)[:, 0])
    assert done.err.count("40 rows") == 1


def test_a_model_of_one_kind_of_file_reads_another(command, place):
    command("a.csv", text(delimiter=";", decimal=","), "train", "a.csv", "--target", "y", *QUICK)
    done = command("b.csv", text(), "predict", "a.npz", "b.csv", code=2)
    assert (
        "line 2, column 'größe': expected a number, got '0.38'; --decimal point reads" in done.err
    )
    done = command("b.csv", text(), "predict", "a.npz", "b.csv", "--decimal", "point")
    assert done.out.count("\n") == 41
    one = "b;größe\n7;1,250\n"  # in doubt without the model
    done = command("c.csv", one, "predict", "a.npz", "c.csv")
    assert float(done.out.split()[1]) == fastnn.load("a.npz").evaluate([[1.25, 7]])


def test_files_without_a_header(command, place):
    content = text(header="")
    done = command("a.csv", content, "train", "a.csv", "--target", "3", *QUICK, code=2)
    assert "line 1: expected a header, the names of the columns, got the number " in done.err
    assert "If not, use --no-header; if numbers are the names, --header\n" in done.err
    done = command("a.csv", content, "train", "a.csv", "--target", "3", "--no-header", *QUICK)
    assert "a.csv: 40 rows, 2 inputs" in done.out
    assert fastnn.load("a.npz").features == ("1", "2")
    assert command("a.csv", content, "predict", "a.npz", "a.csv").out.count("\n") == 41
    done = command("b.csv", text(header="1,2,x"), "predict", "a.npz", "b.csv", "--header")
    assert done.out.count("\n") == 41
    done = command("b.csv", text(), "predict", "a.npz", "b.csv", code=2)
    assert "got 'größe'; if the first row has names, use --header\n" in done.err
    commas = text(header="", delimiter=";", decimal=",")
    command("c.csv", commas, "train", "c.csv", "--target", "3", "--no-header", *QUICK)
    np.testing.assert_array_equal(fastnn.load("c.npz").parameters, fastnn.load("a.npz").parameters)
    done = command("b.csv", "1\n2\n", "predict", "a.npz", "b.csv", code=2)
    assert "a column '2', got '1'; without a header, columns are named by their p" in done.err


def test_numbers_that_are_names(command, place):
    content = text(header="1990,1991,1992")
    train = ["train", "a.csv", "--target", "1992", *QUICK]
    assert "--header" in command("a.csv", content, *train, code=2).err
    command("a.csv", content, *train, "--header")
    assert fastnn.load("a.npz").features == ("1990", "1991")
    assert command("a.csv", content, "predict", "a.npz", "a.csv").out.startswith("1992\n")


def test_a_title_above_the_header_is_told(command, place):
    content = "Report of 2024\n\n" + text()
    done = command("a.csv", content, "train", "a.csv", "--target", "y", *QUICK, code=2)
    assert "expected a column 'y', got 'Report of 2024'; the header must be the" in done.err


def test_names_matter_only_where_they_are_used(command, place):
    content = text(header="größe,b,b")
    done = command("a.csv", content, "train", "a.csv", "--target", "größe", *QUICK, code=2)
    assert "line 1: expected a header, the names of the columns, all different, got 'b'" in done.err
    content = text(header="größe,1.5,y")
    done = command("a.csv", content, "train", "a.csv", "--target", "y", *QUICK, code=2)
    assert "got the number '1.5'" in done.err
    done = command("a.csv", content, "train", "a.csv", "--target", "y", "--ignore", "1.5", *QUICK)
    done = command("b.csv", text(header="größe,b,b"), "predict", "a.npz", "b.csv")
    assert done.out.count("\n") == 41
    done = command("b.csv", text(header="größe,größe,b"), "predict", "a.npz", "b.csv", code=2)
    assert "all different, got 'größe' for columns 1 and 2" in done.err


def test_standard_input(command, place, monkeypatch):
    def given(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    given(text().encode())
    done = command("x", "", "train", "-", "--target", "y", *QUICK, code=2)
    assert "--model: expected a file name, since standard input has none" in done.err
    done = command("x", "", "train", "-", "--target", "y", "--model", "m.npz", *QUICK)
    assert "standard input: 40 rows, 2 inputs" in done.out
    given(gzip.compress(text().encode("utf-16")))
    assert command("x", "", "predict", "m.npz", "-").out.count("\n") == 41
    given(text(delimiter=";").replace("0.38", "x").encode())
    done = command("x", "", "predict", "m.npz", "-", code=2)
    assert "error: standard input, line 2, column 'größe': expected a number, got 'x'" in done.err
    monkeypatch.setattr(sys, "stdin", None)
    done = command("x", "", "predict", "m.npz", "-", code=2)
    assert done.err == "fastnn: error: standard input: cannot be read: standard input is closed\n"


WRONG = [
    (
        ["--delimiter", "tap"],
        "--delimiter: expected one character, or one of comma, semicolon, tab,",
    ),
    (["--delimiter", ""], "--delimiter: expected one character"),
    (["--decimal", ";"], "--decimal: expected one of point, comma, got ';'"),
    (["--thousands", "dot"], "--thousands: expected one of point, comma, space, apostrophe, got"),
    (["--thousands", "comma", "--decimal", ","], "--thousands: expected another mark than decimal"),
    (["--encoding", "utf8000"], "--encoding: expected a text encoding such as utf-8, latin-1"),
    (["--encoding", "hex"], "--encoding: expected a text encoding such as utf-8, latin-1"),
    (["--encoding", "ascii"], "line 1: expected ASCII text, got the byte 0xC3; --encoding NAME"),
    (["--hidden", "0,3"], "--hidden: expected an integer from 1 to 100000000, got 0"),
    (["--hidden", "-1"], "--hidden: expected an integer from 1 to 100000000, got -1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_options_are_told_by_their_names(command, place, options, message):
    done = command("a.csv", text(), "train", "a.csv", "--target", "y", *options, *QUICK, code=2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not list(place.glob("*.npz"))


def test_compressed_files_have_models_without_two_endings(command, place):
    content = gzip.compress(text().encode())
    command("a.csv.gz", content, "train", "a.csv.gz", "--target", "y", *QUICK)
    assert fastnn.load("a.npz").features == ("größe", "b")
    done = command("a.csv.gz", content[:-9], "predict", "a.npz", "a.csv.gz", code=2)
    assert "cannot be read: Compressed file ended before" in done.err


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://bucket/a.csv"])
def test_addresses_are_no_files(command, place, address):
    message = f"error: FILE: expected a file, got the address {address}; download it first\n"
    assert message in command("x", "", "train", address, "--target", "y", code=2).err
    assert message in command("x", "", "predict", "m.npz", address, code=2).err


def test_encodings_are_told_with_the_line(command, place):
    content = text(header="a,b,y").encode() + "1,2,3,ü\n".encode("latin-1")
    done = command("a.csv", content, "train", "a.csv", "--target", "y", *QUICK, code=2)
    told = (
        "a.csv, line 42: expected UTF-8 text, got the byte 0xFC; --encoding latin-1 reads another"
    )
    assert told in done.err


def test_unknown_options_show_their_own_usage(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "m.npz", "a.csv", "--delimitor", ";"])
    told = capsys.readouterr().err
    assert told.startswith("usage: fastnn predict MODEL FILE [OPTION …] ")
    assert "unknown option --delimitor; did you mean --delimiter?" in told


def test_no_hidden_units(command, place, capsys):
    done = command("a.csv", text(), "train", "a.csv", "--target", "y", "--hidden", "0", *QUICK)
    assert fastnn.load("a.npz").network.sizes == (2, 1)
    assert main(["restarts", "2", "--hidden", "0", "--epochs", "2", "--figure", "f.png"]) == 0
    assert main(["restarts", "2", "--hidden", "2,0"]) == 2
    assert "--hidden: expected an integer from 1" in capsys.readouterr().err
    assert done.err == ""


@pytest.mark.parametrize("numbers", [
    ["20,5", "21,5", "22.5"], ["5 kg", "6 kg", "7 kg"], ["$5", "$6", "$7"], ["360,000"],
])  # fmt: skip
def test_columns_of_numbers_are_never_left_out_or_taken_for_text(command, place, numbers):
    """Whatever the advice is, it is not to ignore them; beside a column of text."""
    rows = "".join(f"{'abc'[i % 3]};{number};{i}\n" for i, number in enumerate(numbers * 20))
    content = f"Zeit;T;y\n{rows}"
    done = command("s.csv", content, "train", "s.csv", "--target", "y", *QUICK, code=2)
    assert "column 'T'" in done.err
    assert "--ignore" not in done.err


def test_models_keep_how_their_file_was_read(place):
    net = fastnn.Network([1, 1])
    reading = Reading("semicolon", "latin-1", False, "comma", "point")
    model = fastnn.Model(net, [1, 2], reading=reading)
    model.save("m.npz")
    assert fastnn.load("m.npz").reading == reading == Reading(";", "latin-1", False, ",", ".")
    fastnn.Model(net, [1, 2]).save("m.npz")
    assert fastnn.load("m.npz").reading is None
    with pytest.raises(TypeError, match="reading: expected a Reading, got 'comma'"):
        fastnn.Model(net, [1, 2], reading="comma")
    with pytest.raises(TypeError, match="header: expected a bool, got 1"):
        Reading(header=1)
    with pytest.raises(TypeError, match="decimal: expected text, got 1"):
        Reading(decimal=1)
