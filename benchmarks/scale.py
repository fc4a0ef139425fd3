"""W2 with so many restarts, in a process of its own: ``scale.py RESTARTS EPOCHS ROUNDS``.

Prints JSON: seconds of each round, and the MiB of memory that training took beyond its results.
"""

import json
import resource
import sys
import time
from dataclasses import replace

from works import WORKS

restarts, epochs, rounds = map(int, sys.argv[1:])
work = replace(WORKS["W2"], epochs=epochs)


def peak_mib():
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


work.train(64, threads=1)  # loads the kernel
before = peak_mib()
seconds = []
for _ in range(rounds):
    start = time.perf_counter()
    runs = work.train(restarts, threads=1)
    seconds.append(time.perf_counter() - start)
    columns = (runs.parameters, runs.loss, runs.epochs, runs.status, runs.indices)
    results = sum(column.nbytes for column in columns) / 2**20
    del runs, columns
print(json.dumps({"seconds": seconds, "memory": peak_mib() - before - results}))
