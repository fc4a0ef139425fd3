"""The base of all optimizers, and the description that the engine needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..kernels.pieces import Piece
from ..spec.per_layer import PerLayer, numbers_by_layer, side_by_side
from ..support.checks import hyperparameter, shown

if TYPE_CHECKING:
    from ..spec.network import Network


START = "initial parameters"
"""The value of a slot that keeps the start."""


@dataclass(frozen=True)
class Setup:
    """Description of an optimizer for the engine, for one network."""

    numbers: dict[str, Any]
    """Hyperparameters in the order in which the kernel reads them, each one number or one per
    restart; `by_layer` takes those that are a `PerLayer` apart."""
    update: Piece
    """Piece that computes the next parameters from the gradient."""
    slots: tuple[tuple[int, float | str], ...] = ()
    """Slots of the memory between steps, each with its size and its initial value, a constant or
    the name of a hyperparameter; the last may be the initial parameters, `START`."""
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
    equal_samples: bool = False
    """True if networks that are trained together must have equally many samples."""
    full_batch: bool = False
    """True if every step needs all samples."""
    squares_only: bool = False
    """True if the loss must be a sum of squares, without penalties."""
    slope_offset: float = 0.0
    """Constant added to the slopes of all activations in back-propagation."""
    arctanh_error: bool = False
    """True if the SSE has Fahlman's derivative."""
    spans: int = 1
    """Number of parts of the parameters with numbers of their own, 1 or the number of layers."""
    span_numbers: int = 0
    """Count of the numbers of a span, which lie one span after the other; others follow."""

    @classmethod
    def by_layer(
        cls,
        net: Network,
        numbers: dict[str, Any],
        update: Piece,
        *,
        common: dict[str, Any] | None = None,
        slots: tuple[tuple[int, float | str], ...] = (),
        **others: Any,
    ) -> Setup:
        """Describe an optimizer each of whose `numbers` may be a `PerLayer`.

        Its kernel reads them by `span_at`; those in `common`, the same for all layers, come last. A
        slot that begins with the number of each layer has one number for each parameter.
        """
        by_layer, spans = numbers_by_layer(numbers, net)
        sizes = [(n_in + net.bias) * n_out for n_in, n_out in pairwise(net.sizes)]
        parts: list[tuple[int, float | str]] = []
        for count, value in slots:
            if isinstance(value, str) and isinstance(numbers.get(value), PerLayer):
                parts += [(size, f"{value}[{i}]") for i, size in enumerate(sizes)]
            else:
                parts.append((count, value))
        return cls(
            by_layer | (common or {}),
            update,
            slots=tuple(parts),
            spans=spans,
            span_numbers=len(by_layer) // spans,
            **others,
        )

    @property
    def kind(self) -> tuple[Any, ...]:
        """Properties that must be equal for training to continue with the memory."""
        return self.update.name, self.option, self.other_option, self.n_state

    @property
    def n_state(self) -> int:
        """Size of each restart's memory."""
        return sum(count for count, _ in self.slots)


# Bounds that also hold in float32: the smallest positive number, the largest below 1.
TINY = float(np.finfo(np.float32).tiny)
BELOW_ONE = float(np.nextafter(np.float32(1.0), np.float32(0.0)))


class Optimizer:
    """The base of all optimizers."""

    takes_per_layer: ClassVar[bool] = False
    """True if all numbers that `check_numbers` checks may be a `PerLayer`: see `Setup.by_layer`."""

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

    def spans(self, net: Network) -> int:
        """Count the spans of its setup: 1, or the layers if any number is a `PerLayer`."""
        return net.depth if any(isinstance(each, PerLayer) for each in vars(self).values()) else 1

    def check_numbers(self, **bounds: tuple[float, float]) -> None:
        """Check the named fields against bounds, and store them as numbers or read-only arrays."""
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not isinstance(value, PerLayer):
                value = hyperparameter(name, value, low, high)
                object.__setattr__(self, name, value)
            elif self.takes_per_layer:
                value.check(name, low, high)
            else:
                raise TypeError(
                    f"{name}: expected a number or an array of shape (restarts,), got "
                    f"{shown(value)}; only numbers of first-order optimizers, such as RPROP and "
                    "Adam, may differ between layers"
                )

    def check_order(self, *names: str, strict: bool = False) -> None:
        """Check that the named fields do not decrease, or that they increase if `strict`."""
        how, falls = ("<", np.greater_equal) if strict else ("<=", np.greater)
        for low, high in pairwise(names):
            values = getattr(self, low), getattr(self, high)
            for least, most in side_by_side(*values):
                if np.ndim(least) and np.ndim(most) and np.shape(least) != np.shape(most):
                    raise ValueError(
                        f"{low}, {high}: expected arrays of equal length, got {np.size(least)} and "
                        f"{np.size(most)}"
                    )
                if np.any(falls(least, most)):
                    raise ValueError(
                        f"{low}, {high}: expected {low} {how} {high}, got {shown(values[0])}, "
                        f"{shown(values[1])}"
                    )

    def check_flag(self, name: str) -> None:
        """Check that the named field is True or False."""
        value = getattr(self, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False, got {shown(value)}")
