"""Compilation of kernels: every flag in one place, and a cache that cannot go stale."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, wraps
from pathlib import Path
from threading import Timer
from typing import Any

import numba
from llvmlite.binding import ffi
from numba._dynfunc import make_function
from numba.core import config, sigutils
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompilerBase, DefaultPassBuilder, PassManager
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from .cache import TolerantCache, shared, warn_not_kept

# A kernel without flags of its own would inherit fastmath and error_model from its first caller.
FLAGS = {"nogil": True, "fastmath": False, "error_model": "numpy", "boundscheck": False}

_NOT_COMPILED = (
    "fastnn's kernels run only when compiled, but NUMBA_DISABLE_JIT is set; unset it, or use "
    "fastnn.reference"
)


class _FragmentLibrary(JITCodeLibrary):
    """Code that is linked into its callers, and is optimized and turned into machine code there."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _FragmentLowering(NativeLowering):
    """Numba's last pass, without machine code that nobody would call.

    With that code a piece of thirty small functions took 14 s to compile, without it 4 s.
    """

    _name = "fastnn_fragment_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _FragmentLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        made = state["cr"]

        # The handle that Numba uses; without a wrapper it cannot be called from Python.
        known_as = make_function(
            made.fndesc.lookup_module(), made.fndesc.qualname, "", 0, made.env, (state.library,)
        )
        state.targetctx.insert_user_function(known_as, made.fndesc, [state.library])
        state["cr"] = made._replace(cfunc=known_as)
        return True


class _FragmentCompiler(CompilerBase):
    """Numba's compiler with that pass."""

    def define_pipelines(self) -> list[Any]:
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = PassManager("fastnn_fragment")
        for kind, text in usual.passes:
            passes.add_pass(_FragmentLowering if kind is NativeLowering else kind, text)
        passes.finalize()
        return [passes]


# Only kernels call kernels, with values that Python cannot hold: no wrappers.
_INNER = {
    **FLAGS,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _FragmentCompiler,
}
kernel = numba.njit(**_INNER)
inlined = numba.njit(**_INNER, forceinline=True)


def once(make: Callable[..., Any]) -> Any:
    """Cache `make`, which is called only once for the same arguments, even by many threads.

    Threads wait at the lock that Numba takes to compile: with a second lock of our own, two threads
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


# A child that is forked while another thread compiles would inherit locks that nobody releases, and
# wait forever at its first compilation.  So a fork waits until nothing is compiling.
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


def entry(function: Callable[..., Any], identity: str = "") -> Any:
    """Compile a `function` for Python to call, and keep the machine code on disk.

    Its `identity` stands for its closure.
    """
    if config.DISABLE_JIT:
        raise RuntimeError(_NOT_COMPILED)
    try:
        compiled = numba.njit(**FLAGS, no_cfunc_wrapper=True, cache=True)(function)
    except (RuntimeError, ValueError, OSError) as error:  # no folder to write to, or no source
        warn_not_kept(error)
        return numba.njit(**FLAGS, no_cfunc_wrapper=True)(function)
    compiled._cache = shared(compiled._cache, identity)
    compiled.compile = _without_collector(compiled.compile)
    return compiled


_compiled_here: list[str] = []


def any_kernel_compiled() -> bool:
    """Return whether this process compiled a kernel, instead of loading all from disk."""
    return bool(_compiled_here)


@contextmanager
def announced(missing: bool) -> Iterator[None]:
    """Tell the terminal that kernels are compiling, if some are `missing` and it takes a second."""
    if not (missing and sys.stderr is not None and sys.stderr.isatty()):
        yield
        return
    timer = Timer(1.0, lambda: sys.stderr.write(_COMPILING))
    timer.daemon = True
    with suppress(RuntimeError):  # no thread available
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


_COMPILING = "compiling kernels, once per machine ...\n"


class _WithoutAliases(Compiler):
    """Numba's compiler, told that no two pointer arguments alias.

    Otherwise a write through one pointer may change what the next reads, and nothing stays in a
    register: an epoch of XOR with one network takes 80 ns instead of 70.
    """

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        pipelines: list[Any] = super().define_pipelines()
        return pipelines


class Function(CFunc):
    """A function called by the address of its machine code, as Numba calls its own functions.

    Its arguments must not overlap in memory.
    """

    _wrapper_name: str
    _library: Any
    _cache: Any
    _sig: Any
    _targetdescr: Any

    address = 0
    """Address of the machine code; 0 before it is compiled."""
    identity: str | None = None
    """Name of its closure."""

    def compile(self) -> None:
        """Compile or load the function and look up its address, which also needs the locks."""
        with global_compiler_lock:
            if self.address:
                return
            _without_collector(super().compile)()
            if not self.cache_hits:
                _compiled_here.append(self.__name__)
            name = self._wrapper_name.removeprefix("cfunc.")
            self.address = int(self._library.get_pointer_to_function(name))

    @property
    def cache_path(self) -> str | None:
        """The folder where it is cached, if it is."""
        path: str | None = self._cache.cache_path
        return path

    def kept_file(self, own: str, other: str, identity: str) -> Path | None:
        """The cache file of a similar function with another name and identity, if any."""
        if not isinstance(self._cache, TolerantCache):
            return None
        path = self._cache.file_of(self._sig, self._targetdescr.target_context.codegen(), identity)
        return path and path.with_name(path.name.replace(own, other, 1))

    @property
    def assembly(self) -> str:
        """The machine code as text."""
        return str(self._library.get_asm_str())


def function_for_kernels(
    function: Callable[..., Any], signature: Any, *, identity: str | None
) -> Function:
    """Declare a `function` that other kernels call by address; `compile` compiles it.

    It is cached on disk under its name and `identity`, which stands for its closure; None means
    that every process compiles it.
    """
    if config.DISABLE_JIT:
        raise RuntimeError(_NOT_COMPILED)
    options = {name: value for name, value in FLAGS.items() if name != "nogil"}
    made = Function(function, sigutils.normalize_signature(signature), {}, options, _WithoutAliases)
    made.identity = identity
    if identity is not None:
        try:
            made.enable_caching()
        except (RuntimeError, ValueError, OSError) as error:  # no folder to write to, or no source
            warn_not_kept(error)
        else:
            made._cache = shared(made._cache, identity)
    return made


def _without_collector(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function` so that garbage collection is off during the call.

    Numba makes a million long-lived objects: scanning them again and again took 0.4 s of the 2.7 s
    that the kernel for one network needs.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with global_compiler_lock:  # no child may be forked meanwhile: its collector would stay off
            collects = gc.isenabled()
            gc.disable()
            try:
                return function(*args, **kwargs)
            finally:
                if collects:
                    gc.enable()

    return call
