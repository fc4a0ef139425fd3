"""Train W2 with many restarts in a new process: ``scale.py RESTARTS EPOCHS ROUNDS``.

Prints JSON: seconds of each round, and the MiB of memory that training took beyond its results.
"""

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

from kinds import warmed
from works import WORKS

restarts, epochs, rounds = map(int, sys.argv[1:])
work = replace(WORKS["W2"], epochs=epochs)


def peak_mib():
    """The peak memory of this process.

    Not `ru_maxrss`, which begins with the most that the parent had.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 2**10


warmed(lambda: work.train(min(restarts, 4096), threads=1))  # loads the kernels
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
