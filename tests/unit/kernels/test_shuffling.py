"""Shuffled batches: the permutations, the reference, tiles, and the same bits by every kernel."""

from itertools import permutations

import numpy as np
import pytest
from conftest import assert_same_bits, bits

import fastnn
from fastnn import Adam, Bootstrap, GradientDescent, KFold
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.kernels import workspace
from fastnn.reference.train import permutation

pytestmark = pytest.mark.thorough

EPOCHS, SAMPLES, RESTARTS = 200, 23, 12
NET = fastnn.Network([3, 4, 2], activation=["tanh", "identity"])
_RNG = np.random.default_rng(7)
X, Y = _RNG.normal(size=(SAMPLES, 3)), 0.5 * _RNG.normal(size=(SAMPLES, 2))
OPTIMIZERS = {"gradient descent": GradientDescent(0.02, momentum=0.5), "Adam": Adam(3e-3)}
WEIGHTS = {
    "none": None,
    "common": _RNG.uniform(size=SAMPLES) * (np.arange(SAMPLES) % 5 > 0),
    "by restart": _RNG.uniform(size=(RESTARTS, SAMPLES)),
    "Bootstrap": Bootstrap(),
    "KFold": KFold(4),
}
LOSSES = {
    "MSE": (fastnn.MSE(), ("tanh", "identity"), Y),
    "SSE with penalties": (fastnn.SSE(l2=0.01, l1=0.001), ("softplus", "sine"), Y),
    "Huber": (fastnn.Huber(delta=0.4), ("relu", "tanh"), Y),
    "BinaryCrossEntropy": (fastnn.BinaryCrossEntropy(l2=1e-3), ("elliott", "sigmoid"), Y > 0),
    "CrossEntropy": (
        fastnn.CrossEntropy(l1=1e-3, penalize_biases=True),
        ("gaussian", "softmax"),
        np.eye(2)[np.arange(SAMPLES) % 3 % 2],
    ),
}


def orders(samples, epoch, restarts, **options):
    """The kernel's orders in one epoch: (restarts, samples), the sample in each place.

    Each sample has a weight of its own, which nothing moves before that epoch, and then by 1 in its
    sample's batch and in all that follow.
    """
    net = fastnn.Network([samples, 1], activation="identity", bias=False)
    data = net, np.eye(samples), np.ones(samples)
    options = {"batch_size": 1, "shuffle": True, **options}
    still, moving = GradientDescent(0.0, momentum=1.0), GradientDescent(0.5, momentum=1.0)
    before = fastnn.train_many(
        *data, restarts=restarts, optimizer=still, epochs=epoch, init=np.zeros(samples), **options
    )
    options.pop("seed", None)
    options.pop("first", None)
    after = fastnn.train_many(*data, continue_from=before, optimizer=moving, epochs=1, **options)
    assert (before.parameters == 0).all()
    places = samples - after.parameters.astype(np.int64)
    assert (np.sort(places) == np.arange(samples)).all()
    return np.argsort(places, axis=1)


@pytest.mark.parametrize("samples", [2, 3, 8, 9, 10, 17, 100])
def test_orders_are_permutations_and_the_reference_has_them(samples):
    seen = []
    for epoch in (0, 1, 5):
        found = orders(samples, epoch, 40)
        assert (np.sort(found) == np.arange(samples)).all()
        for k in range(40):
            assert found[k].tolist() == permutation(0, k, epoch, samples).tolist()
        seen.append(found)
    if samples > 9:  # no two of 120 are alike
        assert len(np.unique(np.concatenate(seen), axis=0)) == 120


@pytest.mark.parametrize("seed", [1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("first", [0, 7, 2**32, 2**62])
def test_orders_of_other_seeds_and_restarts(seed, first):
    found = orders(11, 3, 5, seed=seed, first=first)
    for k in range(5):
        assert found[k].tolist() == permutation(seed, first + k, 3, 11).tolist()
    assert (found != orders(11, 3, 5, seed=seed - 1, first=first)).any(axis=1).all()


def assert_uniform(counts):
    """By Pearson's chi-square, within four standard deviations; nothing here is random."""
    counts = np.asarray(counts).ravel()
    mean = counts.mean()
    assert mean >= 20
    freedom = len(counts) - 1
    chi_square = ((counts - mean) ** 2 / mean).sum()
    assert abs(chi_square - freedom) < 4 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
def test_all_orders_are_equally_likely(samples):
    numbers = {order: i for i, order in enumerate(permutations(range(samples)))}
    drawn = []
    for epoch in (0, 1):
        found = orders(samples, epoch, 20_000)
        drawn.append(np.array([numbers[tuple(order)] for order in found.tolist()]))
        assert_uniform(np.bincount(drawn[-1], minlength=len(numbers)))
    if samples <= 4:  # in two epochs independently, and of two neighbours
        pairs = np.bincount(drawn[0] * len(numbers) + drawn[1], minlength=len(numbers) ** 2)
        assert_uniform(pairs)
        near = drawn[0][:-1] * len(numbers) + drawn[0][1:]
        assert_uniform(np.bincount(near, minlength=len(numbers) ** 2))


def test_every_sample_is_equally_often_in_every_place():
    counts = np.zeros((23, 23))
    for order in orders(23, 2, 20_000):
        counts[np.arange(23), order] += 1
    assert_uniform(counts)
    for place in (0, 1, 11, 21, 22):
        assert_uniform(counts[place])


def case(loss, weighting="none", **options):
    kind, activation, y = LOSSES[loss]
    net = fastnn.Network([3, 4, 2], activation=activation)
    return (net, X, y), {
        "loss": kind, "sample_weight": WEIGHTS[weighting], "batch_size": 5, "shuffle": True,
        "epochs": EPOCHS, "optimizer": OPTIMIZERS["gradient descent"], **options,
    }  # fmt: skip


def assert_agrees(data, options, restarts=RESTARTS, checked=(0, 11)):
    runs = fastnn.train_many(*data, restarts=restarts, **options)
    for k in checked:
        weights = options["sample_weight"]
        if isinstance(weights, np.ndarray) and weights.ndim == 2:
            weights = weights[k]
        alone = {**options, "restart": k, "sample_weight": weights}
        expected = fastnn.reference.train(*data, **alone)
        run = fastnn.train(*data, **alone)
        np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)
        np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert run.loss == runs.loss[k] < run.history[0]
    assert len(set(runs.loss)) == restarts


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_reference_with_weights(name, weighting):
    assert_agrees(*case("MSE", weighting, optimizer=OPTIMIZERS[name]))


@pytest.mark.parametrize("weighting", ["none", "by restart", "Bootstrap"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_reference_with_losses(loss, weighting):
    rate = 2e-3 if loss == "SSE with penalties" else 0.02
    assert_agrees(*case(loss, weighting, optimizer=GradientDescent(rate, momentum=0.3)))


@pytest.mark.parametrize("size", [1, 2, 11, 22])
def test_the_reference_with_other_batches(size):
    """The last batch is of one sample, or of half as many as the others, or nearly empty."""
    schedule = fastnn.CosineDecay(150, floor=0.1)
    optimizer = GradientDescent(5e-3, momentum=0.5, nesterov=True, clip=0.4, schedule=schedule)
    assert_agrees(*case("Huber", "Bootstrap", batch_size=size, optimizer=optimizer), checked=(11,))


# Batches of more samples than lie in a tile of the first-level cache: units of the hidden layer,
# samples, batch.
TILED = {"many samples": (8, 900, 300), "wide": (300, 50, 17), "both": (60, 200, 190)}


def tile_of(net, samples, size):
    needs = workspace.Needs(factors=True, gathers=size)
    return workspace.make_plan(net, samples, 8, 8, needs).tile


@pytest.mark.parametrize("weighting", ["none", "common", "Bootstrap"])
@pytest.mark.parametrize("name", TILED)
def test_batches_of_several_tiles(name, weighting):
    hidden, samples, size = TILED[name]
    net = fastnn.Network([3, hidden, 2], activation=["tanh", "identity"])
    assert tile_of(net, samples, size) < size
    rng = np.random.default_rng(4)
    data = net, rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))
    weights = rng.uniform(size=samples) if weighting == "common" else WEIGHTS[weighting]
    options = {
        "loss": "mse", "batch_size": size, "shuffle": True, "epochs": 25, "sample_weight": weights,
        "optimizer": GradientDescent(0.02, momentum=0.5),
    }  # fmt: skip
    assert_agrees(data, options, restarts=9, checked=(0, 8))


@pytest.mark.parametrize("loss", LOSSES)
def test_tiles_change_no_bit(loss, in_tiles):
    data, options = case(loss, "Bootstrap", batch_size=19, epochs=20)
    whole = fastnn.train_many(*data, restarts=30, **options)
    for n_bytes in (1, 6000, 12000):
        tiled = in_tiles(n_bytes, lambda: fastnn.train_many(*data, restarts=30, **options))
        assert_same_bits(tiled, whole)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("weighting", ["none", "common", "Bootstrap"])
@pytest.mark.parametrize("loss", LOSSES)
def test_bits(loss, weighting, dtype):
    data, options = case(loss, weighting, epochs=30, dtype=dtype, batch_size=7)
    options["optimizer"] = Adam(0.01)
    expected = fastnn.train_many(*data, restarts=30, threads=1, **options)
    for more in ({"threads": 2}, {"chunk": 1}, {"chunk": 7, "threads": 3}):
        assert_same_bits(fastnn.train_many(*data, restarts=30, **options, **more), expected)
    job = make_job(*data, restarts=30, **options)
    for lanes in (2, 8, 16, 32):
        part = train_chunk(job, 3, 28, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[3:28]))
        np.testing.assert_array_equal(bits(part.loss), bits(expected.loss[3:28]))
    for k in (0, 17):
        for run in (expected.restart(k), fastnn.train(*data, restart=k, **options)):
            np.testing.assert_array_equal(bits(run.parameters), bits(expected.parameters[k]))
            assert (run.loss, run.epochs) == (expected.loss[k], expected.epochs[k])
            assert len(run.history) == 31


def test_restarts_that_end_early_keep_their_orders():
    """Lanes are refilled at other times than their restarts' own, and epochs count from there."""
    data, options = case("MSE", epochs=120, stop=fastnn.LossBelow(0.2))
    runs = fastnn.train_many(*data, restarts=300, **options)
    assert len(set(runs.epochs)) > 20
    for k in range(0, 300, 23):
        run = fastnn.train(*data, restart=k, **options)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.epochs, run.status) == (runs.epochs[k], runs.status[k])
    for k in (0, 23):
        expected = fastnn.reference.train(*data, restart=k, **options)
        assert (expected.epochs, expected.status) == (runs.epochs[k], runs.status[k])
    few = fastnn.train_many(*data, restarts=40, first=130, **options)
    assert_same_bits(few, runs[130:170])


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_looked_at_changes_no_bit_of_the_way(loss):
    """History, targets and rules add passes over all samples, and no more."""
    data, options = case(loss, "common", epochs=37)
    plain = fastnn.train(*data, history=False, **options)
    every = fastnn.train(*data, **options)
    np.testing.assert_array_equal(bits(every.parameters), bits(plain.parameters))
    for more in (
        {"history": 7},
        {"stop": fastnn.LossBelow(1e-9), "history": False},
        {"target_sse": 1e-9},
        {"stop": [fastnn.GradientBelow(1e-9), fastnn.NoProgress(1000)], "history": 5},
        {"stop": fastnn.Validation(1000), "validation": (X[:5], data[2][:5])},
    ):
        run = fastnn.train(*data, **{**options, **more})
        if "validation" not in more:  # whose result are the best parameters
            np.testing.assert_array_equal(bits(run.parameters), bits(plain.parameters))
            assert run.loss == plain.loss
        if run.history is not None:
            np.testing.assert_array_equal(run.history, every.history[:: run.history_every])


def test_shuffling_whole_batches_is_no_shuffling():
    data, options = case("MSE", epochs=20)
    whole = fastnn.train_many(*data, restarts=9, **{**options, "shuffle": False, "batch_size": 23})
    for size in (23, 1000):
        same = fastnn.train_many(*data, restarts=9, **{**options, "batch_size": size})
        assert_same_bits(same, whole)
    given = fastnn.train_many(*data, restarts=9, **{**options, "shuffle": False})
    shuffled = fastnn.train_many(*data, restarts=9, **options)
    assert (given.parameters != shuffled.parameters).any(axis=1).all()
    # An epoch passes over every sample once: with small steps the order hardly matters.
    small = {**options, "optimizer": GradientDescent(1e-6), "epochs": 1}
    near = fastnn.train_many(*data, restarts=9, **small)
    other = fastnn.train_many(*data, restarts=9, **{**small, "shuffle": False})
    start = fastnn.train_many(*data, restarts=9, **{**small, "epochs": 0})
    np.testing.assert_allclose(
        near.parameters - start.parameters, other.parameters - start.parameters, rtol=0, atol=1e-6
    )


def test_the_start_is_that_without_shuffling():
    """Orders, starts and resamples come from streams of their own."""
    data, options = case("MSE", "Bootstrap", epochs=0)
    shuffled = fastnn.train_many(*data, restarts=9, **options)
    given = fastnn.train_many(*data, restarts=9, **{**options, "shuffle": False})
    assert_same_bits(shuffled, given)
