"""Your own activations, losses and optimizers, available everywhere once added.

An addition holds for this process: other processes that train with it must add it too.  Each of
them compiles it anew, in less than a second, and does not cache it on disk, since the cache could
not tell whether it is still the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import NumbaError

from ..job.record import kind_of
from ..kernels.pieces import Kind, Piece
from ..lanes.formulas import Condition, Term, formula
from ..lanes.types import Lanes, llvm_value
from ..optimizers import OPTIMIZERS, Optimizer, Setup
from ..spec import activations, own_losses
from ..spec.activations import Activation
from ..spec.network import Network
from ..spec.own_losses import OwnLoss
from ..support.checks import integer, shown
from ..support.suggestions import suggests
from . import formulas, pieces
from .comparison import check_forms, check_symmetry, range_of
from .losses import loss

__all__ = ["add_activation", "add_optimizer", "formulas", "loss", "pieces", "remove"]

OptimizerClass = TypeVar("OptimizerClass", bound=type[Optimizer])
# Networks in a vector for which updates are tried.
WIDTH = 8
_OWN = tuple(OPTIMIZERS)


def __dir__() -> list[str]:
    return __all__


@suggests
def add_activation(
    name: str,
    *,
    function: Callable[[Term], Term],
    slope: Callable[[Term], Term],
    numpy: Callable[[np.ndarray], np.ndarray],
    numpy_slope: Callable[[np.ndarray], Any],
    slope_of: str = "output",
    kink: float | None = None,
    symmetry: int = 0,
) -> None:
    """Add an activation of your own, which networks use by name.

    Define the function and its slope twice: as formulas, from which the kernels are compiled, and
    in NumPy, for comparison with `fastnn.reference`.  Both are compared at some 150 points, from
    -10,000 to 10,000 and close to 0, and the slope with differences of the function.

    Parameters
    ----------
    name : str
        The name for ``Network(activation=...)``: letters, digits and underscores.
    function : callable
        A formula of one number: operators, numbers and the functions of `fastnn.extend.formulas`.
        It is called with a `Term` that stands for the number, not with numbers.
    slope : callable
        The formula of the derivative.
    numpy, numpy_slope : callable
        The same for arrays of any shape, elementwise; float32 arrays must give float32 arrays.
    slope_of : str, default "output"
        The argument of the slopes: "output", the activation's result, or "input".
    kink : float, optional
        Where the activation has no slope.
    symmetry : int, default 0
        1 if the activation is even, -1 if it is odd: then statistics of minima identify units that
        differ only in their signs.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or value, the name is taken, or the formulas, the NumPy
        forms and the slope do not fit together; then nothing is added.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> fastnn.extend.add_activation(
    ...     "cube", function=lambda x: x * x * x, slope=lambda x: 3.0 * x * x, symmetry=-1,
    ...     numpy=lambda x: x**3, numpy_slope=lambda x: 3 * x**2, slope_of="input",
    ... )
    >>> fastnn.forward(fastnn.Network([1, 1], "cube", bias=False), [2.0], [[1.0]])
    array([[8.]])
    >>> fastnn.extend.remove("cube")
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {shown(name)}")
    if not name.isidentifier():
        raise ValueError(f"name: expected letters, digits and underscores, got {shown(name)}")
    if name in activations.CODES:
        raise ValueError(f"name: expected a new name, got {name!r}, which already exists")
    if slope_of not in ("output", "input"):
        raise ValueError(f"slope_of: expected 'output' or 'input', got {shown(slope_of)}")
    symmetry = integer("symmetry", symmetry, -1, 1)
    if kink is not None and not (isinstance(kink, int | float) and np.isfinite(kink)):
        raise TypeError(f"kink: expected a finite number or None, got {shown(kink)}")
    for argument, part in (("function", function), ("slope", slope)):
        _check_formula(argument, part)
    _check_numpy("numpy", numpy, "numpy_slope", numpy_slope, slope_of == "input")
    check_symmetry(numpy, symmetry)
    check_forms(function, slope, numpy, numpy_slope, slope_of == "input")
    activations.add(
        Activation(
            name,
            formula(function),
            formula(slope),
            numpy,
            numpy_slope,
            of_input=slope_of == "input",
            kink=None if kink is None else float(kink),
            symmetry=symmetry,
            range=range_of(function),
        )
    )


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
    same = {other.__name__.replace("_", "").lower() for other in OPTIMIZERS}  # as in arguments
    if kind_of(name) is not None or name.replace("_", "").lower() in same:
        raise ValueError(f"{name}: expected a new name, got one that already exists")
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


@suggests
def remove(added: str | type[Optimizer] | type[OwnLoss]) -> None:
    """Remove an added activation, loss or optimizer, so that it can be added in another form.

    Parameters
    ----------
    added : str or class
        The name of an activation, the class of an optimizer, or the name or class of a loss.

    Raises
    ------
    ValueError
        If it was not added.
    """
    if isinstance(added, str) and activations.CODES.get(added, 0) > activations.KEPT:
        activations.remove(added)
    elif own_losses.is_added(added):
        own_losses.remove(added)
    elif isinstance(added, type) and added in OPTIMIZERS and added not in _OWN:
        OPTIMIZERS.remove(added)
    else:
        raise ValueError(
            f"added: expected an activation, loss or optimizer that was added, got {shown(added)}"
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


def _check_formula(argument: str, function: Any) -> None:
    """Try the formula on terms of every kind, without compiling it."""
    if not callable(function):
        raise TypeError(f"{argument}: expected a function, got {shown(function)}")
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{argument}: expected a function of one argument, got one with other arguments"
        ) from error
    for kind in (types.float64, types.float32, Lanes(types.float64, 2)):
        value = llvm_value(kind)
        code = ir.Function(ir.Module(), ir.FunctionType(value, [value]), "formula")
        term = Term(ir.IRBuilder(code.append_basic_block()), kind, code.args[0])
        try:
            result = function(term)
        except Exception as error:
            raise TypeError(
                f"{argument}: expected a formula made of operators, numbers and the functions of "
                f"fastnn.extend.formulas, got one that fails: {error}"
            ) from error
        if not isinstance(result, Term) or result.value.type != value:
            raise TypeError(
                f"{argument}: expected a formula that gives a number (x.constant(1.0) for a "
                f"constant), got {_named(result)}"
            )


def _named(result: Any) -> str:
    return "a comparison" if isinstance(result, Condition) else shown(result)


def _check_numpy(name: str, function: Any, slope_name: str, slope: Any, of_input: bool) -> None:
    """Try the NumPy forms on a small array of each number type."""
    for argument, part in ((name, function), (slope_name, slope)):
        if not callable(part):
            raise TypeError(f"{argument}: expected a function, got {shown(part)}")
    for dtype in (np.float64, np.float32):
        x = np.array([[-1.5, -0.75, -0.25], [0.25, 0.75, 1.5]], dtype=dtype)
        values = _of_numpy(name, function, x)
        if values.shape != x.shape or values.dtype != dtype:
            raise TypeError(
                f"{name}: expected an array of shape {x.shape} and dtype {x.dtype} for such an "
                f"input, got {shown(values)}"
            )
        slopes = _of_numpy(slope_name, slope, x if of_input else values)
        if slopes.shape not in ((), x.shape) or slopes.dtype.kind not in "biuf":
            raise TypeError(
                f"{slope_name}: expected an array of shape {x.shape} for such an input, got "
                f"{shown(slopes)}"
            )


def _of_numpy(argument: str, function: Any, x: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(x))
    except Exception as error:
        raise TypeError(
            f"{argument}: expected a function of one array, got one that fails: {error}"
        ) from error
