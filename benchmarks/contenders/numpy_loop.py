"""NumPy, one network after another: the exercise's loop, the same tuned, and loops for any network.

"textbook" and "tuned" know only the 2-2-1 network without biases.  The BLAS uses as many threads
as the process has CPUs when NumPy is imported.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy_loops import textbook, tuned
from works import Work

import fastnn
from contenders import Contender, Train, missing


def exercise(loop: Callable) -> Callable[[Work, int], Train]:
    """Wrap a loop that changes W1 and W2 in place and returns the SSE before every update."""

    def prepare(work: Work, restarts: int) -> Train:
        X, y = work.arrays
        starts = [work.net.unpack(row)[0] for row in work.start(restarts)]
        rates = work.learning_rates(restarts).tolist()

        def train() -> np.ndarray:
            sse = np.empty(restarts)
            for k, (W1, W2) in enumerate(starts):
                # The SSE after the last update is that before one update more.
                sse[k] = loop(X, y, W1.copy(), W2.copy(), rates[k], work.epochs + 1)[-1]
            return sse

        return train

    return prepare


def reference(work: Work, restarts: int) -> Train:
    X, y = work.arrays
    starts = work.start(restarts)
    optimizers = [fastnn.GradientDescent(rate) for rate in work.learning_rates(restarts).tolist()]

    def train() -> np.ndarray:
        return np.array(
            [
                fastnn.reference.train(
                    work.net, X, y, optimizer=optimizer, epochs=work.epochs, init=start,
                    target_sse=work.target_sse, dtype=work.dtype, history=False,
                ).sse
                for start, optimizer in zip(starts, optimizers, strict=True)
            ]
        )  # fmt: skip

    return train


class Layer:
    """Memory and passes of one layer; `inputs` has a last column of ones for the biases."""

    def __init__(self, inputs: np.ndarray, n_out: int, activation: str, last: bool):
        n, width = inputs.shape
        dtype = inputs.dtype
        self.inputs, self.inputs_t, self.activation = inputs, inputs.T, activation
        # The biases are the last row, so that one product each does biases and weights.
        self.weights, self.gradient = (
            np.empty((width, n_out), dtype),
            np.empty((width, n_out), dtype),
        )
        # The next layer's column of ones lies behind the outputs; BLAS takes the row's length.
        self.padded = np.ones((n, n_out if last else n_out + 1), dtype)
        self.outputs = self.padded[:, :n_out]
        self.z, self.delta = np.empty((n, n_out), dtype), np.empty((n, n_out), dtype)
        self.half, self.one = dtype.type(0.5), dtype.type(1)

    def forward(self) -> None:
        z = self.z
        np.dot(self.inputs, self.weights, z)
        if self.activation == "sigmoid":
            np.negative(z, z)
            np.exp(z, z)
            np.add(z, self.one, z)
            np.reciprocal(z, self.outputs)
        elif self.activation == "tanh":
            np.tanh(z, self.outputs)
        else:
            self.outputs[...] = z

    def through_activation(self) -> None:
        """Step from the derivative by outputs to the derivative by pre-activations."""
        z, delta, outputs = self.z, self.delta, self.outputs
        if self.activation == "sigmoid":
            np.subtract(self.one, outputs, z)
            np.multiply(z, outputs, z)
            np.multiply(delta, z, delta)
        elif self.activation == "tanh":
            np.multiply(outputs, outputs, z)
            np.subtract(self.one, z, z)
            np.multiply(delta, z, delta)

    def update(self) -> None:
        np.dot(self.inputs_t, self.delta, self.gradient)
        self.weights -= self.gradient


def expert(work: Work, restarts: int) -> Train:
    """Train with all results in existing memory, and biases within the products."""
    X, y = work.arrays
    starts = work.start(restarts)
    rates = work.learning_rates(restarts)
    layers: list[Layer] = []
    inputs = np.column_stack([X, np.ones(len(X), X.dtype)])
    for n_out, activation in zip(work.net.sizes[1:], work.net.activation, strict=True):
        layers.append(Layer(inputs, n_out, activation, last=len(layers) == work.net.depth - 1))
        inputs = layers[-1].padded
    output = layers[-1]
    error = np.empty_like(y)

    def one_network(start: np.ndarray, rate: np.floating) -> float:
        for layer, W, b in zip(layers, *work.net.unpack(start), strict=True):
            layer.weights[:-1], layer.weights[-1] = W, b
        step = 2 * rate
        for _ in range(work.epochs):
            for layer in layers:
                layer.forward()
            np.subtract(output.outputs, y, error)
            np.multiply(error, step, output.delta)
            output.through_activation()
            for below, layer in zip(layers[-2::-1], layers[:0:-1], strict=True):
                np.dot(layer.delta, layer.weights[:-1].T, below.delta)
                below.through_activation()
                layer.update()
            layers[0].update()
        for layer in layers:
            layer.forward()
        np.subtract(output.outputs, y, error)
        return float(np.vdot(error, error))

    def train() -> np.ndarray:
        return np.array([one_network(*pair) for pair in zip(starts, rates, strict=True)])

    return train


CONTENDERS = [
    Contender(
        "numpy textbook", "NumPy, the exercise's loop", "peer", missing("numpy"),
        {"W1": 1, "W2": 8, "W2-float32": 8}, exercise(textbook),
    ),
    Contender(
        "numpy tuned", "NumPy, the exercise's loop tuned by hand", "peer", missing("numpy"),
        {"W1": 1, "W2": 16}, exercise(tuned),
    ),
    Contender(
        "numpy reference", "NumPy, textbook loop for any network", "peer", missing("numpy"),
        {
            "W1": 1, "W2": 8, "W2-float32": 8, "W2s": 3, "W2b": 8, "W2v": 8,
            "W3": 30, "W3-float32": 30, "W3-one": 1, "W4": 20, "W4-float32": 20, "W4-one": 1,
            "W5": 10, "W5-float32": 10, "W5-one": 1,
            "W6": 4, "W6-float32": 4, "W6-one": 1, "W6-one-float32": 1,
        },
        reference,
    ),
    Contender(
        "numpy expert", "NumPy, loop for any network tuned by hand", "peer", missing("numpy"),
        {
            "W2b": 10, "W3": 40, "W3-float32": 40, "W3-one": 1, "W4": 40, "W4-float32": 40,
            "W4-one": 1, "W5": 16, "W5-float32": 16, "W5-one": 1,
            "W6": 8, "W6-float32": 8, "W6-one": 1, "W6-one-float32": 1,
        },
        expert,
    ),
]  # fmt: skip
