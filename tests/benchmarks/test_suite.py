"""The benchmark suite's own parts: kinds of kernels, an earlier fastnn, builds of the limit."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import earlier
import kinds
import numpy as np
import peak
import pytest
from contenders import limit
from paths import BENCHMARKS
from works import SMALL, WORKS

import fastnn
from fastnn.engine.chunk import lanes_for
from fastnn.engine.launch import launch_of
from fastnn.engine.specialize import gains_in_blocks, is_small
from fastnn.job.build import make_job

pytestmark = pytest.mark.thorough


def job_of(work):
    optimizer = fastnn.GradientDescent(work.learning_rates(work.restarts))
    return make_job(
        work.net, *work.arrays, optimizer=optimizer, init=work.init, epochs=work.epochs,
        restarts=work.restarts, dtype=work.dtype, target_sse=work.target_sse,
        parallel="samples" if work.samples_in_lanes else "restarts",
    )  # fmt: skip


def test_works_with_special_kernels():
    found = {
        key
        for key, work in WORKS.items()
        if is_small(job := job_of(work), lanes := lanes_for(job, work.restarts))
        or gains_in_blocks(job, lanes)
    }
    assert found == set(SMALL)


def test_a_kind_is_forced_for_a_while(monkeypatch):
    monkeypatch.delenv(kinds.VARIABLE, raising=False)
    with kinds.forced("general"):
        assert os.environ[kinds.VARIABLE] == "general"
    assert kinds.VARIABLE not in os.environ
    monkeypatch.setenv(kinds.VARIABLE, "auto")
    with pytest.raises(ZeroDivisionError), kinds.forced("special"):
        _ = 1 / 0
    assert os.environ[kinds.VARIABLE] == "auto"


def test_auto_begins_with_the_special_kernel_once_warmed(monkeypatch):
    monkeypatch.delenv(kinds.VARIABLE, raising=False)
    work = WORKS["W2p"]
    kinds.warmed(lambda: work.train(64, threads=1))

    def uses_special():
        job = job_of(work)
        return launch_of(job, lanes_for(job, 64)).blueprint.uses_special

    assert uses_special()
    with kinds.forced("general"):
        assert not uses_special()


def test_results_with_other_bits_are_found():
    ours = SimpleNamespace(loss=np.array([0.5, np.nan]), epochs=3)
    earlier.assert_same_bits(ours, {"loss": np.array([0.5, np.nan]), "epochs": 3}, "it")
    for name, other, message in (
        ("loss", np.nextafter(ours.loss, 1), "it, loss: other bits"),
        ("loss", ours.loss.astype("f4"), "float64, before float32"),
        ("loss", ours.loss[:1], "before (1,)"),
        ("epochs", 4, "it, epochs: other bits"),
    ):
        with pytest.raises(AssertionError) as caught:
            earlier.assert_same_bits(ours, {name: other}, "it")
        assert message in str(caught.value)


def test_this_very_fastnn_is_no_earlier_one():
    with pytest.raises(ValueError, match="has the very fastnn that is measured"):
        earlier.Earlier(sys.executable)


def test_a_python_without_fastnn(tmp_path):
    with pytest.raises(ValueError, match="No such file or directory"):
        earlier.Earlier(str(tmp_path / "python"))
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(ValueError, match="cannot import fastnn"):
        earlier.Earlier(str(bare))


@pytest.fixture
def another(tmp_path, monkeypatch):
    """The process of a fastnn that counts as another: this one, found at another path."""
    (tmp_path / "fastnn").symlink_to(Path(fastnn.__file__).parent)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexport PYTHONPATH={tmp_path}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    process = earlier.Earlier(str(python))
    yield process
    process.close()
    assert process.process.returncode == 0


def test_another_process_trains_the_same(another):
    assert another.about["version"] == fastnn.__version__
    net, (X, y) = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
    options = {"restarts": 5, "epochs": 20, "seed": 3, "progress": False, "threads": 1}
    init = fastnn.Uniform(-2, 2)
    task = earlier.task_of(
        net, X, y, "train_many", ("GradientDescent", {"learning_rate": 0.5}), init, **options
    )
    another.begin("it", task)
    seconds, worked, found = another.train("it", "parameters", "loss", "epochs", "status")
    ours = fastnn.train_many(net, X, y, optimizer=fastnn.GradientDescent(0.5), init=init, **options)
    earlier.assert_same_bits(ours, found, "XOR")
    assert seconds > 0
    assert worked > 0
    assert another.seconds("it") > 0
    other = fastnn.train_many(net, X, y, optimizer=fastnn.GradientDescent(0.4), init=init,
                              **options)  # fmt: skip
    with pytest.raises(AssertionError, match="XOR, parameters: other bits than before"):
        earlier.assert_same_bits(other, found, "XOR")
    another.begin("bad", {**task, "options": {**options, "epochs": -1}})
    with pytest.raises(RuntimeError, match="ValueError: epochs: expected"):
        another.train("bad", "loss")


def test_the_limit_is_the_fastest_of_many_builds(monkeypatch):
    work = WORKS["W2"]
    monkeypatch.setattr(limit, "compilers", lambda: {"/bin/g++": "g++", "/bin/clang++": "clang"})
    monkeypatch.setattr(limit, "widths", lambda: (64, 32))
    builds = list(limit.builds(work))
    assert len(set(builds)) == len(builds)
    lanes = {build.groups * build.strips * build.vector // 8 for build in builds}
    assert lanes == {8, 16, 32, 64}
    flags = {(Path(build.compiler).name, build.flags) for build in builds}
    assert {("g++", ()), ("clang++", ("-mprefer-vector-width=256",))} <= flags
    assert not any("-fschedule-insns" in f for name, f in flags if name == "clang++")
    paths = {limit.file_of(work, build) for build in builds}
    assert len(paths) == len(builds)  # a library of a loaded name would not be loaded again
    times = {build: 1.0 + n for n, build in enumerate(reversed(builds))}
    monkeypatch.setattr(limit, "made", lambda work, build: None)
    monkeypatch.setattr(limit, "program", lambda work, build, restarts: build)
    monkeypatch.setattr(limit, "seconds", lambda build, epochs: times[build])
    assert limit.fastest(work, builds) == builds[-1]


@pytest.mark.skipif(not limit.compilers(), reason="no C++ compiler")
@pytest.mark.parametrize("key", ["W2", "W2d", "W2p-float32", "W4"])
def test_every_form_of_the_limit_trains_as_fastnn_does(key, monkeypatch, tmp_path):
    """The smallest and largest builds, with restarts that fill their lanes and that do not."""
    monkeypatch.setattr(limit, "KEPT", tmp_path)
    work, restarts = WORKS[key], 131
    builds = list(limit.builds(work))
    for build in {builds[0], builds[-1], builds[len(builds) // 2]}:
        assert limit.made(work, build) is None
        sse = limit.program(work, build, restarts)(20)
        ours = fastnn.train_many(
            work.net, *work.arrays, restarts=restarts, epochs=20, init=work.init, dtype=work.dtype,
            optimizer=fastnn.GradientDescent(work.learning_rate), progress=False,
        )  # fmt: skip
        # Sums are the same but for which products are fused: some units in the last place.
        tolerance = 1e-12 if work.dtype == "float64" else 1e-5
        np.testing.assert_allclose(sse, ours.loss, rtol=tolerance, err_msg=str(build))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_peaks_compute_what_they_say(dtype):
    row = np.linspace(-6, 6, 512).astype(dtype)
    for way in peak._rows()["sigmoid"]:
        memory = row.copy()
        peak._over_a_row(way)(1, memory)
        np.testing.assert_allclose(memory, 1 / (1 + np.exp(-row)), rtol=8 * np.finfo(dtype).eps)
    (division,) = peak._rows()["division"]
    memory = row.copy()
    peak._over_a_row(division)(1, memory)
    np.testing.assert_array_equal(memory, 1 / row)
    assert peak.sigmoids_of((2, 2, 1), 4) == 12
    assert peak.multiply_adds_of((2, 2, 1), 4) == 56


@pytest.mark.slow
def test_the_whole_suite_runs():
    command = [sys.executable, "-m", "pytest", str(BENCHMARKS), "--quick", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stdout
    assert "ONLY CHECKED that everything runs" in done.stdout
