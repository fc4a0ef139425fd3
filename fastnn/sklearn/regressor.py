"""The estimator for regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from ..spec.losses import MSE, Penalized
from .base import BaseMLP
from .parameters import documented


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: the best of many restarts, trained on the squared error.

    {parameters}

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPRegressor
    >>> x = np.linspace(-1, 1, 50)[:, np.newaxis]
    >>> model = MLPRegressor((8,), activation="tanh", solver="lm").fit(x, x[:, 0] ** 2)
    >>> model.score(x, x[:, 0] ** 2) > 0.999
    True
    """

    def _targets(self, y: Any, classes: Any = None) -> np.ndarray:
        targets = np.asarray(y, dtype=np.float64)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        self._flat = targets.ndim == 1
        return targets.reshape(len(targets), -1)

    def _objective(self, penalty: float) -> tuple[Penalized, str, float]:
        # scikit-learn uses half of the mean squared error.
        return MSE(l2=2 * penalty), "identity", 2.0

    def predict(self, X: Any) -> np.ndarray:
        """Predict with the network, or with the average of several.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float

        Returns
        -------
        (n,) or (n, n_outputs) array of float64, as the targets were
        """
        inputs = self._inputs(X)
        outputs = self._model().evaluate(inputs)
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
