"""The training of a network for each group: scikit-learn's loss in one job for all groups.

scikit-learn divides the penalty by the number of samples.  Groups differ in it, but a job has one
penalty.  So each group's loss is multiplied by its rows, relative to the mean: that leaves its
minimum where it is, and the penalties become the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..job.grouping import split_labels
from ..kernels.predict_groups import predict_groups
from ..results.runs import Runs
from ..training import train_many
from .group_scaling import Scales
from .parameters import SMALL_ALPHA, solver_of
from .penalty import FEWEST, HELD, RESTARTS, best_alpha, loss_of_outputs
from .problem import arguments_of, batch_of


@dataclass(frozen=True)
class GroupRows:
    """The rows of all groups."""

    X: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None
    """(n,): from 0 on; above 0 in training."""
    labels: list[Any]
    codes: np.ndarray
    """(n,): the place of each row's label among the distinct ones, in order of first rows."""

    def part(self, rows: np.ndarray) -> GroupRows:
        """Rows at these indices."""
        return GroupRows(
            self.X[rows],
            self.targets[rows],
            None if self.weights is None else self.weights[rows],
            [self.labels[row] for row in rows],
            self.codes[rows],
        )

    def scaled(self, scales: Scales) -> GroupRows:
        """The same rows, scaled."""
        X, targets = scales.apply(self.X, self.targets, self.codes)
        return replace(self, X=X, targets=targets)

    def with_weight(self) -> GroupRows:
        """The rows of weights above 0 alone; others have no group."""
        if self.weights is None or self.weights.all():
            return self
        rows = self.part(np.flatnonzero(self.weights))
        return group_rows(rows.X, rows.targets, rows.weights, rows.labels)


def group_rows(
    X: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, labels: list[Any]
) -> GroupRows:
    """Rows with these labels; TypeError or ValueError if they are no labels."""
    return GroupRows(X, targets, weights, labels, split_labels(labels, len(labels))[1])


def train_groups(
    single: Any,
    data: GroupRows,
    alpha: float,
    *,
    restarts: int,
    epochs: int,
    seed: int,
    threads: int,
    progress: bool = False,
) -> Runs:
    """Train the networks of all groups.

    Parameters
    ----------
    single : MLPRegressor or MLPClassifier
        With the parameters, and the classes.
    """
    sizes = np.bincount(data.codes)
    weights = np.ones(len(data.X)) if data.weights is None else data.weights
    totals = np.bincount(data.codes, weights=weights)
    batches = np.array([batch_of(single, size) for size in sizes.tolist()])
    penalty, factors = 0.0, sizes / totals  # weights of mean 1 in each group
    if solver_of(single.solver).penalized:
        mean = float((totals * batches / sizes).mean())
        penalty, factors = alpha / (2 * mean), batches / mean
    own = weights * factors[data.codes]
    net, options = arguments_of(
        single, data.X.shape[1], data.targets.shape[1], penalty, epochs=epochs, seed=seed
    )
    batch = int(batches.max())
    return train_many(
        net, data.X, data.targets, groups=data.labels, restarts=restarts, threads=threads,
        batch_size=batch if batch < sizes.max() else None, keep="parameters", progress=progress,
        sample_weight=None if (own == 1.0).all() else own, **options,
    )  # fmt: skip


def alpha_of_groups(single: Any, data: GroupRows, *, epochs: int, seed: int, threads: int) -> float:
    """The number that is meant by the `alpha` of an estimator with groups.

    For "auto", a fifth of each group's rows is held out, as without groups.
    """
    if not isinstance(single.alpha, str):
        return float(single.alpha)
    solver = solver_of(single.solver)
    if not (solver.penalized and solver.by_gradient):
        return SMALL_ALPHA
    held = _held(data.codes, seed)
    if held.sum() < FEWEST * HELD:
        return SMALL_ALPHA
    train, rest = data.part(np.flatnonzero(~held)), data.part(np.flatnonzero(held))

    def held_loss(alpha: float) -> float:
        runs = train_groups(
            single, train, alpha, restarts=min(RESTARTS, int(single.n_restarts)), epochs=epochs,
            seed=seed, threads=threads,
        )  # fmt: skip
        best = runs.best_of_groups(missing=-1)
        if (best < 0).any():
            return np.inf
        assert runs.parameters is not None
        outputs = predict_groups(runs.network, runs.parameters[best], rest.X, rest.codes)
        return loss_of_outputs(outputs, rest.targets, rest.weights, runs.job.loss)

    return best_alpha(held_loss)


def _held(codes: np.ndarray, seed: int) -> np.ndarray:
    """Rows to hold out (n,) of bool: a fifth of each group's, rounded down."""
    mixed = np.random.default_rng(seed).permutation(len(codes))
    mixed = mixed[np.argsort(codes[mixed], kind="stable")]
    sizes = np.bincount(codes)
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    held = np.empty(len(codes), dtype=bool)
    held[mixed] = rank < np.repeat((sizes * HELD + 1e-9).astype(np.int64), sizes)
    return held
