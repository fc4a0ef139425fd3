"""Operators on lane vectors, with the meaning they have on numbers, in every lane.

``+ - * /``, comparisons (which give masks), ``& | ^`` on masks and unary ``-``.  A plain float next
to a lane vector is copied into every lane.
"""

import operator

from numba import types
from numba.extending import lower_builtin, type_callable

from .conversion import convert, is_mask, is_value, lanes_among
from .types import Lanes

ARITHMETIC = {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}
COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
MASK_LOGIC = {operator.and_: "and_", operator.or_: "or_", operator.xor: "xor"}


def _register_binary(function, emit, applies, result):
    """Give the operator `function` a meaning wherever a lane vector stands on either side."""

    @type_callable(function)
    def typed(context):
        def typer(left, right):
            lanes = lanes_among(left, right)
            return result(lanes) if lanes is not None and applies(lanes) else None

        return typer

    def lowered(context, builder, signature, arguments):
        lanes = lanes_among(*signature.args)
        left, right = (
            convert(context, builder, value, kind, lanes)
            for value, kind in zip(arguments, signature.args, strict=True)
        )
        return emit(builder, left, right)

    for left, right in ((Lanes, Lanes), (Lanes, types.Float), (types.Float, Lanes)):
        lower_builtin(function, left, right)(lowered)


for _function, _name in ARITHMETIC.items():
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: getattr(builder, name)(left, right),
        is_value,
        lambda lanes: lanes,
    )
for _function, _name in COMPARISONS.items():
    # As in Python, != is true for a NaN and every other comparison is false.
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: (
            builder.fcmp_unordered if name == "!=" else builder.fcmp_ordered
        )(name, left, right),
        is_value,
        lambda lanes: lanes.mask,
    )
for _function, _name in MASK_LOGIC.items():
    _register_binary(
        _function,
        lambda builder, left, right, name=_name: getattr(builder, name)(left, right),
        is_mask,
        lambda lanes: lanes,
    )


@type_callable(operator.neg)
def _type_neg(context):
    def typer(value):
        return value if isinstance(value, Lanes) and is_value(value) else None

    return typer


@lower_builtin(operator.neg, Lanes)
def _lower_neg(context, builder, signature, arguments):
    return builder.fneg(arguments[0])
