"""Sweeps: hyperparameters as functions of the index of the restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..support.checks import integer, real_array, shown

MAX_CELLS = 10**12


@dataclass(frozen=True, init=False, eq=False)
class Grid:
    """All combinations of given values of an optimizer's numbers.

    Restart k belongs to cell ``k // restarts_per_cell``; cells count the grid in C order, the last
    axis fastest.  Hyperparameters are computed chunk by chunk, so a grid takes no memory.

    Parameters
    ----------
    restarts_per_cell : int, default 1
    **axes : sequence of float
        Values by the name of the optimizer's number, such as ``learning_rate`` or ``momentum``;
        those of single layers are ``learning_rate_0``, ``learning_rate_1``, …

    Attributes
    ----------
    axes : dict of str to (values,) array
    shape : tuple of int
        Number of values on each axis.
    restarts : int
        Cells times restarts per cell.

    Raises
    ------
    TypeError, ValueError
        If an axis is not a sequence of finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> grid = Grid(learning_rate=np.geomspace(0.1, 10, 5), momentum=[0, 0.5, 0.9])
    >>> grid.shape, grid.restarts
    ((5, 3), 15)
    """

    axes: dict[str, np.ndarray]
    restarts_per_cell: int

    def __init__(self, *, restarts_per_cell: int = 1, **axes: Any) -> None:
        if not axes:
            raise ValueError("Grid: expected at least one axis such as learning_rate=[…], got none")
        checked = {}
        for name, values in axes.items():
            array = real_array(f"Grid({name}=)", values)
            if array.ndim != 1 or array.size == 0:
                raise ValueError(
                    f"Grid({name}=): expected a sequence of numbers, got {shown(array)}"
                )
            if np.asarray(values).dtype == bool:
                raise TypeError(f"Grid({name}=): expected real numbers, got dtype bool")
            array.flags.writeable = False
            checked[name] = array
        object.__setattr__(self, "axes", checked)
        count = integer("restarts_per_cell", restarts_per_cell, 1)
        object.__setattr__(self, "restarts_per_cell", count)
        integer("Grid: restarts", self.restarts, 1, MAX_CELLS)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each axis."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def restarts(self) -> int:
        """Cells times restarts per cell."""
        count = self.restarts_per_cell
        for size in self.shape:
            count *= size
        return count

    @property
    def bytes(self) -> int:
        """Bytes of the axes."""
        return sum(values.nbytes for values in self.axes.values())

    def values(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The value of each axis for the restarts with these indices."""
        cells = np.asarray(indices) // self.restarts_per_cell
        places = np.unravel_index(cells, self.shape)
        return {
            name: values[place]
            for (name, values), place in zip(self.axes.items(), places, strict=True)
        }

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.axes.items())
        return f"Grid({axes}; {self.restarts_per_cell} restarts per cell)"
