"""A model as a single network without scaling, for layouts of weights alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..results.model import Model
from ..spec.network import Network
from ..support.checks import shown
from .pipelines import exported_model


def single(exported: Any, layout: str, fold: bool) -> Model:
    """The exported model as a single network without scaling, as a layout of weights requires."""
    model = exported_model(exported)
    if not isinstance(fold, bool | np.bool_):
        raise TypeError(f"fold: expected True or False, got {shown(fold)}")
    if len(model.parameters) > 1:
        raise ValueError(
            f"model: expected a single network, since {layout} holds only one, got an ensemble of "
            f"{len(model.parameters)}; n_estimators=1 of an estimator keeps one"
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
    """Fold the scaling of a model into its weights and biases.

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
    with_biases = Network(net.sizes, net.activation)
    members = [with_biases.pack(*_folded(model, numbers)) for numbers in model.parameters]
    parameters = np.stack(members).astype(model.dtype)
    return replace(model, network=with_biases, parameters=parameters, inputs=None, outputs=None)


def _folded(model: Model, parameters: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights and biases of one member in float64, with the scaling in them."""
    net = model.network
    weights, biases = net.unpack(parameters.astype(np.float64))
    biases = biases or [np.zeros(n_out) for n_out in net.sizes[1:]]
    if model.inputs is not None:
        weights[0] = weights[0] / model.inputs.scale[:, np.newaxis]
        biases[0] = biases[0] - model.inputs.mean @ weights[0]
    if model.outputs is not None:
        weights[-1] = weights[-1] * model.outputs.scale
        biases[-1] = model.outputs.undo(biases[-1])
    return weights, biases
