"""fastnn itself: one network, many on one thread and on two, and two processes.

The headline rows have what ``FASTNN_KERNELS`` "auto" gives once the special kernel is on disk.
Where special kernels apply, rows with either kind forced stand beside them.
"""

from __future__ import annotations

import inspect
import multiprocessing
import weakref
from multiprocessing.connection import Connection

import numpy as np
from kinds import forced, warmed
from works import SMALL, WORKS, Work

import fastnn
from contenders import Contender, Train

MANY = {key: work.restarts for key, work in WORKS.items() if work.restarts > 1}
ONE = {key: 1 for key, work in WORKS.items() if work.restarts == 1}
SAMPLES = {key: 1 for key, work in WORKS.items() if work.samples_in_lanes}
SMALL_MANY, SMALL_ONE = ({key: n for key, n in all_of.items() if key in SMALL}
                         for all_of in (MANY, ONE))  # fmt: skip


def here() -> None:
    """No reason: it is always available."""
    return


def samples_in_lanes() -> str | None:
    """Return whether this version can put samples into lanes."""
    if "parallel" in inspect.signature(fastnn.train).parameters:
        return None
    return 'fastnn.train has no parallel="samples" yet'


def one(history: bool, kernels: str | None = None, **options):
    """The contender `fastnn.train`, as its users call it."""

    def prepare(work: Work, restarts: int) -> Train:
        X, y = work.arrays
        rate = float(work.learning_rates(1)[0])

        def train() -> np.ndarray:
            run = fastnn.train(
                work.net, X, y, epochs=work.epochs, optimizer=fastnn.GradientDescent(rate),
                init=work.init, target_sse=work.target_sse, dtype=work.dtype, history=history,
                **options,
            )  # fmt: skip
            return np.array([run.loss])

        return with_kernels(kernels, work, train)

    return prepare


def many(threads: int, kernels: str | None = None):
    """The contender `fastnn.train_many` on a number of threads."""

    def prepare(work: Work, restarts: int) -> Train:
        return with_kernels(kernels, work, lambda: work.train(restarts, threads=threads).loss)

    return prepare


def with_kernels(kernels: str | None, work: Work, train: Train) -> Train:
    """Run `train` with kernels of one kind, or unchanged with all kernels on disk."""
    if kernels is None:
        return warmed(train) if work.key in SMALL else train

    def train_with() -> np.ndarray:
        with forced(kernels):
            return train()

    return train_with


def _half(channel: Connection, work: Work, first: int, restarts: int) -> None:
    """The work of each of two processes: train its half at every request."""
    train = warmed(lambda: work.train(restarts, threads=1, first=first).loss)
    channel.send(None)
    while channel.recv():
        channel.send(train())


def processes(work: Work, restarts: int) -> Train:
    """Two processes of one thread each, started beforehand; the time is from signal to answers."""
    context = multiprocessing.get_context("spawn")
    share = restarts // 2
    channels = []
    children = []
    for first in (0, share):
        channel, other = context.Pipe()
        child = context.Process(target=_half, args=(other, work, first, share), daemon=True)
        child.start()
        channels.append(channel)
        children.append(child)
    for channel in channels:
        channel.recv()

    def train() -> np.ndarray:
        for channel in channels:
            channel.send(True)
        return np.concatenate([channel.recv() for channel in channels])

    weakref.finalize(train, lambda: [child.terminate() for child in children])
    return train


CONTENDERS = [
    Contender("fastnn one", "`train`, history kept", "fastnn", here, ONE, one(True)),
    Contender("fastnn one, no history", "`train`, no history", "fastnn", here, {"W1": 1},
              one(False)),
    Contender("fastnn samples", '`train(parallel="samples")`', "fastnn", samples_in_lanes,
              SAMPLES, one(True, parallel="samples", threads=1)),
    Contender("fastnn samples, 2 threads", '`train(parallel="samples")`, two threads', "fastnn",
              samples_in_lanes, SAMPLES, one(True, parallel="samples", threads=2), threads=2),
    Contender("fastnn many", "`train_many`", "fastnn", here, MANY, many(1)),
    Contender("fastnn many, 2 threads", "`train_many`, two threads", "fastnn", here, MANY,
              many(2), threads=2),
    Contender("fastnn, 2 processes", "`train_many` in two processes", "fastnn", here,
              {"W2": MANY["W2"]}, processes, threads=2),
    *(contender
      for kind in ("general", "special")
      for contender in (
          Contender(f"fastnn many, {kind}", f"`train_many`, {kind} kernels", "fastnn", here,
                    SMALL_MANY, many(1, kind)),
          Contender(f"fastnn one, {kind}", f"`train`, history kept, {kind} kernels", "fastnn",
                    here, SMALL_ONE, one(True, kind)),
      )),
]  # fmt: skip
