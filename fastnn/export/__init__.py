"""Models in other formats: ONNX, a C header, JSON, and the layouts of PyTorch and scikit-learn."""

from .c import to_c
from .json import from_json, to_json
from .onnx import to_onnx
from .sklearn import from_sklearn, to_sklearn
from .torch import from_torch, to_torch

__all__ = [
    "from_json",
    "from_sklearn",
    "from_torch",
    "to_c",
    "to_json",
    "to_onnx",
    "to_sklearn",
    "to_torch",
]


def __dir__() -> list[str]:
    return __all__
