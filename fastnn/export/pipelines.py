"""Models from scikit-learn's multi-layer perceptrons, and from pipelines of scalers and one.

scikit-learn is not imported: its classes are told by their names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..results.model import Model, as_model
from ..results.scaling import Scaling
from ..support.checks import real_array, shown
from ..support.suggestions import hint
from .common import network_model

ACTIVATIONS = {
    "identity": "identity",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
}
"""Map from scikit-learn's names to fastnn's."""
NETWORKS = ("MLPClassifier", "MLPRegressor")
SCALERS = ("StandardScaler", "MinMaxScaler")


def exported_model(thing: Any, name: str = "model") -> Model:
    """Convert what is exported to a model; errors begin with `name`.

    Parameters
    ----------
    thing : Model, Run, fitted estimator of fastnn or scikit-learn, or pipeline
        A pipeline has scalers and a network; a `TransformedTargetRegressor` has one with a scaler
        of targets.  Their scalings become those of the model.
    """
    if is_of(thing, "Pipeline"):
        return _of_pipeline(thing, name)
    if is_of(thing, "TransformedTargetRegressor"):
        return _of_scaled_targets(thing, name)
    if is_of(thing, *NETWORKS) and not hasattr(thing, "to_model"):
        return of_network(thing, name)
    if hasattr(thing, "get_params") and not hasattr(thing, "to_model"):
        raise TypeError(
            f"{name}: expected a fitted MLPClassifier or MLPRegressor of fastnn or scikit-learn, "
            f"or a pipeline with one, got {shown(thing)}"
        )
    return as_model(thing)


def is_of(thing: Any, *names: str) -> bool:
    """Return whether an object's class is one of scikit-learn's, or derived from one."""
    return any(
        kind.__name__ in names and kind.__module__.startswith("sklearn.")
        for kind in type(thing).__mro__
    )


def of_network(
    estimator: Any, name: str, *, classes: Any = None, features: Any = None, **options: Any
) -> Model:
    """The model of a fitted multi-layer perceptron of scikit-learn."""
    activation, coefs, intercepts = _layers(estimator, name)
    if classes is None and hasattr(estimator, "classes_"):
        several = activation[-1] == "sigmoid" and np.shape(coefs[-1])[1] > 1
        classes = None if several else estimator.classes_
    if features is None:
        features = _names(estimator)
    return network_model(
        name,
        [array(f"coefs[{i}]", values) for i, values in enumerate(coefs)],
        [array(f"intercepts[{i}]", values) for i, values in enumerate(intercepts)],
        activation,
        classes=classes,
        features=features,
        **options,
    )


def array(name: str, value: Any) -> np.ndarray:
    """Check weights; float32 stays float32."""
    dtype = np.float32 if getattr(value, "dtype", None) == np.float32 else np.float64
    return real_array(name, value, dtype)


def _layers(estimator: Any, name: str) -> tuple[list[str], list[Any], list[Any]]:
    """Activations and weights of a fitted estimator."""
    needed = ("coefs_", "intercepts_", "activation", "out_activation_")
    missing = [attribute for attribute in needed if not hasattr(estimator, attribute)]
    if missing:
        raise ValueError(
            f"{name}: expected a fitted MLPClassifier or MLPRegressor of scikit-learn, got "
            f"{shown(estimator)} without the attribute {missing[0]}"
        )
    asked = [estimator.activation] * (len(estimator.coefs_) - 1) + [estimator.out_activation_]
    for activation in asked:
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {', '.join(ACTIVATIONS)}, got {shown(activation)}"
                f"{hint(activation, ACTIVATIONS)}"
            )
    names = [ACTIVATIONS[activation] for activation in asked]
    return names, list(estimator.coefs_), list(estimator.intercepts_)


def _of_pipeline(pipeline: Any, name: str) -> Model:
    """The model of a pipeline's last step, which scales inputs as the steps before it do."""
    steps = [(label, step) for label, step in pipeline.steps if step not in (None, "passthrough")]
    others = [(label, step) for label, step in steps[:-1] if not is_of(step, *SCALERS)]
    if others or not steps:
        got = f"the step {others[0][0]!r}, a {type(others[0][1]).__name__}" if others else "no step"
        raise ValueError(
            f"{name}: expected a pipeline of {' or '.join(SCALERS)} and a network, got {got}; "
            "apply other steps to the data, and export the steps after them: pipeline[i:]"
        )
    model = exported_model(steps[-1][1], name)
    scalings = [_scaling(f"{name}: step {label!r}", step) for label, step in steps[:-1]]
    if not scalings:
        return model
    features = _names(steps[0][1])
    inputs = _composed([*scalings, *([] if model.inputs is None else [model.inputs])])
    return _with(model, features, inputs, model.outputs)


def _of_scaled_targets(estimator: Any, name: str) -> Model:
    """The model of a `TransformedTargetRegressor`, which scales targets as it does."""
    if not hasattr(estimator, "regressor_"):
        raise ValueError(
            f"{name}: expected a fitted TransformedTargetRegressor, got one before fit"
        )
    transformer = estimator.transformer_
    if not is_of(transformer, *SCALERS):
        raise ValueError(
            f"{name}: expected {' or '.join(SCALERS)} as the transformer of targets, got "
            f"{shown(transformer)}; export its regressor_, and transform what it predicts"
        )
    model = exported_model(estimator.regressor_, name)
    scaling = _scaling(f"{name}: transformer", transformer)
    outputs = _composed([scaling, *([] if model.outputs is None else [model.outputs])])
    return _with(model, model.features, model.inputs, outputs)


def _with(model: Model, features: Any, inputs: Scaling | None, outputs: Scaling | None) -> Model:
    """The model with other scalings."""
    return Model(
        model.network, model.parameters, inputs=inputs, outputs=outputs, classes=model.classes,
        features=features, targets=model.targets,
    )  # fmt: skip


def _scaling(name: str, scaler: Any) -> Scaling:
    """The scaling of a fitted scaler; errors begin with `name`."""
    if not hasattr(scaler, "scale_"):
        raise ValueError(f"{name}: expected a fitted scaler, got {shown(scaler)} before fit")
    zeros = np.zeros(scaler.n_features_in_)
    if is_of(scaler, "StandardScaler"):
        return Scaling(
            scaler.mean_ if scaler.with_mean else zeros,
            scaler.scale_ if scaler.with_std else zeros + 1,
        )
    if scaler.clip:
        raise ValueError(
            f"{name}: expected a MinMaxScaler with clip=False, since a model does not clip its "
            "inputs, got clip=True"
        )
    return Scaling(-scaler.min_ / scaler.scale_, 1 / scaler.scale_)


def _composed(scalings: list[Scaling]) -> Scaling:
    """One scaling for several, applied in this order."""
    first, *others = scalings
    mean, scale = first.mean, first.scale
    for other in others:
        mean, scale = mean + scale * other.mean, scale * other.scale
    return Scaling(mean, scale)


def _names(estimator: Any) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]
