"""Forward, loss, gradient, Jacobian: against naive code and each other, for one and many."""

import re

import numpy as np
import pytest
from conftest import bits
from loss_examples import LOSSES, PENALTIES, WEIGHTS, problem, weights_of
from naive import complex_step_gradient, loss, outputs, sse

import fastnn
from fastnn import Bootstrap, CrossEntropy, Huber, KFold
from fastnn.spec.activations import NAMES

pytestmark = pytest.mark.thorough

ACTIVATIONS = [name for name in NAMES if name != "softmax"]
COUNTS = (1, 2, 3, 100)
DTYPES = ("float64", "float32")
NET = fastnn.Network([3, 4, 2], activation=["tanh", "identity"])
_RNG = np.random.default_rng(0)
X, Y = _RNG.normal(size=(7, 3)), _RNG.normal(size=(7, 2))
ROWS = _RNG.uniform(-0.6, 1.2, (5, NET.n_parameters))


def naive_forward(net, parameters, X):
    return np.array([outputs(net, parameters, x) for x in X])


def naive_jacobian(net, parameters, X):
    """By complex steps: (n, n_out, n_parameters)."""
    step = 1e-200
    columns = []
    for m in range(len(parameters)):
        shifted = parameters.astype(complex)
        shifted[m] += step * 1j
        columns.append(naive_forward(net, shifted, X).imag / step)
    return np.stack(columns, axis=-1)


def assert_near(found, expected, tolerance=1e-12):
    expected = np.asarray(expected)
    assert np.shape(found) == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1, np.abs(expected).max())


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", [[3, 2], [3, 4, 2], [2, 3, 4, 1], [9, 18, 11]], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation, sizes, bias):
    net = fastnn.Network(sizes, activation=activation, bias=bias)
    rng = np.random.default_rng([len(sizes), bias])
    X, y = rng.normal(size=(5, sizes[0])), rng.normal(size=(5, sizes[-1]))
    rows = rng.uniform(-0.6, 1.2, (9, net.n_parameters))
    count = 1 if len(net.sizes) == 3 and sizes[0] == 9 else 2  # the naive code takes its time
    for w in rows[:count]:
        assert_near(fastnn.forward(net, w, X), naive_forward(net, w, X))
        assert_near(fastnn.loss(net, w, X, y), sse(net, w, X, y))
        assert_near(fastnn.gradient(net, w, X, y), complex_step_gradient(net, w, X, y))
        assert_near(fastnn.jacobian(net, w, X), naive_jacobian(net, w, X))
    # The gradient of the SSE is twice the residuals times the Jacobian.
    residuals = fastnn.forward(net, rows, X) - y
    jacobians = fastnn.jacobian(net, rows, X, y)
    gradients = fastnn.gradient(net, rows, X, y)
    assert_near(2 * np.einsum("knj,knjp->kp", residuals, jacobians), gradients)
    assert_near((residuals**2).sum(axis=(1, 2)), fastnn.loss(net, rows, X, y))


@pytest.mark.parametrize("weighting", ["none", "common", "by restart", "Bootstrap", "KFold"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name, penalty, weighting):
    net, X, y = problem(name)
    kind = LOSSES[name][0](**LOSSES[name][1], **PENALTIES[penalty])
    rows = np.random.default_rng(2).uniform(-1, 1, (12, net.n_parameters))
    options = {"loss": kind, "sample_weight": WEIGHTS[weighting]}
    losses = fastnn.loss(net, rows, X, y, **options)
    gradients = fastnn.gradient(net, rows, X, y, **options)
    assert losses.shape == (12,)
    assert gradients.shape == rows.shape
    for k in (0, 7):
        weights = weights_of(WEIGHTS[weighting], k)
        assert_near(losses[k], loss(net, rows[k], X, y, kind, weights))
        expected = complex_step_gradient(net, rows[k], X, y, loss, kind=kind, weights=weights)
        assert_near(gradients[k], expected)
        if not isinstance(WEIGHTS[weighting], Bootstrap | KFold):  # functions of the row's number
            alone = {"loss": kind, "sample_weight": weights}
            assert fastnn.loss(net, rows[k], X, y, **alone) == losses[k]
            one = fastnn.gradient(net, rows[k], X, y, **alone)
            np.testing.assert_array_equal(bits(one), bits(gradients[k]))


@pytest.mark.parametrize("name", LOSSES)
def test_names_of_losses(name):
    net, X, y = problem(name)
    w = np.linspace(-1, 1, net.n_parameters)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    kind = LOSSES[name][0]()
    assert fastnn.loss(net, w, X, y, loss=text) == fastnn.loss(net, w, X, y, loss=kind)
    assert type(fastnn.loss(net, w, X, y, loss=text)) is float


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax(dtype):
    net, X, y = problem("CrossEntropy")
    rows = np.random.default_rng(3).normal(size=(9, net.n_parameters)).astype(dtype)
    rows[4] *= 300  # powers that would overflow
    shares = fastnn.forward(net, rows, X)
    assert shares.dtype == dtype
    assert_near(shares.sum(axis=-1), np.ones((9, len(X))), 1e-6 if dtype == "float32" else 1e-14)
    ordinary = np.arange(9) != 4
    for k in np.flatnonzero(ordinary)[:3]:
        expected = naive_forward(net, rows[k].astype(float), X)
        assert_near(shares[k], expected, 1e-6 if dtype == "float32" else 1e-14)
    losses = fastnn.loss(net, rows, X, y, loss="cross_entropy")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(y > 0, -y * np.log(shares.astype(float)), 0).sum(axis=(1, 2)) / len(X)
    assert_near(losses[ordinary], terms[ordinary], 1e-5 if dtype == "float32" else 1e-13)
    assert np.isfinite(losses).all()
    assert np.isfinite(fastnn.gradient(net, rows, X, y, loss="cross_entropy")).all()


PROBLEMS = {
    "tanh": (fastnn.Network([3, 4, 2], activation=["tanh", "identity"]), None),
    "no biases": (fastnn.Network([3, 5, 3, 1], bias=False), None),
    "kept slopes": (fastnn.Network([3, 4, 2], activation=["sine", "softplus"]), Huber(l1=0.1)),
    "softmax": (fastnn.Network([3, 4, 2], activation=["gaussian", "softmax"]), CrossEntropy()),
    "one layer": (fastnn.Network([3, 2], activation="elliott"), fastnn.MSE(l2=0.1)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [1, 7, 16, 17, 700])
@pytest.mark.parametrize("name", PROBLEMS)
def test_one_network_or_many_have_the_same_bits(name, samples, dtype):
    """Whatever their number, which decides how they lie in lanes; 700 samples are several tiles."""
    net, kind = PROBLEMS[name]
    rng = np.random.default_rng([samples, len(name)])
    X, y = rng.normal(size=(samples, 3)), rng.uniform(size=(samples, net.sizes[-1]))
    y = y / y.sum(axis=1, keepdims=True) if name == "softmax" else y
    rows = rng.uniform(-1, 1, (100, net.n_parameters)).astype(dtype)
    calls = {
        fastnn.forward: {"X": X},
        fastnn.loss: {"X": X, "y": y, "loss": kind},
        fastnn.gradient: {"X": X, "y": y, "loss": kind},
        fastnn.jacobian: {"X": X},
    }
    if name == "softmax":
        del calls[fastnn.jacobian]
    shapes = {
        fastnn.forward: (samples, net.sizes[-1]),
        fastnn.loss: (),
        fastnn.gradient: (net.n_parameters,),
        fastnn.jacobian: (samples, net.sizes[-1], net.n_parameters),
    }
    for call, arguments in calls.items():
        whole = call(net, rows, **arguments)
        assert whole.shape == (100, *shapes[call])
        assert whole.dtype == dtype
        for count in COUNTS:
            part = call(net, rows[-count:], **arguments)
            assert part.shape == (count, *shapes[call])
            np.testing.assert_array_equal(bits(part), bits(whole[-count:]))
        for k in (0, 41):
            one = call(net, rows[k], **arguments)
            assert np.shape(one) == shapes[call]
            np.testing.assert_array_equal(np.asarray(one, dtype=dtype), whole[k])


def test_they_are_those_of_training():
    runs = fastnn.train_many(NET, X, Y, restarts=20, epochs=9, optimizer=fastnn.Adam(0.1))
    np.testing.assert_array_equal(fastnn.loss(NET, runs.parameters, X, Y), runs.loss)
    np.testing.assert_array_equal(fastnn.forward(NET, runs.parameters, X), runs.predict(X, "all"))
    run = runs.restart(4)
    assert fastnn.loss(NET, run.parameters, X, Y) == run.loss
    # One step of gradient descent is fused.
    step = fastnn.train(
        NET, X, Y, init=ROWS[0], epochs=1, optimizer=fastnn.GradientDescent(2.0**-9)
    )
    slopes = fastnn.gradient(NET, ROWS[0], X, Y)
    exact = ROWS[0].astype(np.longdouble) - slopes.astype(np.longdouble) * 2.0**-9
    np.testing.assert_array_equal(step.parameters, exact.astype(np.float64))


@pytest.mark.parametrize("samples", [1, 4, 15, 16, 33])
def test_jacobians_of_many_samples_and_outputs(samples):
    net = fastnn.Network([2, 3, 4], activation=["sigmoid", "leaky_relu"])
    rng = np.random.default_rng(samples)
    rows, X = rng.normal(size=(3, net.n_parameters)), rng.normal(size=(samples, 2))
    found = fastnn.jacobian(net, rows, X)
    for k in range(3):
        assert_near(found[k], naive_jacobian(net, rows[k], X), 1e-13)
    np.testing.assert_array_equal(found, fastnn.jacobian(net, rows, X, np.full((samples, 4), 3.0)))


def test_jacobians_in_groups(monkeypatch):
    """A result too large for one call is computed a few networks at a time."""
    rows = np.random.default_rng(1).normal(size=(37, NET.n_parameters))
    whole = fastnn.jacobian(NET, rows, X)
    for numbers in (1, 3000, 10**5):
        monkeypatch.setattr("fastnn.engine.evaluate.GROUP", numbers)
        np.testing.assert_array_equal(fastnn.jacobian(NET, rows, X), whole)


def test_large_networks():
    """Whose parameters are too many for lanes."""
    net = fastnn.Network([40, 60, 30, 2], activation=["relu", "tanh", "identity"])
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(70, 40)), rng.normal(size=(70, 2))
    rows = 0.2 * rng.normal(size=(9, net.n_parameters))
    residuals = fastnn.forward(net, rows, X) - y
    gradients = fastnn.gradient(net, rows, X, y)
    jacobians = fastnn.jacobian(net, rows, X)
    assert_near(2 * np.einsum("knj,knjp->kp", residuals, jacobians), gradients)
    one = fastnn.gradient(net, rows[3], X, y)
    np.testing.assert_array_equal(one, gradients[3])


def test_float32_is_near_float64():
    for name, (net, kind) in PROBLEMS.items():
        rng = np.random.default_rng(5)
        X, y = rng.normal(size=(50, 3)), rng.uniform(size=(50, net.sizes[-1]))
        y = y / y.sum(axis=1, keepdims=True) if name == "softmax" else y
        rows = rng.uniform(-1, 1, (10, net.n_parameters)).astype(np.float32)
        for call in (fastnn.loss, fastnn.gradient):
            single, double = (
                call(net, array, X, y, loss=kind) for array in (rows, rows.astype(float))
            )
            assert (single.dtype, double.dtype) == (np.float32, np.float64)
            assert_near(single, double, 3e-6)


def test_shapes_and_types():
    for parameters in (ROWS.tolist(), ROWS[:, ::-1][:, ::-1], np.asfortranarray(ROWS)):
        np.testing.assert_array_equal(
            fastnn.forward(NET, parameters, X), fastnn.forward(NET, ROWS, X)
        )
        np.testing.assert_array_equal(
            fastnn.gradient(NET, parameters, X.tolist(), np.asfortranarray(Y)),
            fastnn.gradient(NET, ROWS, X, Y),
        )
    whole = fastnn.loss(NET, np.ones(NET.n_parameters, dtype=int), X, Y)
    assert whole == fastnn.loss(NET, np.ones(NET.n_parameters), X, Y)
    assert fastnn.forward(NET, ROWS[:1], X).shape == (1, 7, 2)
    assert fastnn.loss(NET, ROWS[:1], X, Y).shape == (1,)
    one_output = fastnn.Network([3, 1])
    w = np.arange(4.0)
    assert fastnn.loss(one_output, w, X, Y[:, 0]) == fastnn.loss(one_output, w, X, Y[:, :1])
    assert fastnn.jacobian(one_output, w, X, Y[:, 0]).shape == (7, 1, 4)


def test_nothing_is_written_to_what_is_given():
    weights = np.linspace(0, 1, 7)
    for dtype in DTYPES:
        arrays = [array.astype(dtype) for array in (ROWS, X, Y, weights)]
        copies = [array.copy() for array in arrays]
        for array in arrays:
            array.flags.writeable = False
        rows, inputs, targets, shares = arrays
        for parameters in (rows, rows[2]):
            results = [
                fastnn.forward(NET, parameters, inputs),
                fastnn.loss(NET, parameters, inputs, targets, loss="mse", sample_weight=shares),
                fastnn.gradient(NET, parameters, inputs, targets, sample_weight=shares),
                fastnn.jacobian(NET, parameters, inputs, targets),
            ]
            for result in results:
                if isinstance(result, np.ndarray):
                    assert result.flags.writeable
                    assert not any(np.shares_memory(result, array) for array in arrays)
        for array, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(bits(array), bits(copy))


def test_numbers_beyond_the_range():
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    assert fastnn.loss(net, [1e200], [[1.0]], [[0.0]]) == np.inf
    found = fastnn.loss(net, np.array([[1e200], [1.0], [1e155], [2.0]]), [[1.0]], [[0.0]])
    assert found.tolist() == [np.inf, 1, np.inf, 4]
    assert fastnn.gradient(net, [1e200], [[1e200]], [[0.0]]).tolist() == [np.inf]
    assert fastnn.gradient(net, [1e200], [[1.0]], [[0.0]]).tolist() == [2e200]
    huge = fastnn.forward(net, [1e200], [[1e200]])
    assert huge.tolist() == [[np.inf]]


NAN, INF = np.nan, np.inf
W = ROWS[0]
FUNCTIONS = {
    "forward": lambda net=NET, w=W, X=X, y=None: fastnn.forward(net, w, X),
    "loss": lambda net=NET, w=W, X=X, y=Y, **kw: fastnn.loss(net, w, X, y, **kw),
    "gradient": lambda net=NET, w=W, X=X, y=Y, **kw: fastnn.gradient(net, w, X, y, **kw),
    "jacobian": lambda net=NET, w=W, X=X, y=Y: fastnn.jacobian(net, w, X, y),
}
SHAPE = "parameters: expected shape (26,) or (networks, 26) for Network([3, 4, 2], activation="
ALL, WITH_TARGETS, WITH_LOSS = (
    tuple(FUNCTIONS), ("loss", "gradient", "jacobian"), ("loss", "gradient"),
)  # fmt: skip


def changed(array, value):
    array = np.array(array, dtype=float)
    array.flat[1] = value
    return array


CASES = [
    # functions, arguments, exception, beginning of the message
    (ALL, {"net": [3, 4, 2]}, TypeError, "net: expected a fastnn.Network, got [3, 4, 2]"),
    (ALL, {"net": None}, TypeError, "net: expected a fastnn.Network, got None"),
    (ALL, {"w": W[:-1]}, ValueError, SHAPE),
    (ALL, {"w": ROWS[:, 1:]}, ValueError, SHAPE),
    (ALL, {"w": ROWS[None]}, ValueError, SHAPE),
    (ALL, {"w": ROWS[:0]}, ValueError, SHAPE),
    (ALL, {"w": 1.0}, ValueError, SHAPE),
    (ALL, {"w": []}, ValueError, SHAPE),
    (ALL, {"w": None}, TypeError, "parameters: expected real numbers, got dtype object"),
    (ALL, {"w": "zeros"}, TypeError, "parameters: expected real numbers, got dtype <U5"),
    (ALL, {"w": W * 1j}, TypeError, "parameters: expected real numbers, got dtype complex128"),
    (ALL, {"w": [[1.0], [1.0, 2.0]]}, TypeError, "parameters: expected an array of numbers, got"),
    (ALL, {"w": changed(W, NAN)}, ValueError,
     "parameters: expected finite float64 numbers, got nan at index (1,)"),
    (ALL, {"w": changed(ROWS, -INF)}, ValueError,
     "parameters: expected finite float64 numbers, got -inf at index (0, 1)"),
    (ALL, {"w": np.ma.masked_array(W, W > 0)}, ValueError, "parameters: expected numbers without"),
    (ALL, {"X": X[0]}, ValueError, "X: expected shape (n, 3) for Network([3, 4, 2]"),
    (ALL, {"X": X[:, :2]}, ValueError, "X: expected shape (n, 3) for Network([3, 4, 2]"),
    (ALL, {"X": X[:0]}, ValueError, "X: expected at least one sample, got none"),
    (ALL, {"X": None}, TypeError, "X: expected real numbers, got dtype object"),
    (ALL, {"X": changed(X, NAN)}, ValueError,
     "X: expected finite float64 numbers, got nan at index (0, 1)"),
    (ALL, {"X": changed(X, 1e60), "w": W.astype("f4")}, ValueError,
     "X: expected finite float32 numbers, got 1e+60 at index (0, 1)"),
    (WITH_TARGETS, {"y": Y[:3]}, ValueError, "y: expected 7 rows, as many as X, got 3"),
    (WITH_TARGETS, {"y": Y[:, 0]}, ValueError, "y: expected shape (n, 2) for Network([3, 4, 2]"),
    (WITH_TARGETS, {"y": changed(Y, INF)}, ValueError, "y: expected finite float64 numbers, got"),
    (WITH_TARGETS, {"y": "ab"}, TypeError, "y: expected real numbers, got dtype <U2"),
    (WITH_LOSS, {"y": None}, TypeError, "y: expected real numbers, got dtype object"),
    (WITH_LOSS, {"loss": "l2"}, ValueError, "loss: expected one of fastnn.SSE, fastnn.MSE, "),
    (WITH_LOSS, {"loss": 2}, TypeError, "loss: expected one of fastnn.SSE, fastnn.MSE, "),
    (WITH_LOSS, {"loss": "cross_entropy"}, ValueError,
     "loss: expected the output activation 'softmax' for CrossEntropy, got 'identity'"),
    (WITH_LOSS, {"loss": fastnn.MSE(l2=(1, 2, 3))}, ValueError, "l2: expected one number, or 2"),
    (WITH_LOSS, {"loss": Huber(l2=1e60), "w": W.astype("f4")}, ValueError,
     "Huber(l2=): expected num"),
    (WITH_LOSS, {"net": fastnn.Network([3, 2], activation="softmax"), "w": np.ones(8)},
     ValueError, "loss: expected fastnn.CrossEntropy() for the output activation 'softmax', got"),
    (("jacobian",), {"net": fastnn.Network([3, 2], activation="softmax"), "w": np.ones(8)},
     ValueError, "net: expected an output activation other than 'softmax', which is not supported"),
    (WITH_LOSS, {"sample_weight": [1, 2]}, ValueError, "sample_weight: expected shape (7,) or (1,"),
    (WITH_LOSS, {"sample_weight": np.ones((3, 7)), "w": ROWS}, ValueError,
     "sample_weight: expected shape (7,) or (5, 7), Bootstrap() or KFold(…), got shape (3, 7)"),
    (WITH_LOSS, {"sample_weight": -np.ones(7)}, ValueError, "sample_weight: expected numbers >= 0"),
    (WITH_LOSS, {"sample_weight": "balanced"}, TypeError, "sample_weight: expected real numbers"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "exception", "message"),
    [(name, *case) for names, *case in CASES for name in names],
)
def test_bad_input(name, arguments, exception, message, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a kernel was called")

    monkeypatch.setattr("fastnn.engine.launch.run_piece", never)
    monkeypatch.setattr("fastnn.engine.evaluate.predict", never)
    with pytest.raises(exception, match="^" + re.escape(message)):
        FUNCTIONS[name](**arguments)
