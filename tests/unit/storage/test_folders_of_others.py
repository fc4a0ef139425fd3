"""Run directories with files of others: they are neither removed nor overwritten."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import assert_same_bits
from directory_examples import many

import fastnn
from fastnn.storage import shards, writer

pytestmark = pytest.mark.thorough

OURS = ".new-0123456789abcdef"
"""What one of our names looks like."""


def small(**options):
    return many(restarts=40, **options)


def content(place):
    """Of all that lies in a folder, its kind and content."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def fill(path):
    """A folder with something in it."""
    path.mkdir(parents=True)
    (path / "2026").mkdir()
    (path / "2026" / "thesis.txt").write_text("years of work")
    (path / "note").write_text("x")


@pytest.mark.parametrize("name", [".new-ideas", ".new-", OURS + "x", ".hidden", ".git"])
def test_hidden_files_stay(folder, name):
    fill(folder / name)
    before = content(folder)
    for resume in (False, True):
        assert len(small(out=folder, resume=resume)) == 40
        assert before.items() <= content(folder).items()


@pytest.mark.parametrize("name", [OURS, f"data/{OURS}", f"shards/{OURS}", "data/.x", "shards/.x"])
@pytest.mark.parametrize("lock", [None, "", "4711\n"])
def test_what_only_looks_like_ours_is_not_begun_in(folder, name, lock):
    fill(folder / name)
    if lock is not None:
        (folder / "lock").write_text(lock)
    before = content(folder)
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"out: expected a new or an empty folder.* with"):
            small(out=folder, resume=resume)
        assert content(folder) == before


def test_a_lock_of_others_is_not_ours(folder):
    folder.mkdir()
    (folder / "lock").write_text("4711\n")
    with pytest.raises(ValueError, match=r"out: expected a new or an empty folder, .* with lock"):
        small(out=folder)
    assert content(folder) == {"lock": b"4711\n"}


def test_a_manifest_of_others_is_not_ours(folder):
    fill(folder / OURS)
    (folder / "manifest.json").write_text('{"name": "an extension of a browser"}')
    before = content(folder)
    with pytest.raises(ValueError, match="out: expected a new folder"):
        small(out=folder)
    with pytest.raises(fastnn.DamagedFile, match="got another file"):
        small(out=folder, resume=True)
    assert content(folder) == before


KINDS = {
    "link": lambda path, other: path.symlink_to(other),
    "link to nothing": lambda path, other: path.symlink_to("nothing"),
    "pipe": lambda path, other: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["lock", "data", "shards"])
@pytest.mark.parametrize("begun", [False, True])
def test_links_are_not_followed(folder, tmp_path, name, kind, begun):
    other = tmp_path / "other"
    fill(other / OURS)
    if begun:
        small(out=folder)
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink()
    else:
        folder.mkdir()
    KINDS[kind](folder / name, other / OURS / "note" if name == "lock" else other)
    before = content(tmp_path)
    with pytest.raises(ValueError, match=name):
        small(out=folder, resume=begun)
    assert content(tmp_path) == before


def test_a_link_to_nothing_is_no_folder(folder):
    folder.symlink_to("nothing")
    with pytest.raises(ValueError, match="out: expected a folder, got a link to nothing"):
        small(out=folder)
    assert os.listdir(folder.parent) == [folder.name]


def test_a_link_to_a_folder_may_be_named(folder, tmp_path):
    link = tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    assert_same_bits(small(out=link).load(), small())
    assert_same_bits(fastnn.open_run(folder).load(), small())


def test_of_what_is_not_whole_only_our_files_are_removed(folder, tmp_path):
    small(out=folder, chunk=10)
    fill(tmp_path / "other")
    one, other, third = (shards.temporary(folder / "shards" / "x") for _ in range(3))
    shutil.copytree(next((folder / "shards").iterdir()), one)
    shutil.copytree(one, other)
    (other / "notes.txt").write_text("mine")
    third.symlink_to(tmp_path / "other")
    before = content(tmp_path / "other")
    small(out=folder, resume=True)
    assert not os.path.lexists(one)
    assert not os.path.lexists(third)
    assert os.listdir(other) == ["notes.txt"]
    assert content(tmp_path / "other") == before


def test_of_a_damaged_shard_only_our_files_are_removed(folder):
    small(out=folder, chunk=10)
    path = next((folder / "shards").iterdir())
    (path / "notes.txt").write_text("mine")
    (path / "loss.npy").write_bytes(b"")
    assert_same_bits(small(out=folder, resume=True).load(), small())
    assert [notes.read_text() for notes in (folder / "shards").glob("*/notes.txt")] == ["mine"]


def test_folders_of_earlier_versions_have_an_empty_lock(folder):
    small(out=folder, chunk=10)
    (folder / "lock").write_bytes(b"")
    shutil.rmtree(next((folder / "shards").iterdir()))
    assert_same_bits(small(out=folder, resume=True).load(), small())
    assert (folder / "lock").read_bytes() == writer.MARK


def test_a_call_that_is_refused_removes_nothing(folder):
    small(out=folder)
    left = folder / "shards" / OURS
    left.mkdir()
    with pytest.raises(ValueError, match="resume: expected the job of"):
        small(out=folder, resume=True, seed=99)
    assert left.exists()
    small(out=folder, resume=True)
    assert not left.exists()


# Of processes.

BEGIN = """
import os, shutil, subprocess, sys, time, warnings
import fastnn
from fastnn.storage.writer import Shards
warnings.simplefilter("ignore")  # some versions of Python warn of forks beside threads
X, y = fastnn.datasets.xor()
folder = sys.argv[1]
def write(**options):
    try:
        runs = fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=40, epochs=3, chunk=10,
                                 threads=1, out=folder, **options)
        return f"{len(runs)} restarts"
    except ValueError as error:
        return str(error).replace(folder, "it")
add, parts = Shards.add, []
def meanwhile(at, do):
    def add_then(self, part):
        add(self, part)
        parts.append(part)
        if len(parts) == at:
            do()
    Shards.add = add_then
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *arguments], capture_output=True, text=True,
        timeout=300, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_backup_does_not_undo_the_lock(folder, tmp_path):
    code = """
def backup():
    shutil.copytree(folder, sys.argv[2])
    other = [sys.executable, "-c", sys.argv[3], folder]
    print(subprocess.run(other, capture_output=True, text=True, timeout=200).stdout.strip())
meanwhile(2, backup)
print(write())
"""
    other = BEGIN + "print(write(resume=True))"
    assert run(code, folder, tmp_path / "backup", other) == [
        "out: another process is writing it", "40 restarts",
    ]  # fmt: skip
    assert len(fastnn.open_run(tmp_path / "backup")) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_may_go_on_when_its_parent_has_ended(folder):
    code = """
def fork():
    global child, go
    go = os.pipe()
    child = os.fork()
    if not child:
        os.close(go[1])
        print(write(resume=True), flush=True)
        os.read(go[0], 1)
        print(write(resume=True), flush=True)
        os._exit(0)
    os.close(go[0])
meanwhile(2, fork)
print(write(), flush=True)
os.close(go[1])
os.waitpid(child, 0)
"""
    lines = run(code, folder)
    assert sorted(lines[:2]) == ["40 restarts", "out: another process is writing it"]
    assert lines[2:] == ["40 restarts"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_hold_what_its_dead_parent_wrote(folder):
    code = """
def fork():
    child = os.fork()
    if not child:
        os.close(1), os.close(2)
        time.sleep(250)
        os._exit(0)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
meanwhile(2, fork)
write()
"""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, folder], capture_output=True, text=True, timeout=300
    )
    child = int(done.stdout)
    try:
        assert run("print(write(resume=True))", folder) == ["40 restarts"]
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
