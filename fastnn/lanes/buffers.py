"""Buffers: reading, writing, shifting, and viewing memory as numbers or as lane vectors.

Elements are aligned like single numbers, never like whole vectors: NumPy promises no more, and a
misaligned vector load would crash the process.  Bounds are not checked.
"""

import operator
import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, type_callable

from .conversion import convert
from .types import Buffer, Lanes, llvm_value, number_of, register_lanes

# Width of element-wise passes: 2 vector registers of 64 bytes or 4 of 32.
PACK = {types.float64: 16, types.float32: 32}
# Registers of the widest vectors, where there are many numbers: sigmoid by halves, ns for each
# float64: 0.246 with 1, 0.232 with 2, 0.214 with 4.
WIDE = 4


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
    pointer = _element_pointer(context, builder, arguments[0], arguments[1], signature.args[1])
    return builder.load(pointer, align=_alignment(element))


@type_callable(operator.setitem)
def _type_setitem(context):
    def typer(buffer, index, value):
        fits = isinstance(buffer, Buffer) and isinstance(index, types.Integer)
        if fits and (value == buffer.element or isinstance(value, types.Number | types.Boolean)):
            return types.none
        return None

    return typer


@lower_builtin(operator.setitem, Buffer, types.Integer, types.Any)
def _lower_setitem(context, builder, signature, arguments):
    kind, index_kind, value_kind = signature.args
    element = kind.element
    value = convert(context, builder, arguments[2], value_kind, element)
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
    return _element_pointer(context, builder, arguments[0], arguments[1], signature.args[1])


@intrinsic
def buffer(typingctx, array):
    """The elements of a C-contiguous `array` of any number of dimensions, as one buffer."""
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def generate(context, builder, signature, arguments):
        view = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        return view.data

    return Buffer(array.dtype)(array), generate


@intrinsic
def buffers(typingctx, record):
    """A named tuple with buffers in place of its C-contiguous arrays, without reference counts."""
    if not isinstance(record, types.BaseNamedTuple):
        return None
    if any(isinstance(kind, types.Array) and kind.layout != "C" for kind in record):
        return None
    kinds = [Buffer(kind.dtype) if isinstance(kind, types.Array) else kind for kind in record]
    result = types.BaseTuple.from_types(kinds, record.instance_class)

    def generate(context, builder, signature, arguments):
        values = cgutils.unpack_tuple(builder, arguments[0])
        for at, kind in enumerate(signature.args[0]):
            if isinstance(kind, types.Array):
                values[at] = cgutils.create_struct_proxy(kind)(context, builder, values[at]).data
        return context.make_tuple(builder, result, values)

    return result(record), generate


@intrinsic(prefer_literal=True)
def in_lanes(typingctx, numbers, count):
    """View the buffer `numbers` as lane vectors of a constant `count`; unchanged if it is 1."""
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


def _seen_in(lanes):
    """Make an intrinsic that views the same memory in vectors of ``lanes(number)`` numbers."""

    @intrinsic
    def seen(typingctx, values):
        if not isinstance(values, Buffer):
            return None
        number = number_of(values.element)
        if not isinstance(number, types.Float):
            return None
        element = Lanes(number, lanes(number))

        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], llvm_value(element).as_pointer())

        return Buffer(element)(values), generate

    return seen


# Views of memory for element-wise passes, for passes over many numbers, and in vectors that fill a
# register, for neighbouring units or samples of one network.
packed = _seen_in(PACK.__getitem__)
packed_wide = _seen_in(lambda number: WIDE * register_lanes(number))
across = _seen_in(register_lanes)


@intrinsic
def numbers(typingctx, vectors):
    """The plain numbers of a buffer of lane vectors: lane l of element i is number i * N + l."""
    if not isinstance(vectors, Buffer):
        return None
    element = number_of(vectors.element)

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], llvm_value(element).as_pointer())

    return Buffer(element)(vectors), generate


@intrinsic
def lane_count(typingctx, vectors):
    """Number of lanes of a vector, or of each element of a buffer; 1 for plain numbers."""
    element = vectors.element if isinstance(vectors, Buffer) else vectors
    count = element.count if isinstance(element, Lanes) else 1

    def generate(context, builder, signature, arguments):
        return context.get_constant(types.intp, count)

    return types.intp(vectors), generate


@intrinsic
def load_shared(typingctx, numbers):
    """The first number of an int64 buffer that another thread may write at any time.

    Everything that the thread wrote before is then visible too.
    """
    if numbers != Buffer(types.int64):
        return None

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(arguments[0], "acquire", 8)

    return types.int64(numbers), generate


@intrinsic
def add_shared(typingctx, numbers, value):
    """Add an int64 to the first number of a buffer that other threads add to as well."""
    if not (numbers == Buffer(types.int64) and isinstance(value, types.Integer)):
        return None

    def generate(context, builder, signature, arguments):
        value = context.cast(builder, arguments[1], signature.args[1], types.int64)
        builder.atomic_rmw("add", arguments[0], value, "seq_cst")
        return context.get_dummy_value()

    return types.none(numbers, value), generate


@intrinsic
def give_way(typingctx):
    """Yield the processor to another thread, if the system offers that."""

    def generate(context, builder, signature, arguments):
        if sys.platform != "win32":
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield"
            )
            builder.call(function, [])
        return context.get_dummy_value()

    return types.none(), generate
