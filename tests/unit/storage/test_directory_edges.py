"""Run directories with concurrent changes, or with other files present."""

import errno
import json
import os
import stat
from concurrent.futures import Executor, Future

import numpy as np
import pytest
from conftest import assert_same_bits

import fastnn
from fastnn.cli import info, main
from fastnn.storage import stored_runs as reader
from fastnn.support import atomic_files as files

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
JOB = {"optimizer": fastnn.LevenbergMarquardt(), "epochs": 30, "target_sse": 0.04}


def many(restarts=100, **options):
    return fastnn.train_many(NET, X, Y, restarts=restarts, **{**JOB, **options})


class _Elsewhere(Executor):
    """Does at once what it is given, as another process would: with a part of the job."""

    _max_workers = 1

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_parts_that_know_of_few_epochs_have_the_columns_of_all(folder):
    job = {"epochs": 300, "target_sse": 0.2, "optimizer": fastnn.GradientDescent(2.0)}
    before = many(400, keep="all", **job)
    status, epochs = before.status.copy(), before.epochs.copy()
    status[:200], epochs[:200] = fastnn.Status.CONVERGED, 5
    before.status = status
    before.epochs = epochs
    expected = fastnn.train_many(NET, X, Y, epochs=100, continue_from=before, keep="all")
    assert expected.epochs[:200].max() < 256 <= expected.epochs.max()
    stored = fastnn.train_many(
        NET, X, Y, epochs=100, continue_from=before, out=folder, executor=_Elsewhere(), chunk=100
    )
    assert_same_bits(stored.load(), expected)
    assert_same_bits(fastnn.open_run(folder).load(), expected)


@pytest.mark.parametrize("name", ["data/X.npy", "shards/notes.txt", "data", "shards"])
def test_folders_of_others_are_left_alone(folder, name):
    folder.mkdir()
    if "/" in name:
        (folder / name).parent.mkdir()
    (folder / name).write_text("mine")
    for resume in (False, True):
        with pytest.raises(ValueError, match=f"out: expected a new or an empty.* with {name[:4]}"):
            many(out=folder, resume=resume)
    assert (folder / name).read_text() == "mine"


def test_a_run_without_its_manifest_is_not_begun_anew(folder):
    many(out=folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"out: expected a new or .* with shards"):
        many(out=folder, resume=True, seed=5)
    assert len(list((folder / "shards").iterdir())) > 0


def test_what_died_before_it_began_is_begun_again(folder):
    many(out=folder)
    (folder / "manifest.json").unlink()
    for shard in (folder / "shards").iterdir():
        shard.rename(files.temporary(shard))
    assert_same_bits(many(out=folder).load(), many())


def test_a_run_that_is_extended_while_it_is_opened(folder, monkeypatch):
    many(out=folder)
    read = reader.read_manifest

    def slowly(path):
        manifest = read(path)
        with monkeypatch.context() as patch:
            patch.setattr(reader, "read_manifest", read)
            many(200, out=folder, resume=True)
        return manifest

    monkeypatch.setattr(reader, "read_manifest", slowly)
    stored = fastnn.open_run(folder)
    assert (len(stored), stored.restarts) == (100, 100)
    monkeypatch.undo()
    stored.refresh()
    assert (len(stored), stored.restarts) == (200, 200)


@pytest.mark.parametrize("name", ["loss.npy", "shard.json"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_a_shard_that_cannot_be_read_now_is_not_removed(folder, monkeypatch, name, number):
    many(out=folder)
    (path,) = (folder / "shards").iterdir()

    def refused(path, mode):
        if path.name == name:
            raise OSError(number, os.strerror(number), str(path))
        return open(path, mode)

    def read_bytes(path):
        with refused(path, "rb") as file:
            return file.read()

    monkeypatch.setattr(files, "open", refused, raising=False)
    monkeypatch.setattr(type(folder), "read_bytes", read_bytes)
    with pytest.raises(OSError, match=f"{os.strerror(number)}.*{name}"):
        many(out=folder, resume=True)
    monkeypatch.undo()
    assert list((folder / "shards").iterdir()) == [path]
    assert len(fastnn.open_run(folder)) == 100


def test_info_of_a_folder_whose_files_get_other_names(folder, capsys, monkeypatch):
    many(out=folder)
    walk = os.walk

    def with_ghosts(path):
        for place, folders, names in walk(path):
            yield place, folders, [*names, "gone"]

    monkeypatch.setattr(info.os, "walk", with_ghosts)
    assert main(["info", str(folder)]) == 0
    assert "100 of 100 restarts" in capsys.readouterr().out


def test_hidden_files_are_nobodys_shards(folder):
    many(out=folder)
    hidden = folder / "shards" / ".DS_Store"
    hidden.write_text("")
    assert len(fastnn.open_run(folder)) == len(many(out=folder, resume=True)) == 100
    assert hidden.exists()


@pytest.mark.parametrize(("which", "error"), [("worst", ValueError), ([[1], [2, 3]], TypeError)])
def test_bad_choice_of_predictions(folder, which, error):
    for runs in (many(out=folder), many()):
        with pytest.raises(error, match="which: expected 'best', 'all' or indices, got"):
            runs.predict(X, which)


def test_to_go_on_from_a_folder_it_is_loaded(folder):
    stored = many(out=folder, keep="all")
    with pytest.raises(TypeError, match=r"continue_from: .*got StoredRuns.*load\(\)"):
        fastnn.train_many(NET, X, Y, continue_from=stored)
    assert len(fastnn.train_many(NET, X, Y, continue_from=stored.load())) == 100


def test_columns_are_compared_as_arrays(folder):
    stored, expected = many(out=folder, chunk=30), many()
    assert np.sum(stored.status == fastnn.Status.CONVERGED) == 86
    np.testing.assert_array_equal(stored.loss < 0.1, expected.loss < 0.1)
    np.testing.assert_array_equal(stored.loss + stored.epochs, expected.loss + expected.epochs)
    np.testing.assert_array_equal(np.log(stored.loss), np.log(expected.loss))
    assert_same_bits(stored[stored.loss < 0.1], expected[expected.loss < 0.1])
    with pytest.raises(TypeError):
        stored.loss += 1
    with pytest.raises(TypeError):
        np.add(expected.loss, 1, out=stored.loss)


def test_a_process_may_go_elsewhere(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = many(out=folder.name)
    monkeypatch.chdir("/")
    assert_same_bits(stored.load(), many())


def test_files_have_the_usual_rights_and_the_process_keeps_its_own(folder, monkeypatch):
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", None)
        many(out=folder)
        NET.save(folder / "net.npz")
        monkeypatch.undo()
    finally:
        os.umask(before)
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o750 if path.is_dir() else 0o640), path


def test_json_that_is_none_is_damaged(folder, tmp_path):
    many(out=folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"restarts": 100', '"restarts": NaN'))
    with pytest.raises(
        fastnn.DamagedFile, match=r"manifest\.json: expected JSON, got damaged or other text"
    ):
        fastnn.open_run(folder)
    about = {"format": "fastnn", "version": 1, "kind": "network"}
    for change, arrays in (
        ({"kind": []}, {}),
        ({"x": float("nan")}, {}),
        ({}, {"times": np.zeros(3, "M8[s]")}),
    ):
        np.savez(tmp_path / "file.npz", about=np.array(json.dumps(about | change)), **arrays)
        with pytest.raises(fastnn.DamagedFile, match=r"file\.npz: "):
            fastnn.load(tmp_path / "file.npz")


def test_statistics_of_other_restarts_become_those_of_all(tmp_path):
    one, other = many(keep="statistics"), many(first=100, keep="statistics")
    whole = many(200, keep="statistics")
    for both in (one + other, other + one):
        assert both == whole
        both.save(tmp_path / "both.npz")
        assert fastnn.load(tmp_path / "both.npz") == whole
        assert both.best.restart == whole.best.restart
        assert both.restart(150).loss == whole.restart(150).loss
    loaded = fastnn.load(tmp_path / "both.npz") + many(first=200, keep="statistics")
    assert loaded == many(300, keep="statistics")


@pytest.mark.parametrize("other", [
    {"optimizer": fastnn.LevenbergMarquardt(damping=1.0)}, {"epochs": 29}, {"target_sse": 0.05},
    {"init": fastnn.Uniform(0, 1)}, {"seed": 1},
])  # fmt: skip
def test_statistics_of_other_jobs_are_not_added(other):
    with pytest.raises(ValueError, match="expected statistics of the same job"):
        many(keep="statistics") + many(first=100, keep="statistics", **other)


def test_statistics_of_jobs_with_a_number_for_each_restart_are_not_joined():
    rates = fastnn.GradientDescent(np.geomspace(0.1, 1, 100))
    one = many(keep="statistics", optimizer=rates)
    with pytest.raises(ValueError, match="expected statistics of the same job"):
        one + many(keep="statistics", optimizer=rates, first=100)


def test_classes_that_no_file_can_name_are_refused(tmp_path):
    class Mine(fastnn.GradientDescent):
        pass

    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1])
    runs = fastnn.train_many(net, X, y, restarts=5, epochs=1, optimizer=Mine())
    with pytest.raises(TypeError, match="optimizer: expected a class of fastnn,"):
        runs.save(tmp_path / "runs.npz")
    with pytest.raises(TypeError, match="optimizer: expected a class of fastnn,"):
        fastnn.train_many(net, X, y, restarts=5, epochs=1, optimizer=Mine(), out=tmp_path / "run")


def test_a_run_that_another_process_begins_meanwhile_is_not_gone_on_with(tmp_path, monkeypatch):
    from fastnn import training

    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1])
    check, checked = training.check_out, []

    def check_and_begin(out, resume):
        folder = check(out, resume)
        if not checked:
            checked.append(folder)
            fastnn.train_many(net, X, y, restarts=5, epochs=1, out=folder)
        return folder

    monkeypatch.setattr(training, "check_out", check_and_begin)
    with pytest.raises(ValueError, match="which holds a run"):
        fastnn.train_many(net, X, y, restarts=9, epochs=1, out=tmp_path / "run")
