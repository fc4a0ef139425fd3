"""Losses, penalties and sample weights, and a problem for each loss, for several tests."""

import numpy as np

from fastnn import (
    MSE,
    SSE,
    Asymmetric,
    BinaryCrossEntropy,
    Bootstrap,
    CrossEntropy,
    GaussianNLL,
    GradientDescent,
    Huber,
    KFold,
    LogCosh,
    Network,
    Poisson,
    Quantile,
)

SAMPLES, RESTARTS = 21, 12
# Each loss with numbers of its own, and a rate at which 200 epochs are felt.
LOSSES = {
    "SSE": (SSE, {}, 2e-3),
    "MSE": (MSE, {}, 0.05),
    "Huber": (Huber, {"delta": 0.6}, 0.1),
    "BinaryCrossEntropy": (BinaryCrossEntropy, {}, 0.2),
    "CrossEntropy": (CrossEntropy, {}, 0.1),
}
# Others, which need no less, but fewer combinations: they share all code but the formula.
MORE_LOSSES = {
    "Quantile": (Quantile, {"q": 0.3, "smoothing": 0.5}, 0.1),
    "LogCosh": (LogCosh, {}, 0.1),
    "Asymmetric": (Asymmetric, {"under": 0.8, "over": 0.3}, 0.05),
    "Poisson": (Poisson, {}, 0.05),
    "GaussianNLL": (GaussianNLL, {}, 0.05),
}
ALL_LOSSES = {**LOSSES, **MORE_LOSSES}
PENALTIES = {
    "none": {},
    "l2": {"l2": 0.02},
    "l1": {"l1": 0.01},
    "per layer": {"l2": (0.03, 0.0), "l1": (0.0, 0.02)},
    "biases": {"l2": 0.01, "l1": (0.01, 0.03), "penalize_biases": True},
}
_RNG = np.random.default_rng(3)
WEIGHTS = {
    "none": None,
    "common": _RNG.uniform(size=SAMPLES) * (np.arange(SAMPLES) % 6 > 0),
    "by restart": _RNG.uniform(size=(RESTARTS, SAMPLES)),
    "Bootstrap": Bootstrap(),
    "KFold": KFold(4),
}


def problem(name, samples=SAMPLES):
    """Network, inputs and targets for the loss of that name."""
    rng = np.random.default_rng(8)
    last, n_out = {"BinaryCrossEntropy": ("sigmoid", 2), "CrossEntropy": ("softmax", 3)}.get(
        name, ("identity", 2)
    )
    X = rng.normal(size=(samples, 3))
    if name == "CrossEntropy":  # shares of the classes, some of them 0
        y = rng.dirichlet(np.ones(n_out), samples)
        y[::3] = np.eye(n_out)[rng.integers(0, n_out, len(y[::3]))]
    elif name == "BinaryCrossEntropy":
        y = rng.uniform(size=(samples, n_out))
        y[::2] = y[::2] > 0.5
    elif name == "Poisson":
        y = rng.poisson(1.5, size=(samples, n_out)).astype(float)
    else:
        y = rng.normal(size=(samples, n_out))
    n_out *= 2 if name == "GaussianNLL" else 1
    return Network([3, 4, n_out], activation=["tanh", last]), X, y


def settings(name, penalty="none", **options):
    """Arguments of training with the loss of that name and penalties."""
    kind, numbers, rate = ALL_LOSSES[name]
    return {
        "loss": kind(**numbers, **PENALTIES[penalty]),
        "optimizer": GradientDescent(rate),
        **options,
    }


def weights_of(weighting, k, samples=SAMPLES, seed=0):
    """The sample weights of restart k, or None."""
    if weighting is None:
        return None
    if isinstance(weighting, Bootstrap | KFold):
        return weighting.numpy_weights(seed, k, samples)
    return weighting if weighting.ndim == 1 else weighting[k]


def one(train, name, k, weighting, **options):
    """Restart k alone, with the weights of `WEIGHTS` named `weighting`."""
    given = WEIGHTS[weighting]
    if isinstance(given, np.ndarray) and given.ndim == 2:
        given = given[k]
    return train(*problem(name), sample_weight=given, restart=k, **options)
