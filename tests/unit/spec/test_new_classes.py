"""Invalid losses, rules, folds and initializations: errors that name the argument and value."""

import re
from importlib import import_module

import numpy as np
import pytest

import fastnn
from fastnn import (
    MSE,
    SSE,
    BinaryCrossEntropy,
    CrossEntropy,
    ErrorsWithin,
    GlorotNormal,
    GlorotUniform,
    GradientBelow,
    HeNormal,
    HeUniform,
    Huber,
    KFold,
    LossBelow,
    MeanLossBelow,
    NguyenWidrow,
    NoProgress,
    Normal,
    PerLayer,
    SSEBelow,
    Validation,
)

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
NAN, INF = np.nan, np.inf
LOSSES = (SSE, MSE, Huber, BinaryCrossEntropy, CrossEntropy)
CALLS = {
    "train": fastnn.train,
    "train_many": lambda *args, **kwargs: fastnn.train_many(*args, restarts=4, **kwargs),
    "reference.train": fastnn.reference.train,
    "reference.train_many": lambda *args, **kwargs: fastnn.reference.train_many(
        *args, restarts=4, **kwargs
    ),
}


def raises(exception, message):
    return pytest.raises(exception, match="^" + re.escape(message))


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch):
    """No case gets as far as a kernel, or as the reference's loop."""

    def never(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    monkeypatch.setattr(import_module("fastnn.reference.train"), "initial_parameters", never)


PENALTY = "expected a number >= 0 or one for each layer, got "
# Values, exceptions and messages.
NOT_NUMBERS = [
    ("fast", TypeError, "expected real numbers, got dtype <U4"),
    (None, TypeError, "expected real numbers, got dtype object"),
    (1j, TypeError, "expected real numbers, got dtype complex128"),
    ([[1], [1, 2]], TypeError, "expected an array of numbers, got [[1], [1, 2]]"),
    (NAN, ValueError, "expected finite float64 numbers, got nan"),
    (-INF, ValueError, "expected finite float64 numbers, got -inf"),
]


@pytest.mark.parametrize("name", ["l2", "l1"])
@pytest.mark.parametrize("kind", LOSSES)
def test_penalties(kind, name):
    for value, exception, message in [
        *NOT_NUMBERS,
        (True, TypeError, "expected a number, got True"),
        (-1, ValueError, f"{PENALTY}-1"),
        ([0.1, -1], ValueError, f"{PENALTY}[0.1, -1]"),
        (np.array([0.1, -1]), ValueError, f"{PENALTY}an array of shape (2,) and dtype float64"),
        ([], ValueError, f"{PENALTY}[]"),
        ([[1.0]], ValueError, f"{PENALTY}[[1.0]]"),
        (PerLayer(1, 2), TypeError, "expected real numbers, got dtype object"),
    ]:
        with raises(exception, f"{name}: {message}"):
            kind(**{name: value})
    for value in (1, 0, None, "yes"):
        with raises(TypeError, f"penalize_biases: expected True or False, got {value!r}"):
            kind(penalize_biases=value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (LossBelow, "loss"),
        (SSEBelow, "sse"),
        (ErrorsWithin, "tolerance"),
        (GradientBelow, "norm"),
        (MeanLossBelow, "ratio"),
    ],
)
def test_positive_numbers(kind, name):
    for value, exception, message in [
        *NOT_NUMBERS,
        (True, ValueError, "expected a positive number, got True"),
        (0, ValueError, "expected a positive number, got 0"),
        (-0.5, ValueError, "expected a positive number, got -0.5"),
        ([1.0, 2.0], ValueError, "expected a positive number, got [1.0, 2.0]"),
        (np.ones(2), ValueError, "expected a positive number, got an array of shape (2,)"),
    ]:
        with raises(exception, f"{name}: {message}"):
            kind(**{name: value})
    least = {name: np.nextafter(0.0, 1.0)}
    assert getattr(kind(**least), name) == least[name]


@pytest.mark.parametrize("kind", [NoProgress, Validation])
def test_improvements(kind):
    for value, exception, message in [
        *NOT_NUMBERS,
        (False, ValueError, "expected a number >= 0, got False"),
        (-0.5, ValueError, "expected a number >= 0, got -0.5"),
        ([1.0], ValueError, "expected a number >= 0, got [1.0]"),
    ]:
        with raises(exception, f"min_improvement: {message}"):
            kind(min_improvement=value)
    assert kind(min_improvement=0).min_improvement == 0


@pytest.mark.parametrize(
    ("kind", "name", "low", "high"),
    [
        (NoProgress, "epochs", 1, 10**15),
        (Validation, "patience", 1, 10**15),
        (MeanLossBelow, "last", 1, 10_000),
        (KFold, "folds", 2, 10**15),
    ],
)
def test_counts(kind, name, low, high):
    for value, exception, message in [
        (low - 1, ValueError, f"expected an integer from {low} to {high}, got {low - 1}"),
        (high + 1, ValueError, f"expected an integer from {low} to {high}, got {high + 1}"),
        (-5, ValueError, f"expected an integer from {low} to {high}, got -5"),
        (10.0, TypeError, "expected an integer, got 10.0"),
        (True, TypeError, "expected an integer, got True"),
        ("ten", TypeError, "expected an integer, got 'ten'"),
        (None, TypeError, "expected an integer, got None"),
        ([3], TypeError, "expected an integer, got [3]"),
        (NAN, TypeError, "expected an integer, got nan"),
    ]:
        with raises(exception, f"{name}: {message}"):
            kind(**{name: value})
    for value in (low, high, np.int32(low)):
        assert getattr(kind(**{name: value}), name) == value


STARTS = [
    (Normal, "mean", False),
    (Normal, "std", True),
    *((kind, "gain", True) for kind in (GlorotUniform, GlorotNormal, HeUniform, HeNormal)),
    (NguyenWidrow, "gain", True),
]


@pytest.mark.parametrize(("kind", "name", "bounded"), STARTS)
def test_starts(kind, name, bounded):
    for value, exception, message in [
        *NOT_NUMBERS,
        (True, TypeError, "expected real numbers, got dtype bool"),
        ([], ValueError, "expected a number or an array of shape (restarts,), got an array of"),
        ([[1.0]], ValueError, "expected a number or an array of shape (restarts,), got an array"),
        ([1, INF], ValueError, "expected finite float64 numbers, got inf at index (1,)"),
        (np.ma.masked_array([1.0, 1.0], [0, 1]), ValueError, "expected numbers without a mask"),
    ]:
        with raises(exception, f"{name}: {message}"):
            kind(**{name: value})
    if bounded:
        with raises(ValueError, f"{name}: expected numbers >= 0, got -1.0"):
            kind(**{name: [0.5, -1.0]})
        assert getattr(kind(**{name: 0}), name) == 0
    if kind is not Normal or name == "mean":
        with raises(TypeError, f"{name}: expected real numbers, got dtype object"):
            kind(**{name: PerLayer(1, 2)})
    init = kind(**{name: [1.0, 2.0, 3.0]})
    for call, count in (("train", 1), ("train_many", 4), ("reference.train_many", 4)):
        message = (
            f"{kind.__name__}({name}=): expected a number or an array of shape ({count},), one for "
            "each restart, got an array of shape (3,) and dtype float64"
        )
        with raises(ValueError, message):
            CALLS[call](NET, X, Y, init=init)
    for value in (1e60, 1e-60):
        with raises(ValueError, f"{kind.__name__}: expected numbers that fit float32, got number"):
            fastnn.train(NET, X, Y, init=kind(**{name: value}), dtype="float32")


def test_layers_of_starts():
    with raises(ValueError, "std[1]: expected numbers >= 0, got -1.0"):
        Normal(std=PerLayer(1, -1))
    with raises(ValueError, "std[0]: expected a number, got an array of shape (2,)"):
        Normal(std=PerLayer([1, 2], 1))
    for count, numbers in ((1, PerLayer(1.0)), (3, PerLayer(1.0, 2.0, 3.0))):
        for call in CALLS.values():
            with raises(
                ValueError, "std: expected PerLayer of 2 numbers for Network([2, 2, 1]"
            ) as e:
                call(NET, X, Y, init=Normal(std=numbers))
            assert str(e.value).endswith(f"got {count}")
