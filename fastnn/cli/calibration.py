"""The errors of a model on the validation rows, as they would be on rows that chose nothing.

The restart of the lowest validation loss is chosen among many, so its errors on these rows are too
small, and intervals from them too narrow.  Here, the errors on each tenth of the rows are those of
the restart that the other nine tenths choose.
"""

from __future__ import annotations

import numpy as np

from ..engine.evaluate import forward
from ..spec.network import Network

FOLDS = 10
NUMBERS = 2**22
"""Outputs to hold in memory at once."""


class HeldOutErrors:
    """Absolute errors on the validation rows, each of a restart that other rows chose.

    Parameters
    ----------
    X : (rows, n_in) array, as the network sees it
    y : (rows, n_out) array
        What the network's outputs should be.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.y = X, y
        self.fold = np.arange(len(y)) % min(FOLDS, len(y))
        self.losses = np.full(self.fold.max() + 1, np.inf)
        self.errors = np.zeros_like(y)

    def add(self, net: Network, parameters: np.ndarray) -> None:
        """Let the networks of these parameters (restarts, n_parameters) be chosen too."""
        group = max(1, NUMBERS // self.y.size)
        for first in range(0, len(parameters), group):
            outputs = forward(net, parameters[first : first + group], self.X)
            self._add(np.abs(outputs - self.y))

    def _add(self, errors: np.ndarray) -> None:
        errors[~np.isfinite(errors)] = np.inf
        with np.errstate(over="ignore"):
            squares = (errors * errors).sum(axis=2)
        for fold in range(len(self.losses)):
            rows = self.fold == fold
            losses = squares[:, ~rows].sum(axis=1)
            at = int(np.argmin(losses))
            if losses[at] < self.losses[fold]:
                self.losses[fold] = losses[at]
                self.errors[rows] = errors[at, rows]

    def found(self) -> np.ndarray | None:
        """The errors (rows, n_out); None if there are too few rows, or no finite ones."""
        usable = len(self.losses) > 1 and np.isfinite(self.errors).all()
        return self.errors if usable and np.isfinite(self.losses).all() else None
