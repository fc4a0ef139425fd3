"""Special kernels: the bits of general ones, compiled in the background, kept, bounded."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from conftest import assert_same_bits, bits, python
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.engine import blueprint, specialize
from fastnn.engine.chunk import lanes_for, train_chunk
from fastnn.engine.launch import launch_of
from fastnn.job.build import make_job
from fastnn.kernels.layout import PLACES
from fastnn.kernels.pieces import Kind, piece
from fastnn.kernels.train_loop import train_epochs
from fastnn.kernels.views import call
from fastnn.spec.activations import ACTIVATIONS

thorough = pytest.mark.thorough
NAMES = [activation.name for activation in ACTIVATIONS]
XOR = fastnn.datasets.xor()
CODE = """
import fastnn
from fastnn.engine import specialize
from fastnn.job.build import make_job
from fastnn.engine.launch import launch_of

net, data = fastnn.Network([2, 3, 1]), fastnn.datasets.xor()

def job(epochs=10):
    return make_job(net, *data, epochs=epochs)

def uses_special():
    return launch_of(job(), 1).blueprint.uses_special
"""


@pytest.fixture
def general(monkeypatch):
    monkeypatch.setenv("FASTNN_KERNELS", "general")


def in_new_process(body, cache_folder, **environment):
    """What a new Python prints that runs `CODE` and `body`."""
    code = CODE + textwrap.dedent(body)
    return python(code, NUMBA_CACHE_DIR=str(cache_folder), PYTHONWARNINGS="error", **environment)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache with the general kernels of the job."""
    folder = tmp_path_factory.mktemp("general")
    in_new_process("launch_of(job(0), 1)", folder, FASTNN_KERNELS="general")
    return folder


@pytest.fixture
def general_cache(compiled, tmp_path):
    """A copy of it."""
    return shutil.copytree(compiled, tmp_path / "cache")


@pytest.mark.parametrize("given", ["auto", "general", "special", ""])
def test_modes(monkeypatch, given):
    monkeypatch.setenv("FASTNN_KERNELS", given)
    assert specialize.mode() == (given or "auto")


def test_another_mode_is_refused(monkeypatch, xor):
    monkeypatch.setenv("FASTNN_KERNELS", "fast")
    with pytest.raises(ValueError, match="FASTNN_KERNELS: expected one of auto, general, special"):
        fastnn.train(*xor, epochs=1)


@thorough
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=3),
    bias=st.booleans(),
    samples=st.integers(1, 12),
    batch=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 2**64 - 1),
    dtype=st.sampled_from(["float64", "float32"]),
    optimizer=st.sampled_from([
        fastnn.GradientDescent(0.1), fastnn.GradientDescent(0.1, momentum=0.5), fastnn.Adam(),
    ]),
)  # fmt: skip
@settings(max_examples=2, deadline=None)
def test_special_kernels_have_the_bits_of_general_ones(
    sizes, names, bias, samples, batch, seed, dtype, optimizer
):
    net = fastnn.Network(sizes, activation=names[: len(sizes) - 1], bias=bias)
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(samples, sizes[0])), rng.normal(size=(samples, sizes[-1]))
    job = {
        "optimizer": optimizer, "epochs": 12, "seed": seed, "dtype": dtype, "batch_size": batch,
        "target_sse": 0.1 * samples,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTNN_KERNELS", "general")
        expected = fastnn.train_many(net, X, y, restarts=40, **job)
        alone = fastnn.train(net, X, y, restart=3, **job)
        patch.setenv("FASTNN_KERNELS", "special")
        assert_same_bits(fastnn.train_many(net, X, y, restarts=40, **job), expected)
        same = fastnn.train(net, X, y, restart=3, **job)
    np.testing.assert_array_equal(bits(same.history), bits(alone.history))
    np.testing.assert_array_equal(bits(same.parameters), bits(expected.parameters[3]))


@piece
def change_in_the_middle(net):
    """Epochs by the kernel in one field and, from tick 2,000 on, by that in another."""
    call(net, net.validate)
    if net.tick > 2000:
        net.epochs_kernel = net.gather


@thorough
@pytest.mark.parametrize("lanes", [1, 16])
def test_a_run_whose_kernel_changes_in_the_middle(general, monkeypatch, lanes):
    def job():
        return make_job(
            fastnn.Network([2, 2, 1]), *XOR, restarts=50 if lanes > 1 else 1, epochs=5000,
            target_sse=0.04, optimizer=fastnn.GradientDescent(0.9), init=fastnn.Uniform(-2, 2),
        )  # fmt: skip

    def trained(job, history):
        every = {"history": history, "history_every": 1} if lanes == 1 else {}
        return train_chunk(job, 0, job.restarts, lanes=lanes, **every)

    histories = np.full((2, 5001), -1.0)
    expected = trained(job(), histories[0])
    changing = job()
    launch = launch_of(changing, lanes)
    plan, kind = launch.blueprint.plan, launch.blueprint.kind
    special = replace(kind, sizes=launch.blueprint.sizes(unrolled=True))
    before = plan.record.copy()
    try:
        plan.set(epochs_kernel=change_in_the_middle.address(kind))
        launch.plan.set(validate=train_epochs.address(kind), gather=train_epochs.address(special))
        found = trained(changing, histories[1])
    finally:
        plan.record[:] = before
    assert found.ticks > 2000
    for name in ("parameters", "loss"):
        left, right = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(bits(left), bits(right))
    np.testing.assert_array_equal(found.epochs, expected.epochs)
    np.testing.assert_array_equal(bits(histories[0]), bits(histories[1]))


def test_kinds_as_text():
    for lanes in (1, 8, 32):
        for optimizer in (fastnn.GradientDescent(), fastnn.RPROP(), fastnn.LevenbergMarquardt()):
            if lanes == 1 and isinstance(optimizer, fastnn.LevenbergMarquardt):
                continue
            job = make_job(fastnn.Network([2, 3, 1], ["sine", "sigmoid"]), *XOR,
                           optimizer=optimizer, restarts=lanes)  # fmt: skip
            made = blueprint.blueprint_of(job, lanes)
            kind = replace(made.kind, sizes=made.sizes(unrolled=True))
            again = specialize.from_text(specialize.to_text(kind))
            assert repr(again) == repr(kind)
            assert again == kind


def test_the_process_that_compiles_looks_into_no_current_folder(monkeypatch):
    made = blueprint.blueprint_of(make_job(fastnn.Network([2, 3, 1]), *XOR), 1)
    monkeypatch.setattr(sys, "path", ["", "folder", ".", *sys.path])
    said = json.loads(specialize.to_text(replace(made.kind, sizes=made.sizes(unrolled=True))))
    assert all(map(os.path.isabs, said["path"]))
    assert str(Path(fastnn.__file__).parents[1]) in said["path"]


@thorough
def test_short_calls_compile_nothing_beside_them(monkeypatch, xor):
    monkeypatch.setattr(specialize, "begin_compiling", lambda kind: pytest.fail("it began one"))
    for size in range(2, 40):  # a sweep over topologies
        fastnn.train(fastnn.Network([2, size, 1]), *XOR, epochs=20)
    for _ in range(100):
        fastnn.train(*xor, epochs=100)


@thorough
def test_long_jobs_begin_a_compilation(monkeypatch):
    """It is asked for once, whatever comes of it."""
    asked, kinds = Event(), []

    def begin(kind):
        kinds.append(kind)
        asked.set()
        raise OSError("no room")

    monkeypatch.setattr(specialize, "begin_compiling", begin)
    for name, value in {"BEHIND": 0.0, "AHEAD": -1e9, "PAUSE": 0.001}.items():
        monkeypatch.setattr(specialize, name, value)
    net = fastnn.Network([2, 7, 1], ["gaussian", "elliott"])  # of which nothing is kept
    fastnn.train(net, *XOR, epochs=1)
    for _ in range(100):
        fastnn.train(net, *XOR, epochs=200_000, history=False)
        if asked.is_set():
            break
    fastnn.train(net, *XOR, epochs=200_000, history=False)
    assert len(kinds) == 1
    assert dict(kinds[0].sizes.fields)["n_parameters"] == net.n_parameters


@pytest.mark.parametrize(
    ("sizes", "samples", "seconds", "begins"),
    [
        ([2, 2, 1], 4, 2.0, True),
        ([10, 5, 10], 10, 2.0, False),  # gains less, so it must take longer
        ([10, 5, 10], 10, 16.0, True),
        ([4, 8, 3], 150, 16.0, True),
        ([4, 8, 3], 1000, 16.0, False),  # too many samples to gain
    ],
)
def test_larger_networks_begin_later(sizes, samples, seconds, begins, monkeypatch):
    monkeypatch.delenv("FASTNN_KERNELS", raising=False)
    begun, compilations = [], specialize.Compilations()
    monkeypatch.setattr(specialize, "begin_compiling", begun.append)
    monkeypatch.setattr(blueprint, "_made", OrderedDict())
    monkeypatch.setattr(blueprint.Blueprint, "_begins_special", lambda self, job: False)
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(samples, sizes[0])), rng.uniform(size=(samples, sizes[-1]))
    job = make_job(fastnn.Network(sizes), X, y, restarts=10**6, epochs=10**6)
    launch = launch_of(job, lanes_for(job, 1000))
    if not launch.blueprint.may_change:
        assert not begins
        return
    assert compilations.may_help(launch)
    compilations._look_at(launch, seconds)
    assert len(begun) == begins


TAKING_OVER = """
    specialize.BEHIND, specialize.AHEAD, specialize.PAUSE = 0.0, -1e9, 0.01
    launch_of(job(0), 1)  # whose general kernels are compiled
    assert not uses_special()
    for _ in range(400):
        long = job(300_000)
        if launch_of(long, 1).blueprint.look_for_special():
            break
        fastnn.train(net, *data, epochs=300_000, history=False)
    assert uses_special()
    print(fastnn.train(net, *data, epochs=3000).history.tobytes().hex())
"""


@thorough
def test_a_special_kernel_comes_and_stays(general_cache):
    """General kernels begin, the special one is compiled beside them, and serves ever after."""
    came = in_new_process(TAKING_OVER, general_cache).stdout
    kept = list(general_cache.rglob("*_special*.nbc"))
    assert len(kept) == 1
    code = """
        from fastnn.jit.compiling import any_kernel_compiled
        assert uses_special()
        print(fastnn.train(net, *data, epochs=3000).history.tobytes().hex())
        assert not any_kernel_compiled()
    """
    assert in_new_process(code, general_cache).stdout == came
    general = "print(fastnn.train(net, *data, epochs=3000).history.tobytes().hex())"
    assert in_new_process(general, general_cache, FASTNN_KERNELS="general").stdout == came


@thorough
def test_a_first_plain_job_begins_with_its_special_kernel(tmp_path):
    code = """
        from fastnn.jit.compiling import any_kernel_compiled
        assert uses_special()
        other = make_job(fastnn.Network([2, 2, 2, 1]), *data)  # but not every topology's
        assert not launch_of(other, 1).blueprint.uses_special
    """
    in_new_process(code, tmp_path)
    assert len(list(tmp_path.rglob("*_special*.nbc"))) == 1


@thorough
def test_processes_compile_a_special_kernel_once(tmp_path, general):
    job = make_job(fastnn.Network([2, 3, 1]), *XOR)
    made = blueprint.blueprint_of(job, 1)
    text = specialize.to_text(replace(made.kind, sizes=made.sizes(unrolled=True)))
    code = (
        "import sys; from fastnn.engine.specialize import compile_here\n"
        "from fastnn.jit.compiling import _compiled_here\n"
        f"compile_here({text!r})\n"
        "print(sum(name.startswith('run') for name in _compiled_here))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    compiled = [int(process.communicate(timeout=600)[0]) for process in processes]
    assert sorted(compiled) == [0, 0, 0, 1]
    assert len(list(tmp_path.rglob("*.nbc"))) == 1
    assert not list(tmp_path.rglob("*.lock"))


ENDING = """
    import os, sys, threading
    specialize.BEHIND, specialize.AHEAD, specialize.PAUSE = 0.0, -1e9, 0.01
    begin = specialize.begin_compiling
    process = None

    def begin_compiling(kind):
        global process
        process = begin(kind)
        return process

    specialize.begin_compiling = begin_compiling
    launch_of(job(0), 1)
    while process is None:
        fastnn.train(net, *data, epochs=300_000, history=False)
    print(process.pid, flush=True)
"""


@thorough
@pytest.mark.parametrize(
    "how",
    ["", "raise SystemExit(0)", "sys.stdout.flush(); os._exit(0)",
     "pid = os.fork()\n    if pid: assert os.waitpid(pid, 0)[1] == 0\n"
     "    fastnn.train(net, *data, epochs=3)"],
    ids=["end", "exit", "at once", "fork"],
)  # fmt: skip
def test_the_end_waits_for_no_compilation(general_cache, how):
    done = in_new_process(ENDING + "    " + how, general_cache)
    assert done.returncode == 0
    pid = int(done.stdout.split()[0])
    if "_exit" not in how:  # which leaves the compilation to end by itself
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@thorough
def test_own_parts_have_special_kernels_only_when_asked(monkeypatch):
    fastnn.extend.add_activation(
        "cube", function=lambda x: x * x * x, slope=lambda x: 3.0 * x * x, symmetry=-1,
        numpy=lambda x: x**3, numpy_slope=lambda x: 3 * x**2, slope_of="input",
    )  # fmt: skip
    try:
        net = fastnn.Network([2, 2, 1], ["cube", "sigmoid"])
        made = launch_of(make_job(net, *XOR), 1).blueprint
        assert not made.uses_special
        assert not made.may_change
        expected = fastnn.train(net, *XOR, epochs=50)
        monkeypatch.setenv("FASTNN_KERNELS", "special")
        assert launch_of(make_job(net, *XOR), 1).blueprint.uses_special
        found = fastnn.train(net, *XOR, epochs=50)
        np.testing.assert_array_equal(bits(found.history), bits(expected.history))
    finally:
        fastnn.extend.remove("cube")


def test_a_special_kernel_is_a_kind_of_its_own(general):
    job = make_job(fastnn.Network([2, 3, 1]), *XOR)
    made = blueprint.blueprint_of(job, 1)
    special = replace(made.kind, sizes=made.sizes(unrolled=True))
    assert special != made.kind
    assert train_epochs.kept_file(special) != train_epochs.kept_file(made.kind)
    assert special.view.name != made.kind.view.name
    wider = Kind(made.kind.dtype, 8)
    assert train_epochs.kept_file(wider) != train_epochs.kept_file(made.kind)
    assert made.plan.record[PLACES["epochs_kernel"]] == train_epochs.address(made.kind)
