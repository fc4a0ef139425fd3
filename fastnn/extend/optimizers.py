"""Optimizers of your own: from one function, or as a class with a compiled update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, overload

import numpy as np
from numba.core.errors import NumbaError

from ..job.record import kind_of
from ..kernels.pieces import Kind, Piece
from ..optimizers import OPTIMIZERS, Optimizer, Setup
from ..optimizers.one_formula import own_class
from ..optimizers.steps import COUNT, FORM, NO_DEFAULT, numbers_of, record_step
from ..spec.network import Network
from ..support.checks import shown
from ..support.suggestions import hint, suggests
from .comparison import check_steps

OptimizerClass = TypeVar("OptimizerClass", bound=type[Optimizer])
Bounds = Mapping[str, tuple[float, float]]
# Networks in a vector for which updates are tried.
WIDTH = 8
BUILT_IN = tuple(OPTIMIZERS)


def own_optimizer(added: Any) -> type[Optimizer] | None:
    """The class of an optimizer that was added, given itself or its name; None for others."""
    own = {kind.__name__: kind for kind in OPTIMIZERS if kind not in BUILT_IN}
    if isinstance(added, str):
        return own.get(added)
    return next((kind for kind in own.values() if kind is added), None)


@overload
def optimizer(
    function: Callable[..., Any], *, name: str | None = None, bounds: Bounds | None = None
) -> type[Any]: ...


@overload
def optimizer(
    *, name: str | None = None, bounds: Bounds | None = None
) -> Callable[[Callable[..., Any]], type[Any]]: ...


@suggests
def optimizer(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    bounds: Bounds | None = None,
) -> Any:
    """Make an optimizer of one function, which computes the next value of a weight; a decorator.

    Python calls the function once, with symbols: it is a formula, as `fastnn.extend.formulas`
    describes.  The kernels and the step in NumPy follow from it.

    Parameters
    ----------
    function : callable
        ``function(w, g, …, *, …)`` of a weight, its gradient and memory, and after the star
        numbers.  It returns the new weight and the new memory, in their order.

        Memory is one number for each weight, which is kept between steps.  It starts at 0, or at
        the argument's default: a constant, or the name of a number.  Memory whose new value depends
        on neither weight nor gradient is kept and computed once for each network.

        Numbers need defaults.  They become fields of the class: each is a float, a (restarts,)
        array of float, or a PerLayer.  The number ``step``, without a default, is no field, but the
        count of updates, from 1; in float32 it ends at 16,777,216.  A number ``learning_rate``
        makes the class take a ``schedule`` too.
    name : str, optional
        The name of the class, by default that of the function.
    bounds : dict of str to (float, float), optional
        Bounds of numbers, both included; by default all finite numbers are allowed.

    Returns
    -------
    class
        A frozen dataclass, like `fastnn.Adam`.  Its name in lower case stands for the optimizer
        with its defaults.  Files and other processes hold the formula, and need no function.

    Raises
    ------
    TypeError, ValueError
        If the function is no such formula, its code and its NumPy form differ in more than half of
        the digits, an argument has the wrong type or value, or the name is taken.  Then nothing is
        added.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.extend.formulas import sqrt
    >>> @fastnn.extend.optimizer(bounds={"decay": (0.0, 0.9999)})
    ... def scaled(w, g, v, *, rate=0.01, decay=0.9, epsilon=1e-8):
    ...     v = decay * v + (1.0 - decay) * g * g
    ...     return w - rate * g / (sqrt(v) + epsilon), v
    >>> scaled(0.1, decay=0.5)
    scaled(rate=0.1, decay=0.5, epsilon=1e-08)
    >>> net, data = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
    >>> fastnn.train(net, *data, optimizer="scaled", epochs=10).epochs
    10
    >>> fastnn.extend.remove(scaled)
    """

    def made(function: Any) -> type[Any]:
        called = _name_of(function, name)
        check_new(called)
        try:
            numbers = numbers_of(function)
        except (TypeError, ValueError) as error:  # some of C have no signature
            raise TypeError(
                f"function: expected a function of Python, got {shown(function)}; {FORM}"
            ) from error
        formula = record_step(called, function, [*numbers])
        defaults = {number: _default(number, numbers[number]) for number in formula.numbers}
        if numbers.get(COUNT, NO_DEFAULT) is not NO_DEFAULT:
            raise TypeError(
                f"{COUNT}: expected no default, as it counts the updates, got {numbers[COUNT]!r}"
            )
        kind = own_class(formula, defaults, _checked_bounds(bounds, formula.numbers), function)
        check_steps(formula, defaults)
        OPTIMIZERS.append(kind)
        return kind

    return made if function is None else made(function)


def _name_of(function: Any, name: Any) -> str:
    """The name of the class."""
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"function: expected a function, got {shown(function)}; {FORM}")
    called = getattr(function, "__name__", "") if name is None else name
    if not isinstance(called, str):
        raise TypeError(f"name: expected a str, got {shown(called)}")
    if not called.isidentifier():
        raise ValueError(f"name: expected letters, digits and underscores, got {shown(called)}")
    return called


def _default(name: str, default: Any) -> float:
    """The default of a number."""
    if default is NO_DEFAULT:
        raise TypeError(f"{name}: expected a default, such as {name}=0.01, got none")
    if isinstance(default, bool) or not isinstance(default, int | float | np.number):
        raise TypeError(f"{name}: expected a number as default, got {shown(default)}")
    return float(default)


def _checked_bounds(bounds: Any, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Bounds of some numbers."""
    found = {}
    try:
        given = dict(bounds or {})
    except (TypeError, ValueError) as error:
        raise TypeError(f"bounds: expected a dict, got {shown(bounds)}") from error
    for name, ends in given.items():
        if name not in names:
            raise ValueError(
                f"bounds: expected names among {', '.join(names)}, got {shown(name)}"
                f"{hint(name, names)}"
            )
        try:
            low, high = map(float, ends)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"bounds: expected (low, high) for {name}, got {shown(ends)}"
            ) from error
        if not low <= high:
            raise ValueError(f"bounds: expected low <= high for {name}, got {low!r}, {high!r}")
        found[name] = low, high
    return found


@suggests
def add_optimizer(kind: OptimizerClass) -> OptimizerClass:
    """Register an optimizer of your own for files, grids, names and the command line; a decorator.

    Parameters
    ----------
    kind : class
        A frozen dataclass that inherits from `fastnn.extend.pieces.Optimizer`, whose fields all
        have defaults, with its own `setup` and `numpy_step` (or `numpy_search`).

    Returns
    -------
    class
        The same class.

    Raises
    ------
    TypeError, ValueError
        If it is not such a class, its name is taken, or its update does not compile for several
        networks at once, as with ``if`` or ``max`` on their numbers.  Then nothing is added.
    """
    if not (isinstance(kind, type) and issubclass(kind, Optimizer)):
        raise TypeError(
            f"kind: expected a class that inherits from fastnn.extend.pieces.Optimizer, "
            f"got {shown(kind)}"
        )
    name = kind.__name__
    if not (is_dataclass(kind) and kind.__dataclass_params__.frozen):
        raise TypeError(f"{name}: expected a dataclass with frozen=True, got a class without it")
    check_new(name)
    for methods in (["setup"], ["numpy_step", "numpy_search"]):
        if all(getattr(kind, method) is getattr(Optimizer, method) for method in methods):
            raise TypeError(f"{name}: expected a method {' or '.join(methods)}, got none")
    try:
        setup = kind().setup(Network([1, 1]), 1)
    except Exception as error:
        raise TypeError(f"{name}: expected {name}() to make a setup, got {error}") from error
    if not isinstance(setup, Setup) or not isinstance(setup.update, Piece):
        raise TypeError(
            f"{name}.setup: expected a Setup whose update is a piece, got something else"
        )
    if not setup.numbers:
        raise ValueError(f"{name}.setup: expected at least one hyperparameter, got none")
    _check_update(name, setup.update)
    OPTIMIZERS.append(kind)
    return kind


def check_new(name: str) -> None:
    """Raise if records, or arguments, already have an optimizer or another class of this name."""
    same = {other.__name__.replace("_", "").lower() for other in OPTIMIZERS}  # as in arguments
    if kind_of(name) is not None or name.replace("_", "").lower() in same:
        raise ValueError(
            f"{name}: expected a new name, got one that already exists; for another form of your "
            f"own, call fastnn.extend.remove({name!r}) first"
        )


def _check_update(name: str, update: Piece) -> None:
    """Compile an update of one's own for several networks, whose numbers no `if` can tell apart."""
    if update.kept:
        return
    try:
        update.compiled(Kind(np.dtype(np.float64), WIDTH))
    except NumbaError as error:
        told = [line.strip() for line in str(error).splitlines()]
        told = [line for line in told if line.startswith((">>>", "File", "No implementation"))]
        raise TypeError(
            f"{name}.setup: expected an update that compiles for several networks at once, got one "
            f"that does not: {' '.join(dict.fromkeys(told)) or error}; for if, and, or, not, max, "
            "min and a < x < b on their numbers write select(x > a, yes, no), for abs(x) "
            "magnitude(x), for x**2 x * x, and only the functions of fastnn.extend.pieces"
        ) from error
