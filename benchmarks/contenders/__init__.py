"""The contenders: a module each for NumPy, scikit-learn, PyTorch, JAX, FANN, C++ and fastnn.

fastnn has two: one for itself, one for an earlier version of it in another environment.

A contender gets a work and a number of networks, does once what its users would do once (compile,
place the data), and returns a call that trains all networks from their starts and gives back the
final SSE of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from works import Work

Train = Callable[[], np.ndarray]
"""Trains from the start, each time anew; returns the final SSE of every network, (restarts,)."""


class Call:
    """A `Train` with further information."""

    def __init__(
        self, run: Train, note: str = "", times: list[tuple[float, float]] | None = None
    ) -> None:
        self.run = run
        self.note = note
        """A description of its preparation, for the record."""
        self.times = times
        """Seconds and seconds of CPU of each call by the clock of another process that does it."""

    def __call__(self) -> np.ndarray:
        return self.run()


@dataclass(frozen=True)
class Contender:
    """One way to do some of the works."""

    name: str
    """Short and unique, such as "jax vmap"."""
    title: str
    """As a row of a table names it."""
    kind: str
    """"fastnn", "before", "peer" or "limit"."""
    needs: Callable[[], str | None]
    """Why it can't take part here (a missing package or compiler), or None."""
    restarts: dict[str, int]
    """Key of each work that it can do: networks in one timed call, enough for a steady figure."""
    prepare: Callable[[Work, int], Train]
    threads: int = 1
    tolerance: float | None = None
    """Own tolerance, where its arithmetic differs by design; None: the work's."""


def missing(*modules: str) -> Callable[[], str | None]:
    """A `needs` for Python packages."""

    def check() -> str | None:
        from importlib.util import find_spec

        absent = [name for name in modules if find_spec(name) is None]
        return f"{', '.join(absent)} not installed" if absent else None

    return check
