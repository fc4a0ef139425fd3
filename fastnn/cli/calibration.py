"""The errors of a model on the validation rows, as they would be on rows that chose nothing.

The restarts of the lowest validation losses are chosen among many, so the model's errors on these
rows are too small, and intervals from them too narrow.  Here, the errors on each tenth of the rows
are those of the average of the restarts that the other nine tenths choose.
"""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from ..engine.evaluate import forward
from ..spec.network import Network

FOLDS = 10
NUMBERS = 2**22
"""Outputs to hold in memory at once."""


class HeldOutErrors:
    """Absolute errors on the validation rows, each of restarts that other rows chose.

    Parameters
    ----------
    X : (rows, n_in) array, as the network sees it
    y : (rows, n_out) array
        What the network's outputs should be.
    average : int, default 1
        Number of restarts that are chosen, and whose outputs are averaged.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, average: int = 1) -> None:
        self.X, self.y, self.average = X, y, average
        self.fold = np.arange(len(y)) % min(FOLDS, len(y))
        self.best: list[list[tuple[float, np.ndarray]]] = [[] for _ in range(self.fold.max() + 1)]
        """Losses of the best on the other tenths, and their outputs on it, for each tenth."""

    def add(self, net: Network, parameters: np.ndarray) -> None:
        """Let the networks of these parameters (restarts, n_parameters) be chosen too."""
        group = max(1, NUMBERS // self.y.size)
        for first in range(0, len(parameters), group):
            self._add(forward(net, parameters[first : first + group], self.X))

    def _add(self, outputs: np.ndarray) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(outputs - self.y).sum(axis=2)
        squares[~np.isfinite(squares)] = np.inf
        for fold, best in enumerate(self.best):
            rows = self.fold == fold
            losses = squares[:, ~rows].sum(axis=1)
            order = np.argsort(losses, kind="stable")[: self.average]
            best += [(float(losses[at]), outputs[at, rows].copy())
                     for at in order if np.isfinite(losses[at])]  # fmt: skip
            self.best[fold] = sorted(best, key=itemgetter(0))[: self.average]

    def found(self) -> np.ndarray | None:
        """The errors (rows, n_out); None if there are too few rows, or no finite ones."""
        if len(self.best) < 2 or not all(self.best):
            return None
        errors = np.zeros_like(self.y)
        for fold, best in enumerate(self.best):
            rows = self.fold == fold
            mean = np.mean([outputs for _, outputs in best], axis=0)
            errors[rows] = np.abs(mean - self.y[rows])
        return errors if np.isfinite(errors).all() else None
