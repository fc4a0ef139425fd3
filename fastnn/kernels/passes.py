"""The passes of one epoch over a tile of samples: forward, loss, backward, gradient.

The element m of a region of memory is `strips` lane vectors side by side, which hold one number of
each of `unit` networks; `unit` numbers lie between elements.  Shapes, row by row: inputs
``x (samples, n_in)``, outputs and deltas ``(samples, n_out)``, weights ``w (n_in, n_out)`` followed
by the biases ``b (n_out,)``.

Every sum has one order, on which the bits of a result depend: pre-activations start from the bias
and add inputs in ascending order, gradients add samples in ascending order, deltas add outputs in
ascending order, the loss adds outputs within samples, and each product is fused into its sum.
"""

import re

from ..activations import ACTIVATIONS, COMMON, KEPT
from ..frame import (
    ACTIVATION,
    BATCH_SIZE,
    BEGIN,
    COLUMNS,
    DELTA,
    DEPTH,
    END,
    FORWARD_ONLY,
    GATHERED_X,
    GRADIENT,
    HAS_BIAS,
    KEEP_SLOPES,
    LANES,
    LAYERS,
    LEVEL,
    LOSS,
    LOSS_GATHERED,
    LOSSES,
    MONITOR,
    N_IN,
    N_OUT,
    ONE,
    OTHER,
    OUTPUTS,
    PARAMETERS,
    PASS_SAMPLES,
    SAMPLES,
    SLOPE,
    SLOPES,
    STOP,
    STRIPS,
    TILE,
    TILE_COUNT,
    TILE_FIRST,
    WEIGHTS,
    X,
    Y,
)
from ..lanes.buffers import in_lanes, lane_count, load_shared, packed, packed_wide
from ..lanes.compiling import glue, kernel
from ..lanes.operations import fma, like
from ..lanes.pieces import at_address, call_piece, piece
from ..lanes.tiles import ITSELF, ROW, ZERO
from .products import multiply


def choice(name, arguments, bodies, codes=None):
    """A kernel of `code` and `arguments` that runs the body of that code, source and what it names.

    Its `name` must be its own: in machine code that is kept, Numba tells functions apart by names,
    types and a number in order of compilation, which in another process another may get.

    One compiled pass serves every activation: which one is a number read once per pass.  Codes
    count the bodies unless they are given.
    """
    lines, namespace = [f"def {name}(code, {arguments}):"], {"fma": fma, "like": like}
    for code, (body, names) in zip(codes or range(len(bodies)), bodies, strict=True):
        lines.append(f"    if code == {code}:")
        for used, function in names.items():
            namespace[f"{used}{code}"] = function
            body = re.sub(rf"\b{used}\(", f"{used}{code}(", body)
        lines += [f"        {line}" for line in body.splitlines()]
    exec("\n".join(lines), namespace)
    return kernel(namespace[name])


_ACTIVATE = """
for m in range(count):
    z[m] = FUNCTION(z[m])
"""
_ACTIVATE_BY_HALVES = """
x = z[0]
a, b = FIRST(x), SECOND(x)
for m in range(1, count):
    x_next = z[m]
    a_next, b_next = FIRST(x_next), SECOND(x_next)
    z[m - 1] = END(x, a, b)
    x, a, b = x_next, a_next, b_next
z[count - 1] = END(x, a, b)
"""
_MULTIPLY_BY_SLOPE = """
for m in range(count):
    delta[m] = delta[m] * SLOPE(y[m])
"""
_OUTPUT_ERRORS = """
for s in range(strips):
    loss = losses[s]
    for m in range(count):
        y = outputs[m * strips + s]
        error = y - targets[m]
        loss = fma(error, error, loss)
        delta[m * strips + s] = (error + error) * SLOPE(y)
    losses[s] = loss
"""


def _activation(a):
    if a.halves is None:
        return _ACTIVATE, {"FUNCTION": a.function}
    return _ACTIVATE_BY_HALVES, dict(zip(("FIRST", "SECOND", "END"), a.halves, strict=True))


activate = choice("activate", "z, count", [_activation(a) for a in ACTIVATIONS[:COMMON]])
"""``z = f(z)``, element by element, of at least one; a softmax is left to who needs it."""
activate_few = choice(
    "activate_few",
    "z, count",
    [(_ACTIVATE, {"FUNCTION": a.function}) for a in ACTIVATIONS[:COMMON]],
)
"""The same, for one network: with few elements the first result matters.  XOR took 100 ns an epoch
with it and 140 by halves."""
multiply_by_slope = choice(
    "multiply_by_slope",
    "y, delta, count",
    [(_MULTIPLY_BY_SLOPE, {"SLOPE": a.slope}) for a in ACTIVATIONS[:COMMON]]
    + [("for m in range(count):\n    delta[m] = delta[m] * y[m]", {})],
    [*range(COMMON), KEPT],
)
"""``delta *= f'`` in terms of the outputs y, or of the slopes where they are kept."""
output_errors = choice(
    "output_errors",
    "strips, outputs, targets, delta, count, losses",
    [(_OUTPUT_ERRORS, {"SLOPE": a.slope}) for a in ACTIVATIONS[:COMMON]],
)
"""Add ``sum((outputs - targets)**2)`` to the losses; its derivative by the last layer's
pre-activations goes into `delta`."""


@glue
def vectors_of(values, count):
    """How many packed vectors hold the first `count` numbers; the last may reach into padding."""
    width = lane_count(packed(values))
    return (count + width - 1) // width


@glue
def wide_vectors_of(values, count):
    """The same for the widest vectors."""
    width = lane_count(packed_wide(values))
    return (count + width - 1) // width


@glue
def preactivate(strips, unit, x, x_row, x_step, w, has_bias, z, samples, n_in, n_out):
    """``z = x @ w + b``."""
    b = w + n_in * n_out * strips
    row = n_out * unit
    multiply(
        strips, x, x_row, x_step, w, row, unit,
        ROW if has_bias else ZERO, b, z, row, unit, samples, n_out, n_in,
    )  # fmt: skip


@glue
def add_gradient(
    strips, unit, x, x_row, x_step, delta, has_bias, one, g, begin, samples, n_in, n_out
):
    """``g += x.T @ delta``, then the biases' part ``+= delta.sum(axis=0)``; or begin from 0."""
    row = n_out * unit
    multiply(
        strips, x, x_step, x_row, delta, row, unit, begin, g, g, row, unit, n_in, n_out, samples
    )
    if has_bias:
        b = g + n_in * n_out * strips
        still = strips - strips  # and no literal 0, for which Numba would compile anew
        multiply(
            strips, one, still, still, delta, row, unit,
            begin, b, b, still, unit, still + 1, n_out, samples,
        )  # fmt: skip


@glue
def backpropagate(strips, unit, code, w, delta, slopes, before, samples, n_in, n_out):
    """``before = (delta @ w.T) * f'``, the deltas of the layer below; f' in terms of `slopes`."""
    row = n_in * unit
    multiply(
        strips, delta, n_out * unit, unit, w, unit, n_out * unit,
        ZERO * strips, before, before, row, unit, samples, n_in, n_out,
    )  # fmt: skip
    multiply_by_slope(code, packed(slopes), packed(before), vectors_of(slopes, samples * row))


@glue
def forward(frame, space, strips, unit, x, x_unit, parameters, work, samples):
    """The outputs of every layer for `samples` samples, each into its place in `work`."""
    layers, depth = frame + LAYERS, frame[DEPTH]
    for level in range(depth):
        layer = layers + level * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        w = parameters + layer[WEIGHTS] * strips
        z = work + layer[OUTPUTS] * strips
        if level == 0:
            preactivate(
                strips, unit, x, n_in * x_unit, x_unit, w, has_bias, z, samples, n_in, n_out
            )
        else:
            below = work + (layers + (level - 1) * COLUMNS)[OUTPUTS] * strips
            row = n_in * unit
            preactivate(strips, unit, below, row, unit, w, has_bias, z, samples, n_in, n_out)
        if layer[SLOPES] != layer[OUTPUTS]:
            frame[LEVEL] = level
            frame[TILE_COUNT] = samples
            call_piece(frame[KEEP_SLOPES], frame, space)
        else:
            count = wide_vectors_of(z, samples * n_out * unit)
            activate(layer[ACTIVATION], packed_wide(z), count)


@glue
def backward(
    strips, unit, layers, depth, x, x_unit, parameters, gradient, work, delta, other, one, begin,
    samples,
):  # fmt: skip
    """Add the gradient of `samples` samples, given the last layer's deltas.

    `other` is a second buffer for deltas.
    """
    for level in range(depth - 1, 0, -1):
        layer = layers + level * COLUMNS
        below = layers + (level - 1) * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        y = work + below[OUTPUTS] * strips
        g = gradient + layer[WEIGHTS] * strips
        w = parameters + layer[WEIGHTS] * strips
        add_gradient(
            strips, unit, y, n_in * unit, unit, delta, has_bias, one, g, begin,
            samples, n_in, n_out,
        )  # fmt: skip
        slopes = work + below[SLOPES] * strips
        backpropagate(strips, unit, below[SLOPE], w, delta, slopes, other, samples, n_in, n_out)
        delta, other = other, delta
    n_in, n_out, has_bias = layers[N_IN], layers[N_OUT], layers[HAS_BIAS] != 0
    add_gradient(
        strips, unit, x, n_in * x_unit, x_unit, delta, has_bias, one, gradient, begin,
        samples, n_in, n_out,
    )  # fmt: skip


def _whole_pass(gathered):
    """The piece that makes a pass over samples that all lanes share, or over each lane's own."""

    def loss_and_gradient(digest, width):
        def compute(frame, space):
            digest  # noqa: B018  closed over, so that the cache's key changes with the sources
            work = in_lanes(space, width)
            strips, unit, depth, tile = frame[STRIPS], frame[LANES], frame[DEPTH], frame[TILE]
            layers = frame + LAYERS
            x, y = at_address(frame[X], space), at_address(frame[Y], space)
            x_unit = lane_count(space)
            stop = at_address(frame[STOP], frame)
            parameters = work + frame[PARAMETERS] * strips
            gradient, losses = work + frame[GRADIENT] * strips, work + frame[LOSSES] * strips
            delta, other = work + frame[DELTA] * strips, work + frame[OTHER] * strips
            one = space + frame[ONE] * unit
            outputs = layers + (depth - 1) * COLUMNS
            n_out = outputs[N_OUT]
            slopes, slope = work + outputs[SLOPES] * strips, outputs[SLOPE]
            start = frame[BEGIN] * frame[BATCH_SIZE]
            end = min(frame[SAMPLES], frame[END] * frame[BATCH_SIZE])
            if gathered:
                start, end = start - start, end - start
            frame[PASS_SAMPLES] = end - start
            for s in range(strips):
                losses[s] = like(losses[s], 0.0)
            first = start
            while first < end and load_shared(stop) == 0:
                count = min(tile, end - first)
                if gathered:
                    inputs = work + (frame[GATHERED_X] + first * layers[N_IN]) * strips
                    x_unit = unit
                else:
                    inputs = x + first * layers[N_IN]
                forward(frame, space, strips, unit, inputs, x_unit, parameters, work, count)
                if frame[LOSS] == 0 and not gathered:
                    predicted, targets = work + outputs[OUTPUTS] * strips, y + first * n_out
                    output_errors(slope, strips, predicted, targets, delta, count * n_out, losses)
                else:
                    frame[TILE_FIRST], frame[TILE_COUNT] = first, count
                    call_piece(frame[LOSS_GATHERED if gathered else LOSS], frame, space)
                    elements = vectors_of(slopes, count * n_out * unit)
                    multiply_by_slope(slope, packed(slopes), packed(delta), elements)
                if frame[MONITOR] != 0 and not gathered:
                    frame[TILE_FIRST], frame[TILE_COUNT] = first, count
                    call_piece(frame[MONITOR], frame, space)
                if frame[FORWARD_ONLY] == 0:
                    backward(
                        strips, unit, layers, depth, inputs, x_unit, parameters, gradient, work,
                        delta, other, one, ZERO if first == start else ITSELF, count,
                    )  # fmt: skip
                first += tile
            return 0

        return compute

    loss_and_gradient.__name__ += "_gathered" if gathered else ""
    return piece(loss_and_gradient)


loss_and_gradient = _whole_pass(False)
"""The losses at the parameters and their gradient, over the batches at hand.

A tile's activations stay in the first-level cache between the way forward and the way back; its
size changes no sum's order.  If the work is to stop, the results mean nothing.
"""
gathered_loss_and_gradient = _whole_pass(True)
"""The same over the batch that was gathered for each lane."""
