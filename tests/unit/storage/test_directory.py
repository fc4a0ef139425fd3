"""Run directories: writing, reading, resuming, extending, and refusals."""

import json
import logging
import os
import threading

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python
from directory_examples import JOB, NET, RESTARTS, X, Y, many

import fastnn
from fastnn.job.keep import COLUMNS, NAMED, make_keep
from fastnn.storage.shards import FOLDER
from fastnn.storage.writer import Shards, gaps, sole_writer


@pytest.fixture(scope="module")
def expected():
    return many()


def shard_names(folder):
    return sorted(path.name for path in (folder / FOLDER).iterdir())


@pytest.mark.parametrize("keep", [None, *NAMED, ["loss"], ["epochs", "parameters"]])
def test_what_is_kept_is_that_of_memory(folder, expected, keep):
    stored = many(out=folder, keep=keep, chunk=300)
    assert isinstance(stored, fastnn.StoredRuns)
    assert len(stored) == stored.restarts == RESTARTS
    assert stored.complete
    assert stored.ranges == [(10, 1010)]
    assert stored.statistics == many(keep="statistics")
    np.testing.assert_array_equal(stored.indices, expected.indices)
    columns = make_keep(keep, expected.job).columns
    for name in COLUMNS[:4]:
        if name in columns:
            column = getattr(stored, name)
            values = getattr(expected, name)
            assert column.shape == values.shape
            assert column.dtype == values.dtype
            np.testing.assert_array_equal(np.asarray(column), values)
        else:
            with pytest.raises(ValueError, match=f"{name}: expected a run with a keep="):
                getattr(stored, name)
    if columns == COLUMNS:
        assert_same_bits(stored.load(), expected)
        more = fastnn.train_many(NET, X, Y, continue_from=stored.load(), epochs=5)
        again = fastnn.train_many(NET, X, Y, continue_from=expected, epochs=5)
        assert_same_bits(more, again)


def test_reading_some_rows(folder, expected):
    stored = many(out=folder, chunk=130)
    rng = np.random.default_rng(0)
    keys = [
        slice(None), slice(5, 900, 7), slice(-3, None), slice(700, 20, -13), slice(3, 3),
        rng.integers(-RESTARTS, RESTARTS, 300), rng.random(RESTARTS) < 0.1, [], [999, 0, 999],
    ]  # fmt: skip
    for key in keys:
        assert_same_bits(stored[key], expected[key])
        np.testing.assert_array_equal(bits(stored.loss[key]), bits(expected.loss[key]))
        np.testing.assert_array_equal(stored.indices[key], expected.indices[key])
    assert stored.loss[17] == expected.loss[17]
    assert stored.loss[-1] == expected.loss[-1]
    np.testing.assert_array_equal(stored.parameters[3], expected.parameters[3])
    np.testing.assert_array_equal(list(stored.epochs), expected.epochs)
    np.testing.assert_array_equal(np.concatenate(list(stored.epochs.shards())), expected.epochs)
    assert stored.epochs.ndim == 1
    assert stored.parameters.ndim == 2
    for key, kind in (
        (1.5, TypeError), ([[1]], TypeError), ([RESTARTS], IndexError), (RESTARTS, IndexError),
        (np.ones(3, dtype=bool), IndexError), ("loss", TypeError), ([[1], [1, 2]], TypeError),
    ):  # fmt: skip
        with pytest.raises(kind):
            stored.loss[key]
        with pytest.raises(kind):
            stored[[key] if isinstance(key, int) else key]
    with pytest.raises(ValueError, match="copy"):
        np.asarray(stored.loss, copy=False)


def test_results_from_the_folder_alone(folder, expected):
    many(out=folder, keep="outcomes", chunk=400)
    stored = fastnn.open_run(str(folder))
    assert stored.network == NET
    assert stored.restart(500).history is not None
    np.testing.assert_array_equal(stored.restart(500).parameters, expected.parameters[490])
    assert stored.best.restart == expected.best.restart
    np.testing.assert_array_equal(stored.predict(X), expected.predict(X))
    wanted = [999, 10, 11, 12, 500]
    np.testing.assert_array_equal(stored.predict(X, wanted), expected.predict(X, wanted))
    np.testing.assert_array_equal(stored.predict(X, "all"), expected.predict(X, "all"))
    assert stored.summary().counts == expected.summary().counts
    assert len(stored.plot()) == 2
    for k in (9, 1010, "x"):
        with pytest.raises((ValueError, TypeError), match="restart"):
            stored.restart(k)
    with pytest.raises(ValueError, match="which"):
        stored.predict(X, [9])


def test_standard_files(folder, expected):
    many(out=folder, chunk=500)
    names = shard_names(folder)
    assert names == ["000000000000010-000000000000510", "000000000000510-000000000001010"]
    shard = folder / FOLDER / names[1]
    np.testing.assert_array_equal(np.load(shard / "loss.npy"), expected.loss[500:])
    np.testing.assert_array_equal(np.load(shard / "epochs.npy"), expected.epochs[500:])
    assert np.load(shard / "epochs.npy").dtype == np.uint8
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["job"]["network"]["sizes"] == [2, 2, 1]
    assert manifest["job"]["optimizer"]["type"] == "LevenbergMarquardt"
    assert manifest["numerics_version"] == fastnn.NUMERICS_VERSION
    assert manifest["restarts"] == RESTARTS
    np.testing.assert_array_equal(np.load(folder / "data" / "X.npy"), X)


def test_resuming_what_is_complete_trains_nothing(folder, monkeypatch):
    many(out=folder, chunk=300)
    before = shard_names(folder)
    monkeypatch.setattr("fastnn.scheduling.scheduler.train_part", None)
    stored = many(out=folder, resume=True)
    assert stored.complete
    assert shard_names(folder) == before


def test_resuming_fills_the_gaps(folder, expected, monkeypatch):
    many(out=folder, chunk=100)
    names = shard_names(folder)
    for name in (names[0], names[4], names[5], names[9]):
        (folder / FOLDER / name).rename(folder / name)
    stored = fastnn.open_run(folder)
    assert len(stored) == 600
    assert stored.ranges == [(110, 410), (610, 910)]
    part = expected[np.isin(expected.indices, np.asarray(stored.indices))]
    assert_same_bits(stored.load(), part)
    assert stored.indices.find(np.array([9, 10, 110, 409, 410, 909, 910])).tolist() == [
        -1, -1, 0, 299, -1, 599, -1,
    ]  # fmt: skip
    for name in (names[0], names[4], names[5], names[9]):
        (folder / name).rename(folder / f".{name}")
    done = []
    add = Shards.add
    monkeypatch.setattr(Shards, "add", lambda self, part: (done.append(part), add(self, part)))
    assert_same_bits(many(out=folder, resume=True, chunk=1000).load(), expected)
    assert sorted((part.start, part.rows) for part in done) == [(0, 100), (400, 200), (900, 100)]
    assert len(stored) == 600  # until it looks again
    stored.refresh()
    assert_same_bits(stored.load(), expected)


def test_gaps():
    job = many(restarts=20, epochs=0).job
    assert gaps([], job) == [(0, 20)]
    assert gaps([(10, 30)], job) == []
    assert gaps([(12, 14), (14, 15), (29, 30)], job) == [(0, 2), (5, 19)]


def test_extending(folder, expected):
    many(restarts=300, out=folder)
    assert fastnn.open_run(folder).restarts == 300
    assert_same_bits(many(out=folder, resume=True).load(), expected)
    assert fastnn.open_run(folder).restarts == RESTARTS
    with pytest.raises(ValueError, match="restarts: expected at least 1,000, as many as"):
        many(restarts=300, out=folder, resume=True)


def test_extending_a_grid_within_its_cells(folder):
    grid = fastnn.Grid(learning_rate=np.linspace(0.1, 1, 50), restarts_per_cell=4)
    options = {"grid": grid, "epochs": 20}
    fastnn.train_many(NET, X, Y, restarts=30, out=folder, **options)
    stored = fastnn.train_many(NET, X, Y, out=folder, resume=True, **options)
    assert_same_bits(stored.load(), fastnn.train_many(NET, X, Y, **options))
    assert stored.load().in_grid("loss").shape == (50,)


@pytest.mark.parametrize(
    "options",
    [
        lambda n: {"optimizer": fastnn.GradientDescent(np.linspace(0, 1, n))},
        lambda n: {"init": fastnn.Uniform(0, np.linspace(0, 1, n))},
        lambda n: {"init": np.zeros((n, NET.n_parameters))},
        lambda n: {"sample_weight": np.ones((n, 4))},
    ],
)
def test_jobs_with_a_number_for_each_restart(folder, options):
    stored = fastnn.train_many(NET, X, Y, restarts=30, out=folder, epochs=3, **options(30))
    assert_same_bits(
        stored.load(), fastnn.train_many(NET, X, Y, restarts=30, epochs=3, **options(30))
    )
    assert fastnn.train_many(
        NET, X, Y, restarts=30, out=folder, resume=True, epochs=3, **options(30)
    ).complete
    with pytest.raises(ValueError, match="cannot be extended"):
        fastnn.train_many(NET, X, Y, restarts=60, out=folder, resume=True, epochs=3, **options(60))


def test_what_goes_on_can_be_kept(folder, expected):
    more = fastnn.train_many(NET, X, Y, continue_from=expected, epochs=4, out=folder)
    assert_same_bits(more.load(), fastnn.train_many(NET, X, Y, continue_from=expected, epochs=4))
    np.testing.assert_array_equal(
        fastnn.open_run(folder).restart(77).parameters, more.parameters[67]
    )


def test_what_diverged_can_go_on_in_a_folder(folder):
    net = fastnn.Network([2, 2, 1], "identity")
    wild = {"optimizer": fastnn.GradientDescent(1e308), "batch_size": 2, "epochs": 5}
    runs = fastnn.train_many(net, 100 * X, Y, restarts=3, **wild)
    assert not np.isfinite(runs.parameters).all()
    more = fastnn.train_many(net, X, Y, continue_from=runs, epochs=2, out=folder)
    assert_same_bits(more.load(), fastnn.train_many(net, X, Y, continue_from=runs, epochs=2))


def test_another_job_is_refused(folder):
    many(out=folder, restarts=50)
    for options, named in (
        ({"seed": 4}, "seed"),
        ({"first": 11}, "first"),
        ({"epochs": 31}, "epochs"),
        ({"target_sse": 0.05}, "stop"),
        ({"optimizer": fastnn.LevenbergMarquardt(damping=1.0)}, "optimizer"),
        ({"init": fastnn.Uniform(0, 1)}, "init"),
        ({"dtype": np.float32}, "X, y"),
    ):
        with pytest.raises(ValueError, match=f"resume: expected the job of .*{named}"):
            many(out=folder, resume=True, restarts=50, **options)
    with pytest.raises(ValueError, match=r"X$"):
        fastnn.train_many(NET, X + 1, Y, restarts=50, out=folder, resume=True, **JOB)
    with pytest.raises(ValueError, match="keep: expected 'all' as in"):
        many(out=folder, resume=True, restarts=50, keep="outcomes")


def test_another_version_is_refused(folder, monkeypatch):
    many(out=folder, restarts=50)
    monkeypatch.setattr("fastnn.storage.manifest.NUMERICS_VERSION", 99)
    for call in (lambda: fastnn.open_run(folder), lambda: many(out=folder, resume=True)):
        with pytest.raises(fastnn.DamagedFile, match=r"manifest.json: .*numerics version 99, got"):
            call()


def test_where_a_run_may_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("")
    many(out=folder, restarts=20)
    for options, kind, message in (
        ({"out": folder}, ValueError, "which holds a run; use resume=True"),
        ({"out": tmp_path / "file"}, ValueError, "out: expected a folder, got the file"),
        ({"out": other}, ValueError, "got .* with notes.txt"),
        ({"out": 5}, TypeError, "out: expected the path of a folder, got 5"),
        ({"out": ""}, TypeError, "out: expected the path"),
        ({"out": "a\0b"}, ValueError, "out: expected a folder"),
        ({"out": tmp_path / ("a" * 300)}, ValueError, "out: expected a folder"),
        ({"resume": True}, ValueError, "resume: expected a folder out= to resume"),
        ({"out": folder, "resume": 1}, TypeError, "resume: expected True or False"),
    ):
        with pytest.raises(kind, match=message):
            many(restarts=20, **options)
    empty = tmp_path / "deep" / "empty"
    assert many(restarts=20, out=os.fsencode(empty).decode(), resume=True).complete
    for path, kind in ((tmp_path, FileNotFoundError), (other, FileNotFoundError), (7, TypeError)):
        with pytest.raises(kind, match="path: expected"):
            fastnn.open_run(path)


def test_nothing_is_made_by_a_call_that_is_refused(folder):
    with pytest.raises(ValueError, match="epochs"):
        many(out=folder, epochs=-1)
    with pytest.raises(ValueError, match="keep"):
        many(out=folder, keep="some")
    assert not folder.exists()


def test_only_one_writer(folder):
    many(out=folder, restarts=20)
    code = (
        "import fastnn\n"
        "X, y = fastnn.datasets.xor()\n"
        "try:\n"
        "    fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=20, resume=True,\n"
        f"                      out={str(folder)!r})\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    with sole_writer(folder):
        with pytest.raises(ValueError, match="out: another thread of this process is writing"):
            many(out=folder, restarts=20, resume=True)
        assert "out: another process is writing" in python(code).stdout
    assert "resume: expected the job of" in python(code).stdout


def test_reading_while_it_is_written(folder, expected, monkeypatch):
    add, seen = Shards.add, []

    def add_and_read(self, part):
        add(self, part)
        reader = fastnn.open_run(folder)
        rows = np.asarray(reader.indices) - 10
        np.testing.assert_array_equal(bits(np.asarray(reader.loss)), bits(expected.loss[rows]))
        seen.append((len(reader), reader.statistics.restarts))

    monkeypatch.setattr(Shards, "add", add_and_read)
    many(out=folder, chunk=100)
    assert seen == [(100 * n, 100 * n) for n in range(1, 11)]


def test_several_runs_at_once(tmp_path, expected):
    done = []

    def write(i):
        done.append(many(out=tmp_path / str(i), chunk=90, threads=2))

    callers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(done) == 4
    for stored in done:
        assert_same_bits(stored.load(), expected)


def test_a_damaged_shard_is_trained_again(folder, expected, caplog):
    many(out=folder, chunk=250)
    path = folder / FOLDER / shard_names(folder)[2] / "loss.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    stored = fastnn.open_run(folder)
    np.testing.assert_array_equal(stored.loss[:500], expected.loss[:500])
    with pytest.raises(fastnn.DamagedFile, match=r"loss.npy: its content does not match"):
        _ = stored.loss[500]
    with caplog.at_level(logging.WARNING, "fastnn"):
        assert_same_bits(many(out=folder, resume=True).load(), expected)
    assert "its restarts will be trained again" in caplog.text
    assert path.parent.name in caplog.text


def test_a_time_limit(folder, expected):
    for _ in range(5):
        stored = many(out=folder, resume=True, chunk=100, time_limit=1e-6)
        rows = np.asarray(stored.indices) - 10
        assert_same_bits(stored.load(), expected[rows])
    assert_same_bits(many(out=folder, resume=True).load(), expected)
    runs = many(restarts=10**8, keep="outcomes", time_limit=0.3)
    assert 0 < len(runs) < 10**8
    assert (runs.status != fastnn.Status.NOT_RUN).all()
    first = runs[runs.indices < 1010]
    np.testing.assert_array_equal(first.loss, expected.loss[first.indices - 10])
    for limit, kind in ((0, ValueError), (-1, ValueError), (np.nan, ValueError),
                        ("1", TypeError), (True, ValueError), ([1.0], ValueError)):  # fmt: skip
        with pytest.raises(kind, match="time_limit: expected"):
            many(restarts=20, time_limit=limit)
