"""Train many random restarts of a small network on XOR, and count how they end."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import xor
from ..optimizers import GradientDescent, Optimizer, optimizers_by_name
from ..results.runs import Runs
from ..results.statistics import Statistics
from ..results.summary import Summary
from ..results.verdict import is_worse_than, loss_of_constant
from ..scheduling.scheduler import Interrupted
from ..spec.activations import BY_NAME
from ..spec.losses import SSE
from ..spec.network import Network
from ..starts.uniform import Uniform
from ..storage.manifest import read_manifest
from ..storage.writer import is_begun
from ..support.checks import FLOATS
from ..training import train_many
from .arguments import about_hidden, hidden_layers, kept, number, number_type, sizes, whole
from .files import check_figure, check_output, new_figure, save_figure
from .report import warn

RESTARTS = 100_000


def optimizers() -> dict[str, Any]:
    """All registered optimizers, by their names on the command line, which have hyphens."""
    return {name.replace("_", "-"): kind for name, kind in optimizers_by_name().items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add, names = parser.add_argument, optimizers()
    add(
        "restarts", type=whole, nargs="?",
        help=f"number of restarts, default {RESTARTS}; with --resume, that of the run",
    )  # fmt: skip
    add(
        "--epochs",
        type=whole,
        default=10_000,
        help="maximum epochs of each restart, default %(default)s",
    )
    add(
        "--optimizer", choices=list(names), default="gradient-descent", metavar="NAME",
        help=f"{', '.join(names)}; default %(default)s",
    )  # fmt: skip
    add(
        "--learning-rate", type=number, metavar="RATE",
        help="default 0.5 for gradient descent, otherwise the optimizer's own",
    )  # fmt: skip
    add("--momentum", type=number, help="for gradient descent, default 0")
    add(
        "--low",
        type=number,
        default=0.0,
        help="lower bound of the initial weights, default %(default)s",
    )
    add(
        "--high",
        type=number,
        default=1.0,
        help="upper bound of the initial weights, default %(default)s",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--target", type=number, default=0.04, help="stop below this SSE, default %(default)s"
    )
    target.add_argument(
        "--no-target", action="store_const", dest="target", const=None, help="never stop early"
    )
    add("--seed", type=whole, default=0, help="default %(default)s")
    add(
        "--hidden",
        type=sizes,
        default=[2],
        metavar="N[,N…]",
        help="hidden units, 0 for none; default 2",
    )
    add("--activation", choices=list(BY_NAME), default="sigmoid", metavar="NAME",
        help=f"{', '.join(BY_NAME)}; default %(default)s")  # fmt: skip
    add("--bias", action="store_true", help="give the units biases")
    add("--dtype", type=number_type, choices=FLOATS, default="float64",
        help="type of all numbers, default %(default)s")  # fmt: skip
    add("--threads", type=whole, help="default: the CPUs available to this process")
    add(
        "--keep", type=kept, metavar="WHAT",
        help="all, parameters, outcomes, statistics, or best=N; by default what fits in 1 GiB",
    )  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="write results to a folder as they arrive")
    add("--resume", action="store_true", help="continue the run in the folder")
    add("--time-limit", type=number, metavar="SECONDS", help="stop after this time")
    add("--save", type=Path, metavar="FILE.npz", help="save all results")
    add("--figure", type=Path, metavar="FILE", help="save a figure: .png, .pdf or .svg")


def make_optimizer(options: argparse.Namespace) -> Optimizer:
    """The optimizer that the options describe."""
    kind = optimizers()[options.optimizer]
    names = [field.name for field in fields(kind)]
    given = {"learning_rate": options.learning_rate, "momentum": options.momentum}
    numbers = {name: value for name, value in given.items() if value is not None}
    for name in numbers:
        if name not in names:
            option = "--" + name.replace("_", "-")
            raise ValueError(
                f"{option}: expected only with an optimizer that has it, got it with "
                f"{options.optimizer}"
            )
    if kind is GradientDescent:
        numbers.setdefault("learning_rate", 0.5)
    optimizer: Optimizer = kind(**numbers)
    return optimizer


def count_of(options: argparse.Namespace) -> int:
    """Number of restarts that the options ask for."""
    if options.restarts is not None:
        return int(options.restarts)
    begun = options.resume and options.out is not None and is_begun(options.out)
    return read_manifest(options.out).job.restarts if begun else RESTARTS


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.save is not None:
        check_output("--save", options.save, ["npz"])
        if options.out is not None:
            raise ValueError(
                "--save: not available with --out, whose folder already holds the results"
            )
    if options.figure is not None:
        check_figure(options.figure)
    with about_hidden():
        net = Network([2, *hidden_layers(options.hidden), 1], activation=options.activation,
                      bias=options.bias)  # fmt: skip
    X, y = xor()
    restarts = count_of(options)
    start = time.perf_counter()
    code = 0
    runs: Any
    try:
        runs = train_many(
            net,
            X,
            y,
            restarts=restarts,
            optimizer=make_optimizer(options),
            epochs=options.epochs,
            target_sse=options.target,
            seed=options.seed,
            init=Uniform(options.low, options.high),
            dtype=options.dtype,
            threads=options.threads,
            keep=options.keep,
            out=options.out,
            resume=options.resume,
            time_limit=options.time_limit,
        )
    except Interrupted as interrupted:
        runs, code = interrupted.runs, 130
        print(f"fastnn: {interrupted}", file=sys.stderr)
    seconds = time.perf_counter() - start
    if isinstance(runs, Runs) and runs.statistics is None:
        told: Any = runs.summary()
        summary, count = told, len(runs)
    else:
        told = runs if isinstance(runs, Statistics) else runs.statistics
        summary, count = told.summary(), told.restarts
    saved = _write(runs, options) if count else []  # before any output that could fail
    print(net)
    print(told)
    if options.epochs and summary.restarts:
        _warn(summary, y, options)
    rate = "" if options.resume else f", {count / seconds:,.0f} restarts/s"
    print(f"{seconds:.2f} s{rate}")
    print("".join(f"saved {path}\n" for path in saved), end="")
    if options.out is not None:
        print(f"{count:,} of {restarts:,} restarts are in {options.out}")
    return code


def _warn(summary: Summary, y: np.ndarray, options: argparse.Namespace) -> None:
    """Warn if no restart is worth much."""
    best = np.inf if summary.loss is None else summary.loss[0]
    if is_worse_than(best, loss_of_constant(SSE(), y)):
        has_rate = hasattr(make_optimizer(options), "learning_rate")
        rate = "a smaller --learning-rate, " if has_rate else ""
        other = "levenberg-marquardt" if options.optimizer == "rprop" else "rprop"
        warn(
            "restarts: expected one at least with an SSE below that of the mean, got none; try "
            f"{rate}more --epochs, or another --optimizer, such as {other}"
        )


def _write(runs: Any, options: argparse.Namespace) -> list[Path]:
    if options.save is not None:
        runs.save(options.save)
    if options.figure is not None:
        figure = new_figure(10, 4)
        runs.plot(figure.subplots(1, 2))
        save_figure(figure, options.figure)
    return [path for path in (options.save, options.figure) if path is not None]
