"""The names of a model: of columns, inputs and classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..support.checks import shown
from ..support.frames import Names, check_same
from ..support.labels import as_labels
from ..tabular.encoding import Encoding
from .scaling import Scaling


def columns_of(encoding: Any, n_in: int) -> Names:
    """The columns of an encoding; TypeError or ValueError if it does not make `n_in` inputs."""
    if not isinstance(encoding, Encoding):
        raise TypeError(f"encoding: expected a fastnn.Encoding, got {shown(encoding)}")
    if len(encoding.inputs) != n_in:
        raise ValueError(
            f"encoding: expected one that makes {n_in} inputs, got {len(encoding.inputs)}"
        )
    return encoding.names


def joined(
    name: str, scaling: Scaling | None, names: Names | None
) -> tuple[Scaling | None, Names | None]:
    """A scaling and the names of a model's columns, which both have if one of them has."""
    if scaling is None:
        return None, names
    check_same(name, scaling.names, names)
    if names is None or scaling.names == names:
        return scaling, scaling.names
    return replace(scaling, names=names), names


def class_labels(classes: Any, n_out: int) -> np.ndarray | None:
    """The labels of a model's classes, of which `n_out` outputs need so many."""
    if classes is None:
        return None
    labels = as_labels("classes", classes)
    expected = max(2, n_out)
    if len(labels) != expected or len(np.unique(labels)) != expected:
        raise ValueError(f"classes: expected {expected} different labels, got {shown(classes)}")
    labels.flags.writeable = False
    return labels
