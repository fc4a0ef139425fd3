"""Formulas: functions of one number, written with operators, that become machine code directly.

A formula runs in Python while a kernel is compiled, on a `Term` that stands for its argument; each
operator emits the instruction for a plain float or for all lanes of a vector.  Numba would infer
types and compile every small function separately: with formulas a kernel compiles in two thirds of
the time.  A float in a formula is a constant of the argument's type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .conversion import convert, is_value, lanes_among
from .emit import MANTISSA_BITS, bits_type, call_fma, call_sqrt, choose, constant_bits
from .symbols import OF_CONDITIONS, OF_NUMBERS, REFUSED, Symbol, refuses
from .types import Lanes, llvm_value, number_of


@refuses(*REFUSED, *OF_CONDITIONS)
class Condition(Symbol):
    """The outcome of a comparison, in every lane, for `select`; ``&``, ``|``, ``^``, ``~`` join."""

    def __init__(self, builder: ir.IRBuilder, kind: types.Type, value: ir.Value) -> None:
        self.builder = builder
        self.kind = kind
        """The type of the numbers that were compared."""
        self.value = value

    def _join(self, how: str, other: Condition) -> Condition:
        if not isinstance(other, Condition) or other.builder is not self.builder:
            raise TypeError(
                f"{how}: expected comparisons on both sides, got {other!r}; put each in brackets: "
                "(x > a) & (x < b)"
            )
        value = getattr(self.builder, how)(self.value, other.value)
        return Condition(self.builder, self.kind, value)

    def __and__(self, other: Condition) -> Condition:
        return self._join("and_", other)

    def __or__(self, other: Condition) -> Condition:
        return self._join("or_", other)

    def __xor__(self, other: Condition) -> Condition:
        return self._join("xor", other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Condition:
        return Condition(self.builder, self.kind, self.builder.not_(self.value))

    def __repr__(self) -> str:
        return f"Condition({self.value.get_reference()})"


@refuses(*REFUSED, *OF_NUMBERS)
class Term(Symbol):
    """A float, or one in every lane, in a formula.

    Operators are ``+ - * /``, ``abs``, and the comparisons ``< <= > >=``, which give a condition
    for `select`.
    """

    def __init__(self, builder: ir.IRBuilder, kind: types.Type, value: ir.Value) -> None:
        self.builder = builder
        self.kind = kind
        self.value = value

    def constant(self, number: float) -> Term:
        """`number`, rounded to the type of this term, in every lane."""
        number = float(number)
        vector = llvm_value(self.kind)
        if isinstance(self.kind, Lanes):
            return self._new(ir.Constant(vector, [number] * self.kind.count))
        return self._new(ir.Constant(vector, number))

    def by_type(self, for_float64: float, for_float32: float) -> Term:
        """One of two constants, according to the type of this term."""
        double = number_of(self.kind) == types.float64
        return self.constant(for_float64 if double else for_float32)

    @property
    def is_double(self) -> bool:
        """True if the numbers are float64."""
        return bool(number_of(self.kind) == types.float64)

    def _new(self, value: ir.Value) -> Term:
        return Term(self.builder, self.kind, value)

    def _like(self, other: Term | float) -> Term:
        if isinstance(other, Term):
            if other.builder is not self.builder:
                raise TypeError(
                    "formula: expected symbols of this call, got one kept from an earlier call; "
                    "compute it anew"
                )
            return other
        if not isinstance(other, Real):
            raise TypeError(f"formula: expected a number, got {_described(other)}")
        return self.constant(float(other))

    def __add__(self, other: Term | float) -> Term:
        return self._new(self.builder.fadd(self.value, self._like(other).value))

    def __radd__(self, other: float) -> Term:
        return self._like(other) + self

    def __sub__(self, other: Term | float) -> Term:
        return self._new(self.builder.fsub(self.value, self._like(other).value))

    def __rsub__(self, other: float) -> Term:
        return self._like(other) - self

    def __mul__(self, other: Term | float) -> Term:
        return self._new(self.builder.fmul(self.value, self._like(other).value))

    def __rmul__(self, other: float) -> Term:
        return self._like(other) * self

    def __truediv__(self, other: Term | float) -> Term:
        return self._new(self.builder.fdiv(self.value, self._like(other).value))

    def __rtruediv__(self, other: float) -> Term:
        return self._like(other) / self

    def __neg__(self) -> Term:
        return self._new(self.builder.fneg(self.value))

    def __pos__(self) -> Term:
        return self

    def __abs__(self) -> Term:
        return magnitude(self)

    def __lt__(self, other: Term | float) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: Term | float) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: Term | float) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: Term | float) -> Condition:
        return self._compare(">=", other)

    def _compare(self, how: str, other: Term | float) -> Condition:
        value = self.builder.fcmp_ordered(how, self.value, self._like(other).value)
        return Condition(self.builder, self.kind, value)

    def __repr__(self) -> str:
        return f"Term({self.value.get_reference()})"


def _described(value: Any) -> str:
    """Text of an error: what came in place of a number, and what to write."""
    if isinstance(value, Condition):
        return "a comparison; write select(condition, yes, no)"
    return repr(value)


def fma(a: Term | float, b: Term | float, c: Term | float) -> Term:
    """``a * b + c``, rounded once."""
    some = next(term for term in (a, b, c) if isinstance(term, Term))
    values = [some._like(term).value for term in (a, b, c)]
    return some._new(call_fma(some.builder, some.kind, *values))


def sqrt(x: Term) -> Term:
    """The square root, correctly rounded; NaN below 0."""
    return x._new(call_sqrt(x.builder, x.kind, x.value))


def select(condition: Condition, yes: Term | float, no: Term | float) -> Term:
    """Per lane `yes` where `condition` holds, else `no`."""
    if not isinstance(condition, Condition):
        raise TypeError(f"select: expected a comparison such as x > 0.0, got {condition!r}")
    result = Term(condition.builder, condition.kind, condition.value)
    yes, no = result._like(yes), result._like(no)
    return result._new(choose(result.builder, condition.value, yes.value, no.value))


def at_least(x: Term, bound: Term | float) -> Term:
    """The larger of the two; a NaN in `x` stays a NaN, as ordered comparisons with it are false."""
    return select(x._like(bound) > x, bound, x)


def at_most(x: Term, bound: Term | float) -> Term:
    """The smaller of the two; a NaN in `x` stays a NaN."""
    return select(x._like(bound) < x, bound, x)


def rounding_shift(x: Term) -> Term:
    """The constant whose sum with a number leaves the nearest integer in the last bits."""
    return x.by_type(6755399441055744.0, 12582912.0)


def scale_by_bits(x: Term, shifted: Term) -> Term:
    """``x * 2**k`` for a normal result, k the integer in the last bits of `shifted`'s mantissa.

    Adding a large constant rounds a number to an integer and leaves that integer in the low bits of
    the sum; shifted to the exponent, these scale by an integer addition.
    """
    integers = bits_type(x.kind)
    bits, power = (x.builder.bitcast(term.value, integers) for term in (x, shifted))
    places = constant_bits(x.kind, MANTISSA_BITS[number_of(x.kind)])
    total = x.builder.add(bits, x.builder.shl(power, places))
    return x._new(x.builder.bitcast(total, llvm_value(x.kind)))


def split_by_bits(x: Term, low: float) -> tuple[Term, Term]:
    """m and k with ``x = m * 2**k`` and ``low <= m < 2 * low``, for ``x > 0`` and normal.

    The integer k is in the last bits of the second term, a sum with `rounding_shift`.  `low` is at
    least 1/2 and at most 1; for any other x the result is arbitrary.
    """
    add, builder, integers = x.builder.add, x.builder, bits_type(x.kind)
    terms = (x, x.constant(low), x.constant(1.0), rounding_shift(x))
    bits, least, one, shift = (builder.bitcast(term.value, integers) for term in terms)
    count = MANTISSA_BITS[number_of(x.kind)]
    places = constant_bits(x.kind, count)
    # The exponent of 1 keeps the number, whose upper bits are k, non-negative.
    total = add(bits, builder.sub(one, least))
    k = builder.sub(builder.lshr(total, places), builder.lshr(one, places))
    m = add(builder.and_(total, constant_bits(x.kind, (1 << count) - 1)), least)
    floats = llvm_value(x.kind)
    return x._new(builder.bitcast(m, floats)), x._new(builder.bitcast(add(k, shift), floats))


def alternate_by_bits(x: Term, shifted: Term) -> Term:
    """``x * (-1)**k``, k the integer in the last bits of `shifted`'s mantissa."""
    integers = bits_type(x.kind)
    bits, power = (x.builder.bitcast(term.value, integers) for term in (x, shifted))
    places = constant_bits(x.kind, number_of(x.kind).bitwidth - 1)
    flipped = x.builder.xor(bits, x.builder.shl(power, places))
    return x._new(x.builder.bitcast(flipped, llvm_value(x.kind)))


def magnitude(x: Term) -> Term:
    """The absolute value, by clearing the sign bit."""
    bits = x.builder.bitcast(x.value, bits_type(x.kind))
    keep = constant_bits(x.kind, (1 << (number_of(x.kind).bitwidth - 1)) - 1)
    return x._new(x.builder.bitcast(x.builder.and_(bits, keep), llvm_value(x.kind)))


def with_sign(x: Term, sign: Term) -> Term:
    """The magnitude `x`, which must have a clear sign bit, with the sign of `sign`."""
    bits, source = (x.builder.bitcast(term.value, bits_type(x.kind)) for term in (x, sign))
    keep = constant_bits(x.kind, 1 << (number_of(x.kind).bitwidth - 1))
    joined = x.builder.or_(bits, x.builder.and_(source, keep))
    return x._new(x.builder.bitcast(joined, llvm_value(x.kind)))


def formula(
    function: Callable[..., Any], arguments: int | None = None, results: int | None = None
) -> Any:
    """Let kernels call `function` of one to eight numbers, plain floats or lane vectors.

    Plain floats next to lane vectors are copied into every lane; arguments may include a mask.
    With `results`, the function returns a tuple of so many numbers.
    """

    def typed(*kinds):
        values = [kind for kind in kinds if is_value(kind)]
        kind = lanes_among(*values) or (values[0] if len(set(values)) == 1 else None)
        if kind is None:
            return None
        mask = kind.mask if isinstance(kind, Lanes) else types.boolean
        if any(not is_value(other) and other != mask for other in kinds):
            return None

        def generate(context, builder, signature, arguments):
            terms = [
                Term(builder, kind, convert(context, builder, value, source, kind))
                if is_value(source)
                else Condition(builder, kind, value)
                for value, source in zip(arguments, signature.args, strict=True)
            ]
            made = function(*terms)
            if results is None:
                return made.value
            return context.make_tuple(builder, signature.return_type, [one.value for one in made])

        given = kind if results is None else types.UniTuple(kind, results)
        return given(*kinds), generate

    if arguments is None:
        arguments = len(inspect.signature(function).parameters)
    emitted = intrinsic(_of_arguments(typed, arguments))
    emitted.__doc__ = function.__doc__
    return emitted


def _of_arguments(typed, count):
    """`typed` as a function of Numba's context and `count` arguments, which Numba counts."""
    return (
        lambda typingctx, a: typed(a),
        lambda typingctx, a, b: typed(a, b),
        lambda typingctx, a, b, c: typed(a, b, c),
        lambda typingctx, a, b, c, d: typed(a, b, c, d),
        lambda typingctx, a, b, c, d, e: typed(a, b, c, d, e),
        lambda typingctx, a, b, c, d, e, f: typed(a, b, c, d, e, f),
        lambda typingctx, a, b, c, d, e, f, g: typed(a, b, c, d, e, f, g),
        lambda typingctx, a, b, c, d, e, f, g, h: typed(a, b, c, d, e, f, g, h),
    )[count - 1]
