"""Training many restarts on the training rows of a table; the validation rows choose the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ..optimizers import Adam, Optimizer, make_optimizer
from ..results.judge import Judge
from ..results.model import Model
from ..results.runs import Runs
from ..results.scaling import Scaling
from ..rules.validation import Validation
from ..scheduling.scheduler import Interrupted
from ..spec.losses import MSE, BinaryCrossEntropy, CrossEntropy, Penalized
from ..spec.network import Network
from ..spec.status import Status
from ..starts.glorot import GlorotUniform
from ..tabular.target import Target
from ..training import train_many
from .best import Best
from .calibration import HeldOutErrors

# For each optimizer, its settings and its maximum number of epochs.
OPTIMIZERS = {
    "lm": (make_optimizer("lm"), 100),
    "lbfgs": (make_optimizer("lbfgs"), 300),
    "rprop": (make_optimizer("rprop"), 1000),
    "adam": (Adam(0.01), 2000),
}
PATIENCE = 20
"""Epochs without a lower validation loss after which a restart ends."""
MOST_OF_LM = 500
"""Parameters."""
RESTARTS, FEWEST_RESTARTS = 1000, 10
AVERAGE = 10
"""The number of best restarts whose average is the model, without those that are stuck."""
# Limits on the work of one epoch of all restarts, which set the default number of restarts: rows
# times parameters, and for lm rows times outputs times parameters squared.  That is about ten
# seconds of work on two cores.
WORK, WORK_OF_LM = 1e9, 1e10
REPEATS = 4
# Bytes of parameters held in memory at once.
BYTES = 2**28


@dataclass(frozen=True)
class Split:
    """The rows of a table that train, that choose among restarts, and that test."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def named(self) -> dict[str, np.ndarray]:
        """Non-empty parts, by name."""
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        return {name: rows for name, rows in parts.items() if len(rows)}


@dataclass(frozen=True)
class Fit:
    """Result of the restarts.

    Attributes
    ----------
    model : Model
    losses : (restarts,) array
        On the validation set, or on the training data if there is none.
    restart : int
        Index of the chosen one.
    interrupted : bool
        True if Ctrl-C ended it early.
    """

    model: Model
    losses: np.ndarray
    restart: int
    epochs: int
    interrupted: bool
    status: Status
    constant: float
    """The loss, on the same rows, of predicting the mean of the training rows."""
    penalty: float
    """The penalty of the chosen restart, and of all others in the model."""
    loss: float
    """The loss of the chosen restart, without the penalty."""
    stuck: int
    """Number of restarts that were left out of the average, since they are stuck."""


def default_optimizer(target: Target, rows: int, n_parameters: int, penalized: bool = False) -> str:
    """The optimizer: Levenberg–Marquardt for small regressions, otherwise L-BFGS."""
    if penalized:
        return "lbfgs"
    quick = FEWEST_RESTARTS * _work(rows, target.n_out, n_parameters, True) <= WORK_OF_LM
    small = n_parameters <= MOST_OF_LM
    return "lm" if target.classes is None and small and quick else "lbfgs"


def default_restarts(rows: int, net: Network, optimizer: str, penalties: int = 1) -> int:
    """Number of restarts: a thousand, or fewer for large tables and networks.

    There are enough for an average with each of the penalties, which share them.
    """
    squares = optimizer == "lm"
    work = _work(rows, net.sizes[-1], net.n_parameters, squares)
    fewest, limit = FEWEST_RESTARTS * penalties, WORK_OF_LM if squares else WORK
    return int(max(fewest, min(RESTARTS, limit / work)))


def _work(rows: int, n_out: int, n_parameters: int, squares: bool) -> float:
    """Work of one epoch of one restart."""
    return float(rows) * n_parameters * (n_out * n_parameters if squares else 1)


def network_for(
    target: Target, n_in: int, hidden: list[int], activation: str, squares: bool
) -> tuple[Network, Penalized]:
    """The network, and the loss that goes with its output.

    Classification uses cross-entropy with a softmax, or with one sigmoid for two classes; with an
    optimizer that needs squares, the mean squared error of sigmoids.
    """
    loss: Penalized
    if target.classes is None:
        output, loss = "identity", MSE()
    elif squares:
        output, loss = "sigmoid", MSE()
    elif target.n_out == 1:
        output, loss = "sigmoid", BinaryCrossEntropy()
    else:
        output, loss = "softmax", CrossEntropy()
    return Network([n_in, *hidden, target.n_out], [activation] * len(hidden) + [output]), loss


@dataclass(frozen=True)
class Settings:
    """The settings of a training, as the options of the command have them.

    Attributes
    ----------
    penalties : sequence of float
        They share the restarts; the loss without a penalty on the validation rows chooses one.
    average : int
        The most restarts whose average is the model.
    """

    optimizer: Optimizer
    restarts: int
    epochs: int
    seed: int
    threads: int | None
    time_limit: float | None
    penalties: Sequence[float]
    average: int
    dtype: str


@dataclass(frozen=True)
class Rows:
    """The rows of a split as a network sees them, scaled as the training rows teach.

    Attributes
    ----------
    X, y : (rows, n_in) and (rows, n_out) arrays
        The training rows.
    weights : (rows,) array, or None
        Factors of the training rows, those of their classes.
    judge : Judge
        The loss on the validation rows, or on the training rows if there are none.
    """

    inputs: Scaling
    outputs: Scaling | None
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    judge: Judge
    validated: bool


def rows_of(
    X: np.ndarray,
    target: Target,
    parts: Split,
    net: Network,
    loss: Penalized,
    *,
    weights: np.ndarray | None = None,
    log: bool = False,
) -> Rows:
    """Scale the rows of a split; `weights` are those of the classes."""
    values = target.values[parts.train]
    inputs = Scaling.of(X[parts.train])
    outputs = Scaling.of(values, log=log) if target.classes is None else None

    def seen(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        targets = target.encoded(rows)
        return inputs.apply(X[rows]), targets if outputs is None else outputs.apply(targets)

    train, factors = seen(parts.train), None if weights is None else weights[values]
    validated = len(parts.validation) > 0
    if validated:
        judge = Judge(net, loss, *seen(_repeated(parts.validation, target, weights)))
    else:
        judge = Judge(net, loss, *train, factors)
    return Rows(inputs, outputs, *train, factors, judge, validated)


class Training:
    """Restarts, trained in calls that fit into memory, of which the best are remembered.

    Parameters
    ----------
    net : Network
    loss : Penalized
        Without a penalty.
    rows : Rows
    settings : Settings
    """

    def __init__(self, net: Network, loss: Penalized, rows: Rows, settings: Settings) -> None:
        self.net, self.loss, self.rows, self.settings = net, loss, rows, settings
        self.losses: list[np.ndarray] = []
        self.best = Best(settings.average)
        self.held_out: HeldOutErrors | None = None
        if rows.outputs is not None and rows.validated:
            self.held_out = HeldOutErrors(rows.judge.X, rows.judge.y, settings.average)
        self.interrupted = False

    def run(self) -> None:
        """Train all restarts, or as many as Ctrl-C and the time limit let."""
        limit = self.settings.time_limit
        begin, left = perf_counter(), limit
        for penalty, first, count in self._calls():
            runs = self._trained(penalty, first, count, left)
            if len(runs):
                self._remember(runs, penalty)
            if limit is not None:
                left = begin + limit - perf_counter()
            if self.interrupted or (left is not None and left <= 0):
                break

    def _calls(self) -> Iterator[tuple[float, int, int]]:
        """Yield the calls of training: a penalty, the first restart, and their number."""
        restarts, penalties = self.settings.restarts, self.settings.penalties
        most = max(1, BYTES // (8 * self.net.n_parameters))
        for place, penalty in enumerate(penalties):
            share = restarts // len(penalties) + (place < restarts % len(penalties))
            for first in range(0, share, most):
                yield penalty, first, min(most, share - first)

    def _trained(self, penalty: float, first: int, count: int, time_limit: float | None) -> Runs:
        settings, rows = self.settings, self.rows
        held = (rows.judge.X, rows.judge.y) if rows.validated else None
        try:
            runs: Runs = train_many(
                self.net, rows.X, rows.y, restarts=count, first=first, keep="parameters",
                loss=replace(self.loss, l2=penalty) if penalty else self.loss,
                optimizer=settings.optimizer, epochs=settings.epochs, seed=settings.seed,
                init=GlorotUniform(), threads=settings.threads, time_limit=time_limit,
                dtype=settings.dtype, sample_weight=rows.weights, validation=held,
                stop=Validation(PATIENCE) if rows.validated else None,
            )  # fmt: skip
        except Interrupted as error:
            self.interrupted, runs = True, error.runs
        return runs

    def _remember(self, runs: Runs, penalty: float) -> None:
        """Judge restarts, and remember the best of them."""
        parameters = runs.parameters
        assert parameters is not None
        judged = self.rows.validated or any(self.settings.penalties)
        self.losses.append(self.rows.judge(parameters) if judged else runs.loss)
        if self.held_out is not None:
            finite = np.isfinite(parameters).all(axis=1)
            self.held_out.add(self.net, parameters[finite], penalty)
        self.best.add(penalty, self.losses[-1], lambda at: _one(runs, at))

    def result(self, target: Target, features: list[str]) -> Fit:
        """The model that the best restarts become.

        Raises
        ------
        KeyboardInterrupt, RuntimeError, ValueError
            If no restart ended with a finite loss: as it was interrupted, had no time, or diverged.
        """
        rows = self.rows
        constant = rows.judge.of_constant(rows.y, rows.weights)
        chosen = self.best.chosen(constant)
        if chosen is None:
            raise self._nothing()
        model = Model(
            self.net, np.array([one.parameters for one in chosen.members]), inputs=rows.inputs,
            outputs=rows.outputs, classes=target.classes, features=features,
            targets=list(target.names),
            residuals=None if self.held_out is None else self.held_out.found(),
        )  # fmt: skip
        best = chosen.members[0]
        return Fit(
            model, np.concatenate(self.losses), best.restart, best.epochs, self.interrupted,
            best.status, constant, chosen.penalty, float(chosen.losses[0]), chosen.stuck,
        )  # fmt: skip

    def _nothing(self) -> BaseException:
        """The error that says why there is no model."""
        settings = self.settings
        if self.interrupted:
            return KeyboardInterrupt()
        if not sum(map(len, self.losses)):
            return RuntimeError(f"no restart ended within {settings.time_limit:g} s")
        return ValueError(
            "--restarts: expected at least one to end with a finite loss, got none of "
            f"{settings.restarts}"
        )


@dataclass(frozen=True)
class Member:
    """A restart that may become part of the model."""

    restart: int
    epochs: int
    status: Status
    parameters: np.ndarray


def _one(runs: Runs, at: int) -> Member:
    assert runs.parameters is not None
    status = Status(int(runs.status[at]))
    return Member(int(runs.indices[at]), int(runs.epochs[at]), status, runs.parameters[at].copy())


def _repeated(rows: np.ndarray, target: Target, weights: np.ndarray | None) -> np.ndarray:
    """Repeat rows in proportion to the weights of their classes, about `REPEATS` times each.

    The validation loss, which ends restarts, takes no weights.
    """
    if weights is None:
        return rows
    factors = weights[target.values[rows]]
    counts = np.maximum(1, np.round(REPEATS * factors / factors.mean())).astype(np.int64)
    return np.repeat(rows, counts)
