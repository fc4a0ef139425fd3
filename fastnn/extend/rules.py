"""Your own stopping rules, each made of one comparison."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, overload

from ..expressions import record
from ..expressions.functions import select
from ..expressions.recording import RecordedCondition
from ..rules import own_rules
from ..rules.own_rules import STATUSES, VALUES, OwnRule
from ..spec.status import Status
from ..support.checks import shown
from ..support.suggestions import hint, suggests

SHAPE = (
    f"arguments among {', '.join(VALUES)}, and numbers with defaults after the *, such as "
    "*, share=0.01"
)
Formula = Callable[..., Any]


@overload
def rule(
    function: Formula, *, name: str | None = None, status: str | Status = "CONVERGED"
) -> type[OwnRule]: ...
@overload
def rule(
    function: None = None, *, name: str | None = None, status: str | Status = "CONVERGED"
) -> Callable[[Formula], type[OwnRule]]: ...
@suggests
def rule(
    function: Formula | None = None,
    *,
    name: str | None = None,
    status: str | Status = "CONVERGED",
) -> type[OwnRule] | Callable[[Formula], type[OwnRule]]:
    """Make a stopping rule of your own from one comparison; also a decorator.

    The result is a class like `fastnn.GradientBelow`: its objects go into ``stop=``, alone or with
    other rules, and it goes there itself, with its defaults.  Files and other processes hold the
    formula, and need no function.

    A rule looks at a restart at the start of every epoch, before its update, and at its end.

    Parameters
    ----------
    function : callable
        A formula made of operators, numbers and the functions of `fastnn.extend.formulas`, which
        gives a comparison, or several joined by ``&``, ``|`` and ``~``.  A comparison with NaN is
        false.  Its arguments are recognized by their names:

        loss : the loss, with penalties, as in a history.
        gradient_norm : the Euclidean norm of the loss's gradient.
        epoch : the number of epochs before, 0 at first; in float32 it ends at 16,777,216.
        last_loss, last_gradient_norm : the same one epoch earlier; infinite at first.

        Arguments after ``*`` are the rule's numbers, with defaults.
    name : str, optional
        The name of the class; by default the function's.
    status : {"CONVERGED", "STALLED", "GRADIENT"}, default "CONVERGED"
        The status of a restart that the rule ends.

    Returns
    -------
    class
        A frozen dataclass with a field for each number.

    Raises
    ------
    TypeError, ValueError
        If the function is no such formula, or an argument has the wrong type or value.

    Notes
    -----
    With ``continue_from`` and the same rules and data, a rule goes on as if training had never
    stopped.  Otherwise it begins anew: its epoch is 0, and what was before is infinite.

    Examples
    --------
    >>> import fastnn
    >>> @fastnn.extend.rule(status="STALLED")
    ... def slow(loss, last_loss, *, share=1e-6):
    ...     return last_loss - loss < share * last_loss
    >>> slow(1e-3)
    slow(share=0.001)
    >>> net, data = fastnn.Network([2, 2, 1]), fastnn.datasets.xor()
    >>> fastnn.train(net, *data, stop=[slow(1e-3), fastnn.LossBelow(0.04)]).status
    <Status.STALLED: 4>
    """
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        raise ValueError(f"name: expected letters, digits and underscores, got {shown(name)}")
    given = status.name if isinstance(status, Status) else status
    if given not in STATUSES:
        raise ValueError(
            f"status: expected one of {', '.join(STATUSES)}, got {shown(status)}"
            f"{hint(given, STATUSES)}"
        )

    def made(function: Any) -> type[OwnRule]:
        return _made(function, name, given)

    return made if function is None else made(function)


def _made(function: Any, name: str | None, status: str) -> type[OwnRule]:
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"function: expected a function, got {shown(function)}")
    called = getattr(function, "__name__", "") if name is None else name
    if not called.isidentifier():
        raise ValueError("name: expected a name for a function without one, got None")
    by_place, by_name = _signature(function)
    numbers = {one: default for one, default in by_name.items() if one not in VALUES}
    names = [*(one for one in VALUES if one in (*by_place, *by_name)), *numbers]

    def formula(*values: Any) -> Any:
        given = dict(zip(names, values, strict=True))
        found = function(*(given[one] for one in by_place), **{one: given[one] for one in by_name})
        if not isinstance(found, RecordedCondition):
            got = "a number" if hasattr(found, "constant") else shown(found)
            raise TypeError(f"write a comparison such as loss < 0.1, not {got}")
        return select(found, 1.0, 0.0)

    formula.__name__ = called
    recorded = record(formula, names)
    own_rules.check_formula(recorded)
    kind = own_rules.class_of(
        {
            "name": called,
            "status": status,
            "defaults": [own_rules.number_of(*pair) for pair in numbers.items()],
            "formula": recorded.to_data(),
        }
    )
    if getattr(function, "__qualname__", "") == called:  # where pickle finds the class
        kind.__module__ = function.__module__
    kind.__doc__ = getattr(function, "__doc__", None) or kind.__doc__
    return kind


def _signature(function: Any) -> tuple[list[str], dict[str, Any]]:
    """The arguments that are passed by position, and those by name, with their defaults."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"function: expected a function of {SHAPE}, got {shown(function)}"
        ) from error
    by_place: list[str] = []
    by_name: dict[str, Any] = {}
    for one in parameters:
        is_number = one.kind is one.KEYWORD_ONLY and one.name not in VALUES
        if is_number and one.default is one.empty:
            raise TypeError(
                f"function: expected a default for the number {one.name}, got none; write "
                f"{one.name}=1.0{hint(one.name, VALUES)}"
            )
        if is_number:
            by_name[one.name] = one.default
            continue
        is_several = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if is_several or one.name not in VALUES or one.default is not one.empty:
            raise TypeError(f"function: expected {SHAPE}, got {one}{hint(one.name, VALUES)}")
        if one.kind is one.KEYWORD_ONLY:
            by_name[one.name] = None
        else:
            by_place.append(one.name)
    if not by_place and not by_name:
        raise TypeError(f"function: expected {SHAPE}, got none")
    return by_place, by_name
