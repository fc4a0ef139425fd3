"""Data frames: columns go by name wherever both sides have names, and arrays go by position."""

import re

import numpy as np
import pytest
from conftest import bits
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.results.model import as_model
from fastnn.support.frames import take_columns

pandas = pytest.importorskip("pandas")

NET = fastnn.Network([3, 2, 2], ["tanh", "identity"])
NAMES, TARGETS = ("a", "b", "c"), ("u", "v")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
HELD, HELD_Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
TURNED = ["c", "a", "b"]


def pandas_frame(array, names=NAMES):
    return pandas.DataFrame(array, columns=list(names))


def polars_frame(array, names=NAMES):
    polars = pytest.importorskip("polars")
    return polars.DataFrame({name: array[:, i] for i, name in enumerate(names)})


def pyarrow_table(array, names=NAMES):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({name: array[:, i] for i, name in enumerate(names)})


def narwhals_frame(array, names=NAMES):
    narwhals = pytest.importorskip("narwhals")
    return narwhals.from_native(pandas_frame(array, names))


KINDS = {
    make.__name__: make for make in (pandas_frame, polars_frame, pyarrow_table, narwhals_frame)
}


@pytest.fixture(params=KINDS)
def turned(request):
    """Makes a frame with the columns of an array in another order, and one more."""
    make = KINDS[request.param]

    def frame(array):
        order = [NAMES.index(name) for name in TURNED]
        more = np.column_stack([array[:, order], np.full(len(array), 9.0)])
        return make(more, [*TURNED, "more"])

    return frame


@pytest.fixture(scope="module")
def run():
    return fastnn.train(NET, pandas_frame(X), pandas_frame(Y, TARGETS), epochs=5)


@pytest.fixture(scope="module")
def runs():
    return fastnn.train_many(NET, pandas_frame(X), pandas_frame(Y, TARGETS), restarts=4, epochs=5)


@pytest.fixture(scope="module")
def classifier():
    return fastnn.Model(
        fastnn.Network([3, 2, 2], ["tanh", "softmax"]), np.linspace(-1, 2, 14),
        inputs=fastnn.Scaling.of(pandas_frame(X)), classes=["no", "yes"],
    )  # fmt: skip


def same(one, other):
    np.testing.assert_array_equal(bits(one), bits(other))


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_frames_train_like_their_arrays(make, run):
    again = fastnn.train(NET, make(X), make(Y, TARGETS), epochs=5)
    plain = fastnn.train(NET, X, Y, epochs=5)
    for each in (run, again):
        same(each.parameters, plain.parameters)
        assert (each.features, each.targets) == (NAMES, TARGETS)
    assert plain.features is plain.targets is None


def test_everything_that_predicts_takes_columns_by_name(turned, run, runs, classifier):
    frame = turned(X)
    same(run.predict(frame), run.predict(X))
    for which in ("best", "all", [3, 1]):
        same(runs.predict(frame, which), runs.predict(X, which))
    same(runs[1:3].predict(frame, "all"), runs.predict(X, [1, 2]))
    same(runs.restart(2).predict(frame), runs.restart(2).predict(X))
    for model in (as_model(run), classifier):
        same(model.evaluate(frame), model.evaluate(X))
    same(classifier.probabilities(frame), classifier.probabilities(X))
    same(classifier.scores(frame), classifier.scores(X))
    assert (classifier.predict(frame) == classifier.predict(X)).all()


def test_scalings_take_columns_by_name(turned):
    scaling = fastnn.Scaling.of(pandas_frame(X))
    assert scaling.names == NAMES
    for way in (scaling.apply, scaling.undo):
        same(way(turned(X)), way(X))
    nameless = fastnn.Scaling.of(X)
    assert nameless.names is None
    same(nameless.apply(pandas_frame(X)), scaling.apply(X))
    with pytest.raises(ValueError, match=r"values: expected a data frame of 3 columns, got 4"):
        nameless.apply(turned(X))


def test_validation_has_the_columns_of_training(turned):
    options = {"stop": fastnn.Validation(3), "epochs": 20}
    held = turned(HELD), pandas_frame(HELD_Y[:, ::-1], TARGETS[::-1])
    named = fastnn.train(NET, pandas_frame(X), pandas_frame(Y, TARGETS), validation=held, **options)
    plain = fastnn.train(NET, X, Y, validation=(HELD, HELD_Y), **options)
    same(named.parameters, plain.parameters)
    same(named.job.validation[1], HELD_Y)


def test_going_on_has_the_columns_of_before(turned, run, runs):
    y = pandas_frame(Y[:, ::-1], TARGETS[::-1])
    plain = fastnn.train(NET, X, Y, epochs=5, continue_from=run)
    named = fastnn.train(NET, turned(X), y, epochs=5, continue_from=run)
    same(named.parameters, plain.parameters)
    assert named.features == plain.features == NAMES
    plain = fastnn.train_many(NET, X, Y, epochs=5, continue_from=runs)
    named = fastnn.train_many(NET, turned(X), y, epochs=5, continue_from=runs)
    same(named.parameters, plain.parameters)


def test_files_keep_the_names(turned, run, runs, classifier, tmp_path):
    for thing in (run, runs, classifier):
        thing.save(tmp_path / "it.npz")
        again = fastnn.load(tmp_path / "it.npz")
        assert again.features == NAMES
        same(again.predict(turned(X)) == thing.predict(X), np.ones_like(thing.predict(X), bool))
    assert again.inputs.names == NAMES
    statistics = fastnn.train_many(NET, pandas_frame(X), Y, restarts=4, epochs=5, keep="statistics")
    statistics.save(tmp_path / "it.npz")
    same(fastnn.load(tmp_path / "it.npz").best.predict(turned(X)), statistics.best.predict(X))


def test_folders_keep_the_names(turned, folder):
    options = {"epochs": 5, "out": folder}
    stored = fastnn.train_many(
        NET, pandas_frame(X), pandas_frame(Y, TARGETS), restarts=4, **options
    )
    assert (stored.features, stored.targets) == (NAMES, TARGETS)
    for which in ("best", "all", [2]):
        same(stored.predict(turned(X), which), stored.predict(X, which))
    # Another order is refused before anything is trained; arrays go by position.
    with pytest.raises(ValueError, match=r"resume: X: expected the columns 'a', 'b', 'c', in this"):
        fastnn.train_many(NET, pandas_frame(X[:, [2, 0, 1]], TURNED), Y, restarts=8, resume=True,
                          **options)  # fmt: skip
    with pytest.raises(ValueError, match=r"resume: y: expected the columns 'u', 'v', in this ord"):
        fastnn.train_many(NET, X, pandas_frame(Y, TARGETS[::-1]), restarts=8, resume=True,
                          **options)  # fmt: skip
    more = fastnn.train_many(NET, X, Y, restarts=8, resume=True, **options)
    assert len(more) == 8
    assert fastnn.open_run(folder).features == NAMES


def test_results_without_names_go_by_position(folder, tmp_path):
    """As do files of versions that knew no names, which are written the same."""
    plain = fastnn.train_many(NET, X, Y, restarts=4, epochs=5, out=folder)
    assert plain.features is None
    assert "features" not in (folder / "manifest.json").read_text()
    same(plain.predict(pandas_frame(X, TURNED)), plain.predict(X))
    plain.load().save(tmp_path / "runs.npz")
    about = str(np.load(tmp_path / "runs.npz")["about"])
    assert '"features"' not in about
    assert '"targets"' not in about
    # Names that come later stay.
    for restarts, data in ((4, pandas_frame(X)), (6, X)):
        named = fastnn.train_many(
            NET, data, Y, restarts=restarts, epochs=5, out=folder, resume=True
        )
        assert named.features == NAMES


def test_an_estimator_and_its_model_compare_names(turned):
    sklearn = pytest.importorskip("fastnn.sklearn")
    estimator = sklearn.MLPClassifier((2,), n_restarts=1).fit(pandas_frame(X), Y[:, 0] > 0)
    model = estimator.to_model()
    assert (model.predict(turned(X)) == estimator.predict(pandas_frame(X))).all()
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(pandas_frame(X)[TURNED])


def test_a_model_takes_names_from_its_scalings():
    inputs, outputs = (
        fastnn.Scaling.of(pandas_frame(*pair)) for pair in ((X, NAMES), (Y, TARGETS))
    )
    model = fastnn.Model(NET, np.zeros(14), inputs=inputs, outputs=outputs)
    assert (model.features, model.targets) == (NAMES, TARGETS)
    nameless = fastnn.Scaling(inputs.mean, inputs.scale)
    assert fastnn.Model(NET, np.zeros(14), inputs=nameless, features=NAMES).inputs.names == NAMES
    for more in ({"features": TURNED}, {"targets": TARGETS[::-1]}):
        with pytest.raises(ValueError, match=r"puts: expected the columns .*, in this order, got"):
            fastnn.Model(NET, np.zeros(14), inputs=inputs, outputs=outputs, **more)


BAD = {
    "other names": (
        lambda: pandas_frame(X, "ABC"), ValueError,
        "X: expected the columns 'a', 'b', 'c', got 'A', 'B', 'C', without 'a'; rename its "
        "columns, or pass an array, whose columns go by position; did you mean 'A'?",
    ),
    "too few": (lambda: pandas_frame(X)[["b", "a"]], ValueError, "got 'b', 'a', without 'c'; ren"),
    "numbers as names": (lambda: pandas.DataFrame(X), ValueError, "got '0', '1', '2', without 'a'"),
    "twice": (lambda: pandas_frame(X, "aab"), ValueError, "X: expected columns of different names"),
    "text": (
        lambda: pandas_frame(X).assign(b="x"), TypeError,
        "X: expected columns of real numbers, got 'b' of type String; leave it out, or encode it",
    ),
    "missing number": (
        lambda: pandas_frame(np.where(X[1, 1] == X, np.nan, X)), ValueError,
        "X: expected finite float64 numbers, got nan at index (1, 1)",
    ),
    "lazy": (lambda: polars_frame(X).lazy(), TypeError, "X: expected a data frame in memory, got"),
    "batch": (
        lambda: pyarrow_table(X).to_batches()[0], TypeError,
        "X: expected a data frame such as of pandas, Polars or PyArrow (a Table), or an array, got",
    ),
    "no rows": (lambda: pandas_frame(X)[:0], ValueError, "X: expected at least one sample, got n"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_frames_that_do_not_fit_are_refused(name, run, runs, classifier):
    make, kind, message = BAD[name]
    for predict in (run.predict, lambda frame: runs.predict(frame, "all"), classifier.predict):
        with pytest.raises(kind, match=re.escape(message)):
            predict(make())
    with pytest.raises(kind, match=re.escape(message)):
        fastnn.train(NET, make(), Y, epochs=1, continue_from=run)


def test_training_on_too_many_columns_or_twice_the_same_name_is_refused():
    with pytest.raises(ValueError, match=r"X: expected shape \(n, 3\) .* got \(12, 4\)"):
        fastnn.train(NET, pandas_frame(X).assign(d=1.0), Y)
    with pytest.raises(ValueError, match="X: expected columns of different names"):
        fastnn.train(NET, pandas.DataFrame(X, columns=[1, "1", 2]), Y)


def test_whole_numbers_as_labels_of_columns_are_names():
    run = fastnn.train(NET, pandas.DataFrame(X), Y, epochs=2)
    same(run.predict(pandas.DataFrame(X)[[2, 0, 1]]), run.predict(X))


def test_columns_of_several_types_keep_their_numbers():
    frame = pandas.DataFrame({
        "bool": [True, False], "nullable": pandas.array([1, 2], dtype="Int64"),
        "large": np.array([2**53, 1], dtype=np.int64), "single": np.float32([0.1, 2]),
    })  # fmt: skip
    taken, names = take_columns("X", frame)
    assert names == tuple(frame.columns)
    expected = [[1, 1, 2**53, np.float32(0.1)], [0, 2, 1, 2]]
    np.testing.assert_array_equal(taken.astype(np.float64), expected)


@settings(deadline=None)
@given(data=st.data(), names=st.lists(st.text(max_size=5), min_size=1, max_size=6, unique=True))
def test_any_order_of_any_names_gives_the_same_columns(data, names):
    array = np.arange(2.0 * len(names)).reshape(2, -1)
    order = data.draw(st.permutations(range(len(names))))
    expected = tuple(names[: data.draw(st.integers(1, len(names)))])
    frame = pandas_frame(array[:, order], [names[place] for place in order])
    taken, found = take_columns("X", frame, expected)
    assert found == expected
    np.testing.assert_array_equal(taken, array[:, : len(expected)])
