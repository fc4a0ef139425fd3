"""Models as ONNX: a graph of standard operators for onnxruntime and others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ..results.models import Models
from ..support.atomic_files import destination
from ..support.checks import FLOATS
from ..support.suggestions import suggests
from ..support.version import __version__
from .common import labels_of, write
from .number_types import check_spread, fits, type_of
from .onnx_encoding import DOMAIN, VERSION, encoded
from .onnx_graph import Graph
from .onnx_groups import INPUT, group_input, results_by_group
from .onnx_network import label, results
from .pipelines import exported_model

# From January 2023; onnxruntime reads it from version 1.14 on.
OPSET, IR_VERSION = 18, 8
MOST_BYTES = 2**31 - 2**20
"""Maximum size of a protobuf file, less some space for the graph."""


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

    The graph of `Models` has a further input "group", (n,) strings or int64: the label of each
    sample's group.  Other labels get the fallback's results; without one the runtime refuses them,
    since they have no row in the tables of weights.  Results of both are in the wider type.

    onnxruntime agrees with `Model` to 1e-12 for float64 and to 1e-6 for float32, relative to the
    larger of the number and one unit of the outputs' scale; a network that amplifies rounding
    errors also amplifies this difference.  This holds for equal inputs: a float32 graph sees inputs
    rounded to float32, which matters if they are large compared with their spread. onnxruntime
    lacks Mean, LeakyRelu, Softplus and Softsign in float64, so other operators replace them.

    Parameters
    ----------
    model : Model, Models, Run, fitted estimator, or pipeline
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
    model, wide = _in_type(model if isinstance(model, Models) else exported_model(model), dtype)
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
    graph = Graph(onnx, model.dtype, wide)
    n_in, n_out = model.network.sizes[0], model.network.sizes[-1]
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    grouped, x = isinstance(model, Models), "X"
    if grouped:
        graph.reserved += (INPUT,)
    if model.encoding is None:
        inputs = [graph.described(x, model.dtype, n_in)]
    else:
        inputs, x = encoded(graph, model.encoding)
    if grouped or model.encoding is not None:
        opsets.append(onnx.helper.make_opsetid(DOMAIN, VERSION))
    if isinstance(model, Models):
        inputs.append(group_input(graph, model))
        found, number = results_by_group(graph, model, x)
    else:
        found, number = results(graph, model, x)
    if model.classes is None:
        graph.add("Identity", found, name="outputs")
        described = [graph.described("outputs", number, n_out)]
    else:
        scores = "probabilities" if model.has_shares else "scores"
        graph.add("Identity", found, name=scores)
        described = [graph.described(scores, number, len(model.classes)),
                     label(graph, model, scores)]  # fmt: skip
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


def _in_type(model: Any, dtype: Any) -> tuple[Any, np.dtype]:
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
    changed = {"parameters": model.parameters.astype(name)}
    if isinstance(model, Models) and model.fallback is not None:
        changed["fallback"], _ = _in_type(model.fallback, dtype)
    return replace(model, **changed), np.dtype(name)
