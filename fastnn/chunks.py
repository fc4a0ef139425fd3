"""One chunk of a job: consecutive restarts, trained by one call of a compiled kernel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .frame import LANES
from .job import Job
from .kernels.engine import trainer
from .kernels.passes import loss_and_gradient
from .kernels.plan import (
    CACHE_LINE,
    ROWS,
    Plan,
    by_tile,
    make_plan,
    make_single_plan,
    zeros_aligned,
)
from .kernels.restarts import begin_restart
from .kernels.single_pass import LEAST_GROUPS, MOST_RUNS, single_loss_and_gradient
from .lanes.types import register_bytes
from .status import Status

# The most networks trained at once.  XOR 2-2-1, ns per network and epoch with AVX-512: float64 6.9
# with 32 lanes, 6.0 with 64, 5.5 with 128, 5.8 with 192; float32 2.7 with 128, 2.5 with 256 to 384.
MOST_LANES = {np.dtype(np.float64): 128, np.dtype(np.float32): 256}
# Bytes that all lanes together may fill, in the first-level cache.
LANE_BYTES = 48 * 2**10
# Restarts in a row for each lane, if some may end early and the chunk has enough of them.
REFILLS = 32
# One network at a time is as fast up to this many.
FEW = 3
# Bytes of parameters and gradients in the fewest lanes above which one network at a time is faster:
# 64-32-10 fills 301 KiB and takes 225 us with one, 261 us with 8 lanes.
LARGE = 256 * 2**10


@dataclass(frozen=True)
class ChunkResult:
    """What became of the restarts at positions ``start … start + len(status) - 1`` of the job."""

    start: int
    parameters: np.ndarray | None
    """(restarts, n_parameters), or None if not kept."""
    loss: np.ndarray
    epochs: np.ndarray
    status: np.ndarray
    """`Status.NOT_RUN` where the chunk was stopped before the restart's end."""
    ticks: int
    """Epochs that the kernel computed, each for all its lanes."""
    lanes: int


def most_lanes(job: Job) -> int:
    """How many networks of `job` to train at once if there are many; 1 means one at a time."""
    net, size = job.net, job.dtype.itemsize
    width = register_bytes() // size
    if job.parallel == "samples" or 2 * net.n_parameters * size * width > LARGE:
        return 1
    values = ROWS * (sum(net.sizes[1:]) + 2 * max(net.sizes[1:]))
    held = 2 * net.n_parameters + job.setup.n_state + values
    fitting = LANE_BYTES // (held * size)
    return max(width, min(fitting, MOST_LANES[job.dtype]) // width * width)


def lanes_for(job: Job, restarts: int) -> int:
    """How many networks to train at once in a chunk of `restarts` restarts.

    As few as let every lane have equally many restarts, or one less.  Where restarts may end early,
    lanes idle at the end of a chunk until the last has ended: there, each has `REFILLS` to train.
    """
    most = most_lanes(job)
    if restarts <= FEW or most == 1:
        return 1
    width = register_bytes() // job.dtype.itemsize
    if job.target > 0:
        most = max(min(most, 4 * width), min(most, restarts // REFILLS // width * width))
    rounds = -(-restarts // most)
    return -(-restarts // (rounds * width)) * width


def vector_width(lanes: int, dtype: np.dtype) -> int:
    """How many of `lanes` networks lie in one vector, which is as long as a register."""
    return min(lanes, register_bytes() // dtype.itemsize)


def train_chunk(
    job: Job,
    start: int,
    stop: int,
    *,
    lanes: int | None = None,
    keep_parameters: bool = True,
    stop_flag: np.ndarray | None = None,
    history: np.ndarray | None = None,
    history_every: int = 0,
    threads: int = 1,
) -> ChunkResult:
    """Train the restarts at positions ``start … stop - 1`` of `job`.

    A pure function of the first three arguments: `lanes` (networks at once) changes no bit, nor do
    `threads` (for each network, if the job has samples in lanes).  A non-zero ``stop_flag[0]``
    (int64) ends the chunk within a tile of samples; `history` (with one lane and one restart)
    receives the loss of every `history_every`-th epoch.
    """
    if stop_flag is None:
        stop_flag = np.zeros(1, dtype=np.int64)
    part = job.rows(start, stop)
    count = part.restarts
    lanes = lanes_for(job, count) if lanes is None else lanes
    n_parameters = job.net.n_parameters
    parameters = np.empty((count if keep_parameters else 0, n_parameters), dtype=job.dtype)
    loss = np.full(count, np.nan, dtype=job.dtype)
    epochs = np.zeros(count, dtype=np.int64)
    status = np.full(count, Status.NOT_RUN, dtype=np.int8)
    outputs = (
        parameters, loss, epochs, status, np.empty((0, 0), dtype=job.dtype),
        np.empty(0, dtype=job.dtype) if history is None else history, history_every,
    )  # fmt: skip
    if lanes > 1:
        ticks = _train_in_lanes(part, lanes, stop_flag, outputs)
    else:
        ticks = _train_singly(part, threads, stop_flag, outputs)
    kept = parameters if keep_parameters else None
    return ChunkResult(start, kept, loss, epochs, status, ticks, lanes)


def _call(job: Job, plan: Plan, width: int, stop_flag: np.ndarray, outputs: tuple[Any, ...]) -> int:
    """Call the engine for `width` networks in a vector; all but the pass itself is set up here."""
    setup = job.setup
    plan.set(
        STOP=stop_flag.ctypes.data,
        INIT_CODE=job.init_code,
        INIT=job.init.ctypes.data,
        SEED=int(np.uint64(job.seed).view(np.int64)),
        BEGIN_RESTART=begin_restart.address(job.dtype, width),
        UPDATE=setup.update.address(job.dtype, width),
        OPTION=setup.option,
        OTHER_OPTION=setup.other_option,
    )
    slots, values = setup.state_slots()
    number = job.dtype.type
    ticks: int = trainer(width)(
        plan.frame,
        zeros_aligned(plan.end * int(plan.frame[LANES]), job.dtype),
        np.zeros(4 * int(plan.frame[LANES]), dtype=np.int64),
        job.hyper,
        job.init,
        job.first,
        job.epochs,
        number(job.target),
        job.target > 0,
        slots,
        values.astype(job.dtype),
        np.zeros((0, 0), dtype=job.dtype),
        np.zeros(0, dtype=np.int64),
        len(outputs[0]) > 0,
        *outputs,
    )
    return ticks


def _train_in_lanes(job: Job, lanes: int, stop_flag: np.ndarray, outputs: tuple[Any, ...]) -> int:
    samples, width = len(job.X), vector_width(lanes, job.dtype)
    plan = make_plan(
        job.net, samples, lanes, job.dtype.itemsize, job.hyper.shape[1], job.setup.n_state
    )
    plan.set(
        STRIPS=lanes // width,
        X=job.X.ctypes.data,
        Y=job.y.ctypes.data,
        BATCH_SIZE=samples,
        BATCHES=1,
        COMPUTE=loss_and_gradient.address(job.dtype, width),
    )
    return _call(job, plan, width, stop_flag, outputs)


def _train_singly(job: Job, threads: int, stop_flag: np.ndarray, outputs: tuple[Any, ...]) -> int:
    samples, size = len(job.X), job.dtype.itemsize
    in_lanes = job.parallel == "samples"
    group, register = CACHE_LINE // size, register_bytes() // size
    groups = -(-samples // group)
    run_length = max(-(-groups // MOST_RUNS), LEAST_GROUPS) * group if in_lanes else samples
    runs = -(-samples // run_length)
    threads = min(threads, runs) if in_lanes else 1
    compute = single_loss_and_gradient.address(job.dtype, register if in_lanes else 1)
    arrived = np.zeros(1, dtype=np.int64)
    shares = np.zeros(2 * runs * (job.net.n_parameters + 1), dtype=job.dtype)
    n_hyper, n_state = job.hyper.shape[1], job.setup.n_state
    plans = [
        make_single_plan(
            job.net, samples, size, group, in_lanes, job.hyper.shape[1], job.setup.n_state
        )
        for _ in range(threads)
    ]
    data = [by_tile(array, run_length, plans[0].tile) for array in (job.X, job.y)]

    def work(thread: int) -> int:
        plan = plans[thread]
        plan.set(
            X=data[0].ctypes.data,
            Y=data[1].ctypes.data,
            BATCH_SIZE=samples,
            BATCHES=1,
            COMPUTE=compute,
            GROUP_STRIPS=group // register,
            RUNS=runs,
            RUN_LENGTH=run_length,
            TILES=data[0].shape[1],
            THREAD=thread,
            THREADS=threads,
            SHARES=shares.ctypes.data,
            ARRIVED=arrived.ctypes.data,
        )
        return _call(job, plan, 1, stop_flag, outputs)

    if threads == 1:
        return work(0)
    # All write the same results: of the same bits, since each adds the same shares in one order.
    with ThreadPoolExecutor(threads, thread_name_prefix="fastnn-samples") as pool:
        try:
            return max(pool.map(work, range(threads)))
        except BaseException:
            stop_flag[0] = 1  # those that have begun wait for the others
            raise
