"""Programs that get several Ctrl-C at once, at any moment: do all of their processes end?"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid

import fastnn

PROGRAM = """
import sys
print("begins", flush=True)
import fastnn
kind, folder, again = sys.argv[1], sys.argv[2], sys.argv[3] == "again"
X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1])

def many(**options):
    fastnn.train_many(net, X, y, restarts=6000, epochs=500, progress=False, **options)

def repeat(work):
    work()
    while again:
        work()

def with_pool(method, **options):
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as executor:
        repeat(lambda: many(executor=executor, chunk=500, **options))

def with_dask():
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            repeat(lambda: many(executor=client.get_executor()))

def one(**options):
    fastnn.train(net, X, y, epochs=1_000_000, **options)

def stored(**options):
    many(out=folder, resume=True, chunk=200, **options)

def command(*arguments):
    from fastnn.cli import main
    code = main([*arguments, "--threads", "2"])
    if code:
        sys.exit(code)

def table():
    path = folder + ".csv"
    with open(path, "w") as file:
        file.write("a,b,c\\n")
        file.writelines(f"{i},{i * i % 7},{i % 3}\\n" for i in range(200))
    return path

if __name__ == "__main__":
    print("ready", flush=True)
    if kind in ("fork", "spawn", "forkserver"):
        with_pool(kind)
    elif kind == "stored spawn":
        with_pool("spawn", out=folder, resume=True)
    elif kind == "dask":
        with_dask()
    elif kind == "restarts":
        repeat(lambda: command("restarts", "20000", "--save", folder + ".npz"))
    elif kind == "train":
        path = table()
        repeat(lambda: command("train", path, "--target", "c", "--model", folder + ".npz"))
    elif kind == "stored":
        stored()
    else:
        repeat({
            "threads": many, "one": one,
            "samples": lambda: one(parallel="samples", threads=2),
        }[kind])
"""
KINDS = (
    "threads", "fork", "spawn", "forkserver", "one", "samples", "stored", "stored spawn",
    "restarts", "train",
)  # fmt: skip
# A process that has not ended so long after the last signal never will, on a machine however busy.
PATIENCE = 90.0
NAME = "FASTNN_TEST_BURST"


def processes_of(mark):
    """The processes started with a mark in their environment, and their descendants."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                marked = f"{NAME}={mark}".encode() in file.read().split(b"\0")
            with open(f"/proc/{process}/stat") as file:
                ended = file.read().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            continue
        if marked and not ended:
            found.append(int(process))
    return found


def burst(kind, number, folder):
    """Run a program with a burst, drawn by `number`; returns (outcome, seconds, last output).

    The outcome is "ended", "hangs", or "orphans" if other processes of it are left.
    """
    rng = random.Random(f"{kind} {number}")
    again = "again" if rng.random() < 0.7 else "once"
    since = rng.choice(["begins", "ready", "ready", "ready"])
    moment, times = rng.uniform(0, 2.5), rng.choice([2, 3, 5, 5, 5, 8])
    pauses = [rng.choice([0, 0.0005, 0.003, 0.02]) for _ in range(times)]
    script = folder / "program.py"
    script.write_text(PROGRAM)
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, str(script), kind, str(folder / "run"), again],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, NAME: mark, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
        # A shell may have the signal ignored in what it begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = []
    heard = {word: threading.Event() for word in ("begins", "ready")}

    def listen():
        for line in process.stdout:
            said.append(line)
            if line.strip() in heard:
                heard[line.strip()].set()
        for event in heard.values():
            event.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        heard[since].wait(PATIENCE)
        time.sleep(moment)
        for pause in pauses:
            if process.poll() is None:  # else its number may be another's
                os.killpg(process.pid, signal.SIGINT)
            time.sleep(pause)
        began, left = time.monotonic(), [process.pid]
        while left and time.monotonic() < began + PATIENCE:
            time.sleep(0.02)
            process.poll()
            left = processes_of(mark)
        seconds = time.monotonic() - began
        became = "ended" if not left else "hangs" if process.poll() is None else "orphans"
    finally:
        for left in processes_of(mark):
            os.kill(left, signal.SIGKILL)
        process.wait()
        listener.join()
        process.stdout.close()
    # A program that could not begin its work has shown nothing.
    assert "fastnn: error" not in "".join(said), "".join(said)
    if kind.startswith("stored"):
        check_folder(folder / "run")
    return became, seconds, f"{again}, {moment:.3f} s since {since!r}, {times}: {''.join(said)}"


def check_folder(folder):
    """Check that a run in a folder can be opened and continued, whenever it was interrupted."""
    if not (folder / "manifest.json").exists():
        return
    ended = len(fastnn.open_run(folder))
    X, y = fastnn.datasets.xor()
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), X, y, restarts=6000, epochs=500, out=folder, resume=True
    )
    assert ended <= len(runs) == 6000
