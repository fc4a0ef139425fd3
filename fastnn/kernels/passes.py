"""The passes of one epoch, as plain loops over samples n, inputs i and outputs j of a layer.

Arguments are buffers; their elements are plain numbers or lane vectors, in any mixture that the
operators allow: parameters in lanes beside data in numbers train as many networks as there are
lanes, numbers throughout train one.  Shapes, row by row: inputs ``x (samples, n_in)``, outputs and
deltas ``(samples, n_out)``, weights ``w (n_in, n_out)`` followed by the biases ``b (n_out,)``.

Every sum has one order, on which the bits of a result depend: pre-activations start from the bias
and add inputs in ascending order, gradients add samples in ascending order, deltas add outputs in
ascending order, the loss adds outputs within samples, and each product is fused into its sum.
"""

from numba.extending import overload

from ..activations import ACTIVATIONS
from ..lanes.buffers import lane_count, load_shared, packed
from ..lanes.compiling import FLAGS, glue, kernel
from ..lanes.operations import fma, like
from ..lanes.types import Lanes
from .plan import ACTIVATION, COLUMNS, HAS_BIAS, N_IN, N_OUT, OUTPUTS, WEIGHTS
from .single import add_gradient_blocks, preactivate_blocks, transpose


@kernel
def preactivate_rest(x, w, has_bias, z, samples, n_in, n_out, done):
    """``z = x @ w + b`` for the columns from `done` on."""
    b = w + n_in * n_out
    zero = like(z[0], 0.0)
    for n in range(samples):
        for j in range(done, n_out):
            total = b[j] if has_bias else zero
            for i in range(n_in):
                total = fma(x[n * n_in + i], w[i * n_out + j], total)
            z[n * n_out + j] = total


@kernel
def add_gradient_rest(x, delta, has_bias, g, samples, n_in, n_out, done):
    """``g += x.T @ delta``, biases' part ``+= delta.sum(axis=0)``, for columns from `done` on."""
    for i in range(n_in):
        for j in range(done, n_out):
            total = g[i * n_out + j]
            for n in range(samples):
                total = fma(x[n * n_in + i], delta[n * n_out + j], total)
            g[i * n_out + j] = total
    if has_bias:
        b = g + n_in * n_out
        for j in range(done, n_out):
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


# One compiled pass serves every activation: which one is a number read once per pass.  Each pass
# is a choice among loops, one loop per definition, with its function inlined.


def _choice(arguments, loops):
    """A kernel of `code` and `arguments` that runs loop number `code`, each branch written out."""
    lines = [f"def choose(code, {arguments}):"]
    for code in range(len(loops)):
        lines.append(f"    {'el' if code else ''}if code == {code}: loop{code}({arguments})")
    namespace = {f"loop{code}": loop for code, loop in enumerate(loops)}
    exec("\n".join(lines), namespace)
    return kernel(namespace["choose"])


def _activation_loop(function):
    @kernel
    def loop(z, count):
        for m in range(count):
            z[m] = function(z[m])

    return loop


def _slope_loop(slope):
    @kernel
    def loop(y, delta, count):
        for m in range(count):
            delta[m] = delta[m] * slope(y[m])

    return loop


def _backpropagation_loop(slope):
    @kernel
    def loop(w, delta, y, before, samples, n_in, n_out):
        zero = like(w[0], 0.0)
        for n in range(samples):
            for i in range(n_in):
                total = zero
                for j in range(n_out):
                    total = fma(w[i * n_out + j], delta[n * n_out + j], total)
                before[n * n_in + i] = total * slope(y[n * n_in + i])

    return loop


activate = _choice("z, count", [_activation_loop(a.function) for a in ACTIVATIONS])
"""``z = f(z)``, element by element."""
multiply_by_slope = _choice("y, delta, count", [_slope_loop(a.slope) for a in ACTIVATIONS])
"""``delta *= f'`` in terms of the outputs y."""
backpropagate = _choice(
    "w, delta, y, before, samples, n_in, n_out",
    [_backpropagation_loop(a.slope) for a in ACTIVATIONS],
)
"""``before = (delta @ w.T) * f'``, the deltas of the layer below, whose outputs are y.

The slope is part of this pass because a pass of its own costs another trip through memory: XOR took
14.4 to 15.5 ns per network and epoch with it and 12.4 to 12.7 without.
"""


@glue
def preactivate(x, w, has_bias, z, samples, n_in, n_out):
    """``z = x @ w + b``."""
    done = preactivate_blocks(x, w, has_bias, z, samples, n_in, n_out)
    if done < n_out:
        preactivate_rest(x, w, has_bias, z, samples, n_in, n_out, done)


@glue
def add_gradient(x, delta, has_bias, g, samples, n_in, n_out):
    """``g += x.T @ delta``, then the biases' part ``+= delta.sum(axis=0)``."""
    done = add_gradient_blocks(x, delta, has_bias, g, samples, n_in, n_out)
    if done < n_out:
        add_gradient_rest(x, delta, has_bias, g, samples, n_in, n_out, done)


@glue
def vectors_of(values, count):
    """How many packed vectors hold the first `count` elements; the last may reach into padding."""
    width = lane_count(packed(values))
    return (count * lane_count(values) + width - 1) // width


def backpropagate_layer(code, w, delta, y, before, spare, samples, n_in, n_out):
    """``before = (delta @ w.T) * f'``, with room for ``w.T`` in `spare`."""
    raise NotImplementedError("compiled code only")


# Not inlined by Numba: its inlining of overloads mixes up variables of this size of function.
@overload(backpropagate_layer, jit_options=FLAGS)
def _backpropagate_layer(code, w, delta, y, before, spare, samples, n_in, n_out):
    def lanes(code, w, delta, y, before, spare, samples, n_in, n_out):
        backpropagate(code, w, delta, y, before, samples, n_in, n_out)

    def numbers(code, w, delta, y, before, spare, samples, n_in, n_out):
        transpose(w, spare, n_in, n_out)
        no_bias = n_in < 0  # never; a literal False would compile the passes once more
        preactivate(delta, spare, no_bias, before, samples, n_out, n_in)
        count = vectors_of(y, samples * n_in)
        multiply_by_slope(code, packed(y), packed(before), count)

    return lanes if isinstance(w.element, Lanes) else numbers


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
        activate(layer[ACTIVATION], packed(z), vectors_of(z, samples * n_out))


@glue
def backward(layers, depth, x, parameters, gradient, work, delta, other, spare, samples):
    """Add the gradient of `samples` samples, given the loss's derivative by the outputs in `delta`.

    `other` is a second buffer for deltas, `spare` room for a layer's weights.
    """
    layer = layers + (depth - 1) * COLUMNS
    y = work + layer[OUTPUTS]
    count = vectors_of(y, samples * layer[N_OUT])
    multiply_by_slope(layer[ACTIVATION], packed(y), packed(delta), count)
    for level in range(depth - 1, 0, -1):
        layer = layers + level * COLUMNS
        below = layers + (level - 1) * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        y = work + below[OUTPUTS]
        g = gradient + layer[WEIGHTS]
        w = parameters + layer[WEIGHTS]
        add_gradient(y, delta, has_bias, g, samples, n_in, n_out)
        backpropagate_layer(below[ACTIVATION], w, delta, y, other, spare, samples, n_in, n_out)
        delta, other = other, delta
    add_gradient(x, delta, layers[HAS_BIAS] != 0, gradient, samples, layers[N_IN], layers[N_OUT])


@glue
def loss_and_gradient(
    layers, depth, x, y, samples, tile,
    parameters, gradient, n_parameters, work, delta, other, spare, stop,
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
        backward(layers, depth, inputs, parameters, gradient, work, delta, other, spare, count)
    return loss
