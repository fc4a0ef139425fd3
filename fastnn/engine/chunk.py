"""One chunk of a job: consecutive restarts, trained by one call of a compiled kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..job.job import Job
from ..kernels.workspace import ROWS
from ..lanes.rounding import in_ieee_mode
from ..lanes.types import register_bytes
from ..spec.status import NOT_RUN
from ..support.gate import frozen
from .blueprint import own_numbers, validation_numbers
from .group_chunk import job_of, pieces_of
from .launch import Outputs, launch_of, run_kernels
from .specialize import is_small

# The most networks trained at once.  XOR 2-2-1, ns per network and epoch with AVX-512: float64 6.9
# with 32 lanes, 6.0 with 64, 5.5 with 128, 5.8 with 192; float32 2.7 with 128, 2.5 with 256 to 384.
MOST_LANES = {np.dtype(np.float64): 128, np.dtype(np.float32): 256}
# The same for kernels of known sizes, which have no loops to share.  XOR, ns with
# 16, 32, 64 and 128 lanes: 10.3, 10.2, 11.4, 12.9.
SPECIAL_LANES = {np.dtype(np.float64): 32, np.dtype(np.float32): 64}
# Bytes of the first-level cache that all lanes together may fill.
LANE_BYTES = 48 * 2**10
# The same for Levenberg-Marquardt, whose long chains of divisions need many lanes.  XOR with
# biases, ns per trial with 32, 64, 80 and 128 lanes: 33.0, 27.5, 27.7, 25.2.
ROOM_OF_SYSTEMS = 160 * 2**10
# Bytes that the samples' own weights, orders and batches of all lanes together may fill.  XOR's
# network with Bootstrap, ns per sample and network with 8, 32 and 128 lanes: 11.4, 11.0, 12.3 for
# 2,000 samples, 9.8, 12.7, 12.5 for 32,000.  Shuffled halves of 16,000: 32.9, 36.9, 47.4.
OWN_BYTES = 4 * 2**20
# The same for the fewest lanes; above it one network at a time is trained: 1.1 times as slow for
# 300,000 samples, with an eighth of the memory.
MOST_OWN_BYTES = 48 * 2**20
# Restarts for each lane, one after the other, if some may end early and there are enough.
REFILLS = 32
# Up to this many networks, one at a time is as fast.
FEW = 3
# Bytes of parameters and gradients in the fewest lanes; above it one network at a time is faster:
# 64-32-10 fills 301 KiB and takes 225 us with one, 261 us with 8 lanes.
LARGE = 256 * 2**10


class ChunkResult(NamedTuple):
    """Results of the restarts at positions ``start … start + len(status) - 1`` of the job."""

    start: int
    parameters: np.ndarray | None
    """(restarts, n_parameters), or None if not kept."""
    loss: np.ndarray
    epochs: np.ndarray
    status: np.ndarray
    """`Status.NOT_RUN` where the chunk was stopped before the restart's end."""
    ticks: int
    """Epochs that kernels computed, each for all their lanes."""
    lanes: int
    """The most lanes of a kernel."""
    lane_ticks: int
    """Epochs that kernels computed, times their lanes."""
    state: np.ndarray | None
    """(restarts, n_state): the memory of the optimizer and the rules, if it is kept."""


def own_bytes(job: Job) -> int:
    """Bytes of samples private to each lane: weights; order and batch if shuffled.

    Everything else that grows with the samples is shared by all lanes, or lies tile by tile.
    """
    samples, size = job.samples, job.dtype.itemsize
    weights = samples * size if job.has_own_weights else 0
    if job.groups is not None:
        weights += (own_numbers(job) + validation_numbers(job)) * size
    if not job.shuffle:
        return weights
    row = job.net.sizes[0] + job.net.sizes[-1] + 1
    return weights + samples * np.dtype(np.int64).itemsize + job.batch_size * row * size


def most_lanes(job: Job) -> int:
    """Number of networks of `job` to train at once if there are many; 1 means one at a time."""
    net, size = job.net, job.dtype.itemsize
    width = register_bytes() // size
    own = own_bytes(job)
    held = 2 * net.n_parameters + job.n_state + job.setup.scratch
    large = held * size * width > LARGE or own * width > MOST_OWN_BYTES
    if (large or job.parallel == "samples") and not job.requires_lanes:
        return 1
    most = SPECIAL_LANES if is_small(job, width) else MOST_LANES
    values = ROWS * (sum(net.sizes[1:]) + 2 * max(net.sizes[1:]))
    room = LANE_BYTES if job.setup.compute is None else ROOM_OF_SYSTEMS
    fitting = room // ((held + values) * size)
    if own:
        fitting = min(fitting, OWN_BYTES // own)
    return max(width, min(fitting, most[job.dtype]) // width * width)


def lanes_for(job: Job, restarts: int) -> int:
    """Number of networks to train at once in a chunk of `restarts` restarts.

    The smallest number that gives every lane the same number of restarts, or one less.  If restarts
    may end early, lanes idle at the end of a chunk until the last one ends, so each lane gets
    `REFILLS` restarts.
    """
    if restarts <= FEW and not job.requires_lanes:
        return 1
    most = most_lanes(job)
    width = register_bytes() // job.dtype.itemsize
    if most == 1:
        return 1
    if job.judged:
        most = max(min(most, 4 * width), min(most, restarts // REFILLS // width * width))
    rounds = -(-restarts // most)
    return -(-restarts // (rounds * width)) * width


def _pieces(job: Job, start: int, stop: int) -> Iterator[tuple[Job, int, int]]:
    """The parts of a chunk that one call of a kernel trains: their jobs and positions."""
    if job.groups is None:
        yield job, start, stop
        return
    for piece in pieces_of(job, start, stop):
        yield job_of(job, piece), piece.start, piece.stop


@in_ieee_mode
def train_chunk(
    job: Job,
    start: int,
    stop: int,
    *,
    lanes: int | None = None,
    keep_parameters: bool = True,
    keep_state: bool = True,
    stop_flag: np.ndarray | None = None,
    history: np.ndarray | None = None,
    history_every: int = 0,
    threads: int = 1,
) -> ChunkResult:
    """Train the restarts at positions ``start … stop - 1`` of `job`.

    A pure function of the first three arguments: neither `lanes` (networks at once) nor `threads`
    (for each network, if the job has samples in lanes) changes a bit.  A non-zero ``stop_flag[0]``
    (int64) ends the chunk within a tile of samples; `history` (with one lane and one restart)
    receives the loss of every `history_every`-th epoch.
    """
    if not 0 <= start <= stop <= job.restarts:
        raise ValueError(f"expected positions from 0 to {job.restarts}, got {start} and {stop}")
    if stop_flag is None:
        stop_flag = np.zeros(1, dtype=np.int64)
    count = stop - start
    kept, goes_on = keep_parameters, keep_parameters and keep_state
    outputs = Outputs(
        parameters=np.empty((count, job.net.n_parameters), dtype=job.dtype) if kept else None,
        state=np.empty((count, job.n_state), dtype=job.dtype) if goes_on else None,
        loss=np.full(count, np.nan, dtype=job.dtype),
        epochs=np.zeros(count, dtype=np.int64),
        status=np.full(count, NOT_RUN, dtype=np.int64),
        history=history,
        history_every=history_every,
    )
    ticks = most = lane_ticks = 0
    for piece_job, first, last in _pieces(job, start, stop):
        chunk_job = piece_job.expand_range(first, last)
        own = lanes_for(piece_job, chunk_job.restarts) if lanes is None else lanes
        launch, part = launch_of(piece_job, own), outputs.part(first - start, last - start)
        made = run_kernels(launch, chunk_job, threads, stop_flag, part)
        ticks, most, lane_ticks = ticks + made, max(most, own), lane_ticks + own * made
        if stop_flag[0]:
            break
    for array in (outputs.parameters, outputs.state):
        if array is not None:
            frozen(array)
    return ChunkResult(
        start=start,
        parameters=outputs.parameters,
        loss=outputs.loss,
        epochs=outputs.epochs,
        status=outputs.status.astype(np.int8),
        ticks=ticks,
        lanes=most,
        lane_ticks=lane_ticks,
        state=outputs.state,
    )
