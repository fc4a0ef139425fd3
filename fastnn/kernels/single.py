"""The passes for one network, with samples side by side in the vectors.

Samples lie tile by tile, and in a tile unit by unit: output j of sample n is number
``j * tile + n``, so that every pass works on full vectors however narrow the layers are.  Sums over
samples come in two orders, told apart by the type of what they go into:

in order (plain numbers)
    Sample after sample, as `passes` has it: the bits of a network trained in lanes.
in lanes (vectors, ``parallel="samples"``)
    `width` sums, of which sum l adds sample l of every group of `width`, in ascending order of
    the groups.  `strips` vectors side by side hold the sums of one number.
"""

from ..frame import (
    ACTIVATION,
    COLUMNS,
    DEPTH,
    FACTORS,
    FORWARD_ONLY,
    HAS_BIAS,
    KEEP_SLOPES,
    LAYERS,
    LEVEL,
    LOSS,
    MONITOR,
    N_IN,
    N_OUT,
    OUTPUTS,
    SLOPE,
    SLOPES,
    TILE_COUNT,
    WEIGHTS,
)
from ..lanes.buffers import across, lane_count, packed
from ..lanes.compiling import glue, kernel
from ..lanes.operations import fma, like, sum_of_halves, sums_of_halves
from ..lanes.pieces import call_piece
from ..lanes.tiles import ITSELF, ZERO
from .passes import activate_few, multiply_by_slope, vectors_of
from .products import multiply, multiply_across

# Steps of 0 and 1 below are computed from `lane_count`: for literals Numba would compile anew.

# Layers of fewer units add their gradients number by number; the others pay for a transposition.
NARROW = 4


@glue
def preactivate(x, w, has_bias, z, tile, blocks, n_in, n_out):
    """``z = b + w.T @ x`` for `blocks` vectors of samples."""
    width, unit = lane_count(across(z)), lane_count(w)
    begin = ITSELF * unit
    zero = like(w[0], 0.0)
    for j in range(n_out):
        start = w[n_in * n_out + j] if has_bias else zero
        row = across(z + j * tile)
        for s in range(blocks):
            row[s] = start
    multiply(
        unit, w, unit, n_out, across(x), tile, width, begin, across(z),
        across(z), tile, width, n_out, blocks, n_in,
    )  # fmt: skip


@glue
def backpropagate(code, w, delta, slopes, before, tile, blocks, n_in, n_out):
    """``before = (w @ delta) * f'``, the deltas of the layer below; f' in terms of `slopes`."""
    width, unit = lane_count(across(before)), lane_count(w)
    multiply(
        unit, w, n_out, unit, across(delta), tile, width, ZERO * unit, across(before),
        across(before), tile, width, n_in, blocks, n_out,
    )  # fmt: skip
    multiply_by_slope(code, packed(slopes), packed(before), vectors_of(slopes, n_in * tile))


@glue
def errors(outputs, targets, error, delta, tile, blocks, n_out):
    """``error = outputs - targets`` and ``delta = 2 error``."""
    for j in range(n_out):
        predicted, wanted = across(outputs + j * tile), across(targets + j * tile)
        e, d = across(error + j * tile), across(delta + j * tile)
        for s in range(blocks):
            difference = predicted[s] - wanted[s]
            e[s] = difference
            d[s] = difference + difference


@glue
def clear_columns(error, delta, tile, begin, end, n_out):
    """Zeros into columns ``begin … end - 1``, which belong to no sample."""
    for j in range(n_out):
        for n in range(begin, end):
            error[j * tile + n] = 0.0
            delta[j * tile + n] = 0.0


@glue
def transpose(delta, tile, count, n_out, transposed):
    """``transposed = delta.T``, so that outputs lie side by side."""
    for n in range(count):
        for j in range(n_out):
            transposed[n * n_out + j] = delta[j * tile + n]


@glue
def _losses_in_order(error, delta, spare, strips, tile, count, n_out, losses):
    loss = losses[0]
    for n in range(count):
        for j in range(n_out):
            e = error[j * tile + n]
            loss = fma(e, e, loss)
            spare[n * n_out + j] = delta[j * tile + n]
    losses[0] = loss


@glue
def _losses_in_lanes(error, delta, spare, strips, tile, count, n_out, losses):
    width = strips * lane_count(losses)
    groups = (count + width - 1) // width
    for s in range(strips):
        loss = losses[s]
        for group in range(groups):
            for j in range(n_out):
                e = across(error + j * tile)[group * strips + s]
                loss = fma(e, e, loss)
        losses[s] = loss


@glue
def add_terms_in_order(frame, terms, work, tile, count, n_out, losses):
    """Add the terms of a loss that is not the plain sum of squares, times the samples' factors."""
    factors = work + frame[FACTORS]
    loss = losses[0]
    for n in range(count):
        for j in range(n_out):
            loss = fma(factors[n], terms[j * tile + n], loss)
    losses[0] = loss


@glue
def add_terms_in_lanes(frame, terms, work, strips, tile, count, n_out, losses):
    """The same in lanes."""
    factors = across(work + frame[FACTORS])
    width = strips * lane_count(losses)
    groups = ((count + width - 1) & -width) // lane_count(losses)
    for s in range(strips):
        loss = losses[s]
        for group in range(s, groups, strips):
            for j in range(n_out):
                loss = fma(factors[group], across(terms + j * tile)[group], loss)
        losses[s] = loss


@glue
def _gradient_in_order(
    x, x_row, delta, transposed, has_bias, one, spare, g, strips, begin, tile, count, n_in, n_out
):
    unit = lane_count(g)
    still = unit - unit
    bias = g + n_in * n_out
    if n_out < NARROW:
        multiply(
            unit, x, x_row, unit, delta, unit, tile,
            begin, g, g, n_out, unit, n_in, n_out, count,
        )  # fmt: skip
        if has_bias:
            multiply(
                unit, one, still, still, delta, unit, tile,
                begin, bias, bias, still, unit, unit, n_out, count,
            )  # fmt: skip
    else:
        if not transposed:
            transpose(delta, tile, count, n_out, spare)
        multiply_across(unit, x, x_row, unit, spare, n_out, begin, g, g, n_out, n_in, n_out, count)
        if has_bias:
            multiply_across(
                unit, one, still, still, spare, n_out, begin, bias, bias, still, unit, n_out, count
            )


@glue
def _gradient_in_lanes(
    x, x_row, delta, transposed, has_bias, one, spare, g, strips, begin, tile, count, n_in, n_out
):
    width = strips * lane_count(g)
    unit = lane_count(x)
    still = unit - unit
    groups = (count + width - 1) // width
    multiply(
        strips, across(x), x_row, width, across(delta), width, tile,
        begin, g, g, n_out * width, width, n_in, n_out, groups,
    )  # fmt: skip
    if has_bias:
        bias = g + n_in * n_out * strips
        multiply(
            strips, one, still, still, across(delta), width, tile,
            begin, bias, bias, still, width, unit, n_out, groups,
        )  # fmt: skip


@glue
def units_out(layers, depth):
    """How many outputs the network has."""
    return (layers + (depth - 1) * COLUMNS)[N_OUT]


@kernel
def collect(sums, strips, count, totals):
    """Into `totals` the `count` sums: of the lanes of each, halves are added until one is left."""
    width = lane_count(sums)
    for m in range(count):
        parts = sums + m * strips
        half = strips // 2
        while half > 0:
            for s in range(half):
                parts[s] = parts[s] + parts[s + half]
            half //= 2
    whole = count // width * width
    for m in range(0, whole, width):
        across(totals + m)[0] = sums_of_halves(sums + m * strips, strips)
    for m in range(whole, count):
        totals[m] = sum_of_halves(sums[m * strips])


@glue
def forward(frame, x, parameters, work, tile, blocks):
    """The outputs of every layer for `blocks` vectors of samples, each into its place in `work`."""
    layers, depth = frame + LAYERS, frame[DEPTH]
    for level in range(depth):
        layer = layers + level * COLUMNS
        n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
        below = x if level == 0 else work + (layers + (level - 1) * COLUMNS)[OUTPUTS]
        z = work + layer[OUTPUTS]
        preactivate(below, parameters + layer[WEIGHTS], has_bias, z, tile, blocks, n_in, n_out)
        if layer[SLOPES] != layer[OUTPUTS]:
            frame[LEVEL] = level
            frame[TILE_COUNT] = tile
            call_piece(frame[KEEP_SLOPES], frame, work)
        else:
            activate_few(layer[ACTIVATION], packed(z), vectors_of(z, n_out * tile))


def _tile_pass(in_lanes, add_losses, add_gradient):
    """The pass over one tile, with sums in lanes or in order.

    ``add_losses`` adds the squares of all errors to the losses, outputs within samples; where sums
    are in order it also transposes the deltas into `spare`: each square waits for the last one, so
    there is time.  ``add_gradient`` makes ``g += x @ delta.T``, and the biases' part
    ``+= delta.sum(axis=1)``, or begins from 0; `transposed`: whether `spare` holds ``delta.T``.
    """

    @glue
    def add_tile(
        frame, x, y, strips, parameters, sums, losses,
        work, delta, other, spare, one, begin, tile, count,
    ):  # fmt: skip
        """Add the losses and the gradient of the `count` samples of one tile."""
        layers, depth = frame + LAYERS, frame[DEPTH]
        narrow = lane_count(across(work))
        width = strips * narrow
        # The width is a power of two, unknown to the compiler, and a division takes 6 ns.
        blocks = ((count + width - 1) & -width) // narrow
        forward(frame, x, parameters, work, tile, blocks)
        layer = layers + (depth - 1) * COLUMNS
        n_out = layer[N_OUT]
        z, slopes = work + layer[OUTPUTS], work + layer[SLOPES]
        plain = frame[LOSS] == 0
        if plain:
            errors(z, y, other, delta, tile, blocks, n_out)
        else:
            frame[TILE_COUNT] = count
            call_piece(frame[LOSS], frame, work)
        if in_lanes:  # over whole groups
            clear_columns(other, delta, tile, count, blocks * narrow, n_out)
        multiply_by_slope(layer[SLOPE], packed(slopes), packed(delta), vectors_of(z, n_out * tile))
        if frame[MONITOR] != 0:
            frame[TILE_COUNT] = count
            call_piece(frame[MONITOR], frame, work)
        if plain:
            add_losses(other, delta, spare, strips, tile, count, n_out, losses)
        elif in_lanes:
            add_terms_in_lanes(frame, other, work, strips, tile, count, n_out, losses)
        else:
            add_terms_in_order(frame, other, work, tile, count, n_out, losses)
        top = depth - 1 if frame[FORWARD_ONLY] == 0 else -1
        for level in range(top, -1, -1):
            layer = layers + level * COLUMNS
            n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
            below = x if level == 0 else work + (layers + (level - 1) * COLUMNS)[OUTPUTS]
            g = sums + layer[WEIGHTS] * (strips if in_lanes else 1)
            add_gradient(
                below, tile, delta, plain and level == depth - 1, has_bias, one, spare, g,
                strips, begin, tile, count, n_in, n_out,
            )  # fmt: skip
            if level > 0:
                lower = layers + (level - 1) * COLUMNS
                w, slopes = parameters + layer[WEIGHTS], work + lower[SLOPES]
                backpropagate(lower[SLOPE], w, delta, slopes, other, tile, blocks, n_in, n_out)
                delta, other = other, delta

    return add_tile


add_tile_in_order = _tile_pass(False, _losses_in_order, _gradient_in_order)
add_tile_in_lanes = _tile_pass(True, _losses_in_lanes, _gradient_in_lanes)
