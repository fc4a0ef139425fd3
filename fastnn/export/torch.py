"""Models as the ``state_dict`` of PyTorch's Linear layers, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.scaling import Scaling
from ..support.checks import real_array, shown
from ..support.suggestions import suggests
from .common import layers_of, network_model
from .folding import single


@suggests
def to_torch(model: Any, *, fold: bool = False) -> dict[str, Any]:
    """Convert a model to the state of a PyTorch ``nn.Sequential(Linear, activation, Linear, …)``.

    Load it with ``module.load_state_dict(to_torch(model))``.  Activations, labels and names are not
    included: the module has the activations.  PyTorch's names are ``Sigmoid``, ``Tanh``, ``ReLU``,
    ``Identity`` (or none at the end), ``LeakyReLU(0.01)``, ``Softplus`` (which drops terms below
    2e-9 for inputs above 20), ``Softsign`` for "elliott", ``SiLU``, ``GELU(approximate="tanh")``,
    ``ELU``, ``SELU``, ``Hardsigmoid``, and ``Softmax(dim=1)``; PyTorch has none for "sine",
    "gaussian" and "arctan".

    Parameters
    ----------
    model : Model, Run, fitted estimator, or pipeline
        Of fastnn or scikit-learn, with one member; a pipeline has scalers and a network.
    fold : bool, default False
        Fold the scaling of inputs into the first layer, and that of outputs into the last, whose
        activation must then be "identity"; this changes rounding.

    Returns
    -------
    dict of torch.Tensor
        "0.weight" (n_out, n_in), "0.bias" (n_out,), "2.weight", …, in the model's dtype; without
        "bias" if the network has no biases.

    Raises
    ------
    ImportError
        If PyTorch is missing.
    TypeError, ValueError
        If an argument has the wrong type or value, or the model is an ensemble, or is scaled and
        `fold` is False.
    """
    checked = single(model, "PyTorch's layout", fold)
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch") from error
    state = {}
    for i, layer in enumerate(layers_of(checked)):
        state[f"{2 * i}.weight"] = torch.from_numpy(np.array(layer.weights[0].T, order="C"))
        if layer.biases is not None:
            state[f"{2 * i}.bias"] = torch.from_numpy(np.array(layer.biases[0]))
    return state


@suggests
def from_torch(
    state_dict: Mapping[str, Any],
    activation: str | Sequence[str],
    *,
    inputs: Scaling | None = None,
    outputs: Scaling | None = None,
    classes: Any = None,
    features: Any = None,
    targets: Any = None,
) -> Model:
    """Make a model of the Linear layers of a PyTorch module; PyTorch need not be installed.

    Parameters
    ----------
    state_dict : mapping of str to tensors or arrays
        The ``module.state_dict()`` of Linear layers only: "NAME.weight" (n_out, n_in) and, for all
        or for none, "NAME.bias" (n_out,).  Layers whose names differ only in a number at the end
        are sorted by that number, others keep the order of the mapping.
    activation : str or sequence of str
        As in `Network`: one for all layers, or one for each, such as ``["relu", "identity"]``.
    inputs, outputs, classes, features, targets
        As in `Model`.

    Returns
    -------
    Model
        In float64 if any tensor is, or any array has a type other than float32 or float16;
        otherwise in float32.

    Raises
    ------
    TypeError, ValueError
        If the state has other layers, or their shapes do not match, or another argument has the
        wrong type or value.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"state_dict: expected a mapping of names to tensors, got {shown(state_dict)}"
        )
    arrays = {key: _array(key, value) for key, value in state_dict.items()}
    layers: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        layer, _, kind = key.rpartition(".")
        if kind not in ("weight", "bias") or array.ndim != (2 if kind == "weight" else 1):
            raise ValueError(
                "state_dict: expected weights (n_out, n_in) and biases (n_out,) of Linear layers, "
                f"got {key!r} of shape {array.shape}"
            )
        layers.setdefault(layer, {})[kind] = array
    for layer, parts in layers.items():
        if "weight" not in parts:
            raise ValueError(
                f"state_dict: expected a weight with every bias, got only a bias for {layer!r}"
            )
    ordered = [layers[layer] for layer in _in_order([*layers])]
    return network_model(
        "state_dict",
        [parts["weight"].T for parts in ordered],
        [parts["bias"] for parts in ordered if "bias" in parts],
        activation,
        inputs=inputs,
        outputs=outputs,
        classes=classes,
        features=features,
        targets=targets,
    )


def _array(key: Any, value: Any) -> np.ndarray:
    """A tensor or an array as floats."""
    if not isinstance(key, str):
        raise TypeError(f"state_dict: expected names of parameters, got {shown(key)}")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):  # which NumPy does not have
            value = value.float()
        value = value.numpy()
    single_precision = getattr(value, "dtype", None) in (np.float32, np.float16)
    dtype = np.float32 if single_precision else np.float64
    return real_array(f"state_dict[{key!r}]", value, dtype)


def _in_order(names: list[str]) -> list[str]:
    """Sort names by their numbers, if they differ only in a number at the end."""
    parts = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    numbered = [part for part in parts if part]
    if len(numbered) < len(names) or len({part[1] for part in numbered}) > 1:
        return names
    return sorted(names, key=lambda name: int(name[len(numbered[0][1]) :]))
