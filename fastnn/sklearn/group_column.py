"""The column of groups, taken out of the inputs."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from ..support.checks import shown
from ..support.frames import Names, frame_names, listed, split_frame
from ..support.group_labels import plain_labels
from ..support.suggestions import hint
from .numbers_only import numbers_only


class Split(NamedTuple):
    """Inputs without their column of groups."""

    labels: list[Any]
    features: np.ndarray
    names: Names | None
    """Names of the features, in a data frame."""
    by: str | None
    """Name of the column of groups, in a data frame."""


def split_groups(X: Any, column: Any, advice: str) -> Split:
    """Split inputs into the labels of groups and the features.

    Parameters
    ----------
    X : (n, n_features + 1) array, sequence or data frame
    column : str or int
        Name or index of the column of groups.
    advice : str
        What to do about features that are no numbers.

    Raises
    ------
    TypeError, ValueError
        If there is no such column, a row lacks a group, or features are not finite numbers.
    """
    names, by = frame_names("X", X), None
    if names is None:
        array = _array(X)
        place = _place_of(column, names, array.shape[1])
        cells, rest = array[:, place], np.delete(array, place, axis=1)
    else:
        place = _place_of(column, names, len(names))
        cells, rest = split_frame("X", X, place)
        by, names = names[place], names[:place] + names[place + 1 :]
    features = np.empty((len(cells), 0))
    if rest.shape[1] > 0:
        with numbers_only("X", rest, advice):
            features = check_array(rest, dtype=np.float64, input_name="X")
    labels = plain_labels("X", cells)
    for row, label in enumerate(labels):
        if label is None or label != label:
            raise ValueError(
                f"X: expected a group in each row, got {label!r} in row {row} of the column "
                f"{column!r}; fill it, or leave such rows out"
            )
    return Split(labels, features, names, by)


def check_column(column: Any) -> None:
    """Raise TypeError unless this may be the name or the index of a column."""
    is_index = isinstance(column, numbers.Integral) and not isinstance(column, bool | np.bool_)
    if not (is_index or isinstance(column, str)):
        raise TypeError(f"groups: expected the name or index of a column of X, got {shown(column)}")


def _array(X: Any) -> np.ndarray:
    """Convert what is no frame to an array (n, columns); texts and numbers stay what they are."""
    if not isinstance(X, np.ndarray) and not hasattr(X, "toarray"):
        found = np.asarray(X)
        X = np.asarray(X, dtype=object) if found.dtype.kind in "US" else found
    array: np.ndarray = check_array(X, dtype=None, input_name="X")
    return array


def _place_of(column: Any, names: Names | None, count: int) -> int:
    if isinstance(column, str):
        if names is None:
            raise ValueError(
                f"groups: expected the index of a column, as X is no data frame, got {column!r}"
            )
        if column not in names:
            raise ValueError(
                f"groups: expected a column of X, such as {listed(names)}, got {column!r}"
                f"{hint(column, names, shown)}"
            )
        return names.index(column)
    if not -count <= column < count:
        raise ValueError(f"groups: expected the index of one of {count} columns, got {column}")
    return int(column) % count
