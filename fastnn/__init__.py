"""fastnn trains small neural networks on a CPU: one, or a million random restarts at a time."""

from . import datasets, reference
from .execution import Interrupted
from .initialization import Uniform
from .job import NUMERICS_VERSION
from .network import Network
from .optimizers import (
    RPROP,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    GradientDescent,
    PerLayer,
    Quickprop,
    StepDecay,
)
from .run import Run
from .runs import Runs
from .status import Status
from .summary import Summary
from .training import train, train_many
from .version import __version__

__all__ = [
    "NUMERICS_VERSION",
    "RPROP",
    "Adam",
    "AdamW",
    "CosineDecay",
    "ExponentialDecay",
    "GradientDescent",
    "Interrupted",
    "Network",
    "PerLayer",
    "Quickprop",
    "Run",
    "Runs",
    "Status",
    "StepDecay",
    "Summary",
    "Uniform",
    "__version__",
    "datasets",
    "reference",
    "train",
    "train_many",
]
