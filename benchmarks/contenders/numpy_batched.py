"""NumPy batched over restarts: `matmul` on (R, …) as its users write it, and restarts last."""

from __future__ import annotations

import numpy as np
from works import Work

from contenders import Contender, Train, missing

FUNCTIONS = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "identity": (lambda z: z, lambda a: 1),
}


def stacked(work: Work, restarts: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights (restarts, n_in, n_out) and biases (restarts, 1, n_out), if any, of each layer."""
    rows = [work.net.unpack(row) for row in work.start(restarts)]
    weights = [np.stack(stack) for stack in zip(*(W for W, _ in rows), strict=True)]
    biases = [np.stack(stack)[:, None] for stack in zip(*(b for _, b in rows if b), strict=True)]
    return weights, biases


def matmul(work: Work, restarts: int) -> Train:
    X, y = work.arrays
    start_weights, start_biases = stacked(work, restarts)
    rate = work.learning_rates(restarts)[:, None, None]
    functions = [FUNCTIONS[name] for name in work.net.activation]
    last = work.net.depth - 1

    def forward(weights, biases):
        outputs = [X]
        for layer, W in enumerate(weights):
            z = outputs[-1] @ W
            if biases:
                z = z + biases[layer]
            outputs.append(functions[layer][0](z))
        return outputs

    def train() -> np.ndarray:
        weights = [W.copy() for W in start_weights]
        biases = [b.copy() for b in start_biases]
        for _ in range(work.epochs):
            outputs = forward(weights, biases)
            delta = 2 * (outputs[-1] - y) * functions[last][1](outputs[-1])
            for layer in range(last, -1, -1):
                gradient = outputs[layer].swapaxes(-1, -2) @ delta
                if biases:
                    biases[layer] -= rate * delta.sum(axis=1, keepdims=True)
                if layer:
                    slope = functions[layer - 1][1](outputs[layer])
                    delta = delta @ weights[layer].swapaxes(-1, -2) * slope
                weights[layer] -= rate * gradient
        return ((forward(weights, biases)[-1] - y) ** 2).sum(axis=(1, 2)).astype(np.float64)

    return train


class Layer:
    """Memory and passes of a layer for C networks; arrays (samples, units, C)."""

    def __init__(self, W: np.ndarray, b: np.ndarray | None, n: int, activation: str, below):
        self.W, self.b, self.below, self.activation = W, b, below, activation
        n_in, n_out, C = W.shape
        self.outputs, self.delta, self.term = (np.empty((n, n_out, C), W.dtype) for _ in range(3))
        self.gradient, self.gradient_term = np.empty_like(W), np.empty_like(W)
        if not isinstance(below, Layer):  # one product of matrices does all networks
            self.flat_W, self.flat_gradient = (a.reshape(n_in, -1) for a in (W, self.gradient))
            self.flat_outputs, self.flat_delta = (
                a.reshape(n, -1) for a in (self.outputs, self.delta)
            )

    def forward(self) -> None:
        out, term = self.outputs, self.term
        if isinstance(self.below, Layer):
            a = self.below.outputs
            np.multiply(a[:, 0, None], self.W[0], out)
            for i in range(1, len(self.W)):
                np.multiply(a[:, i, None], self.W[i], term)
                np.add(out, term, out)
        else:
            np.dot(self.below, self.flat_W, self.flat_outputs)
        if self.b is not None:
            np.add(out, self.b, out)
        if self.activation == "sigmoid":
            np.negative(out, out)
            np.exp(out, out)
            np.add(out, 1, out)
            np.reciprocal(out, out)
        elif self.activation == "tanh":
            np.tanh(out, out)

    def through_activation(self) -> None:
        term, a = self.term, self.outputs
        if self.activation == "sigmoid":
            np.multiply(self.delta, a, self.delta)
            np.subtract(1, a, term)
            np.multiply(self.delta, term, self.delta)
        elif self.activation == "tanh":
            np.multiply(a, a, term)
            np.subtract(1, term, term)
            np.multiply(self.delta, term, self.delta)

    def backward(self) -> None:
        """Compute the delta below, the gradient and the update."""
        delta, gradient = self.delta, self.gradient
        if isinstance(self.below, Layer):
            below = self.below
            np.multiply(delta[:, 0, None], self.W[:, 0], below.delta)
            for j in range(1, self.W.shape[1]):
                np.multiply(delta[:, j, None], self.W[:, j], below.term)
                np.add(below.delta, below.term, below.delta)
            below.through_activation()
            if len(delta) <= len(self.W):
                np.multiply(below.outputs[0, :, None], delta[0], gradient)
                for n in range(1, len(delta)):
                    np.multiply(below.outputs[n, :, None], delta[n], self.gradient_term)
                    np.add(gradient, self.gradient_term, gradient)
            else:
                for i in range(len(self.W)):
                    np.multiply(below.outputs[:, i, None], delta, self.term)
                    np.add.reduce(self.term, 0, out=gradient[i])
        else:
            np.dot(self.below.T, self.flat_delta, self.flat_gradient)
        np.subtract(self.W, gradient, self.W)
        if self.b is not None:
            np.subtract(self.b, np.add.reduce(delta, 0), self.b)


def restarts_last(work: Work, restarts: int) -> Train:
    """Train chunks that fit the cache, with all results in existing memory."""
    X, y = work.arrays
    weights, biases = stacked(work, restarts)
    W_last = [np.moveaxis(W, 0, -1) for W in weights]
    b_last = [np.moveaxis(b[:, 0], 0, -1) for b in biases] or [None] * len(weights)
    steps = 2 * work.learning_rates(restarts)
    size = CHUNK[work.key]
    y = y[:, :, None]

    def chunk(part: slice) -> np.ndarray:
        layers: list[Layer] = []
        for W, b, activation in zip(W_last, b_last, work.net.activation, strict=True):
            own = (W[..., part].copy(), None if b is None else b[..., part].copy())
            layers.append(Layer(*own, len(X), activation, layers[-1] if layers else X))
        output, step = layers[-1], steps[part]
        for _ in range(work.epochs):
            for layer in layers:
                layer.forward()
            np.subtract(output.outputs, y, output.delta)
            np.multiply(output.delta, step, output.delta)
            output.through_activation()
            for layer in reversed(layers):
                layer.backward()
        for layer in layers:
            layer.forward()
        return ((output.outputs - y) ** 2).sum((0, 1))

    def train() -> np.ndarray:
        parts = [slice(first, first + size) for first in range(0, restarts, size)]
        return np.concatenate([chunk(part) for part in parts]).astype(np.float64)

    return train


def matmul_in_place(work: Work, restarts: int) -> Train:
    """Train with arrays (C, units, samples): the first layer is one product for C networks."""
    X, y = work.arrays
    start_weights, start_biases = stacked(work, restarts)
    steps = 2 * work.learning_rates(restarts)[:, None, None]
    size = MATMUL_CHUNK.get(work.key, 1)
    X_last, y_last = np.ascontiguousarray(X.T), np.ascontiguousarray(y.T)
    last = work.net.depth - 1
    one = X.dtype.type(1)
    outputs, deltas, terms = (
        [np.empty((size, n, len(X)), X.dtype) for n in work.net.sizes[1:]] for _ in range(3)
    )

    def forward(weights, biases):
        for layer, (W, out) in enumerate(zip(weights, outputs, strict=True)):
            if layer == 0:
                np.dot(W.reshape(-1, len(X_last)), X_last, out.reshape(-1, len(X)))
            else:
                np.matmul(W, outputs[layer - 1], out)
            if biases:
                np.add(out, biases[layer], out)
            if work.net.activation[layer] == "sigmoid":
                np.negative(out, out)
                np.exp(out, out)
                np.add(out, one, out)
                np.reciprocal(out, out)
            elif work.net.activation[layer] == "tanh":
                np.tanh(out, out)

    def through_activation(layer):
        a, delta, term = outputs[layer], deltas[layer], terms[layer]
        if work.net.activation[layer] == "sigmoid":
            np.multiply(delta, a, delta)
            np.subtract(one, a, term)
            np.multiply(delta, term, delta)
        elif work.net.activation[layer] == "tanh":
            np.multiply(a, a, term)
            np.subtract(one, term, term)
            np.multiply(delta, term, delta)

    def chunk(part: slice) -> np.ndarray:
        weights = [W[part].swapaxes(1, 2).copy() for W in start_weights]
        biases = [b[part].swapaxes(1, 2).copy() for b in start_biases]
        for _ in range(work.epochs):
            forward(weights, biases)
            np.subtract(outputs[-1], y_last, deltas[-1])
            np.multiply(deltas[-1], steps[part], deltas[-1])
            for layer in range(last, -1, -1):
                W, delta = weights[layer], deltas[layer]
                through_activation(layer)
                if layer:
                    np.matmul(W.swapaxes(1, 2), delta, deltas[layer - 1])
                    W -= delta @ outputs[layer - 1].swapaxes(1, 2)
                else:
                    W -= np.dot(delta.reshape(-1, len(X)), X).reshape(W.shape)
                if biases:
                    biases[layer] -= np.add.reduce(delta, 2, keepdims=True)
        forward(weights, biases)
        return ((outputs[-1] - y_last) ** 2).sum((1, 2))

    def train() -> np.ndarray:
        parts = [slice(first, first + size) for first in range(0, restarts, size)]
        return np.concatenate([chunk(part) for part in parts]).astype(np.float64)

    return train


MATMUL_CHUNK = {
    "W3": 200, "W3-float32": 200, "W4": 64, "W4-float32": 64, "W5": 4, "W5-float32": 4,
}  # fmt: skip
"""Restarts that the loop with products of matrices in place keeps in the cache together."""

CHUNK = {
    "W2": 4096, "W2-float32": 8192, "W2b": 4096, "W3": 256, "W3-float32": 512,
}  # fmt: skip
"""Restarts that the loop with restarts last keeps in the cache together."""

CONTENDERS = [
    Contender(
        "numpy matmul", "NumPy, matmul batched over restarts", "peer", missing("numpy"),
        {
            "W2": 2000, "W2-float32": 2000, "W2b": 1000, "W3": 100, "W3-float32": 100, "W4": 50,
            "W4-float32": 50, "W5": 2, "W5-float32": 2, "W6": 2, "W6-float32": 2,
        },
        matmul,
    ),
    Contender(
        "numpy last axis", "NumPy, restarts on the last axis, in place", "peer", missing("numpy"),
        {"W2": 8192, "W2-float32": 8192, "W2b": 4096, "W3": 512, "W3-float32": 1024},
        restarts_last,
    ),
    Contender(
        "numpy in place", "NumPy, matmul batched over restarts, in place", "peer", missing("numpy"),
        {
            "W3": 400, "W3-float32": 400, "W3-one": 1, "W4": 64, "W4-float32": 64, "W4-one": 1,
            "W5": 8, "W5-float32": 8, "W5-one": 1,
            "W6": 4, "W6-float32": 4, "W6-one": 1, "W6-one-float32": 1,
        },
        matmul_in_place,
    ),
]  # fmt: skip
