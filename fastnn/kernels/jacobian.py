"""Residuals and their Jacobian, of many networks.

Row n * n_out + j of the Jacobian holds the derivatives of output j for sample n with respect to all
parameters: back-propagation of a delta that is 1 at output j and 0 at the others, not summed over
the samples.  A row has the layout of the parameters.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import numbers
from ..lanes.elementwise import formula_at
from ..lanes.operations import like, sqrt
from ..spec.loss_formulas import SQUARES
from ..spec.network import Network
from .activation import slope_of
from .forward_backward import forward_pass, layer_products, parts_of, shared_samples
from .losses import mean_factor, numbers_of_loss, weigh_of
from .pieces import piece_for
from .views import biases, deltas, layer_at, outputs, weights

# Samples whose rows lie side by side, if the Jacobian need not be kept as a whole.
SAMPLES_AT_ONCE = 16
# A literal 0 would make Numba compile layers again.
LOWEST = np.int64(0)


@inlined
def n_outputs(net):
    """Number of outputs of a network."""
    return layer_at(net, net.depth - 1).n_out


def square_roots_of(kind):
    """The square roots of the samples' factors in the loss: (net, first, samples, roots)."""
    weigh = weigh_of(kind)

    @inlined
    def square_roots(net, first, samples, roots):
        weigh(net, first, samples, mean_factor(net, roots.zero), roots)
        for n in range(samples):
            for s in range(net.strips):
                roots[n, s] = sqrt(roots[n, s])

    return square_roots


@inlined
def seed(net, roots, Y, unit):
    """``D[n] = roots[n] e``, the derivatives of output `unit`'s residuals by the outputs."""
    D = deltas(net, net.depth - 1, Y.rows)
    for n in range(Y.rows):
        for j in range(D.columns):
            for s in range(net.strips):
                D[s][n, j] = roots[n, s] if j == unit else D.zero


def seed_of(slope):
    """Make the same for residuals whose slopes by the outputs are a formula."""

    @inlined
    def seed(net, roots, Y, unit):
        A, D = outputs(net, net.depth - 1, Y.rows), deltas(net, net.depth - 1, Y.rows)
        H = numbers_of_loss(net)
        for n in range(Y.rows):
            for j in range(D.columns):
                for s in range(net.strips):
                    own = roots[n, s] * slope(A[s], Y[s], H[s], n, unit)
                    D[s][n, j] = own if j == unit else D.zero

    return seed


def outer_product(chosen):
    """Make a function of (net, s, a, d, dW, db) for one sample, in strip s."""

    @inlined
    def outer(net, s, a, d, dW, db):
        """``dW = outer(a, d)`` and ``db = d``."""
        for i in range(dW.rows):
            for j in range(dW.columns):
                dW[i, j] = chosen(net, s, a[0, i] * d[0, j], dW[i, j])
        for i in range(db.rows):
            for j in range(db.columns):
                db[i, j] = chosen(net, s, d[0, j], db[i, j])

    return outer


def jacobian_pass(kind, chosen, formula):
    """The Jacobian of samples whose outputs are computed, times the roots of their factors.

    A function of (net, X, Y, roots, J).  It writes ``chosen(net, s, new, old)`` for each number, in
    strip s.
    """
    _, backpropagate, _ = layer_products(kind)
    multiply_by_slope, parts = slope_of(kind), parts_of(kind)
    outer, begin = outer_product(chosen), seed
    if formula is not SQUARES:
        begin = seed_of(formula_at(formula.residual[1], 1, formula.numbers))

    @inlined
    def layer(net, level, A, unit, J):
        D = deltas(net, level, A.rows)
        for n in range(A.rows):
            row = J + (n * n_outputs(net) + unit) * net.n_parameters
            dW, db = weights(net, row, level), biases(net, row, level)
            for s in range(net.strips):
                outer(net, s, (A + n)[s], (D + n)[s], dW[s], db[s])

    @inlined
    def upper_layer(net, level, samples, unit, J):
        layer(net, level, outputs(net, level - 1, samples), unit, J)
        D, D_below = deltas(net, level, samples), deltas(net, level - 1, samples)
        for s in range(parts(net)):
            backpropagate(net, D[s], weights(net, net.parameters, level)[s], D_below[s])
            multiply_by_slope(net, level - 1, s, samples)

    upper_layers = kind.each_layer(upper_layer, upwards=False)

    @inlined
    def jacobian(net, X, Y, roots, J):
        for unit in range(n_outputs(net)):
            begin(net, roots, Y, unit)
            for s in range(parts(net)):
                multiply_by_slope(net, net.depth - 1, s, X.rows)
            upper_layers(net, X.rows, unit, J)
            layer(net, LOWEST, X, unit, J)

    return jacobian


def scratch_numbers(net: Network, samples: int) -> int:
    """Size of the scratch memory of `jacobians` for each network."""
    rows = min(samples, SAMPLES_AT_ONCE)
    return rows * (1 + net.sizes[-1] * net.n_parameters)


@inlined
def always(net, s, new, old):
    """Choose the new number."""
    return new


@inlined
def write_rows(net, J, first, count):
    """Write the rows of `count` samples of every network into its row of the results."""
    size = n_outputs(net) * net.n_parameters
    rows = numbers(J.data)
    for lane in range(net.lanes):
        if net.lane_state[lane] >= 0:
            out = net.out_jacobian + (net.lane_state[lane] * net.samples + first) * size
            for m in range(count * size):
                out[m] = rows[m * net.lanes + lane]


@piece_for
def jacobians(kind):
    """The Jacobian of the outputs of every network, written into its row of the results."""
    forward, jacobian = forward_pass(kind), jacobian_pass(kind, always, SQUARES)

    @inlined
    def compute(net):
        tile = min(min(net.tile, SAMPLES_AT_ONCE), net.samples)
        roots, J = net.scratch, net.scratch + tile
        for s in range(net.strips):
            net.losses[0, s] = net.losses.zero
            for n in range(tile):
                roots[n, s] = like(roots.zero, 1.0)
        first = 0
        while first < net.samples:
            count = min(tile, net.samples - first)
            X, Y = shared_samples(net, first, count)
            forward(net, X)
            jacobian(net, X, Y, roots, J)
            write_rows(net, J, first, count)
            first += tile

    return compute
