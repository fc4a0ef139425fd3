"""How kernels are compiled: every flag in one place, and a cache that cannot go stale."""

import gc
import hashlib
import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, wraps
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import ffi
from numba.core import config, sigutils
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock

from .cache import shared, warn_not_kept

# A kernel without flags of its own would inherit fastmath and error_model from its first caller.
FLAGS = {"nogil": True, "fastmath": False, "error_model": "numpy", "boundscheck": False}

_NOT_COMPILED = (
    "fastnn's kernels exist only compiled, and NUMBA_DISABLE_JIT is set; unset it, "
    "or use fastnn.reference"
)

# Kernels are called by kernels only, and take values that Python cannot hold: no wrappers.
_INNER = {**FLAGS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
kernel = numba.njit(**_INNER)
inlined = numba.njit(**_INNER, forceinline=True)
glue = numba.njit(**FLAGS, inline="always")


@cache
def source_digest() -> int:
    """An integer that changes with every edit of the package."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")


def once(make: Callable[..., Any]) -> Any:
    """`make` that is called once for the same arguments, even by many threads at once.

    They wait at the lock that Numba takes to compile: with one of our own besides it, two threads
    could each hold one and wait for the other.
    """
    made: dict[tuple[Any, ...], Any] = {}

    @wraps(make)
    def locked(*arguments: Any) -> Any:
        with global_compiler_lock:
            if arguments not in made:
                made[arguments] = make(*arguments)
            return made[arguments]

    return cache(locked)


# A child that is forked while another thread compiles would find the locks held by nobody, and wait
# for ever at its first compilation.  So a fork waits until nothing is compiled.
_llvm_lock = getattr(ffi.lib, "_lock", nullcontext())


def _before_fork() -> None:
    global_compiler_lock.acquire()
    _llvm_lock.__enter__()


def _after_fork() -> None:
    _llvm_lock.__exit__(None, None, None)
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def entry(function: Callable[..., Any]) -> Any:
    """Compile a `function` that Python calls, and keep the machine code on disk.

    Numba's cache notices edits of the function's own file only, but its key holds the integers that
    the function closes over.  So an entry is made by a factory and closes over ``source_digest()``.
    """
    if config.DISABLE_JIT:
        raise RuntimeError(_NOT_COMPILED)
    try:
        compiled = numba.njit(**FLAGS, no_cfunc_wrapper=True, cache=True)(function)
    except RuntimeError as error:  # no folder to write to
        warn_not_kept(error)
        return numba.njit(**FLAGS, no_cfunc_wrapper=True)(function)
    compiled._cache = shared(compiled._cache)
    compiled.compile = _without_collector(compiled.compile)
    return compiled


class _Function(CFunc):
    """A function whose machine code is called by its address, as Numba calls its own functions."""

    _wrapper_name: str
    _library: Any
    _cache: Any

    address = 0
    """Where the machine code lies."""

    def compile(self) -> None:
        """Compile or load it, and look its address up, which needs the locks too."""
        with global_compiler_lock:
            super().compile()
            name = self._wrapper_name.removeprefix("cfunc.")
            self.address = int(self._library.get_pointer_to_function(name))

    @property
    def cache_path(self) -> str | None:
        """The folder where it is kept, if it is."""
        path: str | None = self._cache.cache_path
        return path

    @property
    def assembly(self) -> str:
        """The machine code as text."""
        return str(self._library.get_asm_str())


def compile_piece(function: Callable[..., Any], signature: Any, *, keep: bool = True) -> Any:
    """Compile a `function` that other kernels call by its address, and `keep` it on disk."""
    if config.DISABLE_JIT:
        raise RuntimeError(_NOT_COMPILED)
    options = {name: value for name, value in FLAGS.items() if name != "nogil"}
    made = _Function(function, sigutils.normalize_signature(signature), {}, options)
    if keep:
        try:
            made.enable_caching()
        except RuntimeError as error:  # no folder to write to
            warn_not_kept(error)
        else:
            made._cache = shared(made._cache)
    _without_collector(made.compile)()
    return made


def _without_collector(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, during which Python looks for no garbage.

    Numba makes a million objects that live on: to go through them again and again took 0.4 s of the
    2.7 s that the kernel for one network needs.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with global_compiler_lock:  # no child is forked meanwhile, whose collector would stay off
            collects = gc.isenabled()
            gc.disable()
            try:
                return function(*args, **kwargs)
            finally:
                if collects:
                    gc.enable()

    return call
