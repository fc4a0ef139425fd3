"""The pass for one small network of known sizes: the textbook's loops over vectors of samples.

Forward pass and deltas use vectors of neighbouring samples; sums over samples take them one by one,
in order, from the same memory.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.matrices import regrouped, spread
from ..lanes.operations import fma
from ..lanes.types import register_bytes
from .activation import loops_of
from .one_network import ONE, add_terms
from .one_network_views import deltas, outputs, slopes, unit_rows
from .textbook import add_gradient, backpropagate, preactivate, squared_errors
from .views import biases, call, layer_at, weights

LOWEST = np.int64(0)


def samples_at_once(kind):
    """Number of samples in a vector: a full register, or half of one if too much would be empty.

    Divisions take twice as long in a register of AVX-512 as in half of one, and the rest about
    equally long: overall, a factor of 1.6 is assumed.  ns an epoch with 4 and 8 float64 in a
    vector: XOR, of 4 samples, 68 and 81; 10-5-10, of 10 samples, 690 and 735.
    """
    samples = dict(kind.sizes.fields)["samples"]
    most = register_bytes() // kind.dtype.itemsize

    def time(count):
        return -(-samples // count) * (1.6 if register_bytes() == 64 and count == most else 1.0)

    return most if time(most) <= time(most // 2) else most // 2


@inlined
def sum_of_squares(A, Y, sse):
    """``sse + sum((A - Y)**2)``, sample after sample."""
    for n in range(A.rows):
        for j in range(A.columns):
            error = A[n, j] - Y[n, j]
            sse = fma(error, error, sse)
    return sse


def _forward(kind, in_vectors):
    activate, _ = loops_of(kind)

    @inlined
    def layer(net, level, A, count):
        Z = in_vectors(outputs(net, level, count)).T
        W, b = weights(net, net.parameters, level), biases(net, net.parameters, level)
        preactivate(in_vectors(A).T, spread(W, Z), spread(b, Z), Z)
        activate(net, level, Z, in_vectors(slopes(net, level, count)).T)

    @inlined
    def upper_layer(net, level, count):
        layer(net, level, outputs(net, level - 1, count), count)

    upper_layers = kind.each_layer(upper_layer, upwards=True)

    @inlined
    def forward(net, X):
        layer(net, LOWEST, X, X.columns)
        upper_layers(net, X.columns)

    return forward


def _errors(kind, in_vectors):
    _, multiply_by_slope = loops_of(kind)

    @inlined
    def errors(net, Y, count):
        last = net.depth - 1
        A, D = outputs(net, last, count), in_vectors(deltas(net, last, count)).T
        net.tile_count = count
        if net.loss == 0:
            squared_errors(in_vectors(A).T, in_vectors(Y).T, D, D.zero)
        else:
            call(net, net.loss)
        multiply_by_slope(net, last, in_vectors(slopes(net, last, count)).T, D)
        if net.monitor != 0:
            call(net, net.monitor)
        loss = net.sum_of_losses[0, 0]
        if net.loss == 0:
            loss = sum_of_squares(A.T, Y.T, loss)
        else:
            factors = unit_rows(net, net.factors.data, ONE, count)
            loss = add_terms(factors, unit_rows(net, net.other.data, Y.rows, count), loss)
        net.sum_of_losses[0, 0] = loss

    return errors


def _backward(kind, in_vectors):
    _, multiply_by_slope = loops_of(kind)

    @inlined
    def gradient(net, level, A, count, fresh):
        dW, db = weights(net, net.gradient, level), biases(net, net.gradient, level)
        add_gradient(A.T, deltas(net, level, count).T, dW, db, fresh)

    @inlined
    def upper_layer(net, level, count, fresh):
        gradient(net, level, outputs(net, level - 1, count), count, fresh)
        D = in_vectors(deltas(net, level, count)).T
        D_below = in_vectors(deltas(net, level - 1, count)).T
        backpropagate(D, spread(weights(net, net.parameters, level), D), D_below)
        S = in_vectors(slopes(net, level - 1, count)).T
        multiply_by_slope(net, level - 1, S, D_below)

    upper_layers = kind.each_layer(upper_layer, upwards=False)

    @inlined
    def backward(net, X, fresh):
        upper_layers(net, X.columns, fresh)
        gradient(net, LOWEST, X, X.columns, fresh)

    return backward


def small_tile_pass(kind):
    """The pass over one tile, with sums in order."""
    in_vectors = regrouped(samples_at_once(kind))
    forward, errors = _forward(kind, in_vectors), _errors(kind, in_vectors)
    backward = _backward(kind, in_vectors)

    @inlined
    def add_tile(net, place, count, begin):
        n_in, n_targets = layer_at(net, 0).n_in, net.n_targets
        X = unit_rows(net, net.x + place * n_in, n_in, count)
        Y = unit_rows(net, net.y + place * n_targets, n_targets, count)
        forward(net, X)
        errors(net, Y, count)
        if net.forward_only == 0:
            backward(net, X, begin == 0)

    return add_tile
