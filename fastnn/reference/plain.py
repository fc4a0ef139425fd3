"""The textbook's loop: full batches, the sum of squared errors, one step after another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..job.job import Job
from ..spec.activations import BY_NAME, SOFTMAX, numpy_softmax
from ..spec.network import Network


def layers_of(net: Network, parameters: np.ndarray) -> list[tuple[Any, Any, Any]]:
    """Weights, biases (or None) and activation of every layer; views of `parameters`."""
    weights, biases = net.unpack(parameters)
    no_biases: list[Any] = [None] * net.depth
    functions = [
        numpy_softmax if name == SOFTMAX else BY_NAME[name].numpy for name in net.activation
    ]
    return list(zip(weights, biases or no_biases, functions, strict=True))


def forward(layers: list[tuple[Any, Any, Any]], X: np.ndarray) -> list[np.ndarray]:
    """The outputs of every layer, the input first."""
    outputs = [X]
    for W, b, function in layers:
        z = outputs[-1] @ W
        if b is not None:
            z += b
        outputs.append(function(z))
    return outputs


def train_plainly(
    job: Job, parameters: np.ndarray, every: int
) -> tuple[np.ndarray, float, int, list[float]]:
    """Train; returns parameters, SSE, epochs, and the SSE of every `every`-th epoch."""
    X, y = job.X, job.y
    weights, biases = job.net.unpack(parameters)  # views: updating them updates `parameters`
    slopes = [BY_NAME[name].numpy_slope for name in job.net.activation]
    layers = layers_of(job.net, parameters)
    arrays = weights + biases
    numbers = dict(zip(job.setup.numbers, job.hyper[0].tolist(), strict=False))
    step = job.optimizer.numpy_step(arrays, numbers)
    target, limit = job.target, job.epochs
    last = job.net.depth - 1
    history = []
    epoch = 0
    while True:
        outputs = forward(layers, X)
        error = outputs[-1] - y
        sse = np.vdot(error, error)
        if every and epoch % every == 0:
            history.append(sse)
        if sse < target or epoch == limit or not math.isfinite(sse):
            break
        delta = 2 * error * slopes[last](outputs[-1])
        deltas = [delta]
        for layer in range(last, 0, -1):
            delta = delta @ weights[layer].T * slopes[layer - 1](outputs[layer])
            deltas.insert(0, delta)
        gradients = [a.T @ delta for a, delta in zip(outputs, deltas)]  # noqa: B905
        if biases:
            gradients += [delta.sum(axis=0) for delta in deltas]
        step(gradients, sse, epoch)
        epoch += 1
    return parameters, float(sse), epoch, history
