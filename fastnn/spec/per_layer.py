"""Numbers per layer, for optimizers and initializations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..support.checks import hyperparameter, shown
from ..support.suggestions import suggests
from .network import Network


@dataclass(frozen=True, init=False, eq=False)
class PerLayer:
    """One number for each layer after the input.

    Every number of a first-order optimizer may be one: of all but `LevenbergMarquardt` and `LBFGS`.
    So may the spread of `Normal`.

    Parameters
    ----------
    *values : float or (restarts,) array of float
        One value for each layer, its biases included.

    Raises
    ------
    TypeError, ValueError
        If a value has the wrong type; in training, unless there are as many as the network has
        layers after the input.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.GradientDescent(learning_rate=fastnn.PerLayer(0.5, 0.1)).learning_rate
    PerLayer(0.5, 0.1)
    """

    values: tuple[Any, ...]

    @suggests
    def __init__(self, *values: ArrayLike) -> None:
        if not values:
            raise ValueError("PerLayer: expected a number for each layer, got none")
        checked = tuple(hyperparameter(f"PerLayer[{i}]", value) for i, value in enumerate(values))
        object.__setattr__(self, "values", checked)

    @classmethod
    @suggests
    def divided_by_fan_in(cls, number: ArrayLike, net: Network) -> PerLayer:
        """Divide a number by the fan-in of each layer's units, as Fahlman divides his epsilon.

        The fan-in of a unit is the number of its connections from below, that of its bias included
        if it has one.  D. C. Plaut, S. J. Nowlan and G. E. Hinton, "Experiments on learning by back
        propagation", Carnegie Mellon University, technical report CMU-CS-86-126 (1986), and S. E.
        Fahlman, CMU-CS-88-162 (1988).

        Parameters
        ----------
        number : float or (restarts,) array of float
            What to divide.
        net : Network
            The network, for its layers.

        Returns
        -------
        PerLayer
            ``number / fan_in`` of each layer.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or value.

        Examples
        --------
        >>> import fastnn
        >>> net = fastnn.Network([9, 4, 1])
        >>> fastnn.PerLayer.divided_by_fan_in(2.0, net)
        PerLayer(0.2, 0.4)
        """
        checked = hyperparameter("number", number)
        if not isinstance(net, Network):
            raise TypeError(f"net: expected a fastnn.Network, got {shown(net)}")
        return cls(*(checked / (n_in + net.bias) for n_in in net.sizes[:-1]))

    def check(self, name: str, low: float = -math.inf, high: float = math.inf) -> None:
        """Raise unless all numbers are from `low` to `high`; `name` is that of the argument."""
        for i, value in enumerate(self.values):
            hyperparameter(f"{name}[{i}]", value, low, high)

    def __repr__(self) -> str:
        return f"PerLayer({', '.join(map(shown, self.values))})"


def layer_numbers(name: str, value: Any, net: Network) -> dict[str, Any]:
    """Convert a number for all layers, or a `PerLayer`, to one named number for each layer."""
    if not isinstance(value, PerLayer):  # errors name the first
        return {f"{name}[{i}]" if i else name: value for i in range(net.depth)}
    if len(value.values) != net.depth:
        raise ValueError(
            f"{name}: expected PerLayer of {net.depth} numbers for {net!r}, got {len(value.values)}"
        )
    return {f"{name}[{i}]": number for i, number in enumerate(value.values)}


def numbers_by_layer(numbers: dict[str, Any], net: Network) -> tuple[dict[str, Any], int]:
    """Numbers in the order in which kernels read them, and the number of their blocks.

    There is one block of all numbers or, if any is a `PerLayer`, one for each layer.
    """
    if not any(isinstance(value, PerLayer) for value in numbers.values()):
        return numbers, 1
    each = [list(layer_numbers(name, value, net).items()) for name, value in numbers.items()]
    return dict(by_layer[i] for i in range(net.depth) for by_layer in each), net.depth


def numbers_of_arrays(numbers: dict[str, float], count: int) -> list[dict[str, float]]:
    """The numbers, by their own names, of `count` arrays: weights layer by layer, then biases.

    The inverse of `numbers_by_layer`, for the numbers of one restart.
    """
    layers: list[dict[str, float]] = [{}]
    for name, value in numbers.items():
        own, _, place = name.partition("[")
        layer = int(place.removesuffix("]")) if place else 0
        if layer == len(layers):
            layers.append(dict(layers[0]))
        layers[layer][own] = value
    return [layers[i % len(layers)] for i in range(count)]


def side_by_side(*values: Any) -> Iterator[tuple[Any, ...]]:
    """Numbers that belong together: the values, or those of each layer if any is a `PerLayer`."""
    layers = [len(value.values) for value in values if isinstance(value, PerLayer)]
    for i in range(min(layers, default=1)):
        yield tuple(value.values[i] if isinstance(value, PerLayer) else value for value in values)


def arrays_among(numbers: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays among numbers, by name; those of a `PerLayer` are ``name_0``, ``name_1``, …"""
    for name, value in numbers.items():
        if isinstance(value, PerLayer):
            yield from arrays_among({f"{name}_{i}": each for i, each in enumerate(value.values)})
        elif isinstance(value, np.ndarray) and value.ndim == 1:
            yield name, value
