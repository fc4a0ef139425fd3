"""Trains with the fastnn of another environment: ``PYTHON earlier_worker.py DESCRIPTOR``.

`earlier.py` starts it with that environment's Python and gives it a pipe.  It imports nothing of
the suite, whose modules need the fastnn of today.
"""

import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import fastnn


def about():
    """A description of this fastnn."""
    folder = Path(fastnn.__file__).parent
    command = ["git", "-C", str(folder), "log", "-1", "--format=%h", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        commit = done.stdout.strip()
    except OSError:
        commit = ""
    return {
        "version": fastnn.__version__,
        "commit": commit,
        "numerics_version": fastnn.NUMERICS_VERSION,
        "folder": str(folder),
    }


def call_of(task):
    """Convert a task, a dictionary, to a function without arguments."""
    net = fastnn.Network(task["sizes"], activation=task["activation"], bias=task["bias"])
    name, numbers = task["optimizer"]
    options = {"optimizer": getattr(fastnn, name)(**numbers), **task["options"]}
    if task["init"] is not None:
        options["init"] = fastnn.Uniform(*task["init"])
    train = getattr(fastnn, task["function"])
    return lambda: train(net, task["X"], task["y"], **options)


def arrays_of(result, names):
    """The named attributes of a result, None where it has none."""
    return {name: getattr(result, name) for name in names}


def main():
    """Do the tasks from the pipe until its other end is closed."""
    pipe = Connection(int(sys.argv[1]))
    pipe.send(about())
    calls = {}
    while True:
        try:
            key, what = pipe.recv()
        except EOFError:
            return
        try:
            if isinstance(what, dict):  # a new task
                calls[key] = call_of(what)
                pipe.send(None)
                continue
            worked, begin = time.process_time(), time.perf_counter()
            result = calls[key]()
            seconds = time.perf_counter() - begin
            worked = time.process_time() - worked
            pipe.send((seconds, worked, arrays_of(result, what)))
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
