"""The restarts that become a model: the best with one penalty, without those that are stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from ..results.verdict import are_stuck


@dataclass(frozen=True)
class Chosen:
    """The restarts whose average is the model, the best first.

    Attributes
    ----------
    penalty : float
        That with which all of them were trained.
    losses : (members,) array
    members : list
        What was remembered of each.
    stuck : int
        Number of restarts that were left out, since they are stuck.
    """

    penalty: float
    losses: np.ndarray
    members: list[Any]
    stuck: int


class Best:
    """The restarts of the lowest losses with each penalty.

    Parameters
    ----------
    count : int
        How many to remember for each.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._found: dict[float, list[tuple[float, Any]]] = {}

    def add(self, penalty: float, losses: np.ndarray, member: Callable[[int], Any]) -> None:
        """Let restarts with these losses compete; ``member(at)`` is what to remember of one."""
        order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
        found = [
            (float(losses[at]), member(at))
            for at in order[: self._count].tolist()
            if np.isfinite(losses[at])
        ]
        if found:
            both = self._found.get(penalty, []) + found
            self._found[penalty] = sorted(both, key=itemgetter(0))[: self._count]

    def chosen(self, constant: float) -> Chosen | None:
        """Choose the penalty, and leave out what is stuck; None if no loss is finite.

        All members have one penalty: the one whose members have the lowest mean loss.  The loss of
        their average is not above that mean, since losses are convex functions of the outputs.

        Parameters
        ----------
        constant : float
            The loss of the best constant prediction on the same samples.
        """
        every = [self._of(penalty, constant) for penalty in self._found]
        return min(every, key=lambda one: float(one.losses.mean()), default=None)

    def _of(self, penalty: float, constant: float) -> Chosen:
        losses = np.array([loss for loss, _ in self._found[penalty]])
        stuck = are_stuck(losses, constant)
        members = [
            member for (_, member), out in zip(self._found[penalty], stuck, strict=True) if not out
        ]
        return Chosen(penalty, losses[~stuck], members, int(stuck.sum()))
