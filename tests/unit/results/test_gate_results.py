"""Results that are replaced, assigned, unpickled or loaded: checked, and constant afterwards."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from executor_examples import Eager
from tampering import (
    content_of,
    forge,
    forge_shard,
    laid_otherwise,
    numbers_of_no_run,
    of_other_kinds,
    tampered_copy,
)

import fastnn
from fastnn.results.runs import Runs

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
REFUSED = (TypeError, ValueError)


def one(**options):
    return fastnn.train(NET, X, Y, **{"epochs": 5, "optimizer": fastnn.Adam(0.1), **options})


def many(**options):
    return fastnn.train_many(NET, X, Y, **{"restarts": 6, "epochs": 5, "keep": "all", **options})


def test_results_keep_what_nobody_changes():
    run, runs = one(), many()
    for array in (run.parameters, run.state, run.history, run.weights[0], run.biases[1],
                  run.job.X, run.job.y, run.job.hyper, runs.indices, *runs.columns.values(),
                  runs[::-1].parameters, runs.best.parameters, runs.sse,
                  pickle.loads(pickle.dumps(runs)).parameters):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    mine = run.parameters.copy()
    other = replace(run, parameters=mine)
    runs.parameters = rows = runs.parameters.copy()
    mine[:], rows[:] = 7, 7
    np.testing.assert_array_equal(other.parameters, run.parameters)
    assert not (runs.parameters == 7).any()


@pytest.mark.parametrize("name", ["parameters", "state", "history"])
def test_runs_with_other_arrays(name):
    run = one()
    array = getattr(run, name)
    for form, other in laid_otherwise(array).items():
        again = replace(run, **{name: other})
        np.testing.assert_array_equal(getattr(again, name), array, form)
        assert one(continue_from=again).loss == one(continue_from=run).loss
        np.testing.assert_array_equal(again.predict(X), run.predict(X))
    for other in of_other_kinds(array).values():
        with pytest.raises(REFUSED, match=rf"^{name}: expected "):
            replace(run, **{name: other})


@pytest.mark.parametrize(
    "change",
    [{"network": fastnn.Network([2, 2, 1], bias=False)}, {"network": "x"}, {"network": None},
     {"network": fastnn.Network([2, 2, 1], activation="tanh")}, {"job": "x"}, {"epochs": -1},
     {"epochs": 4}, {"epochs": 6}, {"epochs": 10**14}, {"epochs": 2.5}, {"epochs": None},
     {"status": 1}, {"status": 99}, {"status": "x"}, {"seed": 5}, {"restart": 3},
     {"restart": -1}, {"restart": 2**70}, {"history_every": 0}, {"history_every": 2},
     {"history_every": "x"}, {"loss": "x"}, {"sse": None}, {"loss": [1.0]},
     {"parameters": None}, {"status": fastnn.Status.CONVERGED, "epochs": 9}],
    ids=repr,
)  # fmt: skip
def test_runs_with_other_parts(change):
    run = one()
    names = "|".join([*change, "parameters", "history"])
    with pytest.raises(REFUSED, match=rf"^({names}): expected "):
        replace(run, **change)


def test_runs_with_jobs_of_others():
    run = one()
    for options in ({"seed": 1}, {"restart": 1}, {"optimizer": fastnn.GradientDescent()},
                    {"epochs": 4}, {"stop": fastnn.NoProgress(9)}):  # fmt: skip
        other = one(**options)
        with pytest.raises(REFUSED, match=r"^\w+: expected "):
            replace(run, job=other.job)
    alone = replace(run, job=None)
    np.testing.assert_array_equal(alone.predict(X), run.predict(X))
    with pytest.raises(ValueError, match="without the optimizer's state"):
        one(continue_from=alone)


@pytest.mark.parametrize("name", ["parameters", "state", "loss", "epochs", "status", "indices"])
def test_columns_that_are_assigned(name):
    runs = many(optimizer=fastnn.Adam(0.1))
    before = getattr(runs, name) if name != "state" else runs.columns["state"]
    expected = fastnn.train_many(NET, X, Y, continue_from=runs, epochs=2).parameters
    for other in laid_otherwise(before).values():
        setattr(runs, name, other)
        more = fastnn.train_many(NET, X, Y, continue_from=runs, epochs=2)
        np.testing.assert_array_equal(more.parameters, expected)
    for other in of_other_kinds(before).values():
        with pytest.raises(REFUSED, match=r"^\w+: expected "):
            setattr(runs, name, other)
    if name in ("epochs", "status", "indices"):
        for number in numbers_of_no_run(before.dtype):
            with pytest.raises(ValueError, match=r"^\w+: expected "):
                setattr(runs, name, np.full_like(before, number))
    assert fastnn.train_many(NET, X, Y, continue_from=runs, epochs=2).loss.shape == (6,)
    for name, wrong in (("job", None), ("job", "x"), ("statistics", 5)):
        with pytest.raises(TypeError, match="expected"):
            setattr(runs, name, wrong)
    for name in ("network", "columns", "anything", "sse"):
        with pytest.raises(AttributeError):
            setattr(runs, name, None)


def test_runs_that_are_made_by_hand():
    runs = many()
    with pytest.raises(ValueError, match=r"^restart: expected indices of the job"):
        Runs(runs.job, runs.indices + 1, **runs.columns)
    with pytest.raises(ValueError, match=r"^restart: expected indices of the job"):
        Runs(runs.job, runs.indices - 1, status=runs.status)
    with pytest.raises(ValueError, match=r"^status: expected shape"):
        Runs(runs.job, runs.indices[:-1], status=runs.status)
    with pytest.raises(TypeError, match=r"^status: expected an array"):
        Runs(runs.job, runs.indices, status=None)
    with pytest.raises(ValueError, match=r"^epochs: expected 5 with status EPOCH_LIMIT"):
        Runs(runs.job, runs.indices, status=runs.status, epochs=runs.epochs - 1)
    other = fastnn.train_many(fastnn.Network([2, 9, 1]), X, Y, restarts=6, epochs=5)
    with pytest.raises(ValueError, match=r"^parameters: expected shape \(6, 37\)"):
        Runs(other.job, runs.indices, **runs.columns)
    some = Runs(runs.job, runs.indices[[4, 1]], status=runs.status[[4, 1]])
    np.testing.assert_array_equal(some.predict(X, "all"), runs.predict(X, [4, 1]))


def test_restarts_that_end_otherwise_than_is_told():
    runs = many(keep="outcomes")
    status = np.full(6, fastnn.Status.CONVERGED, np.int8)
    liar = Runs(runs.job, runs.indices, status=status, epochs=runs.epochs - 2)
    with pytest.raises(ValueError, match=r"^restart: expected results of this job"):
        liar.restart(2)


# -- what comes from elsewhere ---------------------------------------------------------------------


def test_pickles_pass_the_gate():
    run, runs = one(), many()
    for thing in (run, runs, NET, fastnn.Model(NET, run.parameters)):
        again = pickle.loads(pickle.dumps(thing))
        assert repr(again) == repr(thing)
    for other in of_other_kinds(run.parameters).values():
        with pytest.raises(REFUSED):
            pickle.loads(pickle.dumps(tampered_copy(run, parameters=other)))
    for name, other in (("epochs", -5), ("status", 3), ("state", run.state[:1])):
        with pytest.raises(REFUSED):
            pickle.loads(pickle.dumps(tampered_copy(run, **{name: other})))
    columns = runs.columns | {"epochs": runs.epochs - 9}
    with pytest.raises(REFUSED):
        pickle.loads(pickle.dumps(tampered_copy(runs, _columns=columns)))
    for name, other in (("sizes", (2, -3, 1)), ("activation", ("tanh",)), ("bias", 7)):
        with pytest.raises(REFUSED):
            pickle.loads(pickle.dumps(tampered_copy(NET, **{name: other})))
    small = tampered_copy(NET, n_parameters=1)
    assert pickle.loads(pickle.dumps(small)).n_parameters == NET.n_parameters
    statistics = many(keep="statistics")
    assert pickle.loads(pickle.dumps(statistics)) == statistics
    with pytest.raises(REFUSED):
        pickle.loads(pickle.dumps(tampered_copy(statistics, _best=99)))


@pytest.mark.parametrize("name", ["epochs", "status", "restart"])
def test_files_whose_numbers_no_run_has(name, tmp_path):
    path = tmp_path / "x.npz"
    many().save(path)
    about, arrays = content_of(path)
    for number in numbers_of_no_run(arrays[name].dtype):
        other = arrays[name].copy()
        other[3] = number
        forge(path, about, arrays | {name: other})
        with pytest.raises(fastnn.DamagedFile, match=rf"{name}: expected "):
            fastnn.load(path)
    one().save(path)
    about, arrays = content_of(path)
    for name, value in (("epochs", -1), ("epochs", 4), ("epochs", 10**14), ("status", 99),
                        ("restart", 1), ("history_every", 0)):  # fmt: skip
        forge(path, about | {name: value}, arrays)
        with pytest.raises(fastnn.DamagedFile):
            fastnn.load(path)


@pytest.mark.parametrize("before", [-1, 2**62, 10**15])
def test_files_of_jobs_that_go_on_from_nowhere(before, tmp_path):
    path = tmp_path / "x.npz"
    fastnn.train_many(NET, X, Y, continue_from=many(), epochs=2).save(path)
    about, arrays = content_of(path)
    forge(path, about, arrays)
    assert fastnn.load(path).epochs.tolist() == [7] * 6
    forge(path, about, arrays | {"job.start_epochs": np.full(6, before)})
    with pytest.raises(fastnn.DamagedFile, match=r"epochs: expected "):
        fastnn.load(path)


@pytest.mark.parametrize("name", ["epochs", "status"])
def test_folders_whose_numbers_no_run_has(name, tmp_path):
    stored = many(out=tmp_path / "run", chunk=3)
    column = np.asarray(getattr(stored, name)).astype(stored._manifest.types[name][0])
    for number in (7, 99):
        forge_shard(stored._shards[1].path, name, np.full_like(column[3:], number))
        again = fastnn.open_run(tmp_path / "run")
        with pytest.raises(fastnn.DamagedFile, match=rf"{name}.npy: {name}: expected "):
            np.asarray(getattr(again, name))
        with pytest.raises(fastnn.DamagedFile):
            again.load()


def test_folders_in_another_order(tmp_path):
    stored = many(out=tmp_path / "run", chunk=6)
    before = stored.load()
    forge_shard(stored._shards[0].path, "parameters", np.asfortranarray(before.parameters))
    again = fastnn.open_run(tmp_path / "run").load()
    np.testing.assert_array_equal(again.parameters, before.parameters)
    more = [fastnn.train_many(NET, X, Y, continue_from=runs, epochs=3) for runs in (before, again)]
    np.testing.assert_array_equal(more[0].parameters, more[1].parameters)


@pytest.mark.parametrize("keep", ["all", "outcomes", fastnn.Best(2)])
def test_parts_that_workers_spoil_are_trained_again(keep):
    def spoil(number, future, result):
        part = result()
        columns = dict(part.columns)
        if number == 1:
            columns["epochs"] = columns["epochs"].astype(np.int64) - 9
        elif number == 3:
            columns["status"] = columns["status"] + np.int8(99)
        elif number == 5:
            columns["loss"] = columns["loss"][:1]
        future.set_result("x" if number == 6 else replace(part, columns=columns))

    expected = many(keep=keep)
    found = many(keep=keep, executor=Eager(spoil), chunk=3, threads=1)
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], values)


def test_arrays_that_begin_anywhere_in_a_message_are_laid_out_again():
    """As Dask hands them on, without a copy; training goes on with the same bits."""
    X, y = fastnn.datasets.xor()
    runs = fastnn.train_many(fastnn.Network([2, 2, 1]), X, y, restarts=9, epochs=5, keep="all")
    buffers = []
    message = pickle.dumps(runs, protocol=5, buffer_callback=buffers.append)
    moved = []
    for buffer in buffers:
        room = bytearray(len(buffer.raw()) + 1)
        room[1:] = buffer.raw()
        moved.append(memoryview(room)[1:])
    again = pickle.loads(message, buffers=moved)
    assert again.restart(4).parameters.tobytes() == runs.parameters[4].tobytes()
    more = {"epochs": 3, "keep": "all"}
    found = fastnn.train_many(again.network, X, y, continue_from=again, **more)
    expected = fastnn.train_many(runs.network, X, y, continue_from=runs, **more)
    assert found.parameters.tobytes() == expected.parameters.tobytes()
