"""The estimator for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from ..results.model import check_numbers
from ..spec.losses import MSE, BinaryCrossEntropy, CrossEntropy, Penalized
from ..support.checks import as_array
from ..support.labels import as_labels
from .base import BaseMLP, is_stochastic
from .parameters import documented, solver_of


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: the best of many restarts, trained on the cross-entropy.

    Two classes use one sigmoid output, more classes a softmax, and multilabel targets one sigmoid
    per label.  With the solver "lm", which needs squares, the loss is the mean squared error of
    sigmoids, and the probabilities of several classes are the outputs divided by their sum.

    {parameters}

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

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        if self._multilabel:
            return None
        return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)

    @available_if(is_stochastic)
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
