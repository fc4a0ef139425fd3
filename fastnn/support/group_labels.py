"""Labels of groups, and the groups of rows by their labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from .checks import shown
from .frames import series_values
from .suggestions import hint

LISTED = 5
"""Maximum number of labels that an error lists."""


class GroupLabels:
    """Distinct labels, and the place of each.

    Labels that compare equal in Python are the same, such as 1, 1.0 and True.

    Parameters
    ----------
    values : sequence
        Labels of any hashable kind; NaN and None are none.
    name : str, default "labels"
        The argument, for errors.

    Attributes
    ----------
    array : (groups,) array
        Read-only; of objects if no other type holds the labels as they are.

    Raises
    ------
    TypeError, ValueError
        If they are not labels, or not distinct.
    """

    def __init__(self, values: Any, name: str = "labels") -> None:
        labels = plain_labels(name, values)
        if not labels:
            raise ValueError(f"{name}: expected at least one label, got none")
        self.places: dict[Any, int] = {}
        for place, label in enumerate(labels):
            try:
                first = self.places.setdefault(label, place)
            except TypeError as error:
                raise _unhashable(name, labels) from error
            if label is None or label != label:
                raise ValueError(f"{name}: expected labels, got {label!r} at index {place}")
            if first != place:
                raise ValueError(
                    f"{name}: expected different labels, got {shown(label)} at the indices "
                    f"{first} and {place}"
                )
        self.array = as_array(labels)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.places)

    def find(self, name: str, values: Any) -> np.ndarray:
        """The place of each label, -1 for those that are none of these.

        Returns
        -------
        (n,) array of int64
        """
        labels = plain_labels(name, values)
        try:
            return np.fromiter(map(self.places.get, labels, repeat(-1)), np.int64, len(labels))
        except TypeError as error:
            raise _unhashable(name, labels) from error

    def unknown(self, label: Any) -> str:
        """The end of an error message about a label that is none of these."""
        if isinstance(label, str):
            return hint(label, [known for known in self if isinstance(known, str)])
        return ""

    def listed(self) -> str:
        """The first labels, and how many more there are."""
        return listed(list(self))


def plain_labels(name: str, values: Any) -> list[Any]:
    """Convert an array (n,), a series of a data frame, or a sequence to a list of Python's labels.

    Raises
    ------
    TypeError, ValueError
        If it is none of them.
    """
    values = series_values(values)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError(f"{name}: expected an array of shape (n,), got {shown(values)}")
        # The times of NumPy would become plain integers.
        labels = list(values) if values.dtype.kind in "mM" else values.tolist()
    elif isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: expected a sequence of labels, got {shown(values)}")
    else:
        labels = list(values)
    return labels


def as_array(labels: list[Any]) -> np.ndarray:
    """A read-only array (n,) of labels: of one of NumPy's types where it holds them as they are."""
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    kinds = {type(label) for label in labels}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        plain = np.array(labels)
        if plain.dtype.kind in "Uifbu" and plain.tolist() == labels:
            array = plain
    array.flags.writeable = False
    return array


def listed(labels: list[Any]) -> str:
    """The first of some labels, and how many more there are."""
    text = ", ".join(map(shown, labels[:LISTED]))
    return f"{text} and {len(labels) - LISTED:,} more" if len(labels) > LISTED else text


def _unhashable(name: str, labels: list[Any]) -> TypeError:
    place = next(i for i, label in enumerate(labels) if not _is_hashable(label))
    return TypeError(
        f"{name}: expected labels that can be hashed, got {shown(labels[place])} at index {place}"
    )


def _is_hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True
