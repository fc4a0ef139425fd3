"""The two ends of a restart: its initial parameters, and the row of results that it leaves."""

import numpy as np

from ..frame import INIT, INIT_CODE, LANE, LANES, N_PARAMETERS, PARAMETERS, SEED, K
from ..initialization import EXPLICIT
from ..lanes.compiling import glue, kernel
from ..lanes.operations import by_type, like
from ..lanes.philox import philox
from ..lanes.pieces import at_address, piece
from ..status import Status

EPOCH_LIMIT = int(Status.EPOCH_LIMIT)
CONVERGED = int(Status.CONVERGED)
DIVERGED = int(Status.DIVERGED)


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
        low, high = init[0], init[1]
        unit = by_type(low, 2.0**-53, 2.0**-24)
        unused_bits = np.uint64(by_type(low, 11.0, 40.0))
        for block in range((count + 3) // 4):
            raw = philox(np.uint64(frame[SEED]), np.uint64(frame[K]), np.uint64(block + 1))
            for m in range(4 * block, min(4 * block + 4, count)):
                u = like(low, raw[m % 4] >> unused_bits) * unit
                values[m * stride] = low + (high - low) * u
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
