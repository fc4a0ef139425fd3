"""Sample weights: given ones, and those of the bootstrap and of cross-validation."""

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from loss_examples import LOSSES, problem, settings

import fastnn
from fastnn import Bootstrap, GradientDescent, KFold

KINDS = {"Bootstrap": Bootstrap(), "KFold": KFold(4), "KFold of more than samples": KFold(1000)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("samples", "seed", "first"), [(21, 0, 0), (7, 2**64 - 1, 2**62), (2, 5, 3), (102, 9, 10)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_as_given_weights(kind, samples, seed, first, dtype):
    net, X, y = problem("SSE", samples)
    arguments = settings("MSE", epochs=10, restarts=13, seed=seed, first=first, dtype=dtype)
    own = fastnn.train_many(net, X, y, sample_weight=KINDS[kind], **arguments)
    rows = np.array([KINDS[kind].numpy_weights(seed, k, samples) for k in range(first, first + 13)])
    given = fastnn.train_many(net, X, y, sample_weight=rows, **arguments)
    assert_same_bits(own, given)
    for k in (0, 12):
        for runs in (own, given):
            alone = runs.restart(first + k)
            np.testing.assert_array_equal(bits(alone.parameters), bits(own.parameters[k]))


def test_weights_of_one_are_no_weights():
    net, X, y = problem("SSE")
    for name in ("SSE", "MSE"):
        arguments = settings(name, epochs=20, restarts=9)
        plain = fastnn.train_many(net, X, y, **arguments)
        for ones in (np.ones(21), np.ones((9, 21)), np.ones(21, dtype=bool), [1] * 21):
            weighted = fastnn.train_many(net, X, y, sample_weight=ones, **arguments)
            np.testing.assert_allclose(weighted.loss, plain.loss, rtol=1e-13)


def test_integer_weights_repeat_samples():
    net, X, y = problem("SSE")
    counts = np.arange(21) % 4
    weighted = fastnn.train(net, X, y, sample_weight=counts, epochs=50,
                            optimizer=GradientDescent(1e-3))  # fmt: skip
    repeated = fastnn.train(net, np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0),
                            epochs=50, optimizer=GradientDescent(1e-3))  # fmt: skip
    np.testing.assert_allclose(weighted.history, repeated.history, rtol=1e-12)
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=0, atol=1e-13)


def test_bootstrap_draws_as_many_as_there_are():
    for samples in (1, 2, 5, 64, 1000):
        for k in (0, 1, 10**9):
            weights = Bootstrap().numpy_weights(3, k, samples)
            assert weights.shape == (samples,)
            assert weights.sum() == samples
            assert (weights == np.floor(weights)).all()
            assert (weights >= 0).all()


def test_bootstrap_is_uniform_and_differs_by_restart():
    samples, restarts = 10, 3000
    rows = np.array([Bootstrap().numpy_weights(1, k, samples) for k in range(restarts)])
    # Each count is binomial, with mean 1 and variance 0.9.
    assert np.abs(rows.mean(axis=0) - 1).max() < 5 * np.sqrt(0.9 / restarts)
    assert np.abs(rows.var(axis=0) - 0.9).max() < 0.15
    # Two counts of one restart have correlation -1 / 9; those of two restarts have none.
    assert abs(np.corrcoef(rows[:, 0], rows[:, 1])[0, 1] + 1 / 9) < 0.1
    assert abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 0.1
    assert not (rows[0] == Bootstrap().numpy_weights(2, 0, samples)).all()


def test_bootstrap_is_independent_of_the_start():
    """Draws have a stream of their own: the start is the one without it."""
    arguments = {"restarts": 9, "epochs": 0, "seed": 5}
    plain = fastnn.train_many(*problem("SSE"), **arguments)
    own = fastnn.train_many(*problem("SSE"), sample_weight=Bootstrap(), **arguments)
    np.testing.assert_array_equal(bits(own.parameters), bits(plain.parameters))
    samples = 10
    draws = [
        np.repeat(np.arange(samples), Bootstrap().numpy_weights(5, k, samples).astype(int))
        for k in range(500)
    ]
    uniforms = [
        np.random.Generator(np.random.Philox(key=np.array([5, k], dtype=np.uint64))).random(samples)
        for k in range(500)
    ]
    correlation = np.corrcoef(np.mean(draws, axis=1), np.mean(uniforms, axis=1))[0, 1]
    assert abs(correlation) < 0.2


def test_folds_share_out_the_samples():
    for folds, samples in ((2, 7), (5, 21), (21, 21), (30, 21)):
        kind = KFold(folds)
        masks = np.array([kind.left_out(k, samples) for k in range(folds)])
        assert (masks.sum(axis=0) == 1).all()  # each sample is left out once
        assert np.ptp(masks.sum(axis=1)) <= 1
        for k in (0, folds - 1, folds, 7 * folds + 1):
            expected = [i for i in range(samples) if i % folds == k % folds]
            assert np.flatnonzero(kind.left_out(k, samples)).tolist() == expected
            assert (kind.numpy_weights(0, k, samples) == ~kind.left_out(k, samples)).all()


@pytest.mark.parametrize("k", [0, 1, 3, 6])
@pytest.mark.parametrize("name", LOSSES)
def test_a_fold_trains_on_the_other_samples(name, k):
    net, X, y = problem(name)
    kept = ~KFold(4).left_out(k, len(X))
    kind, numbers, rate = LOSSES[name]
    runs = fastnn.train_many(
        net, X, y, loss=kind(**numbers), optimizer=GradientDescent(rate), sample_weight=KFold(4),
        restarts=8, epochs=60,
    )  # fmt: skip
    # A mean is over all samples, left out or not: a larger loss, and a smaller rate.
    share = 1.0 if name == "SSE" else kept.mean()
    alone = fastnn.train(
        net, X[kept], y[kept], loss=kind(**numbers), restart=k, epochs=60,
        optimizer=GradientDescent(rate * share),
    )  # fmt: skip
    assert runs.loss[k] == pytest.approx(alone.loss * share, rel=1e-12)
    np.testing.assert_allclose(runs.parameters[k], alone.parameters, rtol=0, atol=1e-13)
    # What is left out is there to be tested on.
    left = X[~kept]
    np.testing.assert_allclose(runs.predict(left, [k])[0], alone.predict(left), atol=1e-13)


def test_samples_of_no_weight_leave_no_trace():
    net, X, y = problem("SSE")
    weights = np.ones(21)
    weights[[0, 5, 20]] = 0
    other = X.copy(), y.copy()
    other[0][[0, 5, 20]] += 3
    other[1][[0, 5, 20]] -= 3
    arguments = {"sample_weight": weights, "epochs": 30, "optimizer": GradientDescent(1e-3)}
    for parallel in ("restarts", "samples"):
        one = fastnn.train(net, X, y, parallel=parallel, **arguments)
        two = fastnn.train(net, *other, parallel=parallel, **arguments)
        np.testing.assert_array_equal(one.parameters, two.parameters)
        np.testing.assert_array_equal(one.history, two.history)
        assert one.sse != two.sse


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3), "expected a number > 0, got only zeros"),
        ([False] * 3, "expected a number > 0, got only zeros"),
        (np.full(3, 1e-60), "expected a number > 0, got only zeros"),  # in float32
        ([[1, 0, 0], [0, 0, 0]], "expected a number > 0 in row 1, got only zeros"),
        ([1, -1, 1], "expected numbers >= 0, got -1"),
        ([1, np.nan, 1], "expected finite float32 numbers, got nan"),
    ],
)
def test_weights_of_nothing_are_refused(weights, message):
    net, X, y = fastnn.Network([2, 1]), np.eye(3)[:, :2], np.ones(3)
    for train in (fastnn.train_many, fastnn.reference.train_many):
        with pytest.raises(ValueError, match=f"sample_weight: {message}"):
            train(net, X, y, restarts=2, sample_weight=weights, dtype="float32")
    rows = np.zeros((2, net.n_parameters), dtype=np.float32)
    for function in (fastnn.loss, fastnn.gradient):
        with pytest.raises(ValueError, match=f"sample_weight: {message}"):
            function(net, rows, X, y, sample_weight=weights)


def test_a_fold_without_samples_to_train_on_is_refused():
    net, X, y = fastnn.Network([2, 1]), np.ones((1, 2)), np.ones(1)
    for first, restarts in ((0, 1), (1, 4), (4, 1)):
        with pytest.raises(ValueError, match="sample_weight: expected at least 2 samples with KFo"):
            fastnn.train_many(net, X, y, restarts=restarts, first=first, sample_weight=KFold(4))
    kept = {"restarts": 3, "first": 1, "sample_weight": KFold(4), "epochs": 1}
    assert len(fastnn.train_many(net, X, y, **kept)) == 3


def test_files_of_versions_that_took_weights_of_nothing_load(tmp_path, monkeypatch):
    net, X, y = fastnn.Network([2, 1]), np.ones((3, 2)), np.ones(3)
    with monkeypatch.context() as earlier:
        earlier.setattr("fastnn.job.build.check_any_weight", lambda *_: None)
        runs = fastnn.train_many(net, X, y, restarts=2, sample_weight=np.zeros(3), epochs=1)
    runs.save(tmp_path / "runs.npz")
    assert_same_bits(fastnn.load(tmp_path / "runs.npz"), runs)
