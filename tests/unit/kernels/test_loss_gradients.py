"""Losses and gradients against a naive twin and complex steps, and by hand at kinks."""

import numpy as np
import pytest
from loss_examples import LOSSES, PENALTIES, WEIGHTS, problem, settings, weights_of
from naive import complex_step_gradient, loss

import fastnn
from fastnn import MSE, SSE, GradientDescent, Huber, Network

pytestmark = pytest.mark.thorough

# The step is a difference of neighbouring numbers, good to about 1e-16 / rate = 1e-13.
RATE = 2.0**-10
KERNELS = ("one network", "in lanes", "samples side by side", "numpy")


def step(kernel, net, X, y, start, k=0, **options):
    """Two losses and the parameters after one step, by one of `KERNELS`."""
    options.update(epochs=1, optimizer=GradientDescent(RATE))
    if kernel == "in lanes":
        runs = fastnn.train_many(net, X, y, restarts=12, init=np.tile(start, (12, 1)), **options)
        before = fastnn.train_many(
            net, X, y, restarts=12, init=np.tile(start, (12, 1)), **{**options, "epochs": 0}
        )
        return (before.loss[k], runs.loss[k]), runs.parameters[k]
    train = fastnn.reference.train if kernel == "numpy" else fastnn.train
    if kernel == "samples side by side":
        options["parallel"] = "samples"
    weights = options.get("sample_weight")
    if isinstance(weights, np.ndarray) and weights.ndim == 2:
        options["sample_weight"] = weights[k]
    run = train(net, X, y, init=start, restart=k, **options)
    return run.history, run.parameters


@pytest.mark.parametrize(
    ("kernel", "weighting"),
    [
        (kernel, weighting)
        for kernel in KERNELS
        for weighting in WEIGHTS
        if kernel != "samples side by side" or weighting not in ("Bootstrap", "KFold")
    ],
)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", LOSSES)
def test_gradient(name, penalty, kernel, weighting):
    net, X, y = problem(name)
    kind, k = settings(name, penalty)["loss"], 5
    start = np.random.default_rng(2).uniform(-1, 1, net.n_parameters)
    weights = weights_of(WEIGHTS[weighting], k)
    expected = complex_step_gradient(net, start, X, y, loss, kind=kind, weights=weights)
    losses, parameters = step(
        kernel, net, X, y, start, k, loss=kind, sample_weight=WEIGHTS[weighting]
    )
    assert losses[0] == pytest.approx(loss(net, start, X, y, kind, weights), rel=1e-12)
    assert losses[1] == pytest.approx(loss(net, parameters, X, y, kind, weights), rel=1e-12)
    gradient = (start - parameters) / RATE
    assert np.abs(gradient - expected).max() <= 1e-12 * max(1, np.abs(expected).max())
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_a_deep_network(name, kernel):
    rng = np.random.default_rng(5)
    last, n_out = problem(name)[0].activation[-1], 9
    net = Network([4, 11, 5, n_out], ["softplus", "gaussian", last], bias=False)
    X = rng.normal(size=(30, 4))
    y = rng.dirichlet(np.ones(n_out), 30)  # shares suit all
    kind = settings(name)["loss"]
    start = rng.uniform(-1, 1, net.n_parameters)
    expected = complex_step_gradient(net, start, X, y, loss, kind=kind)
    losses, parameters = step(kernel, net, X, y, start, loss=kind)
    assert losses[0] == pytest.approx(loss(net, start, X, y, kind), rel=1e-12)
    gradient = (start - parameters) / RATE
    assert np.abs(gradient - expected).max() <= 1e-12 * max(1, np.abs(expected).max())


def slope(kernel, activation, w, target, kind, x=1.0):
    """The slope of the loss of a network of one weight."""
    net = Network([1, 1], activation=activation, bias=False)
    _, parameters = step(kernel, net, [[x]], [[target]], np.array([w]), loss=kind)
    return (w - parameters[0]) / RATE


@pytest.mark.parametrize("kernel", KERNELS)
def test_kinks_by_hand(kernel):
    for error, expected in ((0.5, 0.5), (-0.5, -0.5), (0.25, 0.25), (0.75, 0.5), (-2, -0.5)):
        # The joints are at 0.5: there both formulas have the slope 0.5.
        assert slope(kernel, "identity", error, 0.0, Huber(delta=0.5)) == expected
    # Outputs of 0 with target -1: the error is 1.
    assert slope(kernel, "relu", 0.0, -1.0, SSE()) == 0
    assert slope(kernel, "leaky_relu", 0.0, -1.0, SSE()) == pytest.approx(0.02)
    # The l1 penalty bends at 0, where its slope is 0; the error is 0 there too.
    assert slope(kernel, "identity", 0.0, 0.0, SSE(l1=0.25)) == 0
    assert slope(kernel, "identity", 0.5, 0.5, SSE(l1=0.25)) == 0.25
    assert slope(kernel, "identity", -0.5, -0.5, SSE(l1=0.25)) == -0.25
    assert slope(kernel, "identity", -0.5, -0.5, SSE(l2=0.25)) == -0.25


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("activation", "kind", "at", "target"),
    [
        ("relu", MSE(), 0.0, -1.0),
        ("leaky_relu", MSE(), 0.0, -1.0),
        ("identity", Huber(delta=0.5), 0.5, 0.0),
        ("identity", Huber(delta=0.5), -0.5, 0.0),
        ("identity", MSE(l1=0.5), 0.0, 1.0),
    ],
)
def test_both_sides_of_kinks(kernel, activation, kind, at, target):
    """Slopes close to a kink are those of one-sided differences of the loss."""
    net = Network([1, 1], activation=activation, bias=False)
    for side in (-1.0, 1.0):
        w = at + side * 2.0**-30
        values = [
            loss(net, np.array([v]), [[1.0]], [[target]], kind) for v in (w, w + side * 2.0**-12)
        ]
        # The second derivative is at most 2 here.
        difference = side * (values[1] - values[0]) * 2.0**12
        assert slope(kernel, activation, w, target, kind) == pytest.approx(difference, abs=3e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_values_of_losses_by_hand(kernel):
    def value(activation, w, target, kind, n_out=1, **options):
        net = Network([1, n_out], activation=activation, bias=False)
        start = np.array(w, dtype=float).reshape(-1)
        return step(kernel, net, [[1.0]], [target], start, loss=kind, **options)[0][0]

    assert value("identity", 3, [1], SSE()) == 4
    assert value("identity", 3, [1], Huber(delta=0.5)) == 0.5 * (2 - 0.25)
    assert value("identity", 1.25, [1], Huber(delta=0.5)) == 0.03125
    assert value("identity", [3, 1], [1, 1], MSE(), 2) == 2
    assert value("sigmoid", 0, [1], fastnn.BinaryCrossEntropy()) == pytest.approx(np.log(2))
    assert value("sigmoid", 0, [0.3], fastnn.BinaryCrossEntropy()) == pytest.approx(np.log(2))
    assert value("softmax", [0, 0], [1, 0], fastnn.CrossEntropy(), 2) == pytest.approx(np.log(2))
    assert value("softmax", [0, 0, 0], [0.2, 0.3, 0.5], fastnn.CrossEntropy(), 3) == (
        pytest.approx(np.log(3))
    )
    weights = np.array([0.25])
    assert value("identity", 3, [1], SSE(), sample_weight=weights) == 1
    # Weights of samples do not weigh penalties.
    assert value("identity", 3, [1], SSE(l2=1, l1=0.5), sample_weight=weights) == 1 + 9 + 1.5
