"""Gradient descent: step against the gradient."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..checks import hyperparameter
from ..lanes.buffers import in_lanes
from ..lanes.operations import fma
from ..lanes.pieces import piece
from .arguments import of_update


@dataclass(frozen=True, eq=False)
class GradientDescent:
    """Gradient descent, ``w -= learning_rate * gradient``.

    The gradient is that of the sum of squared errors itself, so it holds a factor 2 that texts
    which minimise half the sum leave out: their learning rates are twice these.  It is a sum, not a
    mean: the more samples, the smaller a rate must be for the same stability.

    Parameters
    ----------
    learning_rate : float or (restarts,) array of float, default 0.1
        Step per unit of gradient, finite and not negative; an array gives each restart its own.

    Raises
    ------
    TypeError, ValueError
        If `learning_rate` is not of that kind.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323 (1986) 533–536, equation 8.
    """

    learning_rate: ArrayLike = 0.1

    hyperparameters: ClassVar[tuple[str, ...]] = ("learning_rate",)

    def __post_init__(self) -> None:
        rate = hyperparameter("learning_rate", self.learning_rate, low=0.0)
        object.__setattr__(self, "learning_rate", rate)

    @staticmethod
    def numpy_update(
        arrays: list[np.ndarray], gradients: list[np.ndarray], learning_rate: float
    ) -> None:
        """The textbook's step, in place."""
        for array, gradient in zip(arrays, gradients):  # noqa: B905  in the loop that is timed
            array -= learning_rate * gradient


@piece
def plain_update(digest, width):
    """One step; the first hyperparameter is the learning rate."""

    def update(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        strips, count, parameters, gradient, _, hyper = of_update(frame, in_lanes(space, width))
        for s in range(strips):
            step = -hyper[s]
            for m in range(s, s + count * strips, strips):
                parameters[m] = fma(step, gradient[m], parameters[m])
        return 0

    return update
