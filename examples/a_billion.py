"""A billion restarts of XOR in one folder, killed several times and resumed: the results.

    python examples/a_billion.py --restarts 1e9 --kills 6 --record examples/a_billion.json

runs everything; without arguments it trains a million.  It trains 2-2-1 networks with biases by
Levenberg-Marquardt until their SSE is below 0.04, at most 30 epochs each, and needs ten bytes of
disk for each.  The training process is killed (SIGKILL) at random moments, and another continues.
At the end one in ten thousand, drawn at random, is trained again, alone, and must have the same
bits as in the folder.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import fastnn
from fastnn.support.machine import describe

NET = fastnn.Network([2, 2, 1], activation="sigmoid", bias=True)
JOB = {
    "optimizer": fastnn.LevenbergMarquardt(),
    "init": fastnn.Uniform(-1, 1),
    "epochs": 30,
    "target_sse": 0.04,
    "seed": 0,
}
MIB = 2**20


def train(folder, restarts):
    """Continue where the last process was killed; each process runs this."""
    X, y = fastnn.datasets.xor()
    fastnn.train_many(NET, X, y, restarts=restarts, keep="outcomes", out=folder, resume=True, **JOB)


def memory(pid):
    """Resident MiB of a process without mapped files; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def train_and_kill(folder, restarts, kills, seconds, rng):
    """Train everything in processes that are killed; returns their lifetimes and peak memory."""
    lives, most = [], 0.0
    while True:
        killed = sum(life["killed"] for life in lives)
        # Until they have all come: a moment somewhere in an equal share of the time.
        limit = 1 + rng.uniform(0.2, 1.8) * seconds / (kills + 1) if killed < kills else None
        begin = time.perf_counter()
        command = [sys.executable, __file__, folder, "--restarts", str(restarts), "--train"]
        process = subprocess.Popen(command)
        while process.poll() is None:
            most = max(most, memory(process.pid))
            if limit is not None and time.perf_counter() - begin > limit:
                process.send_signal(signal.SIGKILL)
                process.wait()
            time.sleep(0.05)
        life = time.perf_counter() - begin
        lives.append({"seconds": round(life, 2), "killed": process.returncode != 0})
        there = len(fastnn.open_run(folder)) if (Path(folder) / "manifest.json").exists() else 0
        print(f"{'killed' if lives[-1]['killed'] else 'ended'} after {life:.1f} s, "
              f"{there:,} restarts are there", flush=True)  # fmt: skip
        if not lives[-1]["killed"]:
            return lives, most
        assert process.returncode == -signal.SIGKILL


def check(stored, sample, rng):
    """Train `sample` random restarts again, each alone; returns how many have other bits."""
    X, y = fastnn.datasets.xor()
    indices = np.sort(rng.choice(stored.restarts, min(sample, stored.restarts), replace=False))
    rows = stored[indices]
    different = 0
    for position, k in enumerate(indices.tolist()):
        run = fastnn.train(NET, X, y, restart=k, history=False, **JOB)
        same = (
            np.float64(run.loss).tobytes() == rows.loss[position].tobytes()
            and run.epochs == rows.epochs[position]
            and run.status == rows.status[position]
        )
        different += not same
    return len(indices), different


def main():
    """Parse the arguments, train, check, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default="a_billion", help="default %(default)s")
    parser.add_argument("--restarts", type=lambda text: int(float(text)), default=10**6)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--sample", type=int, help="default a ten-thousandth of them")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.folder, options.restarts)
        return
    seconds = options.restarts * 100e-9  # less than two cores need: all kills come on the way
    lives, most = train_and_kill(
        options.folder, options.restarts, options.kills, seconds, random.Random(0)
    )
    stored = fastnn.open_run(options.folder)
    disk = sum(path.stat().st_size for path in Path(options.folder).rglob("*") if path.is_file())
    statistics = stored.statistics
    print(statistics)
    begin = time.perf_counter()
    sample, different = check(
        stored, options.sample or options.restarts // 10_000, np.random.default_rng(0)
    )
    checking = time.perf_counter() - begin
    record = {
        "restarts": len(stored),
        "seconds": round(sum(life["seconds"] for life in lives), 1),
        "kills": sum(life["killed"] for life in lives),
        "lives": lives,
        "memory_mib": round(most),
        "disk_gib": round(disk / 2**30, 2),
        "shards": stored.shards,
        "converged": statistics.counts["CONVERGED"],
        "success_rate": statistics.success_rate,
        "success_interval": statistics.success_interval,
        "mean_epochs": statistics.mean_epochs,
        "minima": [[m.loss, m.restarts, m.share] for m in statistics.minima(5)],
        "best": [stored.best.restart, stored.best.sse],
        "retrained_alone": sample,
        "of_other_bits": different,
        "machine": describe(),
    }
    print(
        f"{record['restarts']:,} restarts in {record['seconds']:,.0f} s and "
        f"{len(lives)} processes, {record['kills']} of them killed\n"
        f"memory {record['memory_mib']} MiB, disk {record['disk_gib']} GiB in "
        f"{record['shards']:,} shards\n"
        f"{sample:,} restarts trained again alone in {checking:.0f} s: {different} of other bits"
    )
    figure = Figure(figsize=(10, 4), layout="constrained")
    stored.plot(figure.subplots(1, 2))
    figure.savefig("a_billion.png", dpi=150)
    if options.record is not None:
        options.record.write_text(json.dumps(record, indent=1) + os.linesep)
    if different or not stored.complete:
        sys.exit("the folder has other bits than restarts trained alone")


if __name__ == "__main__":
    main()
