"""Functions on lane vectors and, with the same bits, on plain floats.

Constants go through ``like(x, c)`` or ``by_type(x, c64, c32)``: a bare literal beside a plain
float32 would compute in float64.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .conversion import convert, is_mask, is_value, lanes_among
from .types import Lanes, llvm_value, number_of

MANTISSA_BITS = {types.float64: 52, types.float32: 23}


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


@intrinsic
def fma(typingctx, a, b, c):
    """``a * b + c`` rounded once; plain floats beside lane vectors go into every lane."""
    if not all(is_value(kind) for kind in (a, b, c)):
        return None
    kind = lanes_among(a, b, c) or (a if a == b == c else None)
    if kind is None:
        return None

    def generate(context, builder, signature, arguments):
        values = [
            convert(context, builder, value, source, kind)
            for value, source in zip(arguments, signature.args, strict=True)
        ]
        vector = llvm_value(kind)
        number = number_of(kind)
        lanes = f"v{kind.count}" if isinstance(kind, Lanes) else ""
        # llvmlite's own helpers for intrinsics refuse vectors: declare it by its full name.
        name = f"llvm.fma.{lanes}f{number.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), name
        )
        return builder.call(function, values)

    return kind(a, b, c), generate


@intrinsic
def select(typingctx, condition, yes, no):
    """Per lane `yes` where `condition` holds, else `no`; on plain floats the choice itself."""
    kind = lanes_among(yes, no) or (yes if yes == no else None)
    if kind is None or condition != (kind.mask if isinstance(kind, Lanes) else types.boolean):
        return None

    def generate(context, builder, signature, arguments):
        yes, no = (
            convert(context, builder, value, source, kind)
            for value, source in zip(arguments[1:], signature.args[1:], strict=True)
        )
        condition = arguments[0]
        if condition.type == ir.IntType(8):
            condition = builder.trunc(condition, ir.IntType(1))
        return builder.select(condition, yes, no)

    return kind(condition, yes, no), generate


def _clamping(comparison):
    @intrinsic
    def clamp(typingctx, x, bound):
        kind = lanes_among(x, bound) or (x if x == bound else None)
        if kind is None or not is_value(kind):
            return None

        def generate(context, builder, signature, arguments):
            x, bound = (
                convert(context, builder, value, source, kind)
                for value, source in zip(arguments, signature.args, strict=True)
            )
            # The bound is taken only where the comparison holds, so a NaN in x stays a NaN.
            return builder.select(builder.fcmp_ordered(comparison, bound, x), bound, x)

        return kind(x, bound), generate

    return clamp


at_least = _clamping(">")
at_most = _clamping("<")


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


def _bits(kind):
    """The integer type as wide as `kind`, and the number it is made of."""
    number = number_of(kind)
    integer = ir.IntType(number.bitwidth)
    return (ir.VectorType(integer, kind.count) if isinstance(kind, Lanes) else integer), number


def _constant(integers, value):
    if isinstance(integers, ir.VectorType):
        return ir.Constant(integers, [value] * integers.count)
    return ir.Constant(integers, value)


@intrinsic
def scale_by_bits(typingctx, x, shifted):
    """``x * 2**k`` for a normal result, k the integer in the last bits of `shifted`'s mantissa.

    Adding a large constant rounds a number to an integer and leaves that integer in the low bits
    of the sum; moved to the exponent's place they scale by adding integers.
    """
    if not (is_value(x) and x == shifted):
        return None

    def generate(context, builder, signature, arguments):
        integers, number = _bits(x)
        bits, power = (builder.bitcast(value, integers) for value in arguments)
        power = builder.shl(power, _constant(integers, MANTISSA_BITS[number]))
        return builder.bitcast(builder.add(bits, power), llvm_value(x))

    return x(x, shifted), generate


@intrinsic
def magnitude(typingctx, x):
    """The absolute value, by clearing the sign bit."""
    if not is_value(x):
        return None

    def generate(context, builder, signature, arguments):
        integers, number = _bits(x)
        bits = builder.bitcast(arguments[0], integers)
        keep = _constant(integers, (1 << (number.bitwidth - 1)) - 1)
        return builder.bitcast(builder.and_(bits, keep), llvm_value(x))

    return x(x), generate


@intrinsic
def with_sign(typingctx, x, sign):
    """The magnitude `x`, which must have a clear sign bit, with the sign of `sign`."""
    if not (is_value(x) and x == sign):
        return None

    def generate(context, builder, signature, arguments):
        integers, number = _bits(x)
        bits, source = (builder.bitcast(value, integers) for value in arguments)
        keep = _constant(integers, 1 << (number.bitwidth - 1))
        return builder.bitcast(builder.or_(bits, builder.and_(source, keep)), llvm_value(x))

    return x(x, sign), generate


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
