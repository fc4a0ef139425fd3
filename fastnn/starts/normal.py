"""Normal numbers of one spread, or of one for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..spec.per_layer import PerLayer, layer_numbers
from ..support.checks import by_name, hyperparameter, shown
from .common import by_layer
from .scaled import ScaledNormal

if TYPE_CHECKING:
    from ..spec.network import Network


@by_name
@dataclass(frozen=True, eq=False)
class Normal(ScaledNormal):
    """Draw every weight and bias from a normal distribution.

    Parameter m of restart k is ``mean + std * q(u)`` with the inverse q of the standard normal
    distribution function and ``u = (i + 1/2) / 2**53``, i the upper 53 bits (float32: 23, and
    ``/ 2**23``) of number m of the stream that `Uniform` uses.

    Parameters
    ----------
    mean : float or (restarts,) array of float, default 0
    std : float, (restarts,) array of float, or PerLayer of floats, default 1
        Non-negative.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    mean: ArrayLike = 0.0
    std: ArrayLike | PerLayer = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", hyperparameter("mean", self.mean))
        if isinstance(self.std, PerLayer):
            for i, value in enumerate(self.std.values):
                if np.ndim(hyperparameter(f"std[{i}]", value, low=0.0)):
                    raise ValueError(f"std[{i}]: expected a number, got {shown(value)}")
        else:
            object.__setattr__(self, "std", hyperparameter("std", self.std, low=0.0))

    def numbers(self, net: Network) -> dict[str, Any]:
        """The numbers that the kernel reads: mean and spread."""
        return {"mean": self.mean, "std": 1.0 if isinstance(self.std, PerLayer) else self.std}

    def table(self, net: Network) -> np.ndarray:
        """The spreads of the layers, if they differ, as factors."""
        table = np.ones((2, net.n_parameters))
        if isinstance(self.std, PerLayer):
            table[1] = by_layer(net, list(layer_numbers("std", self.std, net).values()))
        return table
