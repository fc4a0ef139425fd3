"""The encoding of columns in ONNX: an input for each column, of texts or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..support.checks import shown
from ..tabular.encoding import UNSEEN_OF_TWO, Column, Encoding
from ..tabular.notation import GAPS
from .onnx_graph import Graph

DOMAIN, VERSION = "ai.onnx.ml", 3
"""Version of the operator that looks texts up."""


def encoded(graph: Graph, encoding: Encoding) -> tuple[list[Any], str]:
    """Add the inputs of the columns, and what makes the network's inputs of them.

    Returns
    -------
    list
        Descriptions of the inputs: each (n, 1), with the name of its column.
    str
        The name of the encoded inputs, (n, n_in).
    """
    for name in encoding.names:
        if not name or name in graph.reserved:
            raise ValueError(
                f"encoding: expected columns with names that the graph does not use for its "
                f"outputs, got {shown(name)}; rename the column"
            )
    graph.taken |= {*encoding.names}
    described, parts = [], []
    for column in encoding.columns:
        dtype = np.dtype(object) if column.categories else graph.dtype
        described.append(graph.described(column.name, dtype, 1))
        parts += _categories(graph, column) if column.categories else _numbers(graph, column)
    return described, graph.add("Concat", *parts, axis=1)


def _numbers(graph: Graph, column: Column) -> list[str]:
    x = graph.cast(column.name, graph.wide)
    if column.fill is None:
        return [x]
    gap = graph.add("IsNaN", x)
    parts = [graph.add("Where", gap, graph.constant([[column.fill]], graph.wide), x)]
    if column.indicator:
        parts.append(graph.cast(gap, graph.wide))
    return parts


def _categories(graph: Graph, column: Column) -> list[str]:
    """Look the texts up, and compare the places of the categories."""
    places = {
        spelled: place
        for place, text in enumerate(column.categories)
        for spelled in _spellings(text)
    }
    x = graph.add(
        "LabelEncoder", column.name, domain=DOMAIN, keys_strings=[*places],
        values_int64s=[*places.values()], default_int64=-1,
    )  # fmt: skip
    count = len(column.categories)
    if count == 2:
        unseen = graph.add("Less", x, graph.constant([[0]], np.int64))
        half = graph.constant([[UNSEEN_OF_TWO]], graph.wide)
        return [graph.add("Where", unseen, half, graph.cast(x, graph.wide))]
    same = graph.add("Equal", x, graph.constant([range(count)], np.int64))
    return [graph.cast(same, graph.wide)]


def _spellings(text: str) -> list[str]:
    """The ways to write a category: several for empty cells, true and false."""
    words = sorted(GAPS) if not text else [text]
    if text.lower() in ("true", "false") or not text:
        return list(dict.fromkeys(form for w in words for form in (w, w.lower(), w.upper(),
                                                                    w.title())))  # fmt: skip
    return words
