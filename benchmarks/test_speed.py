"""All contenders on all works, in turns: each is checked against fastnn, then timed."""

import os
import time

import cpus
import pytest
import session
from works import quick

# A turn spends about this long on each contender.
SECONDS, FEWEST, MOST = 0.5, 2, 15


@pytest.mark.filterwarnings("ignore")  # the peers' own
def test_speed(benchmark, suite, request, turn, work, contender):
    reason = session.reason(contender)
    if reason:
        suite.skip(contender.name, contender.title, reason)
    benchmark.group = f"{work.key}: {work.title}"
    with cpus.of_threads(contender.threads):
        train = suite.prepare(work, contender)
        about = suite.about[work.key, contender.name]
        if turn == 0:
            about["call_seconds"] = once(train)
        rounds = 1 if quick() else int(min(MOST, max(FEWEST, SECONDS / about["call_seconds"])))
        if about["call_seconds"] > 4 * SECONDS:
            rounds = 1
        benchmark.extra_info.update(about, turn=turn)
        worked, waited = sum(os.times()[:4]), time.perf_counter()
        own_clock = getattr(train, "times", None)
        if own_clock is not None:
            own_clock.clear()
        benchmark.pedantic(train, rounds=rounds, iterations=1)
        worked, waited = sum(os.times()[:4]) - worked, time.perf_counter() - waited
        if own_clock is not None:
            waited, worked = map(sum, zip(*own_clock, strict=True))
        if contender.threads == 1:  # less than 1 if something else ran on this CPU
            share = min(1.0, (worked + 0.02) / waited)  # the system counts in hundredths
            about["cpu_share"] = min(share, about.get("cpu_share", 1.0))
    if benchmark.stats:  # none with --benchmark-disable
        times = [t for t, _ in own_clock] if own_clock else benchmark.stats.stats.data
        suite.add(work, contender, times)
    if turn == request.config.option.turns - 1:
        suite.release(work, contender)


def once(call):
    """The seconds of `call`: the warm-up, which decides how many rounds fit into a turn."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
