"""Batches in random order: each lane has its own order, and its batches are brought together."""

import numpy as np

from ..frame import (
    BATCH_SIZE,
    BEGIN,
    COLUMNS,
    COMMON,
    COMPUTE,
    DEPTH,
    END,
    GATHERED_WEIGHTS,
    GATHERED_X,
    GATHERED_Y,
    LANE_STATE,
    LANES,
    LAYERS,
    N_IN,
    N_OUT,
    ORDER,
    ROWS_X,
    ROWS_Y,
    SAMPLE_WEIGHTS,
    SAMPLES,
    SEED,
    TICK,
    TILE,
    UNWEIGHTED,
    WEIGHTING,
    X,
    Y,
)
from ..lanes.philox import philox
from ..lanes.pieces import at_address, call_piece, piece
from ..weighting import SHUFFLE_STREAM
from .restarts import index_of

HALF = np.uint64(0xFFFFFFFF)


@piece
def shuffle(digest, width):
    """The order of the samples in the epoch at hand, for every lane: Fisher and Yates's shuffle.

    From the end on, place i changes with place j, the upper half of the product of i + 1 and a
    random number of 32 bits.  Those are the halves, the lower first, of the numbers of the stream
    of (seed, k) whose counters are (block, 2, epoch, 0).
    """

    def order_samples(frame, space):
        digest  # noqa: B018  closed over, so that the cache's key changes with the sources
        lanes, samples = frame[LANES], frame[SAMPLES]
        rows = at_address(frame[LANE_STATE], frame)
        born = rows + lanes
        for lane in range(lanes):
            order = at_address(frame[ORDER], frame) + lane * samples
            for n in range(samples):
                order[n] = n
            if rows[lane] < 0:
                continue
            seed, k = np.uint64(frame[SEED]), np.uint64(index_of(frame, rows[lane]))
            epoch = np.uint64(frame[TICK] - born[lane])
            place, block = samples - 1, 1
            while place > 0:
                raw = philox(seed, k, np.uint64(block), np.uint64(SHUFFLE_STREAM), epoch)
                block += 1
                for draw in range(min(8, place)):
                    word = raw[draw // 2]
                    bits = word & HALF if draw % 2 == 0 else word >> np.uint64(32)
                    other = np.int64((bits * np.uint64(place + 1)) >> np.uint64(32))
                    kept = order[place]
                    order[place] = order[other]
                    order[other] = kept
                    place -= 1
        return 0

    return order_samples


@piece
def gather(digest, width):
    """The samples of the batch at hand, each lane's in its order, side by side."""

    def bring(frame, space):
        digest  # noqa: B018
        lanes, samples = frame[LANES], frame[SAMPLES]
        n_in = (frame + LAYERS)[N_IN]
        n_out = (frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS))[N_OUT]
        x, y = at_address(frame[X], space), at_address(frame[Y], space)
        order = at_address(frame[ORDER], frame)
        first = frame[BEGIN] * frame[BATCH_SIZE]
        last = min(samples, frame[END] * frame[BATCH_SIZE])
        into_x, into_y = space + frame[GATHERED_X] * lanes, space + frame[GATHERED_Y] * lanes
        weights = space + frame[GATHERED_WEIGHTS] * lanes
        for n in range(first, last):
            at = n - first
            for lane in range(lanes):
                sample = order[lane * samples + n]
                for i in range(n_in):
                    into_x[(at * n_in + i) * lanes + lane] = x[sample * n_in + i]
                for j in range(n_out):
                    into_y[(at * n_out + j) * lanes + lane] = y[sample * n_out + j]
                if frame[WEIGHTING] == COMMON:
                    weights[at * lanes + lane] = at_address(frame[SAMPLE_WEIGHTS], space)[sample]
                elif frame[WEIGHTING] != UNWEIGHTED:
                    own = space + frame[SAMPLE_WEIGHTS] * lanes
                    weights[at * lanes + lane] = own[sample * lanes + lane]
        return 0

    return bring


@piece
def gather_single(digest, width):
    """The batch of one network, laid out as its samples are: tile by tile, unit by unit."""

    def bring(frame, space):
        digest  # noqa: B018
        samples, tile = frame[SAMPLES], frame[TILE]
        n_in = (frame + LAYERS)[N_IN]
        n_out = (frame + (LAYERS + (frame[DEPTH] - 1) * COLUMNS))[N_OUT]
        x, y = at_address(frame[ROWS_X], space), at_address(frame[ROWS_Y], space)
        into_x, into_y = at_address(frame[GATHERED_X], space), at_address(frame[GATHERED_Y], space)
        weights = at_address(frame[GATHERED_WEIGHTS], space)
        order = at_address(frame[ORDER], frame)
        first = frame[BEGIN] * frame[BATCH_SIZE]
        last = min(samples, frame[END] * frame[BATCH_SIZE])
        n, place = first, 0
        while n < last:
            for at in range(min(tile, last - n)):
                sample = order[n + at]
                for i in range(n_in):
                    into_x[place * n_in + i * tile + at] = x[sample * n_in + i]
                for j in range(n_out):
                    into_y[place * n_out + j * tile + at] = y[sample * n_out + j]
                if frame[WEIGHTING] != UNWEIGHTED:
                    own = at_address(frame[SAMPLE_WEIGHTS], space)
                    weights[place + at] = own[sample]
            n += tile
            place += tile
        return 0

    return bring


@piece
def compute_gathered_single(digest, width):
    """The pass over the batch that was gathered for one network, by its own piece."""

    def compute(frame, space):
        digest  # noqa: B018
        x, y, samples = frame[X], frame[Y], frame[SAMPLES]
        begin, end, own = frame[BEGIN], frame[END], frame[SAMPLE_WEIGHTS]
        frame[X], frame[Y] = frame[GATHERED_X], frame[GATHERED_Y]
        frame[SAMPLE_WEIGHTS] = frame[GATHERED_WEIGHTS]
        frame[SAMPLES] = min(samples, end * frame[BATCH_SIZE]) - begin * frame[BATCH_SIZE]
        frame[BEGIN], frame[END] = 0, 1
        call_piece(frame[COMPUTE], frame, space)
        frame[X], frame[Y], frame[SAMPLES] = x, y, samples
        frame[BEGIN], frame[END], frame[SAMPLE_WEIGHTS] = begin, end, own
        return 0

    return compute
