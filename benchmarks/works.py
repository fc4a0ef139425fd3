"""The works that the suite times: networks, data, and numbers of epochs.

Every contender trains the same networks from the same starts, by full-batch gradient descent on
the sum of squared errors with the same learning rates.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

import fastnn

START = fastnn.Uniform(-1, 1)
QUICK_EPOCHS, QUICK_RESTARTS = 250, 64
"""The most that a work has where the suite only checks that it runs."""


@dataclass(frozen=True, eq=False)
class Work:
    """One task for all contenders."""

    key: str
    """Short and unique, such as "W2" or "W2-float32"."""
    title: str
    net: fastnn.Network
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    learning_rate: float
    """Step per unit of the gradient of the sum of squared errors."""
    epochs: int
    """The number of epochs, or with a target the most."""
    restarts: int
    """Networks that a fast contender trains in one call; others train fewer."""
    init: fastnn.Uniform = START
    rates: tuple[float, float] | None = None
    """Learning rates log-spaced from … to … among the restarts, instead of one for all."""
    target_sse: float | None = None
    dtype: str = "float64"
    tolerance: float = 1e-9
    """Relative, of the final SSE of every restart against fastnn's."""
    samples_in_lanes: bool = False
    """True if fastnn uses ``parallel="samples"``."""

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """X and y in the work's dtype."""
        X, y = self.data()
        return X.astype(self.dtype), y.astype(self.dtype)

    def learning_rates(self, restarts: int) -> np.ndarray:
        """(restarts,) learning rates, in the work's dtype."""
        if self.rates is None:
            return np.full(restarts, self.learning_rate, dtype=self.dtype)
        return np.geomspace(*self.rates, restarts).astype(self.dtype)

    def start(self, restarts: int) -> np.ndarray:
        """(restarts, n_parameters) initial parameters; `net.unpack` splits a row."""
        runs = fastnn.train_many(
            self.net, *self.arrays, restarts=restarts, epochs=0, init=self.init,
            dtype=self.dtype, keep="all",
        )  # fmt: skip
        assert runs.parameters is not None
        return runs.parameters

    def train(self, restarts: int, **options) -> fastnn.Runs:
        """Train the work with fastnn."""
        rate = self.learning_rates(1 if self.rates is None else restarts)
        rate = float(rate[0]) if self.rates is None else rate
        options = {"optimizer": fastnn.GradientDescent(rate), "progress": False, **options}
        return fastnn.train_many(
            self.net, *self.arrays, restarts=restarts, epochs=self.epochs, init=self.init,
            target_sse=self.target_sse, dtype=self.dtype, **options,
        )  # fmt: skip


@cache
def iris():
    """150 samples, 4 inputs scaled to 0 … 1, 3 one-hot targets; comes with scikit-learn."""
    from sklearn.datasets import load_iris

    X, label = load_iris(return_X_y=True)
    return (X - X.min(axis=0)) / np.ptp(X, axis=0), np.eye(3)[label]


@cache
def digits():
    """1,797 samples of 8 x 8 pixels from 0 to 1, 10 one-hot targets; comes with scikit-learn."""
    from sklearn.datasets import load_digits

    X, label = load_digits(return_X_y=True)
    return X / 16, np.eye(10)[label]


@cache
def matrix_exponentials():
    """10,000 random 2 x 2 matrices and their exponentials, row by row."""
    X = np.random.default_rng(0).normal(size=(10_000, 4))
    M = X.reshape(-1, 2, 2) / 16
    power = total = np.broadcast_to(np.eye(2), M.shape)
    for order in range(1, 14):
        power = power @ M / order
        total = total + power
    for _ in range(4):  # exp(16 M) = exp(M)**16
        total = total @ total
    return X, total.reshape(-1, 4)


def _with_float32(work: Work, tolerance: float) -> list[Work]:
    single = replace(work, key=f"{work.key}-float32", dtype="float32", tolerance=tolerance)
    return [work, single]


XOR = fastnn.Network([2, 2, 1], bias=False)
XOR_BIASES = fastnn.Network([2, 2, 1])
ENCODER = fastnn.Network([10, 5, 10])
IRIS = fastnn.Network([4, 8, 3])
DIGITS = fastnn.Network([64, 32, 10])
MATRIX = fastnn.Network([4, 32, 16, 4], activation=["tanh", "tanh", "identity"])


XOR_DEEP = fastnn.Network([2, 3, 2, 1])
PARITY = fastnn.Network([3, 4, 1])


def parity():
    """All eight triples of bits, and whether the number of ones is odd."""
    X = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    return X, X.sum(axis=1, keepdims=True) % 2


def encoder_data():
    """Ten one-hot patterns, to be reproduced."""
    return np.eye(10), np.eye(10)


UNIT = fastnn.Uniform(0, 1)
WIDE = fastnn.Uniform(-2, 2)
xor = fastnn.datasets.xor

WORKS: dict[str, Work] = {
    work.key: work
    for work in [
        Work("W1", "XOR, one network", XOR, xor, 0.5, 10_000, 1, UNIT),
        *_with_float32(Work("W2", "XOR", XOR, xor, 0.5, 1000, 20_000, UNIT), 1e-3),
        Work("W2s", "XOR until SSE < 0.04", XOR, xor, 0.5, 10_000, 20_000, UNIT, None, 0.04),
        *_with_float32(
            Work("W2b", "XOR with biases", XOR_BIASES, xor, 0.5, 1000, 20_000, WIDE), 1e-3
        ),
        *_with_float32(Work("W2d", "2-3-2-1 on XOR", XOR_DEEP, xor, 0.5, 1000, 10_000), 1e-3),
        *_with_float32(Work("W2p", "3-4-1 on parity", PARITY, parity, 0.2, 500, 10_000), 1e-3),
        Work(
            "W2v", "XOR with biases, many rates, until SSE < 0.04",
            XOR_BIASES, xor, 0.5, 5000, 20_000, WIDE, (0.05, 5.0), 0.04,
        ),
        *_with_float32(Work("W3", "10-5-10 encoder", ENCODER, encoder_data, 0.5, 200, 5000), 1e-3),
        Work("W3-one", "10-5-10 encoder, one network", ENCODER, encoder_data, 0.5, 2000, 1),
        *_with_float32(Work("W4", "Iris 4-8-3", IRIS, iris, 0.01, 100, 2000), 1e-3),
        Work("W4-one", "Iris 4-8-3, one network", IRIS, iris, 0.01, 1000, 1),
        *_with_float32(Work("W5", "digits 64-32-10", DIGITS, digits, 1e-3, 20, 64), 1e-2),
        Work(
            "W5-one", "digits 64-32-10, one network", DIGITS, digits, 1e-3, 200, 1,
            samples_in_lanes=True,
        ),
        *_with_float32(Work("W6", "4-32-16-4, 10,000 samples", MATRIX, matrix_exponentials,
                            1e-6, 5, 64), 1e-3),
        *_with_float32(
            Work("W6-one", "4-32-16-4, 10,000 samples, one network", MATRIX, matrix_exponentials,
                 1e-6, 60, 1, samples_in_lanes=True), 1e-3,
        ),
    ]
}  # fmt: skip

SMALL = ("W1", "W2", "W2-float32", "W2s", "W2b", "W2b-float32", "W2d", "W2d-float32", "W2p",
         "W2p-float32", "W2v", "W3", "W3-float32", "W3-one", "W4", "W4-float32")  # fmt: skip
"""Works for which "auto" has special kernels."""

_quick = []


def make_quick() -> None:
    """Reduce all works so much that running them only shows whether they run."""
    _quick.append(True)
    for key, work in WORKS.items():
        WORKS[key] = replace(
            work, epochs=min(work.epochs, 2 if work.data is matrix_exponentials else QUICK_EPOCHS),
            restarts=min(work.restarts, QUICK_RESTARTS),
        )  # fmt: skip


def quick() -> bool:
    """Return whether the suite only checks that it runs."""
    return bool(_quick)
