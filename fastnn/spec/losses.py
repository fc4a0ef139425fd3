"""The losses: one definition each, compiled and in textbook NumPy.

A loss adds a term for every output of every sample, times the sample's factor: its weight, divided
by a count if the loss is a mean.  Penalties on the weights are added to the sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..lanes.formulas import Term, at_least, at_most, fma, formula, magnitude, select
from ..lanes.math.logarithms import atanh_of, softplus_rest_of
from ..support.checks import by_name, real_array, shown
from ..support.suggestions import hint
from .activations import SOFTMAX

if TYPE_CHECKING:
    from .network import Network

MEAN, SUM, MEAN_OF_SAMPLES = range(3)
# Beyond this error the arctanh would grow without bound; Fahlman's program uses 17.
ALMOST_ONE, LARGEST_ARCTANH = 0.9999999, 17.0


@formula
def _square(x: Term, target: Term) -> Term:
    return (x - target) * (x - target)


@formula
def _square_slope(y: Term, target: Term) -> Term:
    return (y - target) + (y - target)


@formula
def _arctanh_slope(y: Term, target: Term) -> Term:
    error = y - target
    slope = 2.0 * atanh_of(at_least(at_most(error, ALMOST_ONE), -ALMOST_ONE))
    slope = select(error > ALMOST_ONE, LARGEST_ARCTANH, slope)
    return select(error < -ALMOST_ONE, -LARGEST_ARCTANH, slope)


@formula
def _huber(x: Term, target: Term, delta: Term) -> Term:
    size = magnitude(x - target)
    return select(size < delta, 0.5 * size * size, delta * fma(-0.5, delta, size))


@formula
def _huber_slope(y: Term, target: Term, delta: Term) -> Term:
    return at_least(at_most(y - target, delta), -delta)


@formula
def _binary(x: Term, target: Term) -> Term:
    # Not softplus(x) - t x, which loses the small losses of large inputs with the right sign.
    return fma(-target, x, at_least(x, 0.0)) + softplus_rest_of(x)


@formula
def _binary_slope(y: Term, target: Term) -> Term:
    return y - target


@by_name
@dataclass(frozen=True, kw_only=True)
class Penalized:
    """The base of all losses: penalties on the weights.

    Parameters
    ----------
    l2, l1 : float or sequence of float, default 0
        ``l2 * w**2`` and ``l1 * abs(w)`` are added to the loss for every weight w: one number for
        all layers or one for each, finite and non-negative.  The slope of ``abs`` at 0 is 0.
    penalize_biases : bool, default False
        If True, biases are penalized too.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    l2: float | tuple[float, ...] = 0.0
    l1: float | tuple[float, ...] = 0.0
    penalize_biases: bool = False

    name: ClassVar[str]
    code: ClassVar[int]
    scale: ClassVar[int] = MEAN
    output: ClassVar[str | None] = None
    """The required output activation, if the term is a function of its input."""

    def __post_init__(self) -> None:
        for name in ("l2", "l1"):
            if type(getattr(self, name)) is float and 0 <= getattr(self, name) < math.inf:
                continue
            array = real_array(name, getattr(self, name))
            if isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(f"{name}: expected a number, got {shown(getattr(self, name))}")
            if array.ndim > 1 or array.size == 0 or (array < 0).any():
                raise ValueError(
                    f"{name}: expected a number >= 0 or one for each layer, got "
                    f"{shown(getattr(self, name))}"
                )
            value = float(array) if array.ndim == 0 else tuple(array.tolist())
            object.__setattr__(self, name, value)
        if not isinstance(self.penalize_biases, bool | np.bool_):
            raise TypeError(
                f"penalize_biases: expected True or False, got {shown(self.penalize_biases)}"
            )

    def check(self, net: Network, y: np.ndarray) -> None:
        """Raise unless the loss fits the network and the targets `y`."""
        last = net.activation[-1]
        if self.output is not None and last != self.output:
            raise ValueError(
                f"loss: expected the output activation {self.output!r} for {self.name}, got "
                f"{last!r}"
            )
        if last == SOFTMAX and self.output != SOFTMAX:
            raise ValueError(
                "loss: expected fastnn.CrossEntropy() for the output activation 'softmax', got "
                f"{self.name}"
            )
        for name in ("l2", "l1"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != net.depth:
                raise ValueError(
                    f"{name}: expected one number, or {net.depth} numbers, one for each layer, got "
                    f"{len(value)} numbers"
                )

    @cached_property
    def has_penalties(self) -> bool:
        """True if there is any penalty."""
        return any(
            any(value) if isinstance(value, tuple) else value > 0 for value in (self.l2, self.l1)
        )

    def penalties(self, net: Network, dtype: np.dtype) -> np.ndarray | None:
        """The factors of the squares and of the magnitudes of all parameters; None if all are 0."""
        if not self.has_penalties:
            return None
        rows = []
        for value in (self.l2, self.l1):
            by_layer = value if isinstance(value, tuple) else (value,) * net.depth
            flat = np.zeros(net.n_parameters, dtype=dtype)
            weights, biases = net.unpack(flat)
            for factor, array in zip(by_layer, weights, strict=True):
                array += factor
            if self.penalize_biases:
                for factor, array in zip(by_layer, biases, strict=False):
                    array += factor
            rows.append(flat)
        return np.array(rows)

    def factor(self, samples: int, n_out: int) -> float:
        """Factor of every sample's terms in a pass over `samples` samples."""
        return {SUM: 1.0, MEAN: 1.0 / (samples * n_out), MEAN_OF_SAMPLES: 1.0 / samples}[self.scale]

    @property
    def number(self) -> float:
        """The number that the term depends on."""
        return 0.0

    def numpy_terms(self, z: np.ndarray, y: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Compute the terms of all outputs from the last layer's input z and output y."""
        raise NotImplementedError

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        """Compute their derivatives with respect to z; `slope` is the last activation's."""
        raise NotImplementedError


@by_name
@dataclass(frozen=True)
class SSE(Penalized):
    """The sum of squared errors, ``sum((y - target)**2)``: no half, no mean."""

    name = "SSE"
    code = 0
    scale = SUM

    def numpy_terms(self, z: np.ndarray, y: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return (y - targets) ** 2

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        return 2 * (y - targets) * slope


@by_name
@dataclass(frozen=True)
class MSE(SSE):
    """The mean squared error, over samples and outputs."""

    name = "MSE"
    scale = MEAN


@by_name
@dataclass(frozen=True)
class Huber(Penalized):
    """The mean of ``e**2 / 2`` for errors up to `delta`, ``delta * (abs(e) - delta / 2)`` beyond.

    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35
    (1964) 73–101.

    Parameters
    ----------
    delta : float, default 1
        Positive.
    l2, l1, penalize_biases
        As for all losses.
    """

    delta: float = 1.0

    name = "Huber"
    code = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        array = real_array("delta", self.delta)
        if array.ndim or not array > 0 or isinstance(self.delta, bool | np.bool_):
            raise ValueError(f"delta: expected a positive number, got {shown(self.delta)}")
        object.__setattr__(self, "delta", float(array))

    @property
    def number(self) -> float:
        return self.delta

    def numpy_terms(self, z: np.ndarray, y: np.ndarray, targets: np.ndarray) -> np.ndarray:
        size = np.abs(y - targets)
        return np.where(size < self.delta, size**2 / 2, self.delta * (size - self.delta / 2))

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        return np.clip(y - targets, -self.delta, self.delta) * slope


def _check_share(name: str, y: np.ndarray) -> None:
    if (y < 0).any() or (y > 1).any():
        raise ValueError(
            f"y: expected numbers from 0 to 1 for {name}, got numbers outside this range"
        )


@by_name
@dataclass(frozen=True)
class BinaryCrossEntropy(Penalized):
    """The mean of ``-t log(y) - (1 - t) log(1 - y)`` over samples and outputs.

    The last activation must be "sigmoid": the term is computed from its input, without overflow.
    """

    name = "BinaryCrossEntropy"
    code = 2
    output = "sigmoid"

    def check(self, net: Network, y: np.ndarray) -> None:
        super().check(net, y)
        _check_share(self.name, y)

    def numpy_terms(self, z: np.ndarray, y: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return (np.maximum(z, 0) - targets * z) + np.log1p(np.exp(-np.abs(z)))

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        return y - targets


@by_name
@dataclass(frozen=True)
class CrossEntropy(Penalized):
    """The mean over samples of ``-sum(t log(y))``, a sum over the outputs of a softmax.

    The last activation must be "softmax"; the targets of a sample must sum to 1, such as one-hot
    vectors.
    """

    name = "CrossEntropy"
    code = 3
    scale = MEAN_OF_SAMPLES
    output = SOFTMAX

    def check(self, net: Network, y: np.ndarray) -> None:
        super().check(net, y)
        _check_share(self.name, y)
        if np.abs(y.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError(f"y: expected rows that sum to 1 for {self.name}, got other sums")

    def numpy_terms(self, z: np.ndarray, y: np.ndarray, targets: np.ndarray) -> np.ndarray:
        shifted = z - z.max(axis=1, keepdims=True)
        return targets * (np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted)

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        return y * targets.sum(axis=1, keepdims=True) - targets


@by_name
@dataclass(frozen=True)
class ArctanhSSE(SSE):
    """The SSE, with ``2 arctanh(e)`` instead of ``2 e`` for its derivative: see `Quickprop`."""

    name = "SSE with arctanh errors"
    code = 4

    def numpy_delta(self, y: np.ndarray, targets: np.ndarray, slope: Any) -> np.ndarray:
        error = y - targets
        inside = np.clip(error, -ALMOST_ONE, ALMOST_ONE)
        slopes = np.where(error > ALMOST_ONE, LARGEST_ARCTANH, 2 * np.arctanh(inside))
        return np.where(error < -ALMOST_ONE, -LARGEST_ARCTANH, slopes) * slope


LOSSES = (SSE, MSE, Huber, BinaryCrossEntropy, CrossEntropy)
"""All losses."""
BY_NAME: dict[str, type[Penalized]] = {
    "sse": SSE,
    "mse": MSE,
    "huber": Huber,
    "binary_cross_entropy": BinaryCrossEntropy,
    "cross_entropy": CrossEntropy,
}
# The compiled term and slope for each code; cross-entropy couples outputs and has its own pass.
TERMS: dict[int, tuple[Callable[..., Any], Callable[..., Any]]] = {
    SSE.code: (_square, _square_slope),
    Huber.code: (_huber, _huber_slope),
    BinaryCrossEntropy.code: (_binary, _binary_slope),
    ArctanhSSE.code: (_square, _arctanh_slope),
}


_SSE = SSE()


def make_loss(loss: Any) -> Penalized:
    """Convert a loss, its name, or None for the SSE to a loss."""
    if loss is None:
        return _SSE
    if isinstance(loss, Penalized):
        return loss
    if isinstance(loss, str) and loss.lower() in BY_NAME:
        return BY_NAME[loss.lower()]()
    expected = ", ".join(f"fastnn.{kind.__name__}" for kind in LOSSES)
    raise (ValueError if isinstance(loss, str) else TypeError)(
        f"loss: expected one of {expected}, or {', '.join(map(repr, BY_NAME))}, got {shown(loss)}"
        f"{hint(loss, BY_NAME)}"
    )
