"""Intervals of predictions, and models of logarithms: in Python, in files and in exports."""

import json
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest
from export_examples import COMPILER, WARNINGS
from hypothesis import given, settings
from hypothesis import strategies as st

import fastnn
from fastnn.cli.calibration import HeldOutErrors
from fastnn.export import from_json, to_c, to_json, to_onnx, to_sklearn, to_torch

RNG = np.random.default_rng(4)
NET = fastnn.Network([3, 4, 1], ["tanh", "identity"])
WEIGHTS = RNG.normal(size=(1, NET.n_parameters))
X = RNG.normal(size=(50, 3))


def model(log=False, members=1, **more):
    outputs = fastnn.Scaling([1.5], [0.7], log=log)
    inputs = fastnn.Scaling.of(X)
    return fastnn.Model(
        NET, WEIGHTS.repeat(members, axis=0), inputs=inputs, outputs=outputs, **more
    )


def noisy(log, rows, seed):
    random = np.random.default_rng(seed)
    given = random.normal(size=(rows, 3))
    outputs = model().evaluate(given) + random.standard_t(3, size=(rows, 1))
    return given, np.exp(outputs) if log else outputs


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("members", [1, 3])
def test_bounds_hold_the_share_that_was_asked_for(log, members):
    """On average over calibrations; each alone varies by a few percent."""
    held = []
    for seed in range(40):
        calibrated = model(log, members).calibrated(*noisy(log, 100, seed))
        given, true = noisy(log, 200, 1000 + seed)
        low, high = calibrated.predict(given, interval=0.9)
        held.append(np.mean((low <= true) & (true <= high)))
        assert (low <= calibrated.predict(given)).all()
        assert (calibrated.predict(given) <= high).all()
    assert abs(np.mean(held) - 0.9) < 0.02  # 40 * 200 values


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_the_residual_of_the_stated_rank(rows, interval):
    residuals = RNG.permutation(np.arange(1.0, rows + 1))[:, np.newaxis]
    known = fastnn.Model(NET, WEIGHTS, residuals=residuals)
    rank = np.ceil((rows + 1) * interval - 1e-9)
    if rank > rows:
        with pytest.raises(ValueError, match=rf"interval: .* knows its errors on {rows} rows only"):
            known.predict(X, interval=interval)
        return
    low, high = known.predict(X, interval=interval)
    np.testing.assert_allclose((high - low) / 2, rank, rtol=1e-12)


def test_nine_rows_are_enough_for_nine_tenths():
    known = fastnn.Model(NET, WEIGHTS, residuals=np.arange(9.0)[:, np.newaxis])
    low, high = known.predict(X, interval=0.9)
    np.testing.assert_allclose(high - low, 16)


CLASSES = fastnn.Model(fastnn.Network([3, 1]), np.zeros(4), classes=["a", "b"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: model().predict(X, interval=0.9), "interval: .* use model.calibrated"),
        (lambda: model(residuals=[[1.0]]).predict(X, interval=1.0), "a share between 0 and 1"),
        (lambda: model(residuals=[[1.0]]).predict(X, interval=0.0), "a share between 0 and 1"),
        (lambda: model(residuals=[[1.0]]).predict(X, interval=np.nan), "a share between 0 and 1"),
        (lambda: model(residuals=[[1.0]]).predict(X, interval="90%"), "interval: expected a share"),
        (lambda: model(residuals=[[1.0]]).predict(X, interval=True), "interval: expected a share"),
        (lambda: CLASSES.predict(X, interval=0.9), "interval: expected a regression model"),
        (lambda: CLASSES.calibrated(X, X), "calibrated: expected a regression model"),
        (lambda: model().calibrated(X, X), r"y: expected shape \(50, 1\), got \(50, 3\)"),
        (lambda: model(True).calibrated(X, -np.ones(50)), "values: expected positive numbers"),
        (lambda: model(residuals=[1.0]), r"residuals: .* shape \(rows, 1\), got shape \(1,\)"),
        (lambda: model(residuals=[[-1.0]]), "residuals: expected absolute values, got -1.0"),
        (lambda: model(residuals=[[np.inf]]), "residuals: expected finite"),
        (lambda: fastnn.Scaling.of([[1.0], [0.0]], log=True), "columns: expected positive numbers"),
        (lambda: fastnn.Scaling([0], [1], log=1), "log: expected True or False, got 1"),
        (
            lambda: fastnn.Model(NET, WEIGHTS, inputs=fastnn.Scaling([0] * 3, [1] * 3, log=True)),
            "inputs: expected a scaling without log",
        ),
        (lambda: to_sklearn(model(True), fold=True), "expected outputs that are not logarithms"),
        (lambda: to_torch(model(True)), "model: expected outputs that are not logarithms"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_logarithms_are_scaled_and_undone():
    values = np.exp(RNG.normal(3, 2, (200, 2)))
    scaling = fastnn.Scaling.of(values, log=True)
    seen = scaling.apply(values)
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(scaling.undo(seen), values, rtol=1e-12)
    assert scaling.undo(np.full((1, 2), 1e6))[0].tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("log", [False, True])
def test_files_keep_them(log, tmp_path):
    known = model(log).calibrated(*noisy(log, 20, 0))
    known.save(tmp_path / "m.npz")
    again = fastnn.load(tmp_path / "m.npz")
    assert again.outputs.log is log
    for one, other in zip(
        known.predict(X, interval=0.5), again.predict(X, interval=0.5), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    model(log).save(tmp_path / "m.npz")
    assert fastnn.load(tmp_path / "m.npz").residuals is None


def test_exports_undo_logarithms(tmp_path):
    known, expected = model(True), model(True).evaluate(X)
    text = to_json(known)
    np.testing.assert_array_equal(from_json(text).evaluate(X), expected)
    assert "mean" not in json.loads(text)["outputs"]  # readers that know no logarithms miss it
    to_onnx(known, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    np.testing.assert_allclose(session.run(["outputs"], {"X": X})[0], expected, rtol=1e-12)
    if COMPILER is None:
        pytest.skip("no C compiler")
    to_c(known, tmp_path / "m.h", "model")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "m.h"\nint main(void) {\n    double x[3], y[1];\n'
        '    while (scanf("%lf %lf %lf", &x[0], &x[1], &x[2]) == 3) {\n'
        '        model_predict(x, y);\n        printf("%.17g\\n", y[0]);\n    }\n    return 0;\n}\n'
    )
    flags = [*WARNINGS, "-Wno-unused-function", "-Wno-unused-variable"]
    program = tmp_path / "program"
    command = [COMPILER, "-std=c99", *flags, tmp_path / "main.c", "-o", program, "-lm"]
    subprocess.run(command, check=True, timeout=60)
    numbers = " ".join(map(repr, X.ravel().tolist()))
    done = subprocess.run(
        [program], input=numbers, capture_output=True, text=True, check=True, timeout=60
    )
    np.testing.assert_allclose(np.array(done.stdout.split(), float), expected[:, 0], rtol=1e-12)
    shutil.rmtree(tmp_path)


def test_errors_are_those_of_networks_that_other_rows_chose():
    net = fastnn.Network([1, 1], "identity", bias=False)
    y = np.zeros((20, 1))
    given = np.zeros((20, 20))
    np.fill_diagonal(given, 1.0)
    parameters = RNG.normal(size=(30, 20))
    net = fastnn.Network([20, 1], "identity", bias=False)
    held = HeldOutErrors(given, y)
    held.add(net, parameters[:17])
    held.add(net, parameters[17:])
    errors = np.abs(parameters)
    for row in range(20):
        others = np.arange(20) % 10 != row % 10
        chosen = np.argmin((errors[:, others] ** 2).sum(axis=1))
        assert held.found()[row, 0] == pytest.approx(errors[chosen, row])
    assert HeldOutErrors(given[:1], y[:1]).found() is None
    empty = HeldOutErrors(given, y)
    empty.add(net, parameters[:0])
    assert empty.found() is None
