"""The estimator for regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d

from ..optimizers import Optimizer
from ..spec.losses import MSE, Penalized
from ..support.checks import shown
from ..support.suggestions import suggests
from .base import BaseMLP
from .parameters import documented


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: an average of networks, trained on the squared error.

    {parameters}
    loss : "squared_error", default "squared_error"
        scikit-learn's other losses are refused.

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

    @suggests
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str | Optimizer = "lbfgs",
        alpha: float | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = 0,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        n_restarts: int = 10,
        halving: bool = True,
        n_estimators: int | None = None,
        n_jobs: int | None = None,
        loss: str = "squared_error",
    ) -> None:
        self._store(locals())

    def _check(self) -> None:
        super()._check()
        if not isinstance(self.loss, str) or self.loss != "squared_error":
            raise ValueError(
                f"loss: expected 'squared_error' for MLPRegressor, got {shown(self.loss)}; for "
                "counts, train on np.log1p(y) by TransformedTargetRegressor(func=np.log1p, "
                "inverse_func=np.expm1)"
            )

    def _targets(self, y: Any, classes: Any = None) -> np.ndarray:
        targets = np.asarray(y, dtype=np.float64)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        self._flat = targets.ndim == 1
        return targets.reshape(len(targets), -1)

    def _score(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> float:
        if len(targets) < 2:
            return float("nan")
        return float(r2_score(targets, outputs, sample_weight=weights))

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
