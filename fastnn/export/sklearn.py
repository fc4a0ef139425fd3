"""Models as scikit-learn's ``coefs_`` and ``intercepts_``, and from its estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.scaling import Scaling
from ..support.checks import shown
from ..support.suggestions import suggests
from .common import layers_of, network_model
from .folding import single
from .pipelines import ACTIVATIONS, array, exported_model, is_of, of_network


@suggests
def to_sklearn(model: Any, *, fold: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Convert a model's weights to the layout of scikit-learn's multi-layer perceptrons.

    Activations, labels and names are not included.

    Parameters
    ----------
    model : Model, Run, fitted estimator, or pipeline
        Of fastnn or scikit-learn, with one member; a pipeline has scalers and a network.
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
    source : MLPClassifier, MLPRegressor, a pipeline with one, or (coefs, intercepts)
        Activations, classes and feature names are taken from an estimator.  A multilabel classifier
        becomes a regression model whose outputs are the probability of each label.  A pipeline has
        a StandardScaler or a MinMaxScaler, or several, before the network; scikit-learn's
        TransformedTargetRegressor has one for targets.  They become the model's scalings.
    activation : str or sequence of str
        Only with weights: as in `Network`; "logistic" is another name for "sigmoid".
    inputs, outputs, classes, features, targets
        As in `Model`; `inputs` and `outputs` not with a pipeline, which has its own.

    Returns
    -------
    Model
        In float32 if all weights are, otherwise float64.

    Raises
    ------
    TypeError, ValueError
        If the estimator is of another kind, is not fitted, or has an activation that fastnn lacks,
        if a pipeline has other steps,
        if the shapes of weights do not match, or another argument has the wrong type or value.
    """
    if hasattr(source, "to_model"):
        raise TypeError(
            "source: expected an estimator of scikit-learn, got one of fastnn; its to_model() "
            "returns the model"
        )
    options = {"inputs": inputs, "outputs": outputs, "classes": classes, "features": features,
               "targets": targets}  # fmt: skip
    if hasattr(source, "get_params") and not isinstance(source, type):
        if activation is not None:
            raise ValueError("activation: expected None with an estimator, which has its own")
        if is_of(source, "Pipeline", "TransformedTargetRegressor"):
            return _of_steps(source, options)
        return of_network(source, "source", **options)
    if not isinstance(source, Sequence) or isinstance(source, str) or len(source) != 2:
        raise TypeError(
            "source: expected a fitted MLPClassifier or MLPRegressor of scikit-learn, or "
            f"(coefs, intercepts), got {shown(source)}"
        )
    coefs, intercepts = source
    if activation is None:
        raise ValueError("activation: expected a name, or one for each layer, got None")
    return network_model(
        "source",
        [array(f"coefs[{i}]", values) for i, values in enumerate(_listed("coefs", coefs))],
        [
            array(f"intercepts[{i}]", values)
            for i, values in enumerate(_listed("intercepts", intercepts))
        ],
        _names(activation),
        **options,
    )


def _of_steps(source: Any, options: dict[str, Any]) -> Model:
    """The model of a pipeline, with other classes or names if they are given."""
    for name in ("inputs", "outputs"):
        if options[name] is not None:
            raise ValueError(f"{name}: expected None with a pipeline, which has its own scaling")
    model = exported_model(source, "source")
    own = {name: getattr(model, name) for name in options}
    given = {name: value for name, value in options.items() if value is not None}
    if "features" in given and model.inputs is not None:  # whose names would be others
        own["inputs"] = Scaling(model.inputs.mean, model.inputs.scale)
    return Model(model.network, model.parameters, **{**own, **given})


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
