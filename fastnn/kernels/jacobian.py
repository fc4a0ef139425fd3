"""Residuals and their Jacobian, for many networks in lanes.

Row n * n_out + j of the Jacobian holds the derivatives of output j for sample n by all parameters:
back-propagation of a delta that is 1 at output j and 0 at the others, before it is summed over the
samples.
"""

from ..frame import (
    COLUMNS,
    COMMON,
    DEPTH,
    HAS_BIAS,
    LAYERS,
    N_IN,
    N_OUT,
    OUTPUTS,
    OWN,
    SAMPLE_WEIGHTS,
    SLOPE,
    SLOPES,
    STRIPS,
    WEIGHTING,
    WEIGHTS,
)
from ..lanes.buffers import packed
from ..lanes.compiling import glue
from ..lanes.operations import like, select, sqrt
from ..lanes.pieces import at_address
from .losses import mean_factor
from .passes import backpropagate, multiply_by_slope, vectors_of


def _writers(blends):
    """Writers of a layer's rows; those that blend leave the rows of lanes without `yes` alone."""

    @glue
    def write(strips, yes, value, place, s):
        if blends:
            place[s] = select(yes[s] > 0.0, value, place[s])
        else:
            place[s] = value

    @glue
    def rows_of_layer(strips, yes, a, delta, rows, row_step, has_bias, samples, n_in, n_out):
        """``rows[n] = outer(a[n], delta[n])`` and, for the biases, ``delta[n]``."""
        for n in range(samples):
            row = rows + n * row_step
            for i in range(n_in):
                for j in range(n_out):
                    place = row + (i * n_out + j) * strips
                    left, right = a + (n * n_in + i) * strips, delta + (n * n_out + j) * strips
                    for s in range(strips):
                        write(strips, yes, left[s] * right[s], place, s)
            if has_bias:
                for j in range(n_out):
                    place = row + (n_in * n_out + j) * strips
                    for s in range(strips):
                        write(strips, yes, delta[(n * n_out + j) * strips + s], place, s)

    @glue
    def rows_of_first_layer(strips, yes, x, delta, rows, row_step, has_bias, samples, n_in, n_out):
        """The same for the inputs, which all networks share."""
        for n in range(samples):
            row = rows + n * row_step
            for i in range(n_in):
                value = x[n * n_in + i]
                for j in range(n_out):
                    place = row + (i * n_out + j) * strips
                    right = delta + (n * n_out + j) * strips
                    for s in range(strips):
                        write(strips, yes, value * right[s], place, s)
            if has_bias:
                for j in range(n_out):
                    place = row + (n_in * n_out + j) * strips
                    for s in range(strips):
                        write(strips, yes, delta[(n * n_out + j) * strips + s], place, s)

    return rows_of_layer, rows_of_first_layer


@glue
def roots(frame, space, work, first, samples, factors):
    """The square roots of the samples' factors in the loss."""
    strips, depth = frame[STRIPS], frame[DEPTH]
    n_out = (frame + (LAYERS + (depth - 1) * COLUMNS))[N_OUT]
    scale = mean_factor(frame, factors[0], n_out)
    for n in range(samples):
        for s in range(strips):
            factor = scale
            if frame[WEIGHTING] == COMMON:
                factor = scale * at_address(frame[SAMPLE_WEIGHTS], space)[first + n]
            elif frame[WEIGHTING] == OWN:
                own = work + frame[SAMPLE_WEIGHTS] * strips
                factor = scale * own[(first + n) * strips + s]
            factors[n * strips + s] = sqrt(factor)


def _all_rows(blends):
    rows_of_layer, rows_of_first_layer = _writers(blends)

    @glue
    def jacobian_rows(
        frame, strips, unit, x, parameters, work, delta, other, samples, n_parameters, factors,
        yes, rows,
    ):  # fmt: skip
        """The rows of `samples` samples whose outputs are in place, times the samples' factors."""
        layers, depth = frame + LAYERS, frame[DEPTH]
        last = layers + (depth - 1) * COLUMNS
        units = last[N_OUT]
        row_step = n_parameters * strips * units
        for unit_out in range(units):
            into = rows + unit_out * n_parameters * strips
            for n in range(samples):
                for j in range(units):
                    for s in range(strips):
                        factor = factors[n * strips + s]
                        if j != unit_out:
                            factor = like(factor, 0.0)
                        delta[(n * units + j) * strips + s] = factor
            slopes = work + last[SLOPES] * strips
            elements = vectors_of(slopes, samples * units * unit)
            multiply_by_slope(last[SLOPE], packed(slopes), packed(delta), elements)
            here, there = delta, other
            for level in range(depth - 1, 0, -1):
                layer, below = layers + level * COLUMNS, layers + (level - 1) * COLUMNS
                n_in, n_out, has_bias = layer[N_IN], layer[N_OUT], layer[HAS_BIAS] != 0
                rows_of_layer(
                    strips, yes, work + below[OUTPUTS] * strips, here,
                    into + layer[WEIGHTS] * strips, row_step, has_bias, samples, n_in, n_out,
                )  # fmt: skip
                backpropagate(
                    strips, unit, below[SLOPE], parameters + layer[WEIGHTS] * strips, here,
                    work + below[SLOPES] * strips, there, samples, n_in, n_out,
                )  # fmt: skip
                here, there = there, here
            rows_of_first_layer(
                strips, yes, x, here, into, row_step, layers[HAS_BIAS] != 0, samples, layers[N_IN],
                layers[N_OUT],
            )  # fmt: skip

    return jacobian_rows


jacobian_rows = _all_rows(False)
blended_rows = _all_rows(True)
"""The same, written only into the rows of lanes whose `yes` is not 0."""
