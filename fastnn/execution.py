"""Many chunks: who trains which, progress, Ctrl-C, and workers that die."""

from __future__ import annotations

import queue
import time
from collections import deque
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any

from .calls import vector_width
from .chunks import lanes_for, most_lanes, train_chunk
from .collecting import Collector
from .interrupts import CtrlC
from .job import Job
from .keeping import Keep, row_bytes
from .machine import available_threads
from .parts import Part, train_part
from .progress import progress_bar

# A chunk should take this long: short enough for smooth progress and an even end, long enough that
# handing it out and filling and draining its lanes are nothing beside it.
CHUNK_SECONDS = 0.25
# The same where a chunk goes through another process or becomes files.
FAR_CHUNK_SECONDS = 1.0
# Chunks a second that one process can hand out, with room to spare: Dask's client and scheduler
# take about 2 ms for each (benchmarks/projection.py).
CHUNKS_PER_SECOND = 200
# Bytes of results in one chunk.
PART_BYTES = 2**25
# With one thread, less work than this is done by the caller's: a thread and a bar cost 0.3 ms.
QUICK_SECONDS = 0.05
# How often a chunk is handed out again whose worker failed.
ATTEMPTS = 5


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `train_many`.

    Attributes
    ----------
    runs : Runs, Statistics or StoredRuns
        What was asked for, of the restarts that had ended by then.
    restarts : int
        How many there were to be.
    ended : int
        How many had ended.
    """

    def __init__(self, runs: Any, restarts: int, ended: int) -> None:
        super().__init__(f"interrupted after {ended:,} of {restarts:,} restarts")
        self.runs = runs
        self.restarts = restarts
        self.ended = ended

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.runs, self.restarts, self.ended)


class Incomplete(RuntimeError):  # noqa: N818  a caller's word, like Interrupted
    """Workers failed during `train_many`; the error of the last of them is its cause.

    Attributes
    ----------
    runs : Runs, Statistics or StoredRuns
        What was asked for, of the restarts that had ended by then.
    restarts : int
        How many there were to be.
    ended : int
        How many had ended.
    """

    def __init__(self, runs: Any, restarts: int, ended: int, reason: str) -> None:
        super().__init__(f"{reason}; {ended:,} of {restarts:,} restarts had ended")
        self.runs = runs
        self.restarts = restarts
        self.ended = ended
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.runs, self.restarts, self.ended, self.reason)


def workers_of(executor: Executor | None) -> int:
    """How many chunks an executor trains at a time, as far as it says."""
    if executor is None:
        return available_threads()
    workers = getattr(executor, "_max_workers", None)  # of the standard library's
    client = getattr(executor, "_client", None)  # of Dask's
    if workers is None and client is not None:
        workers = sum(client.nthreads().values())
    return int(workers or available_threads())


def _seconds_of_a_restart(job: Job) -> float:
    """A guess, rather too long, as if it went on to the last epoch."""
    units = len(job.X) * sum(job.net.sizes[1:])
    return 1e-9 * max(1, job.epochs) * (0.2 * job.work + 0.5 * units)


class _Sizes:
    """How large the next chunk should be, from how long the last ones took."""

    def __init__(
        self, job: Job, workers: int, fixed: int | None, *, keep: Keep | None = None,
        far: bool = False,
    ) -> None:  # fmt: skip
        self.lanes = most_lanes(job)
        self.width = vector_width(self.lanes, job.dtype)
        self.smallest = 2 * self.lanes
        self.seconds = max(FAR_CHUNK_SECONDS if far else CHUNK_SECONDS, workers / CHUNKS_PER_SECOND)
        kept = row_bytes(job, keep.columns) if keep is not None and keep.rows else 1
        self.largest = max(self.smallest, PART_BYTES // kept)
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
        wanted = int(size * self.seconds / max(seconds, 1e-6))
        self.size = min(self.largest, max(self.smallest, min(wanted, 8 * size)))


class _Work:
    """The positions that are still to be handed out, and the chunks that are."""

    def __init__(self, collector: Collector, sizes: _Sizes) -> None:
        self.ranges = deque(collector.todo)
        self.left = sum(stop - start for start, stop in self.ranges)
        self.sizes = sizes
        self.again: list[tuple[int, int]] = []
        self.failures: dict[tuple[int, int], int] = {}

    def next(self) -> tuple[int, int] | None:
        """A chunk as (start, stop), or None if there is no more."""
        if self.again:
            return self.again.pop()
        if not self.ranges:
            return None
        start, end = self.ranges.popleft()
        stop = min(end, start + self.sizes.next(self.left))
        if stop < end:
            self.ranges.appendleft((stop, end))
        self.left -= stop - start
        return start, stop

    def failed(self, chunk: tuple[int, int]) -> bool:
        """Whether to hand out the chunk again, which is then done."""
        self.failures[chunk] = self.failures.get(chunk, 0) + 1
        if self.failures[chunk] >= ATTEMPTS:
            return False
        self.again.append(chunk)
        return True


def run_job(
    job: Job,
    collector: Collector,
    *,
    workers: int,
    executor: Executor | None,
    chunk: int | None,
    progress: bool | None,
    time_limit: float | None,
) -> Any:
    """Train what `collector` wants of `job`; returns its result.

    Raises
    ------
    Interrupted
        On Ctrl-C, once its own threads rest.
    Incomplete
        If an executor's workers fail.
    """
    quick = job.restarts * _seconds_of_a_restart(job) < QUICK_SECONDS
    here = quick and workers == 1 and executor is None and chunk is None and not progress
    try:
        if here and time_limit is None and not collector.on_disk:
            collector.add(train_part(job, 0, job.restarts, collector.keep))
        else:
            _run_chunks(job, collector, workers, executor, chunk, progress, time_limit)
    except KeyboardInterrupt:
        raise Interrupted(collector.result(), job.restarts, collector.ended) from None
    except _WorkerFailed as failure:
        reason = str(failure) + collector.advice
        raise Incomplete(
            collector.result(), job.restarts, collector.ended, reason
        ) from failure.__cause__
    return collector.result()


class _WorkerFailed(Exception):  # noqa: N818
    pass


def _run_chunks(
    job: Job,
    collector: Collector,
    workers: int,
    executor: Executor | None,
    chunk: int | None,
    progress: bool | None,
    time_limit: float | None,
) -> None:
    """Train into `collector`; raises KeyboardInterrupt once its own threads rest."""
    deadline = None if time_limit is None else time.monotonic() + time_limit
    pool = executor
    if pool is None:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="fastnn")
    shares_memory = isinstance(pool, ThreadPoolExecutor)
    # Compiles in this thread, where Ctrl-C can reach it, and before processes are forked.
    train_chunk(job, 0, 0, lanes=lanes_for(job, job.restarts))
    keep = collector.keep
    far = collector.on_disk or not shares_memory
    work = _Work(collector, _Sizes(job, workers, chunk, keep=keep, far=far))
    # A woken main thread finds either a finished chunk here or, after Ctrl-C, None.
    finished: queue.SimpleQueue[Future[Part] | None] = queue.SimpleQueue()
    pending: dict[Future[Part], tuple[int, int]] = {}
    collects = True
    bar = progress_bar(job, collector.ended, progress)
    with CtrlC(wake=lambda: finished.put(None)) as ctrl_c, bar:
        flag = ctrl_c.flag if shares_memory else None

        def submit(start: int, stop: int) -> None:
            if shares_memory:
                arguments: tuple[Any, ...] = (job, start, stop, keep)
                at = 0
            else:  # without the numbers of all the others
                arguments = (job.to_send(start, stop), 0, stop - start, keep)
                at = start
            options: dict[str, Any] = {"at": at, "only_whole": collector.on_disk, "stop_flag": flag}
            try:
                future = pool.submit(train_part, *arguments, **options)
            except RuntimeError as error:  # the pool is broken, or was shut down
                raise _WorkerFailed(f"executor: {_named(error)}") from error
            pending[future] = (start, stop)
            future.add_done_callback(finished.put)

        try:
            while not ctrl_c.pressed:
                # One chunk waits behind each that is trained, so that no worker waits for us.
                while len(pending) < 2 * workers and not ctrl_c.pressed:
                    wanted = work.next()
                    if wanted is None:
                        break
                    submit(*wanted)
                if not pending:
                    break
                done = _next(finished, deadline)
                if done is None:
                    break
                place = pending.pop(done)
                try:
                    part = done.result()
                except Exception as error:
                    _again_or_raise(error, work, place, executor)
                    continue
                work.sizes.learn(part.rows, part.seconds)
                collects = False  # what cannot be written will not be written later either
                collector.add(part)
                collects = True
                bar.update(part.ended)
                if job.has_targets:
                    share = collector.converged / max(1, collector.ended)
                    bar.set_postfix_str(f"converged {share:.1%}", refresh=False)
        finally:
            ctrl_c.flag[0] = 1
            running = [future for future in pending if not future.cancel()]
            if executor is None:
                pool.shutdown()
            if shares_memory:  # they have seen the flag
                wait(running)
            elif not ctrl_c.pressed and collects:  # at the time limit
                wait(running, timeout=2 * work.sizes.seconds)
            for future in running:
                if collects and future.done() and future.exception() is None:
                    collector.add(future.result())
        if ctrl_c.pressed:
            raise KeyboardInterrupt


def _next(finished: queue.SimpleQueue[Any], deadline: float | None) -> Future[Part] | None:
    """The next finished chunk; None after Ctrl-C or at the deadline."""
    if deadline is None:
        return finished.get()
    try:
        return finished.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return None


def _again_or_raise(
    error: BaseException, work: _Work, place: tuple[int, int], executor: Executor | None
) -> None:
    """Hand out a failed chunk again, if the executor lives on and others have not failed too."""
    if executor is None:
        raise _WorkerFailed(f"a chunk could not be trained: {_named(error)}") from error
    gone = isinstance(error, BrokenExecutor | CancelledError)
    if gone or not work.failed(place):
        raise _WorkerFailed(f"executor: {_named(error)}") from error


def _named(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
