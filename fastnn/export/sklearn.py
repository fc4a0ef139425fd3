"""Models as scikit-learn's ``coefs_`` and ``intercepts_``, and from its estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.scaling import Scaling
from ..support.checks import real_array, shown
from ..support.suggestions import hint, suggests
from .common import layers_of, network_model, single

ACTIVATIONS = {
    "identity": "identity",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
}
"""Map from scikit-learn's names to fastnn's."""


@suggests
def to_sklearn(model: Any, *, fold: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Convert a model's weights to the layout of scikit-learn's multi-layer perceptrons.

    Activations, labels and names are not included.

    Parameters
    ----------
    model : Model, Run, or estimator with a method `to_model`
        With one member.
    fold : bool, default False
        Fold the scaling of inputs into the first layer, and that of outputs into the last, whose
        activation must then be "identity"; this changes rounding.

    Returns
    -------
    coefs : list of (n_in, n_out) arrays, one per layer after the input
    intercepts : list of (n_out,) arrays
        Zeros if the network has no biases.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, or the model is an ensemble, or is scaled and
        `fold` is False.
    """
    checked = single(model, "scikit-learn's layout", fold)
    layers = layers_of(checked)
    zeros = [np.zeros(n_out, checked.dtype) for n_out in checked.network.sizes[1:]]
    return (
        [layer.weights[0].copy() for layer in layers],
        [
            zero if layer.biases is None else layer.biases[0].copy()
            for zero, layer in zip(zeros, layers, strict=True)
        ],
    )


@suggests
def from_sklearn(
    source: Any,
    activation: str | Sequence[str] | None = None,
    *,
    inputs: Scaling | None = None,
    outputs: Scaling | None = None,
    classes: Any = None,
    features: Any = None,
    targets: Any = None,
) -> Model:
    """Convert a fitted multi-layer perceptron of scikit-learn, or its weights, to a model.

    Parameters
    ----------
    source : MLPClassifier, MLPRegressor, or (coefs, intercepts)
        Activations, classes and feature names are taken from an estimator.  A multilabel classifier
        becomes a regression model whose outputs are the probability of each label.
    activation : str or sequence of str
        Only with weights: as in `Network`; "logistic" is another name for "sigmoid".
    inputs, outputs, classes, features, targets
        As in `Model`; for a `StandardScaler` before the estimator, use
        ``Scaling(scaler.mean_, scaler.scale_)``.

    Returns
    -------
    Model
        In float32 if all weights are, otherwise float64.

    Raises
    ------
    TypeError, ValueError
        If the estimator is of another kind, is not fitted, or has an activation that fastnn lacks,
        if the shapes of weights do not match, or another argument has the wrong type or value.
    """
    if hasattr(source, "to_model"):
        raise TypeError(
            "source: expected an estimator of scikit-learn, got one of fastnn; its to_model() "
            "returns the model"
        )
    if hasattr(source, "get_params") and not isinstance(source, type):
        if activation is not None:
            raise ValueError("activation: expected None with an estimator, which has its own")
        activation, coefs, intercepts = _of_estimator(source)
        if classes is None and hasattr(source, "classes_"):
            several = activation[-1] == "sigmoid" and np.shape(coefs[-1])[1] > 1
            classes = None if several else source.classes_
        if features is None and hasattr(source, "feature_names_in_"):
            features = [str(name) for name in source.feature_names_in_]
    else:
        if not isinstance(source, Sequence) or isinstance(source, str) or len(source) != 2:
            raise TypeError(
                "source: expected a fitted MLPClassifier or MLPRegressor of scikit-learn, or "
                f"(coefs, intercepts), got {shown(source)}"
            )
        coefs, intercepts = source
        if activation is None:
            raise ValueError("activation: expected a name, or one for each layer, got None")
        activation = _names(activation)
    return network_model(
        "source",
        [_array(f"coefs[{i}]", array) for i, array in enumerate(_listed("coefs", coefs))],
        [
            _array(f"intercepts[{i}]", array)
            for i, array in enumerate(_listed("intercepts", intercepts))
        ],
        activation,
        inputs=inputs,
        outputs=outputs,
        classes=classes,
        features=features,
        targets=targets,
    )


def _of_estimator(estimator: Any) -> tuple[list[str], Any, Any]:
    """Activations and weights of a fitted estimator."""
    needed = ("coefs_", "intercepts_", "activation", "out_activation_")
    missing = [name for name in needed if not hasattr(estimator, name)]
    if missing:
        raise ValueError(
            "source: expected a fitted MLPClassifier or MLPRegressor of scikit-learn, got "
            f"{shown(estimator)} without the attribute {missing[0]}"
        )
    asked = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    for name in asked:
        if name not in ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {', '.join(ACTIVATIONS)}, got {shown(name)}"
                f"{hint(name, ACTIVATIONS)}"
            )
    names = [ACTIVATIONS[name] for name in asked]
    return names, list(estimator.coefs_), list(estimator.intercepts_)


def _names(activation: str | Sequence[str]) -> str | list[str]:
    """fastnn's names of activations; unknown names are left for `Network` to refuse."""
    if isinstance(activation, str):
        return ACTIVATIONS.get(activation, activation)
    if not isinstance(activation, Sequence):
        raise TypeError(f"activation: expected a name or a sequence, got {shown(activation)}")
    return [ACTIVATIONS.get(name, name) if isinstance(name, str) else name for name in activation]


def _listed(name: str, arrays: Any) -> list[Any]:
    if not isinstance(arrays, Sequence) or isinstance(arrays, str):
        raise TypeError(f"{name}: expected a list of arrays, got {shown(arrays)}")
    return list(arrays)


def _array(name: str, value: Any) -> np.ndarray:
    dtype = np.float32 if getattr(value, "dtype", None) == np.float32 else np.float64
    return real_array(name, value, dtype)
