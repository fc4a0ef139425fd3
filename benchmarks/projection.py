"""A cost model of large runs, from measurements of a minute: time, disk, chunks.

``python benchmarks/projection.py`` measures, prints Markdown tables, and writes them into
``docs/pages/projection.md`` and what they are made of into ``benchmarks/projection.json``.  The
model has two kinds of costs.  Spread over all cores are the seconds of each restart, and what a
chunk costs its worker. One after the other come the chunks at the process that hands them out and
takes them in, Dask's client and scheduler included, and the bytes of results that it writes.  A run
takes the longer of the two.  The sizes of chunks are those that `fastnn.scheduling.work` chooses.
Left out: how long workers take to start, cores of other speed, and the network between machines.
"""

from __future__ import annotations

import datetime
import heapq
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import fastnn
from fastnn.job.build import make_job
from fastnn.job.job import Job
from fastnn.job.keep import make_keep
from fastnn.scheduling.work import CHUNKS_PER_SECOND, ChunkSizes
from fastnn.scheduling.worker import train_part
from fastnn.storage.writer import Shards
from fastnn.support.machine import describe

RECORD = Path(__file__).parent / "projection.json"
PAGE = Path(__file__).parent.parent / "docs" / "pages" / "projection.md"
SECTION = "projection"
RESTARTS = (10**6, 10**9, 10**12)
CORES = {2: "threads", 64: "processes", 10_000: "Dask"}
KEEPS = ("statistics", "outcomes", "all")
WORKS: dict[str, dict[str, Any]] = {
    "gradient descent": {
        "net": fastnn.Network([2, 2, 1], bias=False),
        "epochs": 10_000,
        "optimizer": fastnn.GradientDescent(0.5),
        "init": fastnn.Uniform(0, 1),
    },
    "Levenberg–Marquardt": {
        "net": fastnn.Network([2, 2, 1]),
        "epochs": 30,
        "optimizer": fastnn.LevenbergMarquardt(),
    },
}


@dataclass(frozen=True)
class Costs:
    """Costs of handling chunks, in seconds and bytes."""

    handed: float
    """Sequential seconds to hand out a chunk and collect it."""
    trained: float = 0.0
    """Of each chunk at its worker, besides its restarts."""
    written: float = 0.0
    """Sequential seconds to write a chunk, without those of its bytes."""
    byte: float = 0.0
    """Of each byte that is written."""

    def serial(self, size: float) -> float:
        """Sequential seconds of a chunk of this many bytes."""
        return self.handed + self.written + self.byte * size


@dataclass(frozen=True)
class Projection:
    """The expected costs of a run."""

    seconds: float
    chunks: int
    bytes: float
    limit: str
    """What it waits for: "cores", "chunks", "disk", or "memory" for the chunks in flight."""


def project(
    restarts: float, pace: float, cores: int, chunks: int, costs: Costs,
    row: float = 0.0, shard: float = 0.0, flight: float = math.inf,
) -> Projection:  # fmt: skip
    """Project a run whose restarts take `pace` seconds each, in chunks, `flight` at a time.

    Each restart has `row` bytes on disk, and each chunk `shard` besides.
    """
    size = restarts * row + chunks * shard
    busy = min(cores, chunks, flight)
    at_work = (restarts * pace + chunks * costs.trained) / busy
    handing, writing = chunks * (costs.handed + costs.written), costs.byte * size
    # The chunk that is handed out last is trained after that.
    waiting = handing + writing + at_work * busy / chunks if handing + writing else 0
    limit = "cores" if busy == min(cores, chunks) else "memory"
    if waiting > at_work:
        limit = "chunks" if handing >= writing else "disk"
    return Projection(max(at_work, waiting), chunks, size, limit)


def busy_cores(chunk: float, serial: float) -> float:
    """The number of cores that chunks of `chunk` seconds can keep busy."""
    return chunk / serial


def simulate(chunks: int, chunk: float, cores: int, serial: float) -> float:
    """Simulate the seconds of a run, chunk by chunk: one at a time goes to a free core."""
    free = [0.0] * cores
    now = 0.0
    for _ in range(chunks):
        now = max(now, heapq.heappop(free)) if len(free) == cores else now
        now += serial
        heapq.heappush(free, now + chunk)
    return max(free)


def sizes_for(job: Job, pace: float, cores: int, keep: str, far: bool) -> ChunkSizes:
    """The choice of chunk sizes once their times are known."""
    sizes = ChunkSizes(job, cores, None, keep=make_keep(keep, job, on_disk=True), far=far)
    for _ in range(50):
        sizes.learn(sizes.size, sizes.size * pace)
    return sizes


def count_chunks(sizes: ChunkSizes, restarts: int) -> int:
    """Count the chunks of a run: many of full size, and smaller ones towards its end."""
    count, left = 0, restarts
    while left:
        size = sizes.next(left)
        alike = max(1, (left - 2 * sizes.workers * size) // size) if size >= sizes.size else 1
        count += alike
        left -= alike * size
    return count


@dataclass
class Measured:
    """Measured costs on this machine."""

    paces: dict[str, float] = field(default_factory=dict)
    """Seconds of a restart on one core."""
    epochs: dict[str, float] = field(default_factory=dict)
    """Epochs of a restart on average."""
    handed: dict[str, float] = field(default_factory=dict)
    """Seconds of a chunk of next to no work, by executor, with many in flight."""
    trained: float = 0.0
    written: float = 0.0
    byte: float = 0.0
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    """Bytes of a restart on disk, and of a chunk in addition, by work and by `keep`."""

    def costs(self, executor: str) -> Costs:
        """The costs of an executor's chunks, written to a folder."""
        return Costs(self.handed[executor], self.trained, self.written, self.byte)


def measure() -> Measured:
    """Measure for about a minute."""
    found = Measured()
    for name in WORKS:
        found.paces[name], found.epochs[name] = measure_pace(name, 4.0)
    found.trained = measure_part()
    with ExitStack() as stack:
        for name, executor in executors(stack):
            found.handed[name] = measure_chunks(executor)
    found.written, found.byte, found.rows = measure_disk()
    return found


def train(name: str, restarts: int, **options: Any) -> Any:
    """Restarts of one of `WORKS`."""
    X, y = fastnn.datasets.xor()
    work = dict(WORKS[name])
    arguments = {"target_sse": 0.04, "progress": False, **work, **options}
    return fastnn.train_many(arguments.pop("net"), X, y, restarts=restarts, **arguments)


def measure_pace(name: str, seconds: float) -> tuple[float, float]:
    """Measure the seconds of a restart on one thread, the median of three, and its mean epochs."""
    train(name, 100, threads=1)
    begin = time.perf_counter()
    train(name, 20_000, threads=1)
    restarts = int(20_000 * seconds / 3 / (time.perf_counter() - begin))
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        runs = train(name, restarts, threads=1, keep="outcomes")
        times.append((time.perf_counter() - begin) / restarts)
    return statistics.median(times), float(runs.epochs.mean())


def measure_part() -> float:
    """Measure the worker's seconds for a chunk of one restart without an epoch."""
    job = make_job(WORKS["gradient descent"]["net"], *fastnn.datasets.xor(), restarts=1, epochs=0)
    keep = make_keep("statistics", job)
    times = []
    for _ in range(1000):
        begin = time.perf_counter()
        train_part(job, 0, 1, keep)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def executors(stack: ExitStack) -> Iterator[tuple[str, Executor | None]]:
    """Yield executors of two workers each, one after the other."""
    yield "threads", None
    processes = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    yield "processes", stack.enter_context(processes)
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    client = stack.enter_context(Client(stack.enter_context(cluster)))
    yield "Dask", client.get_executor()


def measure_chunks(executor: Executor | None) -> float:
    """Measure the seconds of an almost empty chunk, the median of five runs of 500."""
    threads = 2 if executor is None else 32  # of which each has two chunks in flight
    options: dict[str, Any] = {
        "epochs": 0, "chunk": 1, "executor": executor, "threads": threads, "keep": "outcomes",
    }  # fmt: skip
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        train("gradient descent", 500, **options)
        times.append((time.perf_counter() - begin) / 500)
    return statistics.median(times[1:])


def measure_disk() -> tuple[float, float, dict[str, dict[str, float]]]:
    """Measure the seconds of a shard and of its bytes, and the bytes of restarts and shards."""
    taken: list[float] = []
    add = Shards.add

    def timed(self: Shards, part: Any) -> None:
        begin = time.perf_counter()
        add(self, part)
        taken.append(time.perf_counter() - begin)

    rows: dict[str, dict[str, float]] = {}
    Shards.add = timed  # type: ignore[method-assign]
    try:
        for name in WORKS:
            rows[name] = {}
            for keep in KEEPS:
                points = []
                for chunk in (1000, 200_000):
                    taken.clear()
                    size = bytes_of_shards(name, keep, chunk)
                    points.append((size, statistics.median(taken)))
                (small, first), (large, last) = points
                rows[name][keep] = (large - small) / 199_000
                rows[name][f"shard of {keep}"] = small - 1000 * rows[name][keep]
    finally:
        Shards.add = add  # type: ignore[method-assign]
    byte = (last - first) / (large - small)  # of the last, which keeps most
    return max(0.0, first - byte * small), byte, rows


def bytes_of_shards(name: str, keep: str, chunk: int) -> float:
    """The bytes of six shards of this many restarts."""
    with tempfile.TemporaryDirectory() as folder:
        train(name, 6 * chunk, epochs=0, keep=keep, out=folder, chunk=chunk)
        files = [path for path in Path(folder, "shards").rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files) / 6


def projections(found: Measured) -> Iterator[dict[str, Any]]:
    """Project every work, number of restarts, and number of cores."""
    for name, work in WORKS.items():
        pace = found.paces[name]
        for restarts in RESTARTS:
            arguments = {key: value for key, value in work.items() if key != "net"}
            job = make_job(
                work["net"], *fastnn.datasets.xor(), restarts=restarts, target_sse=0.04, **arguments
            )
            for cores, executor in CORES.items():
                if executor not in found.handed:
                    continue
                for keep in KEEPS:
                    sizes = sizes_for(job, pace, cores, keep, far=True)
                    chunks = count_chunks(sizes, restarts)
                    bytes_of = found.rows[name]
                    one = project(
                        restarts, pace, cores, chunks, found.costs(executor),
                        bytes_of[keep], bytes_of[f"shard of {keep}"], sizes.flight,
                    )  # fmt: skip
                    size = min(sizes.size, sizes.next(restarts))
                    yield {
                        "work": name, "restarts": restarts, "cores": cores, "executor": executor,
                        "keep": keep, "chunk": size, "chunk_seconds": size * pace, **asdict(one),
                    }  # fmt: skip


def section(record: dict[str, Any]) -> str:
    """The page's section on a record."""
    machine = record["machine"]
    told = f"Measured on {machine['date']} on {machine['processor']} ({machine['architecture']})."
    return "\n".join([told, "", *tables(record)])


def tables(record: dict[str, Any]) -> Iterator[str]:
    """Markdown."""
    for name, pace in record["measured"]["paces"].items():
        epochs = record["measured"]["epochs"][name]
        yield "- " + (
            f"{name}: {1e6 * pace:.3g} µs a restart, {epochs:,.0f} epochs on average, "
            f"{1e9 * pace / epochs:.3g} ns an epoch"
        )
    yield ""
    yield "| executor | a chunk | at most | cores busy with 1 s | with 50 s |"
    yield "| --- | --- | --- | --- | --- |"
    for name, handed in record["measured"]["handed"].items():
        busy = [f"{busy_cores(seconds, handed):,.0f}" for seconds in (1, 50)]
        most = f"{1 / handed:,.0f} a second"
        yield f"| {name} | {1e3 * handed:.2g} ms | {most} | {' | '.join(busy)} |"
    yield ""
    heads = "".join(f" {keep} |" for keep in KEEPS)
    yield f"| work | restarts | cores | chunks of statistics |{heads}"
    yield "| --- | --- | --- | --- |" + " --- |" * len(KEEPS)
    rows = record["projections"]
    for place in range(0, len(rows), len(KEEPS)):
        group = rows[place : place + len(KEEPS)]
        first = group[0]
        cells = [
            f"{duration(row['seconds'])}{'' if row['limit'] == 'cores' else ', ' + row['limit']}; "
            f"{amount(row['bytes'])}"
            for row in group
        ]
        yield (
            f"| {first['work']} | 10^{len(str(first['restarts'])) - 1} | {first['cores']:,} "
            f"{first['executor']} | {first['chunks']:,} of {duration(first['chunk_seconds'])} | "
            f"{' | '.join(cells)} |"
        )


def duration(seconds: float) -> str:
    """Two digits and a unit."""
    for unit, size in (("years", 3.156e7), ("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{_two(seconds / size)} {unit}"
    return f"{_two(seconds)} s" if seconds >= 1 else f"{_two(1000 * seconds)} ms"


def amount(size: float) -> str:
    """Two digits and a unit of bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{_two(size)} {unit}"
        size /= 1000
    return f"{_two(size)} TB"


def _two(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    """Measure, print and write."""
    from sections import with_section
    from session import as_lines, rounded

    found = measure()
    record = {
        "machine": {**describe(), "date": datetime.date.today().isoformat()},
        "measured": {**asdict(found), "chunks_per_second": CHUNKS_PER_SECOND},
        "projections": list(projections(found)),
    }
    RECORD.write_text(as_lines(rounded(record)))
    text = section(json.loads(RECORD.read_text()))
    print(text)
    PAGE.write_text(with_section(PAGE.read_text(), SECTION, text))


if __name__ == "__main__":
    main()
