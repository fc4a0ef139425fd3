"""Models in float32: the scaling becomes part of the first and the last layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...results.model import Model
from ..folding import folded
from ..number_types import check_spread, fits


@dataclass(frozen=True)
class Loss:
    """Difference of the exported code from the model on the samples of the calibration.

    Attributes
    ----------
    samples : int
    difference : float
        The largest difference of an output, in units of the outputs' scale, or of a probability.
    agreement : float or None
        The share of samples of which both predict the same class; None without classes.  The
        accuracy on the samples changes by at most ``1 - agreement``.
    """

    samples: int
    difference: float
    agreement: float | None

    def __str__(self) -> str:
        what = "outputs differ" if self.agreement is None else "probabilities differ"
        text = f"on {self.samples:,} samples, {what} by at most {self.difference:.2g}"
        if self.agreement is None:
            return f"{text} of the outputs' scale"
        return f"{text}, and {self.agreement:.2%} get the model's class"


def outputs_of(model: Model, X: np.ndarray) -> np.ndarray:
    """The results that exported code computes: outputs, or scores of classes."""
    return (model.evaluate if model.classes is None else model.scores)(X)


def unit_of(model: Model) -> np.ndarray | float:
    """The size of an output that counts as one."""
    if model.outputs is None:
        return 1.0
    outputs = model.outputs
    return np.exp(outputs.mean) * outputs.scale if outputs.log else outputs.scale


def loss_of(model: Model, exported: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> Loss:
    """Compare the model with what computes the same in another way."""
    expected, found = outputs_of(model, X), exported(X)
    off = float((np.abs(found - expected) / unit_of(model)).max())
    same = None
    if model.classes is not None:
        same = float((found.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return Loss(len(X), off, same)


def narrow(model: Model) -> Model:
    """The model in float32, with the scaling in its weights and biases.

    With a mean m and a scale s for each input, weights W and biases b of the first layer become
    W / s and b - m W / s; those of the last, with a mean and a scale for each output, W s and
    b s + m.  All are computed in float64 and rounded once.  So the sums are those of float32
    numbers of the size of x / s rather than (x - m) / s, and the results agree to about x / s ULP,
    as the inputs themselves do once they are rounded to float32.

    Outputs can only be scaled in the last layer if its activation is the identity, and if they are
    not logarithms; others are scaled afterwards.
    """
    is_log = model.outputs is not None and model.outputs.log
    outputs = model.outputs if model.network.activation[-1] != "identity" or is_log else None
    if model.inputs is not None:
        check_spread(model, model.inputs, stacklevel=5)
    if outputs is not None:
        fits("outputs", np.abs(outputs.mean) + outputs.scale)
    kept = None if outputs is not None else model.outputs
    parts = folded(replace(model, parameters=model.parameters.astype(np.float64), outputs=kept))
    fits("weights, with the scaling in them,", parts.parameters)
    return replace(parts, parameters=parts.parameters.astype(np.float32), outputs=outputs)
