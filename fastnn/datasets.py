"""Small classic data sets, as pairs of float64 arrays ``X (n, n_in)`` and ``y (n, n_out)``."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .support.checks import integer, shown
from .support.guesses import no_attribute
from .support.suggestions import suggests

__all__ = ["circles", "encoder", "moons", "parity", "sine", "spirals", "xor"]

MAX_SAMPLES = 10**7
MAX_BITS = 20
MAX_SEED = 2**64 - 1


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Raise AttributeError, with the data set that is meant."""
        text = f"module {__name__!r} has no attribute {name!r}"
        raise no_attribute(__name__, name, __all__, text)


def xor() -> tuple[np.ndarray, np.ndarray]:
    """The truth table of exclusive or.

    Returns
    -------
    X : (4, 2) array of float64
        The inputs 00, 01, 10, 11.
    y : (4, 1) array of float64
        1 where the inputs differ.
    """
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    y = np.array([[0], [1], [1], [0]], dtype=np.float64)
    return X, y


@suggests
def parity(bits: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The truth table of parity: exclusive or of any number of bits.

    Parameters
    ----------
    bits : int, default 3
        From 1 to 20.

    Returns
    -------
    X : (2**bits, bits) array of float64
        The numbers 0, 1, 2, … in binary, the highest bit first.
    y : (2**bits, 1) array of float64
        1 where an odd number of bits is 1.

    Raises
    ------
    TypeError, ValueError
        If `bits` is not an integer in that range.
    """
    count = integer("bits", bits, 1, MAX_BITS)
    ones = np.arange(2**count)[:, np.newaxis] >> np.arange(count)[::-1] & 1
    return ones.astype(np.float64), (ones.sum(axis=1, keepdims=True) % 2).astype(np.float64)


@suggests
def encoder(units: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """The encoder problem: reproduce which of the inputs is 1, through a narrow hidden layer.

    D. H. Ackley, G. E. Hinton and T. J. Sejnowski, "A learning algorithm for Boltzmann machines",
    Cognitive Science 9 (1985) 147–169.

    Parameters
    ----------
    units : int, default 8
        From 1 to 3,000.  The classic network for 8 is 8-3-8.

    Returns
    -------
    X : (units, units) array of float64
        The unit matrix.
    y : (units, units) array of float64
        The same.

    Raises
    ------
    TypeError, ValueError
        If `units` is not an integer in that range.
    """
    X = np.eye(integer("units", units, 1, 3000))
    return X, X.copy()


@suggests
def sine(samples: int = 50, *, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One period of the sine, a regression.

    Parameters
    ----------
    samples : int, default 50
    noise : float, default 0
        The standard deviation of normal noise on the targets.
    seed : int, default 0
        The seed of the noise.

    Returns
    -------
    X : (samples, 1) array of float64
        Evenly spaced from −π to π.
    y : (samples, 1) array of float64
        Their sines, with noise.

    Raises
    ------
    TypeError, ValueError
        If `samples` is not a positive integer, `noise` not a finite number from 0, or `seed` not
        an integer from 0.
    """
    X = np.linspace(-np.pi, np.pi, integer("samples", samples, 1, MAX_SAMPLES))[:, np.newaxis]
    return X, _noisy(np.sin(X), noise, seed)


@suggests
def circles(
    samples: int = 200, *, noise: float = 0.05, factor: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A circle of radius 1, and a smaller one inside it.

    Parameters
    ----------
    samples : int, default 200
        At least 2.  Half of them are on each circle, evenly spaced.
    noise : float, default 0.05
        The standard deviation of normal noise on the inputs.
    factor : float, default 0.5
        The radius of the inner circle, from 0 to 1.
    seed : int, default 0
        The seed of the noise.

    Returns
    -------
    X : (samples, 2) array of float64
        First the outer circle, then the inner one.
    y : (samples, 1) array of float64
        1 for the inner circle.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    radius = _number("factor", factor, 1.0)
    outer, inner = (2 * np.pi * np.arange(n) / n for n in _halves(samples))
    points = [_on_circle(outer), radius * _on_circle(inner)]
    return _classes(points, noise, seed)


@suggests
def moons(
    samples: int = 200, *, noise: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two half moons that reach into each other.

    Parameters
    ----------
    samples : int, default 200
        At least 2.  Half of them are on each moon, evenly spaced.
    noise : float, default 0.1
        The standard deviation of normal noise on the inputs.
    seed : int, default 0
        The seed of the noise.

    Returns
    -------
    X : (samples, 2) array of float64
        First the upper moon, then the lower one.
    y : (samples, 1) array of float64
        1 for the lower moon.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    upper, lower = (np.linspace(0, np.pi, n) for n in _halves(samples))
    points = [_on_circle(upper), np.array([1.0, 0.5]) - _on_circle(lower)]
    return _classes(points, noise, seed)


@suggests
def spirals(
    samples: int = 194, *, noise: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two spirals around each other, each of three turns.

    By default it is the benchmark: K. J. Lang and M. J. Witbrock, "Learning to tell two spirals
    apart", Proceedings of the 1988 Connectionist Models Summer School, 52–59.

    Parameters
    ----------
    samples : int, default 194
        At least 2.  Half of them are on each spiral.
    noise : float, default 0
        The standard deviation of normal noise on the inputs, which go from −6.5 to 6.5.
    seed : int, default 0
        The seed of the noise.

    Returns
    -------
    X : (samples, 2) array of float64
        First one spiral, from its outer end, then the other.
    y : (samples, 1) array of float64
        1 for the second spiral.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value.
    """
    arms = []
    for sign, n in zip((-1, 1), _halves(samples), strict=True):
        steps = np.linspace(0, 96, n)
        radius = sign * 6.5 * (104 - steps) / 104
        arms.append(radius[:, np.newaxis] * _on_circle(steps * np.pi / 16)[:, ::-1])
    return _classes(arms, noise, seed)


def _on_circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _halves(samples: Any) -> tuple[int, int]:
    count = integer("samples", samples, 2, MAX_SAMPLES)
    return count - count // 2, count // 2


def _classes(points: list[np.ndarray], noise: Any, seed: Any) -> tuple[np.ndarray, np.ndarray]:
    """Join the points of class 0 and class 1, and add noise."""
    y = np.repeat([0.0, 1.0], [len(part) for part in points])[:, np.newaxis]
    return _noisy(np.concatenate(points), noise, seed), y


def _noisy(values: np.ndarray, noise: Any, seed: Any) -> np.ndarray:
    deviation = _number("noise", noise, 1e100)
    generator = np.random.default_rng(integer("seed", seed, 0, MAX_SEED))
    return values + deviation * generator.standard_normal(values.shape) if deviation else values


def _number(name: str, value: Any, high: float) -> float:
    """Check a number from 0 to `high`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name}: expected a number, got {shown(value)}")
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= high):
        raise ValueError(f"{name}: expected a number from 0 to {high:g}, got {shown(value)}")
    return number
