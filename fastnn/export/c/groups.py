"""Models of groups in a C header: the tables of all networks, and the search of a label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...results.model import Model
from ...results.models import Models
from ...results.scaling import Scaling
from ...support.checks import shown
from .narrow import narrow, outputs_of
from .text import label_table
from .vector import Vector, typical, vector_of

TESTED = 3
"""Maximum number of groups in the test vector."""
# Text is compared byte by byte, as its labels are sorted.
COMPARE_TEXT = """
static inline int NAME_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return ((unsigned char)*a > (unsigned char)*b)
        - ((unsigned char)*a < (unsigned char)*b);
}
"""
COMPARE_INTEGERS = """
static inline int NAME_compare(KIND a, KIND b)
{
    return (a > b) - (a < b);
}
"""
FIND = """
NAME_PUBLIC int NAME_find(TAKEN label)
{
    int low = 0, high = NAME_GROUPS - 1;
    while (low <= high) {
        const int middle = low + (high - low) / 2;
        const int order = NAME_compare(NAME_groups[middle], label);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}
"""


@dataclass(frozen=True)
class Index:
    """The labels of groups in their order in C, which is that of the labels."""

    labels: list[Any]

    @property
    def table(self) -> tuple[str, list[str]]:
        """The C type of the labels, and each as a C literal."""
        return label_table(self.labels, True, "labels")

    @property
    def taken(self) -> str:
        """The C type of a label as an argument."""
        kind = self.table[0]
        return "const char *" if kind.startswith("char") else kind

    def functions(self) -> Iterator[str]:
        """The comparison of two labels, and the search."""
        if isinstance(self.labels[0], str):
            yield COMPARE_TEXT.lstrip("\n")
        else:
            yield COMPARE_INTEGERS.replace("KIND ", self.taken).lstrip("\n")
        yield FIND.replace("TAKEN label", f"{self.taken}label").lstrip("\n")


def in_order(models: Models, dtype: str) -> Models:
    """The models by their labels in order, in the type of the header, without the fallback.

    Raises
    ------
    ValueError
        If labels are neither text nor integers.
    """
    kinds = {type(label) for label in models}
    if kinds not in ({str}, {int}):
        raise ValueError(
            f"labels: expected text or integers for C, got {shown(list(models))}; make the models "
            "with such labels"
        )
    labels = sorted(models, key=lambda label: label.encode() if kinds == {str} else label)
    every = [models.without_encoding()[label] for label in labels]
    made = [narrow(one) for one in every] if dtype == "float32" else [*map(_wide, every)]
    scaled: dict[str, Any] = {}
    for name in ("inputs", "outputs"):
        own = [getattr(one, name) for one in made]
        common = own[0] is None or isinstance(getattr(models, name), Scaling)
        scaled[name] = own[0] if common else own
    parameters = np.concatenate([one.parameters for one in made])
    return Models(
        made[0].network, parameters, labels, classes=models.classes, features=made[0].features,
        targets=made[0].targets, **scaled,
    )  # fmt: skip


def _wide(model: Model) -> Model:
    return replace(model, parameters=model.parameters.astype(np.float64))


def vector_of_groups(models: Models, made: Models) -> tuple[Vector, list[int]] | None:
    """The test vector: a sample of the first, the middle and the last group, and their places."""
    found, places = [], []
    for sample, place in enumerate(sorted({0, len(made) // 2, len(made) - 1})[:TESTED]):
        label = list(made)[place]
        model, part = models.without_encoding()[label], made[label]
        rows = typical(model)[sample : sample + 1]

        def exported(X: np.ndarray, part: Model = part) -> np.ndarray:
            return outputs_of(part, X)

        vector = vector_of(model, exported, rows, made.dtype.name)
        if vector is not None:
            found.append(vector)
            places.append(place)
    if not found:
        return None
    x, y = (np.concatenate([getattr(one, name) for one in found]) for name in "xy")
    return Vector(x, y, np.max([one.off for one in found], axis=0)), places
