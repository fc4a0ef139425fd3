"""Models in eight bits: weights and activations as whole numbers, after training.

The inputs of a layer are ``x = middle + q / inverse`` with whole numbers q from -127 to 127, for
the range that they have in the calibration: the range of each input of the network, and the common
one of the units of a layer.  The factors become part of the weights, and the middles of the biases;
then both are rounded to multiples of one step for the layer, the weights to eight bits and the
biases to 32.  A layer's sums are whole numbers, and only its activations are computed in float.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...results.model import Model
from ...spec.activations import BY_NAME
from ...spec.network import Network
from ..common import layers_of
from ..number_types import fits
from .narrow import outputs_of

MOST = 127
MOST_OF_BIAS = 2**29
MOST_INPUTS = 2**30 // MOST**2
"""Units of a layer, so that sums of products and a bias fit 32 bits."""
LEAST = 1e-30
"""Half of the smallest range, whose inverse float32 can hold."""


@dataclass(frozen=True)
class WholeLayer:
    """One layer of one member, in whole numbers."""

    middle: np.ndarray
    """(n_in,) array of float32 for the first layer, (1,) for others"""
    inverse: np.ndarray
    """Array of the same shape"""
    weights: np.ndarray
    """(n_out, n_in) array of int8"""
    biases: np.ndarray
    """(n_out,) array of int32"""
    step: np.float32
    """Value of 1 in the layer's sums"""
    activation: str


class WholeModel:
    """A model of float32 in eight bits.

    Parameters
    ----------
    model : Model
        Without scaling of inputs, of float32.
    samples : (n, n_in) array
        The calibration.
    usual : (n_in,) array
        Half of the range of inputs that are the same in all samples.

    Raises
    ------
    ValueError
        If a layer has too many inputs.
    """

    def __init__(self, model: Model, samples: np.ndarray, usual: np.ndarray) -> None:
        widest = max(model.network.sizes[:-1])
        if widest > MOST_INPUTS:
            raise ValueError(
                f"dtype: expected layers of up to {MOST_INPUTS} inputs for int8, whose sums fit 32 "
                f"bits, got {widest}; use dtype='float32'"
            )
        layers = layers_of(model)
        self.members: list[list[WholeLayer]] = []
        for member in range(len(model.parameters)):
            A = samples.astype(np.float64)
            self.members.append([])
            for layer in layers:
                W = layer.weights[member].astype(np.float64)
                b = np.zeros(W.shape[1]) if layer.biases is None else layer.biases[member]
                first = not self.members[-1]
                made = _quantized(A, W, b, usual if first else None, layer.activation)
                self.members[-1].append(made)
                if layer is not layers[-1]:
                    with np.errstate(over="ignore", invalid="ignore"):
                        A = _activated(layer.activation, A @ W + b)
                    fits("outputs of units on the calibration", A)
        self.head = _head(model)

    def __call__(self, X: np.ndarray, nudge: float = 0.0) -> np.ndarray:
        """Compute what the C code computes, with `nudge` added to all that is rounded."""
        last = [_sums(layers, X.astype(np.float32), nudge) for layers in self.members]
        return outputs_of(self.head, np.hstack(last))


def _quantized(
    A: np.ndarray, W: np.ndarray, b: np.ndarray, usual: np.ndarray | None, activation: str
) -> WholeLayer:
    """A layer of weights (n_in, n_out) whose inputs have the range of A (n, n_in)."""
    low, high = A.min(axis=0), A.max(axis=0)
    if usual is None:
        low, high, usual = low.min(keepdims=True), high.max(keepdims=True), np.ones(1)
    middle = (low / 2 + high / 2).astype(np.float32)
    half = high / 2 - low / 2
    half = np.maximum(np.where(half == 0, usual, half), LEAST)
    inverse = (MOST / half).astype(np.float32)
    factors = W / inverse.astype(np.float64)[:, np.newaxis]
    biases = b + np.broadcast_to(middle, len(W)).astype(np.float64) @ W
    fits("sums of a unit", biases)
    step = max(np.abs(factors).max() / MOST, np.abs(biases).max() / MOST_OF_BIAS)
    # Rounded before it divides, and no smaller than what float32 holds in full.
    rounded = np.float32(max(step, float(np.finfo(np.float32).tiny)))
    weights = np.clip(np.rint(factors / float(rounded)), -MOST, MOST)
    return WholeLayer(
        middle, inverse, weights.T.astype(np.int8),
        np.rint(biases / float(rounded)).astype(np.int32), rounded, activation,
    )  # fmt: skip


def _sums(layers: list[WholeLayer], A: np.ndarray, nudge: float) -> np.ndarray:
    """The inputs of the last activation, in float32."""
    for layer in layers:
        with np.errstate(over="ignore"):
            q = np.clip((A - layer.middle) * layer.inverse, -MOST, MOST) + np.float32(nudge)
        whole = np.trunc(q + np.copysign(np.float32(0.5), q)).clip(-MOST, MOST).astype(np.int64)
        z = (whole @ layer.weights.T.astype(np.int64) + layer.biases).astype(np.float32)
        A = z * layer.step
        if layer is not layers[-1]:
            A = _activated(layer.activation, A)
    return A


def _activated(activation: str, z: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return BY_NAME[activation].numpy(z)


def _head(model: Model) -> Model:
    """A model of the inputs of all members' last activations, side by side."""
    members, n_out = len(model.parameters), model.network.sizes[-1]
    net = Network([members * n_out, n_out], model.network.activation[-1], bias=False)
    blocks = np.eye(members * n_out, dtype=np.float32).reshape(members, n_out, members, n_out)
    taken = np.stack([blocks[m].transpose(1, 2, 0).reshape(-1) for m in range(members)])
    return Model(net, taken, outputs=model.outputs, classes=model.classes, targets=model.targets)
