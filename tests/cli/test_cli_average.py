"""`fastnn train --average`: the model is the average of the best restarts."""

import numpy as np
import pytest

import fastnn
from fastnn.cli import main


@pytest.fixture
def table(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    rows = "\n".join(f"{a},{b},{a * b + c}" for (a, b), c in zip(x, x[::-1, 0], strict=True))
    path = tmp_path / "table.csv"
    path.write_text(f"a,b,y\n{rows}\n")
    return path


def train(table, capsys, *options):
    arguments = ["--target", "y", "--restarts", "12", "--epochs", "20", "--threads", "1"]
    assert main(["train", str(table), *arguments, *options]) == 0
    return capsys.readouterr().out, fastnn.load(table.with_suffix(".npz"))


def test_the_model_is_the_average_of_the_best(table, capsys):
    told, ten = train(table, capsys)
    assert "\naverage of the 10 best restarts; the best: restart " in told
    assert ten.parameters.shape == (10, 41)
    told, one = train(table, capsys, "--average", "1")
    assert "\nrestart " in told
    np.testing.assert_array_equal(one.parameters, ten.parameters[:1])
    _, all_of_them = train(table, capsys, "--average", "50")
    assert all_of_them.parameters.shape == (12, 41)
    np.testing.assert_array_equal(all_of_them.parameters[:10], ten.parameters)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "all"])
def test_other_numbers_are_refused(table, capsys, value):
    try:
        code = main(["train", str(table), "--target", "y", "--average", value])
    except SystemExit as error:  # from the parser
        code = error.code
    assert code != 0
    assert "--average: expected" in capsys.readouterr().err
    assert not table.with_suffix(".npz").exists()
