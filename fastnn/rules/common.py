"""The base of all stopping rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..jit.compiling import inlined
from ..spec.status import Status
from ..support.checks import real_array, shown

Judge = Callable[[np.ndarray, float, np.ndarray], bool]
"""A function of parameters, loss and gradient: whether a rule holds."""


@inlined
def nothing(net):
    """Preparation of most rules: none."""


@dataclass(frozen=True)
class Rule:
    """The base of all rules."""

    status: ClassVar[Status] = Status.CONVERGED
    """Status of a restart that the rule ends."""
    watches: ClassVar[bool] = False
    """True if the rule looks at the errors themselves."""
    needs_gradient: ClassVar[bool] = False
    """True if the rule looks at the gradient."""
    holds: ClassVar[Callable[..., Any]]
    """Compiled function of (net, s, number, count, memory): the lanes of strip s in which the rule
    holds, given its number and count; `memory` is its memory of the restarts there, a column."""
    digest: ClassVar[str] = ""
    """A text that tells formulas of users from all others; empty for the rules of fastnn."""
    prepare: ClassVar[Callable[..., Any]] = staticmethod(nothing)
    """Compiled function of `net` that runs before the rule judges."""

    @property
    def number(self) -> float:
        """Number that the rule compares with."""
        return 0.0

    @property
    def count(self) -> int:
        """Number of epochs that the rule looks at; negative if it judges only the last epoch."""
        return 0

    def slots(self, n_parameters: int) -> tuple[tuple[int, float], ...]:
        """Memory per restart: the size and the initial value of each slot."""
        return ()

    def numpy_judge(self, problem: Any) -> Judge:
        """Make the textbook's form of `holds` for one restart of a `reference.problem.Problem`.

        It is called before every update, and at the end.
        """
        raise NotImplementedError


def positive(name: str, value: Any, least: float = math.nextafter(0.0, 1.0)) -> float:
    """Return `value` as a float of at least `least`; ValueError for anything else."""
    array = real_array(name, value)
    if array.ndim or not array >= least or isinstance(value, bool | np.bool_):
        bound = "positive number" if least > 0 else "number >= 0"
        raise ValueError(f"{name}: expected a {bound}, got {shown(value)}")
    return float(array)
