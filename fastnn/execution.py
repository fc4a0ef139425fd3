"""Many chunks: who trains which, progress, Ctrl-C, and workers that die."""

from __future__ import annotations

import math
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

import numpy as np

from .blueprint import vector_width
from .chunks import lanes_for, most_lanes, train_chunk
from .collecting import Collector
from .executors import most_in_flight, name_of, options_of, shares_memory, takes_back
from .interrupts import CtrlC
from .job import Job
from .keeping import Keep, row_bytes
from .machine import physical_memory
from .parts import Part, train_part, train_sent
from .progress import progress_bar

# A chunk should take this long: short enough for smooth progress and an even end, long enough that
# handing it out and filling and draining its lanes are nothing beside it.
CHUNK_SECONDS = 0.25
# The same where a chunk goes through another process or becomes files.
FAR_CHUNK_SECONDS = 1.0
# Chunks a second that one process can hand out, with room to spare: Dask's client and scheduler
# take about 2 ms for each (benchmarks/projection.py).
CHUNKS_PER_SECOND = 200
# A very long run has about so many chunks, of at most a minute: folders are read shard by shard.
MANY_CHUNKS, LONGEST_SECONDS = 20_000, 60.0
# Bytes of results in one chunk.
PART_BYTES = 2**25
# The share of the memory that all chunks in flight may fill, should they come back at once.
FLIGHT_SHARE = 0.25
# With one thread, less work than this is done by the caller's: a thread and a bar cost 0.3 ms.
QUICK_SECONDS = 0.05
# The same with several threads: to begin two and hand them chunks takes 2 to 4 ms.
TINY_SECONDS = 0.01
# Threads take no chunks of less, each of which costs 0.3 ms.
LEAST_SECONDS = 0.001
# How often a chunk is handed out whose workers fail.
ATTEMPTS = 5
# After Ctrl-C, how long to wait for workers that cannot be told.
INTERRUPTED_SECONDS = 0.5


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


class _Sizes:
    """How large the next chunk should be, from how long the last ones took."""

    def __init__(
        self, job: Job, workers: int, fixed: int | None, *, keep: Keep | None = None,
        far: bool = False, most: int | None = None,
    ) -> None:  # fmt: skip
        self.lanes = most_lanes(job)
        self.width = vector_width(self.lanes, job.dtype)
        self.smallest = 2 * self.lanes
        self.seconds = max(FAR_CHUNK_SECONDS if far else CHUNK_SECONDS, workers / CHUNKS_PER_SECOND)
        self.kept = row_bytes(job, keep.columns) if keep is not None and keep.rows else 0
        self.largest = PART_BYTES // self.kept if self.kept else job.restarts
        self.memory = FLIGHT_SHARE * physical_memory()
        self.pace = job.seconds_of_a_restart
        self.size = max(self.smallest, int(CHUNK_SECONDS / self.pace))
        self.restarts = job.restarts
        self.workers = workers
        self.most = most or 2 * workers
        self.far = far
        self.fixed = fixed

    def next(self, left: int) -> int:
        """The size of the next chunk when `left` restarts have not been handed out."""
        if self.fixed is not None:
            return min(self.fixed, left)
        # Towards the end smaller, so that all workers end together.
        share = left if self.workers == 1 else -(-left // (2 * self.workers))
        if self.far:
            # But not so small that workers wait for their turn: chunks of t seconds of L that are
            # left are handed out in L / t / CHUNKS_PER_SECOND, and the last takes t.
            share = max(share, int(math.sqrt(left / self.pace / CHUNKS_PER_SECOND)))
        least = max(self.smallest, int(LEAST_SECONDS / self.pace))
        size = max(min(self.size, share), min(least, -(-left // self.workers)))
        # Whole rounds of all lanes, or at least whole vectors.
        whole = self.lanes if size >= 4 * self.lanes else self.width
        return min(left, -(-size // whole) * whole)

    @property
    def flight(self) -> int:
        """How many chunks may be in flight."""
        size = (self.fixed or self.size) * self.kept
        return max(1, min(self.most, int(self.memory / size) if size else self.most))

    def learn(self, size: int, seconds: float) -> None:
        """A chunk of `size` restarts took `seconds`."""
        self.pace = max(seconds, 1e-6) / max(1, size)
        share = min(LONGEST_SECONDS, self.restarts * self.pace / MANY_CHUNKS)
        wanted = int(max(self.seconds, share) / self.pace)
        if wanted * self.kept * 2 * self.workers > self.memory:
            # Smaller, for more of them, as long as so many can be handed out.
            shorter = int(math.sqrt(self.memory / self.kept / self.pace / CHUNKS_PER_SECOND))
            wanted = max(int(self.memory / self.kept / (2 * self.workers)), min(wanted, shorter))
        self.size = max(self.smallest, min(self.largest, wanted, 8 * size))


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
    limit = QUICK_SECONDS if workers == 1 else TINY_SECONDS
    quick = job.restarts * job.seconds_of_a_restart < limit
    here = quick and executor is None and chunk is None and not progress
    interrupted, failure = False, None
    with CtrlC() as ctrl_c:  # also while what had ended becomes a result
        try:
            if here and time_limit is None and not collector.on_disk:
                with ctrl_c.raising():
                    collector.add(train_part(job, 0, job.restarts, collector.keep))
            else:
                _run_chunks(job, collector, ctrl_c, workers, executor, chunk, progress, time_limit)
        except KeyboardInterrupt:
            interrupted = True
        except _WorkerFailed as error:
            failure = error
        result = collector.result()
    if interrupted or ctrl_c.pressed:
        raise Interrupted(result, job.restarts, collector.ended)
    if failure is not None:
        reason = str(failure) + collector.advice
        raise Incomplete(result, job.restarts, collector.ended, reason) from failure.__cause__
    return result


class _WorkerFailed(Exception):  # noqa: N818
    pass


class _Flight:
    """The chunks that an executor has, and their parts as they come back."""

    def __init__(
        self, job: Job, collector: Collector, pool: Executor, workers: int, flag: np.ndarray
    ) -> None:
        self.job, self.collector, self.pool, self.workers = job, collector, pool, workers
        self.flag = flag
        self.here = shares_memory(pool)
        # A woken main thread finds either a finished chunk here or, after Ctrl-C, None.
        self.finished: queue.SimpleQueue[Future[Part] | None] = queue.SimpleQueue()
        self.pending: dict[Future[Part], tuple[int, int]] = {}

    def submit(self, start: int, stop: int) -> None:
        """Hand out a chunk."""
        options: dict[str, Any] = {"only_whole": self.collector.on_disk, **options_of(self.pool)}
        keep = self.collector.keep
        try:
            if self.here:
                future = self.pool.submit(
                    train_part, self.job, start, stop, keep, stop_flag=self.flag, **options
                )
            else:  # without the numbers of all the others
                part = self.job.to_send(start, stop)
                future = self.pool.submit(train_sent, part, keep, at=start, **options)
        except Exception as error:  # broken, shut down, or closed
            raise _failure(self.pool, error) from error
        self.pending[future] = (start, stop)
        future.add_done_callback(self.finished.put)

    def next(self, deadline: float) -> Future[Part] | None:
        """The next finished chunk; None after Ctrl-C or at the deadline."""
        if deadline == math.inf:
            return self.finished.get()
        try:
            return self.finished.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None

    def end(self, patience: float, *, orderly: bool) -> list[Future[Part]]:
        """Take back what is not at work, and wait for the rest; returns what has ended.

        Own threads have seen the flag, and are waited for.  Of other executors not all tell what
        is at work: it is those that were handed out first.  Where processes may be dying nothing is
        taken back at first.
        """
        running = list(self.pending)
        if not takes_back(self.pool):
            wait(running, timeout=patience)
            return running
        if self.here or orderly:
            kept = set() if self.here else set(running[: self.workers])
            running = [future for future in running if future in kept or not future.cancel()]
        wait(running, timeout=None if self.here else patience)
        return [future for future in running if future.done() or not future.cancel()]


def _run_chunks(
    job: Job,
    collector: Collector,
    ctrl_c: CtrlC,
    workers: int,
    executor: Executor | None,
    chunk: int | None,
    progress: bool | None,
    time_limit: float | None,
) -> None:
    """Train into `collector`; raises KeyboardInterrupt once its own threads rest."""
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    pool = executor
    if pool is None:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="fastnn")
    # Compiles in this thread, where Ctrl-C can reach it, and before processes are forked.
    with ctrl_c.raising():
        train_chunk(job, 0, 0, lanes=lanes_for(job, job.restarts))
    far = collector.on_disk or not shares_memory(pool)
    most = most_in_flight(pool, workers)
    work = _Work(collector, _Sizes(job, workers, chunk, keep=collector.keep, far=far, most=most))
    bar = progress_bar(job, collector.ended, progress)
    flight = _Flight(job, collector, pool, workers, ctrl_c.flag)
    ctrl_c.wake = lambda: flight.finished.put(None)
    with bar:

        def goes_on() -> bool:
            return not ctrl_c.pressed and time.monotonic() < deadline

        collects, interrupted, gone = True, False, False
        try:
            while goes_on():
                # First what has come back: from the first chunks the others learn their size.
                while (
                    len(flight.pending) < work.sizes.flight
                    and flight.finished.empty()
                    and goes_on()
                ):
                    wanted = work.next()
                    if wanted is None:
                        break
                    flight.submit(*wanted)
                done = flight.next(deadline) if flight.pending else None
                if done is None:
                    break
                start, stop = flight.pending.pop(done)
                error = _error_of(done)
                if error is None and done.result().ended < stop - start and not ctrl_c.pressed:
                    error = RuntimeError("a chunk was interrupted in its worker")
                if error is not None:
                    gone = _is_gone(error)
                    if executor is None or gone or not work.failed((start, stop)):
                        raise _failure(executor, error) from error
                    continue
                part = done.result()
                work.sizes.learn(part.rows, part.seconds)
                collects = False  # what cannot be written will not be written later either
                collector.add(part)
                collects = True
                bar.update(part.ended)
                if job.has_targets:
                    share = collector.converged / max(1, collector.ended)
                    bar.set_postfix_str(f"converged {share:.1%}", refresh=False)
                del done, part  # not kept while the next one is waited for
        except _WorkerFailed:
            if not ctrl_c.pressed:  # which may have ended the workers too
                raise
        except KeyboardInterrupt:  # where Ctrl-C is not ours
            interrupted = True
            raise
        finally:
            ctrl_c.flag[0] = 1
            soon = interrupted or ctrl_c.pressed
            patience = INTERRUPTED_SECONDS if soon else 2 * work.sizes.seconds
            ended = flight.end(patience if collects else 0.0, orderly=not soon and not gone)
            if executor is None:
                pool.shutdown()
            for future in ended:
                if collects and _error_of(future) is None:
                    collector.add(future.result())
    ctrl_c.check()


def _error_of(future: Future[Any]) -> BaseException | None:
    """The error of a future that is done; never raises it, as `result` does a KeyboardInterrupt."""
    try:
        return future.exception(timeout=0)
    except (CancelledError, TimeoutError) as error:
        return error


def _is_gone(error: BaseException) -> bool:
    """Whether an executor with this error will not train anything any more."""
    return isinstance(error, BrokenExecutor | CancelledError)


def _failure(executor: Executor | None, error: BaseException) -> _WorkerFailed:
    text = str(error).strip()
    if isinstance(error, CancelledError) and not text:
        text = "it was shut down, or the connection to it was lost"
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if executor is None:
        return _WorkerFailed(f"a chunk could not be trained: {named}")
    return _WorkerFailed(f"executor: {name_of(executor)} failed: {named}")
