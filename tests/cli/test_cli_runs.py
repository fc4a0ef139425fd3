"""Run directories on the command line."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from test_cli import run

import fastnn

LEARN = ("--optimizer", "levenberg-marquardt", "--bias", "--low", -1, "--epochs", 30)


def test_out_and_resume(capsys, folder):
    code, out, err = run(capsys, "restarts", 500, *LEARN, "--out", folder, "--keep", "outcomes")
    assert (code, err) == (0, "")
    assert f"500 of 500 restarts are in {folder}" in out
    code, out, err = run(
        capsys, "restarts", "1e3", *LEARN, "--out", folder, "--resume", "--figure",
        folder.parent / "runs.png",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert f"1,000 of 1,000 restarts are in {folder}" in out
    assert (folder.parent / "runs.png").read_bytes().startswith(b"\x89PNG")
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), *fastnn.datasets.xor(), restarts=1000, epochs=30,
        optimizer=fastnn.LevenbergMarquardt(), target_sse=0.04,
    )  # fmt: skip
    np.testing.assert_array_equal(fastnn.open_run(folder).loss, runs.loss)
    assert str(fastnn.open_run(folder).statistics) in out
    code, out, err = run(capsys, "restarts", *LEARN, "--out", folder, "--resume")
    assert (code, err) == (0, "")
    assert f"1,000 of 1,000 restarts are in {folder}" in out


def test_info_of_a_folder(capsys, folder):
    run(capsys, "restarts", 300, *LEARN, "--out", folder, "--keep", "best=7")
    code, out, err = run(capsys, "info", folder)
    assert (code, err) == (0, "")
    for line in (
        "network     Network([2, 2, 1], activation='sigmoid', bias=True)",
        "until       loss < 0.04",
        "keeps       Best(7)",
        "there       300 of 300 restarts",
        "restarts     300",
    ):
        assert f"\n{line}\n" in f"\n{out}"
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.04", "0.05"))
    code, out, err = run(capsys, "info", folder)
    assert (code, out) == (2, "")
    assert "manifest.json: its text does not match its digest" in err
    code, out, err = run(capsys, "info", folder.parent)
    assert (code, out) == (1, "")
    assert "expected a folder that train_many(…, out=) wrote" in err
    code, out, err = run(capsys, "info", folder.parent / "model.npz")
    assert (code, out) == (2, "")
    assert f"got {folder.parent / 'model.npz'}, which does not exist; fastnn train saves" in err


@pytest.mark.parametrize("keep", ["statistics", "best=3"])
def test_what_is_not_kept_by_row(capsys, tmp_path, keep):
    save, figure = tmp_path / "runs.npz", tmp_path / "runs.pdf"
    code, out, err = run(
        capsys, "restarts", 300, *LEARN, "--keep", keep, "--save", save, "--figure", figure
    )
    assert (code, err) == (0, "")
    assert "restarts     300\n" in out
    assert "minima: loss 0.5" in out
    loaded = fastnn.load(save)
    statistics = loaded if keep == "statistics" else loaded.statistics
    assert statistics.restarts == 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "{}", "--save", "x.npz"], "--save: not available with --out"),
        (["--resume"], "resume: expected a folder out= to resume"),
        (["--out", "{}/file"], "out: expected a folder, got the file"),
        (["--out", "{}"], "out: expected a new or an empty folder"),
        (["--time-limit", "0"], "--time-limit: expected a positive number"),
        (["--keep", "best=0"], "n: expected an integer from 1"),
        (["--keep", "best"], "keep: expected 'all'"),
    ],
)
def test_bad_arguments(capsys, tmp_path, arguments, message):
    (tmp_path / "file").write_text("")
    arguments = [argument.format(tmp_path) for argument in arguments]
    try:
        code, out, err = run(capsys, "restarts", 10, *arguments)
    except SystemExit as exit_of_the_parser:
        code, (out, err) = exit_of_the_parser.code, capsys.readouterr()
    assert (code, out) == (2, "")
    assert message in err


def test_a_time_limit(capsys, folder):
    code, out, err = run(
        capsys, "restarts", "1e9", *LEARN, "--out", folder, "--keep", "statistics",
        "--time-limit", 0.5,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert f"of 1,000,000,000 restarts are in {folder}" in out
    assert len(fastnn.open_run(folder)) < 10**9


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_ctrl_c_keeps_what_had_ended(folder):
    arguments = ["restarts", "1e9", *map(str, LEARN), "--out", folder, "--keep", "statistics"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fastnn", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(folder.glob("shards/0*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert err.startswith("fastnn: interrupted after ")
    assert err.count("\n") == 1
    stored = fastnn.open_run(folder)
    assert len(stored) == stored.statistics.restarts > 0
    assert f"{len(stored):,} of 1,000,000,000 restarts are in {folder}" in out
