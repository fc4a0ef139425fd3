"""The optimizers: one file each, holding hyperparameters, compiled update and NumPy update."""

from .adam import Adam, AdamW
from .common import Optimizer, Setup
from .gradient_descent import GradientDescent
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .quickprop import Quickprop
from .rprop import RPROP
from .schedules import CosineDecay, ExponentialDecay, StepDecay

OPTIMIZERS: list[type[Optimizer]] = [
    GradientDescent, RPROP, Quickprop, Adam, AdamW, LevenbergMarquardt, LBFGS,
]  # fmt: skip
"""All optimizers; `fastnn.extend` adds those of users."""

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "RPROP",
    "Adam",
    "AdamW",
    "CosineDecay",
    "ExponentialDecay",
    "GradientDescent",
    "LevenbergMarquardt",
    "Optimizer",
    "Quickprop",
    "Setup",
    "StepDecay",
]
