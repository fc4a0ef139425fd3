"""Locks: one holder among threads and processes, whatever happens to the file; forks."""

import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from fastnn.engine import specialize
from fastnn.support.locks import _held, sole_holder

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(specialize.__file__))))
# Of the module alone: the package takes a second to import.
LOAD = f"""
import os, sys, signal, time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
spec = spec_from_file_location("locks", {os.path.join(ROOT, "fastnn", "support", "locks.py")!r})
locks = module_from_spec(spec)
spec.loader.exec_module(locks)
path = Path(sys.argv[1])
def attempt():
    try:
        with locks.sole_holder(path):
            return "free"
    except BlockingIOError as error:
        return error.strerror
"""


def run(code, path):
    done = subprocess.run(
        [sys.executable, "-c", LOAD + code, path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def attempt(path):
    return run("print(attempt())", path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def test_one_holder(path):
    for _ in range(2):
        with sole_holder(path):
            assert attempt(path) == ["another process"]
            with pytest.raises(BlockingIOError, match="another thread"), sole_holder(path):
                pass
            assert attempt(path) == ["another process"]
        assert attempt(path) == ["free"]
    assert not _held


def test_threads_are_told_apart(path):
    count, most = [0], [0]
    refused = []

    def work():
        for _ in range(200):
            try:
                with sole_holder(path):
                    count[0] += 1
                    most[0] = max(most[0], count[0])
                    count[0] -= 1
            except BlockingIOError:
                refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not _held


def test_reading_the_file_does_not_undo_it(path, tmp_path):
    with sole_holder(path):
        path.read_bytes()
        shutil.copyfile(path, tmp_path / "backup")
        with open(path, "a"):
            pass
        assert attempt(path) == ["another process"]


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to("elsewhere"),
    lambda path: path.mkdir(),
    lambda path: os.mkfifo(path),
])  # fmt: skip
def test_only_files_are_locked(path, make):
    make(path)
    names = os.listdir(path.parent)
    with pytest.raises(OSError, match="expected a file"), sole_holder(path):
        pass
    assert os.listdir(path.parent) == names
    assert not _held


def test_a_file_that_is_no_longer_there_is_not_the_lock(path, monkeypatch):
    with sole_holder(path):
        path.unlink()  # as whoever held it does before letting go
        with sole_holder(path):
            assert attempt(path) == ["another process"]


def test_without_locks_threads_are_told_apart(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for _ in range(2):
        with (
            sole_holder(path),
            pytest.raises(BlockingIOError, match="another thread"),
            sole_holder(path),
        ):
            pass


@needs_fork
def test_a_child_neither_holds_nor_is_refused_for_ever(path):
    code = """
ready, go = os.pipe(), os.pipe()
with locks.sole_holder(path):
    child = os.fork()
    if not child:
        os.close(go[1])
        print(attempt(), flush=True)  # its parent holds it
        os.write(ready[1], b"1")
        os.read(go[0], 1)
        print(attempt(), flush=True)  # nobody does
        os._exit(0)
    os.read(ready[0], 1)
print("left", flush=True)
os.close(go[1])
os.waitpid(child, 0)
"""
    assert run(code, path) == ["another process", "left", "free"]


@needs_fork
@pytest.mark.parametrize("leave", ["", "os._exit(0)", "raise SystemExit"])
def test_a_child_that_leaves_does_not_let_go_for_its_parent(path, leave):
    code = f"""
import subprocess
with locks.sole_holder(path):
    child = os.fork()
    if not child:
        other = os.open(path.with_name("other"), os.O_CREAT)  # perhaps of the same number
        {leave or "pass"}
    else:
        os.waitpid(child, 0)
        subprocess.run([sys.executable, "-c", os.environ["TRY"], path], check=True)
if not child:
    os.fstat(other)
    os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", LOAD + code, path], capture_output=True, text=True, timeout=60,
        env={**os.environ, "TRY": LOAD + "print(attempt())"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "another process\n"), done.stderr


@needs_fork
def test_it_goes_when_its_holder_dies_though_a_child_lives(path):
    code = """
with locks.sole_holder(path):
    child = os.fork()
    if not child:
        os.close(1), os.close(2)
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", LOAD + code, path], capture_output=True, text=True, timeout=60
    )
    child = int(done.stdout)
    try:
        os.kill(child, 0)
        assert attempt(path) == ["free"]
    finally:
        os.kill(child, signal.SIGKILL)


@needs_fork
def test_threads_may_fork_while_others_lock(path):
    code = """
import threading
def work():
    for _ in range(300):
        attempt()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for i in range(20):
    child = os.fork()
    if not child:
        assert not locks._held
        while attempt() != "free":
            time.sleep(0.001)
        os._exit(0)
    children.append(child)
print(sorted({os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}))
for thread in threads:
    thread.join()
"""
    assert run(code, path) == ["[0]"]


def test_one_compiler(tmp_path):
    path = tmp_path / "kernel.nbc"
    with specialize.sole_compiler(path):
        assert attempt(tmp_path / "kernel.lock") == ["another process"]
        with pytest.raises(OSError, match="another"), specialize.sole_compiler(path):
            pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kernel.lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="expected a file"), specialize.sole_compiler(path):
        pass
    assert not (tmp_path / "elsewhere").exists()
