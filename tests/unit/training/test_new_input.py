"""Invalid arguments and combinations of arguments: errors before training."""

import re
from importlib import import_module

import numpy as np
import pytest

import fastnn
from fastnn import (
    LBFGS,
    MSE,
    RPROP,
    SSE,
    Adam,
    BinaryCrossEntropy,
    Bootstrap,
    CrossEntropy,
    ErrorsWithin,
    GradientBelow,
    GradientDescent,
    Huber,
    KFold,
    LevenbergMarquardt,
    LossBelow,
    MeanLossBelow,
    NguyenWidrow,
    NoProgress,
    Normal,
    PerLayer,
    Quickprop,
    SSEBelow,
    Validation,
)

NET = fastnn.Network([2, 2, 1])
SOFTMAX = fastnn.Network([2, 3], activation="softmax")
X, Y = fastnn.datasets.xor()
CLASSES = np.eye(3)[[0, 1, 2, 0]]
NAN, INF = np.nan, np.inf
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


STOP = (
    "stop: expected one rule or a list of rules (fastnn.LossBelow, fastnn.SSEBelow, "
    "fastnn.ErrorsWithin, fastnn.GradientBelow, fastnn.NoProgress, fastnn.MeanLossBelow, "
    "fastnn.Validation, fastnn.SumOfLosses), got "
)
LOSS = (
    "loss: expected one of fastnn.SSE, fastnn.MSE, fastnn.Huber, fastnn.Quantile, fastnn.LogCosh, "
    "fastnn.Asymmetric, fastnn.Poisson, fastnn.GaussianNLL, fastnn.BinaryCrossEntropy, "
    "fastnn.CrossEntropy, or 'sse', 'mse', 'huber', 'quantile', 'log_cosh', 'asymmetric', "
    "'poisson', 'gaussian_nll', 'binary_cross_entropy', 'cross_entropy', got "
)
SHAPES = "Bootstrap() or KFold(…), got shape "
PAIR = "validation: expected a pair (X, y), got "
STOPPED = {"stop": Validation()}
SHARES = np.array([[1.0, 0, 0], [0, 0.5, 0.5], [0.2, 0.3, 0.5], [0, 0, 1]])
TOGETHER = (
    "parallel: 'samples' is not available with groups, validation, SSEBelow for a loss other than "
    "the plain SSE, ErrorsWithin, sample weights that differ between restarts, or "
    "LevenbergMarquardt; use 'restarts' with these"
)


def changed(array, value):
    array = np.array(array, dtype=float)
    array[1] = value
    return array


# Of the functions: arguments, exception, beginning of the message.
CASES = [
    ({"loss": "l2"}, ValueError, f"{LOSS}'l2'"),
    ({"loss": ""}, ValueError, f"{LOSS}''"),
    ({"loss": 2}, TypeError, f"{LOSS}2"),
    ({"loss": True}, TypeError, f"{LOSS}True"),
    ({"loss": fastnn.Adam}, TypeError, f"{LOSS}<class"),
    ({"loss": [MSE()]}, TypeError, f"{LOSS}[MSE("),
    ({"loss": lambda y, t: 0.0}, TypeError, f"{LOSS}<function"),
    ({"loss": LossBelow(1)}, TypeError, f"{LOSS}LossBelow(loss=1.0)"),
    ({"loss": MSE(l2=(0.1, 0.2, 0.3))}, ValueError,
     "l2: expected one number, or 2 numbers, one for each layer, got 3"),
    ({"loss": Huber(l1=[0.1])}, ValueError, "l1: expected one number, or 2 numbers, one"),
    ({"loss": "cross_entropy"}, ValueError,
     "loss: expected the output activation 'softmax' for CrossEntropy, got 'sigmoid'"),
    ({"loss": BinaryCrossEntropy(), "net": fastnn.Network([2, 1], "tanh")}, ValueError,
     "loss: expected the output activation 'sigmoid' for BinaryCrossEntropy, got 'tanh'"),
    ({"loss": BinaryCrossEntropy(), "net": SOFTMAX, "y": CLASSES}, ValueError,
     "loss: expected the output activation 'sigmoid' for BinaryCrossEntropy, got 'softmax'"),
    ({"net": SOFTMAX, "y": CLASSES}, ValueError,
     "loss: expected fastnn.CrossEntropy() for the output activation 'softmax', got SSE"),
    ({"net": SOFTMAX, "y": CLASSES, "loss": Huber()}, ValueError,
     "loss: expected fastnn.CrossEntropy() for the output activation 'softmax', got Huber"),
    ({"loss": BinaryCrossEntropy(), "y": Y + 0.5}, ValueError,
     "y: expected numbers from 0 to 1 for BinaryCrossEntropy, got numbers"),
    ({"loss": BinaryCrossEntropy(), "y": -Y}, ValueError,
     "y: expected numbers from 0 to 1 for BinaryCrossEntropy, got numbers"),
    ({"loss": CrossEntropy(), "net": SOFTMAX, "y": 2 * CLASSES}, ValueError,
     "y: expected numbers from 0 to 1 for CrossEntropy, got numbers"),
    ({"loss": CrossEntropy(), "net": SOFTMAX, "y": 0.9 * CLASSES}, ValueError,
     "y: expected rows that sum to 1 for CrossEntropy, got other sums"),
    ({"loss": CrossEntropy(), "net": SOFTMAX, "y": changed(CLASSES, 0.0)}, ValueError,
     "y: expected rows that sum to 1 for CrossEntropy, got other sums"),
    ({"loss": CrossEntropy(), "net": SOFTMAX, "y": [0, 1, 2, 0]}, ValueError,
     "y: expected shape (n, 3) for Network([2, 3], activation='softmax', bias=True), got (4,)"),
    ({"loss": Huber(delta=1e60), "dtype": "f4"}, ValueError,
     "Huber(delta=): expected numbers that fit float32, got 1e+60"),
    ({"loss": Huber(delta=1e-60), "dtype": "f4"}, ValueError,
     "Huber(delta=): expected numbers that fit float32, got 1e-60"),
    ({"loss": MSE(l1=1e60), "dtype": "f4"}, ValueError, "MSE(l1=): expected numbers that fit"),
    ({"loss": SSE(l2=(0, 1e-60)), "dtype": "f4"}, ValueError,
     "SSE(l2=): expected numbers that fit float32, got (0.0, 1e-60)"),
    ({"stop": 0.1}, TypeError, f"{STOP}0.1"),
    ({"stop": "loss"}, TypeError, f"{STOP}'loss'"),
    ({"stop": True}, TypeError, f"{STOP}True"),
    ({"stop": LossBelow}, TypeError, f"{STOP}<class"),
    ({"stop": [LossBelow(1), 0.5]}, TypeError, f"{STOP}0.5"),
    ({"stop": [LossBelow(1), None]}, TypeError, f"{STOP}None"),
    ({"stop": [[LossBelow(1)]]}, TypeError, f"{STOP}[LossBelow(loss=1.0)]"),
    ({"stop": {LossBelow(1)}}, TypeError, f"{STOP}{{LossBelow(loss=1.0)}}"),
    ({"stop": [Validation(), Validation(3)], "validation": (X, Y)}, ValueError,
     "stop: expected at most one fastnn.Validation, got several"),
    ({"stop": LossBelow(1e-60), "dtype": "f4"}, ValueError,
     "LossBelow(loss=): expected numbers that fit float32, got 1e-60"),
    ({"stop": [NoProgress(), GradientBelow(1e60)], "dtype": "f4"}, ValueError,
     "GradientBelow(norm=): expected numbers that fit float32, got 1e+60"),
    ({"stop": NoProgress(3, min_improvement=1e-60), "dtype": "f4"}, ValueError,
     "NoProgress(min_improvement=): expected numbers that fit float32, got 1e-60"),
    ({"stop": ErrorsWithin(1e60), "dtype": "f4"}, ValueError,
     "ErrorsWithin(tolerance=): expected numbers that fit float32, got 1e+60"),
    ({"stop": Validation(3, min_improvement=1e60), "validation": (X, Y), "dtype": "f4"}, ValueError,
     "Validation(min_improvement=): expected numbers that fit float32, got 1e+60"),
    (STOPPED, ValueError,
     "validation: expected a pair (X, y) for the rule fastnn.Validation, got None"),
    ({"validation": (X, Y)}, ValueError,
     "validation: expected the rule fastnn.Validation in stop, got none"),
    ({"validation": (X, Y), "stop": [NoProgress()]}, ValueError,
     "validation: expected the rule fastnn.Validation in stop, got none"),
    ({**STOPPED, "validation": X}, TypeError, f"{PAIR}an array of shape (4, 2)"),
    ({**STOPPED, "validation": (X,)}, TypeError, PAIR),
    ({**STOPPED, "validation": (X, Y, Y)}, TypeError, PAIR),
    ({**STOPPED, "validation": 0.2}, TypeError, f"{PAIR}0.2"),
    ({**STOPPED, "validation": "Xy"}, TypeError, f"{PAIR}'Xy'"),
    ({**STOPPED, "validation": (X[:, :1], Y)}, ValueError, "validation[0]: expected shape (n, 2)"),
    ({**STOPPED, "validation": (X[:0], Y[:0])}, ValueError,
     "validation[0]: expected at least one sample, got none"),
    ({**STOPPED, "validation": (changed(X, NAN), Y)}, ValueError,
     "validation[0]: expected finite float64 numbers, got nan at index (1, 0)"),
    ({**STOPPED, "validation": (X, np.ones((4, 2)))}, ValueError,
     "validation[1]: expected shape (n, 1)"),
    ({**STOPPED, "validation": (X, Y[:3])}, ValueError,
     "validation[1]: expected 4 rows, as many as validation[0], got 3"),
    ({**STOPPED, "validation": (X, [None] * 4)}, TypeError,
     "validation[1]: expected real numbers, got dtype object"),
    ({**STOPPED, "validation": (X * 1e60, Y), "dtype": "f4"}, ValueError,
     "validation[0]: expected finite float32 numbers, got 1e+60 at index (1, 1)"),
    ({"batch_size": 0}, ValueError, "batch_size: expected an integer from 1 to"),
    ({"batch_size": -3}, ValueError, "batch_size: expected an integer from 1 to"),
    ({"batch_size": 2.0}, TypeError, "batch_size: expected an integer, got 2.0"),
    ({"batch_size": True}, TypeError, "batch_size: expected an integer, got True"),
    ({"batch_size": "all"}, TypeError, "batch_size: expected an integer, got 'all'"),
    ({"batch_size": [2]}, TypeError, "batch_size: expected an integer, got [2]"),
    ({"batch_size": 10**30}, ValueError, "batch_size: expected an integer from 1 to"),
    ({"shuffle": 1}, TypeError, "shuffle: expected True or False, got 1"),
    ({"shuffle": None}, TypeError, "shuffle: expected True or False, got None"),
    ({"shuffle": "yes"}, TypeError, "shuffle: expected True or False, got 'yes'"),
    ({"sample_weight": 2.0}, ValueError, "sample_weight: expected shape (4,) or"),
    ({"sample_weight": [1, 1, 1]}, ValueError, "sample_weight: expected shape (4,) or"),
    ({"sample_weight": np.ones((4, 1))}, ValueError, "sample_weight: expected shape (4,) or"),
    ({"sample_weight": np.ones((2, 4))}, ValueError, "sample_weight: expected shape (4,) or"),
    ({"sample_weight": np.ones((4, 4, 1))}, ValueError, "sample_weight: expected shape (4,) or"),
    ({"sample_weight": [1, -0.5, 1, 1]}, ValueError,
     "sample_weight: expected numbers >= 0, got -0.5"),
    ({"sample_weight": [0, 0, 0, 0]}, ValueError,
     "sample_weight: expected a number > 0, got only zeros, with which there is nothing to train"),
    ({"sample_weight": [1, NAN, 1, 1]}, ValueError,
     "sample_weight: expected finite float64 numbers, got nan at index (1,)"),
    ({"sample_weight": [1, INF, 1, 1]}, ValueError,
     "sample_weight: expected finite float64 numbers, got inf at index (1,)"),
    ({"sample_weight": "balanced"}, TypeError, "sample_weight: expected real numbers, got dtype"),
    ({"sample_weight": Bootstrap}, TypeError, "sample_weight: expected real numbers, got dtype ob"),
    ({"sample_weight": {"a": 1}}, TypeError, "sample_weight: expected real numbers, got dtype ob"),
    ({"sample_weight": [1e60] * 4, "dtype": "f4"}, ValueError,
     "sample_weight: expected finite float32 numbers, got 1e+60 at index (0,)"),
    ({"init": dict}, TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal(…), "),
    ({"init": "he"}, TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal(…), "),
    ({"init": PerLayer(1, 1)}, TypeError, "init: expected one of fastnn.Uniform(…), fastnn.Normal"),
    ({"optimizer": RPROP(), "batch_size": 3}, ValueError,
     "batch_size: expected None with RPROP, which needs all samples in every step, got 3; for "
     "batches use GradientDescent, Adam or AdamW"),
    ({"optimizer": Quickprop(), "batch_size": 1}, ValueError,
     "batch_size: expected None with Quickprop, which needs all samples in every step, got 1"),
    ({"optimizer": LevenbergMarquardt(), "batch_size": 2}, ValueError,
     "batch_size: expected None with LevenbergMarquardt, which needs all samples in every step"),
    ({"optimizer": LBFGS(), "batch_size": 2}, ValueError,
     "batch_size: expected None with LBFGS, which needs all samples in every step, got 2; for"),
    ({"optimizer": LevenbergMarquardt(), "loss": Huber()}, ValueError,
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got Huber(l2=0.0, "),
    ({"optimizer": LevenbergMarquardt(), "loss": SSE(l2=0.1)}, ValueError,
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got SSE(l2=0.1, "),
    ({"optimizer": LevenbergMarquardt(), "loss": "binary_cross_entropy"}, ValueError,
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got BinaryCross"),
    ({"optimizer": Quickprop(arctanh_error=True), "loss": Huber()}, ValueError,
     "loss: expected SSE or MSE with Quickprop and arctanh_error, got Huber"),
    ({"optimizer": Quickprop(arctanh_error=True), "loss": BinaryCrossEntropy()}, ValueError,
     "loss: expected SSE or MSE with Quickprop and arctanh_error, got BinaryCross"),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("options", "exception", "message"), CASES, ids=range(len(CASES)))
def test_bad_input(options, exception, message, call):
    options = dict(options)
    net, y = options.pop("net", NET), options.pop("y", Y)
    with raises(exception, message):
        CALLS[call](net, X, y, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"stop": Validation(), "validation": (X, Y)},
        {"stop": SSEBelow(1.0), "loss": "mse"},
        {"stop": SSEBelow(1.0), "loss": SSE(l2=0.1)},
        {"stop": SSEBelow(1.0), "sample_weight": [1, 2, 3, 4]},
        {"target_sse": 1.0, "loss": Huber()},
        {"stop": [LossBelow(1.0), ErrorsWithin()]},
        {"sample_weight": Bootstrap()},
        {"sample_weight": KFold(2)},
        {"optimizer": LevenbergMarquardt()},
    ],
    ids=str,
)
def test_samples_side_by_side_go_without_some(options):
    for call in (fastnn.train, CALLS["train_many"]):
        with raises(ValueError, TOGETHER):
            call(NET, X, Y, parallel="samples", **options)


def test_weights_by_restart_do_not_go_side_by_side():
    with raises(ValueError, TOGETHER):
        fastnn.train_many(NET, X, Y, restarts=3, sample_weight=np.ones((3, 4)), parallel="samples")


def test_shapes_of_weights_name_the_number_of_restarts():
    for call, restarts in (("train", 1), ("train_many", 4), ("reference.train_many", 4)):
        with raises(
            ValueError,
            f"sample_weight: expected shape (4,) or ({restarts}, 4), {SHAPES}(3, 4)",
        ):
            CALLS[call](NET, X, Y, sample_weight=np.ones((3, 4)))
    with raises(ValueError, "sample_weight: expected shape (4,) or (1, 4)"):
        fastnn.train(NET, X, Y, sample_weight=np.ones((4, 4)))


def test_activations():
    for names in ("softmax", ["softmax", "tanh", "sigmoid"], ["tanh", "softmax", "softmax"]):
        with raises(
            ValueError,
            "activation: expected 'softmax' only for the last layer, got it for a hidden layer",
        ):
            fastnn.Network([2, 3, 3, 2], activation=names)
    with raises(ValueError, "activation: expected one of sigmoid, tanh, relu, identity, "):
        fastnn.Network([2, 1], activation="swish")


def test_what_is_allowed(monkeypatch):
    """The outermost numbers, NumPy's numbers, tuples of rules, and arguments of every kind."""
    monkeypatch.undo()
    for options in (
        {"loss": SSE(l2=np.float32(0.5), l1=np.array([0, 1]), penalize_biases=np.True_)},
        {"loss": MSE(l2=0, l1=[0.0, 0.0])},
        {"loss": "Huber"},
        {"stop": []},
        {"stop": ()},
        {
            "stop": (
                NoProgress(np.int64(1), min_improvement=0),
                MeanLossBelow(1, last=10_000, at_end=np.False_),
            )
        },
        {"stop": [LossBelow(1e300), LossBelow(1e-300)]},
        {"stop": Validation(1), "validation": [X.tolist(), Y.ravel()]},
        {"stop": [Validation(10**15, min_improvement=1e300)], "validation": (X[:1], Y[:1])},
        {"batch_size": np.int8(1)},
        {"batch_size": 10**15},
        {"shuffle": np.False_},
        {"sample_weight": [0, 0, 0, 1e-300]},
        {"sample_weight": (True, False, True, True)},
        {"sample_weight": KFold(10**15)},
        {"init": NguyenWidrow(np.float32(0.5))},
        {"init": Normal(np.int64(2), PerLayer(0, 1))},
    ):
        for call in CALLS.values():
            result = call(NET, X, Y, epochs=3, optimizer=Adam(0.01), **options)
            assert np.isfinite(result.loss).all()
    result = fastnn.train(SOFTMAX, X, SHARES, loss=CrossEntropy(), epochs=3,
                          optimizer=GradientDescent(0.1))  # fmt: skip
    assert result.status == fastnn.Status.EPOCH_LIMIT


def test_given_arrays_are_copied(monkeypatch):
    monkeypatch.undo()
    weights, inputs, targets = np.ones(4), X.copy(), Y.copy()
    options = {"sample_weight": weights, "stop": Validation(3), "validation": (inputs, targets)}
    runs = fastnn.train_many(NET, X, Y, restarts=5, epochs=20, **options)
    for array in (weights, inputs, targets):
        array[:] = 7.0
    for k in range(5):
        assert (runs.restart(k).parameters == runs.parameters[k]).all()
    l1 = np.array([0.1, 0.2])
    loss = SSE(l1=l1)
    l1[:] = 5.0
    assert loss.l1 == (0.1, 0.2)
