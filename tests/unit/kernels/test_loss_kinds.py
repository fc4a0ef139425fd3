"""Quantiles, likelihoods and other losses, and their numbers that differ between restarts."""

import inspect

import mpmath
import numpy as np
import pytest
from conftest import assert_same_bits, bits
from loss_examples import MORE_LOSSES, RESTARTS, WEIGHTS, problem, settings, weights_of
from naive import complex_step_gradient, loss

import fastnn
from fastnn import Asymmetric, GaussianNLL, GradientDescent, Huber, Network, Quantile
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.spec import loss_formulas
from fastnn.spec.loss_formulas import LossFormula, as_expression

pytestmark = pytest.mark.thorough

FORMULAS = {
    name: value
    for name, value in vars(loss_formulas).items()
    if isinstance(value, LossFormula) and value.term is not None and name != "ARCTANH_SQUARES"
}
NUMBERS = {"delta": 0.7, "q": 0.3, "smoothing": 0.4, "under": 0.6, "over": 1.7}


@pytest.mark.parametrize("weighting", ["none", "common", "by restart", "KFold"])
@pytest.mark.parametrize("penalty", ["none", "biases"])
@pytest.mark.parametrize("name", MORE_LOSSES)
def test_loss_and_gradient(name, penalty, weighting):
    net, X, y = problem(name)
    kind = settings(name, penalty)["loss"]
    rows = np.random.default_rng(2).uniform(-1, 1, (12, net.n_parameters))
    options = {"loss": kind, "sample_weight": WEIGHTS[weighting]}
    losses = fastnn.loss(net, rows, X, y, **options)
    gradients = fastnn.gradient(net, rows, X, y, **options)
    for k in (0, 7):
        weights = weights_of(WEIGHTS[weighting], k)
        assert losses[k] == pytest.approx(loss(net, rows[k], X, y, kind, weights), rel=1e-12)
        expected = complex_step_gradient(net, rows[k], X, y, loss, kind=kind, weights=weights)
        size = max(1, np.abs(expected).max())
        np.testing.assert_allclose(gradients[k], expected, rtol=0, atol=1e-12 * size)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MORE_LOSSES)
def test_agreement_with_the_reference_by_every_kernel(name, dtype):
    net, X, y = problem(name)
    tolerance = 1e-9 if dtype == "float64" else 1e-3
    for options in (
        {},
        {"batch_size": 5, "shuffle": True, "sample_weight": WEIGHTS["common"]},
        {"optimizer": fastnn.RPROP(), "stop": fastnn.Validation(4), "validation": (X[:7], y[:7])},
    ):
        arguments = {**settings(name, "l2", epochs=40, dtype=dtype), **options}
        expected = fastnn.reference.train(net, X, y, restart=3, **arguments)
        run = fastnn.train(net, X, y, restart=3, **arguments)
        runs = fastnn.train_many(net, X, y, restarts=RESTARTS, **arguments)
        assert (run.epochs, run.status) == (expected.epochs, expected.status)
        np.testing.assert_allclose(run.history, expected.history, rtol=tolerance)
        np.testing.assert_allclose(run.sse, expected.sse, rtol=10 * tolerance)
        np.testing.assert_array_equal(bits(runs.parameters[3]), bits(run.parameters))
        if not options:
            side = fastnn.train(net, X, y, restart=3, parallel="samples", **arguments)
            np.testing.assert_allclose(side.history, expected.history, rtol=tolerance)
            assert run.history[-1] < run.history[0]


@pytest.mark.parametrize("name", MORE_LOSSES)
def test_lanes_chunks_and_threads_change_no_bit(name):
    arguments = {**settings(name, "biases", epochs=20), "sample_weight": WEIGHTS["by restart"]}
    arguments["restarts"] = RESTARTS
    expected = fastnn.train_many(*problem(name), **arguments, threads=1)
    for options in ({"threads": 2}, {"chunk": 5, "threads": 3}):
        assert_same_bits(fastnn.train_many(*problem(name), **arguments, **options), expected)
    job = make_job(*problem(name), **arguments)
    for lanes in (2, 8):
        part = train_chunk(job, 3, 9, lanes=lanes)
        np.testing.assert_array_equal(bits(part.parameters), bits(expected.parameters[3:9]))


@pytest.mark.parametrize("name", MORE_LOSSES)
def test_tiles_and_samples_side_by_side(name, in_tiles):
    net, X, y = problem(name, samples=1203)
    arguments = settings(name, "l2", epochs=4)
    one, two = (
        fastnn.train(net, X, y, parallel="samples", threads=threads, **arguments)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(bits(one.history), bits(two.history))
    in_order = fastnn.train(net, X, y, **arguments)
    np.testing.assert_allclose(one.history, in_order.history, rtol=1e-11)
    whole = fastnn.train_many(net, X, y, restarts=9, **arguments)
    tiled = in_tiles(9000, lambda: fastnn.train_many(net, X, y, restarts=9, **arguments))
    assert_same_bits(tiled, whole)
    np.testing.assert_array_equal(bits(whole.parameters[0]), bits(in_order.parameters))


@pytest.mark.parametrize("optimizer", [fastnn.LBFGS(), fastnn.Adam(0.02), fastnn.Quickprop(0.01)])
@pytest.mark.parametrize("name", MORE_LOSSES)
def test_optimizers(name, optimizer):
    net, X, y = problem(name)
    arguments = {**settings(name), "optimizer": optimizer, "epochs": 25}
    run = fastnn.train(net, X, y, **arguments)
    expected = fastnn.reference.train(net, X, y, **arguments)
    np.testing.assert_allclose(run.history[:15], expected.history[:15], rtol=1e-8)


# A derived slope rounds in other places, and squares lose half of the digits of small numbers.
@pytest.mark.parametrize("name", FORMULAS)
def test_written_slopes_are_the_derived_ones(name):
    formula, rng = FORMULAS[name], np.random.default_rng(5)
    arguments = list(inspect.signature(formula.term).parameters)
    values = [
        np.full(500, NUMBERS[one]) if one in NUMBERS else rng.normal(size=500) * 2
        for one in arguments
    ]
    for argument, slope in zip(arguments, formula.slopes, strict=False):
        derived = formula.expression.derivative(argument)(*values)
        given = list(values)
        if formula.activation == "sigmoid":  # a function of its result
            given[0] = 1 / (1 + np.exp(-values[0]))
        np.testing.assert_allclose(as_expression(slope)(*given), derived, rtol=1e-11, atol=1e-13)
    if formula.residual is not None:
        function, slope = map(as_expression, formula.residual)
        np.testing.assert_allclose(function(*values) ** 2, formula.expression(*values), rtol=1e-14)
        np.testing.assert_allclose(function.derivative(arguments[0])(*values), slope(*values))


def at_points(kind, outputs, target):
    """Loss and gradient of a network whose parameters are its outputs."""
    net = Network([1, len(outputs)], activation="identity", bias=False)
    data = [[1.0]], [[target]]
    return (
        fastnn.loss(net, np.array(outputs), *data, loss=kind),
        fastnn.gradient(net, np.array(outputs), *data, loss=kind),
    )


EXACT = {
    "LogCosh": lambda y, t: mpmath.log(mpmath.cosh(y - t)),
    "Poisson": lambda y, t: mpmath.exp(y) - t * y,
    "GaussianNLL": lambda m, s, t: (s + (t - m) ** 2 * mpmath.exp(-s)) / 2,
}


@pytest.mark.parametrize("name", EXACT)
def test_values_at_small_and_large_numbers(name):
    kind = MORE_LOSSES[name][0]()
    with mpmath.workdps(60):
        for size in (1e-12, 1e-5, 0.3, 0.999, 1.001, 20.0, 300.0):
            for outputs in (
                ([size], [-size]) if name != "GaussianNLL" else ([size, 1.5], [1, -size])
            ):
                target = 0.0 if name == "LogCosh" else 2.0
                value, _ = at_points(kind, outputs, target)
                exact = EXACT[name](*map(mpmath.mpf, outputs), mpmath.mpf(target))
                parts = max(1.0, abs(outputs[0])) if name != "LogCosh" else 0.0
                assert abs(value - exact) <= 1e-15 * (4 * abs(exact) + parts)


def test_torch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    theirs = {
        "Quantile": lambda y, t: torch.maximum(0.3 * (t - y), (0.3 - 1) * (t - y)),
        "LogCosh": lambda y, t: torch.log(torch.cosh(y - t)),
        "Asymmetric": lambda y, t: torch.where(y > t, 0.3 * (y - t) ** 2, 0.8 * (y - t) ** 2),
        "Poisson": lambda y, t: functional.poisson_nll_loss(y, t, reduction="none"),
        "GaussianNLL": lambda m, s, t: functional.gaussian_nll_loss(
            m, t, torch.exp(s), eps=1e-30, reduction="none"
        ),
    }
    rng = np.random.default_rng(7)
    for name, function in theirs.items():
        kind, numbers, _ = MORE_LOSSES[name]
        numbers = {"q": 0.3} if name == "Quantile" else numbers
        for _ in range(30):
            outputs = rng.normal(size=2 if name == "GaussianNLL" else 1) * 3
            target = abs(rng.normal()) * 3
            given = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
            value = function(*given, torch.tensor(target, dtype=torch.float64))
            value.backward()
            ours, gradient = at_points(kind(**numbers), outputs, target)
            assert ours == pytest.approx(value.item(), rel=1e-11, abs=1e-12)
            np.testing.assert_allclose(gradient, given.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_kinks_by_hand():
    for error, slope in ((2.0, 0.25), (-2.0, -0.75), (0.0, 0.0)):
        value, gradient = at_points(Quantile(0.25), [1.0 - error], 1.0)
        assert (value, -gradient[0]) == (max(0.25 * error, -0.75 * error), slope)
    for error, slope in ((0.25, 0.125), (1.0, 0.25), (-1.0, -0.5), (-4.0, -0.75), (0.0, 0.0)):
        value, gradient = at_points(Quantile(0.25, smoothing=2.0), [1.0 - error], 1.0)
        assert -gradient[0] == slope
        assert value == slope * (error - slope)
    kind = Asymmetric(under=3.0, over=0.5)
    assert [at_points(kind, [y], 1.0)[0] for y in (0.0, 1.0, 3.0)] == [3.0, 0.0, 2.0]


Q = np.linspace(0.05, 0.95, 24)


def quantiles(q, **options):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, 1))
    y = rng.normal(size=(40, 1))
    defaults = {"epochs": 30, "optimizer": GradientDescent(0.2), "loss": Quantile(q)}
    return Network([1, 3, 1], ["tanh", "identity"]), X, y, {**defaults, **options}


@pytest.mark.parametrize("optimizer", [GradientDescent(0.2), fastnn.LBFGS(), fastnn.Adam(0.05)])
@pytest.mark.parametrize("options", [{}, {"batch_size": 7}, {"sample_weight": fastnn.Bootstrap()}])
def test_numbers_of_each_restart(options, optimizer, tmp_path):
    if options.get("batch_size") and isinstance(optimizer, fastnn.LBFGS):
        options = {}
    smoothing = np.linspace(0, 1, 24)
    net, X, y, arguments = quantiles(Q, optimizer=optimizer, **options)
    arguments["loss"] = Quantile(Q, smoothing=smoothing)
    runs = fastnn.train_many(net, X, y, restarts=24, **arguments)
    assert len(set(runs.loss)) == 24
    assert_same_bits(
        fastnn.train_many(net, X, y, restarts=24, threads=2, chunk=5, **arguments), runs
    )
    for k in (0, 11, 23):
        alone = {**arguments, "loss": Quantile(Q[k], smoothing=smoothing[k])}
        same = fastnn.train_many(net, X, y, restarts=24, **alone)
        np.testing.assert_array_equal(bits(same.parameters[k]), bits(runs.parameters[k]))
        np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(runs.parameters[k]))
    runs.save(tmp_path / "runs.npz")
    again = fastnn.load(tmp_path / "runs.npz")
    assert_same_bits(again, runs)
    assert again.restart(7).loss == runs.loss[7]
    assert runs[3:6].restart(4).loss == runs.loss[4]
    more = fastnn.train_many(net, X, y, continue_from=runs, epochs=5)
    if not options:
        assert more.restart(9).loss == more.loss[9]


def test_numbers_as_axes_of_a_grid(tmp_path):
    net, X, y, arguments = quantiles(0.5)
    grid = fastnn.Grid(learning_rate=[0.1, 0.3], q=[0.1, 0.5, 0.9], restarts_per_cell=4)
    runs = fastnn.train_many(net, X, y, grid=grid, restarts=24, **arguments)
    for k in (0, 5, 23):
        alone = {
            **arguments, "loss": Quantile([0.1, 0.5, 0.9][k // 4 % 3]),
            "optimizer": GradientDescent([0.1, 0.3][k // 12]),
        }  # fmt: skip
        run = fastnn.train(net, X, y, restart=k, **alone)
        np.testing.assert_array_equal(bits(run.parameters), bits(runs.parameters[k]))
        np.testing.assert_array_equal(bits(runs.restart(k).parameters), bits(run.parameters))
    assert runs.in_grid("loss").shape == (2, 3)
    folder = tmp_path / "folder"
    stored = fastnn.train_many(net, X, y, grid=grid, restarts=24, out=folder, **arguments)
    assert_same_bits(stored.load(), runs)
    assert_same_bits(fastnn.open_run(folder).load(), runs)
    runs.save(tmp_path / "runs.npz")
    assert fastnn.load(tmp_path / "runs.npz").restart(17).loss == runs.loss[17]
    both = fastnn.Grid(q=[0.2, 0.8], smoothing=[0.0, 0.1])
    alone = fastnn.train_many(net, X, y, grid=both, restarts=4, **arguments)
    assert len(set(alone.loss)) == 4


def test_one_number_of_the_loss_beside_many_of_the_optimizer():
    net, X, y, arguments = quantiles(0.3)
    for rates in (np.linspace(0.1, 0.3, 65), 0.2):
        for q in (0.3, np.full(65, 0.3)):
            options = {**arguments, "optimizer": GradientDescent(rates), "loss": Quantile(q)}
            runs = fastnn.train_many(net, X, y, restarts=65, **options)
            assert runs.restart(64).loss == runs.loss[64]


def test_huber_takes_one_delta_for_each_restart():
    net, X, y, arguments = quantiles(0.5)
    runs = fastnn.train_many(net, X, y, restarts=3, **{**arguments, "loss": Huber([0.1, 1, 9])})
    for k, delta in enumerate([0.1, 1, 9]):
        run = fastnn.train(net, X, y, restart=k, **{**arguments, "loss": Huber(delta)})
        assert run.loss == runs.loss[k]
        expected = fastnn.reference.train(
            net, X, y, restart=k, **arguments | {"loss": Huber(delta)}
        )
        assert run.loss == pytest.approx(expected.loss, rel=1e-10)


def test_levenberg_marquardt_takes_weighted_squares():
    for samples in (4, 40):  # both forms
        net, X, y = problem("Asymmetric", samples)
        kind = Asymmetric(under=0.9, over=0.2)
        options = {"loss": kind, "optimizer": fastnn.LevenbergMarquardt(), "epochs": 12}
        run = fastnn.train(net, X, y, restart=2, **options)
        expected = fastnn.reference.train(net, X, y, restart=2, **options)
        np.testing.assert_allclose(run.history, expected.history, rtol=1e-7, atol=1e-15)
        assert run.loss < 0.5 * run.history[0]
        runs = fastnn.train_many(net, X, y, restarts=9, **options)
        np.testing.assert_array_equal(bits(runs.parameters[2]), bits(run.parameters))
        value = fastnn.loss(net, run.parameters, X, y, loss=kind)
        assert run.loss == pytest.approx(value, rel=1e-13)
        swept = fastnn.Asymmetric(under=[0.9, 0.5], over=0.2)
        two = fastnn.train_many(net, X, y, restarts=2, first=2, **{**options, "loss": swept})
        assert two.loss[0] == run.loss
        equal = {**options, "loss": Asymmetric()}
        plain = fastnn.train(net, X, y, restart=2, **{**options, "loss": "mse"})
        assert fastnn.train(net, X, y, restart=2, **equal).loss == pytest.approx(plain.loss)


def test_predictions_are_the_first_outputs():
    net, X, y = problem("GaussianNLL")
    options = settings("GaussianNLL", epochs=40)
    run = fastnn.train(net, X, y, **options)
    errors = run.predict(X)[:, :2] - y
    assert run.predict(X).shape == (len(X), 4)
    assert run.sse == pytest.approx((errors**2).sum(), rel=1e-13)
    runs = fastnn.train_many(net, X, y, restarts=3, **options)
    assert runs.sse[0] == pytest.approx(run.sse, rel=1e-13)
    rules = [fastnn.SSEBelow(run.sse * 1.01), fastnn.ErrorsWithin(np.abs(errors).max() * 0.999)]
    for rule in rules:
        stopped = fastnn.train(net, X, y, stop=rule, **{**options, "epochs": 300})
        expected = fastnn.reference.train(net, X, y, stop=rule, **{**options, "epochs": 300})
        assert (stopped.epochs, stopped.status) == (expected.epochs, expected.status)
        many = fastnn.train_many(net, X, y, restarts=9, stop=rule, **{**options, "epochs": 300})
        assert many.epochs[0] == stopped.epochs
    single = fastnn.train(Network([3, 2], "identity"), X, y[:, 0], **options)
    assert single.predict(X).shape == (len(X), 2)
    assert fastnn.Model(single.network, single.parameters).predict(X).shape == (len(X), 2)


def test_coverage_of_quantiles():
    """Of a heteroscedastic sine, on 2,000 samples: 10, 50 and 90 % lie below, within 2 %."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-3, 3, (2000, 1))
    y = np.sin(X) + (0.1 + 0.1 * np.abs(X)) * rng.normal(size=X.shape)
    net = Network([1, 8, 1], ["tanh", "identity"])
    options = {"optimizer": fastnn.LBFGS(), "epochs": 200}
    for q in (0.1, 0.5, 0.9):
        run = fastnn.train(net, X, y, loss=Quantile(q, smoothing=0.02), **options)
        assert abs((y < run.predict(X)).mean() - q) < 0.02
    both = fastnn.train(
        Network([1, 8, 2], ["tanh", "identity"]), X, y, loss=GaussianNLL(), **options
    )
    mean, std = both.predict(X)[:, :1], np.exp(both.predict(X)[:, 1:] / 2)
    assert abs((np.abs(y - mean) < 1.645 * std).mean() - 0.9) < 0.02
    assert np.median(std / (0.1 + 0.1 * np.abs(X))) == pytest.approx(1, abs=0.1)
