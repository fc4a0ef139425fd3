"""CSV files: reading, and errors with file, line and column."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastnn.cli import main
from fastnn.tabular.csv_table import Table, TableError
from fastnn.tabular.target import make_target, split

GOOD = "a,b,kind\n1,2,x\n3,4.5,y\n-1e3, 7 ,x\n"


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def make(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


class Counted(str):
    """A name that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)


@pytest.mark.parametrize("width", [50, 100, 1000])
def test_no_column_is_looked_for_among_all_others(write, width):
    names = [f"c{i}" for i in range(width)]
    path = write(f"{','.join(names)}\n" + 3 * f"{','.join('1' * width)}\n")
    with Table(path) as table:
        table.names = [Counted(name) for name in names]
        table._places = dict(zip(table.names, range(width), strict=True))
        wanted = [Counted(name) for name in names]  # others, but equal
        Counted.compared = 0
        rows = table.read(wanted[::2], wanted[1::2])
    assert rows.numbers.shape == (3, width // 2)
    assert Counted.compared <= 5 * width


def read(path, numbers=("a", "b"), labels=("kind",), **options):
    with Table(path, **options) as table:
        return table.read(list(numbers), list(labels))


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip(),
        GOOD + "\n\n  \n",
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("x", '"x"').replace("1,", '"1",'),
        "kind,other,b,a\nx,?,2,1\ny,,4.5,3\nx,nan,7,-1000\n",
        GOOD.replace(",", ";").replace(".", ","),
        GOOD.replace(",", "|"),
        GOOD + ",,\n , ,\n",
        "\n" + GOOD.replace("\n", "\n\n"),
        "sep=|\n" + GOOD.replace(",", "|"),
        GOOD.encode("utf-16"),
        gzip.compress(GOOD.encode(), mtime=0),
        ",a,b,b.,kind,\n0,1,2,,x,\n1,3,4.5,?,y,\n2,-1e3,7,,x,\n",
    ],
)
def test_what_is_read(write, content):
    rows = read(write(content))
    np.testing.assert_array_equal(rows.numbers, [[1, 2], [3, 4.5], [-1000, 7]])
    (kind,) = rows.labels
    assert [kind.texts[code] for code in kind.codes] == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("T, mean;H, mean;P, mean\n20,5;1,5;7,1\n", ["T, mean", "H, mean", "P, mean"]),
        ("a, b\tc\n1\t2\n", ["a, b", "c"]),
        ("a;b,c;d,e\n1;2,3;4,5;6\n", ["a;b", "c;d", "e"]),
        ("a,b;c\n1,2\n", ["a", "b;c"]),
        ('a,b;c\n"1\n;",2\n', ["a", "b;c"]),
        ("a|b,c|d|e\n1|2|3|4\n", ["a", "b,c", "d", "e"]),
        ("a;b;c\n1;2\n", ["a", "b", "c"]),
        ("a;b\n", ["a", "b"]),
        ("a\n1,5\n", ["a"]),
    ],
)
def test_delimiters_are_told_from_commas_in_names_and_numbers(write, content, names):
    with Table(write(content)) as table:
        assert table.names == names


def test_cells_may_hold_marks_and_line_breaks(write):
    path = write('a,"b, ""b""",kind\n1,2,"of\ntwo lines"\n3,4,ö\n5,6,\n')
    rows = read(path, ["a", 'b, "b"'])
    assert rows.labels[0].texts == ["of\ntwo lines", "ö", ""]
    assert rows.labels[0].lines == [2, 4, 5]
    np.testing.assert_array_equal(rows.numbers, [[1, 2], [3, 4], [5, 6]])


def test_large_files_are_read_in_blocks(write):
    numbers = np.random.default_rng(0).normal(size=(20_000, 3))
    lines = [",".join([*map(repr, row), f"k{i % 7}"]) for i, row in enumerate(numbers.tolist())]
    path = write("\n".join(["a,b,c,kind", *lines]))
    rows = read(path, ["c", "a"])
    np.testing.assert_array_equal(rows.numbers, numbers[:, [2, 0]])
    assert (rows.labels[0].codes == np.arange(20_000) % 7).all()
    lines[17_000] = "1,2,three,k0"
    with pytest.raises(TableError, match=r"line 17002, column 'c': expected a number, got 'three'"):
        read(write("\n".join(["a,b,c,kind", *lines])), ["c", "a"])


BAD = [
    (b"", "data.csv: expected a header and rows, got an empty file"),
    ("a,b,kind\n", "data.csv: expected rows after the header, got none"),
    ("\n \n", "data.csv: expected a header and rows, got an empty file"),
    (",,\n1,2,x\n", "data.csv: expected a column 'a', got none with a name"),
    ("a\n1\n\n3\n", "data.csv: expected a column 'b', got 'a'"),
    ("1,2,3\n4,5,6\n", "line 1: expected a header, the names of the columns, got the number '1'"),
    (
        "a,b,b,a,kind\n1,2,3,4,x\n",
        "line 1: expected a header, the names of the columns, all different, ",
    ),
    ("a,,kind\n1,2,x\n", "data.csv: expected a column 'b', got 'a', 'kind'"),
    ("a,kind\n1,x\n", "data.csv: expected a column 'b', got 'a', 'kind'"),
    ("a,B,kind\n1,2,x\n", "expected a column 'b', got 'a', 'B', 'kind'; did you mean 'B'?"),
    ("a,b,kind\n1,2,x\n1,2\n", "line 3: expected 3 cells, as in the header, got 2"),
    ("a,b,kind\n1,2,x,\n", "line 2: expected 3 cells, as in the header, got 4"),
    ("a,b,kind\n1,2,x\n,,\n3,4,y\n", "line 3, column 'a': expected a number, got an empty cell"),
    ("a,b,kind\n1,two,x\n", "line 2, column 'b': expected a number, got 'two'"),
    ("a,b,kind\n1,2,x\n1,,x\n", "line 3, column 'b': expected a number, got an empty cell"),
    ("a,b,kind\nNaN,2,x\n", "line 2, column 'a': expected a finite number, got 'NaN'"),
    ("a,b,kind\n1,-inf,x\n", "line 2, column 'b': expected a finite number, got '-inf'"),
    ("a,b,kind\n1,1e999,x\n", "line 2, column 'b': expected a finite number, got '1e999'"),
    ("a,b,kind\n1,1_0,x\n", "line 2, column 'b': expected a number, got '1_0'"),
    ('a,b,kind\n1,2,"x\n3,4,y\n', "line 2: "),
    (b"a,b,kind\n1,2,\xff\n", "line 2: expected UTF-8 text, got the byte 0xFF"),
    ("a,b,kind\n1,2,x\n".encode("utf-16-le"), "line 1: expected text, got a NUL character; it s"),
    (
        "a,b,kind\n1,2,x\n".encode("utf-16")[:-1],
        "data.csv: expected UTF-16 text, got the byte 0x0A after line ",
    ),
    (
        gzip.compress(b"a,b,kind\n1,2,x\n", mtime=0)[:-9],
        "cannot be read: Compressed file ended before",
    ),
    (b"PK\x03\x04\n", "data.csv: expected text, got a ZIP archive, as spreadsheets are; save"),
    (b"a,b,kind\n1,\x002,x\n", "line 2: expected text, got a NUL character"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_files_are_refused_with_line_and_column(write, content, message):
    path = write(content)
    with pytest.raises(TableError, match=re.escape(message)) as error:
        read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(("content", "message"), BAD)
def test_the_command_tells_it_in_one_line(write, content, message, capsys):
    path = write(content)
    options = ["--target", "kind", "--restarts", "2"]
    assert main(["train", str(path), *options]) == 2
    told = capsys.readouterr().err
    assert told.startswith("fastnn: error: ")
    assert told.count("\n") == 1
    assert not path.with_suffix(".npz").exists()


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        ("x y x y", None, ["x", "y"]),
        ("0 1 " * 10, None, [0, 1]),
        ("3 1.0 1 " * 10, None, [1, 3]),
        ("0 1 2 3", None, None),  # too few rows of each
        ("0.5 1 " * 10, None, None),
        (" ".join(map(str, range(100))), None, None),
        ("0.5 1 " * 10, "classification", ["0.5", "1"]),
        ("0 1 " * 10, "regression", None),
        ("1 2 many " * 3, None, ["1", "2", "many"]),
        ("0 NA 1 " * 3, "classification", ["0", "1", "NA"]),
        ("none many " * 3, None, ["many", "none"]),
    ],
)
def test_classes_are_told_from_numbers(write, column, task, classes):
    path = write("kind\n" + "\n".join(column.split()) + "\n")
    target = make_target(read(path, []).labels, task)
    if classes is None:
        assert target.classes is None
        np.testing.assert_array_equal(target.values[:, 0], [float(x) for x in column.split()])
    else:
        assert target.classes.tolist() == classes
        labels = [str(target.classes[code]) for code in target.values]
        assert labels == [str(float(x)).removesuffix(".0") if type(classes[0]) is int else x
                          for x in column.split()]  # fmt: skip
    assert target.why


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        ("x x x", None, "column 'kind': expected several classes, got 'x' in every row"),
        ("1.5 1.5", None, "column 'kind': expected different numbers, got 1.5 in every row"),
        (
            "x y z",
            None,
            "expected at least 2 rows for each class on average, got 3 classes in 3 rows",
        ),
        (" ".join(f"k{i // 2}" for i in range(2002)), None, "expected up to 1,000 classes, got 1"),
        ("1 2 x", "regression", "line 4, column 'kind': expected a number, got 'x'"),
        (
            "0 1 " * 10 + "NA",
            None,
            "line 22, column 'kind': expected a number as in other rows, got 'NA'; --task clas",
        ),
        ("x y nan x y", None, "line 4, column 'kind': expected a label or number, got 'nan'"),
        (" ".join([*map(str, range(50)), "x"]), None, "line 52, column 'kind': expected a number"),
    ],
)
def test_targets_that_are_refused(write, column, task, message):
    path = write("kind\n" + "\n".join(column.split()) + "\n")
    with pytest.raises(TableError, match=re.escape(message)):
        make_target(read(path, []).labels, task)


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=5),
    shares=st.tuples(st.floats(0, 0.45), st.floats(0, 0.45)),
    seed=st.integers(0, 2**64 - 1),
)
def test_splits_have_every_row_once_and_every_class_its_share(counts, shares, seed):
    class Classes:
        classes = np.arange(len(counts))
        values = np.random.default_rng(0).permutation(np.repeat(classes, counts))

    held = [min(count - 1, int(shares[1] * count + 0.5)) for count in counts]
    chosen = [
        min(count - 1 - test, int(shares[0] * count + 0.5))
        for count, test in zip(counts, held, strict=True)
    ]
    if (shares[1] > 0 and not sum(held)) or (shares[0] > 0 and not sum(chosen)):
        with pytest.raises(ValueError, match="expected more rows to split"):
            split(Classes, *shares, seed)
        return
    parts = split(Classes, *shares, seed)
    assert (np.sort(np.concatenate(parts)) == np.arange(sum(counts))).all()
    for code, count in enumerate(counts):
        train, validation, test = (np.count_nonzero(Classes.values[p] == code) for p in parts)
        assert train >= 1
        assert abs(validation - shares[0] * count) <= 1
        assert abs(test - shares[1] * count) <= 1
    again = split(Classes, *shares, seed)
    assert all((one == other).all() for one, other in zip(parts, again, strict=True))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(b"a,b,kind\n" + b"1," * 10_000 + b"x\n")
@example(b"a,b,kind\n1,2," + b"x" * 200_000 + b"\n3,4,y\n")
@example(b'a,b,kind\n1,2,"' + b"x" * 200_000 + b"\n3,4,y\n")
@given(st.one_of(st.binary(max_size=200), st.text(alphabet='a1,;"\n\r\t.x-e \0é', max_size=80).map(
    lambda text: b"a,b,kind\n" + text.encode())))  # fmt: skip
def test_whatever_comes_is_read_or_refused(write, content):
    path = write(content)
    try:
        rows = read(path)
    except TableError as error:
        told = str(error)
    else:
        assert np.isfinite(rows.numbers).all()
        return
    assert told.startswith(str(path))
    assert "\n" not in told
