"""The inner loops of all matrix products: a tile of the result stays in registers.

A single multiply-add needs two loads, and a processor cannot load more numbers than it multiplies.
A tile of 4 x 4 results uses each loaded number four times: 16 multiply-adds for 8 loads, and enough
sums at once to hide the latency.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..lanes.conversion import splat
from ..lanes.emit import call_fma
from ..lanes.matrices import Matrix, proxy
from ..lanes.types import Lanes, llvm_value, number_of, register_bytes


def heights(element, width):
    """Rows of the tiles of `width` columns (0: one in part), the largest first.

    At least eight sums at once, or they wait for each other; together with their factors no more
    than the registers, 32 with AVX-512 and 16 without.  Rare cases have few heights, as each is
    compiled.
    """
    if not isinstance(element, Lanes):
        return (1,) if width == 4 else (2, 1)
    if width == 4 and register_bytes() < 64:
        return (2, 1)
    return {0: (8, 4, 1), 1: (8, 4, 2, 1), 2: (4, 2, 1), 4: (4, 2, 1)}[width]


# Initial values of a product's sums: zero, the same row for each row, or the result itself.  NumPy
# integers, since a literal would make Numba compile the called function again.
ZERO, ROW, ITSELF = np.arange(3)

INTP = ir.IntType(64)
POINTER = ir.IntType(8).as_pointer()


def columns_product(known):
    """Make the product of some columns; with `known` sizes it is inlined."""

    @intrinsic(prefer_literal=True)
    def multiply_columns(typingctx, strips, C, A, B, begin, start, first, columns, valid):
        """``C[r, j] = start + sum(A[r, s] * B[s, j] for s in range(A.columns))``, s ascending.

        For all rows r and for columns j from `first` on, their number `columns` a constant.  The
        elements of B, C and start are of one type, lane vectors or plain numbers, and of each there
        are `strips` side by side; those of A are like them, or single numbers that hold for all
        strips and lanes.  A has at least one column.  Sums start from 0 if `begin` is `ZERO`, from
        ``start[0, j]`` if it is `ROW`, with the same step between columns as C, and from C itself
        if it is `ITSELF`.

        With the constant 0 for `columns` there is one column, of whose elements only the first
        `valid` lanes are read or written.
        """
        if not (isinstance(B, Matrix) and isinstance(columns, types.IntegerLiteral)):
            return None
        element, width = B.element, columns.literal_value
        if not (C == start == B and A in (B, Matrix(number_of(element)))):
            return None
        broadcast = A != B

        def generate(context, builder, signature, arguments):
            C, A, B, start = (
                proxy(context, builder, signature.args[i], arguments[i]) for i in (1, 2, 3, 5)
            )
            strips, begin, first, valid = (
                context.cast(builder, arguments[i], signature.args[i], types.intp)
                for i in (0, 4, 6, 8)
            )
            size = INTP(number_of(element).bitwidth // 8)
            a_row, a_step, b_step, b_column, c_row, c_column = (
                builder.mul(step, size) for M in (A, B, C) for step in (M.row_step, M.column_step)
            )
            a, b, c, start = (builder.bitcast(each.data, POINTER) for each in (A, B, C, start))
            b = builder.gep(b, [builder.mul(first, b_column)])
            start = builder.gep(start, [builder.mul(first, c_column)])
            c = builder.gep(c, [builder.mul(first, c_column)])
            rows, inner = C.rows, A.columns
            for height in heights(element, width):
                # Rows that fill tiles of this height; the rest is for the next height.
                tiles = builder.udiv(rows, INTP(height))
                with builder.if_then(builder.icmp_signed(">", tiles, INTP(0))):
                    function = _tiles(builder.module, element, broadcast, height, width, known)
                    builder.call(
                        function,
                        [a, b, start, c, a_row, a_step, b_step, b_column, c_row, c_column, begin,
                         inner, strips, tiles, valid],
                    )  # fmt: skip
                done = builder.mul(tiles, INTP(height))
                rows = builder.sub(rows, done)
                a = builder.gep(a, [builder.mul(done, a_row)])
                c = builder.gep(c, [builder.mul(done, c_row)])
            return context.get_dummy_value()

        return types.none(strips, C, A, B, begin, start, first, columns, valid), generate

    return multiply_columns


multiply_columns = columns_product(known=False)
multiply_columns_of_known_size = columns_product(known=True)


def _tiles(module, element, broadcast, height, width, known):
    """The function of consecutive tiles of ``height x width`` results, in all strips.

    It is a separate function, since surrounding code would take the registers that its addresses
    need: with one function for all tiles XOR went from 7 to 21 ns per network and epoch.  With
    `known` sizes addresses are constants, so it is inlined and its sums are unrolled.
    """
    factors = "numbers" if broadcast else "lanes"
    name = f"fastnn.tiles.{height}x{width}.{element}.{factors}{'.known' if known else ''}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [POINTER] * 4 + [INTP] * 11), name
    )
    function.linkage = "internal"
    function.attributes.add("alwaysinline" if known else "noinline")
    function.attributes.add("nounwind")
    _TileBuilder(function, element, broadcast, height, width, unrolled=known).emit()
    return function


class _TileBuilder:
    """Emits the three loops of a tile function: tiles, their strips, and the sums."""

    def __init__(self, function, element, broadcast, height, width, unrolled):
        self.function = function
        self.element = element
        self.broadcast = broadcast
        self.unrolled = unrolled
        self.height = height
        self.masked = width == 0
        self.width = max(width, 1)
        self.vector = llvm_value(element)
        self.align = number_of(element).bitwidth // 8
        self.lanes = element.count if isinstance(element, Lanes) else 1

    def emit(self):
        """Emit the body."""
        blocks = ["entry", "tile", "strip", "row", "itself", "ready", "products", "results",
                  "next", "end"]  # fmt: skip
        entry, tile, strip, row, itself, ready, products, results, after, end = map(
            self.function.append_basic_block, blocks
        )
        (a, b, start, c, a_row, a_step, b_step, b_column, c_row, c_column,
         begin, inner, strips, tiles, valid) = self.function.args  # fmt: skip
        zero, one, stride = INTP(0), INTP(1), INTP(self.align * self.lanes)
        builder = ir.IRBuilder(entry)
        mask = self._mask(builder, valid) if self.masked else None
        builder.branch(tile)

        builder = ir.IRBuilder(tile)
        t, a_tile, c_tile = _phis(builder, INTP, POINTER, POINTER)
        builder.branch(strip)

        builder = ir.IRBuilder(strip)
        s, a_strip, b_strip, start_strip, c_strip = _phis(builder, INTP, *[POINTER] * 4)
        choice = builder.switch(begin, ready)  # ZERO
        choice.add_case(INTP(int(ROW)), row)
        choice.add_case(INTP(int(ITSELF)), itself)

        builder = ir.IRBuilder(row)
        of_row = self.height * [
            self._load(builder, builder.gep(start_strip, [column]), mask)
            for column in _multiples(builder, c_column, self.width)
        ]
        builder.branch(ready)
        builder = ir.IRBuilder(itself)
        of_itself = [
            self._load(builder, pointer, mask)
            for pointer in self._grid(builder, c_strip, c_row, c_column)
        ]
        builder.branch(ready)

        builder = ir.IRBuilder(ready)
        starts = _phis(builder, *[self.vector] * (self.height * self.width))
        nothing = ir.Constant(self.vector, [0.0] * self.lanes if self.lanes > 1 else 0.0)
        for phi, value, other in zip(starts, of_row, of_itself, strict=True):
            phi.add_incoming(nothing, strip)
            phi.add_incoming(value, row)
            phi.add_incoming(other, itself)
        builder.branch(products)

        builder = ir.IRBuilder(products)
        step, a_here, b_here = _phis(builder, INTP, POINTER, POINTER)
        totals = _phis(builder, *[self.vector] * len(starts))
        factors = [
            self._load(builder, builder.gep(b_here, [column]), mask)
            for column in _multiples(builder, b_column, self.width)
        ]
        sums = []
        for row in _multiples(builder, a_row, self.height):
            x = self._load_a(builder, builder.gep(a_here, [row]), mask)
            for factor in factors:
                sums.append(call_fma(builder, self.element, x, factor, totals[len(sums)]))
        moved = [
            builder.add(step, one),
            builder.gep(a_here, [a_step]),
            builder.gep(b_here, [b_step]),
            *sums,
        ]
        _close([step, a_here, b_here, *totals], [zero, a_strip, b_strip, *starts], ready,
               moved, products)  # fmt: skip
        self._repeat(builder, moved[0], inner, products, results)

        builder = ir.IRBuilder(results)
        for pointer, value in zip(self._grid(builder, c_strip, c_row, c_column), sums, strict=True):
            self._store(builder, value, pointer, mask)
        moved = [builder.add(s, one)] + [
            builder.gep(pointer, [move])
            for pointer, move in (
                (a_strip, zero if self.broadcast else stride),
                (b_strip, stride),
                (start_strip, stride),
                (c_strip, stride),
            )
        ]
        _close([s, a_strip, b_strip, start_strip, c_strip],
               [zero, a_tile, b, start, c_tile], tile, moved, results)  # fmt: skip
        self._repeat(builder, moved[0], strips, strip, after)

        builder = ir.IRBuilder(after)
        moved = [builder.add(t, one)] + [
            builder.gep(pointer, [builder.mul(step, INTP(self.height))])
            for pointer, step in ((a_tile, a_row), (c_tile, c_row))
        ]
        _close([t, a_tile, c_tile], [zero, a, c], entry, moved, after)
        self._repeat(builder, moved[0], tiles, tile, end)
        ir.IRBuilder(end).ret_void()

    def _grid(self, builder, pointer, row_step, column_step):
        """Pointers to the elements of a tile, row by row."""
        for row in _multiples(builder, row_step, self.height):
            for column in _multiples(builder, column_step, self.width):
                yield builder.gep(builder.gep(pointer, [row]), [column])

    def _mask(self, builder, valid):
        numbers = ir.Constant(ir.VectorType(INTP, self.lanes), list(range(self.lanes)))
        return builder.icmp_signed("<", numbers, splat(builder, valid, self.lanes))

    def _masked(self, builder, what, result, kinds):
        bits = 8 * self.align
        name = f"llvm.masked.{what}.v{self.lanes}f{bits}.p0"
        return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), name)

    def _load(self, builder, pointer, mask):
        pointer = builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            return builder.load(pointer, align=self.align)
        kinds = [pointer.type, ir.IntType(32), mask.type, self.vector]
        function = self._masked(builder, "load", self.vector, kinds)
        nothing = ir.Constant(self.vector, [0.0] * self.lanes)
        return builder.call(function, [pointer, ir.IntType(32)(self.align), mask, nothing])

    def _store(self, builder, value, pointer, mask):
        pointer = builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            builder.store(value, pointer, align=self.align)
            return
        kinds = [self.vector, pointer.type, ir.IntType(32), mask.type]
        function = self._masked(builder, "store", ir.VoidType(), kinds)
        builder.call(function, [value, pointer, ir.IntType(32)(self.align), mask])

    def _load_a(self, builder, pointer, mask):
        if not self.broadcast:
            return self._load(builder, pointer, mask)
        number = self.vector.element if self.lanes > 1 else self.vector
        value = builder.load(builder.bitcast(pointer, number.as_pointer()), align=self.align)
        return splat(builder, value, self.lanes) if self.lanes > 1 else value

    def _repeat(self, builder, index, count, body, after):
        """Jump to `body` while ``index < count``, without unrolling: an iteration is enough
        work."""
        branch = builder.cbranch(builder.icmp_signed("<", index, count), body, after)
        if self.unrolled:
            return
        module = self.function.module
        option = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
        # LLVM requires a node whose first operand is the node itself, one for each loop.
        label = f"{self.function.name} {body.name}"
        node = module.add_metadata([ir.MetaDataString(module, label)])
        node.operands = (node, option)
        branch.set_metadata("llvm.loop", node)


def _phis(builder, *kinds):
    return [builder.phi(kind) for kind in kinds]


def _close(phis, begins, before, moved, after):
    """Give loop variables their values at the start and after each iteration."""
    for phi, begin, value in zip(phis, begins, moved, strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(value, after)


def _multiples(builder, step, count):
    """0, step, 2 step, …: `count` of them."""
    found = [INTP(0), step]
    while len(found) < count:
        found.append(builder.add(found[-1], step))
    return found[:count]
