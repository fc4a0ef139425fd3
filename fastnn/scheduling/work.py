"""The remaining work of a run, and the size of its chunks."""

from __future__ import annotations

import math
from collections import deque

from ..engine.blueprint import vector_width
from ..engine.chunk import most_lanes
from ..job.job import Job
from ..job.keep import Keep
from ..support.machine import physical_memory

# Seconds for a chunk: short enough for smooth progress and an even finish, long enough to make
# submitting it and filling and draining its lanes negligible.
CHUNK_SECONDS = 0.25
# The same if a chunk goes through another process or is written to files.
FAR_CHUNK_SECONDS = 1.0
# Chunks per second that one process can hand out, with a margin: Dask's client and scheduler take
# about 2 ms for each (benchmarks/projection.py).
CHUNKS_PER_SECOND = 200
# Approximate number of chunks of a very long run, each of at most a minute: folders are read shard
# by shard.
MANY_CHUNKS, LONGEST_SECONDS = 20_000, 60.0
# Bytes of results in one chunk.
PART_BYTES = 2**25
# Share of the memory for all chunks in flight, in case they come back at once.
FLIGHT_SHARE = 0.25
# Minimum seconds of a chunk for threads, as each chunk costs 0.3 ms.
LEAST_SECONDS = 0.001
# Attempts for a chunk whose workers fail.
ATTEMPTS = 5


class ChunkSizes:
    """Size of the next chunk, from the time that the last ones took."""

    def __init__(
        self, job: Job, workers: int, fixed: int | None, *, keep: Keep | None = None,
        far: bool = False, most: int | None = None,
    ) -> None:  # fmt: skip
        self.lanes = most_lanes(job)
        self.width = vector_width(self.lanes, job.dtype)
        self.smallest = 2 * self.lanes
        self.seconds = max(FAR_CHUNK_SECONDS if far else CHUNK_SECONDS, workers / CHUNKS_PER_SECOND)
        self.kept = 0 if keep is None else kept_bytes(job, keep)
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
        # Smaller towards the end, so that all workers finish together.
        share = left if self.workers == 1 else -(-left // (2 * self.workers))
        if self.far:
            # But not so small that workers wait for their turn: with L seconds left, handing out
            # chunks of t seconds takes L / t / CHUNKS_PER_SECOND, and the last one takes t.
            share = max(share, int(math.sqrt(left / self.pace / CHUNKS_PER_SECOND)))
        least = max(self.smallest, int(LEAST_SECONDS / self.pace))
        size = max(min(self.size, share), min(least, -(-left // self.workers)))
        # Whole rounds of all lanes, or at least whole vectors.
        whole = self.lanes if size >= 4 * self.lanes else self.width
        return min(left, -(-size // whole) * whole)

    @property
    def flight(self) -> int:
        """Maximum number of chunks in flight."""
        size = (self.fixed or self.size) * self.kept
        return max(1, min(self.most, int(self.memory / size) if size else self.most))

    def learn(self, size: int, seconds: float) -> None:
        """Record that a chunk of `size` restarts took `seconds`."""
        self.pace = max(seconds, 1e-6) / max(1, size)
        share = min(LONGEST_SECONDS, self.restarts * self.pace / MANY_CHUNKS)
        wanted = int(max(self.seconds, share) / self.pace)
        if wanted * self.kept * 2 * self.workers > self.memory:
            # Smaller chunks, and more of them, as long as they can be handed out.
            shorter = int(math.sqrt(self.memory / self.kept / self.pace / CHUNKS_PER_SECOND))
            wanted = max(int(self.memory / self.kept / (2 * self.workers)), min(wanted, shorter))
        self.size = max(self.smallest, min(self.largest, wanted, 8 * size))


def kept_bytes(job: Job, keep: Keep) -> int:
    """Bytes that a restart of a chunk takes on average, 0 if chunks of any length take little."""
    if keep.rows:
        return keep.row_bytes(job)
    if keep.best and job.groups is not None:
        return max(1, keep.most_rows(job) * keep.row_bytes(job) // job.restarts)
    return 0


class Work:
    """The positions still to be handed out, and the chunks handed out."""

    def __init__(self, todo: list[tuple[int, int]], sizes: ChunkSizes) -> None:
        self.ranges = deque(todo)
        self.left = sum(stop - start for start, stop in self.ranges)
        self.sizes = sizes
        self.again: list[tuple[int, int]] = []
        self.failures: dict[tuple[int, int], int] = {}
        self.reached = 0
        """The position after the last that was handed out."""

    def next(self) -> tuple[int, int] | None:
        """Return a chunk as (start, stop), or None if there are no more."""
        if self.again:
            return self.again.pop()
        if not self.ranges:
            return None
        start, end = self.ranges.popleft()
        stop = min(end, start + self.sizes.next(self.left))
        if stop < end:
            self.ranges.appendleft((stop, end))
        self.left -= stop - start
        self.reached = max(self.reached, stop)
        return start, stop

    def requeue(self, chunk: tuple[int, int]) -> bool:
        """Hand out a failed chunk again; returns False after `ATTEMPTS` failures."""
        self.failures[chunk] = self.failures.get(chunk, 0) + 1
        if self.failures[chunk] >= ATTEMPTS:
            return False
        self.again.append(chunk)
        return True
