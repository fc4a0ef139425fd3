"""The losses other than the plain sum of squares: terms and deltas of a tile of samples.

A term is computed from the last layer's outputs, or from its input if the loss fixes the last
activation; then the output replaces the input.  Every term is multiplied by its sample's factor and
fused into the sum, targets within samples.

Matrices have a row for each sample.  Targets T and terms L have a column for each target; inputs or
outputs Z, and deltas D, have as many for each output of a target: first that output for all
targets, then the next.  `factors` has one column.  H has the numbers of the loss, one in each row.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..jit.compiling import inlined, once
from ..lanes.buffers import lane_count, numbers
from ..lanes.elementwise import formula_at
from ..lanes.math.exponentials import exp
from ..lanes.math.logarithms import log
from ..lanes.matrices import in_registers, sized
from ..lanes.operations import fma, like, magnitude, select
from ..spec.activations import BY_NAME
from ..spec.loss_formulas import LossFormula
from ..spec.losses import MEAN, MEAN_OF_SAMPLES
from .forward_backward import gathered_samples, samples_of
from .layout import COMMON, OWN, UNWEIGHTED
from .one_network_views import outputs as unit_outputs
from .one_network_views import unit_rows
from .own_rows import clear_outputs, fill_tail
from .pieces import Piece, piece_for
from .views import deltas, layer_at, outputs

# A literal would make Numba compile the called function again.
ONE = np.int64(1)


def terms_of_one_output(term, slope):
    """``L = term(Z, T)`` and ``D = factor * slope(Z, T)``, target by target."""

    @inlined
    def terms_and_deltas(Z, T, L, D, factors, H):
        for n in range(Z.rows):
            factor = factors[n, 0]
            for j in range(T.columns):
                value, delta = term(Z, T, H, n, j), factor * slope(Z, T, H, n, j)
                L[n, j], D[n, j] = value, delta

    return terms_and_deltas


def terms_of_input(term, slope, f):
    """``A = f(Z)``, ``L = term(Z, T)`` and ``D = factor * slope(A, T)``, target by target."""

    @inlined
    def terms_and_deltas(Z, T, L, D, factors, H):
        for n in range(Z.rows):
            factor = factors[n, 0]
            for j in range(T.columns):
                value = term(Z, T, H, n, j)
                Z[n, j] = f(Z[n, j])
                L[n, j], D[n, j] = value, factor * slope(Z, T, H, n, j)

    return terms_and_deltas


def terms_of_outputs(term, slopes):
    """``L = term(Z, T)``, and the deltas of every output: the same for several of them."""
    write = _nothing
    for place, slope in enumerate(slopes):
        write = _with_delta(write, slope, np.int64(place))

    @inlined
    def terms_and_deltas(Z, T, L, D, factors, H):
        for n in range(Z.rows):
            for j in range(T.columns):
                L[n, j] = term(Z, T, H, n, j)
                write(Z, T, D, factors[n, 0], H, n, j)

    return terms_and_deltas


@inlined
def _nothing(Z, T, D, factor, H, n, j):
    pass


def _with_delta(before, slope, place):
    @inlined
    def write(Z, T, D, factor, H, n, j):
        before(Z, T, D, factor, H, n, j)
        D[n, j + place * T.columns] = factor * slope(Z, T, H, n, j)

    return write


@inlined
def largest(Z, n):
    """``max(Z[n])``."""
    top = Z[n, 0]
    for j in range(1, Z.columns):
        top = select(Z[n, j] > top, Z[n, j], top)
    return top


@inlined
def softmax(Z):
    """``A = exp(Z) / sum(exp(Z))`` over the outputs of each sample, in place."""
    for n in range(Z.rows):
        top, total = largest(Z, n), Z.zero
        for j in range(Z.columns):
            Z[n, j] = exp(Z[n, j] - top)
            total = total + Z[n, j]
        for j in range(Z.columns):
            Z[n, j] = Z[n, j] / total


@inlined
def softmax_terms(Z, T, L, D, factors, H):
    """``A = softmax(Z)``, ``L = -T log(A)`` and ``D = factor * (A sum(T) - T)``.

    The logarithm is ``Z - max(Z) - log(sum(exp(Z - max(Z))))``, without overflow.
    """
    for n in range(Z.rows):
        factor, top, total, wanted = factors[n, 0], largest(Z, n), Z.zero, Z.zero
        for j in range(Z.columns):
            z = Z[n, j] - top
            power = exp(z)
            total = total + power
            wanted = wanted + T[n, j]
            L[n, j], Z[n, j] = z, power
        whole = log(total)
        for j in range(Z.columns):
            t, a = T[n, j], Z[n, j] / total
            Z[n, j] = a
            L[n, j] = t * (whole - L[n, j])
            D[n, j] = factor * fma(a, wanted, -t)


@inlined
def numbers_of_loss(net):
    """The numbers of the loss, a row for each."""
    return sized(net.hyper + net.loss_hyper, ONE, ONE)


@cache
def _terms_of(formula):
    """The function of a loss: terms and deltas of a tile."""
    if formula.term is None:
        return softmax_terms
    term, *slopes = (
        formula_at(function, formula.outputs, formula.numbers)
        for function in (formula.term, *formula.slopes)
    )
    if formula.activation is not None:
        return terms_of_input(term, *slopes, BY_NAME[formula.activation].function)
    if len(slopes) > 1:
        return terms_of_outputs(term, slopes)
    return terms_of_one_output(term, *slopes)


@inlined
def mean_factor(net, example):
    """The common factor of all terms of the current pass."""
    return factor_for(net, like(example, net.pass_samples))


@inlined
def factor_for(net, count):
    """The common factor of all terms of a pass over `count` samples."""
    one, example = like(count, 1.0), count
    if net.loss_scale == MEAN:
        return one / (count * like(example, net.n_targets))
    if net.loss_scale == MEAN_OF_SAMPLES:
        return one / count
    return one


@inlined
def weigh(net, first, count, scale, factors):
    """``factors[n, s] = scale * weight``, for samples in the given order."""
    for n in range(count):
        for s in range(net.strips):
            factor = scale
            if net.weighting == OWN:
                factor = scale * net.own_weights[first + n, s]
            elif net.weighting == COMMON:
                factor = scale * net.sample_weights[first + n]
            factors[n, s] = factor


@inlined
def weigh_gathered(net, first, count, scale, factors):
    """The same for the batch that was gathered for each network."""
    place = first - net.begin * net.batch_size
    for n in range(count):
        for s in range(net.strips):
            factor = scale
            if net.weighting != UNWEIGHTED:
                factor = scale * net.gathered_weights[place + n, s]
            factors[n, s] = factor


@inlined
def weigh_own(net, first, count, scale, factors):
    """The same for samples of each network's own, which may differ in number."""
    _weigh_by_lane(net, net.own_weights, first, count, factors)


@inlined
def weigh_own_gathered(net, first, count, scale, factors):
    """The same for the batch that was gathered of them."""
    place = first - net.begin * net.batch_size
    _weigh_by_lane(net, net.gathered_weights, place, count, factors)


@inlined
def _weigh_by_lane(net, weights, first, count, factors):
    for s in range(net.strips):
        own = factor_for(net, net.pass_rows[0, s])
        for n in range(count):
            factor = own
            if net.weighting == OWN:
                factor = own * weights[first + n, s]
            factors[n, s] = factor


def weigh_of(kind):
    """The function of samples in the given order."""
    return weigh_own if kind.own_data else weigh


@inlined
def _no_tail(net, L):
    pass


@inlined
def _drop_tail(net, L):
    """Take the terms beyond each network's last sample out of the loss."""
    for s in range(net.strips):
        fill_tail(net, s, L[s], -0.0)
    clear_outputs(net, net.depth - 1, L.rows)


def drop_tail_of(kind):
    """The function that takes tails out of the loss, if networks have any."""
    return _drop_tail if kind.own_data else _no_tail


def _losses_of_tile(terms_and_deltas, samples_of, weigh, drop_tail):
    """Make a function that adds a tile's losses, and writes their derivatives into the deltas."""

    @inlined
    def add_losses(net):
        first, count, level = net.tile_first, net.tile_count, net.depth - 1
        Z, D = outputs(net, level, count), deltas(net, level, count)
        _, T = samples_of(net, first, count)
        L, factors = sized(net.other, count, T.columns), sized(net.factors, count, ONE)
        weigh(net, first, count, mean_factor(net, Z.zero), net.factors)
        H = numbers_of_loss(net)
        for s in range(net.strips):
            terms_and_deltas(Z[s], T[s], L[s], D[s], factors[s], H[s])
        drop_tail(net, L)
        losses = net.losses
        for n in range(count):
            for s in range(net.strips):
                loss, factor = losses[0, s], net.factors[n, s]
                for j in range(L.columns):
                    loss = fma(factor, L[s][n, j], loss)
                losses[0, s] = loss

    return add_losses


def _terms_of_tile(terms_and_deltas):
    """Make a function for the terms and deltas of a tile of one network's samples, side by side."""

    @inlined
    def make_terms(net):
        count, level = net.tile_count, net.depth - 1
        n_out, n_targets = layer_at(net, level).n_out, net.n_targets
        Z = in_registers(unit_outputs(net, level, count)).T
        T = in_registers(unit_rows(net, net.y + net.tile_place * n_targets, n_targets, count)).T
        L = in_registers(unit_rows(net, numbers(net.other.data), n_targets, count)).T
        D = in_registers(unit_rows(net, numbers(net.delta.data), n_out, count)).T
        row = unit_rows(net, numbers(net.factors.data), ONE, count)
        weigh(net, net.tile_first, count, mean_factor(net, row.zero), row.T)
        factors = in_registers(row).T
        for n in range(count, factors.rows * lane_count(factors.data)):  # padding
            row[0, n] = 0.0
        terms_and_deltas(Z, T, L, D, factors, numbers_of_loss(net))

    return make_terms


class LossPieces(NamedTuple):
    """The pieces of one loss."""

    shared: Piece
    """Piece for a tile of samples in the given order, shared by all networks or not."""
    gathered: Piece
    """Piece for a tile of samples that were gathered for each network."""
    one_network: Piece
    """Piece for a tile of one network's samples, side by side, without the sum."""


@once
def loss_pieces(formula: LossFormula) -> LossPieces:
    """The pieces of a loss."""
    name, terms, kept = formula.name, _terms_of(formula), not formula.is_own

    def shared(kind):
        return _losses_of_tile(terms, samples_of(kind), weigh_of(kind), drop_tail_of(kind))

    def gathered(kind):
        weigh_batch = weigh_own_gathered if kind.own_data else weigh_gathered
        return _losses_of_tile(terms, gathered_samples, weigh_batch, drop_tail_of(kind))

    def one_network(kind):
        return _terms_of_tile(terms)

    return LossPieces(
        Piece(f"{name}_losses", shared, kept=kept),
        Piece(f"{name}_gathered_losses", gathered, kept=kept),
        Piece(f"{name}_terms", one_network, kept=kept),
    )


def _penalties(distance):
    """Make a function that adds penalties, the squares those of ``distance(net, m, s)``."""

    @inlined
    def add(net):
        parameters, gradient = net.parameters, net.gradient
        l2, l1 = net.penalties, net.penalties + net.n_parameters
        for s in range(net.strips):
            loss, zero = net.losses[0, s], net.losses.zero
            for m in range(net.n_parameters):
                w, square, size = parameters[m, s], l2[m], like(zero, l1[m])
                d = distance(net, m, s)
                loss = fma(square * d, d, loss)
                loss = fma(size, magnitude(w), loss)
                sign = select(w > zero, size, select(w < zero, -size, zero))
                gradient[m, s] = fma(like(loss, square + square), d, gradient[m, s]) + sign
            net.losses[0, s] = loss

    return add


@inlined
def _from_zero(net, m, s):
    return net.parameters[m, s]


@inlined
def _from_start(net, m, s):
    start = net.rule_state + -net.n_parameters  # the optimizer's last slot
    return net.parameters[m, s] - start[m, s]


@piece_for
def add_penalties(kind):
    """``loss += sum(l2 * w**2 + l1 * abs(w))``, with its derivative added to the gradient."""
    return _penalties(_from_zero)


@piece_for
def add_penalties_from_start(kind):
    """The same with ``l2 * (w - v)**2``, v being the parameter at the start."""
    return _penalties(_from_start)
