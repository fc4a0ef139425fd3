"""The network: layer sizes, activations, and whether there are biases.  It holds no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..support.checks import integer, real_array, shown
from ..support.guesses import Guessed
from ..support.savable import Savable
from ..support.suggestions import suggests
from . import own_activations
from .activations import CODES, SOFTMAX, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PARAMETERS = 10**8


@dataclass(frozen=True, init=False, repr=False)
class Network(Savable, Guessed):
    """A fully connected feed-forward network: an architecture, immutable and hashable.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first and output last, at least two layers.
    activation : str or sequence of str, default "sigmoid"
        ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"identity"``, ``"leaky_relu"``, ``"softplus"``,
        ``"elliott"`` (softsign), ``"sine"``, ``"gaussian"``, ``"silu"`` (swish), ``"gelu"`` (with
        tanh), ``"elu"``, ``"selu"``, ``"hard_sigmoid"``, ``"arctan"``, and ``"softmax"`` for the
        last layer: one for all layers after the input, or one for each.
        `fastnn.extend.activation` adds others.
    bias : bool, default True
        If True, all units after the input have biases.

    Attributes
    ----------
    sizes : tuple of int
    activation : tuple of str, one per layer after the input
    bias : bool
    depth : int
        Number of layers after the input.
    n_parameters : int
        Weights and biases in all.
    names : list of str
        The name of each parameter, in the order of the flat vector.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive integer, an activation is unknown, or their number is wrong.

    Examples
    --------
    >>> net = Network([2, 2, 1], bias=False)
    >>> net
    Network([2, 2, 1], activation='sigmoid', bias=False)
    >>> net.n_parameters
    6
    """

    sizes: tuple[int, ...]
    activation: tuple[str, ...]
    bias: bool

    @suggests
    def __init__(
        self,
        sizes: Sequence[int] | np.ndarray,
        activation: str | Sequence[str] = "sigmoid",
        bias: bool = True,
    ) -> None:
        listed = isinstance(sizes, Sequence) and not isinstance(sizes, str | bytes)
        if not listed and not (isinstance(sizes, np.ndarray) and sizes.ndim == 1):
            raise TypeError(
                f"sizes: expected a sequence of integers, got {shown(sizes)}; write a list, "
                "such as [2, 2, 1]"
            )
        checked = tuple(
            integer(f"sizes[{i}]", size, 1, MAX_PARAMETERS) for i, size in enumerate(sizes)
        )
        if len(checked) < 2:
            raise ValueError(
                f"sizes: expected at least an input and an output layer, got {checked}"
            )
        if not isinstance(bias, bool | np.bool_):
            raise TypeError(f"bias: expected True or False, got {shown(bias)}")
        object.__setattr__(self, "sizes", checked)
        object.__setattr__(self, "activation", _activation_names(activation, len(checked) - 1))
        object.__setattr__(self, "bias", bool(bias))
        if self.n_parameters > MAX_PARAMETERS:
            raise ValueError(
                f"sizes: expected at most {MAX_PARAMETERS} parameters, got {self.n_parameters}"
            )

    def __getstate__(self) -> dict[str, Any]:
        """The arguments of its constructor, and formulas that another process may not know."""
        own = own_activations.definitions(self.activation)
        return super().__getstate__() | ({"own": own} if own else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        own_activations.define(state.get("own", []))
        self.__init__(state["sizes"], bias=state["bias"])  # type: ignore[misc]
        # Unknown activations raise only when they are used.
        names = state["activation"]
        known = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
        if not known or len(names) != self.depth:
            raise ValueError(f"activation: expected {self.depth} names, got {shown(names)}")
        object.__setattr__(self, "activation", names)

    @property
    def depth(self) -> int:
        """Number of layers after the input."""
        return len(self.sizes) - 1

    @cached_property
    def n_parameters(self) -> int:
        """Weights and biases in all."""
        return sum(
            (n_in + self.bias) * n_out
            for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True)
        )

    @property
    def names(self) -> list[str]:
        """The names of all parameters, in the order of the flat vector.

        "W1[0, 1]" is the weight from unit 0 of the input to unit 1 of the first layer after it,
        and "b2[0]" the bias of unit 0 in the second layer after the input.  Layers count from 1,
        and units from 0, so ``weights[0][0, 1]`` is "W1[0, 1]".

        Returns
        -------
        list of str, of length `n_parameters`

        Examples
        --------
        >>> Network([2, 1]).names
        ['W1[0, 0]', 'W1[1, 0]', 'b1[0]']
        """
        found = []
        for layer in range(1, len(self.sizes)):
            n_in, n_out = self.sizes[layer - 1 : layer + 1]
            found += [f"W{layer}[{i}, {j}]" for i in range(n_in) for j in range(n_out)]
            found += [f"b{layer}[{j}]" for j in range(n_out) if self.bias]
        return found

    def __repr__(self) -> str:
        names = set(self.activation)
        activation = self.activation[0] if len(names) == 1 else list(self.activation)
        return f"Network({list(self.sizes)}, activation={activation!r}, bias={self.bias})"

    def _repr_html_(self) -> str:
        """The network in a notebook."""
        from .network_html import network_html

        return network_html(self)

    def unpack(self, parameters: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Split a flat vector into weights and biases.

        Parameters
        ----------
        parameters : (n_parameters,) array of float
            For each layer the weights, ``(n_in, n_out)`` in C order, then the biases: see `names`.

        Returns
        -------
        weights : list of (n_in, n_out) arrays, one per layer after the input
        biases : list of (n_out,) arrays; empty without biases
            Both are views of `parameters` if that is an array.

        Raises
        ------
        ValueError
            If `parameters` has another shape.
        """
        flat = np.asarray(parameters)
        if flat.shape != (self.n_parameters,):
            raise ValueError(
                f"parameters: expected shape ({self.n_parameters},) for {self!r}, "
                f"got shape {flat.shape}"
            )
        weights, biases, start = [], [], 0
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            weights.append(flat[start : start + n_in * n_out].reshape(n_in, n_out))
            start += n_in * n_out
            if self.bias:
                biases.append(flat[start : start + n_out])
                start += n_out
        return weights, biases

    def pack(self, weights: Sequence[Any], biases: Sequence[Any] = ()) -> np.ndarray:
        """Join weights and biases into one flat vector; the inverse of `unpack`.

        Parameters
        ----------
        weights : sequence of (n_in, n_out) arrays, one per layer after the input
        biases : sequence of (n_out,) arrays, one per layer; empty without biases

        Returns
        -------
        (n_parameters,) array of float64

        Raises
        ------
        TypeError, ValueError
            If a number is not finite, or the shape of an array or the number of arrays is wrong.
        """
        expected = self.depth if self.bias else 0
        for name, arrays in (("weights", weights), ("biases", biases)):
            if not isinstance(arrays, Sequence | np.ndarray):
                way = "; pass its weights and its biases" if hasattr(arrays, "weights") else ""
                raise TypeError(f"{name}: expected a sequence of arrays, got {shown(arrays)}{way}")
        if len(weights) != self.depth or len(biases) != expected:
            raise ValueError(
                f"expected {self.depth} weight and {expected} bias arrays for {self!r}, "
                f"got {len(weights)} and {len(biases)}"
            )
        parts = []
        for i, (n_in, n_out) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            parts.append(_of_shape(f"weights[{i}]", weights[i], (n_in, n_out)).ravel())
            if self.bias:
                parts.append(_of_shape(f"biases[{i}]", biases[i], (n_out,)))
        return np.concatenate(parts)

    @suggests
    def plot(
        self,
        weights: Sequence[Any] | None = None,
        biases: Sequence[Any] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the network as nodes and links.

        Parameters
        ----------
        weights : sequence of (n_in, n_out) arrays, optional
            Shown as colour (sign) and width (magnitude) of the links.
        biases : sequence of (n_out,) arrays, optional
            Shown as the colour of the nodes.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
        """
        from .network_plot import plot_network

        if weights is not None or biases is not None:
            zero_weights, zero_biases = self.unpack(np.zeros(self.n_parameters))
            self.pack(
                zero_weights if weights is None else weights,
                zero_biases if biases is None else biases,
            )
        return plot_network(self, weights, biases, ax)


def _activation_names(activation: Any, depth: int) -> tuple[str, ...]:
    names = (activation,) * depth if isinstance(activation, str) else activation
    if not isinstance(names, Sequence):
        raise TypeError(f"activation: expected a name or a sequence of names, got {shown(names)}")
    for name in names:
        if not isinstance(name, str) or name not in CODES:
            raise ValueError(unknown(name))
    if len(names) != depth:
        raise ValueError(
            f"activation: expected one name or {depth}, one for each layer after the input, "
            f"got {len(names)}"
        )
    if SOFTMAX in names[:-1]:
        raise ValueError(
            "activation: expected 'softmax' only for the last layer, got it for a hidden layer"
        )
    return tuple(names)


def _of_shape(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = real_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    return array
