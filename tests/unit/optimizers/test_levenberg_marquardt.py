"""Levenberg-Marquardt against the NumPy reference, SciPy, and steps computed by hand."""

import numpy as np
import pytest
from levenberg_marquardt_examples import FORMS, problem_of, random_problem, trials

import fastnn
from fastnn import Bootstrap, LevenbergMarquardt, Status

pytestmark = pytest.mark.thorough

SHAPES = ([2, 3, 1], [3, 4, 2], [2, 30, 2], [2, 4, 3, 2], [3, 4, 3, 3, 1])
ACTIVATIONS = ("tanh", "sigmoid", "softplus", "elliott", "sine", "gaussian")


def decided(steps):
    """How many of the first losses are well above rounding errors, as is every decision so far.

    Close to a minimum a trial's loss differs from the accepted one in the last digits, which decide
    whether it is accepted: from there on two searches may part.  A loss that goes to 0 is in the
    end made of rounding errors.  And nearly singular systems multiply them: the tests take 20
    epochs at most.
    """
    for e, step in enumerate(steps[1:], 1):
        near = abs(step.trial_loss - step.loss_before) <= 1e-9 * step.loss_before
        if near or step.loss < 1e-12 * steps[0].loss:
            return e
    return len(steps)


def assert_agrees(problem, epochs=20, least=5, **options):
    net, X, y = problem
    options["optimizer"] = LevenbergMarquardt()
    job = {name: value for name, value in options.items() if name != "optimizer"}
    restart = job.pop("restart", 0)
    steps = trials(*problem_of(net, X, y, first=restart, **job), epochs)
    count = decided(steps)
    assert count > least
    run = fastnn.train(net, X, y, epochs=count - 1, **options)
    expected = fastnn.reference.train(net, X, y, epochs=count - 1, **options)
    assert run.epochs == expected.epochs == count - 1
    np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)
    np.testing.assert_allclose(run.history, [step.loss for step in steps[:count]], rtol=1e-9)
    np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-9, atol=1e-9)
    return run


@pytest.mark.parametrize("samples", [5, 17, 40, 100])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_shapes(sizes, bias, samples):
    assert_agrees(random_problem(sizes, samples, bias=bias))


@pytest.mark.parametrize("samples", [5, 40])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, samples):
    assert_agrees(random_problem([2, 4, 2], samples, activation=activation))
    mixed = [activation, "tanh", "identity"]
    assert_agrees(random_problem([2, 3, 3, 2], samples, activation=mixed))


WEIGHTS = np.random.default_rng(8).integers(0, 4, (3, 40)) / 2  # some are 0


@pytest.mark.parametrize("loss", ["SSE", "MSE"])
@pytest.mark.parametrize("form", FORMS)
def test_losses_and_weights(form, loss):
    net, X, y = FORMS[form]
    n, loss = len(X), getattr(fastnn, loss)()
    assert_agrees(FORMS[form], loss=loss)
    assert_agrees(FORMS[form], loss=loss, sample_weight=WEIGHTS[0, :n])
    assert_agrees(FORMS[form], loss=loss, sample_weight=Bootstrap(), restart=11)
    for weights in (WEIGHTS[:, :n], WEIGHTS[0, :n], Bootstrap()):
        options = {
            "restarts": 3, "loss": loss, "sample_weight": weights, "epochs": 6, "seed": 3,
            "optimizer": LevenbergMarquardt(),
        }  # fmt: skip
        runs = fastnn.train_many(net, X, y, **options)
        expected = fastnn.reference.train_many(net, X, y, **options)
        np.testing.assert_allclose(runs.loss, expected.loss, rtol=1e-9)
        np.testing.assert_allclose(runs.parameters, expected.parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_other_numbers(form):
    for numbers in (
        {"damping": 10.0, "increase": 2.0, "decrease": 0.1},
        {"damping": 1e-3, "increase": 10.0, "decrease": 0.0, "min_damping": 1e-2},
        {"damping": 1.0, "increase": 1.5, "decrease": 1.0},
    ):
        net, X, y = FORMS[form]
        steps = trials(*problem_of(net, X, y), 10, **numbers)
        count = decided(steps)
        assert count > 5
        options = {"optimizer": LevenbergMarquardt(**numbers), "epochs": count - 1}
        run = fastnn.train(net, X, y, **options)
        expected = fastnn.reference.train(net, X, y, **options)
        np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)
        np.testing.assert_allclose(run.history, [s.loss for s in steps[:count]], rtol=1e-9)


def test_steps_by_hand():
    net = fastnn.Network([1, 1], activation="identity", bias=False)
    # The residual is w, its derivative 1: a step of w / (1 + damping), and each is accepted.
    optimizer = LevenbergMarquardt(damping=1.0, decrease=0.5)
    options = {"X": [[1.0]], "y": [[0.0]], "init": [1.0], "optimizer": optimizer}
    found = [fastnn.train(net, epochs=e, **options).parameters[0] for e in range(4)]
    assert found == pytest.approx([1, 1 / 2, 1 / 6, 1 / 30], rel=1e-15)
    # Fewer residuals than parameters: the residual is 7, a step of 7 (3, 4) / (25 + damping).
    net = fastnn.Network([2, 1], activation="identity", bias=False)
    run = fastnn.train(net, [[3.0, 4.0]], [[0.0]], init=[1.0, 1.0], epochs=1,
                       optimizer=LevenbergMarquardt(damping=10.0))  # fmt: skip
    assert run.parameters == pytest.approx([1 - 0.6, 1 - 0.8], rel=1e-15)
    # MSE halves squares of two outputs, and with them J'J; twice the weight doubles it.
    net = fastnn.Network([1, 2], activation="identity", bias=False)
    for weight, step in ((1.0, 0.5 / 1.5), (2.0, 1 / 2)):
        run = fastnn.train(net, [[1.0]], [[0.0, 0.0]], init=[1.0, 2.0], epochs=1,
                           loss=fastnn.MSE(), sample_weight=[weight],
                           optimizer=LevenbergMarquardt(damping=1.0))  # fmt: skip
        assert run.parameters == pytest.approx([1 - step, 2 - 2 * step], rel=1e-15)


def minima_of(sizes, activation, samples, noise, seed, near):
    """Where 10 restarts and SciPy end, from the same starts: losses, statuses and slopes.

    Targets are a random network's outputs and noise; starts are near that network, or anywhere.
    """
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    net = fastnn.Network(sizes, activation=activation)
    teacher = rng.uniform(-2, 2, net.n_parameters)
    X = rng.normal(size=(samples, sizes[0]))
    y = fastnn.reference.predict(net, teacher, X)
    y += noise * rng.normal(size=y.shape)
    options = {"optimizer": LevenbergMarquardt(), "restarts": 10, "seed": seed}
    if near:
        options["init"] = teacher + 0.2 * rng.normal(size=(10, net.n_parameters))
    starts = fastnn.train_many(net, X, y, epochs=0, **options).parameters
    runs = fastnn.train_many(net, X, y, epochs=1000, **options)
    problem, _ = problem_of(net, X, y)
    theirs, slopes = [], []
    for start, end in zip(starts, runs.parameters, strict=True):
        with np.errstate(over="ignore"):
            found = optimize.least_squares(
                lambda w: problem.residuals_and_jacobian(w)[0],
                start,
                lambda w: problem.residuals_and_jacobian(w)[1],
                method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=500,
            )  # fmt: skip
            residuals, jacobian = problem.residuals_and_jacobian(end)
        theirs.append(2 * found.cost)
        slopes.append(np.abs(2 * jacobian.T @ residuals).max())
    return runs.loss, np.array(theirs), runs.status, np.array(slopes)


@pytest.mark.parametrize(
    ("sizes", "activation", "samples", "noise", "near", "most_differ"),
    [
        ([2, 2, 1], ["tanh", "identity"], 100, 0.02, True, 0),
        ([2, 2, 2], ["tanh", "tanh"], 60, 0.02, True, 0),
        ([2, 2, 2], ["sigmoid", "identity"], 60, 0.05, False, 20),
    ],
)
def test_minima_of_scipy(sizes, activation, samples, noise, near, most_differ):
    """On 100 problems; from starts anywhere either may find the better of several minima."""
    parts = [minima_of(sizes, activation, samples, noise, seed, near) for seed in range(10)]
    ours, theirs, status, slopes = (np.concatenate(part) for part in zip(*parts, strict=True))
    worse, better = ours > theirs * (1 + 1e-6), theirs > ours * (1 + 1e-6)
    assert worse.sum() <= most_differ
    assert better.sum() <= max(most_differ, 5)
    # No step lowers the loss any more where it has stalled: a minimum.
    stalled = status == Status.STALLED
    assert stalled.sum() >= 90
    assert slopes[stalled].max() < 1e-5
    assert (status[~stalled] == Status.EPOCH_LIMIT).all()


def test_fewer_residuals_than_parameters_reach_zero_as_scipy_does():
    optimize = pytest.importorskip("scipy.optimize")
    for seed in range(5):
        net, X, y = random_problem([2, 4, 2], 5, activation=["tanh", "identity"], seed=seed)
        run = fastnn.train(net, X, y, optimizer=LevenbergMarquardt(), epochs=100, restart=seed)
        problem, start = problem_of(net, X, y, first=seed)
        found = optimize.least_squares(
            lambda w, p=problem: p.residuals_and_jacobian(w)[0],
            start,
            lambda w, p=problem: p.residuals_and_jacobian(w)[1],
            method="trf", xtol=1e-15, ftol=1e-15, gtol=1e-15,
        )  # fmt: skip
        assert 2 * found.cost < 1e-20
        assert run.loss < 1e-20


def test_xor_in_thirty_epochs():
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=20_000, epochs=30,
        target_sse=0.04, init=fastnn.Uniform(-1, 1), optimizer=LevenbergMarquardt(),
    )  # fmt: skip
    assert np.mean(runs.status == Status.CONVERGED) >= 0.84
    assert (runs.loss[runs.status == Status.CONVERGED] < 0.04).all()


@pytest.mark.parametrize("form", FORMS)
def test_each_trial_is_an_epoch(form):
    net, X, y = FORMS[form]
    rejected = 0
    for k in range(20):
        run = fastnn.train(net, X, y, optimizer=LevenbergMarquardt(), epochs=20, restart=k)
        assert run.epochs == 20
        assert len(run.history) == 21
        assert (np.diff(run.history) <= 0).all()
        assert run.loss == run.history[-1]
        steps = trials(*problem_of(net, X, y, first=k), 20)
        count = decided(steps)
        accepted = [step.accepted for step in steps[1:count]]
        np.testing.assert_array_equal(np.diff(run.history[:count]) < 0, accepted)
        rejected += accepted.count(False)
    assert rejected > 20


NET = fastnn.Network([1, 2, 1], activation="identity", bias=False)


@pytest.mark.parametrize("samples", [1, 5])  # 4 parameters
@pytest.mark.parametrize(
    # The derivatives are about 1e-25, so the first step is 1e-25 * 1e100 / 1e-35.
    ("x", "start", "first_loss"),
    [
        (1.0, [1e-25, 1e-25, 1e-25, 1e-25], np.inf),
        (1e200, [1e-225, -1e-225, 2e-225, 1e-225], np.nan),  # from two hidden units: inf - inf
    ],
)
def test_a_trial_without_finite_loss_is_rejected(samples, x, start, first_loss):
    data = [[x]] * samples, [[1e100]] * samples
    problem, _ = problem_of(NET, *data)
    with np.errstate(over="ignore", invalid="ignore"):
        residuals, jacobian = problem.residuals_and_jacobian(np.array(start))
        trial = start - jacobian.T @ residuals / 1e-35
        loss = np.sum(problem.residuals_and_jacobian(trial)[0] ** 2)
    np.testing.assert_equal(loss, first_loss)
    optimizer = LevenbergMarquardt(damping=1e-35, increase=1e5, max_damping=1e150)
    options = {"init": start, "epochs": 36, "optimizer": optimizer}
    run = fastnn.train(NET, *data, **options)
    expected = fastnn.reference.train(NET, *data, **options)
    assert run.epochs == 36
    first = np.argmax(run.history < run.history[0])  # a step was short enough at last
    assert first > 3
    # From there on the reference's systems are singular to rounding.
    np.testing.assert_allclose(run.history[: first + 1], expected.history[: first + 1], rtol=1e-9)
    runs = fastnn.train_many(NET, *data, restarts=9, **{**options, "init": np.tile(start, (9, 1))})
    assert (runs.status == run.status).all()
    assert (runs.parameters == run.parameters).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("samples", [1, 5])
def test_a_start_without_finite_loss_has_diverged(samples, dtype):
    data = [[1.0]] * samples, [[1.0]] * samples
    huge = 1e30 if dtype == "float32" else 1e200
    starts = np.ones((12, 4))
    starts[::3] = huge  # the loss is infinite
    starts[1::3] = [huge, -huge, huge, huge]  # not a number
    options = {"restarts": 12, "epochs": 9, "optimizer": LevenbergMarquardt(), "dtype": dtype}
    runs = fastnn.train_many(NET, *data, init=starts, **options)
    tame = fastnn.train_many(NET, *data, init=np.ones((12, 4)), **options)
    wild = np.arange(12) % 3 < 2
    assert (runs.status[wild] == Status.DIVERGED).all()
    assert (runs.epochs[wild] == 0).all()
    np.testing.assert_array_equal(runs.parameters[wild], starts[wild].astype(dtype))
    assert (runs.status[~wild] == Status.EPOCH_LIMIT).all()
    assert (runs.parameters[~wild] == tame.parameters[~wild]).all()


def first_epoch(held):
    return next((e for e, holds in enumerate(held) if holds), None)


# Numbers that end a restart, how, and at which epochs they would by the loop written once more.
ENDINGS = {
    "gradient": (
        {"gradient_tolerance": 0.3},
        Status.GRADIENT,
        lambda steps: [np.abs(step.gradient).max() <= 0.3 for step in steps],
    ),
    "damping": (
        {"max_damping": 0.15},
        Status.STALLED,
        lambda steps: [step.damping > 0.15 for step in steps],
    ),
    "step": (
        {"step_tolerance": 0.1},
        Status.STALLED,
        lambda steps: [step.relative_step <= 0.1 for step in steps],
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(ending, form):
    numbers, status, held = ENDINGS[ending]
    net, X, y = FORMS[form]
    options = {"epochs": 12, "restarts": 40, "optimizer": LevenbergMarquardt(**numbers)}
    runs = fastnn.train_many(net, X, y, **options)
    ended = 0
    for k in range(40):
        steps = trials(*problem_of(net, X, y, first=k), 12)
        steps = steps[: decided(steps)]
        epoch = first_epoch(held(steps))
        if epoch is None:  # or after the decisions that can be told
            assert runs.epochs[k] >= len(steps) or runs.status[k] == Status.EPOCH_LIMIT
            continue
        ended += 1
        assert (runs.epochs[k], runs.status[k]) == (epoch, status)
        assert runs.loss[k] == pytest.approx(steps[epoch].loss, rel=1e-9)
        np.testing.assert_allclose(runs.parameters[k], steps[epoch].parameters, rtol=1e-8)
    assert ended >= 10
    assert len(set(runs.epochs)) > 3


LINE = fastnn.Network([1, 1], activation="identity", bias=False)
PLANE = fastnn.Network([2, 1], activation="identity", bias=False)


def descend(start, dual=False, **options):
    """On the loss w**2 from `start`, or with two weights, more than residuals, on (v + w)**2."""
    net = PLANE if dual else LINE
    X, start = ([[1.0, 1.0]], [start, start]) if dual else ([[1.0]], [start])
    optimizer = LevenbergMarquardt(**{"damping": 1.0, "decrease": 1.0, **options})
    run, expected = (
        train(net, X, [[0.0]], init=start, epochs=9, optimizer=optimizer)
        for train in (fastnn.train, fastnn.reference.train)
    )
    assert (run.epochs, run.status) == (expected.epochs, expected.status)
    return run.epochs, run.status


def test_endings_by_hand():
    # Each step halves the weight; the slope is 2 w.
    assert descend(1.0) == (9, Status.EPOCH_LIMIT)
    assert descend(1.0, gradient_tolerance=0.25) == (3, Status.GRADIENT)
    assert descend(1.0, gradient_tolerance=2.0) == (0, Status.GRADIENT)
    assert descend(1.0, step_tolerance=0.5) == (1, Status.STALLED)
    assert descend(1.0, step_tolerance=0.49) == (9, Status.EPOCH_LIMIT)
    assert descend(1.0, step_tolerance=0.5, gradient_tolerance=1.0) == (1, Status.GRADIENT)
    # At the minimum every trial is rejected: a damping of 5, 25, 125.
    assert descend(0.0, max_damping=100.0) == (3, Status.STALLED)
    assert descend(0.0, max_damping=125.0) == (4, Status.STALLED)
    assert descend(0.0, increase=1.0, max_damping=1.0) == (9, Status.EPOCH_LIMIT)
    assert descend(0.0, step_tolerance=1e-9) == (1, Status.STALLED)
    # The smallest tolerance above 0 is one: here the slope is 0.
    assert descend(0.0, gradient_tolerance=1e-300) == (0, Status.GRADIENT)
    # The system J J' is 2, each step of either weight w 2 / (2 + damping), the slope 4 w.
    assert descend(1.0, dual=True, damping=2.0) == (9, Status.EPOCH_LIMIT)
    assert descend(1.0, dual=True, damping=2.0, gradient_tolerance=0.5) == (3, Status.GRADIENT)
    assert descend(1.0, dual=True, damping=2.0, step_tolerance=0.51) == (1, Status.STALLED)
    assert descend(0.0, dual=True, max_damping=100.0) == (3, Status.STALLED)


@pytest.mark.parametrize("form", FORMS)
def test_a_met_target_comes_first(form):
    net, X, y = FORMS[form]
    loss = fastnn.train(net, X, y, epochs=0).loss
    optimizer = LevenbergMarquardt(gradient_tolerance=1e9, max_damping=1e-3)
    run = fastnn.train(net, X, y, optimizer=optimizer, stop=fastnn.LossBelow(2 * loss))
    assert (run.epochs, run.status) == (0, Status.CONVERGED)
    run = fastnn.train(net, X, y, optimizer=optimizer)
    assert (run.epochs, run.status) == (0, Status.GRADIENT)
