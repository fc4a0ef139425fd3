"""Time and memory against the number of restarts, threads and weights; use of lanes."""

import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cpus
import numpy as np
import peak
import pytest
import session
from kinds import warmed
from works import QUICK_RESTARTS, SMALL, WORKS, Work, quick, xor

import fastnn
from fastnn.cli.machine import CountingPool

EPOCHS = WORKS["W2"].epochs
BATCHED = [
    contender
    for contender in session.contenders()
    if contender.kind == "peer" and contender.restarts.get("W2", 0) >= 500
]


def timed(call, rounds, special=False):
    """The seconds of `rounds` calls after a warm-up, perhaps with `special` kernels."""
    (warmed(call) if special else call)()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


@pytest.mark.parametrize("power", range(8))
def test_restarts(suite, request, power):
    """ns per network and epoch, and memory, with 10**power restarts in a new process."""
    if power == 7 and not request.config.option.huge:
        suite.skip("restarts", "10^7 restarts", "only with --huge")
    if power > 2 and quick():
        suite.skip("restarts", "more than 100 restarts", "only checked that it runs")
    restarts = 10**power
    rounds = {5: 3, 6: 1, 7: 1}.get(power, 7)
    epochs = EPOCHS if restarts > 100 or quick() else 10_000
    script = Path(__file__).with_name("scale.py")
    command = [sys.executable, str(script), str(restarts), str(epochs), str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    ns = 1e9 * statistics.median(found["seconds"]) / restarts / epochs
    suite.measurements.setdefault("restarts", []).append(
        {"restarts": restarts, "epochs": epochs, "ns": ns, "memory": found["memory"]}
    )


def test_a_million(suite, request):
    """A million restarts of W2s on all threads."""
    if not request.config.option.huge:
        suite.skip("million", "a million restarts until SSE < 0.04", "only with --huge")
    work = WORKS["W2s"]
    with cpus.of_threads(len(cpus.ALL)):
        warmed(lambda: work.train(20_000, threads=len(cpus.ALL)))
        start = time.perf_counter()
        runs = work.train(10**6, threads=len(cpus.ALL))
        seconds = time.perf_counter() - start
    suite.measurements["million"] = {
        "seconds": seconds, "epochs": int(runs.epochs.sum()), "threads": len(cpus.ALL),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("contender", BATCHED, ids=lambda contender: contender.name)
def test_restarts_of_peers(suite, contender):
    """Measure peers that train many at once, as long as a call takes only a few seconds."""
    reason = session.reason(contender)
    if reason:
        suite.skip(contender.name, contender.title, reason)
    work = replace(WORKS["W2"], epochs=EPOCHS)
    points = suite.measurements.setdefault("restarts of peers", {})[contender.title] = []
    with cpus.of_threads(contender.threads):
        own = contender.restarts["W2"]  # it may take them in parts of a size that divides this
        for restarts in (1, 8, 64) if quick() else (1, 8, 64, own, 8 * own):
            train = contender.prepare(work, restarts)
            np.testing.assert_allclose(train(), work.train(restarts).loss, rtol=work.tolerance)
            seconds = min(timed(train, 2))
            points.append({"restarts": restarts, "ns": 1e9 * seconds / restarts / EPOCHS})
            if seconds > 0.4:  # the next would take much longer
                break


@pytest.mark.parametrize("key", ["W2", "W3", "W5"])
def test_threads(suite, key):
    """Speed-up against threads; the counts take turns."""
    work = WORKS[key]
    most = len(cpus.ALL)
    if most == 1:
        suite.skip("threads", "speed-up against threads", cpus.lacking(2))
    counts = [t for t in range(1, most + 1) if t <= 4 or t % 4 == 0 or t == most]
    times = {threads: [] for threads in counts}
    with cpus.of_threads(most):
        for _ in range(1 if quick() else 5):
            for threads in counts:
                # As many restarts for each thread, so that chunks are as large.
                restarts = work.restarts * threads
                seconds = timed(
                    lambda n=restarts, t=threads: work.train(n, threads=t), 1, key in SMALL
                )[0]
                times[threads].append(restarts * work.epochs / seconds)
    one = statistics.median(times[1])
    suite.measurements.setdefault("threads", {})[key] = [
        {"threads": threads, "speed_up": statistics.median(paces) / one}
        for threads, paces in times.items()
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", [2, 4, 8, 16, 32, 64, 128])
def test_size(suite, hidden, dtype):
    """ns per network, epoch and weight of 2-h-1 networks on XOR."""
    restarts = QUICK_RESTARTS if quick() else max(256, 16_384 // hidden)
    net = fastnn.Network([2, hidden, 1], bias=False)
    work = Work(f"h{hidden}", "", net, xor, 0.1, 200, restarts, dtype=dtype)
    seconds = min(timed(lambda: work.train(restarts, threads=1), 3, special=hidden <= 32))
    ns = 1e9 * seconds / restarts / work.epochs
    suite.measurements.setdefault("size", {}).setdefault(dtype, []).append(
        {"hidden": hidden, "weights": net.n_parameters, "ns": ns}
    )


@pytest.mark.parametrize("key", ["W2", "W2s", "W2v"])
def test_lanes_are_busy(suite, key):
    """Epochs that restarts trained, of all that the kernel computed in its lanes."""
    work = WORKS[key]
    warmed(lambda: work.train(work.restarts, threads=1))
    with CountingPool(1) as pool:
        runs = work.train(work.restarts, executor=pool)
    busy = float(runs.epochs.sum() / pool.lane_ticks)
    assert 0 < busy <= 1
    suite.measurements.setdefault("lanes", {})[key] = busy


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_peak(suite, dtype):
    """Multiply-adds per second that wait for nothing."""
    rounds = 1000 if quick() else 2_000_000
    suite.measurements.setdefault("peak", {})[dtype] = peak.peak(dtype, rounds=rounds)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sigmoids(suite, dtype):
    """Sigmoids that wait for nothing, and the division that each of them has."""
    found = peak.sigmoids(dtype, rounds=10 if quick() else 20_000)
    suite.measurements.setdefault("sigmoids", {})[dtype] = found
