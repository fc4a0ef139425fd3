"""Each restart of a group has the bits that it has on the group's rows alone."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits
from group_examples import NET, assert_alone, data_of, validation_of
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.job.group_data import Asked
from fastnn.scheduling.collectors import Columns

SIZES = [1, 30, 2, 2, 17, 3, 40, 1, 8, 9, 33, 16]
RPROP = {"optimizer": "rprop", "epochs": 40}


@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": fastnn.GradientDescent(0.01, momentum=0.5), "epochs": 30},
        {"optimizer": "lbfgs", "epochs": 30, "stop": fastnn.GradientBelow(1e-3), "loss": "mse"},
        pytest.param(
            {"optimizer": "lm", "epochs": 30, "target_sse": 0.02}, marks=pytest.mark.thorough
        ),
        {"optimizer": "adam", "epochs": 9, "batch_size": 4, "stop": fastnn.ErrorsWithin(0.3)},
        {"optimizer": "adam", "epochs": 9, "batch_size": 4, "shuffle": True},
        {
            "optimizer": "rprop",
            "epochs": 40,
            "stop": fastnn.Validation(3),
            "validation": validation_of(SIZES),
        },
    ],
    ids=["gradient descent", "L-BFGS", "Levenberg-Marquardt", "batches", "shuffled", "validation"],
)
def test_alone(arguments):
    X, y, labels = data_of(SIZES)
    runs = fastnn.train_many(NET, X, y, groups=labels, restarts=3, **arguments)
    assert len(runs) == 3 * len(SIZES)
    assert_alone(runs, X, y, labels, **arguments)


OPTIMIZERS = [
    "rprop", "lbfgs", "lm", "adam", "quickprop", fastnn.GradientDescent(0.1, clip=0.3),
    fastnn.RPROP("iRprop+"), fastnn.LevenbergMarquardt(gradient_tolerance=1e-2),
    fastnn.GradientDescent(1e3),  # diverges
]  # fmt: skip
LOSSES = [
    "sse", "mse", fastnn.LogCosh(l2=0.01), fastnn.BinaryCrossEntropy(), fastnn.Huber(0.1),
    fastnn.MSE(l2=0.1, l2_towards="start"),
]  # fmt: skip
RULES = [
    None, fastnn.NoProgress(3), fastnn.SSEBelow(0.3), fastnn.ErrorsWithin(0.3),
    fastnn.GradientBelow(0.1), fastnn.MeanLossBelow(0.3, last=2), fastnn.SumOfLosses(),
    fastnn.Validation(2), (fastnn.Validation(4), fastnn.ErrorsWithin(0.3)),
]  # fmt: skip


@st.composite
def groups_of_any_kind(draw):
    """Sizes of groups, units of a network, and arguments that fit each other."""
    optimizer = draw(st.sampled_from(OPTIMIZERS))
    squares = optimizer == "lm" or isinstance(optimizer, fastnn.LevenbergMarquardt)
    whole = squares or optimizer in ("lbfgs", "quickprop") or isinstance(optimizer, fastnn.RPROP)
    arguments = {
        "optimizer": optimizer,
        "epochs": draw(st.integers(0, 12)),
        "loss": draw(st.sampled_from(LOSSES[:2] if squares else LOSSES)),
        "stop": draw(st.sampled_from(RULES)),
        "dtype": draw(st.sampled_from(["float64", "float32"])),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "init": draw(st.sampled_from([None, fastnn.GlorotNormal(), fastnn.NguyenWidrow()])),
    }
    if not whole and optimizer != "rprop" and draw(st.booleans()):
        arguments |= {"batch_size": draw(st.integers(1, 40)), "shuffle": draw(st.booleans())}
    weights = draw(st.sampled_from([None, "given", fastnn.Bootstrap(), fastnn.KFold(3)]))
    sizes = draw(st.lists(st.integers(1, 9) | st.integers(10, 70), min_size=1, max_size=14))
    if isinstance(weights, fastnn.KFold):
        sizes = [max(2, size) for size in sizes]
    if weights == "given":
        weights = np.random.default_rng(len(sizes)).uniform(0, 2, size=sum(sizes))
    if weights is not None:
        arguments["sample_weight"] = weights
    units = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    if "Validation" in repr(arguments["stop"]):
        seed = draw(st.integers(0, 99))
        arguments["validation"] = validation_of(sizes, units[0], units[-1], seed)
    return sizes, units, arguments


@pytest.mark.thorough
@given(
    problem=groups_of_any_kind(),
    restarts=st.integers(1, 5),
    hidden=st.sampled_from(["tanh", "sigmoid", "relu", "gelu"]),
    chunk=st.none() | st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_groups(problem, restarts, hidden, chunk, data):
    sizes, units, arguments = problem
    activation = [*[hidden] * (len(units) - 2), "sigmoid"]
    net = fastnn.Network(units, activation=activation, bias=data.draw(st.booleans()))
    X, y, labels = data_of(sizes, units[0], units[-1])
    runs = fastnn.train_many(net, X, y, groups=labels, restarts=restarts, chunk=chunk, **arguments)
    some = data.draw(st.lists(st.integers(0, len(runs) - 1), min_size=5, max_size=5))
    assert_alone(runs, X, y, labels, net=net, some=some, **arguments)


@pytest.fixture(scope="module")
def expected():
    X, y, labels = data_of(SIZES)
    return fastnn.train_many(NET, X, y, groups=labels, restarts=5, **RPROP)


@pytest.mark.parametrize("options", [{"threads": 2}, {"chunk": 1}, {"chunk": 7}, {"chunk": 10**6}])
def test_chunks_and_threads(expected, options):
    X, y, labels = data_of(SIZES)
    runs = fastnn.train_many(NET, X, y, groups=labels, restarts=5, **RPROP, **options)
    assert_same_bits(runs, expected)


@pytest.mark.parametrize("lanes", [8, 16, 64])
def test_lanes_and_order(expected, lanes):
    X, y, labels = data_of(SIZES)
    job = make_job(NET, X, y, groups=Asked(labels), restarts=5, **RPROP)
    bounds = [(41, 60), (3, 41), (1, 3), (0, 1)]
    parts = [train_chunk(job, start, stop, lanes=lanes) for start, stop in bounds][::-1]
    for name in ("parameters", "loss", "epochs", "status"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(expected, name).astype(joined.dtype).tobytes()


def test_in_processes(expected):
    X, y, labels = data_of(SIZES)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        runs = fastnn.train_many(
            NET, X, y, groups=labels, restarts=5, executor=executor, chunk=11, **RPROP
        )
    assert_same_bits(runs, expected)


SHUFFLED = {"optimizer": "adam", "batch_size": 128, "shuffle": True}


@pytest.mark.parametrize("how", [{"optimizer": "lbfgs"}, SHUFFLED], ids=["whole", "shuffled"])
def test_tails_across_tiles(in_tiles, how):
    X, y, labels = data_of([300, 290, 257, 250, 140, 139, 131, 130])
    arguments = {"epochs": 12, "loss": fastnn.Huber(0.2)} | how
    runs = in_tiles(
        4096, lambda: fastnn.train_many(NET, X, y, groups=labels, restarts=2, **arguments)
    )
    assert_alone(runs, X, y, labels, **arguments)


def test_rows_of_other_groups_change_nothing(expected):
    X, y, labels = data_of(SIZES)
    rng = np.random.default_rng(5)
    more = rng.integers(100, 140, size=700)
    X, y = np.concatenate([X, rng.normal(size=(700, 3))]), np.concatenate([y, rng.random((700, 1))])
    order = rng.permutation(len(X))
    # Within a group the order of rows is that of the sums.
    kept = np.flatnonzero(order < len(labels))
    order[kept] = np.sort(order[kept])
    labels = np.concatenate([labels, more])[order]
    runs = fastnn.train_many(NET, X[order], y[order], groups=labels, restarts=5, **RPROP)
    for label in range(len(SIZES)):
        one, other = (found.restarts_of(label) for found in (expected, runs))
        np.testing.assert_array_equal(runs.parameters[other], expected.parameters[one])


@pytest.mark.parametrize("hidden", ["sigmoid", "relu"])
def test_a_group_that_diverges_harms_no_other(hidden):
    X, y, labels = data_of(SIZES)
    y[labels == 4] = 1e200  # whose squares overflow
    X[labels == 6] *= 1e150
    y[labels == 0] = 0.5  # and a constant one
    net = fastnn.Network([3, 4, 1], activation=[hidden, "identity"])
    arguments = {"optimizer": fastnn.GradientDescent(0.02), "epochs": 20}
    runs = fastnn.train_many(net, X, y, groups=labels, restarts=3, **arguments)
    assert (runs.status[runs.group == 4] == fastnn.Status.DIVERGED).all()
    assert np.isfinite(runs.loss[~np.isin(runs.group, [4, 6])]).all()
    assert_alone(runs, X, y, labels, net=net, **arguments)


def test_one_group_has_the_bits_of_all_rows():
    X, y, _ = data_of([25])
    runs = fastnn.train_many(NET, X, y, groups=["all"] * 25, restarts=20, **RPROP)
    assert_same_bits(runs, fastnn.train_many(NET, X, y, restarts=20, **RPROP))


@pytest.mark.thorough
def test_many_groups():
    count = 100_000
    labels = np.arange(4 * count) % count
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(len(labels), 3)), rng.random((len(labels), 1))
    arguments = {"optimizer": "rprop", "epochs": 20}
    runs = fastnn.train_many(NET, X, y, groups=labels, restarts=1, **arguments)
    assert len(runs) == count
    assert_alone(runs, X, y, labels, some=range(0, count, 9973), **arguments)


def test_ctrl_c_keeps_the_restarts_that_ended(expected, monkeypatch):
    def add(self, part, add=Columns.add):
        add(self, part)
        if part.start > 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(Columns, "add", add)
    X, y, labels = data_of(SIZES)
    with pytest.raises(fastnn.Interrupted) as caught:
        fastnn.train_many(NET, X, y, groups=labels, restarts=5, chunk=6, threads=1, **RPROP)
    runs = caught.value.runs
    assert 20 < len(runs) < len(expected)
    assert_same_bits(runs, expected[runs.indices])
    assert runs.best_of_groups(missing=-1).min() == -1


@pytest.mark.thorough
@pytest.mark.parametrize("sizes", [[4] * 30, [1, 2, 3, 4, 5, 4, 3, 2, 8, 7]], ids=["equal", "any"])
@pytest.mark.parametrize(
    "how",
    [
        {"optimizer": "rprop"},
        pytest.param({"optimizer": "lm"}, marks=pytest.mark.slow),
        SHUFFLED | {"batch_size": 3},
        SHUFFLED | {"batch_size": 3, "stop": fastnn.Validation(4)},
    ],
    ids=["RPROP", "Levenberg-Marquardt", "shuffled batches", "validation"],
)
def test_special_kernels(sizes, how, monkeypatch):
    monkeypatch.setenv("FASTNN_KERNELS", "special")
    net = fastnn.Network([2, 2, 1], bias=False)
    X, y, labels = data_of(sizes, 2)
    arguments = {"epochs": 30} | how
    if "stop" in how:
        arguments["validation"] = validation_of(sizes, 2)
    runs = fastnn.train_many(net, X, y, groups=labels, restarts=3, **arguments)
    assert_alone(runs, X, y, labels, net=net, some=range(0, len(runs), 7), **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "mse", "stop": fastnn.ErrorsWithin(0.3), "dtype": "float32"},
        {"loss": fastnn.Asymmetric(under=0.3)},
        {"sample_weight": np.random.default_rng(0).random(260), "loss": "mse"},
    ],
    ids=["rules", "residuals", "weights"],
)
@pytest.mark.thorough
def test_tails_of_systems(arguments):
    X, y, labels = data_of([1, 33, 16, 2, 17, 40, 41, 5, 42, 63])
    arguments = {"optimizer": "lm", "epochs": 25} | arguments
    runs = fastnn.train_many(NET, X, y, groups=labels, restarts=3, **arguments)
    assert_alone(runs, X, y, labels, **arguments)
