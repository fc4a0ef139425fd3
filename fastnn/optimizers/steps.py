"""Steps: what one function of a weight, its gradient, memory and numbers computes, as expressions.

The function is recorded once.  Memory whose next value depends on neither the weight nor the
gradient, such as a power of a decay, is the same for all parameters: it is kept and computed once
for each network, or layer.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from keyword import iskeyword
from typing import Any

import numpy as np

from ..expressions import Expression, record_all
from ..expressions.evaluation import evaluate
from ..expressions.nodes import ARGUMENT
from ..jit.compiling import inlined
from ..kernels.spans import common_numbers, span_at
from ..lanes.matrices import rows_at
from ..lanes.tuples import tuple_formula
from ..support.atomic_files import canonical
from ..support.checks import shown
from .schedule_steps import advance

# A literal would make Numba compile the called function again.
ONE = np.int64(1)
COUNT, RATE = "step", "learning_rate"
"""The number that counts updates, and the one that a schedule multiplies."""
MOST_NAMES = 64
NO_DEFAULT = inspect.Parameter.empty
FORM = "write def step(w, g, v, *, rate=0.01): …; return new_w, new_v"


@dataclass(frozen=True, eq=False)
class Step:
    """The step of one parameter as expressions."""

    name: str
    results: tuple[Expression, ...]
    """New weight and new memory, of weight, gradient, memory and numbers, in this order."""
    memory: tuple[tuple[str, float | str], ...]
    """Names of the memory, each with its start: a constant, or the name of a number."""
    numbers: tuple[str, ...]
    """Names of the hyperparameters."""

    @cached_property
    def uses(self) -> tuple[frozenset[str], ...]:
        """The arguments on which each result depends."""
        return tuple(
            frozenset(node.value for node in result.nodes if node.kind == ARGUMENT)
            for result in self.results
        )

    @cached_property
    def common(self) -> tuple[str, ...]:
        """The memory that all parameters share."""
        names = [name for name, _ in self.memory]
        uses = dict(zip(names, self.uses[1:], strict=True))
        shared: set[str] = set()
        kept = set(names)
        while kept != shared:
            shared = kept
            kept = {name for name in shared if uses[name] <= shared | {*self.numbers}}
        return tuple(name for name in names if name in shared)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The memory that each parameter has of its own."""
        return tuple(name for name, _ in self.memory if name not in self.common)

    @property
    def has_rate(self) -> bool:
        """True if a schedule can multiply one of the numbers."""
        return RATE in self.numbers

    @cached_property
    def data(self) -> dict[str, Any]:
        """The step as JSON data."""
        return {
            "name": self.name,
            "memory": [list(pair) for pair in self.memory],
            "numbers": list(self.numbers),
            "results": [result.to_data() for result in self.results],
        }

    @cached_property
    def digest(self) -> str:
        """A text that identifies the step."""
        return hashlib.sha256(canonical(self.data)).hexdigest()[:16]

    def moved(self, w: Any, g: Any, own: Any, common: Any, numbers: Any, factor: Any) -> list[Any]:
        """New weight and new memory of its own; `factor` is that of the schedule."""
        memory = dict(zip((*self.own, *self.common), (*own, *common), strict=True))
        results = [self.results[0], *self._next(self.own)]
        return self.computed(results, w, g, memory, numbers, factor)

    def renewed(self, common: Any, numbers: Any, factor: Any) -> list[Any]:
        """New memory that all parameters share."""
        memory = dict.fromkeys(self.own, factor) | dict(zip(self.common, common, strict=True))
        return self.computed(self._next(self.common), factor, factor, memory, numbers, factor)

    def _next(self, names: Sequence[str]) -> list[Expression]:
        return list(compress(self.results[1:], (name in names for name, _ in self.memory)))

    def computed(
        self, results: Sequence[Expression], w: Any, g: Any, memory: Any, numbers: Any, factor: Any
    ) -> list[Any]:
        """Some results of numbers, arrays or terms, with memory by name and numbers in order."""
        values = memory | dict(zip(self.numbers, numbers, strict=True))
        if self.has_rate:
            values[RATE] = values[RATE] * factor
        values |= dict(zip(self.results[0].arguments, (w, g), strict=False))
        return evaluate([one.result for one in results], values)


def record_step(name: str, function: Callable[..., Any], numbers: Sequence[str]) -> Step:
    """Record the `function` of a weight, its gradient and memory, and of `numbers` by name.

    Among the numbers may be `COUNT`.

    Raises
    ------
    TypeError, ValueError
        If it is no such function.
    """
    (w, _), (g, _), *memory = positional(name, function)
    count = [(COUNT, 0.0)] if COUNT in numbers else []
    numbers = [number for number in numbers if number != COUNT]
    arguments = [w, g, *(part for part, _ in memory)]
    names = [*arguments, *(part for part, _ in count), *numbers]
    check_names(name, names)

    def step(*values: Any) -> Any:
        given = dict(zip(names, values, strict=True))
        counted = {part: given[part] + 1.0 for part, _ in count}
        by_place = [given.pop(argument) for argument in arguments]
        found = function(*by_place, **given | counted)
        results = tuple(found) if isinstance(found, tuple | list) else (found,)
        return (*results, *counted.values())

    step.__name__ = step.__qualname__ = name
    results = record_all(step, names)
    wanted, got = len(arguments) - 1, len(results) - len(count)
    if got != wanted:
        news = ", ".join(f"new {argument}" for argument in arguments if argument != g)
        raise TypeError(f"{name}: expected as results {news}, got {got}")
    made = Step(name, tuple(results), (*memory, *count), tuple(numbers))
    check_step(made)
    return made


def positional(name: str, function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The names of weight, gradient and memory, each with its start, 0 by default."""
    found: list[tuple[str, Any]] = []
    for argument in inspect.signature(function).parameters.values():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise TypeError(f"{name}: expected arguments one by one, got {argument}; {FORM}")
        if argument.kind != argument.KEYWORD_ONLY:
            is_given = argument.default is not argument.empty
            if is_given and len(found) < 2:
                raise TypeError(
                    f"{name}: expected weight and gradient as the first two arguments, without "
                    f"defaults, got {argument}; {FORM}"
                )
            found.append((argument.name, _start(argument.default) if is_given else 0.0))
    if len(found) < 2:
        raise TypeError(
            f"{name}: expected weight and gradient as the first two arguments, got "
            f"{inspect.signature(function)}; {FORM}"
        )
    return found


def _start(value: Any) -> Any:
    is_number = isinstance(value, int | np.integer | np.floating) and not isinstance(value, bool)
    return float(value) if is_number else value


def numbers_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The names of the numbers after the star, each with its default, or `NO_DEFAULT`."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind == one.KEYWORD_ONLY}


def check_names(owner: str, names: Sequence[Any]) -> None:
    """Raise unless all are different names that Python takes, and not too many."""
    for name in names:
        if not (isinstance(name, str) and name.isidentifier()) or iskeyword(name):
            raise ValueError(f"{owner}: expected names of arguments, got {shown(name)}")
    if len({*names}) < len(names) or len(names) > MOST_NAMES:
        raise ValueError(
            f"{owner}: expected up to {MOST_NAMES} different names, got {shown(list(names))}"
        )


def check_step(step: Step) -> None:
    """Raise unless all memory has a start, and all numbers do something."""
    if not step.numbers:
        raise ValueError(
            f"{step.name}: expected at least one number after *, such as rate=0.01, got none"
        )
    for name, start in step.memory:
        is_number = isinstance(start, int | float) and not isinstance(start, bool)
        if isinstance(start, str) and start not in step.numbers:
            raise ValueError(
                f"{name}: expected as start a number, or the name of one of "
                f"{', '.join(step.numbers)}, got {start!r}"
            )
        if not isinstance(start, str) and not (is_number and np.isfinite(start)):
            raise TypeError(
                f"{name}: expected as start a finite number, or the name of a number, got "
                f"{shown(start)}"
            )
    used = {str(start) for _, start in step.memory}.union(*step.uses)
    for name in step.numbers:
        if name not in used:
            raise ValueError(
                f"{name}: expected a number that the step of {step.name} uses, got one without "
                "effect"
            )


def step_of_data(data: Any) -> Step:
    """The step of `Step.data`; ValueError, TypeError or KeyError for anything else."""
    memory = tuple((str(name), _start(start)) for name, start in data["memory"])
    numbers = tuple(map(str, data["numbers"]))
    results = tuple(Expression.from_data(result) for result in data["results"])
    made = Step(str(data["name"]), results, memory, numbers)
    names = [*(name for name, _ in memory), *numbers]
    check_names(made.name, [made.name, *names])
    for result in results:
        if len(result.arguments) != 2 + len(names) or list(result.arguments[2:]) != names:
            raise ValueError(f"{made.name}: expected formulas of {names}, got other arguments")
    if len(results) != 1 + len(memory):
        raise ValueError(f"{made.name}: expected {1 + len(memory)} results, got {len(results)}")
    check_step(made)
    return made


def update_of(step: Step) -> Any:
    """Make the update of all parameters.

    The memory is that of the parameters, one kind after the other, then the common memory, span
    after span, then the schedule's.
    """
    own, common, numbers = len(step.own), len(step.common), len(step.numbers)
    read_numbers, _ = rows_at(numbers)
    read_common, write_common = rows_at(common)
    read_own, write_own = rows_at(own)
    moved = tuple_formula(step.moved, 6, 1 + own)
    renewed = tuple_formula(step.renewed, 3, common)

    @inlined
    def update(net):
        """``w, own = step(w, g, own)`` for all parameters; the common memory once for each span."""
        p, shared = net.n_parameters, net.state + own * net.n_parameters
        factors = shared + common * net.spans
        for i in range(net.spans):
            hyper, first, count = span_at(net, i)
            w, gradient, memory = net.parameters + first, net.gradient + first, net.state + first
            kept = shared + common * i
            for s in range(net.strips):
                given, before = read_numbers(hyper, s, ONE), read_common(kept, s, ONE)
                factor = factors[0, s]
                for m in range(count):
                    own_before = read_own(memory + m, s, p)
                    new = moved(w[m, s], gradient[m, s], own_before, before, given, factor)
                    w[m, s] = new[0]
                    write_own(memory + m, s, p, new)
                write_common(kept, s, ONE, renewed(before, given, factor))
        advance(net, factors, common_numbers(net))

    return update
