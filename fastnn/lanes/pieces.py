"""Pieces: compiled functions that call each other by address.

A kernel that contains all optimizers, losses and rules would take half a minute to compile, and one
for each combination would be compiled hundreds of times.  So every one of them is a piece of its
own, compiled at its first use and kept on disk, and the engine calls those that a job needs.  A
call costs about a nanosecond, once for all lanes.

All pieces take the same two arguments: the *frame*, the integers that they need (sizes, offsets and
the addresses of other pieces, see `fastnn.frame`), and the workspace that the offsets refer to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import compile_piece, once, source_digest
from .types import Buffer

FRAME = Buffer(types.int64)
NUMBERS = {np.dtype(np.float64): types.float64, np.dtype(np.float32): types.float32}


class Piece:
    """A compiled function of frame and workspace, for each number type and number of lanes."""

    def __init__(
        self, make: Callable[[int, int], Callable[..., int]], *, kept: bool | None = None
    ) -> None:
        self.make = make
        self.name = make.__name__
        # The digest is of the package's sources only: what users wrote must not be found on disk.
        own = (make.__module__ or "").startswith("fastnn.")
        self.kept = own if kept is None else kept
        self.__doc__ = make.__doc__

    @once
    def compiled(self, dtype: np.dtype, width: int) -> Any:
        """The compiled function for numbers of `dtype`, `width` networks in a vector."""
        function = self.make(source_digest(), width)
        # In the names of machine code and cached file: equal names would be taken for one function.
        function.__qualname__ = f"{self.name}_{width}" if self.kept else f"own_{self.name}_{width}"
        signature = types.int64(FRAME, Buffer(NUMBERS[dtype]))
        return compile_piece(function, signature, keep=self.kept)

    def address(self, dtype: np.dtype, width: int) -> int:
        """Where the machine code lies in this process; compiles it if need be."""
        return int(self.compiled(dtype, width).address)


def piece(make: Callable[[int, int], Callable[..., int]]) -> Piece:
    """Declare a piece by a function of (digest, width) that makes the function to compile.

    That function closes over both, takes (frame, space), and returns 0.  Pieces of other packages
    are not kept on disk, but compiled by every process.
    """
    return Piece(make)


@intrinsic
def call_piece(typingctx, address, frame, space):
    """Call the piece at `address`, which must be one for the number type of `space`."""
    if not (frame == FRAME and space in map(Buffer, NUMBERS.values())):
        return None

    def generate(context, builder, signature, arguments):
        # As Numba calls its own: through the wrapper for C, XOR alone took 5 ns an epoch more.
        function = context.call_conv.get_function_type(types.int64, signature.args[1:])
        result, error = (cgutils.alloca_once(builder, kind.pointee) for kind in function.args[:2])
        address = context.cast(builder, arguments[0], signature.args[0], types.int64)
        builder.call(
            builder.inttoptr(address, function.as_pointer()), [result, error, *arguments[1:]]
        )
        return context.get_dummy_value()

    return types.none(address, frame, space), generate


@intrinsic
def at_address(typingctx, address, example):
    """The buffer at `address`, of the type of the buffer `example`."""
    if not (isinstance(address, types.Integer) and isinstance(example, Buffer)):
        return None

    def generate(context, builder, signature, arguments):
        address = context.cast(builder, arguments[0], signature.args[0], types.int64)
        return builder.inttoptr(address, context.get_value_type(example))

    return example(address, example), generate
