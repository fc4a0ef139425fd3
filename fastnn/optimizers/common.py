"""The base of all optimizers, and the description that the engine needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.pieces import Piece
from ..support.checks import hyperparameter, shown

if TYPE_CHECKING:
    from ..spec.network import Network


@dataclass(frozen=True)
class Setup:
    """Description of an optimizer for the engine, for one network."""

    numbers: dict[str, Any]
    """Hyperparameters in the order in which the kernel reads them, each one number or one per
    restart."""
    update: Piece
    """Piece that computes the next parameters from the gradient."""
    slots: tuple[tuple[int, float | str], ...] = ()
    """Slots of the memory between steps, each with its size and its initial value, a constant or
    the name of a hyperparameter."""
    observe: Piece | None = None
    """Piece that runs after a pass and decides whether to accept its parameters."""
    compute: Piece | None = None
    """Piece that replaces the pass for loss and gradient."""
    compute_of: Callable[[Any], Piece] | None = None
    """Function that makes such a piece for the formula of a loss that is a square."""
    option: int = 0
    """A number that the pieces read, such as a set of switches."""
    other_option: int = 0
    """Another one; in built-in optimizers it is the code of the schedule."""
    scratch: int = 0
    """Size of the scratch memory."""
    one_tile: bool = False
    """True if a pass keeps the outputs of all samples at once."""
    full_batch: bool = False
    """True if every step needs all samples."""
    squares_only: bool = False
    """True if the loss must be a sum of squares, without penalties."""
    slope_offset: float = 0.0
    """Constant added to the slopes of all activations in back-propagation."""
    arctanh_error: bool = False
    """True if the SSE has Fahlman's derivative."""

    @property
    def kind(self) -> tuple[Any, ...]:
        """Properties that must be equal for training to continue with the memory."""
        counts = tuple(count for count, _ in self.slots)
        return self.update.name, self.option, self.other_option, counts

    @property
    def n_state(self) -> int:
        """Size of each restart's memory."""
        return sum(count for count, _ in self.slots)


# Bounds that also hold in float32: the smallest positive number, the largest below 1.
TINY = float(np.finfo(np.float32).tiny)
BELOW_ONE = float(np.nextafter(np.float32(1.0), np.float32(0.0)))


class Optimizer:
    """The base of all optimizers."""

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        raise NotImplementedError

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """Make the textbook's step in NumPy: a function of (gradients, loss, epoch).

        It changes `arrays`, the weights and then the biases, in place; `numbers` are the
        hyperparameters of the current restart.
        """
        raise NotImplementedError

    def numpy_search(
        self, problem: Any, parameters: np.ndarray, numbers: dict[str, float]
    ) -> Iterator[Any]:
        """Make the whole search in NumPy, for an optimizer that decides about its steps itself.

        Before every epoch it yields (accepted parameters, their loss, their gradient, and the
        status if the search ends there, or None).
        """
        raise NotImplementedError

    def check_numbers(self, **bounds: tuple[float, float]) -> None:
        """Check the named fields against bounds, and store them as numbers or read-only arrays."""
        for name, (low, high) in bounds.items():
            value = hyperparameter(name, getattr(self, name), low, high)
            object.__setattr__(self, name, value)

    def check_order(self, *names: str, strict: bool = False) -> None:
        """Check that the named fields do not decrease, or that they increase if `strict`."""
        how, falls = ("<", np.greater_equal) if strict else ("<=", np.greater)
        for low, high in pairwise(names):
            least, most = getattr(self, low), getattr(self, high)
            if np.ndim(least) and np.ndim(most) and np.shape(least) != np.shape(most):
                raise ValueError(
                    f"{low}, {high}: expected arrays of equal length, got {np.size(least)} and "
                    f"{np.size(most)}"
                )
            if np.any(falls(least, most)):
                raise ValueError(
                    f"{low}, {high}: expected {low} {how} {high}, got {shown(least)}, {shown(most)}"
                )

    def check_flag(self, name: str) -> None:
        """Check that the named field is True or False."""
        value = getattr(self, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False, got {shown(value)}")
