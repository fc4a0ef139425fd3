"""Evaluation of expressions: on terms and symbols, and on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..lanes.formulas import Condition, Term
from ..lanes.symbols import Symbol
from .nodes import ARGUMENT, CONSTANT, CONSTANT_BY_TYPE, OPERATIONS, Node, visit
from .recording import RecordedCondition, RecordedNumber


def evaluate(results: Sequence[Node], values: Mapping[str, Any]) -> list[Any]:
    """The results for these arguments; each node is computed once.

    Terms emit code, symbols of a recording record, and arrays and numbers are computed by NumPy.
    """
    symbol = next((one for one in values.values() if isinstance(one, Symbol)), None)
    if symbol is None:
        return _of_arrays(results, values)
    compute = _on_symbols(symbol, values)
    found = visit(results, compute)
    return [found[node] for node in results]


def _on_symbols(symbol: Any, values: Mapping[str, Any]) -> Callable[[Node, list[Any]], Any]:
    """The step of a visit that applies operations to symbols like this one."""
    apply: Callable[..., Any]
    like: Callable[[Any], Any]
    if isinstance(symbol, RecordedNumber | RecordedCondition):
        apply, like = symbol.recording.apply, symbol.recording.number
    else:
        apply, like = _emit, Term(symbol.builder, symbol.kind, symbol.value)._like
    given = {
        name: value if isinstance(value, Condition) else like(value)
        for name, value in values.items()
    }
    zero = like(0.0)

    def compute(node: Node, parts: list[Any]) -> Any:
        if node.kind == ARGUMENT:
            return given[node.value]
        if node.kind == CONSTANT:
            return zero.constant(node.value)
        if node.kind == CONSTANT_BY_TYPE:
            return zero.by_type(*node.value)
        return apply(node.kind, *parts)

    return compute


def _emit(kind: str, *operands: Any) -> Any:
    return OPERATIONS[kind].of_terms(*operands)


def _of_arrays(results: Sequence[Node], values: Mapping[str, Any]) -> list[Any]:
    dtype = _dtype_of(values)
    given = {name: np.asarray(value, dtype=dtype) for name, value in values.items()}

    def compute(node: Node, parts: list[Any]) -> Any:
        if node.kind == ARGUMENT:
            return given[node.value]
        if node.kind == CONSTANT:
            return dtype.type(node.value)
        if node.kind == CONSTANT_BY_TYPE:
            return dtype.type(node.value[dtype == np.float32])
        return OPERATIONS[node.kind].of_arrays(*parts)

    with np.errstate(all="ignore"):  # also of the branches that no `select` takes
        found = visit(results, compute)
    shape = np.broadcast_shapes(*(array.shape for array in given.values()))
    return [np.array(np.broadcast_to(found[node], shape), dtype=dtype)[()] for node in results]


def _dtype_of(values: Mapping[str, Any]) -> np.dtype[Any]:
    """The floating type of the arrays; without arrays that of NumPy's scalars; else float64."""
    arrays = {name: np.asarray(value) for name, value in values.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f"}
    chosen = [array.dtype for array in floats.values() if array.ndim] or [
        array.dtype for name, array in floats.items() if isinstance(values[name], np.generic)
    ]
    return np.result_type(*chosen) if chosen else np.dtype(np.float64)
