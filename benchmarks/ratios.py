"""How fast fastnn is on this machine, as ratios measured side by side.

``python benchmarks/ratios.py`` takes about two minutes; ``--restarts 1000000`` trains the whole
million of the last part.  Run nothing beside it.  Contenders take turns, and each is given its best
time; before that, all must have computed the same.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

# Settings that pin BLAS to another kind of processor slow NumPy down; the comparison is without.
PINNED = ("OPENBLAS_CORETYPE", "NVPL_BLAS_DEBUG_CPU_TYPE", "MKL_DEBUG_CPU_TYPE")
if any(name in os.environ for name in PINNED):
    rest = {name: value for name, value in os.environ.items() if name not in PINNED}
    os.execve(sys.executable, [sys.executable, *sys.argv], rest)

import numpy as np  # noqa: E402
from numpy_loops import textbook, tuned  # noqa: E402

import fastnn  # noqa: E402

NET = fastnn.Network([2, 2, 1], bias=False)
X, Y = fastnn.datasets.xor()
SETTINGS = {"optimizer": fastnn.GradientDescent(0.5), "init": fastnn.Uniform(0, 1)}
FIRST_RESULT = (
    "import fastnn; X, y = fastnn.datasets.xor(); "
    "fastnn.train(fastnn.Network([2, 2, 1], bias=False), X, y).loss"
)


def seconds(call):
    """How long `call` takes, and what it returns."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def best_of(rounds, contenders):
    """The best time of each of `contenders`, a dict of calls that take turns."""
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            times[name].append(seconds(call)[0])
    return {name: min(values) for name, values in times.items()}


def many(restarts=20_000, epochs=1000, **options):
    """Train many networks for a fixed number of epochs."""
    return fastnn.train_many(NET, X, Y, restarts=restarts, epochs=epochs, **SETTINGS, **options)


def fixed_epochs():
    """XOR for a fixed number of epochs: NumPy's loops, one network, lanes, threads."""
    epochs, restarts = 1000, 20_000
    start = fastnn.train(NET, X, Y, epochs=0, **SETTINGS).parameters
    expected = fastnn.train(NET, X, Y, epochs=epochs, **SETTINGS)

    def loop(function):
        W1, W2 = NET.unpack(start.copy())[0]
        return function(X, Y, W1, W2, 0.5, epochs)

    for function in (textbook, tuned):
        np.testing.assert_allclose(loop(function), expected.history[:-1], rtol=1e-12)
    reference = fastnn.reference.train(NET, X, Y, epochs=epochs, **SETTINGS)
    np.testing.assert_allclose(reference.history, expected.history, rtol=1e-12)
    for dtype in ("float64", "float32"):
        runs = many(threads=1, dtype=dtype)
        for k in range(0, restarts, 4000):
            single = fastnn.reference.train(NET, X, Y, epochs=epochs, restart=k, **SETTINGS)
            np.testing.assert_allclose(
                runs.loss[k], single.loss, rtol=1e-12 if dtype == "float64" else 1e-4
            )

    contenders = {
        "NumPy, textbook loop": (lambda: loop(textbook), 1),
        "NumPy, loop tuned by hand": (lambda: loop(tuned), 1),
        "fastnn.reference": (
            lambda: fastnn.reference.train(NET, X, Y, epochs=epochs, **SETTINGS),
            1,
        ),
        "fastnn.train": (lambda: fastnn.train(NET, X, Y, epochs=epochs, **SETTINGS), 1),
        "train_many, 1 thread": (lambda: many(threads=1), restarts),
        "train_many, 2 threads": (lambda: many(threads=2), restarts),
        "train_many, float32, 1 thread": (lambda: many(threads=1, dtype="float32"), restarts),
    }
    best = best_of(9, {name: call for name, (call, _) in contenders.items()})
    pace = {name: best[name] / count / epochs * 1e9 for name, (_, count) in contenders.items()}
    print(f"\nXOR 2-2-1, {epochs:,} epochs; train_many with {restarts:,} restarts")
    print(f"{'':<32}{'ns per epoch':>14}{'reference / it':>16}")
    for name, value in pace.items():
        print(f"{name:<32}{value:>14,.1f}{pace['fastnn.reference'] / value:>16,.2f}")
    slower = pace["fastnn.reference"] / pace["NumPy, textbook loop"]
    print(f"the reference takes {slower:.2f} times the textbook loop,", end=" ")
    print(
        f"{pace['fastnn.reference'] / pace['NumPy, loop tuned by hand']:.2f} times the tuned loop"
    )
    print(
        f"two threads are {pace['train_many, 1 thread'] / pace['train_many, 2 threads']:.2f}",
        end="",
    )
    print(" times as fast as one")


def until_converged(restarts):
    """Restarts that stop at their target, against what their epochs cost at the fixed pace."""
    ratios = []
    paces = []
    for _ in range(3 if restarts <= 200_000 else 1):
        fixed, _ = seconds(lambda: many(restarts=100_000, epochs=2000, threads=2))
        pace = fixed / 100_000 / 2000
        taken, runs = seconds(
            lambda: fastnn.train_many(
                NET, X, Y, restarts=restarts, epochs=10_000, target_sse=0.04, threads=2, **SETTINGS
            )
        )
        again, _ = seconds(lambda: many(restarts=100_000, epochs=2000, threads=2))
        pace = (pace + again / 100_000 / 2000) / 2
        epochs = int(runs.epochs.sum())
        paces.append(taken / epochs * 1e9)
        ratios.append(taken / (epochs * pace))
    print(f"\n{restarts:,} restarts until SSE < 0.04, at most 10,000 epochs, two threads")
    print(runs.summary())
    print(f"{taken:.2f} s for {epochs:,} epochs: {statistics.median(paces):.2f} ns per epoch,")
    print(f"  {statistics.median(ratios):.3f} times their cost at a fixed number of epochs")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"peak memory of this process {peak:,.0f} MiB")


def first_use():
    """Whole processes from start to the first XOR result, with a cold and a warm cache."""
    cold, warm, imports = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}

            def process(code, environment=environment):
                subprocess.run([sys.executable, "-c", code], env=environment, check=True)

            cold.append(seconds(lambda: process(FIRST_RESULT))[0])
            warm += [seconds(lambda: process(FIRST_RESULT))[0] for _ in range(2)]
            imports += [seconds(lambda: process("import fastnn"))[0] for _ in range(2)]
    print("\nwhole process, from start to the first XOR result (median)")
    print(
        f"cold cache {statistics.median(cold):.2f} s, warm cache {statistics.median(warm):.2f} s, ",
        end="",
    )
    print(f"import alone {statistics.median(imports):.2f} s")


def main():
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=100_000, help="of the second part")
    options = parser.parse_args()
    subprocess.run([sys.executable, "-m", "fastnn", "info"], check=True)
    print("kernel      ", platform.release())
    first_use()
    fixed_epochs()
    until_converged(options.restarts)


if __name__ == "__main__":
    main()
