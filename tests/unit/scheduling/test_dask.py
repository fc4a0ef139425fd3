"""Dask: two worker processes give the same bits, whatever happens to them."""

import logging
import pickle
import threading
import time

import numpy as np
import pytest
from executor_examples import (
    assert_all_kept_the_same,
    assert_are_some_of,
    grid,
    kill,
    settings,
    sweep,
)

import fastnn
from fastnn.scheduling.executors import name_of, workers_of

distributed = pytest.importorskip("distributed", reason="distributed is not installed")
import dask  # noqa: E402
from distributed.cfexecutor import ClientExecutor  # noqa: E402

pytestmark = pytest.mark.thorough

KEEPS = ["all", "outcomes", "statistics", fastnn.Best(7)]


class Watched(ClientExecutor):
    """Dask's executor that notes what is sent, and calls `action` after each chunk handed out."""

    def __init__(self, client, action=lambda number: None):
        super().__init__(client)
        self.action = action
        self.number = self.waiting = self.most = 0
        self.sent, self.came = [], []

    def submit(self, function, /, *args, **kwargs):
        self.sent.append(len(pickle.dumps((function, args, kwargs))))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        future = super().submit(function, *args, **kwargs)
        future.add_done_callback(self.ended)
        self.number += 1
        self.action(self.number)
        return future

    def ended(self, future):
        self.waiting -= 1
        if not future.cancelled() and future.exception() is None:
            self.came.append(len(pickle.dumps(future.result())))


def new_cluster():
    """Two processes of a thread each; what they write to the log when they die is no news."""
    # A worker that is not there at that moment so long after a death gets no new one.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    for name in ("distributed.nanny", "distributed.scheduler", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", protocol="tcp://"
    )


def begun(cluster):
    """Process ids of workers that have begun: of one that dies earlier no nanny begins another."""
    there = cluster.scheduler.workers
    nannies = list(cluster.workers.values())
    return [
        nanny.pid
        for nanny in nannies
        if nanny.process is not None
        and nanny.process.status == distributed.Status.running
        and nanny.worker_address in there
    ]


def wait_for_both(cluster):
    """Wait until both workers have begun."""
    began, asked = time.monotonic(), False
    while len(begun(cluster)) < 2:
        waited = time.monotonic() - began
        assert waited < 90
        if waited > 20 and not asked:  # a nanny that gave up: the cluster is to make others
            cluster.scale(0)
            cluster.scale(2)
            asked = True
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster():
    with new_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


def test_workers_are_counted(client):
    assert workers_of(client.get_executor()) == 2
    assert name_of(client.get_executor()) == "Dask's ClientExecutor"


@pytest.mark.parametrize("keep", KEEPS, ids=str)
def test_all_that_is_kept_is_the_same(client, keep, xor, tmp_path):
    arguments = settings(keep=keep)
    executor = client.get_executor()
    expected = fastnn.train_many(*xor, **arguments)
    assert_all_kept_the_same(fastnn.train_many(*xor, executor=executor, **arguments), expected)
    stored = [
        fastnn.train_many(*xor, executor=who, out=tmp_path / name, **arguments)
        for name, who in (("threads", None), ("dask", executor))
    ]
    assert_all_kept_the_same(stored[1], stored[0])
    assert stored[1].complete


@pytest.mark.parametrize("arguments", [sweep(1200), grid()], ids=["arrays", "grid"])
def test_each_restart_gets_its_own_numbers(client, arguments, xor):
    arguments = settings(**arguments)
    expected = fastnn.train_many(*xor, **arguments)
    found = fastnn.train_many(*xor, executor=client.get_executor(), **arguments)
    assert_all_kept_the_same(found, expected)


def test_chunks_in_flight_are_twice_the_workers(client, xor):
    executor = Watched(client)
    fastnn.train_many(*xor, executor=executor, **settings())
    assert executor.number == 12
    assert 2 <= executor.most <= 4


@pytest.mark.parametrize("keep", ["statistics", fastnn.Best(3)], ids=str)
def test_what_goes_to_and_fro(client, keep):
    """Chunks have the data and their own numbers; what comes back has neither."""
    rng = np.random.default_rng(5)
    X, y, restarts = rng.uniform(0, 1, (4000, 2)), rng.uniform(0, 1, (4000, 1)), 2000
    net = fastnn.Network([2, 2, 1], bias=False)
    arguments = {**sweep(restarts), "sample_weight": None, "epochs": 0, "keep": keep}
    executor = Watched(client)
    fastnn.train_many(net, X, y, executor=executor, chunk=20, **arguments)
    assert executor.number == 100
    assert X.nbytes < min(executor.sent)
    assert max(executor.sent) < X.nbytes + y.nbytes + 10_000
    assert max(executor.came) < X.nbytes // 4


@pytest.mark.parametrize(
    "allowed",
    [
        pytest.param(0, id="told at once"),
        pytest.param(3, id="told at the fourth", marks=pytest.mark.slow),
    ],
)
def test_workers_are_killed_five_times(client, cluster, allowed, xor):
    """Nannies begin new ones; Dask gives up a chunk that was on too many, and we do not."""
    killed = []

    def action(number):
        there = [process for process in begun(cluster) if process not in killed]
        if there and len(killed) < 5 and number >= 8 * (1 + len(killed)):
            killed.append(there[0])
            kill(there[0])

    arguments = settings(restarts=15_000, epochs=10_000, target_sse=None)
    executor = Watched(client, action)
    wait_for_both(cluster)
    before = cluster.scheduler.allowed_failures
    cluster.scheduler.allowed_failures = allowed
    try:
        found = fastnn.train_many(*xor, executor=executor, **arguments)
    finally:
        wait_for_both(cluster)
        cluster.scheduler.allowed_failures = before
    assert len(killed) == 5
    assert executor.number > 150 or allowed
    assert executor.most <= 4
    assert_all_kept_the_same(found, fastnn.train_many(*xor, **arguments))


def test_a_chunk_that_kills_every_worker_ends_the_run(client, cluster, xor):
    """What had ended is there, and the error names the executor."""

    class Deadly(Watched):
        attempts = 0

        def submit(self, function, /, *args, **kwargs):
            if kwargs["at"] == 300:
                self.attempts += 1
                wait_for_both(cluster)
                function, args, kwargs = exit_at_once, (), {"pure": False}
            return super().submit(function, *args, **kwargs)

    executor = Deadly(client)
    before = cluster.scheduler.allowed_failures
    cluster.scheduler.allowed_failures = 0
    try:
        with pytest.raises(fastnn.Incomplete, match="Dask's Deadly failed: KilledW") as error:
            fastnn.train_many(*xor, executor=executor, **settings())
    finally:
        wait_for_both(cluster)
        cluster.scheduler.allowed_failures = before
    assert executor.attempts == 5
    assert_are_some_of(error.value.runs, fastnn.train_many(*xor, **settings()))


def exit_at_once():
    """The end of a worker."""
    import os

    os._exit(1)


def test_two_equal_runs_do_not_share_their_chunks(client, xor):
    """The end of one is not that of the other."""
    arguments = settings(restarts=6000, epochs=3000, target_sse=None)
    executor = client.get_executor()
    found = []
    threads = [
        threading.Thread(
            target=lambda limit=limit: found.append(
                fastnn.train_many(*xor, executor=executor, time_limit=limit, **arguments)
            )
        )
        for limit in (0.2, None)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.sort(key=len)
    expected = fastnn.train_many(*xor, **arguments)
    assert len(found[0]) < len(expected)
    assert_are_some_of(found[0], expected)
    assert_all_kept_the_same(found[1], expected)


def warm():
    """What a worker needs for the exercise."""
    net = fastnn.Network([2, 2, 1], bias=False)
    fastnn.train_many(net, *fastnn.datasets.xor(), restarts=50, epochs=1, threads=1)


@pytest.mark.slow
def test_time_limit(client, xor, exercise, tmp_path):
    arguments = {"restarts": 10**8, "epochs": 10_000, **exercise}
    limits = {"executor": client.get_executor(), "time_limit": 2.0, "chunk": 50}
    client.run(warm)  # a worker that has yet to load its kernels may not end a chunk in time
    began = time.monotonic()
    stored = fastnn.train_many(*xor, out=tmp_path, keep="outcomes", **limits, **arguments)
    runs = fastnn.train_many(*xor, keep="outcomes", **limits, **arguments)
    assert time.monotonic() - began < 30
    assert len(stored) > 0
    assert not stored.complete
    assert (np.asarray(stored.status) != fastnn.Status.NOT_RUN).all()
    assert (runs.status != fastnn.Status.NOT_RUN).all()
    more = fastnn.train_many(*xor, out=tmp_path, resume=True, **limits, **arguments)
    assert len(more) > len(stored)


@pytest.mark.parametrize("what", ["cluster", pytest.param("client", marks=pytest.mark.slow)])
def test_a_cluster_that_is_closed_on_the_way(what, xor, tmp_path):
    arguments = settings(restarts=5000, epochs=3000, target_sse=None)
    with new_cluster() as cluster, distributed.Client(cluster) as client:
        closing = threading.Thread(target={"cluster": cluster, "client": client}[what].close)
        executor = Watched(client, lambda number: closing.start() if number == 12 else None)
        with pytest.raises(fastnn.Incomplete, match="executor: Dask's Watched failed") as raised:
            fastnn.train_many(*xor, executor=executor, out=tmp_path, **arguments)
        closing.join()
        assert 800 <= len(raised.value.runs) == raised.value.ended < 5000
        with pytest.raises(fastnn.Incomplete, match="executor: Dask's Watched failed"):
            fastnn.train_many(*xor, executor=executor, **arguments)
    runs = fastnn.train_many(*xor, out=tmp_path, resume=True, **arguments)
    assert_all_kept_the_same(runs.load(), fastnn.train_many(*xor, **arguments))
