"""``fastnn bench``: its checks, output and files, with few networks; times are not tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn.cli import bench, main


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_numpy_gets_a_fair_environment():
    found = bench.fair_environment({"OPENBLAS_CORETYPE": "Haswell", "HOME": "here"})
    assert found == {"HOME": "here", **dict.fromkeys(bench.BLAS_THREADS, "1")}
    assert bench.fair_environment(found) == found


@pytest.mark.thorough
def test_bench(capsys, tmp_path):
    file = tmp_path / "bench.json"
    code, out, err = run(capsys, "bench", "--turns", 2, "--restarts", 40, "--save", file)
    assert (code, err) == (0, "")
    assert "all agree with the NumPy reference" in out
    assert "lanes busy" in out
    saved = json.loads(file.read_text())
    assert saved["machine"]["versions"]["fastnn"]
    assert set(saved["loading"]) == {"train", "train_many", "train_many, float32"}
    assert {row["task"] for row in saved["rows"]} == {task.title for task in bench.tasks(40)}
    for row in saved["rows"]:
        assert row["title"] in out
        assert 0 < row["ns"]["min"] <= row["ns"]["median"] <= row["ns"]["max"]
    assert all(0 < share <= 1 for share in saved["lanes_busy"].values())


@pytest.mark.thorough
def test_bench_times_nothing_that_computes_something_else(monkeypatch):
    task = bench.tasks(64)[0]
    assert bench._check(task) < 1e-9
    monkeypatch.setattr(bench.reference, "train", lambda *args, **settings: Wrong())
    with pytest.raises(RuntimeError, match="restart 0 ends with SSE"):
        bench._check(task)


class Wrong:
    sse = 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--turns", "0"], "--turns: expected an integer from 1"),
        (["--restarts", "0"], "--restarts: expected an integer from 1"),
        (["--save", "bench.csv"], "--save: expected a file name ending in .json"),
    ],
)
def test_errors_are_one_line(capsys, arguments, message):
    code, _, err = run(capsys, "bench", *arguments)
    assert code == 2
    assert err.startswith(f"fastnn: error: {message}")
    assert err.count("\n") == 1


def test_no_module_of_the_current_folder_is_imported(tmp_path):
    """The command begins itself anew, in an environment that is fair to NumPy."""
    here, script = tmp_path / "here", tmp_path / "bin" / "fastnn"
    for folder in (here, script.parent):
        folder.mkdir()
    script.write_text("import sys\nfrom fastnn.cli import main\nsys.exit(main())\n")
    for name in ("secrets", "statistics", "numpy", "fastnn", "sitecustomize"):
        (here / f"{name}.py").write_text("open('ran', 'w').close()\n")
    environment = {
        **os.environ, "PYTHONPATH": str(Path(fastnn.__file__).parents[1]), "OMP_NUM_THREADS": "7",
    }  # fmt: skip
    for way in ([str(script)], ["-P", "-m", "fastnn"]):
        done = subprocess.run(
            [sys.executable, *way, "bench", "--turns", "0"],
            cwd=here, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("fastnn: error: --turns: expected an integer from 1")
        assert not (here / "ran").exists()
