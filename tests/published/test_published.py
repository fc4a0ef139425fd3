"""Published results: a trace digit by digit, and statistics within their sampling error."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import fastnn

EXAMPLES = Path(fastnn.__file__).parent.parent / "examples"

# Largest and mean error after each epoch of a 2-2-1 network with bias inputs of -1, all weights
# 0.6, learning rate 0.1 for half the SSE, weights updated after every pattern in the order 00, 01,
# 10, 11: question 2359571 of Stack Overflow.
TRACE = [
    (0.5435466682137927, 0.4999991292217466),
    (0.5435080531724404, 0.4999982558452263),
    (0.5434701135827593, 0.4999973799942081),
    (0.5434328258833577, 0.49999650178769495),
]


@pytest.mark.parametrize("train", [fastnn.train, fastnn.reference.train], ids=["kernel", "numpy"])
def test_a_trace_of_updates_after_every_pattern(train):
    X, y = fastnn.datasets.xor()
    net = fastnn.Network([2, 2, 1])
    # A bias of -0.6 on an input of 1 is a weight of 0.6 on an input of -1.
    start = ([np.full((2, 2), 0.6), np.full((2, 1), 0.6)], [np.full(2, -0.6), np.full(1, -0.6)])
    for epochs, (largest, mean) in enumerate(TRACE, start=1):
        run = train(
            net, X, y, init=start, epochs=epochs, batch_size=1,
            optimizer=fastnn.GradientDescent(0.05),
        )  # fmt: skip
        errors = np.abs(run.predict(X) - y)
        assert errors.max() == pytest.approx(largest, abs=1e-14)
        assert errors.mean() == pytest.approx(mean, abs=1e-14)
        if epochs == 1:
            (hidden, output), (hidden_bias, output_bias) = run.weights, run.biases
            np.testing.assert_allclose(-hidden_bias, 0.599691, atol=5e-7)
            np.testing.assert_allclose(hidden[0], 0.599987, atol=5e-7)
            np.testing.assert_allclose(hidden[1], 0.599985, atol=5e-7)
            np.testing.assert_allclose(-output_bias, 0.599864, atol=5e-7)
            np.testing.assert_allclose(output, 0.599712, atol=5e-7)


def test_many_restarts_have_the_same_trace():
    X, y = fastnn.datasets.xor()
    start = [0.6, 0.6, 0.6, 0.6, -0.6, -0.6, 0.6, 0.6, -0.6]
    runs = fastnn.train_many(
        fastnn.Network([2, 2, 1]), X, y, restarts=20, init=np.array(start), epochs=4, batch_size=1,
        optimizer=fastnn.GradientDescent(0.05),
    )  # fmt: skip
    errors = np.abs(runs.predict(X, "all") - y)
    np.testing.assert_allclose(errors.max(axis=(1, 2)), TRACE[-1][0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_hamey_1991(seed):
    example = runpy.run_path(str(EXAMPLES / "hamey_1991.py"))
    found = example["measures"](example["train"](seed))
    for name, (_, (low, high)) in example["PUBLISHED"].items():
        assert low <= found[name] <= high, name
