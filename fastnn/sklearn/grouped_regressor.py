"""The estimator for regression with a network for each group of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from ..optimizers import Optimizer
from ..spec.loss_formulas import SQUARES
from ..support.checks import shown
from ..support.suggestions import suggests
from .group_docs import documented_with_groups
from .grouped import GroupedMLP
from .regressor import MLPRegressor


@documented_with_groups
class GroupedMLPRegressor(RegressorMixin, GroupedMLP):
    """Regressor with a network for each group of rows, which a column of X tells.

    Parameters
    ----------
    {groups}
    {common}
    loss : "squared_error", loss, or name of a loss, default "squared_error"
        As of `MLPRegressor`, except for losses with several outputs of a target, such as
        "gaussian_nll".  Targets are scaled only with "squared_error".

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import GroupedMLPRegressor
    >>> shop = np.repeat([1, 2, 3], 40)
    >>> price = np.tile(np.linspace(1.0, 5.0, 40), 3)
    >>> X, demand = np.column_stack([shop, price]), shop * np.exp(-price / 2)
    >>> model = GroupedMLPRegressor(0, (8,), activation="tanh", n_restarts=3).fit(X, demand)
    >>> model.score(X, demand) > 0.99
    True
    """

    kind = MLPRegressor

    @suggests
    def __init__(
        self,
        groups: str | int,
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
        random_state: Any = 0,
        tol: float = 1e-4,
        verbose: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        scaling: str = "group",
        fallback: bool = True,
        n_restarts: int = 10,
        n_jobs: int | None = None,
        loss: Any = "squared_error",
    ) -> None:
        self._store(locals())

    loss: Any

    def _check(self, single: Any) -> None:
        super()._check(single)
        if single._loss().formula.outputs > 1:
            raise ValueError(
                "loss: expected a loss with one output of the network for each target, with "
                f"groups, got {shown(self.loss)}"
            )

    def _targets(self, single: Any, y: Any) -> np.ndarray:
        targets: np.ndarray = single._targets(y)
        self._flat = single._flat
        return targets

    def _scales_targets(self, single: Any) -> bool:
        return single._loss().formula is SQUARES

    def predict(self, X: Any) -> np.ndarray:
        """Predict each row with the network of its group, or the fallback.

        Parameters
        ----------
        X : (n, n_features) array or data frame
            With the columns of `fit`.

        Returns
        -------
        (n,) or (n, n_outputs) array of float64, as the targets were

        Raises
        ------
        ValueError
            If a group is unknown, and there is no fallback.
        """
        found = self._predicted("evaluate", X)
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
