"""Training a network for each group of rows, after a common one of all rows."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..results.runs import Runs
from ..rules.no_progress import NoProgress
from ..scheduling.scheduler import Interrupted
from ..spec.losses import Penalized
from ..starts.glorot import GlorotUniform
from ..training import train_many
from .fitting import OPTIMIZERS, PATIENCE, Rows, rows_of
from .work import Work

RESTARTS = 10
"""Restarts of each group, unless another number is asked for."""
TINY = 1e-300


@dataclass(frozen=True)
class GroupFit:
    """Networks of groups, and how they were chosen.

    Attributes
    ----------
    models : Models
        Of encoded inputs; the common network is the fallback.
    penalty : float
        The one with the lowest loss on the validation rows of all these groups.
    interrupted : bool
        True if Ctrl-C ended it early.
    """

    models: Models
    penalty: float
    interrupted: bool


def restarts_of_groups(options: argparse.Namespace) -> int:
    """The number of restarts of each group."""
    return RESTARTS if options.restarts is None else int(options.restarts)


def fit_groups(options: argparse.Namespace, work: Work, X: np.ndarray, common: Model) -> GroupFit:
    """Train a network for each group with enough rows.

    Each is the restart of lowest loss on the group's own training rows, with the penalty.  The
    penalty is the same for all groups, since the validation rows of one are too few to choose.

    Raises
    ------
    KeyboardInterrupt
        If no group had a network yet.
    """
    trial = work.main
    rows = rows_of(X, work.target, trial.parts, trial.net, trial.loss, log=options.log_target)
    best: tuple[float, float, Models] | None = None
    interrupted = False
    for penalty in options.l2:
        runs, interrupted = _trained(options, work, rows, penalty)
        if interrupted and (best is not None or not np.isfinite(runs.loss).any()):
            break  # what has ended is whole
        models = _models(work, rows, runs, common)
        loss = _held_out_loss(work, rows, X, models) if len(options.l2) > 1 else 0.0
        if best is None or loss < best[0]:
            best = loss, penalty, models
        if interrupted:
            break
    if best is None:
        raise KeyboardInterrupt
    return GroupFit(best[2], best[1], interrupted)


def _trained(
    options: argparse.Namespace, work: Work, rows: Rows, penalty: float
) -> tuple[Runs, bool]:
    """The restarts of all groups with one penalty, and whether Ctrl-C ended them early."""
    groups, train, loss = work.groups, work.main.parts.train, work.main.loss
    assert groups is not None
    own = groups.own[train]
    try:
        runs: Runs = train_many(
            work.main.net, rows.X[own], rows.y[own], groups=groups.labels_of(train[own]),
            restarts=restarts_of_groups(options), keep="outcomes",
            loss=replace(loss, l2=penalty) if penalty else loss,
            optimizer=OPTIMIZERS[work.optimizer][0], epochs=work.epochs, seed=options.seed,
            init=GlorotUniform(), threads=options.threads, dtype=options.dtype,
            stop=NoProgress(PATIENCE),
        )  # fmt: skip
    except Interrupted as error:
        return error.runs, True
    return runs, False


def _models(work: Work, rows: Rows, runs: Runs, common: Model) -> Models:
    """The best network of each group; groups whose restarts all diverged have the common one."""
    assert work.groups is not None
    return runs.models(
        inputs=rows.inputs, outputs=rows.outputs, classes=work.target.classes,
        features=work.main.inputs.names, targets=list(work.target.names), by=work.groups.by,
        fallback=common,
    )  # fmt: skip


def _held_out_loss(work: Work, rows: Rows, X: np.ndarray, models: Models) -> float:
    """The mean loss on the validation rows of groups with enough rows; infinite if it is NaN."""
    groups, target = work.groups, work.target
    assert groups is not None
    held = work.main.parts.validation
    held = held[groups.own[held]]
    labels = groups.labels_of(held)
    if target.classes is not None:
        shares = models.scores(X[held], labels)[np.arange(len(held)), target.values[held]]
        return float(-np.log(np.maximum(shares, TINY)).mean()) if len(held) else 0.0
    assert rows.outputs is not None
    guesses = rows.outputs.apply(models.evaluate(X[held], labels))
    loss = _mean_loss(work.main.loss, guesses, rows.outputs.apply(target.values[held]))
    return loss if np.isfinite(loss) else np.inf


def _mean_loss(loss: Penalized, outputs: np.ndarray, targets: np.ndarray) -> float:
    if not len(targets):
        return 0.0
    return float(loss.formula.terms(outputs, targets, [*loss.numbers.values()]).mean())
