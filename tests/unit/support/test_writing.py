"""Writing files: only regular files are replaced, and they keep their permissions."""

import os
import socket
import stat

import pytest

import fastnn
from fastnn import export
from fastnn.cli import main
from fastnn.export.c import header
from fastnn.support import atomic_files as files
from fastnn.support.atomic_files import destination, is_temporary, replace_file, temporary

NET = fastnn.Network([2, 2, 1])
MODEL = fastnn.Model(NET, [0.5] * 9)
WRITERS = {
    "save": NET.save,
    "model": MODEL.save,
    "to_json": lambda path: export.to_json(MODEL, path),
    "to_c": lambda path: export.to_c(MODEL, path),
    "to_onnx": lambda path: export.to_onnx(MODEL, path),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder, which is the current one: names of sockets are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def a_device(path):
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("needs the right to make devices")


OTHERS = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a socket": a_socket,
    "a device": a_device,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_only_files_are_replaced(place, writer, what, linked):
    if writer == "to_onnx":
        pytest.importorskip("onnx")
    other = path = place / "other"
    OTHERS[what](other)
    if linked:
        path = place / "link"
        path.symlink_to(other)
    before, names = os.lstat(other), sorted(os.listdir(place))
    with pytest.raises(ValueError, match=f"path: expected a file or a new name, got {what}: .*"):
        WRITERS[writer](path)
    assert os.path.samestat(os.lstat(other), before)
    assert sorted(os.listdir(place)) == names


def test_links_in_a_ring_lead_to_nothing(place):
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(ValueError, match="got a link to nothing"):
        NET.save(place / "a")


@pytest.mark.parametrize("path", ["", ".", "a\0b", b"a\0b"])
def test_what_no_file_can_be_called(place, path):
    with pytest.raises((TypeError, ValueError), match="path: expected"):
        NET.save(path)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("command", ["restarts --save", "restarts --figure", "export"])
@pytest.mark.parametrize("what", ["a pipe", "a link to nothing"])
def test_the_command_line_refuses_them_first(place, capsys, command, what):
    suffix = ".svg" if "figure" in command else ".npz"
    if command == "export":
        MODEL.save("model.npz")
        command, suffix = "export model.npz", ".json"
    path = place / f"other{suffix}"
    OTHERS[what](path)
    before = os.lstat(path)
    assert main([*command.split(), str(path)]) == 2
    captured = capsys.readouterr()
    assert f": expected a file or a new name, got {what}: {path}" in captured.err
    assert captured.out == ""
    assert os.path.samestat(os.lstat(path), before)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o400, 0o755, 0o666])
@pytest.mark.parametrize("writer", ["save", "to_json"])
def test_a_file_keeps_its_rights(place, writer, mode):
    path, link = place / "file", place / "link"
    path.write_text("before")
    path.chmod(mode)
    link.symlink_to(path.name)
    for name in (path, link):
        WRITERS[writer](name)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert link.is_symlink()
    assert sorted(os.listdir(place)) == ["file", "link"]


def test_nobody_sees_what_will_be_private(place):
    path = place / "file"
    path.write_text("before")
    path.chmod(0o600)
    seen = []

    def content(file):
        seen.extend(stat.S_IMODE(os.stat(name).st_mode) for name in os.listdir(place))
        file.write(b"secret")

    replace_file(path, content)
    assert seen == [0o600, 0o600]


def test_where_there_are_no_rights_a_file_is_replaced(place, monkeypatch):
    def refused(*args):
        raise PermissionError(1, "Operation not permitted")

    (place / "file").write_text("before")
    monkeypatch.setattr(os, "chmod", refused)
    monkeypatch.setattr(os, "chown", refused)
    NET.save("file")
    assert fastnn.load("file") == NET
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o600
    assert os.listdir(place) == ["file"]


def test_an_owner_keeps_a_file(place):
    if os.geteuid():
        pytest.skip("needs the right to give files away")
    path = place / "file"
    path.write_text("before")
    os.chown(path, 12345, 54321)
    NET.save(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_other_names_of_a_file_keep_what_they_have(place):
    one, other = place / "one", place / "other"
    one.write_text("before")
    os.link(one, other)
    NET.save(one)
    assert other.read_text() == "before"
    assert fastnn.load(one) == NET


def test_folders_that_are_missing_are_told_before_any_work(place, monkeypatch):
    monkeypatch.setattr(header, "_header", None)
    with pytest.raises(FileNotFoundError, match=r"cannot write .*model\.h: No such file"):
        export.to_c(MODEL, place / "none" / "model.h")


def test_what_comes_to_be_there_meanwhile_is_not_replaced(place):
    path = place / "file"

    def content(file):
        file.write(b"x")

    path.symlink_to("nothing")
    with pytest.raises(ValueError, match="expected a file, got a link"):
        replace_file(path, content)
    assert path.is_symlink()
    assert os.listdir(place) == ["file"]


def test_names_of_what_is_not_whole_yet(place):
    assert is_temporary(temporary(place / "x").name)
    for name in ("new-0123456789abcdef", ".new-", ".new-ideas", ".new-0123456789abcdef.txt",
                 ".new-0123456789ABCDEF", ".new-0123456789abcdef\n", "x.new-0123456789abcdef",
                 ".new-" + "\N{ARABIC-INDIC DIGIT ONE}" * 16):  # fmt: skip
        assert not is_temporary(name)


def test_a_path_may_be_bytes_of_a_path_like(place):
    class Place:
        def __fspath__(self):
            return os.fsencode(place / "x")

    assert destination(Place()) == place / "x"
    assert files.kind_of(os.stat(place).st_mode) == "a folder"
