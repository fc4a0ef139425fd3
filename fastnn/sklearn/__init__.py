"""Estimators for scikit-learn, with its parameter names; `fit` averages the best restarts."""

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise ImportError("fastnn.sklearn needs scikit-learn: pip install scikit-learn") from error

from .classifier import MLPClassifier
from .grouped_classifier import GroupedMLPClassifier
from .grouped_regressor import GroupedMLPRegressor
from .outcome import FitWarning
from .regressor import MLPRegressor

__all__ = [
    "FitWarning",
    "GroupedMLPClassifier",
    "GroupedMLPRegressor",
    "MLPClassifier",
    "MLPRegressor",
]


def __dir__() -> list[str]:
    return __all__
