"""Activations of whole layers: inlined if known, otherwise called by address.

The elements of a layer are contiguous, so they form one row of numbers, processed in vectors of any
width.
"""

from functools import cache

import numpy as np

from ..jit.compiling import inlined, once
from ..lanes.buffers import numbers
from ..lanes.matrices import matrix, packed, packed_wide, regrouped
from ..spec.activations import Activation
from .pieces import Piece
from .textbook import activate, multiply_by_slope
from .views import call, deltas, layer_at, slopes

# The index of the part, if all networks form one part: see `forward_backward.parts_of`.
ALL = np.int64(0)


@inlined
def row_of(net, place, count):
    """The `count` elements of a region, of all networks, as one row of numbers."""
    return matrix(net.space + place * net.lanes, 1, count * net.lanes, 0, 1, 0)


def activate_by_halves(first, second, end):
    """Apply a function cut in two halves: one number begins while the previous one ends.

    XOR's sigmoids, ns each: 0.21 instead of 0.25.  With few elements the latency matters: one
    network would take 140 ns for an epoch of XOR instead of 100.
    """

    @inlined
    def activate(Z):
        x = Z[0, 0]
        a, b = first(x), second(x)
        for m in range(1, Z.columns):
            x_next = Z[0, m]
            a_next, b_next = first(x_next), second(x_next)
            Z[0, m - 1] = end(x, a, b)
            x, a, b = x_next, a_next, b_next
        Z[0, Z.columns - 1] = end(x, a, b)

    return activate


def activate_and_keep(f, slope, of_input):
    """``A = f(Z)`` in place, and ``S = f'(Z) + offset``."""

    @inlined
    def activate(Z, S, offset):
        for n in range(Z.rows):
            for j in range(Z.columns):
                x = Z[n, j]
                y = f(x)
                S[n, j] = slope(x if of_input else y) + offset
                Z[n, j] = y

    return activate


@inlined
def multiply_by_kept(S, D):
    """``D *= S``, the kept slopes."""
    for n in range(D.rows):
        for j in range(D.columns):
            D[n, j] = D[n, j] * S[n, j]


def _vectors(width):
    """View of a row in vectors of `width`, like the surrounding loops, or packed.

    Numbers written in vectors of one width and read in another go through single numbers once the
    loops are unrolled: 5.7 instead of 4.4 ns for an epoch of XOR in float32.
    """
    return packed if width is None else regrouped(width)


@cache
def _forward(activation, keeps, by_halves, width=None):
    """Make a function of (net, level, samples): the activation of a layer."""
    vectors = packed_wide if by_halves else _vectors(width)
    plain = activate(activation.function)
    if by_halves:
        plain = activate_by_halves(*activation.halves)
    keep = activate_and_keep(activation.function, activation.slope, activation.of_input)

    @inlined
    def forward(net, level, samples):
        layer = layer_at(net, level)
        Z = row_of(net, layer.outputs, samples * layer.n_out)
        plain(vectors(Z))

    @inlined
    def forward_and_keep(net, level, samples):
        layer = layer_at(net, level)
        count = samples * layer.n_out
        Z, S = row_of(net, layer.outputs, count), row_of(net, layer.slopes, count)
        keep(vectors(Z), vectors(S), net.slope_offset[0])

    return forward_and_keep if keeps else forward


@cache
def _backward(activation, keeps):
    """Make a function of (net, level, samples): a layer's deltas times its slopes."""
    factor = multiply_by_kept if keeps else multiply_by_slope(activation.slope)

    @inlined
    def backward(net, level, samples):
        layer = layer_at(net, level)
        count = samples * layer.n_out
        region = net.other if (net.depth - level) & 1 == 0 else net.delta
        D = matrix(numbers(region.data), 1, count * net.lanes, 0, 1, 0)
        factor(packed(row_of(net, layer.slopes, count)), packed(D))

    return backward


def _for_any_layer(function):
    """Make the piece of a layer's function; level and samples are in the record."""

    @inlined
    def run(net):
        function(net, net.level, net.tile_count)

    return run


@once
def activation_pieces(activation: Activation, keeps: bool) -> tuple[Piece, Piece]:
    """The pieces of one activation, forward and backward; `keeps`: slopes have their own place."""
    kept = "_and_keep" if keeps else ""
    own = activation.is_own

    def forward(kind):
        by_halves = not keeps and kind.width > 1 and activation.halves is not None
        return _for_any_layer(_forward(activation, keeps, by_halves))

    def backward(kind):
        return _for_any_layer(_backward(activation, keeps))

    return (
        Piece(f"{activation.name}{kept}", forward, kept=own),
        Piece("slope_kept" if keeps else f"{activation.name}_slope", backward, kept=own),
    )


def activation_of(kind):
    """``(net, level, samples)``: the activation of a layer."""
    if kind.sizes is None:

        @inlined
        def forward(net, level, samples):
            net.level, net.tile_count = level, samples
            call(net, layer_at(net, level).activate)

        return forward
    width = kind.width if kind.is_unrolled else None
    return _by_level([_forward(*each, False, width) for each in kind.sizes.activations])


def slope_of(kind):
    """``(net, level, s, samples)``: a layer's deltas times its slopes, in one part."""
    if kind.is_unrolled:
        _, multiply = loops_of(kind)

        @inlined
        def of_strip(net, level, s, samples):
            S, D = slopes(net, level, samples), deltas(net, level, samples)
            multiply(net, level, S[s], D[s])

        return of_strip
    if kind.sizes is None:

        @inlined
        def by_address(net, level, s, samples):
            net.level, net.tile_count = level, samples
            call(net, layer_at(net, level).multiply_by_slope)

        return by_address
    known = _by_level([_backward(*each) for each in kind.sizes.activations])

    @inlined
    def of_all(net, level, s, samples):
        known(net, level, samples)

    return of_all


def _by_level(functions):
    """Choose the function by level; a constant level leaves only one."""
    chosen = functions[-1]
    for level, function in reversed(list(enumerate(functions[:-1]))):
        if function is not chosen:
            chosen = _either(np.int64(level), function, chosen)
    return chosen


def _either(at, function, others):
    @inlined
    def choose(net, level, *arguments):
        if level == at:
            function(net, level, *arguments)
        else:
            others(net, level, *arguments)

    return choose


def loops_of(kind):
    """``(net, level, Z, S)`` and ``(net, level, S, D)``: the same for matrices of any shape.

    S holds the outputs or, if they have their own place, the slopes.
    """
    forwards, backwards = [], []
    for activation, keeps in kind.sizes.activations:
        forward, backward = _loops(activation, keeps)
        forwards.append(forward)
        backwards.append(backward)
    return _by_level(forwards), _by_level(backwards)


@cache
def _loops(activation, keeps):
    plain, slope = activate(activation.function), multiply_by_slope(activation.slope)
    keep = activate_and_keep(activation.function, activation.slope, activation.of_input)

    @inlined
    def forward(net, level, Z, S):
        plain(Z)

    @inlined
    def forward_and_keep(net, level, Z, S):
        keep(Z, S, net.slope_offset[0])

    @inlined
    def backward(net, level, S, D):
        slope(S, D)

    @inlined
    def backward_kept(net, level, S, D):
        multiply_by_kept(S, D)

    return (forward_and_keep, backward_kept) if keeps else (forward, backward)
