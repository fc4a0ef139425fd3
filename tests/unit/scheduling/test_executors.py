"""Executors of all kinds: the same bits, failing workers, time limits, and data sent."""

import pickle
import threading
import time
import weakref
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context

import numpy as np
import pytest
from executor_examples import (
    Disorderly,
    Eager,
    assert_all_kept_the_same,
    assert_are_some_of,
    ended_within,
    grid,
    kill,
    settings,
    sweep,
)

import fastnn
from fastnn.job.build import make_job
from fastnn.job.keep import make_keep
from fastnn.scheduling.executors import name_of, workers_of
from fastnn.scheduling.work import ATTEMPTS
from fastnn.scheduling.worker import Part, train_part

METHODS = [name for name in ("fork", "spawn", "forkserver") if name in get_all_start_methods()]
KEEPS = ["all", "outcomes", "statistics", fastnn.Best(7)]
# Python from 3.12 on warns of forks beside threads.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


class Watched(ProcessPoolExecutor):
    """Processes that something happens to once so many chunks were handed out."""

    def __init__(self, at, action, method="spawn"):
        super().__init__(2, mp_context=get_context(method))
        self.at, self.action = at, action
        self.submitted = 0

    def submit(self, function, /, *args, **kwargs):
        future = super().submit(function, *args, **kwargs)
        self.submitted += 1
        if self.submitted == self.at:
            self.action(self)
        return future


def kill_one(executor):
    kill(next(iter(executor._processes)))


@pytest.fixture(scope="module", params=METHODS)
def processes(request):
    with ProcessPoolExecutor(2, mp_context=get_context(request.param)) as executor:
        yield executor


@pytest.mark.parametrize("keep", KEEPS, ids=str)
def test_processes_keep_the_same(processes, keep, xor, tmp_path):
    arguments = settings(keep=keep)
    expected = fastnn.train_many(*xor, **arguments)
    assert_all_kept_the_same(fastnn.train_many(*xor, executor=processes, **arguments), expected)
    out = [
        fastnn.train_many(*xor, executor=executor, out=tmp_path / name, **arguments)
        for name, executor in (("threads", None), ("processes", processes))
    ]
    assert_all_kept_the_same(out[1], out[0])
    assert out[1].complete


@pytest.mark.parametrize("arguments", [sweep(1200), grid()], ids=["arrays", "grid"])
def test_processes_get_each_restart_its_own_numbers(processes, arguments, xor):
    arguments = settings(**arguments)
    expected = fastnn.train_many(*xor, **arguments)
    assert_all_kept_the_same(fastnn.train_many(*xor, executor=processes, **arguments), expected)


def test_a_killed_worker_ends_the_run_with_what_had_ended(xor):
    arguments = settings(restarts=4000, epochs=2000)
    with Watched(12, kill_one) as executor, pytest.raises(fastnn.Incomplete) as raised:
        fastnn.train_many(*xor, executor=executor, **arguments)
    error = raised.value
    assert str(error).startswith("executor: Watched failed: BrokenProcessPool: ")
    assert str(error).endswith(f"{error.ended:,} of 4,000 restarts had ended")
    assert isinstance(error.__cause__, BrokenProcessPool)
    assert 800 <= error.ended == len(error.runs) < 4000
    assert_are_some_of(error.runs, fastnn.train_many(*xor, **arguments))


def test_a_pool_that_broke_can_be_shut_down(xor):
    """Though chunks waited in it that are not at work."""
    processes = []

    def note_and_kill(executor):
        processes.extend(executor._processes)
        kill_one(executor)

    executor = Watched(30, note_and_kill)
    with pytest.raises(fastnn.Incomplete, match="BrokenProcessPool"):
        fastnn.train_many(*xor, executor=executor, threads=100, **settings(restarts=20_000))
    shutting = threading.Thread(target=executor.shutdown, daemon=True)
    shutting.start()
    shutting.join(30)
    assert not shutting.is_alive()
    assert len(processes) == 2
    assert not ended_within(5, processes)


def test_a_folder_outlives_killed_workers(xor, tmp_path):
    arguments = settings(restarts=4000, epochs=2000)
    kept = []
    for deaths in range(3):
        resume = deaths > 0
        with Watched(12, kill_one) as executor, pytest.raises(fastnn.Incomplete) as raised:
            fastnn.train_many(*xor, executor=executor, out=tmp_path, resume=resume, **arguments)
        assert "resume=True continues from there" in str(raised.value)
        kept.append(len(fastnn.open_run(tmp_path)))
        assert len(raised.value.runs) == raised.value.ended == kept[-1]
    assert 800 <= kept[0] < kept[1] < kept[2] < 4000
    runs = fastnn.train_many(*xor, out=tmp_path, resume=True, **arguments)
    assert_all_kept_the_same(runs.load(), fastnn.train_many(*xor, **arguments))


@pytest.mark.parametrize("cancels", [False, True])
def test_processes_that_are_shut_down_on_the_way(cancels, xor, tmp_path):
    arguments = settings(restarts=4000, epochs=2000)
    executor = Watched(12, lambda pool: pool.shutdown(wait=False, cancel_futures=cancels))
    with pytest.raises(fastnn.Incomplete, match="executor: Watched failed: ") as raised:
        fastnn.train_many(*xor, executor=executor, out=tmp_path, **arguments)
    assert 800 <= len(raised.value.runs) < 4000
    runs = fastnn.train_many(*xor, out=tmp_path, resume=True, **arguments)
    assert_all_kept_the_same(runs.load(), fastnn.train_many(*xor, **arguments))


@pytest.mark.parametrize("keep", KEEPS, ids=str)
def test_chunks_that_fail_are_handed_out_again(keep, xor):
    arguments = settings(keep=keep)
    expected = fastnn.train_many(*xor, **arguments)
    with Disorderly(lambda at: at // 100 % ATTEMPTS) as executor:
        found = fastnn.train_many(*xor, executor=executor, threads=3, **arguments)
    assert_all_kept_the_same(found, expected)
    assert executor.attempts == {at: 1 + at // 100 % ATTEMPTS for at in range(0, 1200, 100)}
    assert executor.most <= 6


def test_a_chunk_that_always_fails_ends_the_run(xor):
    arguments = settings()
    with (
        Disorderly(lambda at: 99 if at == 700 else 0) as executor,
        pytest.raises(
            fastnn.Incomplete, match=r"Disorderly failed: OSError: .* chunk 700"
        ) as error,
    ):
        fastnn.train_many(*xor, executor=executor, threads=2, **arguments)
    assert executor.attempts[700] == ATTEMPTS
    assert_are_some_of(error.value.runs, fastnn.train_many(*xor, **arguments))
    assert len(error.value.runs) >= 700


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), MemoryError("none")], ids=repr
)
def test_no_error_of_a_worker_is_taken_for_one_of_ours(error, xor):
    def spoil(number, future, result):
        if number in (2, 5):
            future.set_exception(error)
        else:
            future.set_result(result())

    arguments = settings()
    executor = Eager(spoil)
    found = fastnn.train_many(*xor, executor=executor, **arguments)
    assert_all_kept_the_same(found, fastnn.train_many(*xor, **arguments))
    assert len(executor.starts) == 14


def test_a_chunk_that_was_interrupted_in_its_worker_is_handed_out_again(xor):
    """Of which not half may be kept, and the other half be forgotten."""

    def spoil(number, future, result):
        part = result()
        if number == 3:
            half = {name: values[:50] for name, values in part.columns.items()}
            counts = part.ended // 2, part.converged // 2
            times = part.seconds, 0
            part = Part(part.start, 50, half, part.statistics, *counts, *times, part.cut)
        future.set_result(part)

    arguments = settings()
    found = fastnn.train_many(*xor, executor=Eager(spoil), **arguments)
    assert_all_kept_the_same(found, fastnn.train_many(*xor, **arguments))


@pytest.mark.parametrize("error", [OSError("no such host"), RuntimeError("closed"), ValueError()])
def test_an_executor_that_takes_no_chunk(error, xor, tmp_path):
    class Closed(Executor):
        taken = 0

        def submit(self, function, /, *args, **kwargs):
            self.taken += 1
            if self.taken > 3:
                raise error
            future = Future()
            future.set_result(function(*args, **kwargs))
            return future

    text = f"executor: Closed failed: {type(error).__name__}"
    with pytest.raises(fastnn.Incomplete, match=text) as raised:
        fastnn.train_many(*xor, executor=Closed(), out=tmp_path, **settings())
    assert raised.value.__cause__ is error
    assert len(raised.value.runs) == raised.value.ended == 300


@pytest.mark.parametrize("error", [BrokenExecutor("gone"), CancelledError()], ids=repr)
def test_nothing_more_is_asked_of_an_executor_that_is_gone(error, xor):
    def spoil(number, future, result):
        if number < 3:
            future.set_result(result())
        elif isinstance(error, CancelledError):
            future.cancel()
        else:
            future.set_exception(error)

    executor = Eager(spoil)
    with pytest.raises(fastnn.Incomplete, match=f"Eager failed: {type(error).__name__}") as raised:
        fastnn.train_many(*xor, executor=executor, threads=2, **settings())
    assert len(raised.value.runs) == 200
    assert len(executor.starts) <= 6


def test_a_disk_that_is_full_leaves_the_executor_as_it_was(xor, tmp_path, monkeypatch):
    from fastnn.storage import writer

    written = []
    write_shard = writer.write_shard

    def full(folder, part, manifest):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(part)
        return write_shard(folder, part, manifest)

    monkeypatch.setattr(writer, "write_shard", full)
    arguments = settings()
    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(OSError, match="out: No space left on device; 300 of 1,200"):
            fastnn.train_many(*xor, executor=executor, out=tmp_path, **arguments)
        monkeypatch.undo()
        runs = fastnn.train_many(*xor, executor=executor, out=tmp_path, resume=True, **arguments)
    assert len(written) == 3
    assert_all_kept_the_same(runs.load(), fastnn.train_many(*xor, **arguments))


KINDS = {
    "own threads": lambda: None,
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
    "at once": Eager,
    "disorderly": lambda: Disorderly(lambda at: 0),
}


@pytest.mark.parametrize("chunk", [None, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_time_limit(kind, chunk, xor, exercise, tmp_path):
    """Soon after it the restarts are there that have ended, and a folder goes on from there."""
    arguments = {"restarts": 10**8, "epochs": 10_000, "chunk": chunk, "threads": 2, **exercise}
    executor = KINDS[kind]()
    try:
        began = time.monotonic()
        limits = {"executor": executor, "time_limit": 0.5, "keep": "outcomes"}
        stored = fastnn.train_many(*xor, out=tmp_path, **limits, **arguments)
        runs = fastnn.train_many(*xor, **limits, **arguments)
        assert time.monotonic() - began < 30
    finally:
        if executor is not None:
            executor.shutdown()
    assert not stored.complete
    assert (np.asarray(stored.status) != fastnn.Status.NOT_RUN).all()
    assert (runs.status != fastnn.Status.NOT_RUN).all()
    more = fastnn.train_many(*xor, out=tmp_path, resume=True, time_limit=0.2, **arguments)
    assert len(more) >= len(stored)
    for k in runs.indices[:: max(1, len(runs) // 5)]:
        run = fastnn.train(*xor, restart=int(k), epochs=10_000, **exercise)
        assert run.loss == runs.loss[runs.indices == k][0]


def test_chunks_that_end_at_once_do_not_hold_off_the_time_limit(xor):
    began = time.monotonic()
    limits = {"executor": Eager(), "chunk": 1, "threads": 50, "time_limit": 0.3}
    runs = fastnn.train_many(*xor, restarts=10**7, epochs=0, **limits)
    assert 0 < len(runs) < 10**7
    assert time.monotonic() - began < 10


def test_chunks_that_are_at_work_at_the_time_limit_are_not_lost(xor):
    """Of an executor that does not tell which they are: those that were handed out first."""

    executor = ThreadPoolExecutor(2)

    class Outer(Executor):
        def submit(self, function, /, *args, **kwargs):
            outer = Future()

            def run():
                time.sleep(0.4)
                result = function(*args, **kwargs)
                if not outer.cancelled():
                    outer.set_result(result)

            executor.submit(run)
            return outer

    with executor:
        runs = fastnn.train_many(
            *xor, executor=Outer(), threads=2, time_limit=0.1, **settings(restarts=4000)
        )
    np.testing.assert_array_equal(runs.indices, np.arange(200))


def test_parts_and_futures_are_not_kept(xor):
    """Neither what has been taken in, nor the one before while the next is waited for."""
    parts = []

    def spoil(number, future, result):
        part = result()
        assert sum(reference() is not None for reference in parts) < 4
        parts.append(weakref.ref(part))
        future.set_result(part)

    fastnn.train_many(*xor, executor=Eager(spoil), threads=2, **settings(restarts=3000))
    assert len(parts) == 30


def big_job(samples=20_000, restarts=5000):
    """A job whose data, weights of samples, and numbers of restarts are all large."""
    rng = np.random.default_rng(1)
    net = fastnn.Network([2, 2, 1])
    return make_job(
        net,
        rng.uniform(0, 1, (samples, 2)),
        rng.uniform(0, 1, (samples, 1)),
        restarts=restarts,
        init=rng.uniform(-1, 1, (restarts, net.n_parameters)),
        optimizer=fastnn.GradientDescent(
            fastnn.PerLayer(rng.uniform(0, 1, restarts), rng.uniform(0, 1, restarts)),
            momentum=rng.uniform(0, 0.9, restarts),
        ),
        epochs=0,
    )


def test_a_chunk_that_is_sent_has_no_numbers_of_other_restarts():
    job = big_job(samples=10)
    whole, sent = (len(pickle.dumps(part)) for part in (job, job.compact_range(100, 110)))
    assert whole > 5000 * 12 * 8
    assert sent < 10_000


@pytest.mark.parametrize("keep", ["statistics", fastnn.Best(3)], ids=str)
def test_a_part_that_comes_back_has_no_data(keep):
    job = big_job()
    sent = job.compact_range(100, 110)
    part = train_part(sent, 0, 10, make_keep(keep, job), at=100)
    assert len(pickle.dumps(sent)) > job.X.nbytes
    assert len(pickle.dumps(part)) < job.X.nbytes // 4


def test_how_many_workers_an_executor_has():
    with ThreadPoolExecutor(3) as executor:
        assert workers_of(executor) == 3
    assert workers_of(Eager()) == workers_of(None)
    assert name_of(Eager()) == "Eager"
