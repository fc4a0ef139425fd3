"""The numbers of a loss: axes of a grid, and columns of hyperparameters after the optimizer's."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..optimizers import Optimizer, Setup
from ..spec.losses import Penalized
from ..support.checks import per_restart

Axes = dict[str, np.ndarray]
Columns = tuple[tuple[int, str], ...]
"""Columns of hyperparameters, each with the axis that fills it."""


def split_axes(optimizer: Optimizer, loss: Penalized, axes: Axes) -> tuple[Axes, Axes]:
    """The axes of a grid that belong to the optimizer, and those that belong to the loss."""
    others = [field.name for field in fields(optimizer)]  # type: ignore[arg-type]
    for name in axes:
        if name in loss.numbers and name in others:
            raise ValueError(
                f"grid: expected axes that belong to one part, got {name}, a number of both "
                f"{type(optimizer).__name__} and {loss.name}"
            )
    of_loss = {name: values for name, values in axes.items() if name in loss.numbers}
    return {name: values for name, values in axes.items() if name not in of_loss}, of_loss


def with_axes(loss: Penalized, axes: Axes, first: int) -> tuple[Penalized, Columns]:
    """The loss with the values of axes, and the columns that they fill; its first is `first`."""
    if not axes:
        return loss, ()
    replace(loss, **axes)  # type: ignore[arg-type]  # checks the values
    made, names = copy(loss), [*loss.numbers]
    for name, values in axes.items():
        object.__setattr__(made, name, values)
    return made, tuple((first + names.index(name), name) for name in axes)


def hyper_rows(
    optimizer: Optimizer,
    setup: Setup,
    loss: Penalized,
    columns: Columns,
    restarts: int,
    dtype: Any,
) -> np.ndarray:
    """The numbers of optimizer and loss: (1, n_hyper), or (restarts, n_hyper) if any is an array.

    Those of a grid have placeholders, until rows are cut.
    """
    swept, parts, first = {column for column, _ in columns}, [], 0
    for part, numbers in ((optimizer, setup.numbers), (loss, loss.numbers)):
        values = {
            name: value[0] if place in swept else value
            for place, (name, value) in enumerate(numbers.items(), start=first)
        }
        if values:
            parts.append(per_restart(type(part).__name__, values, restarts, dtype))
        first += len(values)
    if len(parts) == 1:
        return parts[0]
    rows = max(map(len, parts))
    joined = [np.broadcast_to(part, (rows, part.shape[1])) for part in parts]
    return np.ascontiguousarray(np.concatenate(joined, axis=1))
