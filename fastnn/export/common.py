"""Code shared by the formats: layers of all members, labels as plain values, writing files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..expressions import Expression
from ..results.model import Model
from ..results.outcomes import Outcomes
from ..spec.activations import BY_NAME, SOFTMAX, unknown
from ..spec.network import Network
from ..support.atomic_files import write_file
from ..support.checks import shown


@dataclass(frozen=True)
class Layer:
    """One layer of every member of a model."""

    weights: np.ndarray
    """(members, n_in, n_out)"""
    biases: np.ndarray | None
    """(members, n_out)"""
    activation: str


def layers_of(model: Outcomes) -> list[Layer]:
    """The layers of a model, from the first hidden layer on; groups are members."""
    net = model.network
    members = [net.unpack(parameters) for parameters in model.parameters]
    return [
        Layer(
            np.stack([weights[i] for weights, _ in members]),
            np.stack([biases[i] for _, biases in members]) if net.bias else None,
            net.activation[i],
        )
        for i in range(net.depth)
    ]


def formula_of(activation: str, format: str) -> Expression | None:
    """The formula of an activation, or None for softmax, which couples units.

    Raises
    ------
    ValueError
        If there is no such activation, or its formula depends on the type of the numbers.
    """
    if activation == SOFTMAX:
        return None
    if activation not in BY_NAME:
        raise ValueError(unknown(activation))
    expression = BY_NAME[activation].expression
    if expression is None:
        raise ValueError(
            f"activation: expected one with a single formula for {format}, got {activation!r}, "
            "whose function asks for the type of its number; write x.by_type(for_float64, "
            "for_float32) for constants"
        )
    return expression


def labels_of(model: Outcomes) -> list[Any] | None:
    """The labels as str, int, float or bool, all of one type; ValueError if one is not finite."""
    if model.classes is None:
        return None
    kind = {"U": str, "i": int, "u": int, "f": float, "b": bool}[model.classes.dtype.kind]
    labels = [kind(label) for label in model.classes]
    if kind is float and not np.isfinite(labels).all():
        raise ValueError(f"classes: expected finite labels, got {shown(labels)}")
    return labels


def write(path: Any, content: bytes) -> None:
    """Write a file that replaces `path` once it is complete."""
    write_file(path, lambda file: file.write(content))


def network_model(
    name: str,
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    activation: Any,
    **options: Any,
) -> Model:
    """Make a model of layers (n_in, n_out) after checks of shapes; errors begin with `name`."""
    if not weights:
        raise ValueError(f"{name}: expected the weights of at least one layer, got none")
    if len(biases) not in (0, len(weights)):
        raise ValueError(
            f"{name}: expected biases for all layers or for none, got {len(biases)} for "
            f"{len(weights)} layers"
        )
    for i, array in enumerate(weights):
        n_in = weights[i - 1].shape[1] if i and array.ndim == 2 else None
        if array.ndim != 2 or array.size == 0 or (n_in is not None and len(array) != n_in):
            expected = "(n_in, n_out)" if n_in is None else f"({n_in}, n_out)"
            raise ValueError(
                f"{name}: expected weights of shape {expected} for layer {i}, got {array.shape}"
            )
        if biases and biases[i].shape != array.shape[1:]:
            raise ValueError(
                f"{name}: expected biases of shape ({array.shape[1]},) for layer {i}, got "
                f"{biases[i].shape}"
            )
    sizes = [len(weights[0]), *(array.shape[1] for array in weights)]
    net = Network(sizes, activation, bool(biases))
    dtype = np.result_type(*weights, *biases)
    return Model(net, net.pack(weights, biases).astype(dtype), **options)
