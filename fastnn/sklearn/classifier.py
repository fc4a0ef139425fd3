"""The estimator for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from ..optimizers import Optimizer
from ..results.outcomes import check_numbers
from ..spec.losses import MSE, BinaryCrossEntropy, CrossEntropy, Penalized
from ..support.checks import as_array, shown
from ..support.labels import as_labels
from ..support.suggestions import suggests
from .base import BaseMLP
from .class_weights import check_class_weight, with_class_weights
from .of_batches import OfBatches
from .parameters import documented, solver_of


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: an average of networks, trained on the cross-entropy.

    Two classes use one sigmoid output, more classes a softmax, and multilabel targets one sigmoid
    per label.  With the solver "lm", which needs squares, the loss is the mean squared error of
    sigmoids, and the probabilities of several classes are the outputs divided by their sum.

    {parameters}
    class_weight : dict or "balanced", optional
        Factors of the samples' weights: a number for each label, 1 for labels left out.
        "balanced" gives all classes the same sum of weights.

    Attributes
    ----------
    classes_ : (n_classes,) array
        The labels; for multilabel targets the numbers of the outputs.
    {attributes}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastnn.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier((10,), n_restarts=100).fit(X, y).score(X, y) > 0.97
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
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self._store(locals())

    class_weight: Any

    def _check(self) -> None:
        super()._check()
        check_class_weight(self.class_weight)

    def _given(self, y: Any) -> Any:
        is_list = isinstance(y, list | tuple) and len(y) > 0 and as_array(y).ndim == 1
        return as_labels("y", y) if is_list else y  # scikit-learn refuses an empty list

    def _targets(self, y: Any, classes: Any = None) -> np.ndarray:
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            targets = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            self._multilabel, self.classes_ = True, np.arange(targets.shape[1])
            return targets.astype(np.float64)
        y = column_or_1d(y, warn=True)
        known = np.unique(y if classes is None else self._given(classes))
        order = known
        if {y.dtype.kind, known.dtype.kind} == {"i", "u"}:  # NumPy would compare rounded numbers
            y, order = y.astype(object), known.astype(object)
        unknown = np.setdiff1d(y, order)
        if len(unknown):
            raise ValueError(
                f"y: expected only the classes {known.tolist()}, got {unknown.tolist()[0]!r}"
            )
        if len(known) < 2:
            raise ValueError(
                f"y: expected at least two classes, got only one class, {known.tolist()[0]!r}"
            )
        self._multilabel, self.classes_ = False, known
        codes = np.searchsorted(order, y)
        if len(known) == 2:
            return codes.astype(np.float64)[:, np.newaxis]
        return (codes[:, np.newaxis] == np.arange(len(known))).astype(np.float64)

    def _objective(self, penalty: float) -> tuple[Penalized, str, float]:
        if solver_of(self.solver).squares:
            return MSE(), "sigmoid", 1.0
        outputs = len(self.classes_)
        if self._multilabel:  # the mean over outputs; scikit-learn uses the sum
            return BinaryCrossEntropy(l2=penalty / outputs), "sigmoid", 1 / outputs
        if outputs == 2:
            return BinaryCrossEntropy(l2=penalty), "sigmoid", 1.0
        return CrossEntropy(l2=penalty), "softmax", 1.0

    def _weights(self, sample_weight: Any, X: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
        weights = super()._weights(sample_weight, X, targets)
        if self.class_weight is None:
            return weights
        strata = self._strata(targets)
        if strata is None:
            raise ValueError(
                "class_weight: expected None with several labels, got "
                f"{shown(self.class_weight)}; use sample_weight"
            )
        return with_class_weights(self.class_weight, self.classes_, strata.astype(int), weights)

    def _score(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> float:
        several = outputs.shape[1] > 1 and not self._multilabel
        best = outputs.argmax(axis=1, keepdims=True)
        found = np.arange(outputs.shape[1]) == best if several else outputs > 0.5
        return float(np.average((found == targets).all(axis=1), weights=weights))

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        if self._multilabel:
            return None
        return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)

    @OfBatches
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train all restarts for one epoch on these data, and keep the best.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float
        y : (n,) or (n, n_outputs) array
        classes : (n_classes,) array, optional
            All labels that will occur; by default those of the first call.
        sample_weight : (n,) array of float, optional

        Returns
        -------
        self
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight: expected None or a dict with partial_fit, which does not know all "
                f"samples, got {self.class_weight!r}"
            )
        return self._partial_fit(X, y, classes, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable label.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float

        Returns
        -------
        (n,) array of labels, or (n, n_outputs) array of 0 and 1 for multilabel targets
        """
        shares = self.predict_proba(X)
        if self._multilabel:
            return (shares > 0.5).astype(np.int64)
        return self.classes_[shares.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probability of every class.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float

        Returns
        -------
        (n, n_classes) array of float64
        """
        inputs = self._inputs(X)
        if self._multilabel:  # rounding could make a label certain, with infinite odds
            shares = self._model().evaluate(inputs)
            check_numbers(shares)
            return np.clip(shares, np.finfo(np.float64).tiny, np.nextafter(1.0, 0.0))
        return self._model(classes=np.arange(len(self.classes_))).probabilities(inputs)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of `predict_proba`.

        Parameters
        ----------
        X : (n, n_features) array, sparse matrix or data frame of float

        Returns
        -------
        (n, n_classes) array of float64
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _meaning(self) -> dict[str, Any]:
        if self._multilabel:
            return {}
        return {"classes": self.classes_}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
