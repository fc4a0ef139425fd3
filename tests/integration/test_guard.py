"""No kernel touches memory outside its arrays."""

import ast
import os
import re
import subprocess
import sys

import pytest
from paths import HELPERS
from test_house import ROOT, SOURCES, calls, name

from fastnn.kernels.layout import CHANGING, FLOATS, INTEGERS

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect and fork"),
]
SEEN = ("SIGSEGV", "SIGBUS")
# What kernels themselves set: the place of a row in `init_rows`.
SET_BY_KERNELS = {"init"}


def run(script, *arguments, kernels, timeout=300):
    """A script of the helpers in a new process; its lines, of which the last tells of a crash."""
    command = [sys.executable, script, *map(str, arguments)]
    environment = {**os.environ, "FASTNN_KERNELS": kernels, "PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, cwd=HELPERS, env=environment,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"it hangs: {(error.stdout or b'')[-3000:]!r}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.splitlines()


def run_jobs(*arguments, kernels, timeout=900):
    """Random jobs: the fields whose arrays were guarded."""
    *jobs, refused, seen = run("guarded_jobs.py", *arguments, kernels=kernels, timeout=timeout)
    assert len([line for line in jobs if line.startswith("job ")]) == arguments[1] - arguments[0]
    assert int(refused.split()[1]) <= 0.05 * len(jobs)
    return set(seen.split()[1:])


def test_jobs_and_all_arrays_of_a_record():
    fields = {field for field, kind in CHANGING.items() if kind in (FLOATS, INTEGERS)}
    seen = run_jobs(0, 90, kernels="general")
    assert seen == fields - SET_BY_KERNELS | {"statistics"}


def test_jobs_with_special_kernels():
    run_jobs(0, 3, "few", kernels="special")


@pytest.mark.slow
@pytest.mark.parametrize("first", [90, 1090, 2090])
def test_more_jobs(first):
    run_jobs(first, first + 1000, kernels="general", timeout=3600)


@pytest.mark.slow
def test_more_jobs_with_special_kernels():
    run_jobs(1000, 1100, "few", kernels="special", timeout=3600)


AFTER, BEFORE, BOTH, NEITHER = (True, False), (False, True), (True, True), (False, False)
CONTROLS = {
    "nothing wrong": NEITHER,
    "nothing wrong, many": NEITHER,
    "a byte after": AFTER,
    "a byte before": BEFORE,
    "workspace of one": AFTER,
    "workspace of many": AFTER,
    "workspace of one, before": BEFORE,
    "workspace of many, before": BEFORE,
    "samples": AFTER,
    "samples of many": AFTER,
    "restarts": AFTER,
    "history": AFTER,
    "Jacobians": AFTER,
    **dict.fromkeys((f"{name} of many" for name in
                     ("parameters", "state", "loss", "epochs", "status")), AFTER),
}  # fmt: skip
"""Faults made on purpose, and with which end of memory at a protected page they must be seen."""


def test_faults_are_seen():
    lines = run("guarded_controls.py", kernels="general")
    found = dict(line.split(": ", 1) for line in lines)
    assert found.pop("an address that is not guarded") == "refused: refused"
    assert set(found) == set(CONTROLS)
    for fault, expected in CONTROLS.items():
        ends = found[fault].split(": ")
        if expected == NEITHER:
            assert ends == ["nothing", "nothing"], fault
        for end, needed in zip(ends, expected, strict=True):
            assert end in SEEN or not needed, f"{fault}: {ends}"
            # An error: results refuse what came back.
            assert end in (*SEEN, "nothing", "error"), f"{fault}: {ends}"


def test_compiled_code_is_entered_where_the_guard_stands():
    """Addresses are taken by the gate; two functions are called from Python."""
    takers, entered = set(), set()
    for path in SOURCES:
        text = path.read_text()
        if re.search(r"\.ctypes\b|__array_interface__", text):
            takers.add(name(path))
        if any(function == "entry" for function, _ in calls(ast.parse(text))):
            entered.add(name(path))
    assert takers == {"fastnn/support/gate.py"}
    # The last gets numbers only.
    assert entered == {
        "fastnn/kernels/pieces.py", "fastnn/kernels/statistics.py", "fastnn/lanes/rounding.py",
    }  # fmt: skip
