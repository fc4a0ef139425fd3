"""The gate: no unchecked array reaches compiled code or a result."""

import ast
import gc
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
    laid_otherwise,
    of_other_kinds,
)

import fastnn
from fastnn.engine import blueprint, launch
from fastnn.engine.chunk import train_chunk
from fastnn.job.build import make_job
from fastnn.job.group_data import Asked
from fastnn.kernels import predict, predict_groups, workspace
from fastnn.kernels.layout import POINTERS
from fastnn.support.gate import address_of, frozen, kept

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
SOURCES = sorted(Path(fastnn.__file__).parent.rglob("*.py"))
REFUSED = (TypeError, ValueError)
FLOAT = np.dtype(np.float64)
BY_KERNELS = {"init"}
"""Pointers that kernels move themselves."""


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


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("names", "files"),
    [
        (
            {"__array_interface__", "__array_struct__", "ctypes", "addressof", "from_buffer",
             "from_address", "byte_bounds", "unsafe_carray_from_ptr"},
            {"support/gate.py"},
        ),
        ({"address_of"}, {"support/gate.py", "kernels/workspace.py"}),
        ({"run_piece"}, {"kernels/pieces.py", "kernels/predict.py", "kernels/predict_groups.py",
                         "engine/launch.py"}),
        ({"import entry"},
         {"kernels/pieces.py", "kernels/statistics.py", "lanes/rounding.py"}),
        ({"POINTERS"}, {"kernels/layout.py", "kernels/workspace.py"}),
        ({"PLACES"}, {"kernels/layout.py", "kernels/workspace.py", "kernels/views.py",
                      "engine/blueprint.py", "engine/launch.py"}),
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
        for module in (predict, predict_groups):
            patch.setattr(module, "run_piece", self.run_piece)
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
        "groups": job(groups=Asked(["a", "b", "a", "a"])),
        "picked": job().select_positions(np.array([3, 1])),
        "newton": job(optimizer=fastnn.LevenbergMarquardt()),
        "float32": job(dtype=np.float32, loss=fastnn.SSE(l2=0.1), **VALIDATION),
    }


JOBS = jobs()


def test_every_pointer_of_a_record_passed_the_gate(spy):
    for made in map(replace, JOBS.values()):  # without what was made of them before
        for lanes in (1, 8):
            if (made.requires_lanes and lanes == 1) or (made.parallel == "samples" and lanes > 1):
                continue
            history = np.zeros(made.epochs + 1, made.dtype)
            train_chunk(made, 0, made.restarts, lanes=lanes)
            train_chunk(made, 0, 1, lanes=lanes, history=history, history_every=1)
            train_chunk(made, 0, 0, lanes=lanes)
    fastnn.jacobian(NET, JOBS["explicit"].start.numbers, X)
    fastnn.gradient(NET, JOBS["explicit"].start.numbers, X, Y)
    fastnn.Models(NET, JOBS["explicit"].start.numbers, range(4)).predict(X, groups=[0, 1, 1, 3])
    one_run = spy.seen
    spy.seen = set()
    fastnn.forward(NET, JOBS["explicit"].start.numbers, X)
    assert spy.seen == {"x", "init_rows", "out_loss", "slope_offset"}
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


def test_chunks_of_no_positions():
    with pytest.raises(ValueError, match="expected positions from 0 to 4"):
        train_chunk(JOBS["plain"], -1, 2)
    with pytest.raises(ValueError, match="expected positions from 0 to 4"):
        train_chunk(JOBS["plain"], 0, 10**9)
