"""The recorded formula."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

from ..lanes.formulas import formula
from ..support.checks import shown
from . import data as plain
from .derivatives import derivative
from .evaluation import evaluate
from .nodes import ARGUMENT, MOST_NODES, Node, ordered, visit
from .recording import RecordedCondition, RecordedNumber, Recording
from .simplification import simplified
from .texts import as_latex, as_text


@dataclass(frozen=True, repr=False)
class Expression:
    """A formula of named numbers, recorded once: its code, values, derivatives and text follow.

    It cannot change.  Two expressions are equal if they have the same arguments and operations,
    however these were written; equal parts of one are computed once.

    Parameters
    ----------
    arguments : tuple of str
        Their names, in order.
    result : Node
        The operation that gives the result.  Its `kind` is a key of
        `fastnn.expressions.nodes.OPERATIONS`, or "argument", "constant" or "constant_by_type";
        `parts` are the nodes of its operands, `value` is a name or a number.

    Raises
    ------
    ValueError
        If the arguments are not different names, another one is used, or there are more than
        10,000 nodes.
    """

    arguments: tuple[str, ...]
    result: Node

    def __post_init__(self) -> None:
        plain.check_arguments(self.arguments)
        if len(self.nodes) > MOST_NODES:
            raise ValueError(f"expression: expected at most {MOST_NODES} nodes, got more")
        for node in self.nodes:
            if node.kind == ARGUMENT and node.value not in self.arguments:
                raise ValueError(
                    f"expression: expected only the arguments {', '.join(self.arguments)}, got "
                    f"{node.value}"
                )

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All different nodes, parts first, the result last."""
        return tuple(ordered([self.result]))

    def visit(self, function: Callable[[Node, list[Any]], Any]) -> Any:
        """Translate the expression: the result of the last of these calls.

        Parameters
        ----------
        function : callable
            Called as ``function(node, values)`` once for each node, parts first; `values` are what
            it returned for the node's parts.
        """
        return visit([self.result], function)[self.result]

    def __call__(self, *values: Any) -> Any:
        """Compute the formula.

        Parameters
        ----------
        *values : Term, or array or float
            One for each argument.  Terms emit code: each operation once.  With symbols of a
            formula that is being recorded, this one becomes a part of it.  Arrays and numbers are
            computed by NumPy, element by element, without warnings, in the floating type of the
            arrays, or float64 if there is none; there `fma` is rounded twice.

        Returns
        -------
        Term, ndarray or NumPy scalar

        Raises
        ------
        TypeError
            For another number of values, or other values.
        """
        return evaluate([self.result], self._named(values))[0]

    def _named(self, values: Sequence[Any]) -> dict[str, Any]:
        if len(values) != len(self.arguments):
            raise TypeError(
                f"expression: expected {len(self.arguments)} values, of "
                f"{', '.join(self.arguments)}, got {len(values)}"
            )
        return dict(zip(self.arguments, values, strict=True))

    def derivative(self, name: str) -> Expression:
        """The derivative with respect to an argument, simplified; a function of the same arguments.

        It is exact but for rounding.  Where a function has a kink, it is the slope of one side:
        that of the operand that `select`, `at_least` or `at_most` takes there, and for `magnitude`
        the side of the sign, the right one at +0.  Comparisons and the `sign` of `with_sign` have
        the derivative 0, so jumps are not seen.  A branch that is not taken never matters, even if
        it is infinite or NaN.  Elsewhere, infinities and NaN go through the chain rule: a product
        of 0 and infinity is NaN, such as the derivative of ``sqrt(x * x)`` at 0.  Derivatives at
        the ends of functions are infinite, such as that of ``sqrt(x)`` and ``log(x)`` at 0; where
        a function is NaN, its derivative may be any number.

        Parameters
        ----------
        name : str
            One of `arguments`.

        Raises
        ------
        ValueError
            If there is no such argument.
        """
        if name not in self.arguments:
            raise ValueError(
                f"name: expected one of {', '.join(self.arguments)}, got {shown(name)}"
            )
        return Expression(self.arguments, simplified(derivative(self.result, name)))

    def simplified(self) -> Expression:
        """The same function, to the bit, with no more operations.

        Only identities that hold for every float are used, such as ``1 * x`` and ``-(-x)``, and
        constants are joined if the result is exact.  Nothing is reordered.
        """
        return Expression(self.arguments, simplified(self.result))

    def in_terms_of_result(self, function: Expression) -> Expression | None:
        """Write ``y = function(x)`` for x, the function's first argument, wherever possible.

        Parts that are the function itself become y, so the slope of ``sigmoid(x)`` becomes
        ``fma(-y, y, y)``.

        Returns
        -------
        Expression or None
            The expression with a first argument "y" in place of x; None if x remains.
        """
        x, name = function.arguments[0], "y"
        while name in self.arguments:
            name += "_"
        y = Node(ARGUMENT, value=name)

        def step(node: Node, parts: list[Node]) -> Node:
            return y if node == function.result else Node(node.kind, tuple(parts), node.value)

        result: Node = self.visit(step)
        remaining = {node.value for node in ordered([result]) if node.kind == ARGUMENT}
        if x in remaining:
            return None
        return Expression((name, *(other for other in self.arguments if other != x)), result)

    def to_data(self) -> dict[str, Any]:
        """The expression as lists, names and numbers, as JSON has them."""
        return plain.to_data(self.arguments, self.result)

    @classmethod
    def from_data(cls, data: Any) -> Expression:
        """The expression of what `to_data` gave.  Nothing is run.

        Raises
        ------
        ValueError
            If it is no such data: an unknown operation, wrong operands, or more than 10,000 nodes.
        """
        return cls(*plain.from_data(data))

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression.from_data, (self.to_data(),)

    def __repr__(self) -> str:
        return f"Expression({', '.join(self.arguments)}: {as_text(self.result)})"

    def _repr_latex_(self) -> str:
        return f"${as_latex(self.result)}$"


def record(function: Callable[..., Any], arguments: Sequence[str]) -> Expression:
    """The expression of a function, which is called once, with symbols.

    Parameters
    ----------
    function : callable
        It uses operators, numbers and the functions of `fastnn.extend.formulas`, and returns a
        number.  Arguments that it takes only by keyword are passed so.
    arguments : sequence of str
        The names of its arguments, in order.

    Raises
    ------
    TypeError
        If it does something else with its arguments; the text says what to write.
    """
    name = name_of(function)
    symbols, result = _run(function, arguments)
    return Expression(tuple(arguments), _node_of(name, symbols, result))


def record_all(function: Callable[..., Any], arguments: Sequence[str]) -> tuple[Expression, ...]:
    """The expressions of a function that returns a tuple of numbers, or one; see `record`."""
    name = name_of(function)
    symbols, results = _run(function, arguments)
    if not isinstance(results, tuple):
        results = (results,)
    if not results:
        raise TypeError(f"{name}: expected a formula that returns numbers, got none")
    return tuple(
        Expression(tuple(arguments), _node_of(name, symbols, result)) for result in results
    )


def evaluate_all(expressions: Sequence[Expression], *values: Any) -> tuple[Any, ...]:
    """Compute several expressions of the same arguments, and what they share only once."""
    named = expressions[0]._named(values)
    return tuple(evaluate([expression.result for expression in expressions], named))


def formula_of(expression: Expression | Sequence[Expression]) -> Any:
    """Let kernels call an expression of up to 8 numbers, plain floats or lane vectors.

    Of a sequence of expressions of the same arguments it gives a tuple of their results.
    """
    if isinstance(expression, Expression):
        return formula(expression, arguments=len(expression.arguments))
    several = tuple(expression)
    return formula(
        lambda *values: evaluate_all(several, *values),
        arguments=len(several[0].arguments),
        results=len(several),
    )


def name_of(function: Any) -> str:
    """The name of a function for error messages; "formula" for a lambda."""
    name = getattr(function, "__name__", "formula")
    return name if isinstance(name, str) and name.isidentifier() else "formula"


def _run(function: Any, arguments: Sequence[str]) -> tuple[Recording, Any]:
    """Call the function with symbols."""
    name = name_of(function)
    if not callable(function):
        raise TypeError(f"function: expected a function, got {shown(function)}")
    plain.check_arguments(arguments)
    recording = Recording()
    symbols = {argument: recording.argument(argument) for argument in arguments}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]
    named = {
        argument: symbol
        for argument, symbol in symbols.items()
        if argument in parameters and parameters[argument].kind is inspect.Parameter.KEYWORD_ONLY
    }
    positional = [symbol for argument, symbol in symbols.items() if argument not in named]
    try:
        return recording, function(*positional, **named)
    except Exception as error:
        raise TypeError(
            f"{name}: expected a formula made of operators, numbers and the functions of "
            f"fastnn.extend.formulas, got one that fails: {error}"
        ) from error


def _node_of(name: str, recording: Recording, result: Any) -> Node:
    if isinstance(result, RecordedCondition):
        raise TypeError(
            f"{name}: expected a formula that gives a number, got a comparison; write "
            "select(condition, 1.0, 0.0)"
        )
    if not isinstance(result, RecordedNumber | Real):
        raise TypeError(f"{name}: expected a formula that gives a number, got {shown(result)}")
    return recording.number(result).node
