"""Functions on lane vectors and, with the same bits, on plain floats.

Write constants as ``like(x, c)`` or ``by_type(x, c64, c32)``: a bare literal next to a plain
float32 would compute in float64.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import formulas
from .conversion import convert, is_mask, is_value
from .formulas import formula
from .types import Buffer, Lanes, number_of


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
    """One of two constants, according to the type of `example`, as a value of that type."""
    if not is_value(example):
        return None

    def generate(context, builder, signature, arguments):
        which = 1 if number_of(example) == types.float64 else 2
        return convert(context, builder, arguments[which], signature.args[which], example)

    return example(example, for_float64, for_float32), generate


fma = formula(formulas.fma)
sqrt = formula(formulas.sqrt)
select = formula(formulas.select)
at_least = formula(formulas.at_least)
at_most = formula(formulas.at_most)
scale_by_bits = formula(formulas.scale_by_bits)
magnitude = formula(formulas.magnitude)
with_sign = formula(formulas.with_sign)


@intrinsic
def any_lane(typingctx, mask):
    """Return whether a mask (or a plain boolean) is true anywhere."""
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
            low = _shuffle(builder, total, total, range(count))
            high = _shuffle(builder, total, total, range(count, 2 * count))
            total = builder.fadd(low, high)
        return builder.extract_element(total, ir.IntType(32)(0))

    return vector.element(vector), generate


@intrinsic
def sums_of_halves(typingctx, vectors, step):
    """Compute `sum_of_halves` of every `step`-th element of a buffer, one per lane of the result.

    Two vectors are added at once, each filling half of a register, then two such sums.
    """
    if not (isinstance(vectors, Buffer) and isinstance(vectors.element, Lanes)):
        return None
    kind = vectors.element
    number, lanes = kind.element, kind.count

    def generate(context, builder, signature, arguments):
        step = context.cast(builder, arguments[1], signature.args[1], types.intp)
        parts = []
        for m in range(lanes):
            pointer = builder.gep(arguments[0], [builder.mul(step, ir.IntType(64)(m))])
            parts.append(builder.load(pointer, align=number.bitwidth // 8))
        size = lanes  # number of partial sums left per element
        while size > 1:
            firsts = [m for m in range(2 * lanes) if m % size < size // 2]
            lasts = [m for m in range(2 * lanes) if m % size >= size // 2]
            parts = [
                builder.fadd(_shuffle(builder, a, b, firsts), _shuffle(builder, a, b, lasts))
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
            size //= 2
        return parts[0]

    return kind(vectors, step), generate


def _shuffle(builder, a, b, places):
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(a, b, mask)


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
