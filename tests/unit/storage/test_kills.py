"""Runs that are killed at any moment, or run out of disk space, and resume to the same bits."""

import errno
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import assert_same_bits

import fastnn
from fastnn.storage import shards

pytestmark = pytest.mark.thorough

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
JOB = {"optimizer": fastnn.LevenbergMarquardt(), "epochs": 30, "target_sse": 0.04}

SCRIPT = """
import sys, fastnn
X, y = fastnn.datasets.xor()
print("begun", flush=True)
fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=int(sys.argv[2]), keep="all",
                  optimizer=fastnn.LevenbergMarquardt(), epochs=30, target_sse=0.04,
                  out=sys.argv[1], resume=True, chunk=int(sys.argv[3]))
"""


def many(**options):
    return fastnn.train_many(NET, X, Y, **{**JOB, **options})


def run_until_killed(folder, restarts, chunk, delay):
    """Run the script; kill it `delay` seconds after it has begun to train.  Whether it was."""
    command = [sys.executable, "-c", SCRIPT, folder, str(restarts), str(chunk)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    process.stdout.close()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("restarts", "chunk", "kills"),
    [
        (300_000, 3_000, 6),
        pytest.param(1_000_000, 20_000, 200, marks=pytest.mark.slow),
    ],
)
def test_killed_at_random(tmp_path, restarts, chunk, kills):
    expected = many(restarts=restarts)
    rng = random.Random(1)
    killed = runs = 0
    while killed < kills:
        folder = tmp_path / f"run{runs}"
        while run_until_killed(folder, restarts, chunk, rng.uniform(0.1, 1)):
            killed += 1
            kept = fastnn.open_run(folder) if (folder / "manifest.json").exists() else None
            if kept is not None and len(kept):
                some = rng.randrange(len(kept))
                assert_same_bits(kept[[some]], expected[np.asarray(kept.indices[[some]])])
            if killed >= kills:  # the last is let through
                run_until_killed(folder, restarts, chunk, 600)
                break
        stored = fastnn.open_run(folder)
        assert stored.complete
        assert_same_bits(stored.load(), expected)
        np.testing.assert_array_equal(stored.load().columns["state"], expected.columns["state"])
        assert stored.statistics == many(restarts=restarts, keep="statistics")
        runs += 1
        shutil.rmtree(folder)
    print(f"{killed} kills in {runs} runs of {restarts:,} restarts")


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.mark.parametrize("function", ["mkdir", "rename", "fsync", "replace", "token_hex"])
def test_killed_at_every_step(tmp_path, monkeypatch, function):
    """Each call of the system in turn is the last that a run makes."""
    expected = many(restarts=60)
    module = secrets if function == "token_hex" else os
    original = getattr(module, function)
    for last in range(100):
        folder = tmp_path / str(last)
        calls = []

        def die(*args, calls=calls, last=last, **kwargs):
            if len(calls) == last:
                raise Killed
            calls.append(args)
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(module, function, die)
            patch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
            patch.setattr(os, "unlink", lambda *args, **kwargs: None)
            try:
                many(restarts=60, out=folder, chunk=20, threads=1)
                died = False
            except Killed:
                died = True
        stored = many(restarts=60, out=folder, resume=True)
        assert_same_bits(stored.load(), expected)
        left = [path for path in folder.rglob("*") if path.name.startswith(".")]
        assert left == []
        if not died:
            break
    else:
        pytest.fail("it never came through")
    assert last > 0


def test_a_full_disk_in_short(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    save, written = shards.save_array, []

    def full(array, file):
        written.append(array)
        if len(written) > 7:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(array, file)

    monkeypatch.setattr("fastnn.storage.shards.save_array", full)
    with pytest.raises(
        OSError, match="No space left on device; 50 of 1,000 restarts are kept"
    ) as e:
        many(restarts=1000, out=folder, chunk=50, keep="all", threads=1)
    assert e.value.errno == errno.ENOSPC
    assert "resume=True" in str(e.value)
    monkeypatch.undo()
    assert len(fastnn.open_run(folder)) == 50
    stored = many(restarts=1000, out=folder, resume=True)
    assert_same_bits(stored.load(), many(restarts=1000))


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_disk_that_fills_up(small_disk):
    folder, ballast = small_disk / "run", small_disk / "ballast"
    ballast.write_bytes(bytes(3 * 2**20))
    with pytest.raises(OSError, match=r"out: .*No space left on device") as full:
        many(restarts=20_000, out=folder, chunk=1000)
    assert str(folder) in str(full.value)
    assert "resume=True" in str(full.value)
    kept = len(fastnn.open_run(folder))
    assert 0 < kept < 20_000
    with pytest.raises(OSError, match=f"{kept:,} of 20,000 restarts are kept"):
        many(restarts=20_000, out=folder, resume=True, chunk=1000)
    done = subprocess.run(
        [sys.executable, "-m", "fastnn", "restarts", "20000", "--out", folder / "other"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("fastnn: error: out: ")
    assert done.stderr.count("\n") == 1
    shutil.rmtree(folder / "other")
    ballast.unlink()
    stored = many(restarts=20_000, out=folder, resume=True, chunk=1000)
    assert_same_bits(stored.load(), many(restarts=20_000))
