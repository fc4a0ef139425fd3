"""The problem of a fit: from an estimator's parameters and its data to the arguments of a job."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..optimizers.levenberg_marquardt import MAX_PARAMETERS
from ..rules.common import Rule
from ..rules.gradient_below import GradientBelow
from ..rules.no_progress import NoProgress
from ..rules.validation import Validation
from ..spec.network import Network
from ..starts.glorot import GlorotUniform
from .checking import hidden_sizes
from .parameters import GAINS, Solver, activation_of, decreases, solver_of

# With fewer samples, or parameters, lanes carry networks, otherwise samples of one network.
# Wine with Adam: 10 hidden units, 173 parameters, 28 and 38 ms; 100, 1,703 parameters, 394 and 276.
SAMPLES_IN_LANES, LARGE = 64, 1000
# The batch size "auto" of scikit-learn.
AUTO_BATCH = 200


def problem_of(
    estimator: Any,
    X: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray | None,
    *,
    alpha: float,
    epochs: int,
    seed: int,
    validation: tuple[np.ndarray, np.ndarray] | None,
    judged: bool,
) -> tuple[Network, dict[str, Any]]:
    """The network, and the arguments of a job except network, data and restarts.

    If not `judged`, all epochs are trained, without rules.
    """
    solver = solver_of(estimator.solver)
    # Weights with mean 1: the loss is the weighted mean over the samples.
    total = float(len(X)) if weights is None else float(weights.sum())
    batch = batch_of(estimator, len(X))
    penalty = alpha / (2 * total * batch / len(X)) if solver.penalized else 0.0
    net, options = arguments_of(
        estimator, X.shape[1], targets.shape[1], penalty, epochs=epochs, seed=seed,
        validated=validation is not None, judged=judged,
    )  # fmt: skip
    # Also for L-BFGS, whose memory for 8 networks of 200 parameters fills a second-level cache.
    large = net.n_parameters >= LARGE or estimator.solver == "lbfgs"
    in_lanes = large and len(X) >= SAMPLES_IN_LANES
    in_lanes = in_lanes and validation is None and not solver.squares
    return net, options | {
        "validation": validation,
        "batch_size": batch,
        "shuffle": bool(estimator.shuffle and batch < len(X)),
        "sample_weight": None if weights is None else weights * (len(X) / total),
        "parallel": "samples" if in_lanes else "restarts",
    }


def batch_of(estimator: Any, samples: int) -> int:
    """The samples per update, of so many."""
    if not solver_of(estimator.solver).stochastic:
        return samples
    asked = AUTO_BATCH if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    return min(asked, samples)


def arguments_of(
    estimator: Any,
    n_in: int,
    n_targets: int,
    penalty: float,
    *,
    epochs: int,
    seed: int,
    validated: bool = False,
    judged: bool = True,
) -> tuple[Network, dict[str, Any]]:
    """The network, and the arguments of a job that are the same for all data of this shape.

    `penalty` is the factor of the squared weights in scikit-learn's loss.
    """
    solver = solver_of(estimator.solver)
    loss, output, scale = estimator._objective(penalty)
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    net = Network(
        [n_in, *hidden, n_targets * loss.formula.outputs],
        [activation_of(estimator.activation)] * len(hidden) + [output],
    )
    if solver.squares and net.n_parameters > MAX_PARAMETERS:
        raise ValueError(
            f"solver: expected one for {net.n_parameters} parameters, got 'lm', which takes at "
            f"most {MAX_PARAMETERS}; use 'lbfgs' or fewer units in hidden_layer_sizes"
        )
    return net, {
        "loss": loss,
        "optimizer": solver.make(estimator, scale),
        "epochs": epochs,
        "stop": _rules(estimator, net, solver, validated) if judged else None,
        "seed": seed,
        "init": GlorotUniform(GAINS.get(net.activation[0], 1.0)),
    }


def _rules(estimator: Any, net: Network, solver: Solver, validated: bool) -> list[Rule]:
    patience, tol = int(estimator.n_iter_no_change), float(estimator.tol)
    if validated:
        return [Validation(patience, min_improvement=tol)]
    if solver.by_gradient:
        return [GradientBelow(tol * math.sqrt(net.n_parameters))] if tol else []
    lowered = decreases(estimator)
    epochs = (patience + 1) * (lowered + 1) if lowered else patience
    return [NoProgress(epochs, min_improvement=tol)]
