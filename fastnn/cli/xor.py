"""The classic exercise: learn XOR from scratch, once and from many random starts.

Trains a 2-2-1 sigmoid network without biases by back-propagation, again with the NumPy reference,
then many random restarts, and saves a figure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import reference
from ..datasets import xor
from ..optimizers import GradientDescent
from ..results.plots import plot_converged, plot_history
from ..results.run import Run
from ..scheduling.scheduler import Interrupted
from ..spec.network import Network
from ..spec.network_plot import plot_network
from ..starts.uniform import Uniform
from ..support.checks import integer
from ..support.machine import available_threads
from ..training import train, train_many
from .arguments import whole
from .files import check_figure, new_figure, save_figure

LEARNING_RATE, LOW, HIGH, SEED, TARGET_SSE = 0.5, 0, 1, 0, 0.04


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--epochs", type=whole, default=10_000, help="default %(default)s")
    parser.add_argument("--restarts", type=whole, default=100_000, help="default %(default)s")
    parser.add_argument(
        "--figure",
        type=Path,
        default=Path("xor.png"),
        help="where to save the figure, default %(default)s",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    check_figure(options.figure)
    integer("epochs", options.epochs, 1)
    integer("restarts", options.restarts, 1)
    X, y = xor()
    net = Network([2, 2, 1], activation="sigmoid", bias=False)
    settings = {
        "optimizer": GradientDescent(LEARNING_RATE),
        "init": Uniform(LOW, HIGH),
        "seed": SEED,
        "epochs": options.epochs,
    }
    print(net)
    print(f"learning rate {LEARNING_RATE}, start uniform in [{LOW}, {HIGH}), seed {SEED}\n")

    clock = time.perf_counter()
    trained = train(net, X, y, **settings)
    first = time.perf_counter() - clock
    _print_truth_table(trained, X, y)
    history = trained.history
    assert history is not None
    print(f"\nSSE {history[0]:.6f} at the start, {trained.sse:.6f} after {trained.epochs:,} epochs")

    fast = min(first, *(_seconds(lambda: train(net, X, y, **settings)) for _ in range(3)))
    clock = time.perf_counter()
    textbook = reference.train(net, X, y, **settings)
    slow = time.perf_counter() - clock
    per_epoch = options.epochs
    print(f"fastnn          {fast * 1e3:10.2f} ms {fast / per_epoch * 1e9:10,.0f} ns per epoch")
    print(f"NumPy reference {slow * 1e3:10.2f} ms {slow / per_epoch * 1e9:10,.0f} ns per epoch")
    print(f"fastnn is {slow / fast:,.0f} times as fast; the largest relative differences are")
    assert textbook.history is not None
    print(f"  {_difference(history, textbook.history):.1e} in the SSE of any epoch,")
    print(f"  {_difference(trained.parameters, textbook.parameters):.1e} in the final weights")
    if first > fast + 0.1:
        print(f"(before that, loading or compiling the kernels took {first - fast:.1f} s)")

    print(f"\n{options.restarts:,} random restarts until SSE < {TARGET_SSE}:")
    train_many(net, X, y, restarts=64, **{**settings, "epochs": 0})  # compiles
    clock = time.perf_counter()
    code = 0
    try:
        runs = train_many(net, X, y, restarts=options.restarts, target_sse=TARGET_SSE, **settings)
    except Interrupted as interrupted:
        runs, code = interrupted.runs, 130
        print(f"fastnn: {interrupted}", file=sys.stderr)
    seconds = time.perf_counter() - clock
    print(runs.summary())
    epochs = int(runs.epochs.sum())
    print(
        f"{epochs:,} epochs in {seconds:.2f} s with {available_threads()} threads: "
        f"{seconds / max(1, epochs) * 1e9:.1f} ns per epoch; the reference, one restart after "
        f"another, would take {slow / per_epoch * epochs:,.0f} s"
    )

    figure = new_figure(13, 4)
    left, middle, right = figure.subplots(1, 3)
    plot_history(trained, left)
    plot_network(net, trained.weights, ax=middle)
    plot_converged(runs, right)
    right.set_title(f"{len(runs):,} restarts until SSE < {TARGET_SSE}")
    save_figure(figure, options.figure)
    print(f"\nfigure saved as {options.figure}")
    return code


def _print_truth_table(trained: Run, X: np.ndarray, y: np.ndarray) -> None:
    print("x1 x2   XOR   prediction")
    for inputs, target, output in zip(X, y, trained.predict(X), strict=True):
        print(f" {inputs[0]:.0f}  {inputs[1]:.0f}     {target[0]:.0f}   {output[0]:.4f}")


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b) / np.abs(b)))
