"""Training in chunks: distribution, progress, Ctrl-C, and workers that die."""

from __future__ import annotations

import math
import queue
import time
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from typing import Any

import numpy as np

from ..engine.chunk import lanes_for, train_chunk
from ..job.job import Job
from ..support.interrupts import CtrlC
from ..support.threads import Pool
from .collectors import Collector
from .executors import most_in_flight, name_of, options_of, shares_memory, takes_back
from .progress import progress_bar
from .work import ChunkSizes, Work
from .worker import Part, check_part, train_part, train_sent

# With one thread, less work than this runs in the caller's thread: a thread and a bar cost 0.3 ms.
QUICK_SECONDS = 0.05
# The same with several threads: starting two and handing them chunks takes 2 to 4 ms.
TINY_SECONDS = 0.01
# Seconds to wait, after Ctrl-C, for workers that cannot be notified.
INTERRUPTED_SECONDS = 0.5


class Interrupted(KeyboardInterrupt):
    """Interruption of `train_many` by Ctrl-C.

    Attributes
    ----------
    runs : Runs, Statistics or StoredRuns
        The requested results, for the restarts that had ended.
    restarts : int
        Number of restarts of the whole run.
    ended : int
        Number of restarts that had ended.
    """

    def __init__(self, runs: Any, restarts: int, ended: int) -> None:
        super().__init__(f"interrupted after {ended:,} of {restarts:,} restarts")
        self.runs = runs
        self.restarts = restarts
        self.ended = ended

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.runs, self.restarts, self.ended)


class Incomplete(RuntimeError):  # noqa: N818  a caller's word, like Interrupted
    """Failure of workers during `train_many`; its cause is the last worker's error.

    Attributes
    ----------
    runs : Runs, Statistics or StoredRuns
        The requested results, for the restarts that had ended.
    restarts : int
        Number of restarts of the whole run.
    ended : int
        Number of restarts that had ended.
    """

    def __init__(self, runs: Any, restarts: int, ended: int, reason: str) -> None:
        super().__init__(f"{reason}; {ended:,} of {restarts:,} restarts had ended")
        self.runs = runs
        self.restarts = restarts
        self.ended = ended
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.runs, self.restarts, self.ended, self.reason)


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
    """Train the restarts of `job` that `collector` needs; returns its result.

    Raises
    ------
    Interrupted
        On Ctrl-C, once its own threads are idle.
    Incomplete
        If an executor's workers fail.
    """
    limit = QUICK_SECONDS if workers == 1 else TINY_SECONDS
    quick = job.restarts * job.seconds_of_a_restart < limit
    in_this_thread = quick and executor is None and chunk is None and not progress
    interrupted, failure = False, None
    with CtrlC() as ctrl_c:  # also while the result is put together
        try:
            if in_this_thread and time_limit is None and not collector.on_disk:
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
    """The chunks in flight, and their parts as they come back."""

    def __init__(
        self, job: Job, collector: Collector, pool: Executor, workers: int, flag: np.ndarray
    ) -> None:
        self.job, self.collector, self.pool, self.workers = job, collector, pool, workers
        self.flag = flag
        self.shares_memory = shares_memory(pool)
        # When the main thread wakes up, it finds a finished chunk here or, after Ctrl-C, None.
        self.finished: queue.SimpleQueue[Future[Part] | None] = queue.SimpleQueue()
        self.pending: dict[Future[Part], tuple[int, int]] = {}

    def submit(self, start: int, stop: int) -> None:
        """Submit a chunk."""
        options: dict[str, Any] = {"only_whole": self.collector.on_disk, **options_of(self.pool)}
        keep = self.collector.keep
        try:
            if self.shares_memory:
                future = self.pool.submit(
                    train_part, self.job, start, stop, keep, stop_flag=self.flag, **options
                )
            else:  # without the numbers of all the others
                chunk_job = self.job.compact_range(start, stop)
                future = self.pool.submit(train_sent, chunk_job, keep, at=start, **options)
        except Exception as error:  # broken, shut down, or closed
            raise _failure(self.pool, error) from error
        self.pending[future] = (start, stop)
        future.add_done_callback(self.finished.put)

    def flaw(self, done: Future[Part], start: int, stop: int) -> Exception | None:
        """The error of a part that came back, or None."""
        try:
            check_part(done.result(), self.job, self.collector.keep, start, stop)
        except Exception as error:  # of any kind, since anything may come back
            return error
        return None

    def next(self, deadline: float) -> Future[Part] | None:
        """The next finished chunk; None after Ctrl-C or at the deadline."""
        if deadline == math.inf:
            return self.finished.get()
        try:
            return self.finished.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None

    def end(self, patience: float, *, orderly: bool) -> list[Future[Part]]:
        """Cancel waiting chunks, and wait for the others; returns those that have ended.

        Our own threads have seen the flag, so this waits for them.  Not every other executor
        reports which chunks are running; they are those that were handed out first.  If processes
        may be dying, nothing is cancelled at first.
        """
        running = list(self.pending)
        if not takes_back(self.pool):
            wait(running, timeout=patience)
            return running
        if self.shares_memory or orderly:
            kept = set() if self.shares_memory else set(running[: self.workers])
            running = [future for future in running if future in kept or not future.cancel()]
        wait(running, timeout=None if self.shares_memory else patience)
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
    """Train into `collector`; raises KeyboardInterrupt once its own threads are idle."""
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    pool = executor
    if pool is None:
        pool = Pool(workers)
    # Compile in this thread, where Ctrl-C works, and before processes are forked.
    with ctrl_c.raising():
        train_chunk(job, 0, 0, lanes=lanes_for(job, job.restarts))
    far = collector.on_disk or not shares_memory(pool)
    most = most_in_flight(pool, workers)
    sizes = ChunkSizes(job, workers, chunk, keep=collector.keep, far=far, most=most)
    work = Work(collector.todo, sizes)
    bar = progress_bar(job, collector.ended, progress)
    flight = _Flight(job, collector, pool, workers, ctrl_c.flag)
    ctrl_c.wake = lambda: flight.finished.put(None)
    with bar:

        def goes_on() -> bool:
            return not ctrl_c.pressed and time.monotonic() < deadline

        collects, interrupted, gone = True, False, False
        try:
            while goes_on():
                # Finished chunks first: the first ones determine the size of the others.
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
                error = _error_of(done) or flight.flaw(done, start, stop)
                if error is None and done.result().ended < stop - start and not ctrl_c.pressed:
                    error = RuntimeError("a chunk was interrupted in its worker")
                if error is not None:
                    gone = _is_gone(error)
                    if executor is None or gone or not work.requeue((start, stop)):
                        collector.lose()
                        raise _failure(executor, error) from error
                    continue
                part = done.result()
                work.sizes.learn(part.rows, part.seconds)
                collects = False  # if writing fails once, do not try again
                collector.add(part)
                collects = True
                bar.update(part.ended)
                if job.has_targets:
                    share = collector.converged / max(1, collector.ended)
                    bar.set_postfix_str(f"converged {share:.1%}", refresh=False)
                del done, part  # free the memory while waiting for the next
        except _WorkerFailed:
            if not ctrl_c.pressed:  # Ctrl-C may also have ended the workers
                raise
        except KeyboardInterrupt:  # if Ctrl-C is not handled here
            interrupted = True
            raise
        finally:
            ctrl_c.flag[0] = 1
            soon = interrupted or ctrl_c.pressed
            patience = INTERRUPTED_SECONDS if soon else 2 * work.sizes.seconds
            ended = flight.end(patience if collects else 0.0, orderly=not soon and not gone)
            if executor is None:
                pool.shutdown()
            taken_back = [chunk for future, chunk in flight.pending.items() if future not in ended]
            collector.tell(work.reached, [*work.ranges, *taken_back])
            if work.again:  # chunks whose workers failed
                collector.lose()
            for future in ended:
                positions = flight.pending[future]
                if collects and not (_error_of(future) or flight.flaw(future, *positions)):
                    collector.add(future.result())
                else:
                    collector.lose()
    ctrl_c.check()


def _error_of(future: Future[Any]) -> BaseException | None:
    """The error of a finished future; never raises it, unlike `result` with a KeyboardInterrupt."""
    try:
        return future.exception(timeout=0)
    except (CancelledError, TimeoutError) as error:
        return error


def _is_gone(error: BaseException) -> bool:
    """Return whether an executor with this error cannot train any more."""
    return isinstance(error, BrokenExecutor | CancelledError)


def _failure(executor: Executor | None, error: BaseException) -> _WorkerFailed:
    text = str(error).strip()
    if isinstance(error, CancelledError) and not text:
        text = "it was shut down, or its connection was lost"
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if executor is None or isinstance(executor, Pool):
        return _WorkerFailed(f"a chunk could not be trained: {named}")
    return _WorkerFailed(f"executor: {name_of(executor)} failed: {named}")
