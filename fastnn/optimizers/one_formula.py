"""Optimizers that are one function: the base of built-in ones, and classes of users' functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field, fields, make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.pieces import Piece
from ..spec.per_layer import PerLayer, numbers_of_arrays
from ..support.atomic_files import canonical
from ..support.checks import by_name, hyperparameter
from .common import Optimizer, Setup
from .schedule_common import Schedule
from .schedules import (
    check_schedule,
    numpy_factors,
    run_time_code,
    schedule_numbers,
    schedule_slots,
)
from .steps import Step, numbers_of, record_step, step_of_data, update_of

if TYPE_CHECKING:
    from ..spec.network import Network

Bounds = Mapping[str, tuple[float, float]]
ANY_NUMBER = (-math.inf, math.inf)


class OneFormula(Optimizer):
    """The base of optimizers whose step is one function.

    A subclass is a frozen dataclass with a field for each number of the function, and the function
    as ``_step``: of a weight, its gradient and memory, and of the numbers by name.  It returns the
    new weight and the new memory, which starts at its argument's default, or at 0.
    """

    takes_per_layer = True
    bounds: ClassVar[Bounds] = {}
    """Bounds of the numbers, both included; all numbers are finite."""
    schedule: Schedule | None = None
    """Schedule of the learning rate, if there is one."""
    _step: ClassVar[Callable[..., Any]]
    _formula: ClassVar[Step]
    _update: ClassVar[Piece]

    def __init_subclass__(cls) -> None:
        if "_formula" not in vars(cls):
            if not hasattr(cls, "_step"):  # a base
                return
            cls._formula = record_step(cls.__name__, cls._step, [*numbers_of(cls._step)])
        formula = cls._formula
        # Those of users have no function, or are defined elsewhere.
        kept = "_step" in vars(cls) and cls.__module__.startswith("fastnn.")
        cls._update = Piece(
            f"{cls.__name__.lower()}_{formula.digest}_update",
            lambda kind: update_of(formula),
            kept=kept,
            home=f"{cls.__module__}:{cls.__name__}._update" if kept else "",
        )

    def __post_init__(self) -> None:
        for name in self._formula.numbers:
            self.check_numbers(**{name: self.bounds.get(name, ANY_NUMBER)})
        check_schedule(self.schedule)

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        formula, p = self._formula, net.n_parameters
        numbers = {name: getattr(self, name) for name in formula.numbers}
        starts = dict(formula.memory)

        def of_span(start: float | str, i: int) -> float | str:
            by_layer = isinstance(start, str) and isinstance(numbers[start], PerLayer)
            return f"{start}[{i}]" if by_layer else start

        common = [
            (1, of_span(starts[name], i)) for i in range(self.spans(net)) for name in formula.common
        ]
        return Setup.by_layer(
            net,
            numbers,
            self._update,
            common=schedule_numbers(self.schedule),
            slots=(
                *((p, starts[name]) for name in formula.own),
                *common,
                *schedule_slots(self.schedule),
            ),
            other_option=run_time_code(self.schedule),
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The same step in NumPy."""
        formula, factor_in = self._formula, numpy_factors(self.schedule, numbers)
        own = numbers_of_arrays(numbers, len(arrays))
        memory = [
            {name: given[start] if isinstance(start, str) else start
             for name, start in formula.memory}
            for given in own
        ]  # fmt: skip

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            factor = factor_in(epoch, loss)
            for i, (w, g, given) in enumerate(zip(arrays, gradients, own, strict=True)):
                values = [given[name] for name in formula.numbers]
                w[...], *new = formula.computed(formula.results, w, g, memory[i], values, factor)
                memory[i] = dict(zip(memory[i], new, strict=True))

        return step


class OwnOptimizer(OneFormula):
    """The base of optimizers from functions of users.

    Files and other processes hold the formula, so they need no function.
    """

    definition: ClassVar[dict[str, Any]]
    """The class as JSON data."""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {part.name: getattr(self, part.name) for part in fields(self)}  # type: ignore[arg-type]
        return own_optimizer_of, (self.definition, values)


def own_optimizer_of(definition: dict[str, Any], values: dict[str, Any]) -> OwnOptimizer:
    """The optimizer with these values of a class that `OwnOptimizer.definition` describes.

    A class is made only once.  Anything else raises an exception.
    """
    text = canonical(definition)
    kind = _classes.get(text)
    if kind is None:
        formula = step_of_data(definition)
        defaults, bounds = definition["defaults"], definition["bounds"]
        if not len(defaults) == len(bounds) == len(formula.numbers):
            raise ValueError(
                f"{formula.name}: expected a default and bounds of each number, got others"
            )
        kind = own_class(
            formula,
            {name: float(hyperparameter(name, value))
             for name, value in zip(formula.numbers, defaults, strict=True)},
            {name: (_infinite(low, -math.inf), _infinite(high, math.inf))
             for name, (low, high) in zip(formula.numbers, bounds, strict=True)},
        )  # fmt: skip
        if canonical(kind.definition) != text:
            raise ValueError(
                f"{formula.name}: expected a formula as fastnn writes it, got another form"
            )
    made: OwnOptimizer = kind(**values)
    return made


RESERVED = frozenset({"schedule", *dir(OwnOptimizer)})
"""Names that the class itself has."""
_classes: WeakValueDictionary[bytes, type[OwnOptimizer]] = WeakValueDictionary()


def own_class(
    formula: Step, defaults: Mapping[str, float], bounds: Bounds, origin: Any = None
) -> type[OwnOptimizer]:
    """The class of a user's formula; `origin` is the function, whose text and module it has."""
    for name in formula.numbers:
        if name in RESERVED or name.startswith("_"):
            raise ValueError(f"{formula.name}: expected other names of numbers, got {name}")
    limits = {name: bounds.get(name, ANY_NUMBER) for name in formula.numbers}
    parts: list[tuple[str, Any, Any]] = [
        (name, ArrayLike | PerLayer, field(default=defaults[name], kw_only=place > 0))
        for place, name in enumerate(formula.numbers)
    ]
    if formula.has_rate:
        parts.append(("schedule", Schedule | None, field(default=None, kw_only=True)))
    definition = formula.data | {
        "defaults": [defaults[name] for name in formula.numbers],
        "bounds": [list(map(_finite, limits[name])) for name in formula.numbers],
    }
    content = {"bounds": limits, "definition": definition, "_formula": formula}
    made: type[OwnOptimizer] = make_dataclass(
        formula.name, parts, bases=(OwnOptimizer,), namespace=content, frozen=True, eq=False
    )
    made.__doc__ = getattr(origin, "__doc__", None) or f"{formula.name}, from one function."
    made.__module__ = getattr(origin, "__module__", None) or __name__
    made = by_name(made)
    made()  # raises if a default is out of bounds
    _classes[canonical(definition)] = made
    return made


def _infinite(end: float | None, beyond: float) -> float:
    """The inverse of `_finite`."""
    return beyond if end is None else float(hyperparameter("bounds", end))


def _finite(end: float) -> float | None:
    """An end of bounds for JSON."""
    return float(end) if math.isfinite(end) else None
