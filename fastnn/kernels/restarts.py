"""The two ends of a restart: its initial parameters, and the row of results that it leaves."""

import numpy as np

from ..frame import (
    BEGIN_PLAINLY,
    COLUMNS,
    DEPTH,
    FIRST,
    INDICES,
    INIT,
    INIT_CODE,
    INIT_TABLE,
    LANE,
    LANES,
    LAYERS,
    N_IN,
    N_OUT,
    N_PARAMETERS,
    OWN,
    PARAMETERS,
    ROW,
    SAMPLE_WEIGHTS,
    SAMPLES,
    SEED,
    WEIGHT_NUMBER,
    WEIGHT_ROWS,
    WEIGHT_SOURCE,
    WEIGHT_STEP,
    WEIGHTING,
    WEIGHTS,
    K,
)
from ..initialization import EXPLICIT, NGUYEN_WIDROW, SCALED_NORMAL, UNIFORM
from ..lanes.compiling import glue, kernel
from ..lanes.operations import by_type, fma, high_product, like, sqrt
from ..lanes.philox import philox
from ..lanes.pieces import at_address, call_piece, piece
from ..lanes.quantiles import normal_quantile
from ..status import Status
from ..weighting import BOOTSTRAP, BOOTSTRAP_STREAM, FOLDS, GIVEN

ZERO = np.uint64(0)
EPOCH_LIMIT = int(Status.EPOCH_LIMIT)
CONVERGED = int(Status.CONVERGED)
DIVERGED = int(Status.DIVERGED)


@glue
def index_of(frame, row):
    """The index of the restart in that row: the rows follow one another, or are told one by one."""
    if frame[INDICES] != 0:
        return at_address(frame[INDICES], frame)[row]
    return frame[FIRST] + row


@piece
def begin_restart(digest, width):
    """The initial parameters of restart `K` into lane `LANE`: given ones, or uniform numbers.

    A uniform number is ``low + (high - low) * u``, u from the stream of (seed, k) with as many
    random bits as a float of the type has digits: 53 or 24.
    """

    def begin(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        stride, count = frame[LANES], frame[N_PARAMETERS]
        values = space + (frame[PARAMETERS] * stride + frame[LANE])
        init = at_address(frame[INIT], space)
        if frame[INIT_CODE] == EXPLICIT:
            for m in range(count):
                values[m * stride] = init[m]
            return 0
        if frame[INIT_CODE] != UNIFORM:
            return 0
        low, high = init[0], init[1]
        seed, k = np.uint64(frame[SEED]), np.uint64(frame[K])
        unit = by_type(low, 2.0**-53, 2.0**-24)
        unused_bits = np.uint64(by_type(low, 11.0, 40.0))
        for block in range((count + 3) // 4):
            raw = philox(seed, k, np.uint64(block + 1), ZERO, ZERO)
            for m in range(4 * block, min(4 * block + 4, count)):
                u = like(low, raw[m % 4] >> unused_bits) * unit
                values[m * stride] = low + (high - low) * u
        return 0

    return begin


@piece
def begin_otherwise(digest, width):
    """The initial parameters of all other kinds, and the restart's own weights of samples.

    With the two numbers a and b of a restart, factors A and B of a parameter and a random number x,
    uniform in [0, 1) or normal, it is ``a * A + b * B * x``.
    """

    def begin(frame, space):
        digest  # noqa: B018
        call_piece(frame[BEGIN_PLAINLY], frame, space)
        stride, count, lane = frame[LANES], frame[N_PARAMETERS], frame[LANE]
        seed, k = np.uint64(frame[SEED]), np.uint64(frame[K])
        values = space + (frame[PARAMETERS] * stride + lane)
        init, code = at_address(frame[INIT], space), frame[INIT_CODE]
        zero = like(init[0], 0.0)
        if code > UNIFORM:
            table = at_address(frame[INIT_TABLE], space)
            a, b = init[0], init[1]
            for block in range((count + 3) // 4):
                raw = philox(seed, k, np.uint64(block + 1), ZERO, ZERO)
                for m in range(4 * block, min(4 * block + 4, count)):
                    bits = raw[m % 4]
                    if code == SCALED_NORMAL:
                        grid = like(zero, bits >> np.uint64(by_type(zero, 11.0, 41.0)))
                        x = normal_quantile(
                            (grid + like(zero, 0.5)) * by_type(zero, 2.0**-53, 2.0**-23)
                        )
                    else:
                        grid = like(zero, bits >> np.uint64(by_type(zero, 11.0, 40.0)))
                        x = grid * by_type(zero, 2.0**-53, 2.0**-24)
                    values[m * stride] = a * table[m] + b * table[count + m] * x
        if code == NGUYEN_WIDROW:
            widths = at_address(frame[INIT_TABLE], space) + count
            for level in range(frame[DEPTH] - 1):
                layer = frame + (LAYERS + level * COLUMNS)
                n_in, n_out, first = layer[N_IN], layer[N_OUT], layer[WEIGHTS]
                length = like(zero, 0.5) * (init[1] * widths[first])
                for j in range(n_out):
                    squares = zero
                    for i in range(n_in):
                        w = values[(first + i * n_out + j) * stride]
                        squares = fma(w, w, squares)
                    if squares > zero:
                        scale = length / sqrt(squares)
                        for i in range(n_in):
                            at = (first + i * n_out + j) * stride
                            values[at] = values[at] * scale
        if frame[WEIGHTING] == OWN:
            samples, number = frame[SAMPLES], frame[WEIGHT_NUMBER]
            weights = space + (frame[SAMPLE_WEIGHTS] * stride + lane)
            source = frame[WEIGHT_SOURCE]
            given = at_address(frame[WEIGHT_ROWS] + frame[ROW] * frame[WEIGHT_STEP], space)
            for n in range(samples):
                if source == GIVEN:
                    weights[n * stride] = given[n]
                elif source == FOLDS:
                    weights[n * stride] = like(
                        zero, 1.0 if n % number != frame[K] % number else 0.0
                    )
                else:
                    weights[n * stride] = zero
            if source == BOOTSTRAP:
                for block in range((samples + 3) // 4):
                    raw = philox(seed, k, np.uint64(block + 1), np.uint64(BOOTSTRAP_STREAM), ZERO)
                    for n in range(4 * block, min(4 * block + 4, samples)):
                        drawn = np.int64(high_product(raw[n % 4], np.uint64(samples))) * stride
                        weights[drawn] = weights[drawn] + like(zero, 1.0)
        return 0

    return begin


@glue
def canonical(number):
    """`number`, with one bit pattern for all NaNs, which differ between machines."""
    return like(number, np.nan) if number != number else number


@kernel
def record(values, stride, count, row, out):
    """The numbers of one lane, every `stride`-th of `values`, into its row of `out`."""
    for m in range(count):
        out[row * count + m] = canonical(values[m * stride])
