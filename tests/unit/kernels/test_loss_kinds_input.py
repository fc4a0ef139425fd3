"""Losses that are refused, that are equal, and that are given by name."""

import math
import re

import numpy as np
import pytest
from loss_examples import one

import fastnn
from fastnn import Asymmetric, GaussianNLL, Huber, Network, Poisson, Quantile

LINE = Network([1, 1], "identity")
ONES = np.ones((3, 1))
BAD = [
    (lambda: Quantile(0), "q: expected numbers between 0 and 1, got 0.0"),
    (lambda: Quantile([0.5, 1.0]), "q: expected numbers between 0 and 1, got 1.0"),
    (lambda: Quantile(1.5), "q: expected numbers from 0 to 1, got 1.5"),
    (lambda: Quantile("half"), "q: expected real numbers, got dtype <U4"),
    (lambda: Quantile(None), "q: expected real numbers, got dtype object"),
    (lambda: Quantile(True), "q: expected real numbers, got dtype bool"),
    (lambda: Quantile(np.nan), "q: expected finite float64 numbers, got nan"),
    (lambda: Quantile([[0.5]]), "q: expected a number or an array of shape (restarts,), got an"),
    (lambda: Quantile(smoothing=-1), "smoothing: expected numbers >= 0, got -1.0"),
    (lambda: Asymmetric(under=-1), "under: expected numbers >= 0, got -1.0"),
    (lambda: Asymmetric(1.0), "Asymmetric: expected no arguments by position, got 1"),
    (lambda: Huber(0), "delta: expected positive numbers, got 0.0"),
    (lambda: Huber([1, -1]), "delta: expected numbers >= 0, got -1.0"),
    (lambda: Huber(True), "delta: expected real numbers, got dtype bool"),
    (lambda: fastnn.train(LINE, ONES, -ONES, loss="poisson"),
     "y: expected numbers >= 0 for Poisson, got -1"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss=GaussianNLL()),
     "net: expected 2 outputs for each target with GaussianNLL, got 1 outputs"),
    (lambda: fastnn.train(Network([1, 2], "identity"), ONES, np.ones((3, 2)), loss="gaussian_nll"),
     "y: expected shape (n, 1) for Network([1, 2], activation='identity', bias=True), got (3, 2)"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss=Quantile([0.1, 0.2])),
     "Quantile(q=): expected a number or an array of shape (1,), one for each restart, got an"),
    (lambda: fastnn.train_many(LINE, ONES, ONES, restarts=3, loss=Quantile([0.1, 0.2])),
     "Quantile(q=): expected a number or an array of shape (3,), one for each restart, got an"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss=Huber(1e60), dtype="float32"),
     "Huber(delta=): expected numbers that fit float32, got 1e+60"),
    (lambda: fastnn.train_many(LINE, ONES, ONES, restarts=2, loss=Huber([1e60, 1]), dtype="f4"),
     "Huber: expected numbers that fit float32, got numbers outside its range"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss="quantil"), "loss: expected one of fastnn.SSE"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss=fastnn.Network), "loss: expected one of fastnn"),
    (lambda: fastnn.train(LINE, ONES, ONES, loss="log_cosh", optimizer="lm"),
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got LogCosh("),
    (lambda: fastnn.train(LINE, ONES, ONES, loss=Asymmetric(l2=1), optimizer="lm"),
     "loss: expected SSE or MSE without penalties with LevenbergMarquardt, got Asymmetric("),
    (lambda: grid_of(q=[0.5, 1.0]), "q: expected numbers between 0 and 1, got 1.0"),
    (lambda: grid_of(p=[0.5, 0.7]), "grid: expected axes among learning_rate"),
]  # fmt: skip


def grid_of(**axes):
    grid = fastnn.Grid(**axes)
    return fastnn.train_many(LINE, ONES, ONES, restarts=2, loss=Quantile(), grid=grid)


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(message)):
        call()


def test_losses_are_equal_by_their_numbers():
    assert Quantile([0.1, 0.2]) == Quantile(np.array([0.1, 0.2])) != Quantile([0.1, 0.3])
    assert hash(Quantile([0.1, 0.2])) == hash(Quantile([0.1, 0.2]))
    assert Quantile(0.5) == Quantile() != Huber(0.5)
    assert Poisson() != GaussianNLL()


@pytest.mark.thorough
def test_classes_and_names_stand_for_the_defaults():
    for name, kind in (("quantile", Quantile), ("log_cosh", fastnn.LogCosh), ("huber", Huber)):
        losses = {
            fastnn.train(LINE, ONES, ONES, loss=given, epochs=3).loss
            for given in (name, name.upper(), kind, kind())
        }
        assert len(losses) == 1
    assert math.isfinite(one(fastnn.train, "Quantile", 0, "none", loss=Quantile, epochs=2).loss)
