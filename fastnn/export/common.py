"""Code shared by the formats: layers of all members, labels as plain values, writing files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..results.model import Model, as_model
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


def layers_of(model: Model) -> list[Layer]:
    """The layers of a model, from the first hidden layer on."""
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


def form_of(forms: dict[str, Any], activation: str, format: str) -> Any:
    """The form of an activation in a format; ValueError if the format has none."""
    if activation not in forms:
        raise ValueError(
            f"activation: expected one that {format} supports ({', '.join(forms)}), got "
            f"{activation!r}"
        )
    return forms[activation]


def labels_of(model: Model) -> list[Any] | None:
    """The labels as str, int, float or bool, all of one type; ValueError if one is not finite."""
    if model.classes is None:
        return None
    kind = {"U": str, "i": int, "u": int, "f": float, "b": bool}[model.classes.dtype.kind]
    labels = [kind(label) for label in model.classes]
    if kind is float and not np.isfinite(labels).all():
        raise ValueError(f"classes: expected finite labels, got {shown(labels)}")
    return labels


def single(exported: Any, layout: str, fold: bool) -> Model:
    """The exported model as a single network without scaling, as a layout of weights requires."""
    model = as_model(exported)
    if not isinstance(fold, bool | np.bool_):
        raise TypeError(f"fold: expected True or False, got {shown(fold)}")
    if len(model.parameters) > 1:
        raise ValueError(
            f"model: expected a single network, since {layout} holds only one, got an ensemble of "
            f"{len(model.parameters)}"
        )
    if model.encoding is not None:
        raise ValueError(
            f"model: expected one of numbers, since {layout} cannot hold the encoding of columns, "
            "got one that encodes them; pass model.without_encoding(), and give the network "
            "model.encoding.apply(X)"
        )
    if model.outputs is not None and model.outputs.log:
        raise ValueError(
            f"model: expected outputs that are not logarithms, which {layout} cannot undo, got a "
            "model that was trained on logarithms of the target; use to_c, to_onnx or to_json"
        )
    if fold:
        return folded(model)
    scaled = [name for name in ("inputs", "outputs") if getattr(model, name) is not None]
    if scaled:
        raise ValueError(
            f"model: expected one without scaling, which {layout} cannot hold, got one that scales "
            f"{' and '.join(scaled)}; use fold=True to make the scaling part of the weights"
        )
    return model


def folded(model: Model) -> Model:
    """Fold the scaling of a model of one network into its weights and biases.

    Predictions are the same except for rounding, by about ``mean / scale`` ULP.
    """
    if model.inputs is None and model.outputs is None:
        return model
    net = model.network
    if model.outputs is not None and net.activation[-1] != "identity":
        raise ValueError(
            "model: expected the output activation 'identity', so that the outputs' scaling can "
            f"become part of the weights, got {net.activation[-1]!r}"
        )
    weights, biases = net.unpack(model.parameters[0].astype(np.float64))
    biases = biases or [np.zeros(n_out) for n_out in net.sizes[1:]]
    if model.inputs is not None:
        weights[0] = weights[0] / model.inputs.scale[:, np.newaxis]
        biases[0] = biases[0] - model.inputs.mean @ weights[0]
    if model.outputs is not None:
        weights[-1] = weights[-1] * model.outputs.scale
        biases[-1] = model.outputs.undo(biases[-1])
    net = Network(net.sizes, net.activation)
    parameters = net.pack(weights, biases).astype(model.dtype)
    return Model(
        net,
        parameters,
        classes=model.classes,
        features=model.features,
        targets=model.targets,
    )


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
