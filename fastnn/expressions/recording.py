"""Symbols that record what a formula does with them, as nodes."""

from __future__ import annotations

from numbers import Real
from typing import Any

from ..lanes.symbols import OF_CONDITIONS, OF_NUMBERS, REFUSED, Symbol, refuses
from .nodes import ARGUMENT, CONDITION, CONSTANT, CONSTANT_BY_TYPE, MOST_NODES, OPERATIONS, Node


class Recording:
    """One run of a function on symbols, which must not be mixed with those of another run."""

    def __init__(self) -> None:
        self.count = 0
        """Number of operations so far."""

    def argument(self, name: str) -> RecordedNumber:
        """The symbol of the argument of this name."""
        return RecordedNumber(self, Node(ARGUMENT, value=name))

    def apply(self, kind: str, *operands: Any) -> Any:
        """The symbol of an operation on symbols, and on plain numbers where it takes numbers."""
        self.count += 1
        if self.count > MOST_NODES:
            raise ValueError(f"formula: expected at most {MOST_NODES} operations, got more")
        operation = OPERATIONS[kind]
        parts = [
            self._condition(kind, one) if letter == CONDITION else self.number(one)
            for letter, one in zip(operation.takes, operands, strict=True)
        ]
        node = Node(kind, tuple(part.node for part in parts))
        return (RecordedCondition if operation.gives == CONDITION else RecordedNumber)(self, node)

    def number(self, value: Any) -> RecordedNumber:
        """A symbol of this recording as it is, a plain number as the symbol of a constant."""
        if isinstance(value, RecordedNumber):
            self._check(value)
            return value
        if isinstance(value, RecordedCondition):
            raise TypeError(
                "formula: expected a number, got a comparison; write select(condition, yes, no)"
            )
        if not isinstance(value, Real):
            raise TypeError(f"formula: expected a number, got {value!r}")
        return RecordedNumber(self, Node(CONSTANT, value=float(value)))

    def _condition(self, kind: str, value: Any) -> RecordedCondition:
        if not isinstance(value, RecordedCondition):
            if kind == "select":
                raise TypeError(f"select: expected a comparison such as x > 0.0, got {value!r}")
            raise TypeError(
                f"{kind}_: expected comparisons on both sides, got {value!r}; put each in "
                "brackets: (x > a) & (x < b)"
            )
        self._check(value)
        return value

    def _check(self, symbol: RecordedNumber | RecordedCondition) -> None:
        if symbol.recording is not self:
            raise TypeError(
                "formula: expected symbols of this call, got one kept from an earlier call; "
                "compute it anew"
            )


@refuses(*REFUSED, *OF_CONDITIONS)
class RecordedCondition(Symbol):
    """The outcome of a comparison in a formula that is recorded."""

    def __init__(self, recording: Recording, node: Node) -> None:
        self.recording, self.node = recording, node

    def __and__(self, other: Any) -> RecordedCondition:
        return self._join("and", other)

    def __or__(self, other: Any) -> RecordedCondition:
        return self._join("or", other)

    def __xor__(self, other: Any) -> RecordedCondition:
        return self._join("xor", other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> RecordedCondition:
        return self._join("not")

    def _join(self, kind: str, *others: Any) -> RecordedCondition:
        joined: RecordedCondition = self.recording.apply(kind, self, *others)
        return joined

    def __repr__(self) -> str:
        return f"Condition({self.node.kind})"


@refuses(*REFUSED, *OF_NUMBERS)
class RecordedNumber(Symbol):
    """A number in a formula that is recorded, with the operators of `Term`."""

    def __init__(self, recording: Recording, node: Node) -> None:
        self.recording, self.node = recording, node

    def constant(self, number: float) -> RecordedNumber:
        """`number`, rounded to the type of this symbol's numbers."""
        return self.recording.number(float(number))

    def by_type(self, for_float64: float, for_float32: float) -> RecordedNumber:
        """One of two constants, according to the type of this symbol's numbers."""
        value = (float(for_float64), float(for_float32))
        return RecordedNumber(self.recording, Node(CONSTANT_BY_TYPE, value=value))

    @property
    def is_double(self) -> bool:
        """Refused: an expression is recorded once for both types."""
        raise TypeError(
            "is_double: expected a formula for both types, got a question for one; write "
            "x.by_type(for_float64, for_float32) for a constant"
        )

    def _apply(self, kind: str, *operands: Any) -> RecordedNumber:
        number: RecordedNumber = self.recording.apply(kind, *operands)
        return number

    def _compare(self, kind: str, other: Any) -> RecordedCondition:
        condition: RecordedCondition = self.recording.apply(kind, self, other)
        return condition

    def __add__(self, other: Any) -> RecordedNumber:
        return self._apply("add", self, other)

    def __radd__(self, other: Any) -> RecordedNumber:
        return self._apply("add", other, self)

    def __sub__(self, other: Any) -> RecordedNumber:
        return self._apply("sub", self, other)

    def __rsub__(self, other: Any) -> RecordedNumber:
        return self._apply("sub", other, self)

    def __mul__(self, other: Any) -> RecordedNumber:
        return self._apply("mul", self, other)

    def __rmul__(self, other: Any) -> RecordedNumber:
        return self._apply("mul", other, self)

    def __truediv__(self, other: Any) -> RecordedNumber:
        return self._apply("div", self, other)

    def __rtruediv__(self, other: Any) -> RecordedNumber:
        return self._apply("div", other, self)

    def __neg__(self) -> RecordedNumber:
        return self._apply("neg", self)

    def __pos__(self) -> RecordedNumber:
        return self

    def __abs__(self) -> RecordedNumber:
        return self._apply("magnitude", self)

    def __lt__(self, other: Any) -> RecordedCondition:
        return self._compare("lt", other)

    def __le__(self, other: Any) -> RecordedCondition:
        return self._compare("le", other)

    def __gt__(self, other: Any) -> RecordedCondition:
        return self._compare("gt", other)

    def __ge__(self, other: Any) -> RecordedCondition:
        return self._compare("ge", other)

    def __repr__(self) -> str:
        return f"Term({self.node.value if self.node.kind == ARGUMENT else self.node.kind})"
