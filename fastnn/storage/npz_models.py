"""Models, and models of groups, as a record and arrays of an ``.npz`` file."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..job.record import activations_record, network_of, network_record
from ..results.model import Model
from ..results.models import Models
from ..results.scaling import Scaling
from ..results.scalings import Scalings
from ..support.checks import shown
from ..support.gate import check_array
from ..tabular.encoding import Encoding
from ..tabular.reading import Reading

Arrays = dict[str, np.ndarray]
FALLBACK = "fallback."
"""Begins the names of the arrays of the model for all other groups."""
SCALES = ("inputs.mean", "inputs.scale", "outputs.mean", "outputs.scale", "outputs.log")


def model_record(model: Model) -> tuple[dict[str, Any], Arrays]:
    """The record of a model, and its arrays."""
    record, arrays = _common(model)
    if model.residuals is not None:
        arrays["residuals"] = model.residuals
    return record, arrays


def model_of(about: dict[str, Any], arrays: Arrays) -> Model:
    """The model with this record."""
    return Model(
        network_of(about["network"]),
        arrays["parameters"],
        residuals=arrays.get("residuals"),
        **{name: _scaling(arrays, name) for name in ("inputs", "outputs")},  # type: ignore[arg-type]
        **_meaning(about, arrays),
    )


def models_record(models: Models) -> tuple[dict[str, Any], Arrays]:
    """The record of models of groups, and their arrays.

    Raises
    ------
    TypeError
        If a label is not a str, int, float, bool or tuple of such.
    """
    record, arrays = _common(models)
    record["by"] = models.by
    if models.labels.dtype.kind == "O":
        record["labels"] = [packed_label(label) for label in models.labels]
    else:
        arrays["labels"] = models.labels
    if models.fallback is not None:
        record["fallback"], own = model_record(models.fallback)
        arrays |= {FALLBACK + name: array for name, array in own.items()}
    return record, arrays


def models_of(about: dict[str, Any], arrays: Arrays) -> Models:
    """The models with this record."""
    if ("labels" in about) == ("labels" in arrays):
        raise ValueError("labels: expected them once, in the record or as an array")
    labels = arrays["labels"] if "labels" in arrays else unpacked_label(about["labels"])
    if isinstance(labels, str):
        raise TypeError(f"labels: expected a list, got {shown(labels)}")
    fallback = None
    if "fallback" in about:
        own = {name.removeprefix(FALLBACK): array for name, array in arrays.items()
               if name.startswith(FALLBACK)}  # fmt: skip
        fallback = model_of(about["fallback"], own)
    elif any(name.startswith(FALLBACK) for name in arrays):
        raise ValueError("fallback: expected no arrays of it, got some")
    return Models(
        network_of(about["network"]),
        arrays["parameters"],
        labels,
        by=about["by"],
        fallback=fallback,
        **{name: _scalings(arrays, name) for name in ("inputs", "outputs")},  # type: ignore[arg-type]
        **_meaning(about, arrays),
    )


def _common(model: Model | Models) -> tuple[dict[str, Any], Arrays]:
    """The record and arrays that both have."""
    record: dict[str, Any] = {
        "network": network_record(model.network),
        **activations_record(model.network),
        "features": model.features,
        "targets": model.targets,
    }
    if model.encoding is not None:
        record["encoding"] = model.encoding.record()
    if model.reading is not None:
        record["reading"] = model.reading.to_record()
    arrays = {"parameters": model.parameters}
    for name in ("inputs", "outputs"):
        scaling = getattr(model, name)
        if scaling is not None:
            arrays |= {f"{name}.mean": scaling.mean, f"{name}.scale": scaling.scale}
            if scaling.log:  # an array, so that earlier versions refuse it
                arrays[f"{name}.log"] = np.array(True)
    if model.classes is not None:
        arrays["classes"] = model.classes
    return record, arrays


def _meaning(about: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    """Arguments that both take."""
    return {
        "classes": arrays.get("classes"),
        "features": about["features"],
        "targets": about["targets"],
        "encoding": Encoding.of_record(about["encoding"]) if "encoding" in about else None,
        "reading": Reading(**about["reading"]) if "reading" in about else None,
    }


def _scaling(arrays: Arrays, name: str) -> Scaling | None:
    if not any(f"{name}.{part}" in arrays for part in ("mean", "scale", "log")):
        return None
    log = _flag(arrays, f"{name}.log")
    return Scaling(arrays[f"{name}.mean"], arrays[f"{name}.scale"], log=log)


def _scalings(arrays: Arrays, name: str) -> Scaling | Scalings | None:
    """The scaling of all groups, or one for each, in rows."""
    if arrays.get(f"{name}.mean", np.empty(0)).ndim != 2:
        return _scaling(arrays, name)
    log = _flag(arrays, f"{name}.log")
    return Scalings(arrays[f"{name}.mean"], arrays[f"{name}.scale"], log=log)


def _flag(arrays: Arrays, name: str) -> bool:
    """A flag that is stored only if it is true."""
    if name not in arrays:
        return False
    check_array(name, arrays[name], np.dtype(np.bool_), ())
    return bool(arrays[name])


def packed_label(label: Any) -> Any:
    """A label as JSON has it, tuples as lists.

    Raises
    ------
    TypeError
        If it is not a str, int, finite float, bool or tuple of such.
    """
    if type(label) is tuple:
        return [packed_label(part) for part in label]
    if type(label) in (str, int, bool) or (type(label) is float and np.isfinite(label)):
        return label
    raise TypeError(
        "labels: expected text, integers, finite floats, bools, or tuples of them, got "
        f"{shown(label)} of type {type(label).__name__}; files cannot hold others"
    )


def unpacked_label(label: Any) -> Any:
    """A label from JSON, lists as tuples."""
    if isinstance(label, list):
        return tuple(unpacked_label(part) for part in label)
    if not isinstance(label, str | int | float):
        raise TypeError(f"labels: expected text, numbers or lists of them, got {shown(label)}")
    return label
