"""Models as plain JSON, readable in any language, and back to the same bits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..results.model import Model
from ..results.models import Models
from ..results.scaling import Scaling
from ..spec import own_activations
from ..spec.network import Network
from ..storage.npz_models import packed_label, unpacked_label
from ..support.atomic_files import DamagedFile, destination, record_in, refuse_others, sealed
from ..support.checks import float_type, real_array, shown
from ..support.suggestions import suggests
from ..support.version import __version__
from ..tabular.encoding import Encoding
from .common import labels_of, layers_of, network_model, write
from .pipelines import exported_model

FORMAT, VERSION, ENCODED = "fastnn model", 1, 2
"""The later version has an encoding, without which readers would misunderstand the inputs."""
FORMAT_OF_GROUPS = "fastnn models"
TEXT = Path("the text")
"""Stands for the path if there is no file."""
NAMES = {"format", "version", "members", "dtype"}
NAMES_OF_GROUPS = {"format", "version", "labels", "models"}
MORE_NAMES = {"fastnn", "inputs", "outputs", "classes", "features", "targets", "digest",
              "encoding", "activations"}  # fmt: skip


@suggests
def to_json(model: Any, path: Any = None) -> str:
    """Convert a model to JSON: one object, whose numbers read back to the same bits.

    ===============  =================================================================
    name             value
    ===============  =================================================================
    ``format``       ``"fastnn model"``
    ``version``      1, or 2 with an encoding: readers refuse other numbers
    ``fastnn``       the version of fastnn that wrote it
    ``dtype``        ``"float64"`` or ``"float32"``: in which the network computes
    ``inputs``       null, or ``{"mean": [n_in numbers], "scale": [n_in numbers]}``:
                     the network sees ``(x - mean) / scale``
    ``members``      a list of networks of one shape, whose outputs are averaged, each
                     a list of layers ``{"activation": name, "weights": n_in lists of
                     n_out numbers, "biases": n_out numbers or null}``
    ``outputs``      null, or the same for the outputs: predicted is
                     ``output * scale + mean``; or ``{"log_mean": …, "log_scale": …}``:
                     predicted is ``exp(output * log_scale + log_mean)``
    ``classes``      null, or the labels: strings, whole numbers, numbers or booleans,
                     one for each output, or two for one output: the share of the
                     second; several sigmoids are divided by their sum
    ``features``     null, or the names of the inputs
    ``targets``      null, or the names of what is predicted
    ``encoding``     only in version 2: the columns that become the inputs, in order,
                     each ``{"name": text, "categories": texts, "fill": number or
                     null, "indicator": true or false}``, as `Column` has them
    ``activations``  only with activations of your own: the formulas of those
                     that ``members`` name
    ``digest``       SHA-256 in hexadecimal of all the rest, as ASCII JSON without
                     spaces, names sorted
    ===============  =================================================================

    With an encoding, a column without categories is one input, in which ``fill`` stands for empty
    cells, and with ``indicator`` a second one, 1 where the cell was empty and 0 elsewhere.  Two
    categories are one input, 0 for the first, 1 for the second and 0.5 for any other text; more are
    one input for each, 1 for this text and 0 elsewhere.  The category ``""`` is that of empty
    cells.  The inputs are scaled after that.

    `Models` have the format ``"fastnn models"`` of version 1 instead: ``labels``, a list of text,
    numbers, booleans, or lists of them, for each label of a group; ``models``, an object like the
    one above for each; ``by``, null or the name of the column of labels; and ``fallback``, null or
    such an object.

    A layer computes ``activation(x @ weights + biases)``; the activations are those of `Network`,
    and those under ``activations``.  There, ``function`` has ``arguments``, one name, and
    ``nodes``, whose last one is the result: each is a list of its kind, such as ``"add"``, and the
    places of its operands among the nodes before, or ``["argument", name]`` or ``["constant",
    number]``.
    All sigmoids of a row may underflow.  So their quotients are best computed as the softmax of
    their logarithms, ``min(z, 0) - log1p(exp(-abs(z)))`` for ``z = x @ weights + biases``; with
    several members, as the softmax of the logarithms of their sums.  Another program that writes
    such a file may leave out ``fastnn``, ``digest`` and whatever is null.

    Parameters
    ----------
    model : Model, Models, Run, fitted estimator, or pipeline
        Of fastnn or scikit-learn; a pipeline has scalers and a network.
    path : str or PathLike, optional
        A file to write as well.  An existing file, or the target of a symbolic link, is replaced
        once the new one is complete, and keeps its permissions.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If `model` or `path` has the wrong type or value.
    OSError
        If the file cannot be written.
    """
    grouped = isinstance(model, Models)
    model = model if grouped else exported_model(model)
    if path is not None:
        destination(path)
    record = _groups_record(model) if grouped else _model_record(model)
    text = _text(sealed(record)) + "\n"
    if path is not None:
        write(path, text.encode())
    return text


def _model_record(model: Model) -> dict[str, Any]:
    layers = layers_of(model)
    record = {
        "format": FORMAT,
        "version": VERSION if model.encoding is None else ENCODED,
        "fastnn": __version__,
        "dtype": model.dtype.name,
        "inputs": _scaling_record(model.inputs),
        "members": [
            [
                {
                    "activation": layer.activation,
                    "weights": layer.weights[k].tolist(),
                    "biases": None if layer.biases is None else layer.biases[k].tolist(),
                }
                for layer in layers
            ]
            for k in range(len(model.parameters))
        ],
        "outputs": _scaling_record(model.outputs),
        "classes": labels_of(model),
        "features": model.features and list(model.features),
        "targets": model.targets and list(model.targets),
    }
    own = own_activations.definitions(model.network.activation)
    if own:
        record["activations"] = own
    if model.encoding is not None:
        record["encoding"] = model.encoding.record()
    return record


def _groups_record(models: Models) -> dict[str, Any]:
    other = models.fallback
    return {
        "format": FORMAT_OF_GROUPS,
        "version": VERSION,
        "fastnn": __version__,
        "by": models.by,
        "labels": [packed_label(label) for label in models],
        "models": [_model_record(models[label]) for label in models],
        "fallback": None if other is None else _model_record(other),
    }


@suggests
def from_json(source: str | os.PathLike[str]) -> Model | Models:
    """Read a model, or models of groups, from a JSON file or text, as written by `to_json`.

    Parameters
    ----------
    source : str or PathLike
        A path, or the text itself, which begins with ``{``.

    Returns
    -------
    Model or Models

    Raises
    ------
    TypeError
        If `source` is neither.
    OSError
        If the file cannot be read.
    DamagedFile
        If it is damaged, not a model of fastnn, or of a later version: a ValueError with path and
        reason.
    """
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source: expected the path of a file, or JSON text, got {shown(source)}")
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return _model(_record(source, TEXT), TEXT)
    path = Path(source)
    refuse_others(path)
    return _model(_record(path.read_bytes(), path), path)


def _record(text: str | bytes, path: Path) -> dict[str, Any]:
    kinds = FORMAT, FORMAT_OF_GROUPS
    return record_in(text, path, kinds, _version_of, needs_digest=False)


def _version_of(record: dict[str, Any]) -> int:
    return ENCODED if "encoding" in record else VERSION


def _model(record: dict[str, Any], path: Path) -> Model | Models:
    try:
        if record["format"] == FORMAT_OF_GROUPS:
            return _models_of(record)
        return _model_of(record)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedFile(path, f"it does not describe a model: {error}") from error


def _models_of(record: dict[str, Any]) -> Models:
    _check_names("", record, NAMES_OF_GROUPS, {"fastnn", "by", "fallback", "digest"})
    every = [_part(f"models[{i}]", one) for i, one in enumerate(_list("models", record["models"]))]
    first = every[0]
    alike = ("network", "dtype", "features", "targets", "encoding")
    for i, model in enumerate(every):
        same = all(getattr(model, name) == getattr(first, name) for name in alike)
        if not same or len(model.parameters) > 1 or labels_of(model) != labels_of(first):
            raise ValueError(
                f"models[{i}]: expected one network, and all else as that of models[0] but its "
                "numbers and scales"
            )
    fallback = record.get("fallback")
    return Models(
        first.network,
        np.concatenate([model.parameters for model in every]),
        [unpacked_label(label) for label in _list("labels", record["labels"])],
        inputs=_scalings("inputs", every),
        outputs=_scalings("outputs", every),
        classes=first.classes,
        features=first.features,
        targets=first.targets,
        encoding=first.encoding,
        by=record.get("by"),
        fallback=None if fallback is None else _part("fallback", fallback),
    )


def _part(name: str, record: Any) -> Model:
    """A model of a record within another."""
    _check_names(name, record, NAMES, MORE_NAMES)
    if (record["format"], record["version"]) != (FORMAT, _version_of(record)):
        raise ValueError(
            f"{name}: expected a {FORMAT!r} of version {_version_of(record)}, got another"
        )
    return _model_of(record)


def _scalings(name: str, models: list[Model]) -> Scaling | list[Scaling] | None:
    """The scaling of all models if they have the same, or one for each."""
    every = [getattr(model, name) for model in models]
    records = [_scaling_record(scaling) for scaling in every]
    return every[0] if all(one == records[0] for one in records) else every


def _model_of(record: dict[str, Any]) -> Model:
    _check_names("", record, NAMES, MORE_NAMES)
    dtype = float_type(record["dtype"])
    own_activations.define(record.get("activations", []))
    members = _list("members", record["members"])
    read = [_member(f"members[{k}]", layers, dtype) for k, layers in enumerate(members)]
    if len({net for net, _ in read}) != 1:
        raise ValueError(
            f"members: expected networks of the same shape, got {len(read)} members of different "
            "shapes"
        )
    classes = record.get("classes")
    if classes is not None and len({type(label) for label in _list("classes", classes)}) != 1:
        raise TypeError(
            "classes: expected labels all of one type (str, int, float or bool), got "
            f"{shown(classes)}"
        )
    model = Model(
        read[0][0],
        np.stack([parameters for _, parameters in read]),
        inputs=_scaling("inputs", record.get("inputs")),
        outputs=_scaling("outputs", record.get("outputs")),
        classes=classes,
        features=record.get("features"),
        targets=record.get("targets"),
        encoding=Encoding.of_record(record["encoding"]) if "encoding" in record else None,
    )
    labels_of(model)
    return model


def _member(name: str, layers: Any, dtype: np.dtype) -> tuple[Network, np.ndarray]:
    """Network and parameters of one member."""
    weights, biases, activation = [], [], []
    for i, layer in enumerate(_list(name, layers)):
        _check_names(f"{name}[{i}]", layer, {"activation", "weights"}, {"biases"})
        weights.append(_matrix(f"{name}[{i}].weights", layer["weights"]))
        activation.append(layer["activation"])
        if layer.get("biases") is not None:
            biases.append(real_array(f"{name}[{i}].biases", layer["biases"]))
    model = network_model(name, weights, biases, activation)
    return model.network, _in_type(name, model.parameters[0], dtype)


def _in_type(name: str, parameters: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = parameters.astype(dtype)
    if not (cast == parameters).all():
        raise ValueError(
            f"{name}: expected numbers that {dtype} represents exactly, got numbers that it rounds"
        )
    return cast


def _matrix(name: str, rows: Any) -> np.ndarray:
    """A matrix from non-empty rows of equal length."""
    lengths = {len(_list(name, row)) for row in _list(name, rows)}
    if len(lengths) != 1:
        raise ValueError(f"{name}: expected rows of equal length, got different lengths")
    return real_array(name, rows)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise TypeError(f"{name}: expected a non-empty list, got {shown(value)}")
    return value


def _check_names(name: str, value: Any, needed: set[str], more: set[str]) -> None:
    place = f"{name}: " if name else ""
    if not isinstance(value, dict):
        raise TypeError(f"{place}expected an object, got {shown(value)}")
    for missing in sorted(needed - value.keys()):
        raise ValueError(f"{place}expected the key {missing!r}, got none")
    for other in sorted(value.keys() - needed - more):
        raise ValueError(f"{place}expected only known keys, got {other!r}")


def _scaling(name: str, record: Any) -> Scaling | None:
    if record is None:
        return None
    log = name == "outputs" and isinstance(record, dict) and "log_mean" in record
    mean, scale = ("log_mean", "log_scale") if log else ("mean", "scale")
    _check_names(name, record, {mean, scale}, set())
    return Scaling(record[mean], record[scale], log=log)


def _scaling_record(scaling: Scaling | None) -> dict[str, list[float]] | None:
    if scaling is None:
        return None
    # Other names, which a reader that does not know logarithms misses.
    log = "log_" if scaling.log else ""
    return {f"{log}mean": scaling.mean.tolist(), f"{log}scale": scaling.scale.tolist()}


def _text(value: Any, indent: str = "") -> str:
    """JSON text with each list of numbers or strings on one line, and all else on its own lines."""
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {_text(part, inner)}" for name, part in value.items()]
    elif isinstance(value, list) and any(isinstance(part, list | dict) for part in value):
        parts = [_text(part, inner) for part in value]
    else:
        return json.dumps(value, allow_nan=False)
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"
