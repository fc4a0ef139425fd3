"""Matrices in memory, as indexed by the textbook's loops.

A matrix holds numbers or lane vectors, with any steps between its rows and columns; steps count
numbers.  ``M[i, j]`` reads and writes, ``M.rows``, ``M.columns`` and ``M.T`` are as in a textbook,
``M.zero`` is the number 0 of its kind, and ``M + n`` begins n rows later.  If several vectors
(strips) lie side by side for each number, ``M[s]`` is the matrix of strip s.

Values may be wider than the numbers in memory: a *spread* matrix copies each of its numbers into
every lane.  Bounds are not checked.
"""

import operator
from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model, type_callable

from .conversion import convert
from .types import Buffer, Lanes, llvm_value, number_of, register_lanes

INTP = ir.IntType(64)
SIZES = ("rows", "columns", "row_step", "column_step", "strip_step")
# Width of element-wise passes: 2 vector registers of 64 bytes or 4 of 32.
PACK = {types.float64: 16, types.float32: 32}
# Registers of the widest vectors, where there are many numbers: sigmoid by halves, ns for each
# float64: 0.246 with 1, 0.232 with 2, 0.214 with 4.
WIDE = 4


class Matrix(types.Type):
    """A matrix of `element`, read as `value`."""

    def __init__(self, element: types.Type, value: types.Type | None = None) -> None:
        self.element = element
        self.value = element if value is None else value
        spread = "" if value in (None, element) else f", {value}"
        super().__init__(name=f"Matrix({element}{spread})")


@register_model(Matrix)
class MatrixModel(models.StructModel):
    """Pointer, sizes, and the steps between rows, columns and strips, in numbers."""

    def __init__(self, manager, kind):
        members = [("data", Buffer(kind.element)), *((name, types.intp) for name in SIZES)]
        super().__init__(manager, kind, members)


def proxy(context, builder, kind, value=None):
    """Access to the members of a struct."""
    return cgutils.create_struct_proxy(kind)(context, builder, value)


def build_matrix(context, builder, kind, data, **sizes):
    """A matrix of `kind`; its sizes are LLVM values or Python integers."""
    made = proxy(context, builder, kind)
    made.data = builder.bitcast(data, llvm_value(kind.element).as_pointer())
    for name in SIZES:
        value = sizes[name]
        setattr(made, name, INTP(value) if isinstance(value, int) else value)
    return made._getvalue()


@infer_getattr
class MatrixAttributes(AttributeTemplate):
    """The types of the attributes."""

    key = Matrix

    def generic_resolve(self, kind, name):
        """Type of a matrix's attribute `name`."""
        if name in SIZES:
            return types.intp
        return {"data": Buffer(kind.element), "T": kind, "zero": kind.value}.get(name)


@lower_getattr_generic(Matrix)
def _attribute(context, builder, kind, value, name):
    matrix = proxy(context, builder, kind, value)
    if name == "zero":
        return ir.Constant(llvm_value(kind.value), None)
    if name != "T":
        return getattr(matrix, name)
    return build_matrix(
        context, builder, kind, matrix.data, rows=matrix.columns, columns=matrix.rows,
        row_step=matrix.column_step, column_step=matrix.row_step, strip_step=matrix.strip_step,
    )  # fmt: skip


def _moved(builder, kind, data, count):
    """The pointer `count` numbers later."""
    element = llvm_value(number_of(kind.element))
    numbers = builder.gep(builder.bitcast(data, element.as_pointer()), [count])
    return builder.bitcast(numbers, llvm_value(kind.element).as_pointer())


def _shifted(context, builder, kind, value, index, index_kind, step):
    matrix = proxy(context, builder, kind, value)
    index = context.cast(builder, index, index_kind, types.intp)
    count = builder.mul(index, getattr(matrix, step))
    matrix.data = _moved(builder, kind, matrix.data, count)
    return matrix._getvalue()


@type_callable(operator.getitem)
def _type_getitem(context):
    def typer(matrix, index):
        if not isinstance(matrix, Matrix):
            return None
        if isinstance(index, types.Integer):
            return matrix
        return matrix.value if isinstance(index, types.BaseTuple) and len(index) == 2 else None

    return typer


@lower_builtin(operator.getitem, Matrix, types.Integer)
def _lower_strip(context, builder, signature, arguments):
    kind, index_kind = signature.args
    return _shifted(context, builder, kind, arguments[0], arguments[1], index_kind, "strip_step")


def _place(context, builder, kind, value, i, j):
    matrix = proxy(context, builder, kind, value)
    at = builder.add(builder.mul(i, matrix.row_step), builder.mul(j, matrix.column_step))
    return _moved(builder, kind, matrix.data, at)


def _indices(context, builder, index_kind, index):
    return (
        context.cast(builder, part, part_kind, types.intp)
        for part, part_kind in zip(cgutils.unpack_tuple(builder, index), index_kind, strict=True)
    )


def _alignment(kind):
    return number_of(kind.element).bitwidth // 8


def load_element(context, builder, kind, value, i, j):
    """The element of a matrix at two LLVM integers."""
    place = _place(context, builder, kind, value, i, j)
    loaded = builder.load(place, align=_alignment(kind))
    return convert(context, builder, loaded, kind.element, kind.value)


@lower_builtin(operator.getitem, Matrix, types.BaseTuple)
def _lower_getitem(context, builder, signature, arguments):
    kind, index_kind = signature.args
    indices = _indices(context, builder, index_kind, arguments[1])
    return load_element(context, builder, kind, arguments[0], *indices)


@type_callable(operator.setitem)
def _type_setitem(context):
    def typer(matrix, index, value):
        fits = isinstance(matrix, Matrix) and isinstance(index, types.BaseTuple)
        if fits and (value == matrix.element or isinstance(value, types.Number | types.Boolean)):
            return types.none
        return None

    return typer


@lower_builtin(operator.setitem, Matrix, types.BaseTuple, types.Any)
def _lower_setitem(context, builder, signature, arguments):
    kind, index_kind, value_kind = signature.args
    value = convert(context, builder, arguments[2], value_kind, kind.element)
    indices = _indices(context, builder, index_kind, arguments[1])
    place = _place(context, builder, kind, arguments[0], *indices)
    builder.store(value, place, align=_alignment(kind))
    return context.get_dummy_value()


@type_callable(operator.add)
def _type_later(context):
    def typer(matrix, rows):
        if isinstance(matrix, Matrix) and isinstance(rows, types.Integer):
            return matrix
        return None

    return typer


@lower_builtin(operator.add, Matrix, types.Integer)
def _lower_later(context, builder, signature, arguments):
    kind, index_kind = signature.args
    return _shifted(context, builder, kind, arguments[0], arguments[1], index_kind, "row_step")


@intrinsic
def matrix(typingctx, data, rows, columns, row_step, column_step, strip_step):
    """`rows` by `columns` elements of a buffer; steps from one to the next count numbers."""
    if not isinstance(data, Buffer):
        return None
    kind = Matrix(data.element)

    def generate(context, builder, signature, arguments):
        sizes = {
            name: context.cast(builder, value, source, types.intp)
            for name, value, source in zip(SIZES, arguments[1:], signature.args[1:], strict=True)
        }
        return build_matrix(context, builder, kind, arguments[0], **sizes)

    return kind(data, rows, columns, row_step, column_step, strip_step), generate


@intrinsic
def sized(typingctx, matrix, rows, columns):
    """View the same memory as contiguous `rows` and `columns`."""
    if not isinstance(matrix, Matrix):
        return None

    def generate(context, builder, signature, arguments):
        made = proxy(context, builder, matrix, arguments[0])
        rows, columns = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        )
        # A region's elements lie `row_step` apart, strips side by side.
        return build_matrix(
            context, builder, matrix, made.data, rows=rows, columns=columns,
            row_step=builder.mul(columns, made.row_step), column_step=made.row_step,
            strip_step=made.strip_step,
        )  # fmt: skip

    return matrix(matrix, rows, columns), generate


@intrinsic
def resized(typingctx, matrix, rows, columns):
    """View the first `rows` and `columns`."""
    if not isinstance(matrix, Matrix):
        return None

    def generate(context, builder, signature, arguments):
        made = proxy(context, builder, matrix, arguments[0])
        made.rows, made.columns = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        )
        return made._getvalue()

    return matrix(matrix, rows, columns), generate


@intrinsic
def spread(typingctx, numbers, example):
    """View a matrix of plain numbers, each read as copies in every lane like those of `example`."""
    if not (isinstance(numbers, Matrix) and isinstance(example, Matrix)):
        return None
    kind = Matrix(numbers.element, example.value)

    def generate(context, builder, signature, arguments):
        source = proxy(context, builder, signature.args[0], arguments[0])
        sizes = {name: getattr(source, name) for name in SIZES}
        return build_matrix(context, builder, kind, source.data, **sizes)

    return kind(numbers, example), generate


def _vectors_at(lanes):
    """Make an intrinsic: vectors of ``lanes(number)`` at the same places, with the same steps."""

    @intrinsic
    def seen(typingctx, numbers):
        if not (isinstance(numbers, Matrix) and isinstance(numbers.element, types.Float)):
            return None
        count = lanes(numbers.element)
        kind = Matrix(Lanes(numbers.element, count) if count > 1 else numbers.element)

        def generate(context, builder, signature, arguments):
            source = proxy(context, builder, signature.args[0], arguments[0])
            sizes = {name: getattr(source, name) for name in SIZES}
            return build_matrix(context, builder, kind, source.data, **sizes)

        return kind(numbers), generate

    return seen


registers_at = _vectors_at(register_lanes)


def _regrouped(lanes):
    """Make an intrinsic: the same numbers, contiguous in rows, in vectors of ``lanes(number)``.

    The last column may extend beyond the last number.
    """

    @intrinsic
    def seen(typingctx, matrix):
        if not isinstance(matrix, Matrix):
            return None
        number = number_of(matrix.element)
        count = lanes(number)
        kind = Matrix(Lanes(number, count) if count > 1 else number)
        before = matrix.element.count if isinstance(matrix.element, Lanes) else 1

        def generate(context, builder, signature, arguments):
            source = proxy(context, builder, signature.args[0], arguments[0])
            total = builder.mul(source.columns, INTP(before))
            columns = builder.sdiv(builder.add(total, INTP(count - 1)), INTP(count))
            return build_matrix(
                context, builder, kind, source.data, rows=source.rows, columns=columns,
                row_step=source.row_step, column_step=count, strip_step=source.strip_step,
            )  # fmt: skip

        return kind(matrix), generate

    return seen


in_registers = _regrouped(register_lanes)
packed = _regrouped(PACK.__getitem__)
"""View in the vectors of element-wise passes."""
packed_wide = _regrouped(lambda number: WIDE * register_lanes(number))
"""The same for many numbers."""


@cache
def regrouped(count):
    """Make an intrinsic: the same numbers, contiguous in rows, in vectors of `count`."""
    return _regrouped(lambda number: count)


@cache
def rows_at(count):
    """Make two intrinsics, which read and write `count` rows of a column as a tuple.

    The rows are `step` apart: ``M[0, j], M[step, j], M[2 * step, j], …``.
    """

    def places(context, builder, signature, arguments):
        kind = signature.args[0]
        matrix = proxy(context, builder, kind, arguments[0])
        j, step = (
            context.cast(builder, value, source, types.intp)
            for value, source in zip(arguments[1:3], signature.args[1:3], strict=True)
        )
        first = builder.mul(j, matrix.column_step)
        step = builder.mul(step, matrix.row_step)
        rows = (builder.add(first, builder.mul(step, INTP(i))) for i in range(count))
        return [_moved(builder, kind, matrix.data, at) for at in rows]

    @intrinsic
    def read(typingctx, matrix, j, step):
        if not isinstance(matrix, Matrix) or matrix.value != matrix.element:
            return None

        def generate(context, builder, signature, arguments):
            found = [
                builder.load(place, align=_alignment(matrix))
                for place in places(context, builder, signature, arguments)
            ]
            return context.make_tuple(builder, signature.return_type, found)

        return types.UniTuple(matrix.value, count)(matrix, j, step), generate

    @intrinsic
    def write(typingctx, matrix, j, step, values):
        if not (isinstance(matrix, Matrix) and isinstance(values, types.UniTuple)):
            return None

        def generate(context, builder, signature, arguments):
            parts = cgutils.unpack_tuple(builder, arguments[3], len(values))
            # The last of the values: a formula's result may begin with what goes elsewhere.
            for place, value in zip(
                places(context, builder, signature, arguments), parts[len(parts) - count :],
                strict=True,
            ):  # fmt: skip
                builder.store(value, place, align=_alignment(matrix))
            return context.get_dummy_value()

        return types.none(matrix, j, step, values), generate

    return read, write
