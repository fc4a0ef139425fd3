"""The estimator for classes with a network for each group of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from ..optimizers import Optimizer
from ..support.suggestions import suggests
from .classifier import MLPClassifier
from .group_docs import documented_with_groups
from .grouped import GroupedMLP


@documented_with_groups
class GroupedMLPClassifier(ClassifierMixin, GroupedMLP):
    """Classifier with a network for each group of rows, which a column of X tells.

    Parameters
    ----------
    {groups}
    {common}
    class_weight : dict or "balanced", optional
        As of `MLPClassifier`; "balanced" is by the rows of all groups together.

    Attributes
    ----------
    classes_ : (n_classes,) array
        The labels of all groups.  A group may lack some.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import GroupedMLPClassifier
    >>> sensor, level = np.repeat([1, 2], 50), np.tile(np.linspace(0.0, 1.0, 50), 2)
    >>> X, alarm = np.column_stack([sensor, level]), level > sensor / 3
    >>> GroupedMLPClassifier(0, (4,), n_restarts=3).fit(X, alarm).score(X, alarm) > 0.95
    True
    """

    kind = MLPClassifier

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
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self._store(locals())

    def _targets(self, single: Any, y: Any) -> np.ndarray:
        targets: np.ndarray = single._targets(y)
        if single._multilabel:
            raise ValueError("y: expected one label for each row, with groups, got several")
        self.classes_ = single.classes_
        return targets

    def _counted(self) -> dict[str, Any]:
        return {"class_weight": None}

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable label.

        Parameters
        ----------
        X : (n, n_features) array or data frame
            With the columns of `fit`.

        Returns
        -------
        (n,) array of labels

        Raises
        ------
        ValueError
            If a group is unknown, and there is no fallback.
        """
        best = self.predict_proba(X).argmax(axis=1)  # which checks that it is fitted
        labels: np.ndarray = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of every class.

        Parameters
        ----------
        X : (n, n_features) array or data frame
            With the columns of `fit`.

        Returns
        -------
        (n, n_classes) array of float64
        """
        return self._predicted("probabilities", X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of `predict_proba`.

        Parameters
        ----------
        X : (n, n_features) array or data frame

        Returns
        -------
        (n, n_classes) array of float64
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
