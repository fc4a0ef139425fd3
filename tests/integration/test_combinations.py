"""Every optimizer with every loss and kind of batches: kernels and reference for 200 epochs.

What the table on the page of options leaves out is refused, with an error that names what would do.
"""

import numpy as np
import pytest
from conftest import assert_same_bits, bits
from loss_examples import ALL_LOSSES, LOSSES, problem
from optimizer_examples import STEPS

import fastnn
from fastnn.optimizers import OPTIMIZERS
from fastnn.spec import losses

pytestmark = pytest.mark.thorough

EPOCHS = 200
BATCHES = {
    "full": {},
    "given order": {"batch_size": 5},
    "shuffled": {"batch_size": 5, "shuffle": True},
}
# Rates are multiples of the loss's own.  Trials of a line search and damped steps are accepted by
# comparisons, which rounding decides near a minimum: their losses agree, their parameters less.
MADE = {
    fastnn.GradientDescent: lambda rate: fastnn.GradientDescent(rate / 5, momentum=0.8),
    fastnn.RPROP: lambda rate: fastnn.RPROP("iRprop+", **STEPS),
    fastnn.Quickprop: lambda rate: fastnn.Quickprop(rate / 4, max_growth=0.4),
    fastnn.Adam: lambda rate: fastnn.Adam(0.003),
    fastnn.AdamW: lambda rate: fastnn.AdamW(0.003, weight_decay=0.1),
    fastnn.AMSGrad: lambda rate: fastnn.AMSGrad(0.003),
    fastnn.Nadam: lambda rate: fastnn.Nadam(0.003),
    fastnn.RMSProp: lambda rate: fastnn.RMSProp(0.001, decay=0.99, epsilon=0.03),
    fastnn.Adagrad: lambda rate: fastnn.Adagrad(0.01),
    fastnn.Lion: lambda rate: fastnn.Lion(0.0005),
    fastnn.LevenbergMarquardt: lambda rate: fastnn.LevenbergMarquardt(),
    fastnn.LBFGS: lambda rate: fastnn.LBFGS(),
}
SEARCHES = (fastnn.LevenbergMarquardt, fastnn.LBFGS)
FEW = ("SSE", "CrossEntropy")
# Shuffled batches train all that batches in order do.
CASES = [
    pytest.param(kind, loss, name, marks=[pytest.mark.slow] if name == "given order" else [])
    for kind in MADE
    for loss in LOSSES
    for name in BATCHES
]


def ids(value):
    return getattr(value, "__name__", value)


def arguments(kind, loss, batches):
    made, numbers, rate = LOSSES[loss]
    rate = rate / 4 if batches != "full" else rate
    return problem(loss), {
        "optimizer": MADE[kind](rate), "loss": made(**numbers), "epochs": EPOCHS, **BATCHES[batches]
    }  # fmt: skip


def allowed(kind, loss, batches):
    """The table on the page of options."""
    if kind is fastnn.LevenbergMarquardt and loss not in ("SSE", "MSE"):
        return False
    return batches == "full" or kind not in (*SEARCHES, fastnn.RPROP, fastnn.Quickprop)


def test_nothing_is_left_out():
    assert set(MADE) == set(OPTIMIZERS)
    assert {made for made, _, _ in ALL_LOSSES.values()} == set(losses.LOSSES)


@pytest.mark.parametrize(("kind", "loss", "batches"), CASES, ids=ids)
def test_kernel_against_reference(kind, loss, batches):
    data, options = arguments(kind, loss, batches)
    if not allowed(kind, loss, batches):
        with pytest.raises(ValueError, match=r"expected .*(SSE|Adam)|needs SSE"):
            fastnn.train(*data, **options)
        return
    run = fastnn.train(*data, **options)
    expected = fastnn.reference.train(*data, **options)
    shared = EPOCHS + 1
    if kind in SEARCHES:
        # Until the loss is near its lowest, but no longer than rounding errors stay small, which
        # each search multiplies: 200 epochs of L-BFGS make 1e-3 of 1e-16 on Huber's loss.
        shared = 1 + int(np.argmax(expected.history < expected.loss * (1 + 1e-4)))
        shared = min(shared, 40)
        assert shared > 10
        assert run.loss < run.history[shared - 1] * (1 + 1e-9)
    else:
        assert (run.epochs, run.status) == (expected.epochs, expected.status)
        np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run.history[:shared], expected.history[:shared], rtol=1e-9)
    runs = fastnn.train_many(*data, restarts=10, first=3, **options)
    again = runs.restart(7)
    np.testing.assert_array_equal(bits(again.parameters), bits(runs.parameters[4]))
    assert len(set(runs.loss)) == len(runs)
    if kind not in SEARCHES:
        expected = fastnn.reference.train(*data, restart=7, **options)
        np.testing.assert_allclose(again.parameters, expected.parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", MADE, ids=ids)
def test_threads_and_chunks(kind):
    data, options = arguments(kind, "MSE", "full")
    runs = fastnn.train_many(*data, restarts=40, **options)
    assert_same_bits(fastnn.train_many(*data, restarts=40, threads=2, chunk=7, **options), runs)


@pytest.mark.parametrize("kind", MADE, ids=ids)
@pytest.mark.parametrize(
    "loss", [pytest.param(n, marks=[] if n in FEW else [pytest.mark.slow]) for n in LOSSES]
)
def test_samples_in_lanes(kind, loss):
    data, options = arguments(kind, loss, "full")
    if kind is fastnn.LevenbergMarquardt:
        if loss in ("SSE", "MSE"):
            with pytest.raises(ValueError, match="parallel: 'samples' is not available with"):
                fastnn.train(*data, parallel="samples", **options)
        return
    options["epochs"] = 30
    run = fastnn.train(*data, parallel="samples", **options)
    other = fastnn.train(*data, **options)
    np.testing.assert_allclose(run.history, other.history, rtol=1e-9)
    many = fastnn.train_many(*data, restarts=3, parallel="samples", **options)
    np.testing.assert_array_equal(bits(many.parameters[0]), bits(run.parameters))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("samples", [150, 1000])
def test_batches_with_samples_in_lanes(shuffle, samples):
    net, X, y = problem("MSE", samples)
    options = {
        "loss": "mse", "optimizer": fastnn.Adam(0.01), "epochs": 20, "batch_size": 70,
        "shuffle": shuffle, "sample_weight": np.linspace(0, 1, samples),
    }  # fmt: skip
    run = fastnn.train(net, X, y, parallel="samples", **options)
    other = fastnn.train(net, X, y, **options)
    np.testing.assert_allclose(run.history, other.history, rtol=1e-9)
    expected = fastnn.reference.train(net, X, y, **options)
    np.testing.assert_allclose(other.history, expected.history, rtol=1e-9)


@pytest.mark.parametrize("samples", [3, 130, 3000])
def test_rules_of_one_network_and_of_many(samples):
    """Alone, samples lie side by side, in tiles; in lanes they do not."""
    net, X, y = problem("MSE", samples)
    options = {
        "loss": "mse", "optimizer": fastnn.GradientDescent(0.05), "epochs": 40,
        "stop": [fastnn.Validation(3), fastnn.SSEBelow(1e-9), fastnn.ErrorsWithin(1e-9)],
        "validation": (X[: samples // 2 + 1] + 0.3, y[: samples // 2 + 1]),
    }  # fmt: skip
    runs = fastnn.train_many(net, X, y, restarts=12, **options)
    for k in (0, 5, 11):
        run = runs.restart(k)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        assert (run.loss, run.epochs, run.status) == (
            runs.loss[k], runs.epochs[k], runs.status[k],
        )  # fmt: skip
    expected = fastnn.reference.train(net, X, y, restart=5, **options)
    assert (expected.epochs, expected.status) == (runs.epochs[5], runs.status[5])
    np.testing.assert_allclose(runs.parameters[5], expected.parameters, rtol=1e-9)


@pytest.mark.parametrize("kind", MADE, ids=ids)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_going_on_is_going_through(kind, dtype):
    data, options = arguments(kind, "MSE", "full")
    options |= {"dtype": dtype, "stop": [fastnn.NoProgress(30), fastnn.MeanLossBelow(1e-3, last=5)]}
    whole = fastnn.train(*data, **{**options, "epochs": 60})
    part = fastnn.train(*data, **{**options, "epochs": 23})
    rest = fastnn.train(*data, continue_from=part, **{**options, "epochs": 37})
    np.testing.assert_array_equal(bits(rest.parameters), bits(whole.parameters))
    assert (rest.loss, rest.epochs, rest.status) == (whole.loss, whole.epochs, whole.status)
    np.testing.assert_array_equal(rest.history, whole.history[part.epochs :])
    many = fastnn.train_many(*data, restarts=30, **{**options, "epochs": 60})
    parts = fastnn.train_many(*data, restarts=30, **{**options, "epochs": 23})
    rests = fastnn.train_many(*data, continue_from=parts, **{**options, "epochs": 37})
    assert_same_bits(rests, many)
    np.testing.assert_array_equal(bits(rests.restart(11).parameters), bits(many.parameters[11]))


@pytest.mark.parametrize("shuffle", [False, True])
def test_going_on_with_batches(shuffle):
    net, X, y = problem("MSE")
    options = {
        "loss": "mse", "batch_size": 4, "shuffle": shuffle,
        "optimizer": fastnn.Adam(0.01, schedule=fastnn.CosineDecay(50)),
    }  # fmt: skip
    many = fastnn.train_many(net, X, y, restarts=20, epochs=31, **options)
    parts = fastnn.train_many(net, X, y, restarts=20, epochs=14, **options)
    assert_same_bits(fastnn.train_many(net, X, y, continue_from=parts, epochs=17, **options), many)
    run = fastnn.train(net, X, y, restart=3, epochs=14, **options)
    rest = fastnn.train(net, X, y, continue_from=run, epochs=17, **options)
    np.testing.assert_array_equal(bits(rest.parameters), bits(many.parameters[3]))
