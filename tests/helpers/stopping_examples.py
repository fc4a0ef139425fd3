"""Stopping rules that end most restarts of one problem, some early and some late."""

import numpy as np

from fastnn import (
    ErrorsWithin,
    GradientBelow,
    GradientDescent,
    LossBelow,
    MeanLossBelow,
    Network,
    NoProgress,
    SSEBelow,
    Status,
    SumOfLosses,
    Validation,
)

EPOCHS, RATE, RESTARTS = 150, 5e-3, 40
NET = Network([3, 4, 2], activation=["tanh", "identity"])
_RNG = np.random.default_rng(5)
X, Y = _RNG.normal(size=(20, 3)), 0.5 * _RNG.normal(size=(20, 2))
# Fewer samples than for training, and more.
VALIDATION = _RNG.normal(size=(9, 3)), 0.5 * _RNG.normal(size=(9, 2))
LARGE_VALIDATION = _RNG.normal(size=(203, 3)), 0.5 * _RNG.normal(size=(203, 2))
RULES = {
    "LossBelow": (LossBelow(4.5), Status.CONVERGED),
    "SSEBelow": (SSEBelow(4.6), Status.CONVERGED),
    "ErrorsWithin": (ErrorsWithin(1.15), Status.CONVERGED),
    "GradientBelow": (GradientBelow(1.0), Status.GRADIENT),
    "NoProgress": (NoProgress(5, min_improvement=0.05), Status.STALLED),
    "NoProgress, longer": (NoProgress(10, min_improvement=0.06), Status.STALLED),
    "MeanLossBelow": (MeanLossBelow(0.3, last=7), Status.CONVERGED),
    "MeanLossBelow of one": (MeanLossBelow(0.3, last=1), Status.CONVERGED),
    "MeanLossBelow at the end": (MeanLossBelow(0.25, last=20, at_end=True), Status.CONVERGED),
    "Validation": (Validation(5), Status.VALIDATION),
    "Validation, improvement": (Validation(3, min_improvement=0.05), Status.VALIDATION),
    "SumOfLosses": (SumOfLosses(), Status.EPOCH_LIMIT),
}


def options(*names, **more):
    """Arguments of training with the rules of these names."""
    rules = [RULES[name][0] for name in names]
    arguments = {"stop": rules, "epochs": EPOCHS, "optimizer": GradientDescent(RATE), **more}
    if any(isinstance(rule, Validation) for rule in rules):
        arguments.setdefault("validation", VALIDATION)
    return arguments


def side_by_side(name):
    """Return whether the rule works with ``parallel="samples"``."""
    return not name.startswith(("Validation", "ErrorsWithin"))
