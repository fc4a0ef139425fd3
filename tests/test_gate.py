"""The gate: no address of an array reaches compiled code, and no array a result, unchecked."""

import ast
import gc
import pickle
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from tampering import (
    Own,
    content_of,
    forge,
    forge_shard,
    laid_otherwise,
    numbers_of_no_run,
    of_other_kinds,
    tampered_copy,
)

import fastnn
from fastnn import blueprint, launch
from fastnn.arguments import make_job
from fastnn.chunks import train_chunk
from fastnn.gate import address_of, frozen, kept
from fastnn.kernels import predict, workspace
from fastnn.kernels.layout import POINTERS
from fastnn.runs import Runs

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
SOURCES = sorted(Path(fastnn.__file__).parent.rglob("*.py"))
REFUSED = (TypeError, ValueError)
FLOAT = np.dtype(np.float64)
BY_KERNELS = {"init"}
"""Pointers that kernels move themselves."""


def one(**options):
    return fastnn.train(NET, X, Y, **{"epochs": 5, "optimizer": fastnn.Adam(0.1), **options})


def many(**options):
    return fastnn.train_many(NET, X, Y, **{"restarts": 6, "epochs": 5, "keep": "all", **options})


# -- who asks for addresses ------------------------------------------------------------------------


@cache
def tree_of(path):
    return ast.parse(path.read_text())


def used_names(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")
            yield f"import {node.name}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (
            {"__array_interface__", "__array_struct__", "ctypes", "addressof", "from_buffer",
             "from_address", "byte_bounds", "unsafe_carray_from_ptr"},
            {"gate.py"},
        ),
        ({"address_of"}, {"gate.py", "kernels/workspace.py"}),
        ({"run_piece"}, {"kernels/pieces.py", "kernels/predict.py", "launch.py"}),
        ({"import entry"}, {"kernels/pieces.py", "kernels/statistics.py"}),
        ({"POINTERS"}, {"kernels/layout.py", "kernels/workspace.py"}),
        ({"PLACES"}, {"kernels/layout.py", "kernels/workspace.py", "kernels/views.py",
                      "blueprint.py", "launch.py"}),
    ],
)  # fmt: skip
def test_addresses_come_from_the_gate(names, files):
    found = {
        path.relative_to(SOURCES[0].parent).as_posix()
        for path in SOURCES
        if names & {*used_names(path)}
    }
    assert found <= files


def test_records_are_written_by_plans():
    """Others put addresses of kernels there, and nothing else."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            for target in targets:
                if isinstance(target, ast.Subscript) and "record" in ast.unparse(target.value):
                    found.add((path.name, ast.unparse(target)))
    assert {target for name, target in found if name == "workspace.py"} == {
        "self.record[PLAIN[name]]", "self.record[POINTERS[name]]",
    }  # fmt: skip
    others = {target for name, target in found if name in ("launch.py", "blueprint.py")}
    assert others == {"record[PLACES['epochs_kernel']]", "self.plan.record[place]"}


def test_plans_set_no_pointers():
    plan = workspace.make_single_plan(NET, 4, 8, 8, False, workspace.Needs())
    for name in POINTERS:
        with pytest.raises(KeyError):
            plan.set(**{name: 4096})


def test_plans_keep_arrays_alive():
    plan = workspace.make_single_plan(NET, 4, 8, 8, False, workspace.Needs())
    plan.point("x", np.arange(4.0), 4)
    copy = plan.copy()
    del plan
    gc.collect()
    np.testing.assert_array_equal(copy.held["x"], np.arange(4.0))
    assert copy.get("x") == copy.held["x"].ctypes.data


class Spy:
    """Takes the place of compiled code: every pointer in a record must have passed the gate."""

    def __init__(self, patch):
        self.given, self.seen, self.calls = {}, set(), 0
        patch.setattr(workspace, "address_of", self.address_of)
        patch.setattr(launch, "run_piece", self.run_piece)
        patch.setattr(predict, "run_piece", self.run_piece)
        # Nothing is compiled, since nothing runs.
        patch.setattr(blueprint, "_made", OrderedDict())
        patch.setattr(blueprint.Blueprint, "prepare", lambda made, job: made)

    def address_of(self, name, array, *kind):
        address = address_of(name, array, *kind)
        self.given.setdefault(name, set()).add(address)
        return address

    def run_piece(self, address, record, workspace):
        self.calls += 1
        for name, place in POINTERS.items():
            if record[place]:
                assert record[place] in self.given.get(name, ()), name
                self.seen.add(name)


@pytest.fixture
def spy(monkeypatch):
    return Spy(monkeypatch)


def job(restarts=4, **options):
    return make_job(NET, X, Y, restarts=restarts, **options)


VALIDATION = {"validation": (X[:3], Y[:3]), "stop": [fastnn.Validation(2)]}


def jobs():
    """Jobs that have, between them, every array that kernels know of."""
    rows = np.random.default_rng(0).random((4, NET.n_parameters))
    going_on = replace(
        job(optimizer=fastnn.Adam()),
        start_state=np.zeros((4, job(optimizer=fastnn.Adam()).n_state)),
        start_epochs=np.zeros(4, np.int64),
    )
    return {
        "plain": job(),
        "rates": job(optimizer=fastnn.GradientDescent(np.linspace(0.1, 1, 4))),
        "explicit": job(init=rows),
        "table": job(init=fastnn.GlorotUniform()),
        "penalties": job(loss=fastnn.SSE(l2=0.1)),
        "rules": job(stop=[fastnn.NoProgress(3), fastnn.ErrorsWithin(0.4)]),
        "common weights": job(sample_weight=np.ones(4)),
        "own weights": job(sample_weight=np.ones((4, 4))),
        "bootstrap": job(sample_weight=fastnn.Bootstrap()),
        "validation": job(**VALIDATION),
        "shuffle": job(batch_size=2, shuffle=True),
        "samples": job(parallel="samples"),
        "going on": going_on,
        "picked": job().pick(np.array([3, 1])),
        "newton": job(optimizer=fastnn.LevenbergMarquardt()),
        "float32": job(dtype=np.float32, loss=fastnn.SSE(l2=0.1), **VALIDATION),
    }


JOBS = jobs()


def test_every_pointer_of_a_record_passed_the_gate(spy):
    for made in map(replace, JOBS.values()):  # without what was made of them before
        for lanes in (1, 8):
            if (made.only_in_lanes and lanes == 1) or (made.parallel == "samples" and lanes > 1):
                continue
            history = np.zeros(made.epochs + 1, made.dtype)
            train_chunk(made, 0, made.restarts, lanes=lanes)
            train_chunk(made, 0, 1, lanes=lanes, history=history, history_every=1)
            train_chunk(made, 0, 0, lanes=lanes)
    fastnn.jacobian(NET, JOBS["explicit"].start.numbers, X)
    fastnn.gradient(NET, JOBS["explicit"].start.numbers, X, Y)
    one_run = spy.seen
    spy.seen = set()
    fastnn.forward(NET, JOBS["explicit"].start.numbers, X)
    assert spy.seen == {"x", "init_rows", "out_loss", "loss_numbers"}
    assert one_run == {*POINTERS} - BY_KERNELS


ARRAYS = {
    "X": "plain", "y": "plain", "hyper": "rates", "weighting": "own weights",
    "start_state": "going on", "start_epochs": "going on", "indices": "picked",
}  # fmt: skip


def never(*arguments):
    pytest.fail("compiled code was called")


def harmed(array):
    """Arrays that kernels would read wrongly."""
    forms = laid_otherwise(array) | of_other_kinds(array)
    for name, form in forms.items():
        plain = type(form) is np.ndarray and form.dtype == array.dtype
        if not (plain and form.shape == array.shape and form.flags.carray) and name not in (
            "read-only view",
        ):
            yield name, form


@pytest.mark.parametrize(
    ("field", "name", "lanes"),
    [(field, name, lanes) for field, name in ARRAYS.items() for lanes in (1, 8)
     if lanes > 1 or field != "weighting"],
)  # fmt: skip
def test_jobs_with_other_arrays(field, name, lanes, spy, monkeypatch):
    made = replace(JOBS[name])  # without what was made of it before
    train_chunk(made, 0, made.restarts, lanes=lanes)
    monkeypatch.setattr(launch, "run_piece", never)
    array = np.array(getattr(made, field))
    for form, other in harmed(array):
        if lanes == 1 and field in ("X", "y") and form in SAME_NUMBERS:
            continue  # which are brought into tiles
        with pytest.raises((*REFUSED, AttributeError)) as caught:
            train_chunk(replace(made, **{field: other}), 0, made.restarts, lanes=lanes)
        if isinstance(other, np.ndarray) and not isinstance(other, np.ma.MaskedArray):
            assert caught.type in REFUSED, form


SAME_NUMBERS = {*laid_otherwise(X)}


@pytest.mark.parametrize(
    "change",
    [{"epochs": -1}, {"epochs": 10**16}, {"epochs": None}, {"batch_size": 0}, {"batch_size": 5},
     {"first": -1}, {"first": 2**63}, {"seed": -1}, {"seed": 2**64}, {"restarts": 7},
     {"restarts": -1}, {"restarts": 1.5}, {"optimizer": fastnn.Adam()},
     {"hyper": np.zeros((1, 5))}, {"net": fastnn.Network([2, 30, 1])},
     {"net": fastnn.Network([1, 4, 1])}, {"net": fastnn.Network([2, 1, 3])},
     {"dtype": np.dtype(np.float32)}],
)  # fmt: skip
@pytest.mark.parametrize("lanes", [1, 8])
def test_jobs_with_other_numbers(change, lanes, spy, monkeypatch):
    monkeypatch.setattr(launch, "run_piece", never)
    made = replace(JOBS["explicit"], **change)
    with pytest.raises(REFUSED):
        train_chunk(made, 0, made.restarts, lanes=lanes)


# -- what results keep -----------------------------------------------------------------------------


@given(
    arrays_of.arrays(
        st.sampled_from(["<f8", ">f8"]), arrays_of.array_shapes(max_dims=3, max_side=4)
    ),
    st.sampled_from(["as it is", *laid_otherwise(np.zeros(2))]),
)
@settings(deadline=None)
def test_what_is_kept_is_plain_and_stays(array, form):
    other = array if form == "as it is" else laid_otherwise(array)[form]
    own = kept("x", other, FLOAT, array.shape)
    assert type(own) is np.ndarray
    assert own.dtype == FLOAT
    assert own.flags.c_contiguous
    assert own.flags.aligned
    assert not own.flags.writeable
    assert not np.shares_memory(own, other)
    np.testing.assert_array_equal(own, array)
    assert kept("y", own, FLOAT, array.shape) is own
    address_of("y", own, FLOAT, array.shape)


def test_what_may_change_is_copied(tmp_path):
    numbers = np.arange(6.0)
    np.save(tmp_path / "x.npy", numbers)
    frozen_view = frozen(numbers.copy())[1:4]
    assert kept("x", frozen_view, FLOAT, (3,)) is frozen_view
    for other in (
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        np.asarray(np.load(tmp_path / "x.npy", mmap_mode="r")),
        np.frombuffer(bytearray(numbers.tobytes())),
        frozen(numbers.copy().view(Own)),
        np.broadcast_to(numbers[:1], 6),
    ):
        own = kept("x", other, FLOAT, (6,))
        assert own is not other
        assert not np.shares_memory(own, other)


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_what_is_no_such_array(shape):
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    for other in of_other_kinds(array).values():
        with pytest.raises(REFUSED, match=r"^x: expected "):
            kept("x", other, FLOAT, shape)
        with pytest.raises(REFUSED, match=r"^x: expected "):
            address_of("x", other, FLOAT, shape)
    for name, other in laid_otherwise(array).items():
        if not (type(other) is np.ndarray and other.flags.carray and other.dtype.isnative):
            if other.flags.c_contiguous and name in ("read-only view", "Fortran order"):
                continue
            with pytest.raises(REFUSED, match=r"^x: expected "):
                address_of("x", other, FLOAT, shape)


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
    with pytest.raises(ValueError, match="without state"):
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
    with pytest.raises(ValueError, match=r"^restart: expected results of their job"):
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
    from executor_examples import Eager

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


def test_chunks_of_no_positions():
    with pytest.raises(ValueError, match="expected positions from 0 to 4"):
        train_chunk(JOBS["plain"], -1, 2)
    with pytest.raises(ValueError, match="expected positions from 0 to 4"):
        train_chunk(JOBS["plain"], 0, 10**9)
