"""The operators of a graph of ONNX, and the constants that they use."""

from __future__ import annotations

from typing import Any

import numpy as np

from .onnx_formulas import softplus


class Graph:
    """A sequence of operators, and the constants that they use."""

    def __init__(self, onnx: Any, dtype: np.dtype, wide: np.dtype) -> None:
        self.onnx = onnx
        self.dtype = dtype
        self.wide = wide
        """The type in which scaling and encoding are computed."""
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.reserved: tuple[str, ...] = ("outputs", "probabilities", "scores", "label")
        self.taken: set[str] = set()
        self.group: str | None = None
        """The place of each sample's group, if there are groups."""

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

    def rows_of_groups(self, table: str) -> str:
        """Take the row of each sample's group from a constant with a row for each group."""
        assert self.group is not None
        return self.add("Gather", table, self.group, axis=0)

    def _free(self, name: str) -> str:
        """The name, or one with more underscores if it is that of an input."""
        while name in self.taken:
            name += "_"
        return name

    def cast(self, value: str, dtype: np.dtype) -> str:
        """Convert `value` to another type."""
        return self.add("Cast", value, to=self.type_of(dtype))

    def described(self, name: str, dtype: Any, columns: int | None) -> Any:
        """Describe an input or output of the graph, with `columns` columns, or none."""
        shape = ["n"] if columns is None else ["n", columns]
        return self.onnx.helper.make_tensor_value_info(name, self.type_of(dtype), shape)

    def type_of(self, dtype: Any) -> int:
        """ONNX's code of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def bounded(graph: Graph, x: str) -> str:
    """Replace infinities in `x` by the largest numbers: two infinities make NaN in Softmax."""
    most = np.finfo(graph.dtype).max
    return graph.add("Max", graph.add("Min", x, graph.constant(most)), graph.constant(-most))


def log_sigmoid(graph: Graph, x: str) -> str:
    """The logarithm of the sigmoid, which does not underflow where the sigmoid does."""
    return graph.add("Neg", softplus(graph, graph.add("Neg", bounded(graph, x))))
