"""Deliberate faults that guard pages must detect: run by `test_guard` in its own process.

Each happens in a fork.  The program prints how it ended: the name of a signal, of an exception, or
"nothing".
"""

import ctypes
import os
import resource
import signal
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
from guard import guarded

import fastnn
from fastnn.engine import blueprint, launch
from fastnn.engine import chunk as chunks
from fastnn.engine import evaluate as primitives
from fastnn.kernels.layout import PLACES
from fastnn.kernels.workspace import Plan

NET = fastnn.Network([2, 2, 1])
# As many as fill a tile, and weights of their own: the last number of each region is used.
DATA = [np.tile(array, (16, 1)) for array in fastnn.datasets.xor()]
ARGUMENTS = {"epochs": 3, "optimizer": fastnn.GradientDescent(momentum=0.5)}
STOP = np.zeros(1, dtype=np.int64)
run_kernels, zeros_aligned = launch.run_kernels, launch.zeros_aligned
take, set_fields, point = Plan.take, Plan.set, Plan.point


def one(guard=None):
    """Train one network."""
    fastnn.train(NET, *DATA, sample_weight=np.ones(64), **ARGUMENTS)


def many(guard=None):
    """Train enough networks to fill the lanes."""
    own = {"sample_weight": np.ones((128, 64)), "restarts": 128, "progress": False}
    fastnn.train_many(NET, *DATA, **own, **ARGUMENTS)


def jacobians(guard=None):
    """Compute Jacobians of several networks."""
    fastnn.jacobian(NET, np.ones((9, NET.n_parameters)), DATA[0])


def reading(offset):
    """Read a byte next to 64 bytes of guarded memory."""

    def read(guard):
        array = np.zeros(64, dtype=np.uint8)
        ctypes.string_at(guard.twin_of(array).address + offset, 1)

    return read


def without_last(output):
    """Remove the last row of an array of outputs."""

    def cut(launched, part, threads, stop_flag, outputs):
        shorter = outputs._replace(**{output: getattr(outputs, output)[:-1]})
        return run_kernels(launched, part, threads, stop_flag, shorter)

    return [patch.object(module, "run_kernels", cut) for module in (chunks, primitives)]


def without_last_64_bytes():
    """Remove the last 64 bytes of workspaces and buffers."""

    def cut(count, dtype):
        return zeros_aligned(count, dtype).view(np.uint8)[:-64].view(dtype)

    return [patch.object(launch, "zeros_aligned", cut)]


def before_its_begin():
    """Start regions of the workspace 64 elements too early."""

    def earlier(plan, count):
        plan.end = plan.end or -64
        return take(plan, count)

    return [patch.object(Plan, "take", earlier)]


def not_guarded():
    """Take the address of an array in another way."""

    def changed(plan, name, array, *shape):
        point(plan, name, array, *shape)
        if name == "stop":
            plan.record[PLACES[name]] = STOP.ctypes.data

    return [patch.object(Plan, "point", changed)]


def one_more(field):
    """Set a number of the record to one more than its arrays have."""

    def changed(plan, **values):
        more = {field: values[field] + 1} if field in values else {}
        set_fields(plan, **(values | more))

    return [patch.object(Plan, "set", changed)]


CONTROLS = {
    "nothing wrong": (one, []),
    "nothing wrong, many": (many, []),
    "a byte after": (reading(64), []),
    "a byte before": (reading(-1), []),
    "an address that is not guarded": (one, not_guarded()),
    "workspace of one": (one, without_last_64_bytes()),
    "workspace of many": (many, without_last_64_bytes()),
    "workspace of one, before": (one, before_its_begin()),
    "workspace of many, before": (many, before_its_begin()),
    "history": (one, without_last("history")),
    "Jacobians": (jacobians, without_last("jacobian")),
    "samples": (one, one_more("samples")),
    "samples of many": (many, one_more("samples")),
    "restarts": (many, one_more("count")),
    **{f"{name} of many": (many, without_last(name))
       for name in ("parameters", "state", "loss", "epochs", "status")},
}  # fmt: skip


def end_of(job, faults, at_end):
    """Run a job with faults in a fork, with guards at one end; returns how it ended."""
    pid = os.fork()
    if not pid:
        blueprint._made.clear()
        try:
            with ExitStack() as stack:
                guard = stack.enter_context(guarded(at_end=at_end))
                for fault in faults:
                    stack.enter_context(fault)
                job(guard)
            os._exit(0)
        except AssertionError:
            os._exit(1)
        except BaseException:
            os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return signal.Signals(-status).name if status < 0 else ("nothing", "refused", "error")[status]


def main():
    """Make each fault at both ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for job in (one, many, jacobians):
        job()  # forks have compiled kernels
    for name, (job, faults) in CONTROLS.items():
        print(
            name, *(end_of(job, faults, at_end) for at_end in (True, False)), sep=": ", flush=True
        )


if __name__ == "__main__":
    main()
