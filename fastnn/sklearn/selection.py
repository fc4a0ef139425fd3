"""Selection of the best of many restarts, all trained to their end or by successive halving.

Successive halving: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and
hyperparameter optimization", AISTATS 2016, algorithm 1; here a quarter continues, not a half.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..job.job import Job
from ..job.keep import make_keep
from ..results.runs import Runs
from ..results.verdict import are_stuck
from ..scheduling.collectors import Columns
from ..scheduling.scheduler import run_job

FACTOR = 4
"""One in this many restarts goes on to the next round, which is this many times as long."""
# The first of three rounds has a sixteenth of the epochs.  Of 100 restarts (six data sets and XOR,
# tanh and relu, three optimizers, four seeds each) the chosen one was then on average the 3.3rd
# best, for a fifth of the epochs; with a first round of a 64th the 10.9th, for a twelfth, which
# training eight restarts gives too.
MOST_ROUNDS = 2
# Bytes of parameters held in memory at once.
BYTES = 2**28

Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Selection:
    """The best restarts, best first, and the losses of all."""

    indices: np.ndarray
    parameters: np.ndarray
    """(count, n_parameters)."""
    losses: np.ndarray
    """(restarts,): the last score of each; NaN or infinite if it diverged."""
    loss: np.ndarray
    """(count,): the loss on the training data."""
    epochs: np.ndarray
    status: np.ndarray
    scores: np.ndarray
    """(count,): what chose them, the lowest first."""

    def without_stuck(self, constant: float) -> Selection:
        """Leave out the restarts that are stuck or diverged.

        Parameters
        ----------
        constant : float
            The score of the best constant prediction.

        Raises
        ------
        ValueError
            If all of them diverged.
        """
        finite = np.isfinite(self.parameters).all(axis=1) & np.isfinite(self.loss)
        kept = ~are_stuck(np.where(finite, self.scores, np.nan), constant)
        if not kept.any():
            raise ValueError(
                "learning_rate_init: expected a finite loss, got one that is not finite in "
                f"{np.count_nonzero(~np.isfinite(self.losses))} of {len(self.losses)} restarts; "
                "use smaller values, or scale the data"
            )
        of_each = ("indices", "parameters", "loss", "epochs", "status", "scores")
        return replace(self, **{name: getattr(self, name)[kept] for name in of_each})


def best_of(runs: Runs, count: int, score: Score | None) -> Selection:
    """Select the best of trained restarts; the result's `losses` are the scores of all."""
    assert runs.parameters is not None
    scores = runs.loss if score is None else score(runs.parameters)
    best = _order(scores)[:count]
    return Selection(
        runs.indices[best], runs.parameters[best], scores, runs.loss[best], runs.epochs[best],
        runs.status[best], scores[best],
    )  # fmt: skip


def best_restarts(
    job: Job,
    count: int,
    *,
    halving: bool,
    threads: int,
    progress: bool,
    score: Score | None = None,
) -> Selection:
    """Train and select the `count` restarts of `job` with the lowest score.

    The score is a function of their parameters, by default the loss.  With `halving`, all are first
    trained for a small share of the epochs, then the better quarter again for four times as many,
    then the better quarter of these to the end.  The result has the same bits as restarts trained
    to the end alone.
    """
    wanted = math.ceil(math.log(job.restarts / count, FACTOR))
    rounds = min(MOST_ROUNDS, wanted) if halving else 0
    losses = np.full(job.restarts, np.nan)
    positions = np.arange(job.restarts)
    for left in range(rounds, 0, -1):
        epochs = math.ceil(job.epochs / FACTOR**left)
        if epochs < job.epochs:
            shorter = replace(job, epochs=epochs)
            for part in _slices(positions, job):
                losses[part] = _trained(shorter, part, threads, progress, score)[1]
            keep = max(count, math.ceil(len(positions) / FACTOR))
            positions = np.sort(positions[_order(losses[positions])[:keep]])
    best: list[tuple[Runs, np.ndarray, np.ndarray]] = []
    for part in _slices(positions, job):
        runs, scores = _trained(job, part, threads, progress, score, whole=True)
        losses[part] = scores
        first = _order(scores)[:count]
        best.append((runs[first], part[first], scores[first]))
    columns = [
        np.concatenate(values)
        for values in zip(
            *((r.parameters, r.loss, r.epochs, r.status, at, s) for r, at, s in best), strict=True
        )
    ]
    order = _order(columns[-1])[:count]
    parameters, loss, epochs_made, status, at, scores = (column[order] for column in columns)
    return Selection(job.first + at, parameters, losses, loss, epochs_made, status, scores)


def _slices(positions: np.ndarray, job: Job) -> list[np.ndarray]:
    """The positions in as few slices as fit in `BYTES` of parameters each."""
    size = max(1, BYTES // (job.net.n_parameters * job.dtype.itemsize))
    return [positions[i : i + size] for i in range(0, len(positions), size)]


def _order(scores: np.ndarray) -> np.ndarray:
    """Order of scores, the lowest first, stable, with non-finite scores last."""
    return np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")


def _trained(
    job: Job,
    positions: np.ndarray,
    threads: int,
    progress: bool,
    score: Score | None,
    whole: bool = False,
) -> tuple[Runs, np.ndarray]:
    """Train these restarts; returns them and their scores, for full runs with parameters."""
    start, stop = int(positions[0]), int(positions[-1]) + 1
    follows = stop - start == len(positions)
    picked = job.select_range(start, stop) if follows else job.select_positions(positions)
    kept = make_keep("parameters" if whole or score is not None else "outcomes", picked)
    runs: Runs = run_job(
        picked, Columns(picked, kept), workers=threads, executor=None, chunk=None,
        progress=progress, time_limit=None,
    )  # fmt: skip
    if score is None:
        return runs, runs.loss
    assert runs.parameters is not None
    return runs, score(runs.parameters)
