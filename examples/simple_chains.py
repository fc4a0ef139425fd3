"""The exponential of 2 by 2 matrices: SimpleChains.jl's example, published times and ours.

The Julia language's blog ("Doing small network scientific machine learning in Julia 5x faster than
PyTorch", 14 April 2022): a 4-32-16-4 network, tanh and a linear output, learns the exponentials of
10,000 random matrices in float32, with Adam on all samples at once, 10,000 epochs.  One network's
samples lie side by side in the vectors (``parallel="samples"``), and threads share them.

Run it as ``python examples/simple_chains.py``.  It prints times and losses, on the training data
and on other data, and saves the figure ``simple_chains.png`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn
from fastnn.support.machine import available_threads

NET = fastnn.Network([4, 32, 16, 4], activation=["tanh", "tanh", "identity"])
PUBLISHED = (
    ("SimpleChains, 18 cores of an i9-10980XE", 41),
    ("SimpleChains, 32 cores of an EPYC 7513", 72),
    ("PyTorch", 1_500),
)
"""Microseconds for an epoch."""


def exponentials(matrices):
    """exp of (n, 2, 2): the series of a 256th of each, squared eight times."""
    small = matrices / 256
    result = term = np.broadcast_to(np.eye(2), matrices.shape)
    for i in range(1, 12):
        term = term @ small / i
        result = result + term
    for _ in range(8):
        result = result @ result
    return result


def make_data(samples, seed):
    """Matrices and their exponentials as rows of four."""
    matrices = np.random.default_rng(seed).normal(size=(samples, 2, 2))
    return matrices.reshape(-1, 4), exponentials(matrices).reshape(-1, 4)


def train(X, y, epochs):
    """Train the network."""
    return fastnn.train(
        NET, X, y, loss="mse", optimizer=fastnn.Adam(0.003), epochs=epochs, dtype="float32",
        init=fastnn.GlorotNormal(), parallel="samples", history=max(1, epochs // 1_000),
    )  # fmt: skip


def draw(run, seconds, true, predicted, path):
    """Draw the loss against epochs and seconds, and predictions against the truth."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    run.plot(left)
    left.set_title("")
    left.set_ylabel("mean squared error")
    each = seconds / run.epochs
    top = left.secondary_xaxis("top", functions=(lambda e: e * each, lambda s: s / each))
    top.set_xlabel("seconds")
    right.plot(true.ravel(), predicted.ravel(), ".", color="#0072B2", ms=2, rasterized=True)
    ends = [true.min(), true.max()]
    right.plot(ends, ends, color="#D55E00", lw=1, label="equal")
    right.set(xlabel="element of the matrix's exponential", ylabel="predicted")
    right.set_title(f"{len(true):,} matrices that were not learnt", fontsize=10)
    right.legend()
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def main():
    """Train, compare, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="simple_chains.png")
    parser.add_argument("--samples", type=int, default=10_000, help="default %(default)s")
    parser.add_argument("--epochs", type=int, default=10_000, help="default %(default)s")
    options = parser.parse_args()

    X, y = make_data(options.samples, 0)
    others, true = make_data(1_000, 1)
    train(X, y, 1)  # compiles at its first use
    begin = time.perf_counter()
    run = train(X, y, options.epochs)
    seconds = time.perf_counter() - begin
    predicted = run.predict(others)
    print(f"{len(X):,} samples, {run.epochs:,} epochs in {seconds:.2f} s")
    print(
        f"mean squared error {run.history[0]:.4g} at first, {run.loss:.3g} in the end; "
        f"{np.mean((predicted - true) ** 2):.3g} on {len(true):,} others"
    )
    print("\nmicroseconds for an epoch")
    for name, time_of_epoch in (
        *PUBLISHED, (f"fastnn, {available_threads()} threads here", 1e6 * seconds / run.epochs),
    ):  # fmt: skip
        print(f"{time_of_epoch:>8,.0f}  {name}")
    draw(run, seconds, true, predicted, options.figure)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
