"""Training many restarts on the training rows of a table; the validation rows choose one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

from ..engine.evaluate import loss as loss_of
from ..optimizers import Adam, Optimizer, make_optimizer
from ..results.model import Model
from ..results.runs import Runs
from ..results.scaling import Scaling
from ..results.verdict import loss_of_constant
from ..rules.validation import Validation
from ..scheduling.scheduler import Interrupted
from ..spec.losses import MSE, BinaryCrossEntropy, CrossEntropy, Penalized
from ..spec.network import Network
from ..spec.status import Status
from ..starts.glorot import GlorotUniform
from ..tabular.target import Target
from ..training import train_many
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
"""The number of best restarts whose average is the model."""
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
    """The penalty of the chosen restart."""


def default_optimizer(target: Target, rows: int, n_parameters: int, penalized: bool = False) -> str:
    """The optimizer: Levenberg–Marquardt for small regressions, otherwise L-BFGS."""
    if penalized:
        return "lbfgs"
    quick = FEWEST_RESTARTS * _work(rows, target.n_out, n_parameters, True) <= WORK_OF_LM
    small = n_parameters <= MOST_OF_LM
    return "lm" if target.classes is None and small and quick else "lbfgs"


def default_restarts(rows: int, net: Network, optimizer: str) -> int:
    """Number of restarts: a thousand, or fewer for large tables and networks."""
    squares = optimizer == "lm"
    work = _work(rows, net.sizes[-1], net.n_parameters, squares)
    return int(max(FEWEST_RESTARTS, min(RESTARTS, (WORK_OF_LM if squares else WORK) / work)))


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


def fit(
    X: np.ndarray,
    target: Target,
    parts: Split,
    net: Network,
    loss: Penalized,
    optimizer: Optimizer,
    *,
    restarts: int,
    epochs: int,
    seed: int,
    threads: int | None,
    time_limit: float | None,
    features: list[str],
    weights: np.ndarray | None = None,
    penalties: Sequence[float] = (0.0,),
    log: bool = False,
    dtype: str = "float64",
    average: int = 1,
) -> Fit:
    """Train and choose; the scaling is computed from the training rows.

    The model is the average of the `average` best restarts.  `weights` are those of the classes.
    Several penalties share the restarts, and the loss without a penalty on the validation rows
    chooses.
    """
    inputs = Scaling.of(X[parts.train])
    values = target.values[parts.train]
    outputs = Scaling.of(values, log=log) if target.classes is None else None

    def seen(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        targets = target.encoded(rows)
        return inputs.apply(X[rows]), targets if outputs is None else outputs.apply(targets)

    trained, factors = seen(parts.train), None if weights is None else weights[values]
    judged = (*trained, factors)
    options: dict[str, Any] = {} if factors is None else {"sample_weight": factors}
    if len(parts.validation):
        judged = (*seen(_repeated(parts.validation, target, weights)), None)
        options |= {"validation": judged[:2], "stop": Validation(PATIENCE)}
    held_out = None
    if outputs is not None and len(parts.validation):
        held_out = HeldOutErrors(*judged[:2], average)
    again = len(parts.validation) > 0 or any(penalties)
    losses: list[np.ndarray] = []
    best: list[tuple[float, Chosen, float]] = []
    interrupted = False
    begin, left = time.perf_counter(), time_limit
    for penalty, first, count in _calls(restarts, penalties, net.n_parameters):
        objective = replace(loss, l2=penalty) if penalty else loss
        try:
            runs = train_many(
                net, *trained, restarts=count, first=first, keep="parameters", loss=objective,
                optimizer=optimizer, epochs=epochs, seed=seed, init=GlorotUniform(),
                threads=threads, time_limit=left, dtype=dtype, **options,
            )  # fmt: skip
        except Interrupted as error:
            runs, interrupted = error.runs, True
        if len(runs):
            losses.append(_losses(runs, net, loss, *judged) if again else runs.loss)
            if held_out is not None:
                held_out.add(net, _finite(runs))
            values = losses[-1]
            order = np.argsort(np.where(np.isfinite(values), values, np.inf), kind="stable")
            best += [(float(values[at]), _one(runs, at), penalty)
                     for at in order[:average] if np.isfinite(values[at])]  # fmt: skip
            best = sorted(best, key=itemgetter(0))[:average]
        if time_limit is not None:
            left = begin + time_limit - time.perf_counter()
        if interrupted or (left is not None and left <= 0):
            break
    if not best:
        if interrupted:
            raise KeyboardInterrupt
        if not sum(map(len, losses)):
            raise RuntimeError(f"no restart ended within {time_limit:g} s")
        raise ValueError(
            f"--restarts: expected at least one to end with a finite loss, got none of {restarts}"
        )
    _, chosen, penalty = best[0]
    model = Model(
        net, np.array([one.parameters for _, one, _ in best]), inputs=inputs, outputs=outputs,
        classes=target.classes, features=features, targets=list(target.names),
        residuals=None if held_out is None else held_out.found(),
    )  # fmt: skip
    mean = np.average(trained[1], axis=0, weights=factors)[np.newaxis]
    constant = loss_of_constant(loss, judged[1], judged[2], at=mean)
    return Fit(
        model, np.concatenate(losses), chosen.restart, chosen.epochs, interrupted, chosen.status,
        constant, penalty,
    )  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The chosen restart."""

    restart: int
    epochs: int
    status: Status
    parameters: np.ndarray


def _one(runs: Runs, at: int) -> Chosen:
    assert runs.parameters is not None
    status = Status(int(runs.status[at]))
    return Chosen(int(runs.indices[at]), int(runs.epochs[at]), status, runs.parameters[at].copy())


def _calls(
    restarts: int, penalties: Sequence[float], n_parameters: int
) -> Iterator[tuple[float, int, int]]:
    """Yield the calls of training: a penalty, the first restart, and their number."""
    most = max(1, BYTES // (8 * n_parameters))
    for place, penalty in enumerate(penalties):
        share = restarts // len(penalties) + (place < restarts % len(penalties))
        for first in range(0, share, most):
            yield penalty, first, min(most, share - first)


def _losses(
    runs: Runs,
    net: Network,
    loss: Penalized,
    X: np.ndarray,
    y: np.ndarray,
    factors: np.ndarray | None,
) -> np.ndarray:
    """The losses of all restarts on some rows, without a penalty; NaN where one diverged."""
    assert runs.parameters is not None
    finite = np.isfinite(runs.parameters).all(axis=1)
    values = np.full(len(runs), np.nan)
    values[finite] = loss_of(net, runs.parameters[finite], X, y, loss=loss, sample_weight=factors)
    return values


def _finite(runs: Runs) -> np.ndarray:
    """The parameters of the restarts that did not diverge."""
    assert runs.parameters is not None
    parameters: np.ndarray = runs.parameters[np.isfinite(runs.parameters).all(axis=1)]
    return parameters


def _repeated(rows: np.ndarray, target: Target, weights: np.ndarray | None) -> np.ndarray:
    """Repeat rows in proportion to the weights of their classes, about `REPEATS` times each.

    The validation loss, which ends restarts, takes no weights.
    """
    if weights is None:
        return rows
    factors = weights[target.values[rows]]
    counts = np.maximum(1, np.round(REPEATS * factors / factors.mean())).astype(np.int64)
    return np.repeat(rows, counts)
