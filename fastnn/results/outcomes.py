"""Meaning of the outputs of networks: numbers, or the scores of classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..spec.activations import SOFTMAX
from ..spec.network import Network
from ..support.savable import Savable

SHARES = ("sigmoid", SOFTMAX)
"""Activations whose outputs are probabilities of classes."""


class Outcomes(Savable):
    """The base of models: the meaning of their networks' outputs."""

    network: Network
    parameters: np.ndarray
    classes: np.ndarray | None

    @property
    def dtype(self) -> np.dtype:
        """The type in which the network computes."""
        return self.parameters.dtype

    @property
    def has_shares(self) -> bool:
        """True if outputs are shares of classes, from 0 to 1, by sigmoids or a softmax."""
        return self.classes is not None and self.network.activation[-1] in SHARES

    @property
    def divides(self) -> bool:
        """True if probabilities of classes are outputs divided by their sum."""
        several = self.classes is not None and self.network.sizes[-1] > 1
        return several and self.network.activation[-1] == "sigmoid"

    def _must_classify(self, method: str) -> None:
        if self.classes is None:
            raise ValueError(
                f"{method}: expected a classification model, got one for regression; use evaluate"
            )
        if method == "probabilities" and not self.has_shares:
            raise ValueError(
                "probabilities: expected the output activation 'sigmoid' or 'softmax', got "
                f"{self.network.activation[-1]!r}; use predict or scores"
            )

    def _scores_of(
        self, outputs: np.ndarray, preactivations: Callable[[Network, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Convert outputs (n, n_out) to scores (n, n_classes).

        Parameters
        ----------
        outputs : (n, n_out) array
        preactivations : function
            From a network and a mask of rows to its outputs (members, rows, n_out); the network is
            this one without its last activation.

        Raises
        ------
        ValueError
            If the network overflows so that outputs are NaN.
        """
        if self.divides:
            total = outputs.sum(axis=1, keepdims=True)
            # Below this, the quotients would lose digits, or sigmoids would have underflowed.
            limits = np.finfo(self.dtype)
            lost = ~(total[:, 0] >= limits.tiny / limits.eps)
            with np.errstate(divide="ignore", invalid="ignore"):
                outputs = outputs / total
        else:
            lost = np.isnan(outputs).any(axis=1)
        if lost.any():
            if self.has_shares:
                net = self.network
                linear = Network(net.sizes, [*net.activation[:-1], "identity"], net.bias)
                outputs[lost] = self._shares_of(preactivations(linear, lost))
            check_numbers(outputs)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def _shares_of(self, z: np.ndarray) -> np.ndarray:
        """Probabilities from the logarithms of the outputs, computed from the last layer's inputs.

        Logarithms do not underflow; an infinite input counts as the largest number.
        """
        most = np.finfo(np.float64).max
        z = np.clip(z.astype(np.float64), -most, most)
        with np.errstate(over="ignore", under="ignore"):
            if self.network.activation[-1] == SOFTMAX:
                z = z - z.max(axis=2, keepdims=True)
                logs = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
            else:
                logs = np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
            shares = np.exp(logs - logs.max(axis=(0, 2), keepdims=True)).mean(axis=0)
        found: np.ndarray = (shares / shares.sum(axis=1, keepdims=True)).astype(self.dtype)
        return found


def check_numbers(outputs: np.ndarray) -> None:
    """Raise ValueError if the outputs of some row are all NaN, so that none is the largest."""
    rows = np.flatnonzero(np.isnan(outputs).any(axis=1))
    if len(rows):
        raise ValueError(
            f"X: expected inputs for which the network's outputs are numbers, got {len(rows)} "
            f"rows, the first at index {rows[0]}, for which it overflows and outputs NaN"
        )
