"""Estimators and the command line with losses other than squared errors."""

import pickle
import re

import numpy as np
import pytest
from conftest import bits
from sklearn.base import clone

import fastnn
from fastnn.cli import main
from fastnn.extend import formulas
from fastnn.sklearn import MLPRegressor

# Fits are cut short.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore:max_iter:sklearn.exceptions.ConvergenceWarning"),
]

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (120, 1))
WIDTH = 0.1 + 0.1 * np.abs(X[:, 0])
Y = np.sin(3 * X[:, 0]) + WIDTH * RNG.normal(size=120)
OPTIONS = {"activation": "tanh", "n_restarts": 3, "alpha": 0.0, "max_iter": 100, "tol": 1e-3}


def fitted(loss, y=Y, **options):
    return MLPRegressor((5,), loss=loss, **{**OPTIONS, **options}).fit(X, y)


def test_quantiles():
    for q in (0.1, 0.9):
        model = fitted(fastnn.Quantile(q, smoothing=0.02))
        assert abs((model.predict(X) > Y).mean() - q) < 0.05
        assert clone(model).get_params()["loss"] == fastnn.Quantile(q, smoothing=0.02)
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(bits(again.predict(X)), bits(model.predict(X)))


def test_means_and_standard_deviations():
    model = fitted("gaussian_nll")
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (120,)
    np.testing.assert_array_equal(mean, model.predict(X))
    assert np.median(std / WIDTH) == pytest.approx(1, abs=0.3)
    assert model.score(X, Y) > 0.8
    two = fitted(fastnn.GaussianNLL(), np.stack([Y, -Y], axis=1))
    assert two.predict(X).shape == two.predict(X, return_std=True)[1].shape == (120, 2)
    assert two.to_model().predict(X).shape == (120, 4)


def test_rates():
    counts = RNG.poisson(np.exp(1 + X[:, 0])).astype(float)
    model = fitted("poisson", counts, early_stopping=True)
    assert (model.predict(X) > 0).all()
    assert model.predict(X).mean() == pytest.approx(counts.mean(), rel=0.2)
    np.testing.assert_allclose(model.to_model().predict(X)[:, 0], model.predict(X), rtol=1e-12)


def test_own_losses_and_other_solvers():
    kind = fastnn.extend.loss(
        residual=lambda y, t: (y - t) / (1.0 + formulas.magnitude(t)), name="of_estimators"
    )
    try:
        for loss in ("of_estimators", kind, kind()):
            assert fitted(loss, solver="lm").score(X, Y) > 0.8
        assert fitted(kind, solver="adam", learning_rate_init=0.02).score(X, Y) > 0.5
        assert fitted(kind, alpha="auto", max_iter=30).score(X, Y) > 0.5
    finally:
        fastnn.extend.remove(kind)


def test_squares_are_squared_errors():
    expected = fitted("squared_error").predict(X)
    for loss in ("mse", "sse", fastnn.MSE, fastnn.SSE()):
        np.testing.assert_array_equal(bits(fitted(loss).predict(X)), bits(expected))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.csv"
    rows = [f"{x!r},{y!r}" for x, y in zip(X[:, 0].tolist(), Y.tolist(), strict=True)]
    path.write_text("\n".join(["x,y", *rows]) + "\n")
    return path


TRAIN = ["--target", "y", "--restarts", "10", "--epochs", "60", "--threads", "1"]


def test_command_line(table, capsys):
    model = table.with_suffix(".npz")
    chosen = ["--loss", "quantile", "--loss-number", "q=0.9", "--loss-number", "smoothing=0.05"]
    assert main(["train", str(table), *TRAIN, "--model", str(model), *chosen]) == 0
    assert "Quantile of the scaled target" in capsys.readouterr().out
    assert 0.8 < (fastnn.load(model).predict(X)[:, 0] > Y).mean() < 0.98


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["--loss", "poisson"], "--loss: expected one of sse, mse, huber, quantile, log_cosh"),
        (["--loss", "hubert"], "--loss: expected one of .*got 'hubert'.*'huber'"),
        (["--loss-number", "q=1"], "--loss-number: expected a --loss that has it, got none"),
        (["--loss", "quantile", "--loss-number", "p=1"],
         "--loss-number: expected numbers of quantile, q=…, smoothing=…, got 'p=1'"),
        (["--loss", "mse", "--loss-number", "q=1"],
         "--loss-number: expected numbers of mse, none, got 'q=1'"),
        (["--loss", "quantile", "--loss-number", "q=x"], "--loss-number: expected NAME=N"),
        (["--loss", "quantile", "--loss-number", "q=2"],
         "--loss-number: q: expected numbers from 0 to 1, got 2.0"),
        (["--loss", "huber", "--optimizer", "lm"],
         "--loss: expected another --optimizer than lm, which takes sums of squares alone"),
    ],
)  # fmt: skip
def test_bad_choices(table, chosen, message, capsys):
    assert main(["train", str(table), *TRAIN, *chosen]) != 0
    assert re.search(message, capsys.readouterr().err)


def test_classes_have_their_own_loss(tmp_path, capsys):
    path = tmp_path / "kinds.csv"
    path.write_text("x,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    assert main(["train", str(path), "--target", "kind", "--loss", "huber"]) != 0
    assert "--loss: expected a target of numbers, got one of classes" in capsys.readouterr().err
