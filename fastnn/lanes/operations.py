"""Functions on lane vectors and, with the same bits, on plain floats.

Constants go through ``like(x, c)`` or ``by_type(x, c64, c32)``: a bare literal beside a plain
float32 would compute in float64.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import formulas
from .conversion import convert, is_mask, is_value
from .formulas import formula
from .types import Lanes, number_of


@intrinsic
def like(typingctx, example, number):
    """`number` with the type of `example`: in every lane, or rounded to a plain float's type."""
    if not (is_value(example) and isinstance(number, types.Number)):
        return None

    def generate(context, builder, signature, arguments):
        return convert(context, builder, arguments[1], signature.args[1], signature.args[0])

    return example(example, number), generate


@intrinsic(prefer_literal=True)
def by_type(typingctx, example, for_float64, for_float32):
    """One of two constants, whichever fits the numbers of `example`, with the type of `example`."""
    if not is_value(example):
        return None

    def generate(context, builder, signature, arguments):
        which = 1 if number_of(example) == types.float64 else 2
        return convert(context, builder, arguments[which], signature.args[which], example)

    return example(example, for_float64, for_float32), generate


fma = formula(formulas.fma)
select = formula(formulas.select)
at_least = formula(formulas.at_least)
at_most = formula(formulas.at_most)
scale_by_bits = formula(formulas.scale_by_bits)
magnitude = formula(formulas.magnitude)
with_sign = formula(formulas.with_sign)


@intrinsic
def any_lane(typingctx, mask):
    """Whether a mask (or a plain boolean) is true anywhere."""
    if mask != types.boolean and not (isinstance(mask, Lanes) and is_mask(mask)):
        return None

    def generate(context, builder, signature, arguments):
        value = arguments[0]
        if isinstance(mask, Lanes):
            bits = ir.IntType(mask.count)
            value = builder.icmp_unsigned("!=", builder.bitcast(value, bits), bits(0))
        return context.cast(builder, value, types.boolean, types.boolean)

    return types.boolean(mask), generate


@intrinsic
def sum_of_halves(typingctx, vector):
    """The sum of all lanes: the upper half is added to the lower, and so on until one is left."""
    if not (isinstance(vector, Lanes) and is_value(vector)):
        return None

    def generate(context, builder, signature, arguments):
        total, count = arguments[0], vector.count
        while count > 1:
            count //= 2
            low, high = (
                builder.shuffle_vector(
                    total,
                    ir.Constant(total.type, ir.Undefined),
                    ir.Constant(
                        ir.VectorType(ir.IntType(32), count), list(range(first, first + count))
                    ),
                )
                for first in (0, count)
            )
            total = builder.fadd(low, high)
        return builder.extract_element(total, ir.IntType(32)(0))

    return vector.element(vector), generate


@intrinsic
def high_product(typingctx, a, b):
    """The upper 64 bits of the 128-bit product of two uint64."""
    if not a == b == types.uint64:
        return None

    def generate(context, builder, signature, arguments):
        wide = ir.IntType(128)
        a, b = (builder.zext(value, wide) for value in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), wide(64)), ir.IntType(64))

    return types.uint64(a, b), generate
