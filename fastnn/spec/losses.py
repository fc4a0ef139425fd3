"""The losses: what each needs, its numbers, and the registry of all.

A loss adds a term for every target of every sample, times the sample's factor: its weight, divided
by a count if the loss is a mean.  Penalties on the weights are added to the sum.  The terms are
formulas, in `fastnn.spec.loss_formulas`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..support.bounds import ADDED_LATER, NOT_NEGATIVE, POSITIVE, SHARE, Bounds, by_layer
from ..support.checks import by_name, shown
from ..support.suggestions import hint
from . import loss_formulas as formulas
from .activations import SOFTMAX
from .loss_formulas import LossFormula

if TYPE_CHECKING:
    from .network import Network

MEAN, SUM, MEAN_OF_SAMPLES = range(3)


@by_name
@dataclass(frozen=True, kw_only=True, eq=False)
class Penalized:
    """The base of all losses: penalties on the weights.

    Parameters
    ----------
    l2, l1 : float or sequence of float, default 0
        ``l2 * w**2`` and ``l1 * abs(w)`` are added to the loss for every weight w: one number for
        all layers or one for each, finite and non-negative.  The slope of ``abs`` at 0 is 0.
    penalize_biases : bool, default False
        If True, biases are penalized too.
    l2_towards : "start", optional
        Pull each parameter towards its initial value v, not 0: ``l2 * (w - v)**2`` is added.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """

    l2: float | tuple[float, ...] = 0.0
    l1: float | tuple[float, ...] = 0.0
    penalize_biases: bool = False
    l2_towards: str | None = field(default=None, metadata=ADDED_LATER)

    name: ClassVar[str]
    formula: ClassVar[LossFormula]
    bounds: ClassVar[dict[str, Bounds]] = {}
    """The numbers that the formula takes, in order, and their bounds."""
    reduction: ClassVar[int] = MEAN
    """The divisor of the sum over all terms: one of `MEAN`, `SUM` and `MEAN_OF_SAMPLES`."""

    def __post_init__(self) -> None:
        for name, bounds in self.bounds.items():
            object.__setattr__(self, name, bounds.check(name, getattr(self, name)))
        for name in ("l2", "l1"):
            object.__setattr__(self, name, by_layer(name, getattr(self, name)))
        if not isinstance(self.penalize_biases, bool | np.bool_):
            raise TypeError(
                f"penalize_biases: expected True or False, got {shown(self.penalize_biases)}"
            )
        towards = self.l2_towards
        if towards is not None and not (isinstance(towards, str) and towards == "start"):
            raise ValueError(f"l2_towards: expected 'start' or None, got {shown(towards)}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> tuple[Any, ...]:
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(tuple(v.tolist()) if isinstance(v, np.ndarray) else v for v in values)

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers of the formula, each a float or an array with one for each restart."""
        return {name: getattr(self, name) for name in self.bounds}

    @property
    def output(self) -> str | None:
        """The output activation that it requires."""
        return self.formula.activation

    def targets_of(self, net: Network) -> int:
        """The number of targets for which the network has outputs."""
        n_out, count = net.sizes[-1], self.formula.outputs
        if n_out % count:
            raise ValueError(
                f"net: expected {count} outputs for each target with {self.name}, got {n_out} "
                "outputs"
            )
        return n_out // count

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

    @property
    def pulls_to_start(self) -> bool:
        """True if there is a penalty that pulls parameters towards the start."""
        some = any(self.l2) if isinstance(self.l2, tuple) else self.l2 > 0
        return some and self.l2_towards is not None

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

    def factor(self, samples: int, n_targets: int) -> float:
        """Factor of every sample's terms in a pass over `samples` samples."""
        return {
            SUM: 1.0, MEAN: 1.0 / (samples * n_targets), MEAN_OF_SAMPLES: 1.0 / samples,
        }[self.reduction]  # fmt: skip


@by_name
@dataclass(frozen=True, eq=False)
class SSE(Penalized):
    """The sum of squared errors, ``sum((y - target)**2)``: no half, no mean."""

    name = "SSE"
    formula = formulas.SQUARES
    reduction = SUM


@by_name
@dataclass(frozen=True, eq=False)
class MSE(SSE):
    """The mean squared error, over samples and outputs."""

    name = "MSE"
    reduction = MEAN


@by_name
@dataclass(frozen=True, eq=False)
class Huber(Penalized):
    """The mean of ``e**2 / 2`` for errors up to `delta`, ``delta * (abs(e) - delta / 2)`` beyond.

    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35
    (1964) 73–101.

    Parameters
    ----------
    delta : float or (restarts,) array of float, default 1
        Positive.
    l2, l1, penalize_biases
        As for all losses.
    """

    delta: ArrayLike = 1.0

    name = "Huber"
    formula = formulas.HUBER
    bounds: ClassVar = {"delta": POSITIVE}


@by_name
@dataclass(frozen=True, eq=False)
class Quantile(Penalized):
    """The mean pinball loss, whose minimum is the q-quantile of the targets, given the inputs.

    With the error e = target - prediction it is ``max(q e, (q - 1) e)``.  Smoothing replaces the
    corner by the parabola ``e**2 / (2 smoothing)`` where ``(q - 1) smoothing < e < q smoothing``,
    and moves both lines down to it: L-BFGS, which needs continuous slopes, then converges.

    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1978) 33–50, equation 3.1;
    C. Chen, "A finite smoothing algorithm for quantile regression", Journal of Computational and
    Graphical Statistics 16 (2007) 136–164.

    Parameters
    ----------
    q : float or (restarts,) array of float, default 0.5
        Between 0 and 1; 0.5 means the median.
    smoothing : float or (restarts,) array of float, default 0
        In units of the target, not negative.  With 0 the slope at ``e == 0`` is 0.
    l2, l1, penalize_biases
        As for all losses.
    """

    q: ArrayLike = 0.5
    _: KW_ONLY
    smoothing: ArrayLike = 0.0

    name = "Quantile"
    formula = formulas.QUANTILE
    bounds: ClassVar = {"q": SHARE, "smoothing": NOT_NEGATIVE}


@by_name
@dataclass(frozen=True, eq=False)
class LogCosh(Penalized):
    """The mean of ``log(cosh(y - target))``: squares of small errors, sizes of large ones.

    Twice the loss of small errors is their square.  The slope is ``tanh(y - target)``.
    """

    name = "LogCosh"
    formula = formulas.LOG_COSH


@by_name
@dataclass(frozen=True, eq=False, kw_only=True)
class Asymmetric(Penalized):
    """The mean of squared errors, with one weight for predictions below the target, one above.

    With ``under=q, over=1 - q`` its minimum is the q-expectile of the targets, given the inputs: W.
    K. Newey and J. L. Powell, "Asymmetric least squares estimation and testing", Econometrica 55
    (1987) 819–847.  `LevenbergMarquardt` takes it, as a sum of squares.

    Parameters
    ----------
    under, over : float or (restarts,) array of float, default 1
        The weights of underestimates and of overestimates, not negative.
    l2, l1, penalize_biases
        As for all losses.
    """

    under: ArrayLike = 1.0
    over: ArrayLike = 1.0

    name = "Asymmetric"
    formula = formulas.ASYMMETRIC
    bounds: ClassVar = {"under": NOT_NEGATIVE, "over": NOT_NEGATIVE}


@by_name
@dataclass(frozen=True, eq=False)
class Poisson(Penalized):
    """The mean of ``exp(y) - target * y``: the output is the logarithm of a rate of events.

    It is the negative logarithm of the likelihood of counts, without the part that depends on the
    targets alone.  Targets are counts, or other numbers from 0.
    """

    name = "Poisson"
    formula = formulas.POISSON

    def check(self, net: Network, y: np.ndarray) -> None:
        super().check(net, y)
        if (y < 0).any():
            raise ValueError(f"y: expected numbers >= 0 for {self.name}, got {y.min():g}")


@by_name
@dataclass(frozen=True, eq=False)
class GaussianNLL(Penalized):
    """The negative logarithm of a normal likelihood, with a mean and a variance for each target.

    The mean of ``(log_variance + (target - mean)**2 * exp(-log_variance)) / 2``, without the
    constant ``log(2 pi) / 2``.  The network has two outputs for each target: first the means of all
    targets, then the logarithms of all variances.  So with m targets ``predict(X)[:, :m]`` are the
    means, whose errors are the SSE, and ``np.exp(predict(X)[:, m:] / 2)`` the standard deviations.
    The last activation should be "identity".

    D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability
    distribution", IEEE International Conference on Neural Networks (1994) 55–60.
    """

    name = "GaussianNLL"
    formula = formulas.GAUSSIAN


def _check_share(name: str, y: np.ndarray) -> None:
    if (y < 0).any() or (y > 1).any():
        raise ValueError(
            f"y: expected numbers from 0 to 1 for {name}, got numbers outside this range"
        )


@by_name
@dataclass(frozen=True, eq=False)
class BinaryCrossEntropy(Penalized):
    """The mean of ``-t log(y) - (1 - t) log(1 - y)`` over samples and outputs.

    The last activation must be "sigmoid": the term is computed from its input, without overflow.
    """

    name = "BinaryCrossEntropy"
    formula = formulas.BINARY

    def check(self, net: Network, y: np.ndarray) -> None:
        super().check(net, y)
        _check_share(self.name, y)


@by_name
@dataclass(frozen=True, eq=False)
class CrossEntropy(Penalized):
    """The mean over samples of ``-sum(t log(y))``, a sum over the outputs of a softmax.

    The last activation must be "softmax"; the targets of a sample must sum to 1, such as one-hot
    vectors.
    """

    name = "CrossEntropy"
    formula = formulas.CROSS_ENTROPY
    reduction = MEAN_OF_SAMPLES

    def check(self, net: Network, y: np.ndarray) -> None:
        super().check(net, y)
        _check_share(self.name, y)
        if np.abs(y.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError(f"y: expected rows that sum to 1 for {self.name}, got other sums")


@by_name
@dataclass(frozen=True, eq=False)
class ArctanhSSE(SSE):
    """The SSE, with ``2 arctanh(e)`` instead of ``2 e`` for its derivative: see `Quickprop`."""

    name = "SSE with arctanh errors"
    formula = formulas.ARCTANH_SQUARES


BY_NAME: dict[str, type[Penalized]] = {
    "sse": SSE,
    "mse": MSE,
    "huber": Huber,
    "quantile": Quantile,
    "log_cosh": LogCosh,
    "asymmetric": Asymmetric,
    "poisson": Poisson,
    "gaussian_nll": GaussianNLL,
    "binary_cross_entropy": BinaryCrossEntropy,
    "cross_entropy": CrossEntropy,
}
"""The losses by name; `fastnn.extend` adds those of users."""
LOSSES = tuple(BY_NAME.values())
"""All losses of this package."""
_SSE = SSE()


def make_loss(loss: Any) -> Penalized:
    """Convert a loss, its class or name, or None for the SSE to a loss."""
    if loss is None:
        return _SSE
    if isinstance(loss, Penalized):
        return loss
    kind = loss
    if isinstance(loss, str):
        kind = BY_NAME.get(loss) or BY_NAME.get(loss.lower())
    if isinstance(kind, type) and kind in BY_NAME.values():
        made: Penalized = kind()
        return made
    expected = ", ".join(f"fastnn.{kind.__name__}" for kind in LOSSES)
    raise (ValueError if isinstance(loss, str) else TypeError)(
        f"loss: expected one of {expected}, or {', '.join(map(repr, BY_NAME))}, got {shown(loss)}"
        f"{hint(loss, BY_NAME)}"
    )
