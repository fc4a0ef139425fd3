"""Pieces of LLVM code that several intrinsics emit, for plain floats and lane vectors alike."""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .types import Lanes, llvm_value, number_of

MANTISSA_BITS = {types.float64: 52, types.float32: 23}


def call_llvm(builder, kind, operation, *values):
    """Call LLVM's intrinsic `operation` with `values`, all of type `kind`."""
    vector = llvm_value(kind)
    lanes = f"v{kind.count}" if isinstance(kind, Lanes) else ""
    # llvmlite's helpers for intrinsics refuse vectors, so declare it by its full name.
    name = f"llvm.{operation}.{lanes}f{number_of(kind).bitwidth}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * len(values)), name
    )
    return builder.call(function, values)


def call_fma(builder, kind, a, b, c):
    """``a * b + c`` rounded once, of three values of type `kind`."""
    return call_llvm(builder, kind, "fma", a, b, c)


def call_sqrt(builder, kind, value):
    """The correctly rounded square root of a value of type `kind`."""
    return call_llvm(builder, kind, "sqrt", value)


def choose(builder, condition, yes, no):
    """Select `yes` where `condition` holds: a bit, a bit in every lane, or Numba's boolean byte."""
    if condition.type == ir.IntType(8):
        condition = builder.trunc(condition, ir.IntType(1))
    return builder.select(condition, yes, no)


def bits_type(kind):
    """The integer type as wide as `kind`."""
    integer = ir.IntType(number_of(kind).bitwidth)
    return ir.VectorType(integer, kind.count) if isinstance(kind, Lanes) else integer


def constant_bits(kind, value):
    """The integer `value`, in every lane, as wide as the numbers of `kind`."""
    integers = bits_type(kind)
    if isinstance(kind, Lanes):
        return ir.Constant(integers, [value] * kind.count)
    return ir.Constant(integers, value)
