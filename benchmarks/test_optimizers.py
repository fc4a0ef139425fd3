"""Costs of optimizers and batches, and Levenberg–Marquardt compared with SciPy."""

import contextlib
import statistics
import time

import cpus
import earlier
import numpy as np
import pytest
from kinds import warmed
from works import WORKS, iris, quick

import fastnn

TURNS = 7
# Epochs in which few of RPROP's restarts reach numbers so small that processors slow down.
EPOCHS = 300
OPTIMIZERS = {
    "gradient descent": fastnn.GradientDescent(0.5),
    "momentum": fastnn.GradientDescent(0.5, momentum=0.9),
    "Nesterov": fastnn.GradientDescent(0.5, momentum=0.9, nesterov=True),
    "RPROP": fastnn.RPROP(),
    "RPROP, max_step=0.02": fastnn.RPROP(max_step=0.02),
    "Quickprop": fastnn.Quickprop(),
    "Adam": fastnn.Adam(0.01),
    "L-BFGS": fastnn.LBFGS(),
}


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turns(calls, clocks=None, special=True):
    """The median seconds of each of some calls, which take turns after those that warm up.

    `clocks` are calls of another process, which return their own seconds; `special` tells whether
    the networks are so small that they have special kernels.
    """
    for call in calls.values():
        (warmed(call) if special else call)()
    clocks = {**{name: lambda c=call: seconds(c) for name, call in calls.items()}, **(clocks or {})}
    times = {name: [] for name in clocks}
    for _ in range(1 if quick() else TURNS):
        for name, clock in clocks.items():
            times[name].append(clock())
    return {name: statistics.median(values) for name, values in times.items()}


def test_first_order(suite):
    """ns per network and epoch on XOR, W2's network and start."""
    work, restarts = WORKS["W2"], 64 if quick() else 8192

    def call(optimizer):
        return lambda: fastnn.train_many(
            work.net, *work.arrays, restarts=restarts, epochs=EPOCHS, optimizer=optimizer,
            init=work.init, threads=1, keep="outcomes", progress=False,
        )  # fmt: skip

    with cpus.of_threads(1):
        found = in_turns({name: call(optimizer) for name, optimizer in OPTIMIZERS.items()})
    suite.measurements["optimizers"] = {
        name: 1e9 * taken / restarts / EPOCHS for name, taken in found.items()
    }


@pytest.mark.filterwarnings("ignore")
def test_batches(suite):
    """ns per network and epoch on Iris: full batch, batches of 15 in given and in random order."""
    pytest.importorskip("sklearn")
    X, y = iris()
    net, restarts, epochs = fastnn.Network([4, 8, 3]), 64 if quick() else 1024, 20
    forms = {"full batch": {}, "given order": {"batch_size": 15},
             "shuffled": {"batch_size": 15, "shuffle": True}}  # fmt: skip

    def call(options):
        return lambda: fastnn.train_many(
            net, X, y, restarts=restarts, epochs=epochs, threads=1, keep="outcomes",
            optimizer=fastnn.GradientDescent(0.01), progress=False, **options,
        )  # fmt: skip

    with cpus.of_threads(1):
        found = in_turns({name: call(options) for name, options in forms.items()}, special=False)
    suite.measurements["batches"] = {
        name: 1e9 * taken / restarts / epochs for name, taken in found.items()
    }


def solve_xor(restarts, **options):
    return fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=restarts, epochs=30,
        optimizer=fastnn.LevenbergMarquardt(), progress=False, **options,
    )  # fmt: skip


def test_levenberg_marquardt(suite):
    """ns per trial on XOR with biases, 30 trials for each network; SciPy's trf beside it."""
    restarts = 64 if quick() else 20_000
    with cpus.of_threads(1):
        calls = {"fastnn": lambda: solve_xor(restarts, threads=1)}
        taken = in_turns(calls, solve_xor_before(restarts))
        ns = {name: 1e9 * seconds / restarts / 30 for name, seconds in taken.items()}
        with contextlib.suppress(ImportError):
            ns["SciPy trf"] = scipy_trf()
    suite.measurements["levenberg_marquardt"] = ns


def solve_xor_before(restarts):
    """Run the same with an earlier fastnn, if any: the same bits, timed by its own clock."""
    process = earlier.process()
    if process is None:
        return {}
    task = earlier.task_of(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), "train_many", ("LevenbergMarquardt", {}),
        restarts=restarts, epochs=30, progress=False, threads=1,
    )  # fmt: skip
    process.begin("solve", task)
    found = process.train("solve", "parameters", "loss", "epochs", "status")[2]
    earlier.assert_same_bits(solve_xor(restarts, threads=1), found, "Levenberg-Marquardt")
    return {"before": lambda: process.seconds("solve")}


def scipy_trf():
    """ns per evaluation of SciPy's least_squares, with our residuals and analytic Jacobian."""
    from scipy.optimize import least_squares

    net = fastnn.Network([2, 2, 1])
    X, y = fastnn.datasets.xor()
    restarts = 2 if quick() else 50
    starts = fastnn.train_many(net, X, y, restarts=restarts, epochs=0).parameters

    def outputs(parameters):
        (W1, W2), (b1, b2) = net.unpack(parameters)
        hidden = 1 / (1 + np.exp(-(X @ W1 + b1)))
        return hidden, 1 / (1 + np.exp(-(hidden @ W2 + b2)))

    def residuals(parameters):
        return (outputs(parameters)[1] - y).ravel()

    def jacobian(parameters):
        (_, W2), _ = net.unpack(parameters)
        hidden, output = outputs(parameters)
        delta = output * (1 - output)
        below = delta * W2.T * hidden * (1 - hidden)
        first = (X[:, :, None] * below[:, None, :]).reshape(len(X), -1)
        return np.hstack([first, below, hidden * delta, delta])

    evaluations = 0
    begin = time.perf_counter()
    for start in starts:
        found = least_squares(residuals, start, jacobian, method="trf", max_nfev=30)
        evaluations += found.nfev
    return 1e9 * (time.perf_counter() - begin) / evaluations


def test_a_million_solved(suite):
    """A million solved restarts of XOR with biases on all threads, and the share that is solved."""
    threads, wanted = len(cpus.ALL), 1000 if quick() else 10**6
    with cpus.of_threads(threads):
        options = {"threads": threads, "target_sse": 0.04, "keep": "outcomes"}
        first = warmed(lambda: solve_xor(100_000, **options))()
        share = float((first.status == fastnn.Status.CONVERGED).mean())
        restarts = int(wanted / share * 1.01)
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            runs = solve_xor(restarts, **options)
            times.append(time.perf_counter() - begin)
        solved = int((runs.status == fastnn.Status.CONVERGED).sum())
    assert solved >= wanted
    suite.measurements["solved"] = {
        "seconds": statistics.median(times), "solved": solved, "restarts": restarts,
        "threads": threads,
    }  # fmt: skip


def test_a_sweep(suite):
    """300 x 300 learning rates and momenta on XOR, one call."""
    side = 8 if quick() else 300
    grid = fastnn.Grid(
        learning_rate=np.geomspace(0.01, 100, side), momentum=np.linspace(0, 0.99, side)
    )
    work = WORKS["W2b"]

    def train():
        return fastnn.train_many(
            work.net, *work.arrays, grid=grid, optimizer=fastnn.GradientDescent(), epochs=1000,
            target_sse=0.04, progress=False,
        )  # fmt: skip

    with cpus.of_threads(len(cpus.ALL)):
        warmed(train)
        begin = time.perf_counter()
        runs = train()
        taken = time.perf_counter() - begin
    assert len(runs) == side**2
    suite.measurements["sweep"] = {"seconds": taken, "networks": len(runs)}
