"""The data for the rule Validation: of all restarts, or of each group.

With groups they have the form of the data to train on: rows with labels, arrays of each group, or
common inputs with targets of each group.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..rules.common import Rule
from ..rules.validation import Validation
from ..spec.network import Network
from ..support.checks import as_array, shown
from ..support.gate import frozen
from ..support.group_labels import GroupLabels, listed, plain_labels
from .data import Data, check_data
from .group_data import GroupData, joined_rows, numbers_of
from .grouping import Groups, named

Pair = tuple[np.ndarray, np.ndarray]
NAMES = ("validation[0]", "validation[1]")
LABELS = "validation[2]"


def take_validation(
    net: Network, validation: Any, rules: tuple[Rule, ...], taken: GroupData
) -> tuple[Pair | None, Groups | None]:
    """Check the data for the rule Validation, whose columns have the names of the others.

    Returns them in the order of the groups, if there are any, and the groups with their rows.
    """
    asked = any(isinstance(rule, Validation) for rule in rules)
    data, groups = taken.data, taken.groups
    form = _form(taken)
    if validation is None:
        if asked:
            raise ValueError(
                f"validation: expected {form} for the rule fastnn.Validation, got None"
            )
        return None, groups
    count = 3 if "labels" in form else 2
    if not isinstance(validation, tuple | list) or len(validation) != count:
        raise TypeError(f"validation: expected {form}, got {shown(validation)}")
    if not asked:
        raise ValueError("validation: expected the rule fastnn.Validation in stop, got none")

    def checked(X: Any, y: Any, names: tuple[str, str] = NAMES) -> Data:
        return check_data(
            net, X, y, data.X.dtype, data.y.shape[1], names=names,
            features=data.features, targets=data.targets,
        )  # fmt: skip

    X, y = validation[:2]
    if groups is None:
        held = checked(X, y)
        return (held.X, held.y), None
    if groups.validation_rows is not None:  # of a stored job
        return _in_order(checked, X, y, groups), groups
    if groups.common_inputs:
        return _common(checked, X, y, taken)
    if taken.is_separate:
        if not isinstance(X, list | tuple | np.ndarray):
            raise TypeError(f"{NAMES[0]}: expected arrays, got {shown(X)}")
        held, sizes = joined_rows(checked, X, y, NAMES)
        if len(sizes) != groups.count:
            raise ValueError(
                f"validation: expected {groups.count} arrays, one for each array of X, got "
                f"{len(sizes)}"
            )
        codes = np.repeat(np.arange(len(sizes)), sizes)
    else:
        held = checked(X, y)
        codes = _codes(groups, validation[2], len(held.X))
    return _by_group(groups, held, codes)


def _form(taken: GroupData) -> str:
    """The form of the data, for errors."""
    if taken.groups is None or taken.groups.validation_rows is not None:
        return "a pair (X, y)"
    if taken.groups.common_inputs:
        return "a pair (X, y) with targets y[i] of each group"
    if taken.is_separate:
        return "a pair (X, y) of sequences with arrays of each group"
    return "(X, y, labels), with the label of each row's group"


def _codes(groups: Groups, labels: Any, rows: int) -> np.ndarray:
    """The place of the group of each row."""
    values = plain_labels(LABELS, labels)
    if len(values) != rows:
        raise ValueError(
            f"{LABELS}: expected {rows} labels, one for each row of {NAMES[0]}, got {len(values)}"
        )
    known = GroupLabels(groups.labels)
    codes = known.find(LABELS, values)
    if (codes < 0).any():
        place = int(np.flatnonzero(codes < 0)[0])
        raise ValueError(
            f"{LABELS}: expected labels of groups to train, got {named(values[place])} at index "
            f"{place}{known.unknown(values[place])}"
        )
    return codes


def _by_group(groups: Groups, held: Data, codes: np.ndarray) -> tuple[Pair, Groups]:
    """Rows in the order of the groups, where group ``codes[i]`` has row i."""
    sizes = np.bincount(codes, minlength=groups.count)
    if not sizes.all():
        raise ValueError(
            "validation: expected at least one row of each group, got none of "
            f"{listed(groups.labels[sizes == 0].tolist())}; add some, or leave out these groups"
        )
    order = np.argsort(groups.ranks[codes], kind="stable")
    if (np.diff(order) == 1).all():
        order = slice(None)  # type: ignore[assignment]
    rows = np.concatenate([[0], np.cumsum(sizes[groups.places])]).astype(np.int64)
    return (held.X[order], held.y[order]), replace(groups, validation_rows=frozen(rows))


def _common(checked: Any, X: Any, y: Any, taken: GroupData) -> tuple[Pair, Groups]:
    """The same inputs for all groups, whose order is that of their labels."""
    groups, dtype, n_targets = taken.groups, taken.data.X.dtype, taken.data.y.shape[1]
    assert groups is not None
    targets = y if isinstance(y, np.ndarray) else as_array(y)
    if targets.ndim == 2 and n_targets == 1:
        targets = targets[..., np.newaxis]
    if targets.ndim != 3 or len(targets) != groups.count:
        raise ValueError(
            f"{NAMES[1]}: expected shape ({groups.count}, n, {n_targets}), with targets of each "
            f"group, got {targets.shape}"
        )
    first = checked(X, targets[0], (NAMES[0], f"{NAMES[1]}[0]"))
    outputs = numbers_of(NAMES[1], targets, dtype).reshape(-1, n_targets)
    rows = np.arange(groups.count + 1, dtype=np.int64) * len(first.X)
    return (first.X, outputs), replace(groups, validation_rows=frozen(rows))


def _in_order(checked: Any, X: Any, y: Any, groups: Groups) -> Pair:
    """The rows of a stored job, which lie in the order of the groups."""
    assert groups.validation_rows is not None
    size = int(groups.validation_rows[1]) if groups.common_inputs else len(y)
    held = checked(X, y[:size])
    return held.X, numbers_of(NAMES[1], y, held.y.dtype) if groups.common_inputs else held.y
