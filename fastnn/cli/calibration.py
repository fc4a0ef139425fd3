"""The errors of a model on the validation rows, as they would be on rows that chose nothing.

The restarts of the lowest validation losses are chosen among many, so the model's errors on these
rows are too small, and intervals from them too narrow.  Here, the errors on each tenth of the rows
are those of the average of the restarts that the other nine tenths choose.
"""

from __future__ import annotations

import numpy as np

from ..engine.evaluate import forward
from ..spec.network import Network
from .best import Best

FOLDS = 10
NUMBERS = 2**22
"""Outputs to hold in memory at once."""


class HeldOutErrors:
    """Absolute errors on the validation rows, each of restarts that other rows chose.

    Parameters
    ----------
    X : (rows, n_in) array, as the network sees it
    y : (rows, n_out) array
        What the network's outputs should be; their mean over the training rows is 0.
    average : int, default 1
        Number of restarts that are chosen, and whose outputs are averaged.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, average: int = 1) -> None:
        self.X, self.y = X, y
        self.fold = np.arange(len(y)) % min(FOLDS, len(y))
        self.best = [Best(average) for _ in range(self.fold.max() + 1)]
        """The best on the other tenths, with their outputs on it, for each tenth."""

    def add(self, net: Network, parameters: np.ndarray, penalty: float = 0.0) -> None:
        """Let the networks of these parameters (restarts, n_parameters) be chosen too."""
        group = max(1, NUMBERS // self.y.size)
        for first in range(0, len(parameters), group):
            self._add(forward(net, parameters[first : first + group], self.X), penalty)

    def _add(self, outputs: np.ndarray, penalty: float) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(outputs - self.y).sum(axis=2)
        squares[~np.isfinite(squares)] = np.inf
        for fold in range(len(self.best)):
            self._compete(fold, outputs, self._on_others(squares, fold), penalty)

    def _compete(self, fold: int, outputs: np.ndarray, losses: np.ndarray, penalty: float) -> None:
        rows = self.fold == fold
        self.best[fold].add(penalty, losses, lambda at: outputs[at, rows])

    def _on_others(self, squares: np.ndarray, fold: int) -> np.ndarray:
        """Sums of squares (..., rows) over the rows of the other tenths."""
        sums: np.ndarray = squares[..., self.fold != fold].sum(axis=-1)
        return sums

    def found(self) -> np.ndarray | None:
        """The errors (rows, n_out); None if there are too few rows, or no finite ones."""
        squares = np.square(self.y).sum(axis=1)
        errors = np.zeros_like(self.y)
        for fold, best in enumerate(self.best):
            chosen = best.chosen(float(self._on_others(squares, fold)))
            if chosen is None or len(self.best) < 2:
                return None
            rows = self.fold == fold
            errors[rows] = np.abs(np.mean(chosen.members, axis=0) - self.y[rows])
        return errors if np.isfinite(errors).all() else None
