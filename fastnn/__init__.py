"""fastnn trains small neural networks on a CPU: one, or a million random restarts at a time."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from . import datasets
from .engine.evaluate import forward, gradient, jacobian, loss
from .job.keep import Best
from .optimizers import (
    LBFGS,
    RPROP,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    GradientDescent,
    LevenbergMarquardt,
    Lion,
    Nadam,
    OneCycle,
    Quickprop,
    ReduceOnPlateau,
    RMSProp,
    StepDecay,
    WarmUp,
)
from .results.by_group import GroupTable
from .results.model import Model
from .results.models import Models
from .results.run import Run
from .results.runs import Runs
from .results.scaling import Scaling
from .results.statistics import Statistics
from .results.summary import Summary
from .rules.errors_within import ErrorsWithin
from .rules.gradient_below import GradientBelow
from .rules.loss_below import LossBelow
from .rules.mean_loss_below import MeanLossBelow
from .rules.no_progress import NoProgress
from .rules.sse_below import SSEBelow
from .rules.sum_of_losses import SumOfLosses
from .rules.validation import Validation
from .scheduling.scheduler import Incomplete, Interrupted
from .spec.grid import Grid
from .spec.losses import (
    MSE,
    SSE,
    Asymmetric,
    BinaryCrossEntropy,
    CrossEntropy,
    GaussianNLL,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
)
from .spec.network import Network
from .spec.per_layer import PerLayer
from .spec.sample_weights import Bootstrap, KFold
from .spec.status import Status
from .starts.glorot import GlorotNormal, GlorotUniform
from .starts.he import HeNormal, HeUniform
from .starts.nguyen_widrow import NguyenWidrow
from .starts.normal import Normal
from .starts.uniform import Uniform
from .storage.npz import load
from .storage.stored_runs import StoredRuns, open_run
from .support.advice import TrainingWarning
from .support.atomic_files import DamagedFile
from .support.guesses import no_attribute
from .support.version import NUMERICS_VERSION, __version__
from .tabular.encoding import Encoding
from .training import train, train_many

__all__ = [
    "LBFGS",
    "MSE",
    "NUMERICS_VERSION",
    "RPROP",
    "SSE",
    "AMSGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "Asymmetric",
    "Best",
    "BinaryCrossEntropy",
    "Bootstrap",
    "CosineDecay",
    "CosineRestarts",
    "CrossEntropy",
    "DamagedFile",
    "Encoding",
    "ErrorsWithin",
    "ExponentialDecay",
    "GaussianNLL",
    "GlorotNormal",
    "GlorotUniform",
    "GradientBelow",
    "GradientDescent",
    "Grid",
    "GroupTable",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Incomplete",
    "Interrupted",
    "KFold",
    "LevenbergMarquardt",
    "Lion",
    "LogCosh",
    "LossBelow",
    "MeanLossBelow",
    "Model",
    "Models",
    "Nadam",
    "Network",
    "NguyenWidrow",
    "NoProgress",
    "Normal",
    "OneCycle",
    "PerLayer",
    "Poisson",
    "Quantile",
    "Quickprop",
    "RMSProp",
    "ReduceOnPlateau",
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
    "TrainingWarning",
    "Uniform",
    "Validation",
    "WarmUp",
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


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:
    from . import export, extend, reference
else:

    def __getattr__(name: str) -> ModuleType:
        """Import a module when it is first used, which many programs never do."""
        if name in ("export", "extend", "reference", "sklearn"):
            return import_module(f".{name}", __name__)
        text = f"module {__name__!r} has no attribute {name!r}"
        raise no_attribute(__name__, name, __all__, text)
