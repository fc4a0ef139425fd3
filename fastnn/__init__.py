"""fastnn trains small neural networks on a CPU: one, or a million random restarts at a time."""

from . import datasets, export, extend, reference
from .directory.reader import StoredRuns, open_run
from .execution import Incomplete, Interrupted
from .files import DamagedFile
from .initialization import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    NguyenWidrow,
    Normal,
    Uniform,
)
from .job import NUMERICS_VERSION
from .keeping import Best
from .losses import MSE, SSE, BinaryCrossEntropy, CrossEntropy, Huber
from .model import Model, Scaling
from .network import Network
from .optimizers import (
    LBFGS,
    RPROP,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    GradientDescent,
    LevenbergMarquardt,
    Quickprop,
    StepDecay,
)
from .per_layer import PerLayer
from .primitives import forward, gradient, jacobian, loss
from .run import Run
from .runs import Runs
from .saving import load
from .statistics import Statistics
from .status import Status
from .stopping import (
    ErrorsWithin,
    GradientBelow,
    LossBelow,
    MeanLossBelow,
    NoProgress,
    SSEBelow,
    SumOfLosses,
    Validation,
)
from .summary import Summary
from .sweeps import Grid
from .training import train, train_many
from .version import __version__
from .weighting import Bootstrap, KFold

__all__ = [
    "LBFGS",
    "MSE",
    "NUMERICS_VERSION",
    "RPROP",
    "SSE",
    "Adam",
    "AdamW",
    "Best",
    "BinaryCrossEntropy",
    "Bootstrap",
    "CosineDecay",
    "CrossEntropy",
    "DamagedFile",
    "ErrorsWithin",
    "ExponentialDecay",
    "GlorotNormal",
    "GlorotUniform",
    "GradientBelow",
    "GradientDescent",
    "Grid",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Incomplete",
    "Interrupted",
    "KFold",
    "LevenbergMarquardt",
    "LossBelow",
    "MeanLossBelow",
    "Model",
    "Network",
    "NguyenWidrow",
    "NoProgress",
    "Normal",
    "PerLayer",
    "Quickprop",
    "Run",
    "Runs",
    "SSEBelow",
    "Scaling",
    "Statistics",
    "Status",
    "StepDecay",
    "StoredRuns",
    "SumOfLosses",
    "Summary",
    "Uniform",
    "Validation",
    "__version__",
    "datasets",
    "export",
    "extend",
    "forward",
    "gradient",
    "jacobian",
    "load",
    "loss",
    "open_run",
    "reference",
    "train",
    "train_many",
]
