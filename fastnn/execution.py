"""Many chunks: who trains which, progress, Ctrl-C, and the collection of results."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

from .calls import vector_width
from .chunks import ChunkResult, lanes_for, most_lanes, train_chunk
from .interrupts import CtrlC
from .job import Job
from .runs import Runs
from .status import Status

# A chunk should take this long: short enough for smooth progress and an even end, long enough that
# handing it out and filling and draining its lanes are nothing beside it.
CHUNK_SECONDS = 0.25
# With one thread, less work than this is done by the caller's: a thread and a bar cost 0.3 ms.
QUICK_SECONDS = 0.05


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `train_many`.

    Attributes
    ----------
    runs : Runs
        The restarts that had ended by then.
    restarts : int
        How many there were to be.
    """

    def __init__(self, runs: Runs, restarts: int) -> None:
        super().__init__(f"interrupted after {len(runs):,} of {restarts:,} restarts")
        self.runs = runs
        self.restarts = restarts

    def __reduce__(self) -> tuple[Any, ...]:
        return Interrupted, (self.runs, self.restarts)


def available_threads() -> int:
    """How many CPUs this process may use: its affinity and its container's limit."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cpus = os.cpu_count() or 1
    limit = _container_limit()
    return cpus if limit is None else max(1, min(cpus, int(limit)))


def _container_limit(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float | None:
    """The CPUs that the control groups of this process allow, or None if they set no limit."""
    limits = []
    groups = {Path()}
    try:
        for line in own.read_text().splitlines():
            path = Path(line.split(":", 2)[2].lstrip("/"))
            groups.update([path, *path.parents])
    except (OSError, IndexError):
        pass
    for group in groups:
        try:  # version 2
            quota, period = (root / group / "cpu.max").read_text().split()
            if quota != "max":
                limits.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            pass
        try:  # version 1
            folder = root / "cpu" / group
            quota_us = int((folder / "cpu.cfs_quota_us").read_text())
            if quota_us > 0:
                limits.append(quota_us / int((folder / "cpu.cfs_period_us").read_text()))
        except (OSError, ValueError, ZeroDivisionError):
            pass
    return min(limits, default=None)


class _Arrays:
    """Collects chunks into arrays in memory."""

    def __init__(self, job: Job, keep_parameters: bool, keep_state: bool) -> None:
        self.job = job
        size = job.restarts
        self.loss = np.full(size, np.nan, dtype=job.dtype)
        self.epochs = np.zeros(size, dtype=np.int64)
        self.status = np.full(size, Status.NOT_RUN, dtype=np.int8)
        shape = (size, job.net.n_parameters)
        self.parameters = np.empty(shape, dtype=job.dtype) if keep_parameters else None
        memory = (size, job.n_state)
        self.state = np.empty(memory, dtype=job.dtype) if keep_state else None
        self.ended = self.converged = 0

    def add(self, chunk: ChunkResult) -> int:
        """Take in a chunk; returns how many of its restarts had ended."""
        rows = slice(chunk.start, chunk.start + len(chunk.status))
        if self.parameters is not None:
            self.parameters[rows] = chunk.parameters
        if self.state is not None:
            self.state[rows] = chunk.state
        self.loss[rows] = chunk.loss
        self.epochs[rows] = chunk.epochs
        self.status[rows] = chunk.status  # last: a row counts as ended once it has a status
        ended = int(np.count_nonzero(chunk.status != Status.NOT_RUN))
        self.ended += ended
        self.converged += int(np.count_nonzero(chunk.status == Status.CONVERGED))
        return ended

    def runs(self) -> Runs:
        """The restarts that have ended."""
        indices = np.arange(self.job.first, self.job.first + self.job.restarts, dtype=np.int64)
        runs = Runs(
            self.job, indices, self.loss, self.epochs, self.status, self.parameters, self.state
        )
        ended = self.status != Status.NOT_RUN
        return runs if ended.all() else runs[ended]


def _seconds_of_a_restart(job: Job) -> float:
    """A guess, rather too long, as if it went on to the last epoch."""
    units = len(job.X) * sum(job.net.sizes[1:])
    return 1e-9 * max(1, job.epochs) * (0.2 * job.work + 0.5 * units)


class _Sizes:
    """How large the next chunk should be, from how long the last ones took."""

    def __init__(self, job: Job, workers: int, fixed: int | None) -> None:
        self.lanes = most_lanes(job)
        self.width = vector_width(self.lanes, job.dtype)
        self.smallest = 2 * self.lanes
        self.size = max(self.smallest, int(CHUNK_SECONDS / _seconds_of_a_restart(job)))
        self.workers = workers
        self.fixed = fixed

    def next(self, left: int) -> int:
        """The size of the next chunk when `left` restarts have not been handed out."""
        if self.fixed is not None:
            return min(self.fixed, left)
        # Towards the end smaller, so that all workers end together.
        share = left if self.workers == 1 else -(-left // (2 * self.workers))
        size = max(min(self.size, share), min(self.smallest, -(-left // self.workers)))
        # Whole rounds of all lanes, or at least whole vectors.
        whole = self.lanes if size >= 4 * self.lanes else self.width
        return min(left, -(-size // whole) * whole)

    def learn(self, size: int, seconds: float) -> None:
        """A chunk of `size` restarts took `seconds`."""
        wanted = int(size * CHUNK_SECONDS / max(seconds, 1e-6))
        self.size = max(self.smallest, min(wanted, 8 * size))


def _timed_chunk(*args: Any, **kwargs: Any) -> tuple[ChunkResult, float]:
    start = time.perf_counter()
    return train_chunk(*args, **kwargs), time.perf_counter() - start


def run_job(
    job: Job,
    *,
    threads: int,
    executor: Executor | None,
    chunk: int | None,
    progress: bool | None,
    keep_parameters: bool,
    keep_state: bool,
) -> Runs:
    """Train all restarts of `job` and collect them; raises `Interrupted` on Ctrl-C."""
    arrays = _Arrays(job, keep_parameters, keep_state)
    quick = job.restarts * _seconds_of_a_restart(job) < QUICK_SECONDS
    try:
        if quick and threads == 1 and executor is None and chunk is None and not progress:
            arrays.add(
                train_chunk(
                    job, 0, job.restarts, keep_parameters=keep_parameters, keep_state=keep_state
                )
            )
        else:
            _run_chunks(job, arrays, threads, executor, chunk, progress)
    except KeyboardInterrupt:
        raise Interrupted(arrays.runs(), job.restarts) from None
    return arrays.runs()


def _run_chunks(
    job: Job,
    arrays: _Arrays,
    threads: int,
    executor: Executor | None,
    chunk: int | None,
    progress: bool | None,
) -> None:
    """Train all restarts into `arrays`; raises KeyboardInterrupt once its own threads rest."""
    # Compiles in this thread, where Ctrl-C can reach it.
    train_chunk(job, 0, 0, lanes=lanes_for(job, job.restarts))
    sizes = _Sizes(job, threads, chunk)
    # A woken main thread finds either a finished chunk here or, after Ctrl-C, None.
    finished: queue.SimpleQueue[Future[tuple[ChunkResult, float]] | None] = queue.SimpleQueue()
    pending: set[Future[tuple[ChunkResult, float]]] = set()
    next_row = 0
    pool = executor
    if pool is None:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="fastnn")
    shares_memory = isinstance(pool, ThreadPoolExecutor)
    with CtrlC(wake=lambda: finished.put(None)) as ctrl_c, _progress_bar(job, progress) as bar:
        options = {
            "keep_parameters": arrays.parameters is not None,
            "keep_state": arrays.state is not None,
            "stop_flag": ctrl_c.flag if shares_memory else None,
        }
        try:
            while (next_row < job.restarts or pending) and not ctrl_c.pressed:
                # One chunk waits behind each that is being trained, so that no worker waits for us.
                while next_row < job.restarts and len(pending) < 2 * threads:
                    stop = next_row + sizes.next(job.restarts - next_row)
                    future = pool.submit(_timed_chunk, job, next_row, stop, **options)
                    pending.add(future)
                    future.add_done_callback(finished.put)
                    next_row = stop
                done = finished.get()
                if done is None:
                    break
                pending.remove(done)
                result, seconds = done.result()
                sizes.learn(len(result.status), seconds)
                bar.update(arrays.add(result))
                if job.has_targets:
                    share = arrays.converged / max(1, arrays.ended)
                    bar.set_postfix_str(f"converged {share:.1%}", refresh=False)
        finally:
            ctrl_c.flag[0] = 1
            running = [future for future in pending if not future.cancel()]
            if executor is None:
                pool.shutdown()
            if shares_memory:  # they have seen the flag
                wait(running)
            for future in running:
                if future.done() and future.exception() is None:
                    arrays.add(future.result()[0])
        if ctrl_c.pressed:
            raise KeyboardInterrupt


class _Terminal:
    """Standard error for a progress bar, whose failures must not end the training."""

    def __init__(self) -> None:
        self.stream = sys.stderr

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def isatty(self) -> bool:
        try:
            return bool(self.stream.isatty())
        except (AttributeError, OSError, ValueError):  # none, or closed
            return False

    def write(self, text: str) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self.stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self.stream.flush()


def _progress_bar(job: Job, progress: bool | None) -> Any:
    """A bar of restarts on the terminal; `progress` None means only if there is a terminal."""
    from tqdm import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # no thread that outlives the run

    terminal = _Terminal()
    return Bar(
        total=job.restarts,
        unit=" restarts",
        unit_scale=True,
        smoothing=0.1,
        delay=0.0 if progress else 0.5,
        file=terminal,
        ncols=shutil.get_terminal_size().columns,  # 80 where it is not known
        disable=not (terminal.isatty() if progress is None else progress),
    )
