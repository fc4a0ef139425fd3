"""Columns of texts and with gaps: what is learnt, how it is applied and kept."""

import json
import pickle
import re

import numpy as np
import pytest
from conftest import bits
from encoding_examples import ENCODING, ROWS, SEEN, cells_in, frame_of, model_of, objects
from export_examples import TOLERANCES
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.export import from_json, to_json, to_sklearn
from fastnn.tabular.cells import cells_of, is_date, key_of
from fastnn.tabular.encoding import Column, Encoding
from fastnn.tabular.notation import are_numbers

# What is applied


def test_every_kind_of_column_makes_its_inputs():
    assert ENCODING.inputs == (
        "size [m²]", "age", "age is missing", "speed", "smokes=Yes", "car=real NAME",
        "kind=LEAK*/", "kind=b", "kind is missing", "kind=größer", "one=only", "LARGEST=1",
        "LARGEST=2.5", "LARGEST=?!", "LARGEST=100",
    )  # fmt: skip
    np.testing.assert_array_equal(ENCODING.apply(objects(ROWS)), SEEN)
    np.testing.assert_array_equal(ENCODING.apply(ROWS), SEEN)
    unseen = ENCODING.unseen(cells_in(ROWS))
    assert unseen == [
        ("smokes", 2, "perhaps"), ("car", 1, "bus"), ("kind", 1, "c"), ("one", 1, "other"),
    ]  # fmt: skip


def test_frames_are_taken_by_name_and_predict_like_arrays():
    model = model_of()
    frame = frame_of(ROWS)
    turned = frame[[*frame.columns[::-1]]].assign(more="x")
    for each in (frame, turned, turned.convert_dtypes(), frame.astype({"kind": "category"})):
        np.testing.assert_array_equal(ENCODING.apply(each), SEEN)
        np.testing.assert_array_equal(model.predict(each), model.predict(objects(ROWS)))
        np.testing.assert_array_equal(model.probabilities(each), model.probabilities(ROWS))
    plain = model.without_encoding()
    assert plain.features == ENCODING.inputs
    np.testing.assert_array_equal(bits(plain.evaluate(SEEN)), bits(model.evaluate(ROWS)))
    with pytest.raises(ValueError, match=r"X: expected the columns .*, without 'kind'"):
        model.predict(frame.drop(columns="kind"))


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_other_frames(kind):
    library = pytest.importorskip(kind)
    make = library.DataFrame if kind == "polars" else library.table
    columns = {"a": [1.5, None, 3.0], "n": [1, None, 2], "t": ["x", None, "y"],
               "b": [True, False, None]}  # fmt: skip
    encoding = Encoding([
        Column("a", fill=0, indicator=True), Column("n", fill=7), Column("t", ["", "x", "y"]),
        Column("b", ["False", "True"]),
    ])  # fmt: skip
    expected = [[1.5, 0, 1, 0, 1, 0, 1], [0, 1, 7, 1, 0, 0, 0], [3, 0, 2, 0, 0, 1, 0.5]]
    np.testing.assert_array_equal(encoding.apply(make(columns)), expected)


@pytest.mark.parametrize(
    ("texts", "is_one"),
    [
        (["", "NA", "n/a", "NaN", " null ", "None", "?", "-", "."], True),
        (["True", "true", "TRUE"], True),
        (["1", "1.0", "1.00"], True),
        (["2.5", "2.50"], True),
        (["100", "1e2", "0100", "+100"], False),
        (["-0", "0", "0.00"], True),
        (["01234", "1234"], False),
        (["a", "A"], False),
        (["9007199254740993", "9007199254740992"], False),
    ],
)
def test_which_texts_are_one_category(texts, is_one):
    found = [key_of(text.strip()) for text in texts]
    assert (len(set(found)) == 1) == is_one
    assert is_one or len(set(found)) == len(texts)


def test_dates_and_numbers_are_told_apart():
    dates = ["2022-06-26", "01.03.2024 00:00", "3/14/2024", "14/3/24", "2024-05", "10:30",
             "2024-05-01T10:00:00Z", "3 Mar 2024", "Mar 3, 2024", "1-Jan-24",
             "2024/1/2"]  # fmt: skip
    numbers = ["3153.98", "1999.12", "2,5", "1.234,5", "12.5%", "-inf", "1e5", ".5", "1 234", "€5"]
    texts = ["May", "10-20", "65+", "A12", "<5", "18-25", "x1", "1234-56", "e5", "", "5 kg"]
    assert all(map(is_date, dates))
    assert not any(are_numbers(dates))
    assert not any(map(is_date, numbers + texts))
    assert not is_date(" " * 10**6)


# What is learnt


def test_an_encoding_is_learnt_from_every_row_that_is_given():
    frame = frame_of(
        [[i, None if i % 4 == 0 else i, "ab"[i % 2], ["x", "y", None][i % 3], i % 2 == 1, i % 3]
         for i in range(12)],
        ["n", "gaps", "two", "three", "flag", "code"],
    )  # fmt: skip
    encoding = Encoding.of(frame, categories=["code"])
    assert encoding.columns == (
        Column("n"), Column("gaps", fill=6.0, indicator=True), Column("two", ["a", "b"]),
        Column("three", ["", "x", "y"]), Column("flag", ["False", "True"]),
        Column("code", ["0", "1", "2"]),
    )  # fmt: skip
    same = Encoding.of(frame.to_numpy(dtype=object), names=frame.columns, categories=["code"])
    assert same == encoding
    assert same.apply(frame).tolist() == encoding.apply(frame.to_numpy(dtype=object)).tolist()
    assert not Encoding.of(np.arange(6.0).reshape(3, 2)).changes
    assert Encoding.of([[1, "a"], [2, "b"]]).names == ("0", "1")


@given(st.integers(0, 2**32), st.integers(3, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_they_are_the_encoders_of_scikit_learn(seed, count, gaps):
    impute = pytest.importorskip("sklearn.impute")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(seed)
    texts = rng.choice([f"t{i}" for i in range(count)], (60, 2)).astype(object)
    numbers = rng.normal(size=(60, 2))
    if gaps:
        numbers[rng.random(60) < 0.2] = np.nan
        numbers[0] = np.nan
    new = np.where(rng.random(texts.shape) < 0.2, "new", texts)
    hot = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(texts)
    filled = impute.SimpleImputer(strategy="median", add_indicator=True).fit_transform(numbers)
    filled = filled[:, [0, 2, 1, 3]] if gaps else filled
    expected = np.hstack([filled, hot.transform(new)])
    X, Z = (np.hstack([numbers.astype(object), part]) for part in (texts, new))
    np.testing.assert_array_equal(Encoding.of(X).apply(Z), expected)


REFUSED = [
    ([[f"2024-01-0{i % 7 + 1}"] for i in range(20)], "got the date '2024-01-01'; make numbers"),
    ([[f"n{i}"] for i in range(20)], "column '0': it has 20 different texts in 20 rows; leave it"),
    ([[f"n{i % 101}"] for i in range(404)], "has 101 different texts, more than 100; leave it out"),
    ([["x"]] * 5, "column '0': it is the same in all training rows; leave it out"),
    ([[None]] * 5, "column '0': it is empty in all training rows; leave it out"),
    ([["1"], ["2"], ["red"], ["4"]], "column '0', row 2: expected a number, got 'red'"),
    ([["5 kg"], ["6 kg"]] * 3, "row 0: expected a number, got '5 kg', a number with 'kg'; write"),
    ([["3,5"], ["4"]], r"got '3,5'; pandas.read_csv\(…, decimal=','\) reads it as 3.5$"),
    ([["360,000"], ["9"]], r"as 360, pandas.read_csv\(…, thousands=','\) reads it as 360000$"),
    ([["1.234,5"], ["9"]], r"\(…, decimal=',', thousands='.'\) reads it as 1234.5$"),
    ([[1.0], [np.inf]], "column '0', row 1: expected a number from -1e+100 to 1e+100, got inf"),
    ([[np.datetime64("2024-01-01")]], "column '0': expected numbers, bools or texts, got dates"),
    ([[b"x"]], "column '0': expected numbers, bools or texts, got bytes"),
    ([[1, 2], [3]], r"X: expected a data frame or an array of shape \(n, columns\), got"),
    ([], "X: expected a data frame or an array of shape"),
    (np.zeros((0, 2)), "X: expected at least one column and one row, got none"),
    (np.zeros(3), "X: expected a data frame or an array of shape"),
    (np.zeros((3, 2), dtype=complex), "expected numbers, bools or texts, got complex128"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "message"), REFUSED)
def test_what_cannot_be_learnt_is_refused(rows, message):
    with pytest.raises((ValueError, TypeError), match=message.replace("+", r"\+")):
        Encoding.of(rows)


UNFIT = [
    (0, "big", "X: column 'size [m²]', row 1: expected a number, got 'big'"),
    (0, None, "X: column 'size [m²]', row 1: expected a number, since there were no gaps in tr"),
    (1, "old", "X: column 'age', row 1: expected a number, got 'old'"),
    (1, "inf", "X: column 'age', row 1: expected a finite number, got 'inf'"),
    (5, np.datetime64("2024-01-01"), "X: column 'kind': expected numbers, bools or texts, got da"),
    (5, ("b",), "X: column 'kind': expected numbers, bools or texts, got tuple"),
]


@pytest.mark.parametrize(("place", "cell", "message"), UNFIT)
def test_what_cannot_be_encoded_is_refused(place, cell, message):
    rows = [list(row) for row in ROWS]
    rows[1][place] = cell
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        model_of().predict(objects(rows))


def test_numbers_in_the_place_of_texts_are_refused():
    rows = frame_of(ROWS).assign(smokes=[1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"column 'smokes', row 0: expected a text such as 'No'"):
        ENCODING.apply(rows)
    with pytest.raises(ValueError, match=r"\(n, 8\), got an array of shape \(5, 15\)"):
        model_of().predict(np.array(SEEN))


WRONG = [
    (lambda: Column(1), "name: expected a str, got 1"),
    (lambda: Column("a", "bc"), "categories: expected a sequence of texts, got 'bc'"),
    (lambda: Column("a", ["b", 1]), "categories: expected a sequence of texts"),
    (lambda: Column("a", ["true", "True"]), "categories: expected different texts for 'a'"),
    (lambda: Column("a", fill=np.nan), "fill: expected finite"),
    (lambda: Column("a", fill=[1, 2]), "fill: expected a number, got [1, 2]"),
    (lambda: Column("a", ["b"], fill=1), "fill: expected None with categories, got a number"),
    (lambda: Column("a", indicator=True), "indicator: expected False without a fill, got True"),
    (lambda: Column("a", indicator=1), "indicator: expected True or False, got 1"),
    (lambda: Encoding([]), "columns: expected a sequence of Column, got []"),
    (lambda: Encoding(["a"]), "columns: expected a sequence of Column, got ['a']"),
    (lambda: Encoding([Column("a"), Column("a")]), "columns: expected different names, got a name"),
    (lambda: Encoding.of([[1.0]], names=["a", "b"]), "X: expected a data frame or an array of sha"),
    (lambda: Encoding.of([[1.0]], categories="b"), "categories: expected names of columns, got"),
    (lambda: fastnn.Model(fastnn.Network([2, 1]), [0, 0, 0], encoding=[1]), "encoding: expected a"),
    (lambda: fastnn.Model(fastnn.Network([2, 1]), [0, 0, 0], encoding=ENCODING),
     "encoding: expected one that makes 2 inputs, got 15"),
    (lambda: fastnn.Model(fastnn.Network([1, 1]), [0, 0], features=["b"],
                          encoding=Encoding([Column("a")])), "features: expected the columns 'a'"),
    (lambda: to_sklearn(model_of(members=1), fold=True), "model: expected one of numbers, since"),
    (lambda: to_sklearn(model_of(members=1, scaled=False)), "model: expected one of numbers, sin"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        make()


# What is kept


@st.composite
def columns(draw):
    name = draw(st.text(max_size=5))
    texts = draw(st.lists(st.text(max_size=4), max_size=5, unique_by=key_of))
    if texts:
        return Column(name, texts)
    fill = draw(st.none() | st.floats(-1e99, 1e99))
    return Column(name, fill=fill, indicator=fill is not None and draw(st.booleans()))


@given(st.lists(columns(), min_size=1, max_size=5, unique_by=lambda column: column.name))
@settings(max_examples=60, deadline=None)
def test_any_encoding_survives_json_and_makes_as_many_inputs_as_it_names(parts):
    encoding = Encoding(parts)
    assert Encoding.of_record(json.loads(json.dumps(encoding.record()))) == encoding
    rows = [[column.categories[i % len(column.categories)] if column.categories else float(i)
             for column in parts] for i in range(6)]  # fmt: skip
    inputs = encoding.apply(rows)
    assert inputs.shape == (6, len(encoding.inputs))
    assert encoding.unseen(cells_of(rows, encoding.names)[0]) == []
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_models_keep_it_in_files(tmp_path, dtype):
    model = model_of(dtype)
    model.save(tmp_path / "m.npz")
    for again in (
        fastnn.load(tmp_path / "m.npz"), from_json(to_json(model)),
        pickle.loads(pickle.dumps(model)),
    ):  # fmt: skip
        assert again.encoding == model.encoding
        assert again.features == ENCODING.names
        np.testing.assert_array_equal(bits(again.evaluate(ROWS)), bits(model.evaluate(ROWS)))


def test_only_files_with_an_encoding_have_a_later_version(tmp_path):
    for model, version in ((model_of(), 2), (model_of().without_encoding(), 1)):
        model.save(tmp_path / "m.npz")
        with np.load(tmp_path / "m.npz") as file:
            about = json.loads(str(file["about"][()]))
        record = json.loads(to_json(model))
        for kept in (about, record):
            assert kept["version"] == version
            assert ("encoding" in kept) == (version == 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(version=1),
        lambda record: record.pop("encoding"),
        lambda record: record.update(encoding=[]),
        lambda record: record.update(encoding={"name": "a"}),
        lambda record: record["encoding"].pop(),
        lambda record: record["encoding"][0].update(more=1),
        lambda record: record["encoding"][0].update(fill="x"),
        lambda record: record["encoding"][3].update(categories=["a", "a"]),
        lambda record: record["encoding"][3].update(categories="ab"),
    ],
)
def test_forged_records_are_refused(change):
    record = json.loads(to_json(model_of()))
    record.pop("digest")
    change(record)
    with pytest.raises(fastnn.DamagedFile):
        from_json(json.dumps(record))
