"""The estimator for regression."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d

from ..optimizers import Optimizer
from ..results.scaling import Scaling
from ..spec.loss_formulas import GAUSSIAN, POISSON, SQUARES
from ..spec.losses import MSE, Penalized, make_loss
from ..support.checks import shown
from ..support.suggestions import suggests
from .base import BaseMLP
from .numbers_only import as_numbers
from .parameters import documented


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: an average of networks, by default of the squared error.

    {parameters}
    loss : "squared_error", loss, or name of a loss, default "squared_error"
        Any loss of fastnn for numbers, such as ``fastnn.Quantile(0.9)`` or "huber", and those of
        `fastnn.extend.loss`; `alpha` is its penalty.  With "poisson" predictions are rates, as in
        scikit-learn.  With "gaussian_nll" the network has two outputs for each target; `predict`
        returns the means, and standard deviations if asked.

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
        loss: Any = "squared_error",
    ) -> None:
        self._store(locals())

    def _check(self) -> None:
        super()._check()
        loss = self._loss()
        numbers = [*loss.numbers.values()]
        penalized = loss.has_penalties or loss.l2_towards is not None
        if loss.output is not None or penalized or any(map(np.ndim, numbers)):
            raise ValueError(
                "loss: expected a loss of numbers, with one value of each of its own numbers and "
                f"without penalties, which alpha gives, got {shown(self.loss)}"
            )

    def _loss(self) -> Penalized:
        """The loss without penalties."""
        if isinstance(self.loss, str) and self.loss == "squared_error":
            return MSE()
        if self.loss is None:
            raise TypeError("loss: expected 'squared_error' or a loss of fastnn, got None")
        loss = make_loss(self.loss)
        return (
            MSE(l2=loss.l2, l1=loss.l1, l2_towards=loss.l2_towards)
            if loss.formula is SQUARES
            else loss
        )

    def _targets(self, y: Any, classes: Any = None) -> np.ndarray:
        targets = as_numbers(y)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        self._flat = targets.ndim == 1
        return targets.reshape(len(targets), -1)

    def _score(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> float:
        if len(targets) < 2:
            return float("nan")
        predicted = self._predicted(outputs, targets.shape[1])
        return float(r2_score(targets, predicted, sample_weight=weights))

    def _predicted(self, outputs: np.ndarray, n_targets: int) -> np.ndarray:
        """Predictions of the targets, from the networks' outputs."""
        first = outputs[:, :n_targets]
        return np.exp(first) if self._loss().formula is POISSON else first

    def _objective(self, penalty: float) -> tuple[Penalized, str, float]:
        loss = self._loss()
        if loss.formula is SQUARES:  # scikit-learn uses half of the mean squared error
            return MSE(l2=2 * penalty), "identity", 2.0
        return replace(loss, l2=penalty), "identity", 1.0

    def _meaning(self) -> dict[str, Any]:
        if self._loss().formula is not POISSON:
            return {}
        count = self.network_.sizes[-1]
        return {"outputs": Scaling(np.zeros(count), np.ones(count), log=True)}

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict with the network, or with the average of several.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float
        return_std : bool, default False
            If True, standard deviations are returned too; only with the loss "gaussian_nll".

        Returns
        -------
        (n,) or (n, n_outputs) array of float64, as the targets were; or a pair of them

        Raises
        ------
        ValueError
            If standard deviations are asked of another loss.
        """
        inputs = self._inputs(X)  # which checks that it is fitted
        formula = self._loss().formula
        if return_std and formula is not GAUSSIAN:
            raise ValueError("return_std: expected False except with loss='gaussian_nll', got True")
        outputs = self._model().evaluate(inputs)
        count = outputs.shape[1] // formula.outputs
        found = [self._predicted(outputs, count)]
        if return_std:
            found.append(np.exp(outputs[:, count:] / 2))
        found = [one[:, 0] if self._flat else one for one in found]
        return tuple(found) if return_std else found[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
