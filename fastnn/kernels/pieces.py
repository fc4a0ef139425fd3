"""Pieces: compiled functions of a training run, which call each other by address.

A kernel with all optimizers, losses and rules would take half a minute to compile, and one for each
combination would mean hundreds of compilations.  So each of them is a separate piece, compiled on
first use and kept on disk.  A call costs about a nanosecond for all lanes.

A piece is compiled for a `Kind`: a number type, a width, and, where it pays, the sizes of one
network.  The source is the same, and so are the bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types

from ..jit.cache import is_kept
from ..jit.compiling import Function, entry, function_for_kernels, inlined, once
from ..lanes.buffers import buffer
from ..lanes.rounding import begin_ieee_mode, set_mode
from ..lanes.types import Buffer
from ..spec.activations import Activation
from .views import RECORD, View, call, call_at, view_of

NUMBERS = {np.dtype(np.float64): types.float64, np.dtype(np.float32): types.float32}


@dataclass(frozen=True)
class Sizes:
    """Properties of a job that are known when a kernel is compiled for it."""

    fields: tuple[tuple[str, int], ...]
    """Sizes, places of regions, and the kernels that the job does not need."""
    layers: tuple[tuple[int, ...], ...]
    """The numbers of each layer."""
    activations: tuple[tuple[Activation, bool], ...]
    """Activation of each layer, and whether it keeps slopes; "identity" if the loss includes it."""
    unrolled: bool
    """True for the loops of the textbook, False for matrix products in blocks."""
    inlined: tuple[tuple[str, Piece], ...] = ()
    """Pieces that are inlined in the kernel for these sizes, by field."""

    def __repr__(self) -> str:
        names = [(activation.name, keeps) for activation, keeps in self.activations]
        pieces = [(name, piece.name) for name, piece in self.inlined]
        return f"Sizes({self.fields}, {self.layers}, {names}, {self.unrolled}, {pieces})"


@dataclass(frozen=True)
class Kind:
    """Target of compilation: `width` networks with numbers of `dtype` in a vector."""

    dtype: np.dtype
    width: int
    sizes: Sizes | None = None
    """None for a kernel that takes any sizes."""
    own_data: bool = False
    """True if each network has samples of its own, in its lane."""

    @property
    def view(self) -> View:
        """The type of the view that kernels get."""
        return View(NUMBERS[self.dtype], self.width, self.sizes)

    @property
    def is_unrolled(self) -> bool:
        """True for the loops of the textbook, False for matrix products in blocks."""
        return self.sizes is not None and self.sizes.unrolled

    def function_of(self, name: str) -> Any:
        """The function of the field `name`: inlined if known, otherwise called by address."""
        known = {} if self.sizes is None else dict(self.sizes.inlined)
        return known[name].make(self) if name in known else _CALLS[name]

    def each_layer(self, layer: Any, *, upwards: bool) -> Any:
        """Make a function that calls ``layer(net, level, …)`` for all but the lowest level.

        With known sizes the calls are chained: for a loop, even of known length, the compiler makes
        one body for all layers (XOR, ns: 23.5 as a loop, 15 chained).
        """
        if self.sizes is None:
            return _loop_upwards(layer) if upwards else _loop_downwards(layer)
        levels = range(1, len(self.sizes.layers))
        chained = _nothing
        for level in levels if upwards else reversed(levels):
            chained = _chained(chained, layer, np.int64(level))
        return chained


@inlined
def _compute(net):
    call(net, net.compute)


@inlined
def _update(net):
    call(net, net.update)


_CALLS = {"compute": _compute, "update": _update}


@inlined
def _nothing(net, *others):
    pass


def _chained(before, layer, level):
    @inlined
    def both(net, *others):
        before(net, *others)
        layer(net, level, *others)

    return both


def _loop_upwards(layer):
    @inlined
    def loop(net, *others):
        for level in range(1, net.depth):
            layer(net, level, *others)

    return loop


def _loop_downwards(layer):
    @inlined
    def loop(net, *others):
        for level in range(net.depth - 1, 0, -1):
            layer(net, level, *others)

    return loop


class Piece:
    """A compiled function of launch record and workspace, for each kind."""

    def __init__(
        self, name: str, make: Callable[[Kind], Any], *, kept: bool = True, home: str = ""
    ) -> None:
        self.name = name
        self.make = make
        self.home = home
        """``module:name`` of a piece that a module holds, or ``module:Class.name``."""
        self.kept = kept
        """True if cached on disk, where keys cover only the sources of this package."""
        self.loaded: set[Kind] = set()
        """Kinds for which it has been compiled in this process."""

    @once
    def function(self, kind: Kind) -> Function:
        """The function for a kind, which may not be compiled yet."""
        inner, view = self.make(kind), view_of(kind.view)

        def run(record, space):
            inner(view(record, space))
            return 0

        # The name is part of the names of machine code and cache file: equal names would mean one
        # function.
        run.__qualname__ = self._name(kind)
        signature = types.int64(RECORD, Buffer(NUMBERS[kind.dtype]))
        return function_for_kernels(run, signature, identity=repr(kind) if self.kept else None)

    def compiled(self, kind: Kind) -> Function:
        """The compiled function."""
        function: Function = self.function(kind)
        function.compile()
        self.loaded.add(kind)
        return function

    def _name(self, kind: Kind) -> str:
        own, what = "" if self.kept else "own_", "special" if kind.sizes else "general"
        data = "_own_data" if kind.own_data else ""
        return f"{own}{self.name}_{kind.width}_{what}{data}"

    @cache  # noqa: B019  pieces live as long as the process
    def kept_file(self, kind: Kind) -> Path | None:
        """The cache file of its machine code, existing or not; None without a cache."""
        general = replace(kind, sizes=None)
        function: Function = self.function(general)
        return function.kept_file(self._name(general), self._name(kind), repr(kind))

    def is_compiled(self, kind: Kind) -> bool:
        """Return whether it is compiled, in this process or on disk."""
        path = self.kept_file(kind)
        return kind in self.loaded or (path is not None and is_kept(path))

    def address(self, kind: Kind) -> int:
        """Address of the machine code in this process; compiles it if necessary."""
        return self.compiled(kind).address


def piece(function: Callable[..., None]) -> Piece:
    """Declare a piece: a function of a view of a run.

    Pieces of other packages are not kept on disk, but compiled by every process.
    """
    inner = inlined(function)
    made = Piece(
        function.__name__, lambda kind: inner, kept=is_own(function), home=home_of(function)
    )
    made.__doc__ = function.__doc__
    return made


def piece_for(make: Callable[[Kind], Any]) -> Piece:
    """Declare a piece by a function that makes it for a kind."""
    made = Piece(make.__name__, make, kept=is_own(make), home=home_of(make))
    made.__doc__ = make.__doc__
    return made


def home_of(function: Callable[..., Any]) -> str:
    """Module and name of a function."""
    return f"{function.__module__}:{function.__name__}"


def is_own(function: Callable[..., Any]) -> bool:
    """Return whether a function belongs to this package."""
    return (function.__module__ or "").startswith("fastnn.")


@once
def _entry():
    def run(address, record, workspace):
        mode = begin_ieee_mode()
        call_at(address, buffer(record), buffer(workspace))
        set_mode(mode)

    return entry(run)


def run_piece(address: int, record: np.ndarray, workspace: np.ndarray) -> None:
    """Call the piece at `address`, without the GIL."""
    _entry()(address, record, workspace)
