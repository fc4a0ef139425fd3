"""The cost model of large runs: its limits, its parts, and the recorded results."""

import json

import projection
import pytest
from projection import Costs, count_chunks, project, simulate, sizes_for
from sections import section_of

from fastnn.job.build import make_job
from fastnn.scheduling.work import CHUNKS_PER_SECOND, LONGEST_SECONDS, PART_BYTES

FREE = Costs(handed=0.0)
DASK = Costs(handed=2e-3, trained=2e-4, written=1e-3, byte=2e-9)


def job(restarts, xor):
    return make_job(*xor, restarts=restarts, epochs=10_000, target_sse=0.04)


@pytest.mark.parametrize("cores", [1, 2, 64, 10_000])
def test_without_overhead_only_the_cores_count(cores):
    found = project(10**9, 1e-5, cores, 10**6, FREE)
    assert found.seconds == pytest.approx(10**9 * 1e-5 / cores, rel=1e-12)
    assert (found.limit, found.bytes, found.chunks) == ("cores", 0, 10**6)


def test_fewer_chunks_than_cores_leave_cores_idle():
    assert project(1000, 1.0, 64, 10, FREE).seconds == 100.0
    few = project(1000, 1.0, 64, 100, FREE, flight=20)
    assert (few.seconds, few.limit) == (50.0, "memory")


def test_saturation():
    """More cores than chunks can be handed out for do not help."""
    found = [project(10**9, 1e-6, cores, 10**5, DASK) for cores in (2, 100, 1000, 10**6)]
    assert [one.limit for one in found] == ["cores", "chunks", "chunks", "chunks"]
    assert found[0].seconds == pytest.approx((10**9 * 1e-6 + 10**5 * 2e-4) / 2)
    assert found[-1].seconds == pytest.approx(10**5 * 3e-3, rel=1e-3)
    assert projection.busy_cores(1.0, 2e-3) == 500


def test_the_disk_is_a_limit():
    found = project(10**9, 1e-7, 64, 1000, DASK, row=100.0, shard=500.0)
    assert found.bytes == 10**11 + 500_000
    assert found.limit == "disk"
    assert found.seconds == pytest.approx(found.bytes * 2e-9, rel=0.05)


def test_monotone():
    """More restarts, slower ones, more bytes, or dearer chunks take longer; more cores do not."""
    base = {
        "restarts": 10**7, "pace": 1e-5, "cores": 64, "chunks": 1000, "costs": DASK, "row": 10.0,
    }  # fmt: skip
    seconds = project(**base).seconds
    for change in (
        {"restarts": 10**8}, {"pace": 1e-4}, {"cores": 8}, {"row": 1000.0},
        {"costs": Costs(1.0, 2e-4, 1e-3, 2e-9)}, {"chunks": 10**6},
    ):  # fmt: skip
        assert project(**{**base, **change}).seconds > seconds, change
    times = [project(**{**base, "cores": cores}).seconds for cores in range(1, 2000, 13)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("cores", [2, 64, 1000])
@pytest.mark.parametrize("serial", [1e-4, 2e-3, 0.1])
def test_a_simulated_scheduler_takes_as_long(cores, serial):
    """Which hands out one chunk at a time."""
    chunks, chunk = 20 * cores, 1.0
    taken = simulate(chunks, chunk, cores, serial)
    found = project(chunks, chunk, cores, chunks, Costs(serial))
    assert found.seconds == pytest.approx(taken, rel=0.12)
    assert found.seconds <= taken * (1 + 1e-9)


def test_chunks_cover_all_restarts(xor):
    """Counted at one go where they are alike, and one by one."""
    for restarts, cores in ((10**5, 2), (10**7, 2), (10**7, 64), (10**8, 1000)):
        sizes = sizes_for(job(restarts, xor), 3e-5, cores, "statistics", far=True)
        left, count = restarts, 0
        while left:
            left -= sizes.next(left)
            count += 1
        assert count_chunks(sizes, restarts) == pytest.approx(count, rel=0.02, abs=2)


@pytest.mark.parametrize("keep", ["statistics", "outcomes", "all"])
@pytest.mark.parametrize("cores", [2, 64, 10_000])
@pytest.mark.parametrize("restarts", [10**8, 10**12])
def test_chunks_are_as_long_as_can_be_handed_out(cores, keep, restarts, xor, monkeypatch):
    """And as a long run wants, but no longer than their results, all in flight together, fit."""
    monkeypatch.setattr("fastnn.scheduling.work.physical_memory", lambda: 2.0**36)
    pace = 3e-5
    sizes = sizes_for(job(restarts, xor), pace, cores, keep, far=True)
    assert sizes.size * sizes.kept <= PART_BYTES
    assert sizes.size * sizes.kept * sizes.flight <= 2**34
    wanted = max(1.0, cores / CHUNKS_PER_SECOND)
    if restarts == 10**12:
        wanted = LONGEST_SECONDS
    wanted = min(wanted, PART_BYTES / sizes.kept * pace if sizes.kept else wanted)
    if keep == "statistics" or cores < 10_000:
        assert sizes.size * pace == pytest.approx(wanted, rel=0.01)
        assert sizes.flight == 2 * cores
    else:
        assert sizes.flight > 1000
        assert 0.9 * sizes.flight / CHUNKS_PER_SECOND < sizes.size * pace < wanted


def test_many_workers_do_not_wait_for_tiny_chunks_at_the_end(xor):
    """10,000 workers and a minute's work for each: the end is handed out in time."""
    restarts, pace = 10**12, 4e-7
    sizes = sizes_for(job(restarts, xor), pace, 10_000, "statistics", far=True)
    seconds = project(
        restarts, pace, 10_000, count_chunks(sizes, restarts), Costs(1 / CHUNKS_PER_SECOND)
    ).seconds
    assert seconds < 4 * restarts * pace / 10_000


def test_units():
    assert projection.duration(0.0123) == "12 ms"
    assert projection.duration(90) == "90 s"
    assert projection.duration(86400 * 5.7) == "5.7 days"
    assert projection.amount(5.8e7) == "58 MB"
    assert projection.amount(1.06e14) == "106 TB"


def test_the_record():
    """Dask was measured to hand out the chunks that are asked of it, with room to spare."""
    record = json.loads(projection.RECORD.read_text())
    measured = record["measured"]
    assert measured["chunks_per_second"] == CHUNKS_PER_SECOND
    assert 1.5 < 1 / measured["handed"]["Dask"] / CHUNKS_PER_SECOND < 5
    rows = record["projections"]
    assert {row["executor"] for row in rows} == {"threads", "processes", "Dask"}
    assert {row["restarts"] for row in rows} == set(projection.RESTARTS)
    text = "\n".join(projection.tables(record))
    assert text.count("| gradient descent | 10^") == text.count("| Levenberg–Marquardt | 10^") == 9


def test_the_page_has_what_was_recorded():
    shown = section_of(projection.PAGE.read_text(), projection.SECTION)
    assert shown.strip() == projection.section(json.loads(projection.RECORD.read_text()))
