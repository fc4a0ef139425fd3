"""Your own losses, each made of one formula."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, overload

from ..expressions import record
from ..spec import own_losses
from ..spec.loss_formulas import square_of
from ..spec.own_losses import OwnLoss
from ..support.checks import shown
from ..support.suggestions import suggests
from .comparison import check_loss

SHAPE = "arguments such as (prediction, target, *, q=0.5)"
Formula = Callable[..., Any]


@overload
def loss(function: Formula, *, residual: None = None, name: str | None = None) -> type[OwnLoss]: ...
@overload
def loss(function: None = None, *, residual: Formula, name: str | None = None) -> type[OwnLoss]: ...
@overload
def loss(
    function: None = None, *, residual: None = None, name: str | None = None
) -> Callable[[Formula], type[OwnLoss]]: ...
@suggests
def loss(
    function: Formula | None = None,
    *,
    residual: Formula | None = None,
    name: str | None = None,
) -> type[OwnLoss] | Callable[[Formula], type[OwnLoss]]:
    """Make a loss of your own from the formula of one target; also a decorator.

    The result is a class like `fastnn.Huber`, which goes wherever a loss goes: as itself, as an
    object with numbers and penalties, or by its name.  It is the mean of the formula over samples
    and targets, weighted by the samples' weights.  Its slopes are derived from the formula.  Files
    hold the formula itself, so other processes can read them.

    Parameters
    ----------
    function : callable
        A formula made of operators, numbers and the functions of `fastnn.extend.formulas`.  Its
        last positional argument is the target; those before are the network's outputs for it.
        Arguments after ``*`` are the loss's numbers, with defaults; each may be an array with one
        value for each restart, or an axis of a `Grid`.  With several outputs for each target, the
        first is the prediction of the target, and a network has first that output for all targets,
        then the next.
    residual : callable, optional
        A formula of one output, in place of `function`: the loss is the mean of its square, and
        `LevenbergMarquardt` takes it.
    name : str, optional
        Its name; by default the function's.

    Returns
    -------
    class

    Raises
    ------
    TypeError, ValueError
        If the function is no such formula, does not depend on its outputs, loses half of its
        digits, or the name is taken by another loss.  Then nothing is added.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.extend.formulas import at_least
    >>> @fastnn.extend.loss
    ... def pinball(prediction, target, *, q=0.5):
    ...     return at_least(q * (target - prediction), (q - 1.0) * (target - prediction))
    >>> net = fastnn.Network([1, 1], "identity", bias=False)
    >>> fastnn.loss(net, [2.0], [[1.0]], [[4.0]], loss=pinball(0.75))
    1.5
    >>> fastnn.extend.remove(pinball)
    """
    if function is not None and residual is not None:
        raise TypeError("residual: expected a function or a residual, got both")
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        raise ValueError(f"name: expected letters, digits and underscores, got {shown(name)}")
    if function is None and residual is None:
        return lambda decorated: _made(decorated, "function", name)
    argument = "function" if residual is None else "residual"
    return _made(function if residual is None else residual, argument, name)


def _made(function: Any, argument: str, name: str | None) -> type[OwnLoss]:
    if not callable(function):
        raise TypeError(f"{argument}: expected a function, got {shown(function)}")
    given = getattr(function, "__name__", "")
    if name is None and not given.isidentifier():
        raise ValueError("name: expected a name for a function without one, got None")
    outputs, numbers = _signature(function, argument)
    is_residual = argument == "residual"
    if is_residual and len(outputs) != 2:
        raise TypeError(f"residual: expected one output and a target, got {', '.join(outputs)}")
    names = [*outputs, *numbers]
    formula = record(function, names)
    for output in outputs[:-1]:
        slope = formula.derivative(output).result
        if (slope.kind, slope.value) == ("constant", 0.0):
            raise ValueError(
                f"{argument}: expected a formula that depends on {output}, got one whose "
                "derivative by it is 0"
            )
    kind = own_losses.class_of(
        {
            "name": given if name is None else name,
            "outputs": len(outputs) - 1,
            "is_residual": is_residual,
            "defaults": numbers,
            "formula": formula.to_data(),
        }
    )
    term = formula if not is_residual else record(lambda *x: square_of(formula(*x)), names)
    check_loss(argument, term, [term.derivative(output) for output in outputs[:-1]], numbers)
    own_losses.add(kind)
    if getattr(function, "__qualname__", "") == kind.name:  # where pickle finds the class
        kind.__module__ = function.__module__
    kind.__doc__ = getattr(function, "__doc__", None) or kind.__doc__
    return kind


def _signature(function: Any, argument: str) -> tuple[list[str], dict[str, float]]:
    """The names of outputs and target, and the numbers with their defaults."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{argument}: expected a function with {SHAPE}, got {shown(function)}"
        ) from error
    outputs: list[str] = []
    numbers: dict[str, float] = {}
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY:
            if one.default is one.empty:
                raise TypeError(
                    f"{argument}: expected a default for the number {one.name}, got none; write "
                    f"{one.name}=1.0"
                )
            numbers[one.name] = own_losses.default_of(one.name, one.default)
        elif one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) or one.default is not one.empty:
            raise TypeError(f"{argument}: expected {SHAPE}, with numbers after the *, got {one}")
        else:
            outputs.append(one.name)
    if not 2 <= len(outputs) <= own_losses.MOST_NUMBERS:
        raise TypeError(
            f"{argument}: expected an output and a target at least, as in {SHAPE}, got "
            f"({', '.join(outputs)})"
        )
    return outputs, numbers
