"""The objective in NumPy: loss, gradient, residuals and Jacobian at given parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..job.job import Job
from ..spec.activations import BY_NAME, SOFTMAX, numpy_softmax
from ..spec.losses import Penalized
from . import losses


class Problem:
    """The loss of one restart of `job`, as a function of its parameters."""

    def __init__(self, job: Job, start: np.ndarray) -> None:
        self.job = job
        self.pull = start.copy() if job.loss.pulls_to_start else np.zeros_like(start)
        self.net = job.net
        self.loss: Penalized = job.loss
        self.numbers: list[float] = job.hyper[0, len(job.setup.numbers) :].tolist()
        self.penalties = job.loss.penalties(job.net, job.dtype)
        n = len(job.X)
        if job.weighting is None:
            self.weights = np.ones(n, dtype=job.dtype)
        elif isinstance(job.weighting, np.ndarray):
            self.weights = job.weighting[0]
        else:
            self.weights = job.weighting.numpy_weights(job.seed, job.first, n)

    def _layers(self, parameters: np.ndarray, X: np.ndarray) -> tuple[list[Any], list[Any]]:
        """The outputs of every layer, the input first, and the inputs of the activations."""
        weights, biases = self.net.unpack(parameters)
        outputs, inputs = [X], []
        for layer, W in enumerate(weights):
            z = outputs[-1] @ W
            if biases:
                z = z + biases[layer]
            inputs.append(z)
            name = self.net.activation[layer]
            function = numpy_softmax if name == SOFTMAX else BY_NAME[name].numpy
            outputs.append(function(z))
        return outputs, inputs

    def outputs(self, parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
        """The network's outputs."""
        return self._layers(parameters, X)[0][-1]

    def errors(self, parameters: np.ndarray) -> np.ndarray:
        """The differences of predictions and targets, without other outputs."""
        y = self.job.y
        return self.outputs(parameters, self.job.X)[:, : y.shape[1]] - y

    def _slope(self, layer: int, outputs: list[Any], inputs: list[Any]) -> Any:
        name = self.net.activation[layer]
        if name == SOFTMAX:
            return 1
        activation = BY_NAME[name]
        of = inputs[layer] if activation.of_input else outputs[layer + 1]
        return activation.numpy_slope(of) + self.job.setup.slope_offset

    def _backward(
        self, parameters: np.ndarray, outputs: list[Any], inputs: list[Any], delta: np.ndarray
    ) -> list[np.ndarray]:
        """The deltas of all layers, given the last one's."""
        weights, _ = self.net.unpack(parameters)
        deltas = [delta]
        for layer in range(self.net.depth - 1, 0, -1):
            delta = delta @ weights[layer].T * self._slope(layer - 1, outputs, inputs)
            deltas.insert(0, delta)
        return deltas

    def data_loss(
        self, parameters: np.ndarray, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None
    ) -> float:
        """The loss on some data, without penalties."""
        outputs, inputs = self._layers(parameters, X)
        terms = losses.terms(self.loss.formula, self.numbers, inputs[-1], outputs[-1], y)
        if weights is not None:
            terms = terms * weights[:, np.newaxis]
        return float(self.loss.factor(*y.shape) * terms.sum())

    def loss_and_gradients(
        self, parameters: np.ndarray, rows: Any = slice(None)
    ) -> tuple[float, list[np.ndarray]]:
        """The loss on some rows of the data, and its gradients: weights, then biases."""
        X, y, w = self.job.X[rows], self.job.y[rows], self.weights[rows, np.newaxis]
        outputs, inputs = self._layers(parameters, X)
        factor = self.loss.factor(*y.shape)
        terms = losses.terms(self.loss.formula, self.numbers, inputs[-1], outputs[-1], y)
        loss = factor * (w * terms).sum()
        slope = self._slope(self.net.depth - 1, outputs, inputs)
        formula = self.job.loss_formula  # the derivative may be Fahlman's
        delta = factor * w * losses.delta(formula, self.numbers, outputs[-1], y, slope)
        deltas = self._backward(parameters, outputs, inputs, delta)
        gradients = [a.T @ d for a, d in zip(outputs, deltas, strict=False)]
        if self.net.bias:
            gradients += [d.sum(axis=0) for d in deltas]
        if self.penalties is not None:
            squares, magnitudes = self.penalties
            distances = parameters - self.pull
            loss += (squares * distances**2 + magnitudes * np.abs(parameters)).sum()
            slopes = 2 * squares * distances + magnitudes * np.sign(parameters)
            by_weights, by_biases = self.net.unpack(slopes)
            pairs = zip(gradients, by_weights + by_biases, strict=True)
            gradients = [gradient + more for gradient, more in pairs]
        return float(loss), gradients

    def residuals_and_jacobian(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The residuals (n * n_out,), whose squares sum to the loss, and their Jacobian."""
        X, y = self.job.X, self.job.y
        outputs, inputs = self._layers(parameters, X)
        root = np.sqrt(self.loss.factor(*y.shape) * self.weights)
        own, own_slope = losses.residual(self.loss.formula, self.numbers, outputs[-1], y)
        residuals = root[:, np.newaxis] * own
        n, n_out = y.shape
        jacobian = np.empty((n, n_out, self.net.n_parameters), dtype=parameters.dtype)
        slope = own_slope * self._slope(self.net.depth - 1, outputs, inputs)
        for unit in range(n_out):
            delta = np.zeros_like(y)
            delta[:, unit] = root
            deltas = self._backward(parameters, outputs, inputs, delta * slope)
            parts = []
            for a, d in zip(outputs, deltas, strict=False):
                parts.append((a[:, :, np.newaxis] * d[:, np.newaxis, :]).reshape(n, -1))
                if self.net.bias:
                    parts.append(d)
            jacobian[:, unit] = np.concatenate(parts, axis=1)
        return residuals.ravel(), jacobian.reshape(n * n_out, -1)

    def flat(self, gradients: list[np.ndarray]) -> np.ndarray:
        """Gradients of weights and biases as one flat vector."""
        depth = self.net.depth
        parts = []
        for layer in range(depth):
            parts.append(gradients[layer].ravel())
            if self.net.bias:
                parts.append(gradients[depth + layer])
        return np.concatenate(parts)
