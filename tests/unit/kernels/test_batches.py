"""Batches: an epoch of several steps, against the reference, and the same bits by every kernel."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits

import fastnn
from fastnn import (
    Adam,
    AdamW,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    Nadam,
    PerLayer,
    ReduceOnPlateau,
    RMSProp,
    Status,
    StepDecay,
    WarmUp,
)
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough

EPOCHS, SAMPLES = 200, 23
NET = fastnn.Network([3, 4, 2], activation=["tanh", "identity"])
_RNG = np.random.default_rng(7)
X, Y = _RNG.normal(size=(SAMPLES, 3)), 0.5 * _RNG.normal(size=(SAMPLES, 2))
SIZES = (1, 2, 7, 22, 23, 1000)
OPTIMIZERS = {
    "plain": GradientDescent(3e-3),
    "momentum": GradientDescent(1e-3, momentum=0.8),
    "nesterov, clip": GradientDescent(2e-3, momentum=0.5, nesterov=True, clip=2.0),
    "per layer, step decay": GradientDescent(
        PerLayer(4e-3, 2e-3), schedule=StepDecay(30, factor=0.6)
    ),
    "exponential decay": GradientDescent(3e-3, schedule=ExponentialDecay(0.99)),
    "cosine decay": GradientDescent(3e-3, momentum=0.3, schedule=CosineDecay(150, floor=0.1)),
    "Adam": Adam(3e-3),
    "Adam, step decay": Adam(3e-3, schedule=StepDecay(50, factor=0.3)),
    "AdamW, cosine decay": AdamW(3e-3, weight_decay=0.1, schedule=CosineDecay(120)),
    "Nadam": Nadam(3e-3),
    "RMSProp, per layer": RMSProp(PerLayer(1e-3, 5e-4), decay=0.99, epsilon=0.1),
    "Adam per layer, plateaus": Adam(
        PerLayer(3e-3, 2e-3), beta1=PerLayer(0.9, 0.8),
        schedule=ReduceOnPlateau(8, factor=0.7, threshold=0.1, floor=0.1),
    ),
}  # fmt: skip


def relative(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_agreement_with_the_reference(name, size):
    arguments = {"optimizer": OPTIMIZERS[name], "batch_size": size, "epochs": EPOCHS}
    runs = fastnn.train_many(NET, X, Y, restarts=9, **arguments)
    for k in (0, 8) if size > 2 else (8,):  # the reference takes its time
        expected = fastnn.reference.train(NET, X, Y, restart=k, **arguments)
        for parallel in ("restarts", "samples"):
            run = fastnn.train(NET, X, Y, restart=k, parallel=parallel, **arguments)
            assert (run.epochs, run.status) == (EPOCHS, Status.EPOCH_LIMIT)
            assert relative(run.history, expected.history) <= 1e-9
            np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
            assert run.history[-1] < 0.99 * run.history[0]
        np.testing.assert_allclose(runs.parameters[k], expected.parameters, rtol=1e-9, atol=1e-9)
        assert runs.loss[k] == pytest.approx(expected.loss, rel=1e-9)


@pytest.mark.parametrize("name", ["plain", "cosine decay", "Adam, step decay"])
def test_all_samples_in_one_batch_are_none(name):
    arguments = {"optimizer": OPTIMIZERS[name], "epochs": 30, "restarts": 9}
    whole = fastnn.train_many(NET, X, Y, **arguments)
    for size in (SAMPLES, SAMPLES + 1, 10**6, np.int32(23)):
        assert_same_bits(fastnn.train_many(NET, X, Y, batch_size=size, **arguments), whole)
    other = fastnn.train_many(NET, X, Y, batch_size=22, **arguments)
    assert (other.parameters != whole.parameters).any()


def test_steps_by_hand():
    """One weight: each batch in the order of the data, the last one short."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    x, y = np.array([1.0, 2, -1, 0.5, 3]), np.array([1.0, 0, 2, -1, 0.5])
    for loss in ("sse", "mse"):
        w = 0.3
        expected = [w]
        for _ in range(3):
            for first in (0, 2, 4):
                a, b = x[first : first + 2], y[first : first + 2]
                gradient = (2 * a * (w * a - b)).sum() / (len(a) if loss == "mse" else 1)
                w -= 0.01 * gradient
            expected.append(w)
        for epochs in range(4):
            run = fastnn.train(net, x[:, None], y, init=[0.3], batch_size=2, epochs=epochs,
                               loss=loss, optimizer=GradientDescent(0.01))  # fmt: skip
            assert run.parameters[0] == pytest.approx(expected[epochs], rel=1e-14)
            error = run.parameters[0] * x - y
            whole = (error**2).sum() if loss == "sse" else (error**2).mean()
            assert run.history[-1] == run.loss == pytest.approx(whole, rel=1e-14)
            assert len(run.history) == epochs + 1


def test_schedules_count_epochs():
    """Two batches of the same sample are two steps of the same rate."""
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    for schedule, factors in (
        (StepDecay(2, factor=0.5), (1, 1, 0.5, 0.5, 0.25)),
        (ExponentialDecay(0.5), (1, 0.5, 0.25, 0.125, 0.0625)),
        (CosineDecay(4), (1, 0.5 + np.sqrt(0.125), 0.5, 0.5 - np.sqrt(0.125), 0)),
        (CosineRestarts(2), (1, 0.5, 1, 0.5, 1)),
        (WarmUp(2, start=0.2, then=StepDecay(1)), (0.2, 0.6, 1, 0.5, 0.25)),
        # The batches' losses, whose sum never falls to a hundredth.
        (ReduceOnPlateau(0, factor=0.5, threshold=0.999), (1, 1, 0.5, 0.25, 0.125)),
    ):
        expected = np.prod([(1 - 0.2 * factor) ** 3 for factor in factors])
        for count in (None, 9):
            arguments = {"init": [1.0], "epochs": 5, "batch_size": 1,
                         "optimizer": GradientDescent(0.1, schedule=schedule)}  # fmt: skip
            data = net, np.ones((3, 1)), np.zeros(3)
            if count is None:
                found = fastnn.train(*data, **arguments).parameters
            else:
                found = fastnn.train_many(*data, restarts=count, **arguments).parameters
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-16)


def test_adam_counts_steps():
    """Its moments and powers go on from batch to batch, as over as many epochs of one sample."""
    net = fastnn.Network([1, 1], activation="identity")
    for optimizer in (Adam(0.1), AdamW(0.1, weight_decay=0.3), GradientDescent(0.1, momentum=0.9)):
        arguments = {"optimizer": optimizer, "seed": 3}
        many = fastnn.train(net, np.ones((4, 1)), np.full(4, 2.0), batch_size=1, epochs=5,
                            **arguments)  # fmt: skip
        one = fastnn.train(net, [[1.0]], [2.0], epochs=20, **arguments)
        np.testing.assert_array_equal(many.parameters, one.parameters)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1, 7, 22])
@pytest.mark.parametrize("name", ["plain", "cosine decay", "Adam, step decay"])
def test_bits(name, size, dtype):
    arguments = {"optimizer": OPTIMIZERS[name], "batch_size": size, "epochs": 40, "dtype": dtype,
                 "restarts": 30}  # fmt: skip
    expected = fastnn.train_many(NET, X, Y, threads=1, **arguments)
    for options in ({"threads": 2}, {"chunk": 1}, {"chunk": 7, "threads": 3}):
        assert_same_bits(fastnn.train_many(NET, X, Y, **arguments, **options), expected)
    job = make_job(NET, X, Y, **arguments)
    for lanes in (1, 2, 8, 16):
        part = train_chunk(job, 3, 28, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[3:28]))
        np.testing.assert_array_equal(bits(part.loss), bits(expected.loss[3:28]))
    del arguments["restarts"]
    for k in (0, 17, 29):
        for run in (expected.restart(k), fastnn.train(NET, X, Y, restart=k, **arguments)):
            np.testing.assert_array_equal(bits(run.parameters), bits(expected.parameters[k]))
            assert (run.loss, run.epochs) == (expected.loss[k], expected.epochs[k])
            assert len(run.history) == 41


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1, 50, 130, 599])
def test_samples_side_by_side(size, dtype):
    rng = np.random.default_rng(2)
    more = rng.normal(size=(600, 3)), rng.normal(size=(600, 2))
    arguments = {"optimizer": GradientDescent(1e-4, momentum=0.5), "batch_size": size,
                 "epochs": 10, "dtype": dtype, "parallel": "samples"}  # fmt: skip
    one = fastnn.train(NET, *more, threads=1, **arguments)
    two = fastnn.train(NET, *more, threads=2, **arguments)
    runs = fastnn.train_many(NET, *more, restarts=4, threads=2, **arguments)
    for run in (two, runs.restart(0)):
        np.testing.assert_array_equal(bits(run.parameters), bits(one.parameters))
        np.testing.assert_array_equal(bits(run.history), bits(one.history))
    np.testing.assert_array_equal(bits(runs.parameters[0]), bits(one.parameters))
    del arguments["parallel"]
    other = fastnn.train(NET, *more, **arguments)
    tolerance = 1e-11 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(one.history, other.history, rtol=tolerance)


@pytest.mark.parametrize("parallel", ["restarts", "samples"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_looked_at_changes_no_bit_of_the_way(name, parallel):
    """History, targets and rules add passes over all samples, and no more."""
    arguments = {"optimizer": OPTIMIZERS[name], "batch_size": 5, "epochs": 37,
                 "parallel": parallel}  # fmt: skip
    plain = fastnn.train(NET, X, Y, history=False, **arguments)
    every = fastnn.train(NET, X, Y, **arguments)
    for more in (
        {"history": 7},
        {"target_sse": 1e-9},
        {"target_sse": 1e-9, "history": False},
        {"stop": fastnn.GradientBelow(1e-9)},
        {"stop": fastnn.NoProgress(1000), "history": 5},
    ):
        run = fastnn.train(NET, X, Y, **arguments, **more)
        np.testing.assert_array_equal(bits(run.parameters), bits(plain.parameters))
        assert run.loss == plain.loss == every.loss
        if run.history is not None:
            np.testing.assert_array_equal(run.history, every.history[:: run.history_every])
    np.testing.assert_array_equal(bits(every.parameters), bits(plain.parameters))


@pytest.mark.parametrize("size", [1, 7, 22])
def test_targets_and_rules(size):
    """They look at the whole loss, at the start of every epoch."""
    restarts = 30 if size > 1 else 12
    for more in (
        {"target_sse": 7.4},
        {"stop": [fastnn.ErrorsWithin(1.08), fastnn.LossBelow(7.0)]},
        {"stop": fastnn.GradientBelow(1.8)},
        {"stop": fastnn.NoProgress(4, min_improvement=0.05)},
        {"stop": fastnn.MeanLossBelow(0.4, last=5)},
        {"stop": fastnn.Validation(4), "validation": (X[:9] + 0.5, Y[:9])},
        {"stop": fastnn.SSEBelow(7.6), "loss": fastnn.SSE(l2=0.01)},
    ):
        arguments = {"batch_size": size, "epochs": 100, "optimizer": OPTIMIZERS["plain"], **more}
        runs = fastnn.train_many(NET, X, Y, restarts=restarts, **arguments)
        expected = fastnn.reference.train_many(NET, X, Y, restarts=restarts, **arguments)
        np.testing.assert_array_equal(runs.status, expected.status)
        np.testing.assert_array_equal(runs.epochs, expected.epochs)
        np.testing.assert_allclose(runs.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
        assert (runs.status != Status.EPOCH_LIMIT).any(), more
        assert len(set(runs.epochs)) > 2, more
        for k in range(0, restarts, 5):
            run = runs.restart(k)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
            assert len(run.history) == run.epochs + 1
        again = fastnn.train_many(NET, X, Y, restarts=restarts, threads=2, chunk=4, **arguments)
        assert_same_bits(again, runs)


LOSSES = {
    "MSE": (fastnn.MSE(l2=0.01), ("tanh", "identity"), Y),
    "Huber": (fastnn.Huber(delta=0.4, l1=0.001), ("sine", "tanh"), Y),
    "BinaryCrossEntropy": (fastnn.BinaryCrossEntropy(), ("elliott", "sigmoid"), Y > 0),
    "CrossEntropy": (
        fastnn.CrossEntropy(l1=0.001),
        ("relu", "softmax"),
        np.eye(2)[[0, 1] * 11 + [0]],
    ),
}


@pytest.mark.parametrize("size", [1, 7, 22])
@pytest.mark.parametrize("weighting", ["none", "common", "by restart", "Bootstrap", "KFold"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_weights(name, weighting, size):
    """A mean is over the batch; penalties belong to every batch."""
    loss, activation, y = LOSSES[name]
    net = fastnn.Network([3, 4, 2], activation=activation)
    rng = np.random.default_rng(1)
    weights = {
        "common": rng.uniform(size=SAMPLES),
        "by restart": rng.uniform(size=(4, SAMPLES)),
        "Bootstrap": fastnn.Bootstrap(),
        "KFold": fastnn.KFold(3),
    }.get(weighting)
    arguments = {"loss": loss, "sample_weight": weights, "batch_size": size, "epochs": 60,
                 "optimizer": GradientDescent(0.02, momentum=0.2)}  # fmt: skip
    runs = fastnn.train_many(net, X, y, restarts=4, **arguments)
    expected = fastnn.reference.train_many(net, X, y, restarts=4, **arguments)
    np.testing.assert_allclose(runs.loss, expected.loss, rtol=1e-9)
    np.testing.assert_allclose(runs.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
    for k in (0, 3):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))


def test_against_torch():
    torch = pytest.importorskip("torch")
    start = fastnn.train(NET, X, Y, epochs=0)
    for ours, make in (
        (GradientDescent(0.05, momentum=0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
        (Adam(0.02), lambda p: torch.optim.Adam(p, 0.02)),
    ):
        weights = [torch.tensor(w, requires_grad=True) for w in start.weights]
        biases = [torch.tensor(b, requires_grad=True) for b in start.biases]
        optimizer = make(weights + biases)
        for _ in range(30):
            for x, y in zip(torch.tensor(X).split(7), torch.tensor(Y).split(7), strict=True):
                optimizer.zero_grad()
                z = torch.tanh(x @ weights[0] + biases[0]) @ weights[1] + biases[1]
                torch.nn.functional.mse_loss(z, y).backward()
                optimizer.step()
        arrays = [[t.detach().numpy() for t in group] for group in (weights, biases)]
        run = fastnn.train(NET, X, Y, loss="mse", batch_size=7, epochs=30, optimizer=ours)
        np.testing.assert_allclose(run.parameters, NET.pack(*arrays), rtol=0, atol=1e-13)
