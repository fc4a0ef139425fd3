"""Attributes and arguments as people guess them: errors say what to write."""

import copy
import pickle
import re

import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn.optimizers import OPTIMIZERS
from fastnn.starts import INITIALIZATIONS
from fastnn.support.guesses import GUESSES, Guessed
from fastnn.support.suggestions import bare

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
LABELS = np.array([0, 2, 1, 0])
THREE = fastnn.Network([2, 2, 3])


@pytest.fixture(scope="module")
def objects():
    """What people look at, by the names of `GUESSES`."""
    run = fastnn.train(NET, X, Y, epochs=3)
    runs = fastnn.train_many(NET, X, Y, restarts=3, epochs=3)
    return {
        "fastnn": fastnn,
        "fastnn.datasets": fastnn.datasets,
        "fastnn.reference": fastnn.reference,
        "Network": NET,
        "Run": run,
        "Runs": runs,
        "Summary": runs.summary(),
        "Model": fastnn.Model(NET, run.parameters),
    }


def lines(owner):
    """(words, what to write) of each line of a table."""
    found = [line.strip().partition(": ") for line in GUESSES[owner].strip().splitlines()]
    return [(words.split(), instead) for words, _, instead in found]


@pytest.mark.parametrize("owner", GUESSES)
def test_what_is_guessed_is_not_there_and_what_is_advised_is(owner, objects):
    names = {"fastnn": fastnn, "net": NET, "run": objects["Run"], "runs": objects["Runs"],
             "model": objects["Model"], "summary": objects["Summary"]}  # fmt: skip
    seen = {}
    for words, instead in lines(owner):
        for word in words:
            assert not hasattr(objects[owner], word), word
            assert seen.setdefault(bare(word), instead) == instead, word
            with pytest.raises(AttributeError) as caught:
                getattr(objects[owner], word)
            assert str(caught.value).endswith(f" has no attribute '{word}'; use {instead}")
        for name, path in re.findall(r"\b(fastnn|net|run|runs|model|summary)((?:\.\w+)+)", instead):
            found = names[name]
            for part in path[1:].split("."):
                found = getattr(found, part)


@pytest.mark.parametrize(("owner", "slip", "meant"), [
    ("fastnn", "trian", "train"),
    ("fastnn", "network", "Network"),
    ("fastnn", "Levenbergmarquardt", "LevenbergMarquardt"),
    ("fastnn.datasets", "XOR", "xor"),
    ("Network", "n_parameter", "n_parameters"),
    ("Run", "weigths", "weights"),
    ("Run", "Predict", "predict"),
    ("Runs", "sumary", "summary"),
    ("Model", "paramters", "parameters"),
])  # fmt: skip
def test_slips(owner, slip, meant, objects):
    with pytest.raises(AttributeError, match=rf"'{slip}'; did you mean {meant}\?$"):
        getattr(objects[owner], slip)


def test_protocols_and_copies_are_as_before(objects):
    for name in ("Network", "Run", "Runs", "Summary", "Model"):
        one = objects[name]
        for protocol in ("__array__", "__dataframe__", "_repr_mimebundle_", "_ipython_display_"):
            assert not hasattr(one, protocol)
            with pytest.raises(AttributeError, match=rf"has no attribute '{protocol}'$"):
                getattr(one, protocol)
        for same in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            assert repr(same) == repr(one)


def test_errors_inside_of_properties_keep_their_text():
    class Own(Guessed):
        @property
        def size(self):
            raise AttributeError("no size yet")

    with pytest.raises(AttributeError, match=r"^no size yet$"):
        _ = Own().size
    with pytest.raises(AttributeError, match=r"'Own' object has no attribute 'siz'; did you mean"):
        _ = Own().siz


def test_modules_that_few_use_are_imported_when_they_are_used():
    pytest.importorskip("sklearn")
    assert fastnn.sklearn.MLPClassifier.__name__ == "MLPClassifier"


@pytest.mark.parametrize(("call", "message"), [
    (lambda: fastnn.train(NET, X, Y, 10),
     "train: expected only net, X, y by position, got 4; pass others by name: optimizer=…, loss=…"),
    (lambda: fastnn.train_many(NET, X, Y, 100, 5),
     "train_many: expected only net, X, y by position, got 5; pass others by name: restarts=…, op"),
    (lambda: fastnn.train(NET, X, Y, epochs=1e4),
     "epochs: expected an integer, got 10000.0; write 10000"),
    (lambda: fastnn.train(NET, X, Y, epochs=2.5), "epochs: expected an integer, got 2.5"),
    (lambda: fastnn.train(NET, X, Y, epochs=np.inf), "epochs: expected an integer, got inf"),
    (lambda: fastnn.Network(2, 2, 1),
     "sizes: expected a sequence of integers, got 2; write a list, such as [2, 2, 1]"),
    (lambda: fastnn.train(THREE, X, LABELS),
     f"y: expected shape (n, 3) for {THREE!r}, got (4,); classes are rows with a single 1: "
     "numpy.eye(3)[y]"),
    (lambda: fastnn.train(THREE, X, LABELS[:, np.newaxis]),
     f"y: expected shape (n, 3) for {THREE!r}, got (4, 1); classes are rows with a single 1: num"),
    (lambda: fastnn.train(THREE, X, LABELS + 0.5),
     f"y: expected shape (n, 3) for {THREE!r}, got (4,)"),
    (lambda: fastnn.train(NET, X, np.eye(2)[[0, 1, 1, 0]]),
     f"y: expected shape (n, 1) for {NET!r}, got (4, 2)"),
    (lambda: fastnn.forward(NET, np.zeros(9), [0, 1]),
     f"X: expected shape (n, 2) for {NET!r}, got (2,); a single sample is a row: [[…]]"),
    (lambda: fastnn.forward(NET, np.zeros(9), [0, 1, 2]),
     f"X: expected shape (n, 2) for {NET!r}, got (3,)"),
])  # fmt: skip
def test_habits(call, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value).startswith(message)
    if ";" not in message:  # no advice
        assert str(caught.value) == message


def test_habits_of_figures(objects):
    run, runs = objects["Run"], objects["Runs"]
    for call, message in [
        (lambda: run.plot(title="a"), "plot: unexpected argument title; its arguments are ax, log"),
        (lambda: run.plot_boundary(X, Y),
         "plot_boundary: expected only ax by position, got 2; pass others by name: output=…, "
         "data=…"),
        (lambda: NET.plot(biasses=[]), "plot: unexpected argument biasses; did you mean biases?"),
        (lambda: runs.plot_histories(1),
         "which: expected 'best', 'all' or indices, got 1; restart 1 alone is [1]"),
        (lambda: runs.predict(X, 2),
         "which: expected 'best', 'all' or indices, got 2; restart 2 alone is [2]"),
    ]:  # fmt: skip
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == message


@pytest.mark.parametrize("function", [fastnn.forward, fastnn.loss, fastnn.gradient])
def test_a_run_in_place_of_its_parameters(function, objects):
    data = (X,) if function is fastnn.forward else (X, Y)
    with pytest.raises(TypeError, match=r"^parameters: .*, got Run\(.*; pass its parameters$"):
        function(NET, objects["Run"], *data)


def test_classes_stand_for_their_defaults():
    for kind in OPTIMIZERS:
        named = fastnn.train(NET, X, Y, epochs=3, optimizer=kind)
        np.testing.assert_array_equal(
            bits(named.parameters),
            bits(fastnn.train(NET, X, Y, epochs=3, optimizer=kind()).parameters),
        )
    for kind in INITIALIZATIONS:
        for call in (fastnn.train, fastnn.reference.train):
            named = call(NET, X, Y, epochs=2, init=kind)
            made = call(NET, X, Y, epochs=2, init=kind())
            np.testing.assert_array_equal(bits(named.parameters), bits(made.parameters))
