"""Models as ONNX: a graph of standard operators for onnxruntime and others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.scaling import Scaling
from ..support.atomic_files import destination
from ..support.checks import FLOATS, shown
from ..support.suggestions import suggests
from ..support.version import __version__
from .common import Layer, formula_of, labels_of, layers_of, write
from .number_types import check_spread, fits, type_of
from .onnx_encoding import DOMAIN, VERSION, encoded
from .onnx_formulas import added, softplus
from .pipelines import exported_model

# From January 2023; onnxruntime reads it from version 1.14 on.
OPSET, IR_VERSION = 18, 8
MOST_BYTES = 2**31 - 2**20
"""Maximum size of a protobuf file, less some space for the graph."""


class _Graph:
    """A sequence of operators, and the constants that they use."""

    def __init__(self, onnx: Any, dtype: np.dtype, wide: np.dtype) -> None:
        self.onnx = onnx
        self.dtype = dtype
        self.wide = wide
        """The type in which scaling and encoding are computed."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.reserved = ("outputs", "probabilities", "scores", "label")
        self.taken: set[str] = set()

    def add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add an operator; returns the name of its result, `name` if one is given."""
        result = name or self._free(f"{operator}_{len(self.nodes)}")
        self.nodes.append(
            self.onnx.helper.make_node(operator, list(inputs), [result], result, **attributes)
        )
        return result

    def constant(self, value: Any, dtype: Any = None, name: str | None = None) -> str:
        """Add a constant, of the network's type unless another is given; returns its name."""
        result = self._free(name or f"constant_{len(self.constants)}")
        array = np.asarray(value, dtype=dtype or self.dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, result))
        return result

    def _free(self, name: str) -> str:
        """The name, or one with more underscores if it is that of an input."""
        while name in self.taken:
            name += "_"
        return name

    def cast(self, value: str, dtype: np.dtype) -> str:
        """Convert `value` to another type."""
        return self.add("Cast", value, to=self.type_of(dtype))

    def type_of(self, dtype: Any) -> int:
        """ONNX's code of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _bounded(graph: _Graph, x: str) -> str:
    """Replace infinities in `x` by the largest numbers: two infinities make NaN in Softmax."""
    most = np.finfo(graph.dtype).max
    return graph.add("Max", graph.add("Min", x, graph.constant(most)), graph.constant(-most))


def _log_sigmoid(graph: _Graph, x: str) -> str:
    """The logarithm of the sigmoid, which does not underflow where the sigmoid does."""
    return graph.add("Neg", softplus(graph, graph.add("Neg", _bounded(graph, x))))


@suggests
def to_onnx(model: Any, path: Any = None, *, dtype: Any = None) -> Any:
    """Convert a model to ONNX, in standard operators (opset 18, IR version 8).

    The input is "X", (n, n_in) of the dtype, for any n.  A model with an encoding has an
    input (n, 1) for each of its columns, with the column's name: strings without surrounding
    blanks for categories, and numbers of the dtype, NaN where they are missing.

    For regression, the output is "outputs", (n, n_out) in the units of the data, as from
    `Model.evaluate`: in the dtype, or float64 if outputs are scaled.  For classification, the
    outputs are "probabilities", (n, n_classes) in the dtype, and "label", (n,) strings, int64,
    float64 or bools; if the outputs are neither sigmoids nor a softmax, "scores", as from
    `Model.scores`, replace the probabilities.  Scaling is part of the graph and computed in
    float64, as in Python; the outputs of several members are averaged.  With `dtype` float32, for
    programs without doubles, the graph has none but labels that are fractions: it computes the
    scaling and the scaled outputs in float32, too.

    onnxruntime agrees with `Model` to 1e-12 for float64 and to 1e-6 for float32, relative to the
    larger of the number and one unit of the outputs' scale; a network that amplifies rounding
    errors also amplifies this difference.  This holds for equal inputs: a float32 graph sees inputs
    rounded to float32, which matters if they are large compared with their spread. onnxruntime
    lacks Mean, LeakyRelu, Softplus and Softsign in float64, so other operators replace them.

    Parameters
    ----------
    model : Model, Run, fitted estimator, or pipeline
        Of fastnn or scikit-learn; a pipeline has scalers and a network.
    path : str or PathLike, optional
        A file to write as well.  An existing file, or the target of a symbolic link, is replaced
        once the new one is complete, and keeps its permissions.
    dtype : {"float64", "float32"}, optional
        Type of the numbers, by default the model's.

    Returns
    -------
    onnx.ModelProto
        Its metadata hold "features", "targets", "classes" and "encoding" as JSON, if the model has
        them.

    Raises
    ------
    ImportError
        If the package onnx is missing (extra ``onnx``).
    TypeError, ValueError
        If `model` or `path` has the wrong type or value, or the model has more than about 2 GB,
        or float32 cannot hold a weight or the scale of an input or output.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If float32 cannot resolve the spread of an input.
    """
    model, wide = _in_type(exported_model(model), dtype)
    if path is not None:
        destination(path)
    if model.parameters.nbytes > MOST_BYTES:
        raise ValueError(
            f"model: expected at most {MOST_BYTES:,} bytes of parameters, the limit of ONNX, got "
            f"{model.parameters.nbytes:,}"
        )
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx needs onnx: pip install onnx") from error
    graph = _Graph(onnx, model.dtype, wide)
    n_in, n_out = model.network.sizes[0], model.network.sizes[-1]
    inputs, x = [], "X"
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    if model.encoding is None:
        inputs = [_described(graph, x, model.dtype, n_in)]
    else:
        inputs, x = encoded(graph, model.encoding, _described)
        opsets.append(onnx.helper.make_opsetid(DOMAIN, VERSION))
    outputs = _network(graph, model, x)
    if model.classes is None:
        number = model.dtype
        if model.outputs is not None:
            number, outputs = wide, _undone(graph, model.outputs, outputs)
        graph.add("Identity", outputs, name="outputs")
        described = [_described(graph, "outputs", number, n_out)]
    else:
        described = _of_classes(graph, model, outputs)
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "fastnn", inputs, described, graph.constants),
        producer_name="fastnn",
        producer_version=__version__,
        opset_imports=opsets,
        ir_version=IR_VERSION,
    )
    named: dict[str, Any] = {
        "features": model.features, "targets": model.targets, "classes": labels_of(model),
        "encoding": model.encoding and model.encoding.record(),
    }  # fmt: skip
    onnx.helper.set_model_props(
        proto, {name: json.dumps(value) for name, value in named.items() if value is not None}
    )
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        write(path, proto.SerializeToString())
    return proto


def _in_type(model: Model, dtype: Any) -> tuple[Model, np.dtype]:
    """The model with weights of a type, and the type in which its scaling is computed."""
    if dtype is None:
        return model, np.dtype(np.float64)
    name = type_of(model, dtype, FLOATS)
    if name == "float32":
        fits("weights", model.parameters)
        if model.inputs is not None:
            check_spread(model.without_encoding(), model.inputs, stacklevel=4)
        if model.outputs is not None:
            fits("outputs", np.abs(model.outputs.mean) + model.outputs.scale)
    return replace(model, parameters=model.parameters.astype(name)), np.dtype(name)


def _described(graph: _Graph, name: str, dtype: Any, columns: int | None) -> Any:
    """Description of an input or output of the graph, with `columns` columns, or none."""
    shape = ["n"] if columns is None else ["n", columns]
    return graph.onnx.helper.make_tensor_value_info(name, graph.type_of(dtype), shape)


def _network(graph: _Graph, model: Model, x: str) -> str:
    """The network's outputs, averaged over members; logarithms if sigmoids are to be normalized."""
    if model.inputs is not None:
        x = _applied(graph, model.inputs, x)
    if model.inputs is not None or model.encoding is not None:
        x = graph.cast(x, model.dtype)
    layers = layers_of(model)
    for number, layer in enumerate(layers, 1):
        formula = formula_of(layer.activation, "ONNX")
        x = _products(graph, layer, number, x)
        if layer is layers[-1] and model.divides:
            x = _log_sigmoid(graph, x)
        elif formula is None:
            x = graph.add("Softmax", _bounded(graph, x), axis=-1)
        else:
            x = added(graph, formula, x)
    # The first of three axes is the member.
    if len(model.parameters) == 1:
        return x
    return _log_sum(graph, x) if model.divides else _mean(graph, x)


def _products(graph: _Graph, layer: Layer, number: int, x: str) -> str:
    """The pre-activations of a layer."""
    alone = len(layer.weights) == 1
    weights = layer.weights[0] if alone else layer.weights
    x = graph.add("MatMul", x, graph.constant(weights, name=f"weights_{number}"))
    if layer.biases is not None:
        biases = layer.biases[0] if alone else layer.biases[:, np.newaxis]
        x = graph.add("Add", x, graph.constant(biases, name=f"biases_{number}"))
    return x


def _mean(graph: _Graph, x: str) -> str:
    return graph.add("ReduceMean", x, graph.constant([0], np.int64), keepdims=0)


def _log_sum(graph: _Graph, x: str) -> str:
    return graph.add("ReduceLogSumExp", x, graph.constant([0], np.int64), keepdims=0)


def _applied(graph: _Graph, scaling: Scaling, x: str) -> str:
    shifted = graph.add("Sub", graph.cast(x, graph.wide), _column(graph, scaling.mean))
    return graph.add("Div", shifted, _column(graph, scaling.scale))


def _undone(graph: _Graph, scaling: Scaling, x: str) -> str:
    scaled = graph.add("Mul", graph.cast(x, graph.wide), _column(graph, scaling.scale))
    meant = graph.add("Add", scaled, _column(graph, scaling.mean))
    return graph.add("Exp", meant) if scaling.log else meant


def _column(graph: _Graph, values: np.ndarray) -> str:
    return graph.constant(values, graph.wide)


def _of_classes(graph: _Graph, model: Model, outputs: str) -> list[Any]:
    labels = labels_of(model) or []
    kind: Any = type(labels[0])
    if kind is int and max(labels) >= 2**63:
        raise ValueError(f"classes: expected labels that fit int64, got {shown(max(labels))}")
    scores = "probabilities" if model.has_shares else "scores"
    if model.network.sizes[-1] == 1:
        other = graph.add("Sub", graph.constant(1), outputs)
        graph.add("Concat", other, outputs, name=scores, axis=1)
    elif model.divides:
        graph.add("Softmax", outputs, name=scores, axis=-1)
    else:
        graph.add("Identity", outputs, name=scores)
    dtype = np.dtype({str: object, int: np.int64, float: np.float64, bool: np.bool_}[kind])
    table = graph.constant(labels, dtype, name="labels")
    place = graph.add("ArgMax", scores, axis=1, keepdims=0)
    graph.add("Gather", table, place, name="label", axis=0)
    return [
        _described(graph, scores, model.dtype, len(labels)),
        _described(graph, "label", dtype, None),
    ]
