"""Residuals and their Jacobian, for many networks in lanes.

Row n * n_out + j of the Jacobian holds the derivatives of output j for sample n by all parameters:
back-propagation of a delta that is 1 at output j and 0 at the others, before it is summed over the
samples.
"""

from ..frame import (
    COLUMNS,
    DELTA,
    DEPTH,
    HAS_BIAS,
    LANE_STATE,
    LANES,
    LAYERS,
    LOSSES,
    N_IN,
    N_OUT,
    N_PARAMETERS,
    OTHER,
    OUT_JACOBIAN,
    OUTPUTS,
    PARAMETERS,
    SAMPLES,
    SCRATCH,
    SLOPE,
    SLOPES,
    STRIPS,
    TILE,
    WEIGHTS,
    X,
)
from ..lanes.buffers import in_lanes, lane_count, numbers, packed
from ..lanes.compiling import glue
from ..lanes.operations import like, select, sqrt
from ..lanes.pieces import at_address, piece
from ..network import Network
from .losses import mean_factor, weigh
from .passes import backpropagate, forward, multiply_by_slope, vectors_of

# Samples whose rows lie side by side, where the Jacobian need not be kept whole.
SAMPLES_AT_ONCE = 16


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
    weigh(frame, space, work, first, samples, mean_factor(frame, factors[0], n_out), factors)
    for m in range(samples * strips):
        factors[m] = sqrt(factors[m])


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


def scratch_numbers(net: Network, samples: int) -> int:
    """How many numbers of scratch memory `jacobians` needs for each network."""
    rows = min(samples, SAMPLES_AT_ONCE)
    return rows * (1 + net.sizes[-1] * net.n_parameters)


@piece
def jacobians(digest, width):
    """The Jacobian of the outputs of every lane's network, into its row of the results."""

    def compute(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        work = in_lanes(space, width)
        strips, unit, samples = frame[STRIPS], frame[LANES], frame[SAMPLES]
        layers = frame + LAYERS
        p, n_in = frame[N_PARAMETERS], layers[N_IN]
        n_out = (layers + (frame[DEPTH] - 1) * COLUMNS)[N_OUT]
        tile = min(min(frame[TILE], SAMPLES_AT_ONCE), samples)
        parameters = work + frame[PARAMETERS] * strips
        delta, other = work + frame[DELTA] * strips, work + frame[OTHER] * strips
        factors = work + frame[SCRATCH] * strips
        rows = factors + tile * strips
        x, out = at_address(frame[X], space), at_address(frame[OUT_JACOBIAN], space)
        restarts = at_address(frame[LANE_STATE], frame)
        for m in range(tile * strips):
            factors[m] = like(factors[m], 1.0)
        losses = work + frame[LOSSES] * strips
        for s in range(strips):
            losses[s] = like(losses[s], 0.0)
        first = samples - samples
        while first < samples:
            count = min(tile, samples - first)
            inputs = x + first * n_in
            forward(frame, space, strips, unit, inputs, lane_count(space), parameters, work, count)
            jacobian_rows(
                frame, strips, unit, inputs, parameters, work, delta, other, count, p, factors,
                factors, rows,
            )  # fmt: skip
            numbers_ = numbers(rows)
            for lane in range(unit):
                if restarts[lane] >= 0:
                    into = out + (restarts[lane] * samples + first) * n_out * p
                    for m in range(count * n_out * p):
                        into[m] = numbers_[m * unit + lane]
            first += tile
        return 0

    return compute
