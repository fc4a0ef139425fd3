"""Labels come back as they were given: from tables, lists, arrays, models, files and estimators."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.cli import main
from fastnn.cli.train import is_identifier
from fastnn.support.labels import as_labels
from fastnn.tabular.csv_table import Table
from fastnn.tabular.target import make_target

BIG = 2**63
KEPT = {
    "text like numbers": ["01234", "1234"],
    "text and code": ["1", "01"],
    "bool": [False, True],
    "int": [-3, 2**53 + 1],
    "int and large int": [1, BIG + 1],
    "uint64": [BIG + 1, BIG + 3],
    "float": [0.5, 1.0],
    "whole and float": [1, 2.5],
}


def python(labels):
    return [(type(label), label) for label in labels]


@pytest.mark.parametrize("labels", KEPT.values(), ids=KEPT)
def test_models_keep_labels(labels, tmp_path):
    net = fastnn.Network([1, 1], "sigmoid")
    model = fastnn.Model(net, [9.0, 0.0], classes=labels)
    kept = labels if len({type(label) for label in labels}) == 1 else list(map(float, labels))
    assert python(model.predict([[-1.0], [1.0]]).tolist()) == python(kept)
    model.save(tmp_path / "it.npz")
    again = (
        fastnn.load(tmp_path / "it.npz"),
        fastnn.export.from_json(fastnn.export.to_json(model)),
        fastnn.Model(net, [9.0, 0.0], classes=np.array(labels, dtype=object)),
        fastnn.Model(net, [9.0, 0.0], classes=model.classes),
    )
    for other in again:
        assert python(other.classes.tolist()) == python(kept)


@pytest.mark.parametrize("labels", [each for each in KEPT.values() if type(each[1]) is not float])
@pytest.mark.parametrize("form", [list, tuple, np.asarray])
def test_estimators_keep_labels(labels, form):
    sklearn = pytest.importorskip("fastnn.sklearn")
    X = np.linspace(-1, 1, 20)[:, np.newaxis]
    places = (X[:, 0] > 0).astype(int)
    array = np.array(labels, dtype=np.uint64 if max(labels) in (BIG + 1, BIG + 3) else None)
    y = array[places] if form is np.asarray else form(labels[place] for place in places)
    estimator = sklearn.MLPClassifier((2,), n_restarts=2, max_iter=30).fit(X, y)
    for predicted in (estimator.predict(X), estimator.to_model().predict(X)):
        assert {*python(predicted.tolist())} == {*python(labels)}
        assert (predicted == y).all()


def test_going_on_with_integers_of_another_type_does_not_round_them():
    sklearn = pytest.importorskip("fastnn.sklearn")
    X, labels = np.linspace(-1, 1, 20)[:, np.newaxis], [2**53, 2**53 + 1]
    y = np.array([labels[int(x > 0)] for x in X[:, 0]])
    estimator = sklearn.MLPClassifier((2,), solver="adam", n_restarts=1)
    estimator.partial_fit(X, y, classes=labels)
    one = estimator._targets(y.astype(np.uint64), estimator.classes_)
    np.testing.assert_array_equal(one[:, 0], X[:, 0] > 0)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([1, "a"], TypeError),
        ([True, 2], TypeError),
        ([None, 1], TypeError),
        ([b"a", b"b"], TypeError),
        ([1j, 2], TypeError),
        ([[1], [2]], TypeError),
        ("ab", TypeError),
        (5, TypeError),
        ([], TypeError),
        ([-1, BIG], ValueError),
        ([1, 2**64], ValueError),
        ([2**53 + 1, 0.5], ValueError),
        (["a", "b\0"], ValueError),
    ],
)
def test_labels_that_would_be_changed_are_refused(labels, kind):
    with pytest.raises(kind, match="classes: expected labels"):
        as_labels("classes", labels)


LABELS = st.one_of(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1
    ),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.integers(-BIG, BIG - 1), min_size=1),
    st.lists(st.integers(0, 2 * BIG - 1), min_size=1),
    st.lists(st.floats(allow_nan=False), min_size=1),
)


@given(labels=LABELS)
def test_labels_of_any_one_type_are_kept(labels):
    assert python(as_labels("classes", labels).tolist()) == python(labels)


COLUMNS = {
    "postcodes": (["01234", "1234", "94110"], ["01234", "1234", "94110"]),
    "plus signs": (["+1", "-1"], ["+1", "-1"]),
    "exponents": (["1e5", "2e5"], ["1e5", "2e5"]),
    "minus zero": (["-0", "0"], ["-0", "0"]),
    "whole": (["-1", "10", "9"], [-1, 9, 10]),
    "with points": (["1.0", "2.0"], [1.0, 2.0]),
    "mixed": (["1", "1.0", "3"], [1, 3]),
    "large": ([str(2**53 + 1), str(2**53 + 2)], [str(2**53 + 1), str(2**53 + 2)]),
    "hexadecimal": (["0x1", "0x2"], ["0x1", "0x2"]),
    "words": (["False", "True"], ["False", "True"]),
}


def target_of(path, labels, task=None):
    path.write_text("kind\n" + "\n".join(labels) + "\n")
    with Table(path) as table:
        return make_target(table.read([], ["kind"]).labels, task)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("task", [None, "classification"])
def test_tables_keep_labels(column, task, tmp_path):
    texts, kept = COLUMNS[column]
    target = target_of(tmp_path / "it.csv", texts * 6, task)
    assert python(target.classes.tolist()) == python(kept)


def test_many_codes_are_classes_not_numbers(tmp_path):
    target = target_of(tmp_path / "it.csv", [f"{i % 30:05}" for i in range(90)])
    assert target.classes.tolist() == [f"{i:05}" for i in range(30)]
    assert target.why == "labels with leading zeros such as '00000'"


@settings(deadline=None)
@given(labels=st.lists(st.integers(-50, 50).map(lambda n: f"{n:04}"), min_size=2, max_size=2,
                       unique=True))  # fmt: skip
def test_any_padded_labels_are_kept(labels, tmp_path_factory):
    target = target_of(tmp_path_factory.mktemp("csv") / "it.csv", labels * 5)
    assert target.classes.tolist() == sorted(labels)


@pytest.fixture
def shops(tmp_path):
    """A table whose target is a postcode, with a column that numbers the rows."""
    path = tmp_path / "shops.csv"
    rng = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["shop id", "east", "north", "postcode"])
        for i in range(60):
            writer.writerow([i + 7, i % 2 + rng.normal() / 9, rng.normal(), ["01234", "12"][i % 2]])
    return path


def told(capsys, *arguments, code=0):
    assert main([*map(str, arguments)]) == code
    return capsys.readouterr()


def test_the_command_line_keeps_leading_zeros_and_names_ids(shops, capsys):
    options = ["train", shops, "--target", "postcode", "--restarts", 10]
    out = told(capsys, *options).out
    assert "labels with leading zeros such as '01234'" in out
    assert "seem to number the rows: shop id; to leave them out: --ignore 'shop id'\n" in out
    assert "note" not in told(capsys, *options, "--ignore", "shop id").out
    found = told(capsys, "predict", shops.with_suffix(".npz"), shops)
    assert found.out.split() == ["postcode", *["01234", "12"] * 30]
    assert "right: 100" in found.err


def test_a_target_cannot_be_ignored(shops, capsys):
    options = ["train", shops, "--target", "postcode", "--ignore", "postcode"]
    err = told(capsys, *options, code=2).err
    assert err == (
        "fastnn: error: --ignore: expected columns other than the target, got 'postcode', which "
        "--target names; leave out one of the two\n"
    )
    assert not shops.with_suffix(".npz").exists()


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("id", [3, 3, 5], True),
        ("ID", [0.5, 1, 9], True),
        ("customerId", [4, 8, 1], True),
        ("customer_id", [4, 8, 1], True),
        ("id of shop", [4, 8, 1], True),
        ("index", [4, 8, 1], True),
        ("anything", [0, 1, 2, 3], True),
        ("anything", [7, 9, 8], True),
        ("anything", [0, 1, 2, 4], False),
        ("anything", [0, 1, 1, 3], False),
        ("anything", [0.5, 1.5], False),
        ("acid", [4, 8, 1], False),
        ("idle", [4, 8, 1], False),
        ("heat index", [4, 8, 1], False),
        ("ä", [4, 8, 1], False),
    ],
)
def test_columns_that_number_rows_are_told_from_others(name, column, expected):
    assert is_identifier(name, np.array(column, dtype=np.float64)) is expected
