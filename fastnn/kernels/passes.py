"""The passes of one epoch, as plain loops over samples n, inputs i and outputs j of a layer.

Arguments are buffers; their elements are plain numbers or lane vectors, in any mixture that the
operators allow: parameters in lanes beside data in numbers train as many networks as there are
lanes, numbers throughout train one.  Shapes, row by row: inputs ``x (samples, n_in)``, outputs and
deltas ``(samples, n_out)``, weights ``w (n_in, n_out)`` followed by the biases ``b (n_out,)``.

Every sum has one order, on which the bits of a result depend: pre-activations start from the bias
and add inputs in ascending order, gradients add samples in ascending order, deltas add outputs in
ascending order, the loss adds outputs within samples, and each product is fused into its sum.
"""

from ..activations import ACTIVATIONS
from ..lanes.buffers import lane_count, load_shared, packed
from ..lanes.compiling import glue, kernel
from ..lanes.operations import fma, like
from .plan import ACTIVATION, COLUMNS, HAS_BIAS, N_IN, N_OUT, OUTPUTS, WEIGHTS


@kernel
def preactivate(x, w, has_bias, z, samples, n_in, n_out):
    """``z = x @ w + b``."""
    b = w + n_in * n_out
    zero = like(z[0], 0.0)
    for n in range(samples):
        for j in range(n_out):
            total = b[j] if has_bias else zero
            for i in range(n_in):
                total = fma(x[n * n_in + i], w[i * n_out + j], total)
            z[n * n_out + j] = total


@kernel
def add_gradient(x, delta, has_bias, g, samples, n_in, n_out):
    """``g += x.T @ delta``, then the biases' part ``+= delta.sum(axis=0)``."""
    for i in range(n_in):
        for j in range(n_out):
            total = g[i * n_out + j]
            for n in range(samples):
                total = fma(x[n * n_in + i], delta[n * n_out + j], total)
            g[i * n_out + j] = total
    if has_bias:
        b = g + n_in * n_out
        for j in range(n_out):
            total = b[j]
            for n in range(samples):
                total = total + delta[n * n_out + j]
            b[j] = total


@kernel
def squared_error(outputs, targets, delta, count, loss):
    """``loss + sum((outputs - targets)**2)``, and its derivative into `delta`."""
    for m in range(count):
        error = outputs[m] - targets[m]
        loss = fma(error, error, loss)
        delta[m] = error + error
    return loss


# One compiled pass serves every activation: which one is a number read once per pass.  The passes
# below are chains of loops, one loop per definition, each with its function inlined.


@glue
def _no_activation(code, z, count):
    pass


@glue
def _no_slope(code, y, delta, count):
    pass


@glue
def _no_backpropagation(code, w, delta, y, before, samples, n_in, n_out):
    pass


def _activation_link(own_code, function, next_link):
    @kernel
    def loop(z, count):
        for m in range(count):
            z[m] = function(z[m])

    @glue
    def activate(code, z, count):
        if code == own_code:
            loop(z, count)
        else:
            next_link(code, z, count)

    return activate


def _slope_link(own_code, slope, next_link):
    @kernel
    def loop(y, delta, count):
        for m in range(count):
            delta[m] = delta[m] * slope(y[m])

    @glue
    def multiply_by_slope(code, y, delta, count):
        if code == own_code:
            loop(y, delta, count)
        else:
            next_link(code, y, delta, count)

    return multiply_by_slope


def _backpropagation_link(own_code, slope, next_link):
    @kernel
    def loop(w, delta, y, before, samples, n_in, n_out):
        for n in range(samples):
            for i in range(n_in):
                total = w[i * n_out] * delta[n * n_out]
                for j in range(1, n_out):
                    total = fma(w[i * n_out + j], delta[n * n_out + j], total)
                before[n * n_in + i] = total * slope(y[n * n_in + i])

    @glue
    def backpropagate(code, w, delta, y, before, samples, n_in, n_out):
        if code == own_code:
            loop(w, delta, y, before, samples, n_in, n_out)
        else:
            next_link(code, w, delta, y, before, samples, n_in, n_out)

    return backpropagate


activate = _no_activation
"""``z = f(z)``, element by element."""
multiply_by_slope = _no_slope
"""``delta *= f'`` in terms of the outputs y."""
backpropagate = _no_backpropagation
"""``before = (delta @ w.T) * f'``, the deltas of the layer below, whose outputs are y.

The slope is part of this pass because a pass of its own costs another trip through memory: XOR took
14.4 to 15.5 ns per network and epoch with it and 12.4 to 12.7 without.
"""
for _code, _activation in reversed(list(enumerate(ACTIVATIONS))):
    activate = _activation_link(_code, _activation.function, activate)
    multiply_by_slope = _slope_link(_code, _activation.slope, multiply_by_slope)
    backpropagate = _backpropagation_link(_code, _activation.slope, backpropagate)


@glue
def forward(layers, depth, x, parameters, work, samples):
    """The outputs of every layer for `samples` samples, each into its place in `work`."""
    for level in range(depth):
        layer = layers + level * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        w = parameters + layer[WEIGHTS]
        z = work + layer[OUTPUTS]
        if level == 0:
            preactivate(x, w, has_bias, z, samples, n_in, n_out)
        else:
            below = work + (layers + (level - 1) * COLUMNS)[OUTPUTS]
            preactivate(below, w, has_bias, z, samples, n_in, n_out)
        # The last vector may reach into the region's padding, where any value will do.
        vectors = packed(z)
        width = lane_count(vectors)
        count = (samples * n_out * lane_count(z) + width - 1) // width
        activate(layer[ACTIVATION], vectors, count)


@glue
def backward(layers, depth, x, parameters, gradient, work, delta, other, samples):
    """Add the gradient of `samples` samples, given the loss's derivative by the outputs in `delta`.

    `other` is a second buffer for deltas; both are overwritten.
    """
    layer = layers + (depth - 1) * COLUMNS
    multiply_by_slope(layer[ACTIVATION], work + layer[OUTPUTS], delta, samples * layer[N_OUT])
    for level in range(depth - 1, 0, -1):
        layer = layers + level * COLUMNS
        below = layers + (level - 1) * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        y = work + below[OUTPUTS]
        g = gradient + layer[WEIGHTS]
        w = parameters + layer[WEIGHTS]
        add_gradient(y, delta, has_bias, g, samples, n_in, n_out)
        backpropagate(below[ACTIVATION], w, delta, y, other, samples, n_in, n_out)
        delta, other = other, delta
    add_gradient(x, delta, layers[HAS_BIAS] != 0, gradient, samples, layers[N_IN], layers[N_OUT])


@glue
def loss_and_gradient(
    layers, depth, x, y, samples, tile,
    parameters, gradient, n_parameters, work, delta, other, stop,
):  # fmt: skip
    """The loss at `parameters`; its gradient goes into `gradient`.  Samples are taken tile by tile.

    A tile's activations stay in the first-level cache between the way forward and the way back;
    its size changes no sum's order.  If `stop` is set on the way, the results mean nothing.
    """
    outputs = layers + (depth - 1) * COLUMNS
    n_out = outputs[N_OUT]
    zero = like(parameters[0], 0.0)
    loss = zero
    for m in range(n_parameters):
        gradient[m] = zero
    for first in range(0, samples, tile):
        if load_shared(stop) != 0:
            break
        count = min(tile, samples - first)
        inputs = x + first * layers[N_IN]
        targets = y + first * n_out
        forward(layers, depth, inputs, parameters, work, count)
        loss = squared_error(work + outputs[OUTPUTS], targets, delta, count * n_out, loss)
        backward(layers, depth, inputs, parameters, gradient, work, delta, other, count)
    return loss
