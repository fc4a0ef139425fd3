"""The processor's floating-point mode: kernels always compute in that of IEEE 754.

Each thread has its own mode.  Some libraries, such as those compiled with ``-ffast-math``, set a
mode that flushes denormal numbers to zero, or that rounds in another way, and do not restore it.
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

# Rounding to nearest, with denormal numbers, and without traps.
STANDARD = {"x86_64": 0x1F80, "aarch64": 0}
ARCHITECTURE = binding.get_process_triple().partition("-")[0].replace("arm64", "aarch64")


def _read(builder: Any) -> Any:
    """Read the mode as an integer of 64 bits; 0 if that is not possible."""
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
    """Set the mode, if that is possible."""
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
def begin_ieee_mode(typingctx):
    """Switch to the mode of IEEE 754; returns the previous mode."""

    def generate(context, builder, signature, arguments):
        before = _read(builder)
        _write(builder, ir.IntType(64)(STANDARD.get(ARCHITECTURE, 0)))
        return before

    return types.int64(), generate


@intrinsic
def set_mode(typingctx, mode):
    """Restore a mode that `begin_ieee_mode` returned."""
    if mode != types.int64:
        return None

    def generate(context, builder, signature, arguments):
        _write(builder, arguments[0])
        return context.get_dummy_value()

    return types.none(mode), generate


@cache
def _compiled() -> tuple[Any, Any]:
    """Both functions, compiled for Python."""

    def begin_ieee():
        return begin_ieee_mode()

    def set_again(mode):
        set_mode(mode)

    return entry(begin_ieee), entry(set_again)


def is_standard(tiny: float = 2.0**-1022, one: float = 1.0, little: float = 2.0**-60) -> bool:
    """Return whether this thread computes as in IEEE 754, judged by results."""
    return tiny * 0.5 * 2.0 == tiny and one + little == one and one - little == one


def in_ieee_mode(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap `function` so that Python and NumPy compute as in IEEE 754."""

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
