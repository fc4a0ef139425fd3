"""The processor's mode of floating point: kernels compute in that of IEEE 754, whatever it was.

Each thread has a mode of its own.  Libraries that are compiled with ``-ffast-math``, or that ask
for it, set one in which numbers below the smallest normal one become zero, or in which results are
rounded another way, and leave it so.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..jit.compiling import entry

P = ParamSpec("P")
R = TypeVar("R")

# Rounded to the nearest, with numbers below the smallest normal one, and no error traps.
STANDARD = {"x86_64": 0x1F80, "aarch64": 0}
ARCHITECTURE = binding.get_process_triple().partition("-")[0].replace("arm64", "aarch64")


def _read(builder: Any) -> Any:
    """The mode as an integer of 64 bits; 0 where there is no way to ask."""
    word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
    if ARCHITECTURE == "x86_64":
        place = cgutils.alloca_once(builder, word)
        kind = ir.FunctionType(ir.VoidType(), [pointer])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.stmxcsr")
        builder.call(ask, [builder.bitcast(place, pointer)])
        return builder.zext(builder.load(place), ir.IntType(64))
    if ARCHITECTURE == "aarch64":
        kind = ir.FunctionType(ir.IntType(64), [])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.get.fpcr")
        return builder.call(ask, [])
    return ir.IntType(64)(0)


def _write(builder: Any, mode: Any) -> None:
    """Set the mode, where there is a way to."""
    word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
    if ARCHITECTURE == "x86_64":
        place = cgutils.alloca_once(builder, word)
        builder.store(builder.trunc(mode, word), place)
        kind = ir.FunctionType(ir.VoidType(), [pointer])
        tell = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.ldmxcsr")
        builder.call(tell, [builder.bitcast(place, pointer)])
    elif ARCHITECTURE == "aarch64":
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
        tell = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.set.fpcr")
        builder.call(tell, [mode])


@intrinsic
def begin_standard_mode(typingctx):
    """Compute as IEEE 754 has it; returns the mode of before."""

    def generate(context, builder, signature, arguments):
        before = _read(builder)
        _write(builder, ir.IntType(64)(STANDARD.get(ARCHITECTURE, 0)))
        return before

    return types.int64(), generate


@intrinsic
def set_mode(typingctx, mode):
    """Go back to a mode that `begin_standard_mode` returned."""
    if mode != types.int64:
        return None

    def generate(context, builder, signature, arguments):
        _write(builder, arguments[0])
        return context.get_dummy_value()

    return types.none(mode), generate


@cache
def _compiled() -> tuple[Any, Any]:
    """Both as functions for Python."""

    def begin_standard():
        return begin_standard_mode()

    def set_again(mode):
        set_mode(mode)

    return entry(begin_standard), entry(set_again)


def is_standard(tiny: float = 2.0**-1022, one: float = 1.0, little: float = 2.0**-60) -> bool:
    """Whether this thread computes as IEEE 754 has it, seen by what comes out."""
    return tiny * 0.5 * 2.0 == tiny and one + little == one and one - little == one


def in_standard_mode(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which Python and NumPy compute as IEEE 754 has it."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_standard():
            return function(*args, **kwargs)
        begin, set_again = _compiled()
        before = begin()
        try:
            return function(*args, **kwargs)
        finally:
            set_again(before)

    return call
