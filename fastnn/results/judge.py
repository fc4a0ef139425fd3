"""A judge of restarts: their losses on samples that chose nothing, beside that of a constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..engine.evaluate import loss as loss_of
from ..spec.losses import Penalized
from ..spec.network import Network
from .verdict import loss_of_constant


@dataclass(frozen=True)
class Judge:
    """The loss on some samples, by which one of several restarts is chosen.

    Parameters
    ----------
    net : Network
    loss : Penalized
        Without a penalty, which tells nothing about new samples.
    X : (n, n_in) array
    y : (n, n_out) array
    weights : (n,) array, optional
        Factors of the samples.
    """

    net: Network
    loss: Penalized
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Losses (networks,) of `parameters` (networks, n_parameters); NaN where they diverged."""
        finite = np.isfinite(parameters).all(axis=1)
        losses = np.full(len(parameters), np.nan)
        if finite.any():
            losses[finite] = loss_of(
                self.net, parameters[finite], self.X, self.y, loss=self.loss,
                sample_weight=self.weights,
            )  # fmt: skip
        return losses

    def of_constant(self, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
        """The loss of predicting the mean of `targets` (samples, n_out), those that train."""
        mean = np.average(targets, axis=0, weights=weights)[np.newaxis]
        return loss_of_constant(self.loss, self.y, self.weights, at=mean)
