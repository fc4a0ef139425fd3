"""The passes over the samples of an epoch: the textbook's loops, layer by layer.

A layer's sums are the loops of `fastnn.kernels.textbook` for small networks of known sizes,
otherwise matrix products with a block of results in registers.  Both compute the same sums in the
same order.  Samples are processed in tiles that fit the first two levels of cache.
"""

import numpy as np

from ..jit.compiling import inlined
from ..lanes.buffers import load_shared, numbers
from ..lanes.matrices import matrix, sized
from .activation import activation_of, slope_of
from .matmul import matmul as general_matmul
from .matmul import matmul_of_known_size
from .matmul_tile import ITSELF, ROW, ZERO
from .own_rows import counter_of, own_samples, tails_of
from .pieces import piece_for
from .textbook import add_gradient, backpropagate, preactivate, squared_errors
from .views import biases, call, deltas, layer_at, outputs, weights

# A literal 0 would make Numba compile layers again.
LOWEST = np.int64(0)


def parts_of(kind):
    """``(net)``: the number of parts into which the networks are divided.

    With unrolled loops each strip is a part, and its numbers stay in registers from the errors to
    the gradient.  Otherwise all strips form one part, number 0, and `matmul` loops over them.  In
    float32, ns with a loop over the strips in every function, and by parts: XOR 5.0 and 4.6, 3-4-1
    19.9 and 18.5.
    """

    @inlined
    def strips(net):
        return net.strips

    @inlined
    def one(net):
        return np.int64(1)

    return strips if kind.is_unrolled else one


def layer_products(kind):
    """``Z = A @ W + b``, ``D @ W.T`` and the gradient of one part, by loops or in blocks."""
    if kind.is_unrolled:

        @inlined
        def forward(net, A, W, b, Z):
            preactivate(A, W, b, Z)

        @inlined
        def backward(net, D, W, D_below):
            backpropagate(D, W, D_below)

        @inlined
        def gradient(net, A, D, dW, db, fresh):
            add_gradient(A, D, dW, db, fresh)

    else:
        matmul = general_matmul if kind.sizes is None else matmul_of_known_size

        @inlined
        def forward(net, A, W, b, Z):
            matmul(net.strips, Z, A, W, ROW if b.rows else ZERO, b)

        @inlined
        def backward(net, D, W, D_below):
            matmul(net.strips, D_below, D, W.T, ZERO, D_below)

        @inlined
        def gradient(net, A, D, dW, db, fresh):
            begin = ZERO if fresh else ITSELF
            matmul(net.strips, dW, A.T, D, begin, dW)
            if db.rows:
                ones = matrix(numbers(net.one.data), 1, D.rows, 0, 0, 0)
                matmul(net.strips, db, ones, D, begin, db)

    return forward, backward, gradient


def forward_pass(kind):
    """``A = f(A_below @ W + b)``, layer by layer upwards from the inputs X."""
    preactivate, _, _ = layer_products(kind)
    activate, parts = activation_of(kind), parts_of(kind)
    clear_tail, _ = tails_of(kind)

    @inlined
    def layer(net, level, A, samples):
        W, b = weights(net, net.parameters, level), biases(net, net.parameters, level)
        Z = outputs(net, level, samples)
        for s in range(parts(net)):
            preactivate(net, A[s], W[s], b[s], Z[s])
        activate(net, level, samples)
        clear_tail(net, level, samples)

    @inlined
    def upper_layer(net, level, samples):
        layer(net, level, outputs(net, level - 1, samples), samples)

    upper_layers = kind.each_layer(upper_layer, upwards=True)

    @inlined
    def forward(net, X):
        layer(net, LOWEST, X, X.rows)
        upper_layers(net, X.rows)

    return forward


def backward_pass(kind):
    """``dW += A_below.T @ D`` and ``D_below = (D @ W.T) f'``, layer by layer downwards."""
    _, backpropagate, add_gradient = layer_products(kind)
    multiply_by_slope = slope_of(kind)
    _, clear_tail = tails_of(kind)

    @inlined
    def gradient(net, level, s, A, fresh):
        D = deltas(net, level, A.rows)
        dW, db = weights(net, net.gradient, level), biases(net, net.gradient, level)
        add_gradient(net, A[s], D[s], dW[s], db[s], fresh)

    @inlined
    def upper_layer(net, level, s, samples, fresh):
        gradient(net, level, s, outputs(net, level - 1, samples), fresh)
        D, D_below = deltas(net, level, samples), deltas(net, level - 1, samples)
        backpropagate(net, D[s], weights(net, net.parameters, level)[s], D_below[s])
        multiply_by_slope(net, level - 1, s, samples)
        clear_tail(net, level - 1, s, samples)

    upper_layers = kind.each_layer(upper_layer, upwards=False)

    @inlined
    def backward(net, s, X, fresh):
        multiply_by_slope(net, net.depth - 1, s, X.rows)
        clear_tail(net, net.depth - 1, s, X.rows)
        upper_layers(net, s, X.rows, fresh)
        gradient(net, LOWEST, s, X, fresh)

    return backward


@inlined
def shared_samples(net, first, count):
    """Inputs and targets of a tile's samples, shared by all networks."""
    n_in, n_targets = layer_at(net, LOWEST).n_in, net.n_targets
    X = matrix(net.x + first * n_in, count, n_in, n_in, 1, 0)
    return X, matrix(net.y + first * n_targets, count, n_targets, n_targets, 1, 0)


def samples_of(kind):
    """The samples of a tile, shared or each network's own: a function of (net, first, count)."""
    return own_samples if kind.own_data else shared_samples


@inlined
def gathered_samples(net, first, count):
    """The same for a batch that was gathered for each network, and lies by itself."""
    n_in, n_targets = layer_at(net, LOWEST).n_in, net.n_targets
    first = first - net.begin * net.batch_size
    X = sized(net.gathered_x + first * n_in, count, n_in)
    return X, sized(net.gathered_y + first * n_targets, count, n_targets)


def plain_errors(kind):
    """``(net, s, Y)``: add the squared errors of part s to the losses; derivatives go to deltas."""

    @inlined
    def of_strip(net, s, Y):
        last = net.depth - 1
        A, D = outputs(net, last, Y.rows), deltas(net, last, Y.rows)
        net.losses[0, s] = squared_errors(A[s], Y[s], D[s], net.losses[0, s])

    @inlined
    def of_all(net, s, Y):
        for each in range(net.strips):
            of_strip(net, each, Y)

    return of_strip if kind.is_unrolled else of_all


def _pass_over(kind, samples_of, is_gathered):
    """Make the pass over samples shared by all networks or, gathered, each network's own."""
    forward, backward, parts = forward_pass(kind), backward_pass(kind), parts_of(kind)
    errors, count_samples = plain_errors(kind), counter_of(kind)

    @inlined
    def errors_and_gradient(net, X, Y, fresh):
        if is_gathered:
            call(net, net.loss_gathered)
        elif net.loss != 0:
            call(net, net.loss)
        for s in range(parts(net)):
            if not is_gathered and net.loss == 0:
                errors(net, s, Y)
            if net.forward_only == 0:
                backward(net, s, X, fresh)

    @inlined
    def compute(net):
        start, end = np.int64(0), net.samples
        if net.batches > 1:
            start = net.begin * net.batch_size
            end = min(net.samples, net.end * net.batch_size)
        net.pass_samples = end - start
        count_samples(net, start, end)
        for s in range(net.strips):
            net.losses[0, s] = net.losses.zero
        first = start
        while first < end and load_shared(net.stop) == 0:
            count = min(net.tile, end - first)
            net.tile_first, net.tile_count = first, count
            X, Y = samples_of(net, first, count)
            forward(net, X)
            errors_and_gradient(net, X, Y, first == start)
            if net.monitor != 0 and not is_gathered:
                call(net, net.monitor)
            first += net.tile

    return compute


@piece_for
def loss_and_gradient(kind):
    """The losses at the parameters, and their gradient, over the current batches.

    A tile's activations stay in the cache between the forward and the backward pass; its size does
    not change the order of any sum.  If the work is to stop, the results are meaningless.
    """
    return _pass_over(kind, samples_of(kind), False)


@piece_for
def gathered_loss_and_gradient(kind):
    """The same over the batch that was gathered for each network."""
    return _pass_over(kind, gathered_samples, True)
