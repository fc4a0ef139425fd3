"""Losses against PyTorch's, an independent implementation, also for large numbers."""

import math

import numpy as np
import pytest
from loss_examples import LOSSES, WEIGHTS, problem, settings, weights_of

import fastnn
from fastnn import GradientDescent

pytestmark = pytest.mark.thorough

torch = pytest.importorskip("torch")
functional = torch.nn.functional
RATE = 2.0**-10


def their_loss(name, z, y, weights, kind):
    """PyTorch's loss of the last layer's inputs z."""
    per_sample = {
        "SSE": lambda: ((z - y) ** 2).sum(1),
        "MSE": lambda: functional.mse_loss(z, y, reduction="none").mean(1),
        "Huber": lambda: functional.huber_loss(z, y, reduction="none", delta=kind.delta).mean(1),
        "BinaryCrossEntropy": lambda: functional.binary_cross_entropy_with_logits(
            z, y, reduction="none"
        ).mean(1),
        "CrossEntropy": lambda: functional.cross_entropy(z, y, reduction="none"),
    }[name]()
    if weights is not None:
        per_sample = per_sample * torch.tensor(weights, dtype=z.dtype)
    return per_sample.sum() if name == "SSE" else per_sample.mean()


def theirs(name, net, X, y, start, weights, kind, dtype):
    """Their loss and its gradient, by automatic differentiation."""
    number = getattr(torch, dtype)
    weights_, biases = net.unpack(start)
    arrays = [torch.tensor(a, dtype=number, requires_grad=True) for a in (*weights_, *biases)]
    z = torch.tensor(X, dtype=number)
    for layer in range(net.depth):
        z = z @ arrays[layer] + arrays[net.depth + layer]
        if layer < net.depth - 1:
            z = torch.tanh(z)
    value = their_loss(name, z, torch.tensor(y, dtype=number), weights, kind)
    value = value + kind.l2 * sum((w**2).sum() for w in arrays[: net.depth])
    value = value + kind.l1 * sum(w.abs().sum() for w in arrays[: net.depth])
    value.backward()
    gradients = [a.grad.numpy() for a in arrays]
    return value.item(), net.pack(gradients[: net.depth], gradients[net.depth :])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0], ids=lambda size: f"logits to {size:g}")
@pytest.mark.parametrize("weighting", ["none", "common", "KFold"])
@pytest.mark.parametrize("penalty", ["none", "l2", "l1"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient(name, penalty, weighting, size, dtype):
    net, X, y = problem(name)
    kind = settings(name, penalty)["loss"]
    start = np.random.default_rng(1).uniform(-1, 1, net.n_parameters)
    last = net.unpack(start)[0][-1]
    last *= size / 2
    weights = weights_of(WEIGHTS[weighting], 2)
    value, gradient = theirs(name, net, X, y, start, weights, kind, dtype)
    options = {"loss": kind, "sample_weight": WEIGHTS[weighting], "dtype": dtype, "epochs": 1}
    optimizer = GradientDescent(RATE)
    runs = fastnn.train_many(net, X, y, init=np.tile(start, (9, 1)), restarts=9,
                             optimizer=optimizer, **options)  # fmt: skip
    run = fastnn.train(net, X, y, init=start, restart=2, optimizer=optimizer, **options)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    assert run.history[0] == pytest.approx(value, rel=tolerance)
    assert np.isfinite(run.history).all()
    for parameters in (run.parameters, runs.parameters[2]):
        ours = (start.astype(dtype) - parameters).astype(float) / RATE
        rounding = np.finfo(dtype).eps * np.abs(start).max() / RATE
        np.testing.assert_allclose(
            ours, gradient, rtol=0, atol=2 * rounding + tolerance * np.abs(gradient).max()
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("parallel", ["restarts", "samples"])
@pytest.mark.parametrize("name", ["BinaryCrossEntropy", "CrossEntropy"])
def test_the_largest_logits(name, parallel, dtype):
    """One layer whose weights are the logits, to both ends."""
    last, n_out = ("sigmoid", 1) if name == "BinaryCrossEntropy" else ("softmax", 3)
    net = fastnn.Network([1, n_out], activation=last, bias=False)
    kind = getattr(fastnn, name)()
    for size in (1e-3, 1.0, 50.0, 700.0, 1000.0):
        for start in np.array([[1.0, 0, -1], [-1, -1, 1], [-1, 1, 1], [0, 0, 0]])[:, :n_out]:
            for hot in range(max(2, n_out)):
                target = [float(hot)] if n_out == 1 else np.eye(3)[hot]
                z = torch.tensor(start[None] * size, dtype=torch.float64, requires_grad=True)
                value = their_loss(name, z, torch.tensor(np.array([target])), None, kind)
                value.backward()
                options = {"loss": kind, "epochs": 1, "dtype": dtype, "parallel": parallel}
                run = fastnn.train(net, [[1.0]], [target], init=start * size,
                                   optimizer=GradientDescent(1.0), **options)  # fmt: skip
                tolerance = 1e-13 if dtype == "float64" else 1e-6
                # Theirs loses small losses of large logits.
                assert run.history[0] == pytest.approx(value.item(), rel=tolerance, abs=1e-20)
                if n_out == 1:
                    margin = start[0] * size * (1 if hot else -1)
                    exact = max(-margin, 0) + math.log1p(math.exp(-abs(margin)))
                    least = 1e-300 if dtype == "float64" else 1e-37
                    assert run.history[0] == pytest.approx(exact, rel=tolerance, abs=least)
                ours = (start * size).astype(dtype) - run.parameters
                rounding = np.finfo(dtype).eps * size
                np.testing.assert_allclose(ours, z.grad.numpy()[0], rtol=tolerance, atol=rounding)


@pytest.mark.parametrize("name", LOSSES)
def test_trajectories(name):
    net, X, y = problem(name)
    rate, kind = LOSSES[name][2], settings(name, "l2")["loss"]
    parameters = fastnn.train(net, X, y, loss=kind, epochs=0).parameters
    for _ in range(50):
        _, gradient = theirs(name, net, X, y, parameters, None, kind, "float64")
        parameters = parameters - rate * gradient
    run = fastnn.train(net, X, y, loss=kind, epochs=50, optimizer=GradientDescent(rate))
    np.testing.assert_allclose(run.parameters, parameters, rtol=0, atol=1e-13)
