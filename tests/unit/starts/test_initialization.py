"""Initial parameters: against the reference, and against the documented distributions."""

import math

import numpy as np
import pytest
from conftest import assert_same_bits, bits

import fastnn
from fastnn import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Network,
    NguyenWidrow,
    Normal,
    PerLayer,
    Uniform,
)
from fastnn.starts.balanced import BalancedNormal

SIZES = (3, 5, 4, 2)
COUNT = 7
SWEEP = np.linspace(0.2, 2, COUNT)
EXAMPLES = {
    "Uniform": Uniform(-0.3, 0.9),
    "Uniform, arrays": Uniform(-SWEEP, 2 * SWEEP),
    "Normal": Normal(),
    "Normal, other numbers": Normal(0.3, 2.5),
    "Normal, arrays": Normal(SWEEP - 1, SWEEP),
    "Normal, per layer": Normal(0.1, PerLayer(1.0, 0.3, 2.0)),
    "Normal, mean array, per layer": Normal(SWEEP, PerLayer(1.0, 0.0, 2.0)),
    "Normal of no width": Normal(0.25, 0.0),
    "GlorotUniform": GlorotUniform(),
    "GlorotNormal": GlorotNormal(),
    "HeUniform": HeUniform(),
    "HeNormal": HeNormal(),
    "GlorotUniform, gain": GlorotUniform(SWEEP),
    "HeNormal, gain": HeNormal(math.sqrt(2)),
    "HeNormal, no gain": HeNormal(0),
    "NguyenWidrow": NguyenWidrow(),
    "NguyenWidrow, gains": NguyenWidrow(SWEEP),
    "NguyenWidrow, no gain": NguyenWidrow(0),
}
ARRAYS = [name for name in EXAMPLES if "array" in name or name.endswith("gains")] + [
    "GlorotUniform, gain"
]
BALANCED = (GlorotUniform, GlorotNormal, HeUniform, HeNormal)


def data(net):
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, net.sizes[0])), rng.normal(size=(3, net.sizes[-1]))


def starts(train, init, net=None, **options):
    net = net or Network(SIZES, activation="tanh")
    return train(net, *data(net), init=init, epochs=0, **options)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_agreement_with_the_reference(name, dtype, bias):
    net = Network(SIZES, activation="tanh", bias=bias)
    options = {"net": net, "restarts": COUNT, "seed": 11, "first": 5, "dtype": dtype}
    runs = starts(fastnn.train_many, EXAMPLES[name], **options)
    expected = starts(fastnn.reference.train_many, EXAMPLES[name], **options)
    assert runs.parameters.dtype == expected.parameters.dtype == dtype
    if name.startswith("Uniform") and dtype == "float64":
        np.testing.assert_array_equal(bits(runs.parameters), bits(expected.parameters))
    else:
        tolerance = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            runs.parameters, expected.parameters, rtol=tolerance, atol=tolerance
        )
    assert (runs.epochs == 0).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_one_and_many_agree_bit_for_bit(name, dtype):
    options = {"seed": 2**64 - 1, "dtype": dtype}
    runs = starts(fastnn.train_many, EXAMPLES[name], restarts=COUNT, **options)
    for k in range(COUNT):
        np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(runs.parameters[k]))
        if name not in ARRAYS:
            run = starts(fastnn.train, EXAMPLES[name], restart=k, **options)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            side_by_side = starts(
                fastnn.train, EXAMPLES[name], restart=k, parallel="samples", **options
            )
            np.testing.assert_array_equal(bits(side_by_side.parameters), bits(run.parameters))
    for others in ({"threads": 3, "chunk": 2}, {"threads": 1, "chunk": 1}):
        again = starts(fastnn.train_many, EXAMPLES[name], restarts=COUNT, **options, **others)
        assert_same_bits(again, runs)


def test_restarts_in_lanes_that_are_taken_up_again():
    """Restarts of one epoch or none, in lanes that others have left."""
    net = Network(SIZES, activation="tanh")
    for init in (NguyenWidrow(), HeNormal(), Normal(std=PerLayer(1, 2, 3))):
        options = {"restarts": 300, "init": init, "epochs": 2, "target_sse": 6.0}
        runs = fastnn.train_many(net, *data(net), **options)
        assert len(set(runs.epochs)) > 1
        for k in (0, 150, 299):
            run = runs.restart(k)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_give_each_restart_its_own(name):
    init = EXAMPLES[name]
    runs = starts(fastnn.train_many, init, restarts=COUNT)
    for k in range(COUNT):
        own = {
            field: value[k] if isinstance(value, np.ndarray) else value
            for field, value in vars(init).items()
        }
        run = starts(fastnn.train, type(init)(**own), restart=k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))


def draws(init, dtype="float64", sizes=(4, 25, 5), restarts=500, **options):
    """Weights of both layers over many restarts, and biases of both."""
    net = Network(sizes, activation="tanh")
    runs = starts(fastnn.train_many, init, net=net, restarts=restarts, dtype=dtype, seed=9,
                  **options)  # fmt: skip
    parts = [net.unpack(row) for row in runs.parameters.astype(np.float64)]
    return [
        np.array([part[which][layer] for part in parts]) for which in (0, 1) for layer in (0, 1)
    ]


def assert_distribution(values, cumulative, mean, variance):
    """Mean, variance, and the largest distance from the distribution function (Kolmogorov)."""
    x = np.sort(values.ravel())
    n = len(x)
    spread = math.sqrt(variance)
    assert abs(x.mean() - mean) < 5 * spread / math.sqrt(n)
    assert abs(x.var() / variance - 1) < 5 * math.sqrt(2 / n)
    expected = cumulative((x - mean) / spread)
    steps = np.arange(n + 1) / n
    distance = max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max())
    assert distance < 2.2 / math.sqrt(n)  # exceeded once in 8,000 times


def normal(z):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])


def uniform(z):
    return np.clip(0.5 + z / math.sqrt(12), 0, 1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("init", "cumulative", "variances"),
    [
        (Uniform(-1, 1), uniform, (1 / 3, 1 / 3)),
        (Normal(std=2), normal, (4, 4)),
        (Normal(std=PerLayer(0.5, 3)), normal, (0.25, 9)),
        (GlorotUniform(), uniform, (2 / 29, 2 / 30)),
        (GlorotNormal(), normal, (2 / 29, 2 / 30)),
        (GlorotNormal(3.0), normal, (18 / 29, 18 / 30)),
        (HeUniform(), uniform, (2 / 4, 2 / 25)),
        (HeNormal(), normal, (2 / 4, 2 / 25)),
        (HeUniform(0.5), uniform, (0.5 / 4, 0.5 / 25)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_distributions(init, cumulative, variances, dtype):
    first, second, below, above = draws(init, dtype)
    assert first.size + second.size > 1e5
    for weights, biases, variance in zip((first, second), (below, above), variances, strict=True):
        assert_distribution(weights, cumulative, 0, variance)
        if isinstance(init, BALANCED):
            assert (biases == 0).all()
        else:
            assert_distribution(biases, cumulative, 0, variance)
        # Neighbours, and one weight of neighbouring restarts, have nothing to do with each other.
        flat = weights.reshape(len(weights), -1)
        for a, b in ((flat[:, :-1], flat[:, 1:]), (flat[:-1], flat[1:])):
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / math.sqrt(a.size)


def test_mean_and_width():
    values = draws(Normal(3.0, 0.5))[0]
    assert_distribution(values, normal, 3.0, 0.25)
    values = draws(Uniform(2.0, 5.0))[0]
    assert_distribution(values, uniform, 3.5, 9 / 12)
    assert (values.min() >= 2) & (values.max() < 5)
    assert (draws(Normal(0.25, 0.0))[0] == 0.25).all()
    gain = draws(HeNormal(2.5))[0]
    np.testing.assert_allclose(gain, 2.5 * draws(HeNormal())[0], rtol=1e-15)


def test_limits_of_uniform_ones():
    for init, layer_limits in (
        (GlorotUniform(), (math.sqrt(6 / 29), math.sqrt(6 / 30))),
        (HeUniform(), (math.sqrt(6 / 4), math.sqrt(6 / 25))),
    ):
        for weights, limit in zip(draws(init)[:2], layer_limits, strict=True):
            assert np.abs(weights).max() <= limit
            assert np.abs(weights).max() > 0.999 * limit


def test_normal_numbers_are_the_quantiles_of_the_uniform_ones():
    net = Network([10, 10])
    raw = np.random.Philox(key=np.array([3, 8], dtype=np.uint64)).random_raw(net.n_parameters)
    from statistics import NormalDist

    run = starts(fastnn.train, Normal(), net=net, seed=3, restart=8)
    u = [((int(r) >> 11) + 0.5) / 2**53 for r in raw]
    expected = [NormalDist().inv_cdf(value) for value in u]
    np.testing.assert_allclose(run.parameters, expected, rtol=1e-14)
    single = starts(fastnn.train, Normal(), net=net, seed=3, restart=8, dtype="float32")
    u = [((int(r) >> 41) + 0.5) / 2**23 for r in raw]
    expected = [NormalDist().inv_cdf(value) for value in u]
    np.testing.assert_allclose(single.parameters, expected, rtol=1e-6)
    np.testing.assert_allclose(single.parameters, run.parameters, atol=1e-4)


def test_a_bias_passes_over_its_random_number():
    """Weights of all balanced starts are those of the normal or uniform one, scaled."""
    net = Network(SIZES, activation="tanh")
    for init in (GlorotUniform(), GlorotNormal(), HeUniform(), HeNormal()):
        base = (
            Normal() if isinstance(init, BalancedNormal) else Uniform(-math.sqrt(3), math.sqrt(3))
        )
        found = starts(fastnn.train, init, seed=1)
        plain = starts(fastnn.train, base, seed=1)
        pairs = zip(net.sizes[:-1], net.sizes[1:], strict=True)
        for w, v, b, pair in zip(found.weights, plain.weights, found.biases, pairs, strict=True):
            np.testing.assert_allclose(w, v * math.sqrt(init.variance(*pair)), rtol=1e-13)
            assert (b == 0).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_nguyen_widrow(gain, dtype):
    sizes = (4, 25, 5)
    first, second, below, above = draws(NguyenWidrow(gain), dtype, sizes)
    beta = 0.7 * sizes[1] ** (1 / sizes[0])
    tolerance = 4 * np.finfo(dtype).eps
    lengths = np.linalg.norm(first, axis=1)
    np.testing.assert_allclose(lengths, gain * beta, rtol=tolerance)
    assert_distribution(below, uniform, 0, (2 * gain * beta) ** 2 / 12)
    assert np.abs(below).max() <= gain * beta * (1 + tolerance)
    for values in (second, above):
        assert_distribution(values, uniform, 0, gain**2 / 12)
        assert np.abs(values).max() <= gain / 2
    # Directions of all signs.
    assert abs(first.mean()) < 5 * gain * beta / 2 / math.sqrt(first.size)


def test_nguyen_widrow_of_a_deep_network():
    net = Network([3, 5, 4, 6, 2], activation="tanh", bias=False)
    run = starts(fastnn.train, NguyenWidrow(), net=net)
    for w in run.weights[:-1]:
        n_in, n_out = w.shape
        beta = 0.7 * n_out ** (1 / n_in)
        np.testing.assert_allclose(np.linalg.norm(w, axis=0), beta, rtol=1e-15 * 4)
    assert np.abs(run.weights[-1]).max() <= 0.5
    # Without a hidden layer nothing is scaled.
    only = starts(fastnn.train, NguyenWidrow(), net=Network([3, 2]), seed=5)
    plain = starts(fastnn.train, Uniform(-0.5, 0.5), net=Network([3, 2]), seed=5)
    np.testing.assert_allclose(only.parameters, plain.parameters, rtol=0, atol=1e-16)


def test_training_from_every_start_agrees_with_the_reference():
    net = Network(SIZES, activation=["tanh", "relu", "identity"])
    for name, init in EXAMPLES.items():
        options = {"init": init, "restarts": COUNT, "epochs": 200,
                   "optimizer": fastnn.GradientDescent(1e-3)}  # fmt: skip
        runs = fastnn.train_many(net, *data(net), **options)
        expected = fastnn.reference.train_many(net, *data(net), **options)
        np.testing.assert_allclose(runs.loss, expected.loss, rtol=1e-9, err_msg=name)
