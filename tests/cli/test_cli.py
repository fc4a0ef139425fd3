"""The command line: output, files, errors, and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.jit.cache import kept_files


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_xor(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "xor", "--restarts", 300)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    table = lines[lines.index("x1 x2   XOR   prediction") + 1 :][:4]
    for line, expected in zip(table, [0, 1, 1, 0], strict=True):
        assert int(line.split()[2]) == expected
        assert abs(float(line.split()[3]) - expected) < 0.2
    assert "SSE 1.043456 at the start, 0.022795 after 10,000 epochs" in out
    assert "300 random restarts until SSE < 0.04:" in out
    assert "success rate 9" in out
    assert "times as fast" in out
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["xor.png"]


def test_restarts(capsys, tmp_path):
    save, figure = tmp_path / "runs.npz", tmp_path / "runs.svg"
    code, out, err = run(
        capsys, "restarts", 500, "--epochs", 900, "--learning-rate", 2, "--low", -2, "--high", 2,
        "--seed", 5, "--target", 0.1, "--bias", "--save", save, "--figure", figure,
    )  # fmt: skip
    assert (code, err) == (0, "")
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=500, epochs=900, seed=5,
        target_sse=0.1, optimizer=fastnn.GradientDescent(2), init=fastnn.Uniform(-2, 2),
    )  # fmt: skip
    assert str(runs.summary()) in out
    with np.load(save, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["parameters"], runs.parameters)
        np.testing.assert_array_equal(saved["loss"], runs.loss)
        np.testing.assert_array_equal(saved["epochs"], runs.epochs)
        np.testing.assert_array_equal(saved["status"], runs.status)
        about = json.loads(str(saved["about"]))
    assert about["job"]["seed"] == 5
    loaded = fastnn.load(save)
    assert repr(loaded) == repr(runs)
    np.testing.assert_array_equal(loaded.restart(7).parameters, runs.parameters[7])
    assert b"<svg" in figure.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_restarts_of_other_networks(capsys):
    code, out, _ = run(
        capsys, "restarts", "2e1", "--hidden", "3,2", "--activation", "tanh", "--epochs", 5,
        "--no-target", "--dtype", "float32", "--threads", 1,
    )  # fmt: skip
    assert code == 0
    assert "Network([2, 3, 2, 1], activation='tanh', bias=False)" in out
    assert "success" not in out


def test_info(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    for word in ("fastnn ", "numba ", "processor ", "threads ", "lanes ", "cache ", "train_many "):
        assert f"\n{word}" in f"\n{out}"
    assert "warm: loaded" in out or "cold: compiled" in out
    counts = re.search(r"\nkernels +(\d+) general \([\d.]+ MiB\), (\d+) special", out).groups()
    files = kept_files(Path(re.search(r"\ncache +(.*)\n", out)[1]))
    assert sum(map(int, counts)) == len(files) > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["restarts", "0"], "restarts: expected an integer from 1"),
        (["restarts", "5", "--epochs", "-1"], "--epochs: expected an integer from 0"),
        (["restarts", "5", "--learning-rate", "nan"], "--learning-rate: expected finite"),
        (["restarts", "5", "--low", "2"], "--low, --high: expected low <= high"),
        (["restarts", "5", "--target", "-1"], "--target: expected a positive"),
        (["restarts", "5", "--save", "runs.csv"], "--save: expected a file name ending in .npz"),
        (["restarts", "5", "--save", "/nowhere/r.npz"], "--save: expected an existing folder"),
        (["restarts", "5", "--save", "a" * 252 + ".npz"], "--save: expected a file name of up to"),
        (["restarts", "5", "--save", "/dev/null/r.npz"], "--save: expected an existing folder"),
        (
            ["restarts", "5", "--keep", "some"],
            "--keep: expected 'all', 'parameters', 'outcomes'",
        ),
        (["xor", "--restarts", "0"], "--restarts: expected an integer from 1"),
        (["restarts", "5", "--figure", "runs"], "--figure: expected a file name ending in"),
        (["xor", "--figure", "/nowhere/xor.png"], "--figure: expected an existing folder"),
        (["xor", "--epochs", "-3"], "--epochs: expected an integer from 1"),
    ],
)
def test_errors_are_one_line(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert err.startswith(f"fastnn: error: {message}")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


def test_a_full_disk_is_one_line_and_leaves_nothing(capsys, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    file = tmp_path / "runs.npz"
    file.write_bytes(b"older results")
    monkeypatch.setattr(np, "savez", full)
    code, _, err = run(capsys, "restarts", 5, "--epochs", 1, "--save", file)
    assert code == 1
    assert err == f"fastnn: error: cannot write {file}: No space left on device\n"
    assert file.read_bytes() == b"older results"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["xor", "--epochs", "many"],
        ["restarts", "1.5"],
        ["restarts", "5", "--hidden", "3,x"],
        ["restarts", "5", "--activation", "step"],
        ["restarts", "5", "--dtype", "int"],
        ["restarts", "5", "--no-target", "--target", "0.1"],
    ],
)
def test_usage_errors(arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


@pytest.mark.parametrize("arguments", [[], ["xor"], ["restarts"], ["export"], ["info"]])
def test_help(capsys, arguments):
    with pytest.raises(SystemExit) as error:
        main([*arguments, "--help"])
    assert error.value.code == 0
    assert capsys.readouterr().out.startswith("usage: fastnn")


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"fastnn {fastnn.__version__}\n"


def test_a_reader_that_leaves_still_gets_the_files(tmp_path):
    file = tmp_path / "runs.npz"
    command = (
        f"{sys.executable} -m fastnn restarts 100 --save {file} | true; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.returncode in (0, 141)
    assert file.exists()


@pytest.mark.parametrize("arguments", ["restarts 64", "info"])
def test_without_standard_output(arguments):
    command = f"{sys.executable} -m fastnn {arguments} >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_link_is_followed(capsys, tmp_path):
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    real.write_bytes(b"")
    link.symlink_to(real)
    assert run(capsys, "restarts", 5, "--epochs", 1, "--save", link)[0] == 0
    assert link.is_symlink()
    assert np.load(real)["loss"].shape == (5,)


def test_without_compilation_it_says_so():
    command = f"NUMBA_DISABLE_JIT=1 {sys.executable} -m fastnn restarts 5"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("fastnn: error: fastnn's kernels run only when compiled")
    assert done.stderr.count("\n") == 1
