"""Memory of lanes: it grows as the data, not as lanes times data."""

import tracemalloc

import numpy as np
import pytest

import fastnn
from fastnn.engine import blueprint
from fastnn.engine import chunk as chunks
from fastnn.engine.chunk import lanes_for, most_lanes, train_chunk
from fastnn.engine.launch import Launch
from fastnn.job.build import make_job
from fastnn.lanes.types import register_bytes

NET = fastnn.Network([2, 2, 1])
RESTARTS = 128
HALVES = {"shuffle": True, "batch_size": 0.5}
OWN = {
    "Bootstrap": {"sample_weight": fastnn.Bootstrap()},
    "KFold": {"sample_weight": fastnn.KFold(5)},
    "given weights": {"sample_weight": "rows"},
    "shuffled": {"shuffle": True, "batch_size": 32},
    "shuffled halves": HALVES,
    "shuffled Bootstrap": {"sample_weight": fastnn.Bootstrap(), **HALVES},
    "with validation": {"sample_weight": fastnn.KFold(5), "stop": fastnn.Validation()},
}
KINDS = {
    **OWN,
    "plain": {},
    "weights": {"sample_weight": "one"},
    "batches": {"batch_size": 32},
    "rules": {"stop": [fastnn.ErrorsWithin(0.1), fastnn.NoProgress(3)]},
    "Adam": {"optimizer": fastnn.Adam()},
    "L-BFGS": {"optimizer": fastnn.LBFGS()},
    "Levenberg-Marquardt": {"optimizer": fastnn.LevenbergMarquardt()},
    "validation": {"stop": fastnn.Validation()},
}


def job_of(kind, samples, net=NET, **more):
    """A job of one of the kinds above."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(samples, net.sizes[0])), rng.random((samples, net.sizes[-1]))
    arguments = dict(KINDS[kind])
    weights = {"one": (samples,), "rows": (RESTARTS, samples)}.get(arguments.get("sample_weight"))
    if weights:
        arguments["sample_weight"] = np.ones(weights)
    if isinstance(arguments.get("batch_size"), float):
        arguments["batch_size"] = max(1, int(arguments["batch_size"] * samples))
    if "Validation" in str(arguments.get("stop")):
        arguments["validation"] = data
    return make_job(net, *data, restarts=RESTARTS, **(arguments | more))


def planned_bytes(job):
    """The memory of a launch, without compiling what it needs: its data are there once."""
    lanes = lanes_for(job, job.restarts)
    make = blueprint._many_at_once if lanes > 1 else lambda job, lanes: blueprint._one_by_one(job)
    launch = Launch(job, make(job, lanes))
    numbers = launch.plan.end * lanes + sum(launch.buffers.values())
    return numbers * job.dtype.itemsize + 8 * launch.shuffled * lanes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lanes_take_no_more_than_some_times_the_data(kind, dtype):
    """As if each of the fewest lanes had all data twice, or one had: beside a fixed room."""
    room, one = 2 * chunks.OWN_BYTES, 2 * chunks.OWN_BYTES + chunks.MOST_OWN_BYTES
    for samples in (100, 1_000, 10_000, 100_000, 500_000):
        if samples > 10_000 and kind == "given weights":  # whose numbers are large
            continue
        job = job_of(kind, samples, dtype=dtype)
        data = job.X.nbytes + job.y.nbytes
        taken, fewest = planned_bytes(job), register_bytes() // job.dtype.itemsize
        assert taken < room + 2 * fewest * data
        assert job.requires_lanes or taken < one + 2 * data


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.thorough
def test_the_bytes_that_a_chunk_takes(kind):
    """NumPy tells `tracemalloc` of each array: so many bytes above those of the job."""
    train_chunk(job_of(kind, 16, epochs=0), 0, RESTARTS)
    job = job_of(kind, 20_000, epochs=1)
    tracemalloc.start()
    try:
        train_chunk(job, 0, RESTARTS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 128 lanes would take 20 MB for the weights alone, and 49 for shuffled halves.
    assert peak < 2 * chunks.OWN_BYTES + job.X.nbytes + job.y.nbytes


@pytest.mark.parametrize("kind", KINDS)
def test_small_data_have_as_many_lanes_as_ever(kind, monkeypatch):
    def lanes():
        return [
            most_lanes(job_of(kind, samples, fastnn.Network(sizes), dtype=dtype))
            for samples in (4, 150, 500)
            for sizes in ([2, 2, 1], [4, 8, 3])
            for dtype in (np.float64, np.float32)
        ]

    found = lanes()
    monkeypatch.setattr(chunks, "own_bytes", lambda job: 0)
    assert found == lanes()


def test_large_data_are_trained_in_few_lanes_or_one_by_one():
    assert most_lanes(job_of("Bootstrap", 10**6)) == register_bytes() // 8
    assert most_lanes(job_of("shuffled halves", 10**6)) == 1
    assert most_lanes(job_of("plain", 10**6)) == most_lanes(job_of("plain", 1000))


@pytest.mark.parametrize("kind", OWN)
def test_the_bits_do_not_depend_on_the_room(kind, monkeypatch):
    """Whatever is chosen: most lanes, the fewest, or one at a time."""

    def results():
        job = job_of(kind, 40, epochs=3)
        chunk = train_chunk(job, 0, RESTARTS)
        return chunk.lanes, (chunk.parameters.tobytes(), chunk.loss.tobytes())

    found = [results()]
    for name in ("OWN_BYTES", "MOST_OWN_BYTES"):
        monkeypatch.setattr(chunks, name, 1)
        found.append(results())
    lanes, bits = zip(*found, strict=True)
    assert lanes[0] > lanes[1] >= lanes[2]
    assert len(set(bits)) == 1
