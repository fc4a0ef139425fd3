"""Losses of one's own, each made of one formula."""

import copy
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python
from naive import complex_step_gradient

import fastnn
from fastnn import GradientDescent, Network
from fastnn.extend import formulas
from fastnn.spec.losses import BY_NAME
from fastnn.spec.own_losses import OwnLoss, class_of

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(3)
X = RNG.normal(size=(23, 2))
Y = RNG.normal(size=(23, 2))
NET = Network([2, 4, 2], ["tanh", "identity"])


@pytest.fixture(autouse=True)
def _removed():
    """Remove the losses that a test added."""
    before = set(BY_NAME)
    yield
    for name in set(BY_NAME) - before:
        fastnn.extend.remove(name)


def pinball(prediction, target, *, q=0.5):
    """The pinball loss."""
    error = target - prediction
    return formulas.at_least(q * error, (q - 1.0) * error)


def nll(mean, log_variance, target):
    error = target - mean
    return 0.5 * (log_variance + error * error * formulas.exp(-log_variance))


def relative(prediction, target, *, floor=1.0, power=0.5):
    return (prediction - target) / formulas.exp(power * formulas.log(floor + target * target))


def test_by_name_class_and_object():
    kind = fastnn.extend.loss(pinball)
    assert issubclass(kind, OwnLoss)
    assert (kind.__name__, kind.__doc__) == ("pinball", "The pinball loss.")
    options = {"optimizer": GradientDescent(0.1), "epochs": 30}
    losses = {
        fastnn.train(NET, X, Y, loss=given, **options).loss
        for given in ("pinball", kind, kind(), kind(0.5), kind(q=0.5))
    }
    built_in = fastnn.train(NET, X, Y, loss=fastnn.Quantile(0.5), **options)
    assert len(losses) == 1
    assert losses.pop() == pytest.approx(built_in.loss, rel=1e-12)
    assert (
        repr(kind(0.9)) == "pinball(l2=0.0, l1=0.0, penalize_biases=False, l2_towards=None, q=0.9)"
    )
    assert kind(0.9) == kind(q=0.9) != kind(0.8)
    assert fastnn.extend.loss(pinball) is kind  # as in a cell that runs again
    fastnn.extend.remove("pinball")
    with pytest.raises(ValueError, match=r"^loss: expected one of"):
        fastnn.train(NET, X, Y, loss="pinball")
    fastnn.train(NET, X, Y, loss=kind(), epochs=1)  # what is made remains


def test_decorated_and_named():
    @fastnn.extend.loss
    def fourth(y, t):
        error = y - t
        return error * error * (error * error)

    @fastnn.extend.loss(name="other")
    def unused(y, t):
        return formulas.magnitude(y - t)

    third = fastnn.extend.loss(lambda y, t: formulas.softplus(y - t), name="third")
    for kind in (fourth, unused, third):
        assert fastnn.train(NET, X, Y, loss=kind.name, epochs=2).loss_name == kind.name
    assert unused.name == "other"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [
    {}, {"batch_size": 6, "shuffle": True}, {"sample_weight": fastnn.KFold(4)},
    {"sample_weight": np.linspace(0, 1, 23), "stop": fastnn.Validation(3), "validation": (X, Y)},
])  # fmt: skip
def test_everywhere_a_loss_goes(options, dtype):
    kind = fastnn.extend.loss(pinball)
    options = {"optimizer": GradientDescent(0.1), "epochs": 20, "dtype": dtype, **options}
    q = np.linspace(0.1, 0.9, 9)
    runs = fastnn.train_many(NET, X, Y, loss=kind(q, l2=0.01), restarts=9, **options)
    assert_same_bits(
        fastnn.train_many(
            NET, X, Y, loss=kind(q, l2=0.01), restarts=9, threads=2, chunk=2, **options
        ),
        runs,
    )
    for k in (0, 8):
        alone = {"loss": kind(q[k], l2=0.01), "restart": k, **options}
        run = fastnn.train(NET, X, Y, **alone)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        expected = fastnn.reference.train(NET, X, Y, **alone)
        np.testing.assert_allclose(
            run.history, expected.history, rtol=1e-10 if dtype == "float64" else 1e-3
        )
    grid = fastnn.Grid(q=[0.2, 0.8], learning_rate=[0.1, 0.2])
    if "sample_weight" not in options:
        swept = fastnn.train_many(NET, X, Y, loss=kind(), grid=grid, restarts=4, **options)
        assert swept.restart(2).loss == swept.loss[2]


def test_several_outputs():
    kind = fastnn.extend.loss(nll)
    net = Network([2, 4, 4], ["tanh", "identity"])
    rows = RNG.normal(size=(9, net.n_parameters))
    ours, theirs = (
        fastnn.gradient(net, rows, X, Y, loss=each) for each in (kind(), fastnn.GaussianNLL())
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
    options = {"optimizer": GradientDescent(0.05), "epochs": 25}
    run = fastnn.train(net, X, Y, loss=kind(), **options)
    expected = fastnn.reference.train(net, X, Y, loss=kind(), **options)
    np.testing.assert_allclose(run.history, expected.history, rtol=1e-10)

    @fastnn.extend.loss
    def mixture(a, b, c, target, *, weight=0.3):
        first, second = target - a, target - b
        share = formulas.sigmoid(c + weight)
        return share * (first * first) + (1.0 - share) * (second * second)

    def naive(net, parameters, X, y, **_):
        from naive import outputs

        total = 0.0
        for inputs, (target,) in zip(X, y, strict=True):
            a, b, c = outputs(net, parameters, inputs)
            share = 1 / (1 + np.exp(-c - 0.3))
            total += share * (target - a) ** 2 + (1 - share) * (target - b) ** 2
        return total / len(X)

    net = Network([2, 3, 3], ["tanh", "identity"])
    start = RNG.normal(size=net.n_parameters)
    expected = complex_step_gradient(net, start, X, Y[:, :1], naive)
    got = fastnn.gradient(net, start, X, Y[:, :1], loss=mixture)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)
    one = fastnn.train(net, X, Y[:, 0], loss=mixture, epochs=5, parallel="samples")
    two = fastnn.train(net, X, Y[:, 0], loss=mixture, epochs=5)
    assert one.loss == pytest.approx(two.loss, rel=1e-12)


def test_residuals_and_levenberg_marquardt():
    lm = {"optimizer": fastnn.LevenbergMarquardt(), "epochs": 15}
    plain = fastnn.extend.loss(residual=lambda y, t: y - t, name="plain")
    mse = fastnn.train_many(NET, X, Y, loss="mse", restarts=9, **lm)
    assert_same_bits(fastnn.train_many(NET, X, Y, loss=plain, restarts=9, **lm), mse)
    kind = fastnn.extend.loss(residual=relative)
    for samples in (5, 23):  # both forms
        data = NET, X[:samples], Y[:samples]
        loss = kind(2.0, power=[0.5, 0.25, 0.7])
        runs = fastnn.train_many(*data, loss=loss, restarts=3, **lm)
        for k, power in enumerate([0.5, 0.25, 0.7]):
            alone = {"loss": kind(2.0, power=power), "restart": k, **lm}
            run = fastnn.train(*data, **alone)
            np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
            expected = fastnn.reference.train(*data, **alone)
            np.testing.assert_allclose(run.history[:8], expected.history[:8], rtol=1e-7, atol=1e-15)
            value = fastnn.loss(NET, run.parameters, *data[1:], loss=alone["loss"])
            assert value == pytest.approx(run.loss, rel=1e-12, abs=1e-25)
    weighted = {"sample_weight": np.linspace(0.1, 1, 23), "stop": fastnn.GradientBelow(1e-6)}
    run = fastnn.train(NET, X, Y, loss=kind(), **lm, **weighted)
    expected = fastnn.reference.train(NET, X, Y, loss=kind(), **lm, **weighted)
    np.testing.assert_allclose(run.history[:8], expected.history[:8], rtol=1e-8)


def test_files_hold_the_formula(tmp_path):
    kind = fastnn.extend.loss(pinball)
    options = {"optimizer": GradientDescent(0.1), "epochs": 10, "restarts": 6}
    runs = fastnn.train_many(NET, X, Y, loss=kind(np.linspace(0.2, 0.8, 6)), **options)
    runs.save(tmp_path / "runs.npz")
    grid = fastnn.Grid(q=[0.2, 0.4, 0.8], restarts_per_cell=2)
    fastnn.train_many(NET, X, Y, loss=kind(), grid=grid, out=tmp_path / "folder", **options)
    fastnn.train(NET, X, Y, loss=kind(0.3, l2=(0.1, 0)), epochs=5).save(tmp_path / "run.npz")
    fastnn.extend.remove(kind)
    code = f"""
import fastnn, numpy as np
runs = fastnn.load({str(tmp_path / "runs.npz")!r})
assert runs.restart(4).loss == runs.loss[4], (runs.restart(4).loss, runs.loss[4])
stored = fastnn.open_run({str(tmp_path / "folder")!r})
assert stored.restart(5).loss == stored.loss[5]
run = fastnn.load({str(tmp_path / "run.npz")!r})
more = fastnn.train(run.network, run.job.X, run.job.y, continue_from=run, epochs=3)
assert more.loss < run.loss and more.loss_name == "pinball and penalties"
print(run.job.loss)
"""
    printed = python(code).stdout
    assert (
        printed == "pinball(l2=(0.1, 0.0), l1=0.0, penalize_biases=False, l2_towards=None, q=0.3)\n"
    )


def test_other_processes_get_the_formula():
    kind = fastnn.extend.loss(pinball)
    options = {"optimizer": GradientDescent(0.1), "epochs": 5, "restarts": 40, "chunk": 20}
    loss = kind(np.linspace(0.2, 0.8, 40))
    expected = fastnn.train_many(NET, X, Y, loss=loss, **options)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        runs = fastnn.train_many(NET, X, Y, loss=loss, executor=executor, **options)
    assert_same_bits(runs, expected)


def test_copies_are_equal():
    kind = fastnn.extend.loss(pinball)
    for loss in (kind(0.3), kind([0.2, 0.4], l2=0.1)):
        for other in (pickle.loads(pickle.dumps(loss)), copy.copy(loss), copy.deepcopy(loss)):
            assert other == loss
            assert type(other) is kind
            assert hash(other) == hash(loss)


def bad(function=None, **options):
    return lambda: fastnn.extend.loss(function, **options)


SHAPE = "arguments such as (prediction, target, *, q=0.5)"
BAD = [
    (bad(3), "function: expected a function, got 3"),
    (bad(lambda y, t: y - t), "name: expected a name for a function without one, got None"),
    (bad(lambda y, t: y - t, name="two words"), "name: expected letters, digits and underscores"),
    (bad(lambda y, t: y - t, name="mse"), "name: expected a new name, got 'mse', which already"),
    (bad(pinball, residual=pinball), "residual: expected a function or a residual, got both"),
    (bad(residual=nll), "residual: expected one output and a target, got mean, log_variance, targ"),
    (bad(lambda t: t, name="a"), "function: expected an output and a target at least, as in"),
    (bad(lambda y, t, q=0.5: q * y, name="a"), f"function: expected {SHAPE}, with numbers"),
    (bad(lambda *y: y[0], name="a"), f"function: expected {SHAPE}, with numbers"),
    (bad(lambda y, t, *, q: q * y, name="a"), "function: expected a default for the number q, got"),
    (bad(lambda y, t, *, q="x": q * y, name="a"), "q: expected real numbers, got dtype <U1"),
    (bad(lambda y, t, *, q=(1, 2): q * y, name="a"), "q: expected a number as default, got (1, 2)"),
    (bad(lambda y, t, *, l2=1.0: l2 * y, name="a"), "l2: expected a name that losses do not use"),
    (bad(lambda y, t, *, formula=1.0: y, name="a"), "formula: expected a name that losses do not"),
    (bad(lambda y, t: t * t, name="a"), "function: expected a formula that depends on y, got one"),
    (bad(lambda m, s, t: m * t, name="a"), "function: expected a formula that depends on s, got"),
    (bad(lambda y, t: y > t, name="a"), "formula: expected a formula that gives a number, got a"),
    (bad(lambda y, t: None, name="a"), "formula: expected a formula that gives a number, got None"),
    (bad(lambda y, t: max(y, t), name="a"), "formula: expected a formula made of operators"),
    (bad(lambda y, t: np.abs(y - t), name="a"), "formula: expected a formula made of operators"),
    (bad(lambda y, t: (y - t) ** 2, name="a"), "formula: expected a formula made of operators"),
    (bad(lambda y, t: y if y > t else t, name="a"), "formula: expected a formula made of"),
    (lambda: fastnn.extend.remove("mse"), "added: expected an activation, loss or optimizer"),
    (lambda: fastnn.extend.remove(fastnn.MSE), "added: expected an activation, loss or optimizer"),
    (lambda: fastnn.extend.loss(pinball)(2, 3), "pinball: expected only q by position, got 2"),
    (lambda: fastnn.extend.loss(pinball)("a"), "q: expected real numbers, got dtype <U1"),
    (lambda: fastnn.train(NET, X, Y, loss=fastnn.extend.loss(pinball)([0.1, 0.2])),
     "pinball(q=): expected a number or an array of shape (1,), one for each restart"),
    (lambda: fastnn.train(NET, X, Y, loss=fastnn.extend.loss(nll)), "y: expected shape (n, 1) for"),
    (lambda: fastnn.train(NET, X, Y, loss=fastnn.extend.loss(pinball), optimizer="lm"),
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got pinball("),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    before = set(BY_NAME)
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(message)):
        call()
    assert set(BY_NAME) - before <= {"pinball", "nll"}


def test_a_name_is_taken_by_another_formula():
    fastnn.extend.loss(pinball)
    with pytest.raises(ValueError, match=r"^name: expected a new name, got .pinball., which"):
        fastnn.extend.loss(lambda y, t: formulas.magnitude(y - t), name="pinball")
    fastnn.extend.remove("pinball")
    other = fastnn.extend.loss(lambda y, t: formulas.magnitude(y - t), name="pinball")
    old = fastnn.train(NET, X, Y, loss=other, epochs=3)
    assert old.loss != fastnn.train(NET, X, Y, loss=fastnn.Quantile(0.5), epochs=3).loss


def definition():
    return copy.deepcopy(fastnn.extend.loss(pinball).definition)


@pytest.mark.parametrize("change", [
    {"name": "no name"}, {"name": 3}, {"outputs": 0}, {"outputs": 2}, {"outputs": 1.0},
    {"outputs": True}, {"is_residual": 1}, {"defaults": {}}, {"defaults": []},
    {"defaults": {"q": "x"}}, {"defaults": {"q": None}}, {"defaults": {"p": 1.0}}, {"formula": 3},
    {"formula": {"arguments": ["a"], "nodes": []}}, {"more": 1},
])  # fmt: skip
def test_forged_definitions(change):
    with pytest.raises((ValueError, TypeError)):
        class_of(definition() | change)
    with pytest.raises(ValueError, match=r"^loss: expected defaults, formula, is_residual"):
        class_of(3)


def test_every_restart_of_an_own_loss_in_statistics():
    kind = fastnn.extend.loss(pinball)
    statistics = fastnn.train_many(NET, X, Y, loss=kind, restarts=50, epochs=5, keep="statistics")
    assert statistics.restarts == 50
    assert "pinball" in str(statistics)
