"""Numbers in other notations: read where it is clear how, otherwise refused; never classes."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastnn.tabular.csv_table import Labels, Table, TableError
from fastnn.tabular.encoding import Encoding
from fastnn.tabular.header import Header
from fastnn.tabular.notation import (
    KNOWN,
    PLAIN,
    WRITTEN,
    Notation,
    are_numbers,
    hold_numbers,
    is_gap,
    quantity,
)
from fastnn.tabular.target import make_target, places_of

KINDS = {
    "number": ["3", " 3 ", "-1.5", "+4", ".5", "5.", "1e5", "1E-3", "007", "-inf", "1e999"],
    "other notation": [
        "3,5", "1.234,5", "1,234,567", "1 234", "1\u202f234,5", "1'234", "5 kg", "5 km/h", "10 m²",
        "12%", "12.5 %", "$5", "€ 5", "3,5 €", "EUR 5", "−5", "(5)",
    ],
    "category": [
        "1st", "2D", "7a", "0x10", "1_000", "٣", "½", "inf", "Infinity", "May", "10-20", "65+",
        "A12", "<5", "1.2.3", "10.0.0.1", "1,2,3", "1/2", "e5", "--5", "five",
    ],
    "gap": ["", " ", "NA", "n/a", "#N/A", "#NA", "<NA>", "NaN", "NaT", "NULL", "None", "Missing",
            "?", "-", " . "],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts]
)
def test_what_a_text_is(kind, text):
    """Alone in its column; inputs and headers tell the same."""
    assert is_gap(text) == (kind == "gap")
    assert hold_numbers([text]) == (kind in ("number", "other notation"))
    if kind != "gap":
        is_read = PLAIN.number(text) is not None
        assert is_read == (kind == "number") or text in ("inf", "Infinity")
    rows = [[text], [text], ["red"], ["green"]] * 2
    if hold_numbers([text]):
        with pytest.raises(ValueError, match=r"expected a (finite )?number, got"):
            Encoding.of(rows)
    else:
        shown = "" if kind == "gap" else text
        assert set(Encoding.of(rows).columns[0].categories) == {shown, "red", "green"}
    is_named = Header([text.strip() or "x", "y"], None).fault([text.strip() or "x"]) is None
    whole = text.strip().isdecimal()
    assert is_named or hold_numbers([text])
    assert not is_named or whole or not hold_numbers([text]) or text in UNITS


# A column may have a unit in its name, or an end of the scale.
UNITS = {"5 kg", "5 km/h", "10 m²", "12%", "12.5 %", "$5", "€ 5", "3,5 €", "EUR 5", "−5", "(5)",
         "-inf"}  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["5kg", "6kg", "7kg"], "111"),
        (["5kg", "6kg", "7"], "111"),
        (["5kg", "6kg"], "00"),
        (["1st", "2nd", "3rd", "4"], "0001"),
        (["7a", "8b", "9"], "001"),
        (["inf", "1"], "11"),
        (["inf", "infantry"], "00"),
        (["3", "NA", "5 kg", "red", "nan"], "10100"),
    ],
)
def test_some_texts_are_numbers_only_beside_others(texts, numbers):
    assert are_numbers(texts) == [mark == "1" for mark in numbers]


CELLS = st.text(alphabet="0123456789.,' +-eE_\u00a0x%−nainfkg", max_size=6)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(CELLS, max_size=5, unique=True), gap=st.sampled_from(KINDS["gap"]))
def test_gaps_and_the_order_do_not_decide(texts, gap):
    found = are_numbers(texts)
    assert are_numbers(texts[::-1]) == found[::-1]
    assert are_numbers([*texts, gap]) == [*found, False]
    assert hold_numbers([*texts, gap]) == hold_numbers(texts)
    for text, is_number in zip(texts, found, strict=True):
        number = PLAIN.number(text)
        assert is_number or number is None or not np.isfinite(number)


@pytest.mark.parametrize("text", ["1_000", "٣", "0x3E8"])
def test_labels_are_read_as_numbers_are(tmp_path, text):
    column = Labels(tmp_path, "y", np.array([0]), [text], [2])
    with pytest.raises(TableError, match="expected one of 3, 1000, got"):
        places_of(np.array([3, 1000]), column)
    column = Labels(tmp_path, "y", np.array([0, 1]), ["1e3", "3.0"], [2, 3])
    assert places_of(np.array([3, 1000]), column).tolist() == [1, 0]


@pytest.fixture
def read(tmp_path):
    """Reads a text as a table."""

    def run(text, numbers=("a",), labels=(), **options):
        path = tmp_path / "data.csv"
        path.write_text(text, encoding="utf-8")
        with Table(path, **options) as table:
            rows = table.read(list(numbers), list(labels))
            return rows, table.reading

    return run


def column(cells):
    """One column beside another, so that marks are no delimiters."""
    return "\n".join(["a;z", *(f"{cell};1" for cell in cells)])


@pytest.mark.parametrize(
    ("cells", "options", "expected"),
    [
        (["3,5", "-1,25", "+4", ",5", "1,5e-3"], {}, [3.5, -1.25, 4, 0.5, 0.0015]),
        (["0,125", "1,250"], {}, [0.125, 1.25]),
        (["1,250", "2,5"], {}, [1.25, 2.5]),
        (["1,250", "2,500"], {"decimal": ","}, [1.25, 2.5]),
        (["1,250", "2,500"], {"thousands": "comma"}, [1250, 2500]),
        (["1.234,5", "1.000.000", "12"], {"thousands": "point"}, [1234.5, 1e6, 12]),
        (["1,234.5", "1,000,000", "12"], {"thousands": ","}, [1234.5, 1e6, 12]),
        (["1 234,5", "1\u00a0000\u202f000", "12"], {"thousands": "space"}, [1234.5, 1e6, 12]),
        (["1'234.5", "1’000'000", "12"], {"thousands": "'"}, [1234.5, 1e6, 12]),
        (["1.5", "2"], {"decimal": "point"}, [1.5, 2]),
        (["\u00a01.5", "2"], {}, [1.5, 2]),
    ],
)
def test_what_is_read(read, cells, options, expected):
    rows, reading = read(column(cells), **options)
    np.testing.assert_array_equal(rows.numbers[:, 0], expected)
    rows, _ = read(column(cells), [], ["a"], **options)
    target = make_target(rows.labels, "regression")
    np.testing.assert_array_equal(target.values[:, 0], expected)
    again, _ = read(column(cells), **reading.to_record())
    np.testing.assert_array_equal(again.numbers[:, 0], expected)


BAD = [
    (["360,000"], {}, "line 2, column 'a': expected a number, got '360,000'; --decimal comma reads "
     "it as 360, --thousands comma reads it as 360000"),
    (["1", "1,250", "2,500"], {}, "line 3, column 'a': expected a number, got '1,250'; --decimal"),
    (["1,234.5"], {}, "got '1,234.5'; --thousands comma reads it as 1234.5"),
    (["1.234,5"], {}, "got '1.234,5'; --decimal comma --thousands point reads it as 1234.5"),
    (["1,234,567"], {}, "got '1,234,567'; --thousands comma reads it as 1234567"),
    (["1 234"], {}, "got '1 234'; --thousands space reads it as 1234"),
    (["1'234"], {}, '"; --thousands apostrophe reads it as 1234'),
    (["3,5"], {"decimal": "."}, "got '3,5'; --decimal comma reads it as 3.5"),
    (["3.5"], {"decimal": ","}, "got '3.5'; --decimal point reads it as 3.5"),
    (["1,5"], {"thousands": ","}, "got '1,5'; --decimal comma reads it as 1.5"),
    (["0.5", "3,5"], {}, "line 3, column 'a': expected a number with a decimal point, as '0.5' in "
     "line 2, got '3,5'; write all numbers in one notation"),
    (["7", "3,5", "0.5"], {}, "line 4, column 'a': expected a number with a decimal comma, as '3,5"
     "' in line 3, got '0.5'; write"),
    (["3.5", "360,000"], {}, "line 3, column 'a': expected a number, got '360,000'; --thousands "
     "comma reads it as 360000"),
    (["3,5", "1.234"], {}, "got '1.234'; --thousands point reads it as 1234"),
    (["$360,000"], {}, "got '$360,000', a number with '$'; write only the number"),
    (["5 kg"], {}, "line 2, column 'a': expected a number, got '5 kg', a number with 'kg'; write"),
    (["5kg", "6kg", "7kg"], {}, "got '5kg', a number with 'kg'; write only the number"),
    (["12%"], {}, "got '12%', a number with '%'; write only the number"),
    (["3,5 €"], {}, "got '3,5 €', a number with '€'; write only the number"),
    (["−5"], {}, "got '−5', a negative number; write it with '-'"),
    (["(5)"], {}, "got '(5)', a negative number; write it with '-'"),
    (["EUR 5"], {}, "got 'EUR 5', a number with 'EUR'; write only the number"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "options", "message"), BAD)
def test_inputs_that_are_refused(read, cells, options, message):
    with pytest.raises(TableError, match=re.escape(message)):
        read(column(cells), **options)


@pytest.mark.parametrize(("cells", "options", "message"), BAD)
@pytest.mark.parametrize("task", [None, "regression"])
def test_targets_that_are_refused(read, cells, options, message, task):
    """However often each of them comes."""
    cells = [*cells, *cells * 20] if len(cells) > 1 else cells * 20
    rows, _ = read(column(cells), ["z"], ["a"], **options)
    with pytest.raises(TableError, match=re.escape(message)) as error:
        make_target(rows.labels, task)
    assert ("--task classification" in str(error.value)) == (task is None)
    if len(set(cells)) > 1:
        assert make_target(rows.labels, "classification").classes.tolist() == sorted(set(cells))


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["1st", "2nd", "3rd"], True),
        (["2D", "3D"], True),
        (["5 kg", "heavy"], True),
        (["01.03.2024", "02.03.2024"], True),
        (["10:30", "11:30"], True),
        (["1.2.3", "1.2.4"], True),
        (["1,000", "2,000"], False),
        (["5 kg", "6 kg"], False),
        (["5 kg", "600 g", "NA"], False),
        (["50%", "100%"], False),
        (["$5", "$6"], False),
    ],
)
def test_labels_are_told_from_quantities(read, cells, classes):
    rows, _ = read(column(cells * 10), ["z"], ["a"])
    if classes:
        assert make_target(rows.labels).classes.tolist() == sorted(cells)
    else:
        assert hold_numbers(cells)
        with pytest.raises(TableError, match="--task classification reads the column as labels"):
            make_target(rows.labels)


def test_one_decimal_comma_among_points_makes_no_classes(read):
    lines = [f"{i};{'3,5' if i == 77 else (i % 9) / 2}" for i in range(200)]
    rows, _ = read("\n".join(["z;a", *lines]), ["z"], ["a"])
    with pytest.raises(
        TableError, match=r"line 79, column 'a': expected a number with a decimal p"
    ):
        make_target(rows.labels)


def test_all_columns_have_one_notation(read):
    rows, reading = read("a;b\n1,250;2\n7;3,5\n", ["a"], ["b"])
    assert reading.decimal == ","
    np.testing.assert_array_equal(rows.numbers[:, 0], [1.25, 7])
    np.testing.assert_array_equal(rows.labels[0].numbers(), [2, 3.5])
    rows, _ = read("a;b\n" + "1,5;2.5\n2,5;x\n" * 5, ["a"], ["b"])  # no numbers
    assert make_target(rows.labels).classes.tolist() == ["2.5", "x"]
    rows, _ = read("a;b\n1,5;2.5\n2,5;3.5\n", ["a"], ["b"])
    with pytest.raises(TableError, match=r"column 'b': expected a number with a decimal comma, as"):
        make_target(rows.labels)


def test_texts_are_told_from_numbers_with_units(read):
    text = "a;b;c;d;e\nx;20,5;NA;5 kg;7a\ny;21,5;2;6 kg;8b\nz;1;1;7 kg;\n"
    for name, told in [("a", "'x'"), ("e", "'7a'"), ("d", "'5 kg', a number with 'kg'; write")]:
        with pytest.raises(
            TableError, match=f"line 2, column '{name}': expected a number, got {told}"
        ):
            read(text, name)
    with pytest.raises(TableError, match=r"line 2, column 'e': expected a number, got '7a'$"):
        read(text, "e")


@pytest.mark.parametrize("labels", [[], ["a"], ["z"], ["a", "z"]])
def test_a_number_in_doubt_is_refused_also_if_its_column_is_read_as_text_too(read, labels):
    """As `fastnn predict --keep` does."""
    with pytest.raises(TableError, match="--decimal comma reads it as 360, --thousands comma"):
        read(column(["360,000", "361,000"]), labels=labels)


@settings(max_examples=300, deadline=None)
@given(number=st.floats(-1e9, 1e9), notation=st.sampled_from(KNOWN), style=st.integers(0, 2))
def test_every_number_is_read_in_its_notation(number, notation, style):
    whole, _, fraction = f"{abs(number):,.6f}".partition(".")
    marks = WRITTEN.get(notation.thousands, notation.thousands)
    cell = "-" * (number < 0) + whole.replace(",", marks[style % len(marks)] if marks else "")
    cell += notation.decimal + fraction
    expected = float(f"{number:.6f}")
    assert notation.number(cell) == expected
    assert notation.numbers([cell, "7"]).tolist() == [expected, 7]
    assert notation in quantity(cell).fits or not set(marks) & set(cell)
    assert quantity(f"{cell} kg").extra == "kg"


@settings(max_examples=500, deadline=None)
@given(cells=st.lists(st.text(alphabet="0123456789.,' +-eE_\u00a0x%−", max_size=8), max_size=4),
       notation=st.sampled_from([Notation(), *KNOWN]))  # fmt: skip
def test_cells_are_numbers_together_if_each_is_alone(cells, notation):
    together = notation.numbers(cells)
    faults = [notation.fault(cell) for cell in cells]
    assert (together is None) == any(faults)
    if together is not None:
        assert together.tolist() == [notation.number(cell) for cell in cells]
