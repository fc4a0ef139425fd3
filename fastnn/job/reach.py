"""A warning before training whose targets no network reaches."""

from __future__ import annotations

import math

import numpy as np

from ..spec.activations import BY_NAME, EVERYTHING
from ..spec.loss_formulas import POISSON
from ..support.advice import warn
from .job import Job

# Targets that were scaled to a range may be beyond it by their rounding.
ROUNDING = 1e-6


def warn_of_targets(job: Job) -> None:
    """Warn if targets lie outside the range of the last layer's activation.

    It costs a few microseconds.  Losses that need a certain activation check their targets; those
    of users may have another scale, as the logarithms of rates have.
    """
    name = job.net.activation[-1]
    low, high = BY_NAME[name].range if name in BY_NAME else EVERYTHING
    formula = job.loss.formula
    elsewhere = formula.activation is not None or formula.is_own or formula is POISSON
    if job.epochs == 0 or elsewhere or (low, high) == EVERYTHING:
        return
    y = job.y
    if isinstance(job.weighting, np.ndarray):
        y = y[(job.weighting > 0).any(axis=0)]
    if not len(y):
        return
    least, most = float(y.min()), float(y.max())
    if low <= least and most <= high:
        return
    room = ROUNDING * max(1.0, *(abs(end) for end in (low, high) if math.isfinite(end)))
    if least < low - room or most > high + room:
        hidden = ", ".join(f"'{other}'" for other in job.net.activation[:-1][-3:])
        layers = f"[{'…, ' * (job.net.depth > 4)}{hidden}{', ' * bool(hidden)}'identity']"
        warn(
            f"y: expected targets {_interval(low, high)}, the range of the output's activation "
            f"{name!r}, got {least:.6g} to {most:.6g}, which no network reaches; scale the "
            f"targets, or use activation={layers}"
        )


def _interval(low: float, high: float) -> str:
    if math.isinf(high):
        return f"from {low:.3g} up"
    return f"up to {high:.3g}" if math.isinf(low) else f"from {low:.3g} to {high:.3g}"
