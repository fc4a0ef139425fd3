"""An earlier fastnn in another environment, on all works that ours does on one thread."""

from __future__ import annotations

from collections.abc import Callable

import earlier
import numpy as np
from works import Work

import fastnn
from contenders import Call, Contender
from contenders.own import MANY, ONE, SAMPLES


def needs() -> str | None:
    """The reason why it cannot take part, or None."""
    return None if earlier.process() else "no earlier fastnn given (--before)"


def many(work: Work, restarts: int) -> Call:
    """`train_many` on one thread."""
    rates = work.learning_rates(1 if work.rates is None else restarts)
    rate = float(rates[0]) if work.rates is None else rates
    task = earlier.task_of(
        work.net, *work.arrays, "train_many", ("GradientDescent", {"learning_rate": rate}),
        work.init, restarts=restarts, epochs=work.epochs, target_sse=work.target_sse,
        dtype=work.dtype, threads=1, progress=False,
    )  # fmt: skip
    ours = work.train(restarts, threads=1)
    return compared(f"many {work.key}", task, ours, "parameters", "loss", "epochs", "status")


def one(history: bool, **options) -> Callable[[Work, int], Call]:
    """`train`."""

    def prepare(work: Work, restarts: int) -> Call:
        rate = float(work.learning_rates(1)[0])
        common = {"epochs": work.epochs, "target_sse": work.target_sse, "dtype": work.dtype,
                  "history": history, **options}  # fmt: skip
        task = earlier.task_of(
            work.net, *work.arrays, "train", ("GradientDescent", {"learning_rate": rate}),
            work.init, **common,
        )  # fmt: skip
        ours = fastnn.train(
            work.net, *work.arrays, optimizer=fastnn.GradientDescent(rate), init=work.init,
            **common,
        )  # fmt: skip
        names = ["parameters", "loss", "epochs", *(["history"] if history else [])]
        return compared(f"one {history} {options} {work.key}", task, ours, *names)

    return prepare


def compared(key: str, task: dict, ours: object, *names: str) -> Call:
    """A call of the task in the other process, checked to give the bits of `ours`."""
    process = earlier.process()
    assert process is not None
    process.begin(key, task)
    earlier.assert_same_bits(ours, process.train(key, *names)[2], key)
    times: list[tuple[float, float]] = []

    def train() -> np.ndarray:
        seconds, worked, found = process.train(key, "loss")
        times.append((seconds, worked))
        return np.atleast_1d(found["loss"])

    return Call(train, times=times)


CONTENDERS = [
    Contender("before one", "before: `train`, history kept", "before", needs,
              {key: n for key, n in ONE.items() if key not in SAMPLES}, one(True)),
    Contender("before one, no history", "before: `train`, no history", "before", needs,
              {"W1": 1}, one(False)),
    Contender("before samples", 'before: `train(parallel="samples")`', "before", needs, SAMPLES,
              one(True, parallel="samples", threads=1)),
    Contender("before many", "before: `train_many`", "before", needs, MANY, many),
]  # fmt: skip
