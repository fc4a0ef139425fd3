"""Conversion of plain numbers to lane vectors in generated code."""

from llvmlite import ir
from numba import types

from .types import Lanes, number_of


def splat(builder, value, count):
    """The scalar `value` in every one of `count` lanes."""
    vector = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def convert(context, builder, value, source, target):
    """`value` of type `source` as `target`, a number or a lane vector; lanes pass unchanged."""
    if source == target:
        return value
    value = context.cast(builder, value, source, number_of(target))
    return splat(builder, value, target.count) if isinstance(target, Lanes) else value


def lanes_among(*kinds):
    """The lane-vector type among `kinds` if the others are equal to it or plain floats."""
    lanes = next((kind for kind in kinds if isinstance(kind, Lanes)), None)
    if lanes is not None and all(kind == lanes or isinstance(kind, types.Float) for kind in kinds):
        return lanes
    return None


def is_value(kind):
    """Return whether `kind` is a float or a vector of floats."""
    return isinstance(number_of(kind), types.Float)


def is_mask(kind):
    """Return whether `kind` is a vector of booleans."""
    return isinstance(kind, Lanes) and kind.element == types.boolean
