"""The networks of models and of groups in ONNX, from the inputs to the outputs or scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..results.scaling import Scaling
from ..results.scalings import Scalings
from ..support.checks import shown
from .common import Layer, formula_of, labels_of, layers_of
from .onnx_formulas import added
from .onnx_graph import Graph, bounded, log_sigmoid


def results(graph: Graph, model: Model | Models, x: str) -> tuple[str, np.dtype]:
    """Add outputs in the units of the data, or scores of classes; returns their name and type."""
    graph.dtype = model.dtype  # that of a fallback may be another
    outputs = _network(graph, model, x)
    if model.classes is None:
        if model.outputs is None:
            return outputs, model.dtype
        return _undone(graph, model.outputs, outputs), graph.wide
    if model.network.sizes[-1] == 1:
        other = graph.add("Sub", graph.constant(1), outputs)
        outputs = graph.add("Concat", other, outputs, axis=1)
    elif model.divides:
        outputs = graph.add("Softmax", outputs, axis=-1)
    return outputs, model.dtype


def label(graph: Graph, model: Model | Models, scores: str) -> Any:
    """Add the label of the largest score as "label"; returns its description."""
    labels = labels_of(model) or []
    kind: Any = type(labels[0])
    if kind is int and max(labels) >= 2**63:
        raise ValueError(f"classes: expected labels that fit int64, got {shown(max(labels))}")
    dtype = np.dtype({str: object, int: np.int64, float: np.float64, bool: np.bool_}[kind])
    table = graph.constant(labels, dtype, name="labels")
    place = graph.add("ArgMax", scores, axis=1, keepdims=0)
    graph.add("Gather", table, place, name="label", axis=0)
    return graph.described("label", dtype, None)


def _network(graph: Graph, model: Model | Models, x: str) -> str:
    """The network's outputs, averaged over members; logarithms if sigmoids are to be normalized."""
    if model.inputs is not None:
        x = _applied(graph, model.inputs, x)
    if model.inputs is not None or model.encoding is not None:
        x = graph.cast(x, model.dtype)
    grouped = isinstance(model, Models)
    if grouped:
        x = graph.add("Unsqueeze", x, graph.constant([1], np.int64))
    layers = layers_of(model)
    for number, layer in enumerate(layers, 1):
        formula = formula_of(layer.activation, "ONNX")
        x = _products(graph, layer, number, x, grouped=grouped)
        if layer is layers[-1] and model.divides:
            x = log_sigmoid(graph, x)
        elif formula is None:
            x = graph.add("Softmax", bounded(graph, x), axis=-1)
        else:
            x = added(graph, formula, x)
    if grouped:
        return graph.add("Squeeze", x, graph.constant([1], np.int64))
    # The first of three axes is the member.
    if len(model.parameters) == 1:
        return x
    return _log_sum(graph, x) if model.divides else _mean(graph, x)


def _products(graph: Graph, layer: Layer, number: int, x: str, *, grouped: bool) -> str:
    """The pre-activations of a layer; for groups (n, 1, n_out), with the weights of each sample."""
    alone = len(layer.weights) == 1 and not grouped
    name = "group_" if grouped else ""
    weights = graph.constant(
        layer.weights[0] if alone else layer.weights, name=f"{name}weights_{number}"
    )
    x = graph.add("MatMul", x, graph.rows_of_groups(weights) if grouped else weights)
    if layer.biases is not None:
        rows = layer.biases[0] if alone else layer.biases[:, np.newaxis]
        biases = graph.constant(rows, name=f"{name}biases_{number}")
        x = graph.add("Add", x, graph.rows_of_groups(biases) if grouped else biases)
    return x


def _mean(graph: Graph, x: str) -> str:
    return graph.add("ReduceMean", x, graph.constant([0], np.int64), keepdims=0)


def _log_sum(graph: Graph, x: str) -> str:
    return graph.add("ReduceLogSumExp", x, graph.constant([0], np.int64), keepdims=0)


def _applied(graph: Graph, scaling: Scaling | Scalings, x: str) -> str:
    shifted = graph.add("Sub", graph.cast(x, graph.wide), _column(graph, scaling.mean))
    return graph.add("Div", shifted, _column(graph, scaling.scale))


def _undone(graph: Graph, scaling: Scaling | Scalings, x: str) -> str:
    scaled = graph.add("Mul", graph.cast(x, graph.wide), _column(graph, scaling.scale))
    meant = graph.add("Add", scaled, _column(graph, scaling.mean))
    return graph.add("Exp", meant) if scaling.log else meant


def _column(graph: Graph, values: np.ndarray) -> str:
    """Numbers of each column, of all samples or of each sample's group."""
    constant = graph.constant(values, graph.wide)
    return constant if values.ndim == 1 else graph.rows_of_groups(constant)
