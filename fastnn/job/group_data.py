"""Data of groups in all the forms that callers give them, as rows with a place for each group.

Rows may have labels; each group may have arrays of its own; or all may have the same inputs, and
only targets of their own.
"""

from __future__ import annotations

from mmap import mmap
from typing import Any, NamedTuple

import numpy as np

from ..spec.network import Network
from ..support.checks import as_array, integer, real_array, shown
from ..support.gate import frozen
from ..support.group_labels import GroupLabels
from .data import Data, check_data
from .grouping import Groups, groups_of, split_labels

AT_ONCE = 2**22
"""Numbers of a memory-mapped file that are checked at once."""


class Asked(NamedTuple):
    """Groups as a caller passed them, perhaps None though each group has arrays of its own."""

    labels: Any


class GroupData(NamedTuple):
    """Rows of data, and the groups that they belong to, if any."""

    data: Data
    weights: Any
    """The sample weights (n,) of these rows, unchecked, if they were given."""
    groups: Groups | None = None
    order: np.ndarray | None = None
    """The rows in the order of the groups, if they lie in another one."""
    is_separate: bool = False
    """True if each group came with arrays of its own."""


def take_groups(
    net: Network, X: Any, y: Any, weights: Any, asked: Asked | Groups | None,
    dtype: np.dtype, n_targets: int, restarts: int, known: tuple[Any, Any] = (None, None),
) -> GroupData:  # fmt: skip
    """Check data in any form; `known` are the names of columns to expect."""

    def checked(X: Any, y: Any, **names: Any) -> Data:
        return check_data(net, X, y, dtype, n_targets, features=known[0], targets=known[1], **names)

    if isinstance(asked, Groups):
        integer("restarts", restarts, asked.total, asked.total)
        return GroupData(_stored(checked, X, y, asked), weights, asked)
    if asked is None:
        return GroupData(checked(X, y), weights)
    if _is_separate(X):
        data, sizes = joined_rows(checked, X, y)
        weights = _joined_weights(weights, sizes)
    elif (targets := _targets_of_groups(X, y, n_targets)) is not None:
        return _common(checked, X, targets, weights, asked.labels, dtype, n_targets, restarts)
    elif asked.labels is None:
        return GroupData(checked(X, y), weights)
    else:
        data = checked(X, y)
        labels, codes = split_labels(asked.labels, len(data.X))
        return _grouped(data, weights, labels, codes, restarts)
    labels = _labels_of(asked.labels, len(sizes), "array of X")
    made = _grouped(data, weights, labels, np.repeat(np.arange(len(sizes)), sizes), restarts)
    return made._replace(is_separate=True)


def _grouped(
    data: Data, weights: Any, labels: np.ndarray, codes: np.ndarray, restarts: int
) -> GroupData:
    integer("restarts", restarts, 1, 10**12 // len(labels))
    groups, order = groups_of(labels, codes, restarts)
    return GroupData(data, weights, groups, None if (np.diff(order) > 0).all() else order)


def _labels_of(labels: Any, count: int, what: str) -> np.ndarray:
    """The labels of groups that have arrays of their own, by default their numbers."""
    if labels is None:
        return np.arange(count)
    known = GroupLabels(labels, "groups")
    if len(known) != count:
        raise ValueError(f"groups: expected {count} labels, one for each {what}, got {len(known)}")
    return known.array.copy()


def _is_separate(X: Any) -> bool:
    """Return whether X has an array or a frame for each group."""
    if isinstance(X, np.ndarray):
        return X.ndim == 3
    if not isinstance(X, list | tuple) or not X:
        return False
    first = X[0]
    return getattr(first, "ndim", 0) == 2 or len(getattr(first, "shape", ())) == 2


def joined_rows(
    checked: Any, X: Any, y: Any, names: tuple[str, str] = ("X", "y")
) -> tuple[Data, np.ndarray]:
    """The rows of all groups one after the other, and their numbers."""
    x_name, y_name = names
    if not isinstance(y, list | tuple | np.ndarray) or len(y) != len(X):
        count = f"{len(y)} of them" if isinstance(y, list | tuple) else shown(y)
        raise ValueError(
            f"{y_name}: expected {len(X)} arrays, one for each array of {x_name}, got {count}"
        )
    parts = [
        checked(inputs, targets, names=(f"{x_name}[{i}]", f"{y_name}[{i}]"))
        for i, (inputs, targets) in enumerate(zip(X, y, strict=True))
    ]
    sizes = np.array([len(part.X) for part in parts])
    for i, part in enumerate(parts):
        if (part.features, part.targets) != (parts[0].features, parts[0].targets):
            raise ValueError(
                f"{x_name}[{i}], {y_name}[{i}]: expected the columns of {x_name}[0] and "
                f"{y_name}[0], in their order, got others"
            )
    joined = Data(
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.y for part in parts]),
        parts[0].features,
        parts[0].targets,
    )
    return joined, sizes


def _joined_weights(weights: Any, sizes: np.ndarray) -> Any:
    """The weights of all groups one after the other, if they were given."""
    if not isinstance(weights, list | tuple | np.ndarray):
        return weights
    if len(weights) != len(sizes):
        raise ValueError(
            f"sample_weight: expected {len(sizes)} arrays, one for each array of X, got "
            f"{len(weights)} of them"
        )
    parts = [real_array(f"sample_weight[{i}]", part) for i, part in enumerate(weights)]
    for i, (part, size) in enumerate(zip(parts, sizes.tolist(), strict=True)):
        if part.shape != (size,):
            raise ValueError(
                f"sample_weight[{i}]: expected shape ({size},), as many as X[{i}] has rows, got "
                f"{part.shape}"
            )
    return np.concatenate(parts)


def _targets_of_groups(X: Any, y: Any, n_targets: int) -> np.ndarray | None:
    """The targets (groups, n, n_targets) for common inputs; None if y is one data set's."""
    if isinstance(y, list | tuple):
        y = as_array(y)
    shape: tuple[int, ...] = getattr(y, "shape", ())
    samples = len(X) if hasattr(X, "__len__") else 0
    if len(shape) == 3:
        return np.asarray(y)
    # A column of one data set is no row of a group's targets.
    if n_targets == 1 and len(shape) == 2 and shape[1] == samples > 1 and shape[0] > 1:
        return np.asarray(y)[..., np.newaxis]
    return None


def _common(
    checked: Any, X: Any, targets: np.ndarray, weights: Any, labels: Any, dtype: np.dtype,
    n_targets: int, restarts: int,
) -> GroupData:  # fmt: skip
    count, samples = targets.shape[:2]
    if not count:
        raise ValueError("y: expected targets of at least one group, got none")
    first = checked(X, targets[0], names=("X", "y[0]"))
    rows = numbers_of("y", targets, dtype).reshape(-1, n_targets)
    if isinstance(weights, list | tuple | np.ndarray):
        given = real_array("sample_weight", weights, dtype)
        if given.shape not in ((samples,), (count, samples)):
            raise ValueError(
                f"sample_weight: expected shape ({samples},) or ({count}, {samples}), got shape "
                f"{given.shape}"
            )
        weights = np.broadcast_to(given, (count, samples)).reshape(-1)
    integer("restarts", restarts, 1, 10**12 // count)
    named = _labels_of(labels, count, "array of y")
    numbers = np.arange(count + 1, dtype=np.int64)
    places, ends = numbers[:-1].copy(), numbers * samples
    groups = Groups(frozen(named), frozen(places), frozen(ends), restarts, common_inputs=True)
    return GroupData(Data(first.X, rows, first.features, first.targets), weights, groups)


def _stored(checked: Any, X: Any, y: Any, groups: Groups) -> Data:
    """The data of a stored job, which lie in the order of the groups."""
    if not groups.common_inputs:
        return checked(X, y)  # type: ignore[no-any-return]
    size = int(groups.rows[1])
    first = checked(X, y[:size])
    return first._replace(y=numbers_of("y", y, first.y.dtype))  # type: ignore[no-any-return]


def _is_mapped(values: Any) -> bool:
    """Return whether an array, or what it is a view of, is a memory-mapped file."""
    while values is not None and not isinstance(values, np.memmap | mmap):
        values = getattr(values, "base", None)
    return values is not None


def numbers_of(name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Finite numbers of a dtype; those of a file that is mapped for reading are not copied."""
    mapped, plain = (
        _is_mapped(values),
        values.dtype == dtype and values.flags.c_contiguous and values.flags.aligned,
    )
    if not (mapped and plain) or values.flags.writeable:
        return real_array(name, values, dtype)
    made = np.asarray(values)
    flat = made.reshape(-1)
    for start in range(0, len(flat), AT_ONCE):
        if not np.isfinite(flat[start : start + AT_ONCE]).all():
            real_array(name, values, dtype)  # which raises
    return made
