"""L-BFGS: Wolfe's conditions, minima, the reference, and failing line searches."""

import numpy as np
import pytest
from levenberg_marquardt_examples import random_problem
from loss_examples import LOSSES, problem

import fastnn
from fastnn import LBFGS, MSE, SSE, BinaryCrossEntropy, CrossEntropy, Huber, Status

pytestmark = pytest.mark.thorough

LINE = fastnn.Network([1, 1], activation="identity", bias=False)


def example(name):
    """Network, data and loss of that name."""
    if name in LOSSES:
        made, numbers, _ = LOSSES[name]
        return *problem(name), made(**numbers, l2=1e-3)
    activation = {"steep": "sigmoid", "waves": "sine", "bumps": "gaussian"}[name]
    net, X, y = random_problem([2, 4, 1], 30, activation=[activation, "identity"])
    return net, (5 if name == "steep" else 1) * X, y, SSE()


EXAMPLES = (*LOSSES, "steep", "waves", "bumps")
# c2 near c1 asks for an almost exact search, of many trials.
NUMBERS = {
    "defaults": {},
    "exact": {"c1": 0.2, "c2": 0.3},
    "strict": {"c1": 0.4, "c2": 0.9, "memory": 5},
    "two trials": {"c2": 0.05, "trials": 2},
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_accepted_step_meets_the_conditions_of_wolfe(name, numbers):
    net, X, y, loss = example(name)
    made = {"c1": 1e-4, "c2": 0.9, "trials": 20, **NUMBERS[numbers]}
    data = {"net": net, "X": X, "y": y, "loss": loss}
    accepted, tried, unfinished = 0, 0, 0
    before = fastnn.train(**data, optimizer=LBFGS(**made), epochs=0)
    for epochs in range(1, 41):
        run = fastnn.train(**data, optimizer=LBFGS(**made), epochs=epochs)
        assert run.loss == fastnn.loss(net, run.parameters, X, y, loss=loss)
        assert run.epochs == epochs
        tried += 1
        step = run.parameters - before.parameters
        if step.any():
            # The step is a difference of neighbouring numbers.
            slope = fastnn.gradient(net, before.parameters, X, y, loss=loss) @ step
            end = fastnn.gradient(net, run.parameters, X, y, loss=loss) @ step
            falls = run.loss <= before.loss + made["c1"] * slope + 1e-14 * before.loss
            flat = end >= made["c2"] * slope - 1e-12 * abs(slope)
            assert slope < 0
            assert run.loss < before.loss
            if tried < made["trials"]:
                assert falls
                assert flat
            unfinished += not (falls and flat)
            accepted, tried = accepted + 1, 0
        else:
            assert run.loss == before.loss
            tried %= made["trials"]
        before = run
        if run.status == Status.STALLED:
            assert numbers == "two trials"
            break
    assert (np.diff(before.history) <= 0).all()
    assert accepted >= (6 if numbers == "exact" else 10)
    if numbers == "two trials":
        assert unfinished > 0  # and the last trial was taken for it was lower at all
    else:
        assert unfinished == 0


def test_searches_that_begin_at_many_starts_never_rise():
    for name in EXAMPLES:
        net, X, y, loss = example(name)
        for numbers in NUMBERS.values():
            for k in range(3):
                run = fastnn.train(net, X, y, loss=loss, optimizer=LBFGS(**numbers), epochs=60,
                                   restart=k)  # fmt: skip
                assert (np.diff(run.history) <= 0).all()
                assert run.history[-1] == run.loss
                assert run.status == Status.STALLED or run.loss < 0.9 * run.history[0]


TEACHERS = {
    "MSE": ([2, 2, 2], ["sigmoid", "identity"], MSE(l2=1e-3)),
    "SSE": ([2, 3, 1], ["gaussian", "identity"], SSE(l2=1e-3)),
    "Huber": ([2, 2, 1], ["elliott", "identity"], Huber(l2=1e-3, delta=0.3)),
    "BinaryCrossEntropy": ([2, 3, 1], ["tanh", "sigmoid"], BinaryCrossEntropy(l2=1e-3)),
    "CrossEntropy": ([2, 3, 3], ["sine", "softmax"], CrossEntropy(l2=1e-3)),
}


@pytest.mark.parametrize("name", TEACHERS)
def test_minima_of_scipy(name):
    """On six problems each; near the same start either may find the better of two minima."""
    optimize = pytest.importorskip("scipy.optimize")
    sizes, activation, loss = TEACHERS[name]
    net = fastnn.Network(sizes, activation=activation)
    differ = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        teacher = rng.uniform(-2, 2, net.n_parameters)
        X = rng.normal(size=(40, sizes[0]))
        y = fastnn.forward(net, teacher, X)
        if activation[-1] == "identity":
            y += 0.05 * rng.normal(size=y.shape)
        start = teacher + 0.2 * rng.normal(size=net.n_parameters)
        run = fastnn.train(net, X, y, loss=loss, optimizer=LBFGS(), init=start, epochs=3000)
        found = optimize.minimize(
            lambda w, X=X, y=y: (
                fastnn.loss(net, w, X, y, loss=loss),
                fastnn.gradient(net, w, X, y, loss=loss),
            ),
            start, jac=True, method="L-BFGS-B",
            options={"maxiter": 3000, "ftol": 1e-16, "gtol": 1e-10},
        )  # fmt: skip
        # No step lowers the loss any more.
        slopes = fastnn.gradient(net, run.parameters, X, y, loss=loss)
        assert run.status == Status.STALLED
        assert np.abs(slopes).max() < 1e-7
        assert np.abs(found.jac).max() < 1e-6
        # Where it is not another minimum it is the same to a square of the slopes.
        if run.loss != pytest.approx(found.fun, rel=1e-10):
            differ += 1
            assert run.loss != pytest.approx(found.fun, rel=1e-5)
            assert run.loss < 1.01 * found.fun
    assert differ <= 1


def test_slopes_vanish_at_the_end():
    """Of 200 restarts from anywhere on each problem, though some take long."""
    for name in ("Huber", "BinaryCrossEntropy", "CrossEntropy"):
        net, X, y, loss = example(name)
        runs = fastnn.train_many(net, X, y, loss=loss, optimizer=LBFGS(), restarts=200, epochs=1000)
        slopes = np.abs(fastnn.gradient(net, runs.parameters, X, y, loss=loss)).max(axis=1)
        stalled = runs.status == Status.STALLED
        assert stalled.mean() > 0.97
        assert (runs.status[~stalled] == Status.EPOCH_LIMIT).all()
        assert slopes[stalled].max() < 1e-6
        assert len(set(np.round(runs.loss, 6))) > 3  # minima


@pytest.mark.parametrize("bias", [False, True])
def test_the_minimum_of_least_squares(bias):
    rng = np.random.default_rng(4)
    net = fastnn.Network([5, 2], activation="identity", bias=bias)
    X, y, l2 = rng.normal(size=(30, 5)), rng.normal(size=(30, 2)), 0.03
    # Ridge regression: biases are not penalized.
    A = np.c_[X, np.ones(30)] if bias else X
    ridge = l2 * np.diag([1.0] * 5 + [0.0] * bias)
    solution = np.linalg.solve(A.T @ A / 60 + ridge, A.T @ y / 60)
    least = ((A @ solution - y) ** 2).mean() + l2 * (solution[:5] ** 2).sum()
    for k in range(20):
        run = fastnn.train(net, X, y, loss=MSE(l2=l2), optimizer=LBFGS(), epochs=200, restart=k)
        assert run.status == Status.STALLED
        assert run.loss == pytest.approx(least, rel=1e-14)
        np.testing.assert_allclose(run.parameters, solution.ravel(), rtol=0, atol=1e-8)


def test_the_minimum_of_logistic_regression():
    """Against Newton's method, whose last steps are exact to rounding."""
    rng = np.random.default_rng(5)
    net = fastnn.Network([3, 1])
    X, l2 = rng.normal(size=(50, 3)), 1e-3
    y = (X @ [1.0, -2.0, 0.5] + rng.normal(size=50) > 0).astype(float)
    A, ridge = np.c_[X, np.ones(50)], 2 * l2 * np.diag([1.0, 1, 1, 0])
    w = np.zeros(4)
    for _ in range(30):
        p = 1 / (1 + np.exp(-A @ w))
        w -= np.linalg.solve((A.T * p * (1 - p)) @ A / 50 + ridge, A.T @ (p - y) / 50 + ridge @ w)
    p = 1 / (1 + np.exp(-A @ w))
    least = -np.log(np.where(y == 1, p, 1 - p)).mean() + l2 * (w[:3] ** 2).sum()
    for k in range(20):
        run = fastnn.train(net, X, y, loss=BinaryCrossEntropy(l2=l2), optimizer=LBFGS(),
                           epochs=200, restart=k)  # fmt: skip
        assert run.status == Status.STALLED
        np.testing.assert_allclose(run.parameters, w, rtol=0, atol=1e-7)
        assert run.loss == pytest.approx(least, rel=1e-13)


# Rounding errors grow slowly: by 1e-9 the losses differ after 31 epochs at the earliest.
COMPARED = {
    **NUMBERS,
    "memory of 1": {"memory": 1},
    "memory of 20": {"memory": 20, "c2": 0.5},
    "one trial": {"trials": 1},
}


@pytest.mark.parametrize("numbers", COMPARED)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_reference(name, numbers):
    net, X, y, loss = example(name)
    options = {"optimizer": LBFGS(**COMPARED[numbers]), "loss": loss, "epochs": 25, "seed": 2}
    runs = fastnn.train_many(net, X, y, restarts=9, **options)
    for k in (0, 8):
        expected = fastnn.reference.train(net, X, y, restart=k, **options)
        run = fastnn.train(net, X, y, restart=k, **options)
        assert (run.epochs, run.status) == (expected.epochs, expected.status)
        np.testing.assert_allclose(run.history, expected.history, rtol=1e-9)
        np.testing.assert_allclose(run.parameters, expected.parameters, rtol=1e-6, atol=1e-6)
        assert runs.loss[k] == pytest.approx(expected.loss, rel=1e-9)


def test_memory():
    """It matters once more steps were taken than it holds, and no sooner."""
    net, X, y, _ = example("waves")
    histories = {
        memory: fastnn.train(net, X, y, optimizer=LBFGS(memory), epochs=40).history
        for memory in (1, 2, 5, 20, 100)
    }
    falls = np.cumsum(np.diff(histories[100]) < 0)
    for memory, history in histories.items():
        # The first direction that lacks a step is the one after memory + 1 accepted steps.
        same = np.searchsorted(falls, memory + 1) + 2
        np.testing.assert_array_equal(history[:same], histories[100][:same])
        assert (history != histories[100]).any() == (memory < falls[-1])
    assert falls[-1] > 20


def descend(start, **options):
    """From `start` on w**2: parameters after every epoch, and the status."""
    made = {"l1": options.pop("l1", 0.0)}
    x = options.pop("x", 1.0)
    arguments = {"init": [start], "optimizer": LBFGS(**options), "loss": SSE(**made)}
    found = []
    for epochs in range(6):
        run, expected = (
            train(LINE, [[x]], [[0.0]], epochs=epochs, **arguments)
            for train in (fastnn.train, fastnn.reference.train)
        )
        assert (run.epochs, run.status) == (expected.epochs, expected.status)
        assert run.parameters[0] == pytest.approx(expected.parameters[0], abs=1e-15)
        assert len(run.history) == len(expected.history) == run.epochs + 1
        found.append(run.parameters[0])
        if run.status == Status.STALLED:
            break
    return found, run.status


def test_steps_by_hand():
    # The first step has a length of 1; the curvature is then known and the minimum one step away.
    assert descend(10.0, c2=0.95)[0] == pytest.approx([10, 9, 0, 0, 0, 0], abs=1e-13)
    # Too steep still: 2.1 times as far, and again.
    assert descend(10.0, c2=0.5)[0][:5] == pytest.approx([10, 10, 10, 10, 0.739])
    assert descend(10.0, c2=0.5, trials=3)[0][:4] == pytest.approx([10, 10, 10, 5.59])
    assert descend(10.0, c2=0.5, trials=1)[0][:3] == pytest.approx([10, 9, 0], abs=1e-13)
    # As high as before on the other side: half as far.
    assert descend(0.25)[0] == [0.25, 0.25, 0, 0, 0, 0]
    # c1 of a half asks for the minimum itself here, or less far.
    assert descend(0.25, c1=0.499)[0][:3] == [0.25, 0.25, 0]
    assert descend(0.25, c1=0.75, c2=0.875)[0][:4] == [0.25, 0.25, 0.25, 0.125]
    # Where the slope is 0 nothing is left to do, and nothing fails.
    assert descend(0.0) == ([0.0] * 6, Status.EPOCH_LIMIT)


def test_searches_in_vain_by_hand():
    # On 4 w**2, with a slope of 2 at 0.25: to -1.75 / 2, and halves of that step.
    assert descend(0.25, x=2.0, trials=1) == ([0.25] * 2, Status.STALLED)
    found, status = descend(0.0625, x=2.0, trials=3)  # to -7/16, -3/16, -1/16, as high
    assert (found, status) == ([0.0625] * 4, Status.STALLED)
    assert descend(0.0625, x=2.0, trials=4)[0][:5] == [0.0625] * 4 + [0.0]
    # On w**2 + 3 |w| from 1.3 to 0.3; then, as curvature tells, to -1.5, in vain; all is forgotten,
    # and a step of length 1 goes to -0.7, in vain.
    found, status = descend(1.3, l1=3.0, trials=1)
    assert found == pytest.approx([1.3, 0.3, 0.3, 0.3])
    assert status == Status.STALLED


def test_forgetting_helps():
    """A search that fails with a memory goes on along the gradient, and ends lower."""
    net, X, y, loss = example("MSE")
    options = {"optimizer": LBFGS(trials=1), "loss": loss, "epochs": 300}
    resumed = 0
    for k in range(20):
        run = fastnn.train(net, X, y, restart=k, **options)
        assert run.status == Status.STALLED
        falls = np.diff(run.history) < 0
        # Every trial that fails is followed by one that does not, but the last two.
        fails = np.flatnonzero(~falls)
        assert fails.tolist()[-2:] == [run.epochs - 2, run.epochs - 1]
        assert (np.diff(fails[:-1]) > 1).all()
        resumed += len(fails) - 2
    assert resumed > 20


def test_a_trial_that_is_not_a_number_is_rejected():
    # A step of length 1 makes hidden units of inf, and outputs of inf and inf - inf.
    net = fastnn.Network([4, 2, 2], activation="identity", bias=False)
    start = np.array([0.0] * 8 + [10, 10, 10, -10])
    data = net, [[1.7e308] * 4], [[1e200, 0.0]]
    options = {"loss": Huber(delta=1e-160), "init": start, "optimizer": LBFGS(trials=500)}
    slopes = fastnn.gradient(net, start, *data[1:], loss=options["loss"])
    norm = np.linalg.norm(slopes)
    losses = fastnn.loss(net, [start, start - slopes / norm], *data[1:], loss=options["loss"])
    assert losses[0] > 0
    assert np.isnan(losses[1])
    run = fastnn.train(*data, epochs=400, **options)
    expected = fastnn.reference.train(*data, epochs=400, **options)
    first = int(np.argmax(run.history < run.history[0]))
    assert first > 350
    assert (run.history[:first] == run.history[0]).all()
    np.testing.assert_allclose(run.history[: first + 1], expected.history[: first + 1], rtol=1e-9)
    assert np.isfinite(run.parameters).all()
    # As long as all trials are of that kind, the start is all there is.
    few = {**options, "optimizer": LBFGS(trials=8)}
    for train in (fastnn.train, fastnn.reference.train):
        run = train(*data, **few)
        assert (run.epochs, run.status) == (8, Status.STALLED)
        np.testing.assert_array_equal(run.parameters, start)
    runs = fastnn.train_many(*data, restarts=9, **{**few, "init": np.tile(start, (9, 1))})
    assert (runs.status == Status.STALLED).all()
    assert (runs.parameters == start).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_start_without_finite_loss_has_diverged(dtype):
    net = fastnn.Network([1, 2, 1], activation="identity", bias=False)
    huge = 1e30 if dtype == "float32" else 1e200
    starts = np.ones((12, 4))
    starts[::3] = huge  # the loss is infinite
    starts[1::3] = [huge, -huge, huge, huge]  # not a number
    data = net, [[1.0]], [[1.0]]
    options = {"restarts": 12, "epochs": 9, "optimizer": LBFGS(), "dtype": dtype}
    runs = fastnn.train_many(*data, init=starts, **options)
    tame = fastnn.train_many(*data, init=np.ones((12, 4)), **options)
    wild = np.arange(12) % 3 < 2
    assert (runs.status[wild] == Status.DIVERGED).all()
    assert (runs.epochs[wild] == 0).all()
    np.testing.assert_array_equal(runs.parameters[wild], starts[wild].astype(dtype))
    assert (runs.status[~wild] == Status.EPOCH_LIMIT).all()
    np.testing.assert_array_equal(runs.parameters[~wild], tame.parameters[~wild])
    one = fastnn.train(*data, init=starts[0], epochs=9, optimizer=LBFGS(), dtype=dtype)
    assert (one.epochs, one.status, one.loss) == (0, Status.DIVERGED, np.inf)
