"""What kernels can do with lane vectors and buffers.

Operators (``+ - * / < <= > >= == != & | ^``, unary ``-``) mean on lanes what they mean on numbers;
a plain number beside a lane vector is copied into every lane.  The functions below work on plain
floats as well, so one source serves both and gives the same bits.  Constants go through
``like(x, c)``: next to a plain float32 a bare literal would compute in float64.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, type_callable

from .types import Buffer, Lanes, llvm_value, number_of

ARITHMETIC = {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}
COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
MASK_LOGIC = {operator.and_: "and_", operator.or_: "or_", operator.xor: "xor"}

# Width of element-wise passes: 2 vector registers of 64 bytes or 4 of 32, enough to hide latencies
# and few enough to stay in registers (32 float64 spill: 0.62 ns per sigmoid against 0.59).
PACK = {types.float64: 16, types.float32: 32}
MANTISSA_BITS = {types.float64: 52, types.float32: 23}


def _splat(builder, value, count):
    """The scalar `value` in every one of `count` lanes."""
    vector = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _convert(context, builder, value, source, target):
    """`value` of type `source` as `target`, a number or a lane vector; lanes pass unchanged."""
    if source == target:
        return value
    value = context.cast(builder, value, source, number_of(target))
    return _splat(builder, value, target.count) if isinstance(target, Lanes) else value


def _lanes_among(*kinds):
    """The lane-vector type among `kinds` if the others are equal to it or plain floats."""
    lanes = next((kind for kind in kinds if isinstance(kind, Lanes)), None)
    if lanes is not None and all(kind == lanes or isinstance(kind, types.Float) for kind in kinds):
        return lanes
    return None


def _register_binary(function, emit, applies, result):
    """Give the operator `function` a meaning wherever a lane vector stands on either side."""

    @type_callable(function)
    def typed(context):
        def typer(left, right):
            lanes = _lanes_among(left, right)
            return result(lanes) if lanes is not None and applies(lanes) else None

        return typer

    def lowered(context, builder, signature, arguments):
        lanes = _lanes_among(*signature.args)
        left, right = (
            _convert(context, builder, value, kind, lanes)
            for value, kind in zip(arguments, signature.args, strict=True)
        )
        return emit(builder, left, right)

    for left, right in ((Lanes, Lanes), (Lanes, types.Float), (types.Float, Lanes)):
        lower_builtin(function, left, right)(lowered)


def _is_float(lanes):
    return isinstance(lanes.element, types.Float)


def _is_mask(lanes):
    return lanes.element == types.boolean


for _function, _name in ARITHMETIC.items():
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: getattr(builder, name)(left, right),
        _is_float,
        lambda lanes: lanes,
    )
for _function, _name in COMPARISONS.items():
    # As in Python, != is true of a NaN and every other comparison is false of it.
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: (
            builder.fcmp_unordered if name == "!=" else builder.fcmp_ordered
        )(name, left, right),
        _is_float,
        lambda lanes: lanes.mask,
    )
for _function, _name in MASK_LOGIC.items():
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: getattr(builder, name)(left, right),
        _is_mask,
        lambda lanes: lanes,
    )


@type_callable(operator.neg)
def _type_neg(context):
    def typer(value):
        return value if isinstance(value, Lanes) and _is_float(value) else None

    return typer


@lower_builtin(operator.neg, Lanes)
def _lower_neg(context, builder, signature, arguments):
    return builder.fneg(arguments[0])


# Reading and writing buffers.  Elements are aligned as single numbers are, never as whole vectors:
# NumPy promises no more, and a misaligned vector load would crash the process.


def _element_pointer(context, builder, pointer, index, index_kind):
    index = context.cast(builder, index, index_kind, types.intp)
    return builder.gep(pointer, [index])


def _alignment(element):
    return number_of(element).bitwidth // 8


@type_callable(operator.getitem)
def _type_getitem(context):
    def typer(buffer, index):
        if isinstance(buffer, Buffer) and isinstance(index, types.Integer):
            return buffer.element
        return None

    return typer


@lower_builtin(operator.getitem, Buffer, types.Integer)
def _lower_getitem(context, builder, signature, arguments):
    element = signature.args[0].element
    pointer = _element_pointer(
        context, builder, arguments[0], arguments[1], signature.args[1]
    )
    return builder.load(pointer, align=_alignment(element))


@type_callable(operator.setitem)
def _type_setitem(context):
    def typer(buffer, index, value):
        if isinstance(buffer, Buffer) and isinstance(index, types.Integer):
            if value == buffer.element or not isinstance(value, Lanes | Buffer):
                return types.none
        return None

    return typer


@lower_builtin(operator.setitem, Buffer, types.Integer, types.Any)
def _lower_setitem(context, builder, signature, arguments):
    kind, index_kind, value_kind = signature.args
    element = kind.element
    value = _convert(context, builder, arguments[2], value_kind, element)
    pointer = _element_pointer(context, builder, arguments[0], arguments[1], index_kind)
    builder.store(value, pointer, align=_alignment(element))
    return context.get_dummy_value()


@type_callable(operator.add)
def _type_shift(context):
    def typer(buffer, offset):
        if isinstance(buffer, Buffer) and isinstance(offset, types.Integer):
            return buffer
        return None

    return typer


@lower_builtin(operator.add, Buffer, types.Integer)
def _lower_shift(context, builder, signature, arguments):
    element = signature.args[0].element
    return _element_pointer(
        context, builder, arguments[0], arguments[1], signature.args[1]
    )


@intrinsic
def buffer(typingctx, array):
    """The elements of a C-contiguous `array` of any number of dimensions, as one buffer."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def generate(context, builder, signature, arguments):
        view = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        return view.data

    return Buffer(array.dtype)(array), generate


@intrinsic(prefer_literal=True)
def in_lanes(typingctx, numbers, count):
    """The buffer `numbers` seen as lane vectors of `count`, a constant; itself if `count` is 1."""
    if not (isinstance(numbers, Buffer) and isinstance(numbers.element, types.Float)):
        return None
    if not isinstance(count, types.IntegerLiteral):
        return None
    element = numbers.element
    if count.literal_value > 1:
        element = Lanes(element, count.literal_value)

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_value(element).as_pointer())

    return Buffer(element)(numbers, count), generate


@intrinsic
def packed(typingctx, values):
    """A buffer for element-wise passes: whatever its elements, their numbers in vectors of `PACK`."""
    if not isinstance(values, Buffer):
        return None
    number = number_of(values.element)
    element = Lanes(number, PACK[number])

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_value(element).as_pointer())

    return Buffer(element)(values), generate


@intrinsic
def numbers(typingctx, vectors):
    """The plain numbers of a buffer of lane vectors: lane l of element i is number i * count + l."""
    if not isinstance(vectors, Buffer):
        return None
    element = number_of(vectors.element)

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_value(element).as_pointer())

    return Buffer(element)(vectors), generate


@intrinsic
def lane_count(typingctx, vectors):
    """How many lanes the elements of a buffer have; 1 for plain numbers."""
    if not isinstance(vectors, Buffer):
        return None
    count = vectors.element.count if isinstance(vectors.element, Lanes) else 1

    def generate(context, builder, signature, arguments):
        return context.get_constant(types.intp, count)

    return types.intp(vectors), generate


@intrinsic
def load_shared(typingctx, numbers):
    """The first number of an int64 buffer that another thread may write at any time."""
    if numbers != Buffer(types.int64):
        return None

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(arguments[0], "monotonic", 8)

    return types.int64(numbers), generate


# Functions of values.


@intrinsic
def like(typingctx, example, number):
    """`number` with the type of `example`: in every lane, or rounded to a plain float's type."""
    if not (_is_value(example) and isinstance(number, types.Number)):
        return None

    def generate(context, builder, signature, arguments):
        return _convert(context, builder, arguments[1], signature.args[1], signature.args[0])

    return example(example, number), generate


@intrinsic(prefer_literal=True)
def by_type(typingctx, example, for_float64, for_float32):
    """One of two constants, whichever fits the numbers of `example`, with the type of `example`."""
    if not _is_value(example):
        return None

    def generate(context, builder, signature, arguments):
        which = 1 if number_of(example) == types.float64 else 2
        return _convert(context, builder, arguments[which], signature.args[which], example)

    return example(example, for_float64, for_float32), generate


def _is_value(kind):
    return isinstance(kind, types.Float) or (isinstance(kind, Lanes) and _is_float(kind))


@intrinsic
def fma(typingctx, a, b, c):
    """``a * b + c`` rounded once; plain floats beside lane vectors go into every lane."""
    if not all(_is_value(kind) for kind in (a, b, c)):
        return None
    kind = _lanes_among(a, b, c) or (a if a == b == c else None)
    if kind is None:
        return None

    def generate(context, builder, signature, arguments):
        values = [
            _convert(context, builder, value, source, kind)
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
    kind = _lanes_among(yes, no) or (yes if yes == no else None)
    if kind is None or condition != (kind.mask if isinstance(kind, Lanes) else types.boolean):
        return None

    def generate(context, builder, signature, arguments):
        yes, no = (
            _convert(context, builder, value, source, kind)
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
        kind = _lanes_among(x, bound) or (x if x == bound else None)
        if kind is None or not _is_value(kind):
            return None

        def generate(context, builder, signature, arguments):
            x, bound = (
                _convert(context, builder, value, source, kind)
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
    if mask != types.boolean and not (isinstance(mask, Lanes) and _is_mask(mask)):
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
    if not (_is_value(x) and x == shifted):
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
    if not _is_value(x):
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
    if not (_is_value(x) and x == sign):
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
