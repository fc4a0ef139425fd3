"""Groups in ONNX: an input of labels, from which the place of each sample's network follows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.models import Models
from ..support.checks import shown
from .onnx_encoding import DOMAIN
from .onnx_graph import Graph
from .onnx_network import results

INPUT = "group"


def group_input(graph: Graph, models: Models) -> Any:
    """Add the input of the labels, and look each of them up; returns its description.

    Without a fallback an unknown label has a place behind the last group's, which runtimes refuse.

    Raises
    ------
    ValueError
        If labels are neither text nor integers that fit int64.
    """
    kinds = {type(label) for label in models}
    if kinds not in ({str}, {int}) or (kinds == {int} and max(models) >= 2**63):
        raise ValueError(
            "labels: expected text, or integers that fit int64, for ONNX, got "
            f"{shown(list(models))}; make the models with such labels"
        )
    name = "strings" if kinds == {str} else "int64s"
    places = np.arange(len(models)).tolist()
    keys: dict[str, Any] = {
        f"keys_{name}": list(models), "values_int64s": places,
        "default_int64": -1 if models.fallback is not None else len(models),
    }  # fmt: skip
    graph.group = graph.add("LabelEncoder", INPUT, domain=DOMAIN, **keys)
    return graph.described(INPUT, object if kinds == {str} else np.int64, None)


def results_by_group(graph: Graph, models: Models, x: str) -> tuple[str, np.dtype]:
    """Add the results of each sample's network, or of the fallback; returns their name and type."""
    if models.fallback is None:
        return results(graph, models, x)
    place, zero = graph.group, graph.constant(0, np.int64)
    assert place is not None
    known = graph.add("GreaterOrEqual", place, zero)
    graph.group = graph.add("Max", place, zero)
    own, own_type = results(graph, models, x)
    if models.fallback.dtype != models.dtype:
        x = graph.cast(x, models.fallback.dtype)
    other, other_type = results(graph, models.fallback, x)
    dtype = np.result_type(own_type, other_type)
    known = graph.add("Unsqueeze", known, graph.constant([1], np.int64))
    return graph.add("Where", known, graph.cast(own, dtype), graph.cast(other, dtype)), dtype
