"""Numbers that differ between restarts: those of a grid, and those of groups."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..optimizers import Optimizer
from ..spec.grid import Grid
from ..spec.losses import Penalized
from ..spec.network import Network
from ..spec.per_layer import PerLayer, arrays_among, layer_numbers
from ..support.checks import shown
from ..support.suggestions import hint
from .grouping import Groups
from .job import Job
from .loss_numbers import Columns, split_axes, with_axes
from .parts import setup_of, with_numbers


def rows_of_all(rows: np.ndarray, groups: Groups | None) -> np.ndarray:
    """Rows of numbers for all restarts, given those for the restarts of a single group."""
    if groups is None or len(rows) == 1 or groups.count == 1:
        return rows
    return np.tile(rows, (groups.count, 1))


def check_kind_in_groups(job: Job) -> None:
    """Raise ValueError if some restarts of a group need an optimizer with other memory."""
    least = with_numbers(job.optimizer, lambda array: float(array.min()))
    if setup_of(least, job.net, job.samples, job.loss).kind != job.setup.kind:
        raise ValueError(
            "optimizer: expected numbers that are 0 in all restarts or in none with groups, such "
            "as momentum, since its memory depends on them, got 0 in some of them"
        )


def with_grid(
    optimizer: Optimizer, loss: Penalized, grid: Grid, net: Network, samples: int, last: int
) -> tuple[Optimizer, Penalized, Columns]:
    """Optimizer and loss with the grid's values, and the columns that the axes fill."""
    if not isinstance(grid, Grid):
        raise TypeError(f"grid: expected a fastnn.Grid, got {shown(grid)}")
    if last > grid.restarts:
        raise ValueError(
            f"grid: expected first + restarts up to {grid.restarts}, the restarts of {grid!r}, got "
            f"{last}"
        )
    own, of_loss = split_axes(optimizer, loss, grid.axes)
    axes = _fields_of(optimizer, own, net)
    # If any combination is invalid, so is the largest value of some axis with the smallest of the
    # others.
    pool = dict(arrays_among(vars(optimizer) | axes))
    corners = {name: np.full(len(pool) + 1, values.min()) for name, values in pool.items()}
    for i, (name, values) in enumerate(pool.items()):
        corners[name][i + 1] = values.max()
    replace(optimizer, **_fields_of(optimizer, corners, net))  # type: ignore[type-var]
    made = copy(optimizer)
    for field, values in axes.items():
        object.__setattr__(made, field, values)
    columns = []
    for axis in own:
        field, _, layer = axis.rpartition("_")
        per_layer = field in axes and isinstance(axes[field], PerLayer)
        value = getattr(made, field).values[int(layer)] if per_layer else getattr(made, axis)
        found = [
            i for i, number in enumerate(made.setup(net, samples).numbers.values())
            if number is value
        ]  # fmt: skip
        if not found:
            raise ValueError(f"grid: expected an axis of numbers, got {axis}")
        columns += [(column, axis) for column in found]
    loss, more = with_axes(loss, of_loss, len(made.setup(net, samples).numbers))
    return made, loss, (*columns, *more)


def _fields_of(optimizer: Optimizer, axes: dict[str, Any], net: Network) -> dict[str, Any]:
    """Fields of the optimizer with the values of the axes, which may belong to single layers."""
    names = [field.name for field in fields(optimizer)]  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    layers: dict[str, list[Any]] = {}
    for name, values in axes.items():
        field, _, layer = name.rpartition("_")
        if name in names:
            found[name] = values
        elif field in axes:
            raise ValueError(
                f"grid: expected an axis {field}, or one for each layer, got both {field} and "
                f"{name}"
            )
        elif field in names and layer.isdecimal() and layer == str(int(layer)):
            given = layer_numbers(field, getattr(optimizer, field), net).values()
            if int(layer) >= net.depth:
                raise ValueError(f"grid: expected {field}_0 to {field}_{net.depth - 1}, got {name}")
            layers.setdefault(field, list(given))[int(layer)] = values
        else:
            raise ValueError(
                f"grid: expected axes among {', '.join(names)}, numbers of "
                f"{type(optimizer).__name__}, got {name}{hint(name, names, str)}"
            )
    for field, numbers in layers.items():
        if any(number is None for number in numbers):
            raise ValueError(
                f"grid: expected {field}_0 to {field}_{net.depth - 1}, or a value of {field} in "
                "the optimizer for the other layers, got only some of them"
            )
        found[field] = PerLayer(*numbers)
    return found
