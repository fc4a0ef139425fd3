"""Overhead of Dask's LocalCluster compared with threads, in turns.

``python benchmarks/dask_overhead.py`` trains XOR until SSE < 0.04 with two threads and with two
worker processes of one thread each, in chunks of about a second, and of half of one, and checks
that all bits are the same.
"""

import statistics
import time

import numpy as np
from distributed import Client, LocalCluster

import fastnn

RESTARTS, TURNS = 400_000, 5
JOB = {
    "optimizer": fastnn.GradientDescent(0.5),
    "init": fastnn.Uniform(0, 1),
    "epochs": 10_000,
    "target_sse": 0.04,
    "keep": "outcomes",
    "threads": 2,
    "progress": False,
}


def timed(executor, chunk, restarts=RESTARTS):
    """Seconds of a run, and its results."""
    net = fastnn.Network([2, 2, 1], bias=False)
    begin = time.perf_counter()
    runs = fastnn.train_many(
        net, *fastnn.datasets.xor(), restarts=restarts, executor=executor, chunk=chunk, **JOB
    )
    return time.perf_counter() - begin, runs


def main():
    """Measure and print."""
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        dask = client.get_executor()
        for executor in (None, dask):
            timed(executor, None, 20_000)  # compiles, and imports in the workers
        for chunk in (None, 17_000):
            ratios = []
            for _ in range(TURNS):
                threads, expected = timed(None, chunk)
                seconds, runs = timed(dask, chunk)
                np.testing.assert_array_equal(runs.loss, expected.loss)
                np.testing.assert_array_equal(runs.epochs, expected.epochs)
                ratios.append(seconds / threads)
            print(
                f"chunks of {chunk or 'the size that fastnn chooses'}: Dask takes "
                f"{statistics.median(ratios):.3f} times as long as threads "
                f"({', '.join(f'{ratio:.3f}' for ratio in ratios)})"
            )


if __name__ == "__main__":
    main()
