"""The choice of `alpha`: the penalty whose networks predict held-out samples best.

L-BFGS goes to the minimum, so on noisy data without a penalty it fits the noise, and on data
without noise a penalty does harm.  Only other samples can tell the two apart; small networks are
trained so quickly that asking them is cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from ..kernels.predict import predict
from ..results.verdict import are_stuck, loss_of_constant
from ..spec.loss_formulas import BINARY, CROSS_ENTROPY
from ..spec.losses import Penalized
from ..training import train_many
from .parameters import SMALL_ALPHA, solver_of
from .problem import problem_of

ALPHAS = (10.0, 3.0, 0.03, SMALL_ALPHA)
"""The penalties to choose from, in turns until one is worse than the one before.

The largest come first: their minima take the fewest steps.  Of scikit-learn's data sets, diabetes,
the noisiest, needs 10, and digits 3.
"""
RESTARTS = 4
HELD = 0.2
"""The share of the samples that are held out, for the choice only."""
FEWEST = 100
"""With fewer samples there are too few to hold out, and nothing is chosen."""


def alpha_of(
    estimator: Any,
    X: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray | None,
    *,
    epochs: int,
    seed: int,
    threads: int,
) -> float:
    """The number that is meant by an estimator's `alpha`."""
    if not isinstance(estimator.alpha, str):
        return float(estimator.alpha)
    solver = solver_of(estimator.solver)
    rows = np.arange(len(X)) if weights is None else np.flatnonzero(weights)
    regular = estimator.early_stopping or estimator.warm_start or not solver.penalized
    if regular or not solver.by_gradient or len(rows) < FEWEST:
        return SMALL_ALPHA
    train, held = train_test_split(
        rows, test_size=HELD, random_state=seed % 2**32,
        stratify=_strata(estimator._strata(targets[rows])),
    )  # fmt: skip
    own, theirs = (None, None) if weights is None else (weights[train], weights[held])

    def held_loss(alpha: float) -> float:
        net, options = problem_of(
            estimator, X[train], targets[train], own, alpha=alpha, epochs=epochs, seed=seed,
            validation=None, judged=True,
        )  # fmt: skip
        runs: Any = train_many(
            net, X[train], targets[train], restarts=min(RESTARTS, int(estimator.n_restarts)),
            keep="parameters", threads=threads, **options,
        )  # fmt: skip
        constant = loss_of_constant(options["loss"], targets[train], options["sample_weight"])
        parameters = runs.parameters[~are_stuck(runs.loss, constant)]
        if not len(parameters):
            return np.inf
        outputs = predict(net, parameters, X[held]).mean(axis=0)
        return loss_of_outputs(outputs, targets[held], theirs, options["loss"])

    return best_alpha(held_loss)


def best_alpha(held_loss: Callable[[float], float]) -> float:
    """The penalty of lowest loss on held-out samples, in turns until one is worse."""
    best, lowest = SMALL_ALPHA, np.inf
    for alpha in ALPHAS:
        found = held_loss(alpha)
        if not found < lowest:
            break
        best, lowest = alpha, found
    return best


def _strata(classes: np.ndarray | None) -> np.ndarray | None:
    """The classes, or None if some have too few samples for a split to keep their shares."""
    if classes is None:
        return None
    counts = np.unique(classes, return_counts=True)[1]
    return classes if counts.min() > 1 and len(counts) <= HELD * len(classes) else None


def loss_of_outputs(
    outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, loss: Penalized
) -> float:
    """The loss of outputs, without penalties; infinite if it is not a number."""
    if not np.isfinite(outputs).all():
        return np.inf
    if loss.formula not in (BINARY, CROSS_ENTROPY):
        terms = loss.formula.terms(outputs, targets, loss.numbers.values())
    else:
        tiny = np.finfo(np.float64).eps
        shares = np.clip(outputs, tiny, 1 - tiny)
        terms = -targets * np.log(shares)
        if loss.formula is BINARY:
            terms -= (1 - targets) * np.log1p(-shares)
    return float(np.average(terms.sum(axis=1), weights=weights))
