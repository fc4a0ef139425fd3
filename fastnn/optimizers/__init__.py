"""The optimizers: one file each, holding hyperparameters, compiled update and NumPy update."""

import re
from typing import Any

from ..support.checks import shown
from ..support.suggestions import hint
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .amsgrad import AMSGrad
from .common import Optimizer, Setup
from .decays import CosineDecay, CosineRestarts, ExponentialDecay, StepDecay
from .gradient_descent import GradientDescent
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .lion import Lion
from .nadam import Nadam
from .quickprop import Quickprop
from .rmsprop import RMSProp
from .rprop import RPROP
from .schedules import OneCycle, ReduceOnPlateau, WarmUp

OPTIMIZERS: list[type[Optimizer]] = [
    GradientDescent, RPROP, Quickprop, Adam, AdamW, LevenbergMarquardt, LBFGS,
    RMSProp, Adagrad, AMSGrad, Nadam, Lion,
]  # fmt: skip
"""All optimizers; `fastnn.extend` adds those of users."""
SHORT_NAMES: dict[str, type[Optimizer]] = {
    "gd": GradientDescent, "sgd": GradientDescent, "lm": LevenbergMarquardt,
}  # fmt: skip
"""Common short names."""

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "RPROP",
    "SHORT_NAMES",
    "AMSGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "GradientDescent",
    "LevenbergMarquardt",
    "Lion",
    "Nadam",
    "OneCycle",
    "Optimizer",
    "Quickprop",
    "RMSProp",
    "ReduceOnPlateau",
    "Setup",
    "StepDecay",
    "WarmUp",
    "make_optimizer",
    "name_of",
    "optimizers_by_name",
]

_DEFAULT = GradientDescent()


def name_of(kind: type[Optimizer]) -> str:
    """The name of an optimizer in arguments: "rprop", "gradient_descent" for GradientDescent."""
    if kind in (RPROP, LBFGS, AdamW):
        return kind.__name__.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def optimizers_by_name() -> dict[str, type[Optimizer]]:
    """All registered optimizers, by all their names; a user's own precedes a short name."""
    named = {name_of(kind): kind for kind in OPTIMIZERS}
    return named | SHORT_NAMES | named


def _shown(kind: type[Optimizer]) -> str:
    """The name of an optimizer in programs."""
    own = kind.__module__.partition(".")[0] != "fastnn"
    return kind.__name__ if own else f"fastnn.{kind.__name__}"


def make_optimizer(optimizer: Any) -> Optimizer:
    """Convert an optimizer, its class or name, or None for gradient descent to an optimizer.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.
    """
    if optimizer is None:
        return _DEFAULT
    if isinstance(optimizer, Optimizer):
        return optimizer
    by_name = optimizers_by_name()
    if isinstance(optimizer, str) and optimizer.lower() in by_name:
        return by_name[optimizer.lower()]()
    if isinstance(optimizer, type) and optimizer in OPTIMIZERS:
        return optimizer()
    kinds = ", ".join(map(_shown, OPTIMIZERS))
    raise (ValueError if isinstance(optimizer, str) else TypeError)(
        f"optimizer: expected one of {kinds}, or {', '.join(map(repr, by_name))}, got "
        f"{shown(optimizer)}{hint(optimizer, by_name)}"
    )
