"""Activations in training: against the reference; their slopes, softmax, and scaled ones."""

import mpmath
import numpy as np
import pytest
from conftest import bits

import fastnn
from fastnn import GradientDescent, Network, Normal, PerLayer
from fastnn.spec.activations import ACTIVATIONS, BY_NAME, SELU

NAMES = [activation.name for activation in ACTIVATIONS]
EPOCHS = 200
RATE = 2.0**-10
PLACES = {
    "hidden": lambda name: Network([3, 5, 2], activation=[name, "identity"]),
    "output": lambda name: Network([3, 4, 2], activation=["tanh", name]),
    "both, without biases": lambda name: Network([3, 4, 2], activation=name, bias=False),
}


def data(samples=17, seed=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 3)), rng.uniform(-0.2, 1, size=(samples, 2))


def relative(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_agreement_with_the_reference(name, place):
    net, (X, y) = PLACES[place](name), data()
    arguments = {"epochs": EPOCHS, "optimizer": GradientDescent(5e-3), "seed": 1}
    runs = fastnn.train_many(net, X, y, restarts=9, **arguments)
    for k in (0, 8):
        expected = fastnn.reference.train(net, X, y, restart=k, **arguments)
        for parallel in ("restarts", "samples"):
            run = fastnn.train(net, X, y, restart=k, parallel=parallel, **arguments)
            assert len(run.history) == EPOCHS + 1
            assert relative(run.history, expected.history) <= 1e-9
            np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
            outputs = fastnn.reference.predict(net, expected.parameters, X)
            np.testing.assert_allclose(run.predict(X), outputs, rtol=1e-9, atol=1e-9)
        assert run.history[-1] < 0.99 * run.history[0]
        np.testing.assert_allclose(runs.parameters[k], expected.parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_float32(name):
    X, y = data()
    for net in (place(name) for place in PLACES.values()):
        arguments = {"epochs": 30, "optimizer": GradientDescent(5e-3), "dtype": "float32"}
        runs = fastnn.train_many(net, X, y, restarts=9, **arguments)
        run = fastnn.train(net, X, y, restart=4, **arguments)
        np.testing.assert_array_equal(bits(runs.parameters[4]), bits(run.parameters))
        expected = fastnn.reference.train(net, X, y, restart=4, **arguments)
        np.testing.assert_allclose(run.history, expected.history, rtol=1e-4)


EXACT = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "relu": lambda x: max(x, 0),
    "identity": lambda x: x,
    "leaky_relu": lambda x: x if x > 0 else x * mpmath.mpf(0.01),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "elliott": lambda x: x / (1 + abs(x)),
    "sine": mpmath.sin,
    "gaussian": lambda x: mpmath.exp(-x * x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x / (1 + mpmath.exp(-mpmath.sqrt(8 / mpmath.pi) * (x + 0.044715 * x**3))),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "selu": lambda x: SELU[0] * (x if x > 0 else SELU[1] * mpmath.expm1(x)),
    "hard_sigmoid": lambda x: min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6,
    "arctan": mpmath.atan,
}


@pytest.mark.parametrize("parallel", ["restarts", "samples"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_slopes(name, parallel):
    """Of a network of one weight and one input, by 50 digits."""
    net = Network([1, 1], activation=name, bias=False)
    f = EXACT[name]
    for x in (-30.0, -4.0, -1.0, -0.3, -1e-4, 1e-4, 0.2, 0.9, 3.1, 25.0):
        with mpmath.workdps(50):
            value, slope = float(f(mpmath.mpf(x))), float(mpmath.diff(f, mpmath.mpf(x)))
        run = fastnn.train(net, [[1.0]], [[value - 1.0]], init=[x], epochs=1, parallel=parallel,
                           optimizer=GradientDescent(RATE))  # fmt: skip
        assert run.history[0] == pytest.approx(1, rel=1e-14)
        # The error is 1, so the gradient is twice the slope.
        found = (x - run.parameters[0]) / RATE / 2
        assert found == pytest.approx(slope, rel=1e-14, abs=1e-15 * max(1, abs(x)) / RATE)
        assert run.predict([[1.0]])[0, 0] == pytest.approx(
            EXACT[name](mpmath.mpf(float(run.parameters[0]))), rel=1e-14, abs=1e-300
        )


@pytest.mark.parametrize("name", NAMES)
def test_numpy_forms(name):
    """Value and slope in NumPy, the slope as a function of what the definition says."""
    activation = BY_NAME[name]
    x = np.concatenate([np.linspace(-5, 5, 41), [1e-8, -1e-8]])
    x = x[~np.isin(x, activation.kinks)]
    with mpmath.workdps(50):
        values = np.array([float(EXACT[name](mpmath.mpf(float(v)))) for v in x])
        slopes = np.array([float(mpmath.diff(EXACT[name], mpmath.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(activation.numpy(x), values, rtol=1e-14)
    found = np.broadcast_to(activation.numpy_slope(x if activation.of_input else values), x.shape)
    np.testing.assert_allclose(found.astype(float), slopes, rtol=1e-12, atol=1e-14)


TORCH = {
    "sigmoid": ("sigmoid",), "tanh": ("tanh",), "relu": ("relu",), "leaky_relu": ("leaky_relu",),
    "softplus": ("softplus", {"threshold": 40}), "elliott": ("softsign",), "silu": ("silu",),
    "gelu": ("gelu", {"approximate": "tanh"}), "elu": ("elu",), "selu": ("selu",),
    "hard_sigmoid": ("hardsigmoid",),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_values_and_slopes_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    function, *options = TORCH[name]
    x = torch.linspace(-6, 6, 100, dtype=torch.float64, requires_grad=True)
    y = getattr(torch.nn.functional, function)(x, **dict(*options))
    y.sum().backward()
    expression, points = BY_NAME[name].expression, x.detach().numpy()
    np.testing.assert_allclose(expression(points), y.detach().numpy(), rtol=1e-12, atol=1e-15)
    slopes = expression.derivative("x")(points)
    rounded = 1e-7 if name == "hard_sigmoid" else 1e-11  # PyTorch's 1 / 6 there is a float32
    np.testing.assert_allclose(slopes, x.grad.numpy(), rtol=rounded, atol=1e-15)


def test_deep_network_of_all_of_them():
    net = Network([2, *([4, 3, 5] * 5)[: len(NAMES) - 1], 2], activation=[*NAMES])
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 2)), rng.normal(size=(12, 2))
    arguments = {"epochs": EPOCHS, "optimizer": GradientDescent(1e-3), "init": fastnn.HeNormal()}
    runs = fastnn.train_many(net, X, y, restarts=20, **arguments)
    for k in (0, 7, 19):
        expected = fastnn.reference.train(net, X, y, restart=k, **arguments)
        run = runs.restart(k)
        assert relative(run.history, expected.history) <= 1e-9
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
        side_by_side = fastnn.train(net, X, y, restart=k, parallel="samples", **arguments)
        assert relative(side_by_side.history, expected.history) <= 1e-9


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", NAMES)
def test_softmax_outputs(hidden, dtype):
    rng = np.random.default_rng(1)
    net = Network([3, 4, 5], activation=[hidden, "softmax"])
    X, y = rng.normal(size=(37, 3)), np.eye(5)[rng.integers(0, 5, 37)]
    arguments = {"loss": "cross_entropy", "epochs": 20, "dtype": dtype}
    runs = fastnn.train_many(net, X, y, restarts=6, **arguments)
    outputs = runs.predict(X, "all")
    assert outputs.shape == (6, 37, 5)
    assert outputs.dtype == dtype
    tolerance = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(outputs.sum(axis=2), 1, rtol=tolerance)
    assert (outputs > 0).all()
    for k in range(6):
        expected = fastnn.reference.predict(net, runs.parameters[k], X)
        np.testing.assert_allclose(outputs[k], expected, rtol=tolerance)
        np.testing.assert_array_equal(runs.restart(k).predict(X), outputs[k])


def test_softmax_of_large_and_equal_inputs():
    net = Network([1, 3], activation="softmax", bias=False)
    y = [[1.0, 0, 0]]
    for start, expected in (
        ([1000.0, 0, -1000], [1, 0, 0]),
        ([-1000.0, -1000, -1000], [1 / 3] * 3),
        ([1e300, 1e300, 0], [0.5, 0.5, 0]),
        ([0.0, np.log(2), np.log(5)], [1 / 8, 2 / 8, 5 / 8]),
    ):
        run = fastnn.train(net, [[1.0]], y, init=start, epochs=0, loss="cross_entropy")
        assert run.predict([[1.0]])[0] == pytest.approx(expected, rel=1e-14, abs=1e-300)
        assert fastnn.reference.predict(net, run.parameters, [[1.0]])[0] == pytest.approx(expected)
    one = Network([1, 1], activation="softmax")
    run = fastnn.train(one, [[1.0]], [[1.0]], loss="cross_entropy", epochs=3)
    assert run.predict([[5.0]])[0, 0] == 1
    assert run.loss == 0


def test_scaled_activations_need_no_row():
    """tanh(sqrt(2) z / sqrt(n_in)) hidden, z / sqrt(n_in) at the output, standard normal weights.

    The same with the factors in the weights: started from as much smaller ones, with rates
    multiplied by the squares of the factors.
    """
    sizes, rate, epochs = (3, 8, 2), 0.4, 100
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(15, 3)), rng.normal(size=(15, 2))
    scales = np.sqrt(2 / sizes[0]), np.sqrt(1 / sizes[1])
    net = Network(sizes, activation=["tanh", "identity"], bias=False)
    standard = fastnn.train(net, X, y, init=Normal(), epochs=0, seed=6)
    V, W = (w.copy() for w in standard.weights)
    losses = []
    for _ in range(epochs):
        hidden = np.tanh(scales[0] * (X @ V))
        error = scales[1] * (hidden @ W) - y
        losses.append((error**2).mean())
        delta = 2 * error / error.size * scales[1]
        below = (delta @ W.T) * (1 - hidden**2) * scales[0]
        V, W = V - rate * (X.T @ below), W - rate * (hidden.T @ delta)
    arguments = {
        "loss": "mse",
        "init": Normal(std=PerLayer(*scales)),
        "optimizer": GradientDescent(PerLayer(*(rate * s**2 for s in scales))),
        "epochs": epochs,
        "seed": 6,
    }
    runs = fastnn.train_many(net, X, y, restarts=9, **arguments)
    run = fastnn.train(net, X, y, **arguments)
    np.testing.assert_allclose(run.history[:-1], losses, rtol=1e-12)
    assert losses[-1] < 0.5 * losses[0]
    for found in (run.weights, net.unpack(runs.parameters[0])[0]):
        for w, scale, expected in zip(found, scales, (V, W), strict=True):
            np.testing.assert_allclose(w, scale * expected, rtol=0, atol=1e-13)
