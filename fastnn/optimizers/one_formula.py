"""Optimizers that are one function: the base of built-in ones, and classes of users' functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field, fields, make_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.pieces import Piece
from ..spec.per_layer import PerLayer, layer_numbers
from ..support.atomic_files import canonical
from ..support.checks import by_name, hyperparameter, shown
from .common import Optimizer, Setup
from .schedules import SCHEDULE_SLOTS, Schedule, check_schedule, numpy_factor, schedule_numbers
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

    bounds: ClassVar[Bounds] = {}
    """Bounds of the numbers, both included; all numbers are finite."""
    schedule: Schedule | None = None
    """Schedule of the learning rate, if there is one."""
    _step: ClassVar[Callable[..., Any]]
    _formula: ClassVar[Step]
    _update: ClassVar[Piece]
    _update_by_layer: ClassVar[Piece]

    def __init_subclass__(cls) -> None:
        if "_formula" not in vars(cls):
            cls._formula = record_step(cls.__name__, cls._step, [*numbers_of(cls._step)])
        # Own ones are made from their formula, or are defined elsewhere.
        kept = "_step" in vars(cls) and cls.__module__.startswith("fastnn.")
        for name, by_layer in (("_update", False), ("_update_by_layer", True)):
            home = f"{cls.__module__}:{cls.__name__}.{name}" if kept else ""
            text = f"{cls.__name__.lower()}_{cls._formula.digest}{name}"
            setattr(cls, name, Piece(text, _maker(cls._formula, by_layer), kept=kept, home=home))

    def __post_init__(self) -> None:
        for name in self._formula.numbers:
            bounds, value = self.bounds.get(name, ANY_NUMBER), getattr(self, name)
            if isinstance(value, PerLayer):
                for i, number in enumerate(value.values):
                    hyperparameter(f"{name}[{i}]", number, *bounds)
            else:
                self.check_numbers(**{name: bounds})
        check_schedule(self.schedule)

    def setup(self, net: Network, samples: int) -> Setup:
        """Describe the optimizer to the engine, for the network `net` and a number of samples."""
        formula = self._formula
        values = {name: getattr(self, name) for name in formula.numbers}
        by_layer = any(isinstance(value, PerLayer) for value in values.values())
        sizes = [(n_in + net.bias) * n_out for n_in, n_out in pairwise(net.sizes)]
        sizes = sizes if by_layer else [net.n_parameters]
        numbers: dict[str, Any] = {}
        for level in range(len(sizes)):
            for name, value in values.items():
                each = layer_numbers(name, value, net) if by_layer else {name: value}
                named = _of_layer(name, level)
                numbers[named] = each[named]
        starts = {
            name: [_of_layer(start, level) if isinstance(start, str) else start
                   for level in range(len(sizes))]
            for name, start in formula.memory
        }  # fmt: skip
        own = [slot for name in formula.own for slot in zip(sizes, starts[name], strict=True)]
        common = [(1, starts[name][level]) for level in range(len(sizes)) for name in formula.common]
        return Setup(
            numbers | (schedule_numbers(self.schedule) if formula.has_rate else {}),
            self._update_by_layer if by_layer else self._update,
            slots=(*own, *common, *SCHEDULE_SLOTS),
            other_option=0 if self.schedule is None else self.schedule.code,
        )

    def numpy_step(self, arrays: list[np.ndarray], numbers: dict[str, float]) -> Any:
        """The same step in NumPy."""
        formula = self._formula
        depth = sum(name.partition("[")[0] == formula.numbers[0] for name in numbers)
        places = range(len(arrays))  # of weights, then of biases
        given = [
            {name: numbers[_of_layer(name, i % depth)] for name in formula.numbers} for i in places
        ]
        memory = [
            {name: given[i][start] if isinstance(start, str) else start
             for name, start in formula.memory}
            for i in places
        ]  # fmt: skip

        def step(gradients: list[np.ndarray], loss: float, epoch: int) -> None:
            factor = numpy_factor(self.schedule, numbers, epoch)
            for i, (w, g) in enumerate(zip(arrays, gradients, strict=True)):
                w[...], *news = formula.computed(
                    formula.results, w, g, memory[i], [*given[i].values()], factor
                )
                memory[i] = dict(zip(memory[i], news, strict=True))

        return step


def _of_layer(name: str, level: int) -> str:
    """The name of a layer's number, as `layer_numbers` has it."""
    return f"{name}[{level}]" if level else name


def _maker(formula: Step, by_layer: bool) -> Callable[[Any], Any]:
    return lambda kind: update_of(formula, by_layer)


class OwnFormula(OneFormula):
    """The base of optimizers from functions of users.

    Files and other processes hold the formula, so they need no function.
    """

    about: ClassVar[dict[str, Any]]
    """The class as JSON data."""

    def __reduce__(self) -> tuple[Any, ...]:
        numbers = {part.name: getattr(self, part.name) for part in fields(self)}  # type: ignore[arg-type]
        return _remade, (self.about, numbers)


def _remade(about: dict[str, Any], numbers: dict[str, Any]) -> OwnFormula:
    made: OwnFormula = class_of_data(about)(**numbers)
    return made


RESERVED = frozenset({"type", "formula", "schedule", *dir(OwnFormula)})
"""Names that a record or the class itself has."""
_classes: WeakValueDictionary[bytes, type[OwnFormula]] = WeakValueDictionary()


def own_class(
    formula: Step, defaults: Mapping[str, float], bounds: Bounds, origin: Any = None
) -> type[OwnFormula]:
    """The class of a user's formula; `origin` is the function, whose name and text it takes."""
    for name in formula.numbers:
        if name in RESERVED or name.startswith("_"):
            raise ValueError(f"{formula.name}: expected other names of numbers, got {name}")
    limits = {name: bounds.get(name, ANY_NUMBER) for name in formula.numbers}
    parts: list[tuple[str, Any, Any]] = [
        (name, ArrayLike, field(default=defaults[name], kw_only=place > 0))
        for place, name in enumerate(formula.numbers)
    ]
    if formula.has_rate:
        parts.append(("schedule", Schedule | None, field(default=None, kw_only=True)))
    about = formula.data | {
        "defaults": [defaults[name] for name in formula.numbers],
        "bounds": [list(map(_finite, limits[name])) for name in formula.numbers],
    }
    content = {"bounds": limits, "about": about, "_formula": formula}
    made: type[OwnFormula] = make_dataclass(
        formula.name, parts, bases=(OwnFormula,), namespace=content, frozen=True, eq=False
    )
    made.__doc__ = getattr(origin, "__doc__", None) or f"{formula.name}, from one function."
    made.__module__ = getattr(origin, "__module__", None) or __name__
    made = by_name(made)
    made()  # raises if a default is out of bounds
    _classes[canonical(about)] = made
    return made


def class_of_data(about: dict[str, Any]) -> type[OwnFormula]:
    """The class that `OwnFormula.about` describes; an exception for anything else."""
    text = canonical(about)
    known = _classes.get(text)
    if known is not None:
        return known
    formula = step_of_data(about)
    defaults = dict(zip(formula.numbers, about["defaults"], strict=True))
    ends = zip(formula.numbers, about["bounds"], strict=True)
    bounds = {
        name: (-math.inf if low is None else low, math.inf if high is None else high)
        for name, (low, high) in ends
    }
    made = own_class(formula, defaults, bounds)
    if canonical(made.about) != text:
        raise ValueError(f"{formula.name}: expected a formula as fastnn writes it, got another form")
    return made


def _finite(end: float) -> float | None:
    """An end of bounds for JSON."""
    return float(end) if math.isfinite(end) else None
