"""Random expressions, and where rounding decides in them."""

import numpy as np
from hypothesis import strategies as st

from fastnn.expressions.complex_numbers import in_complex
from fastnn.expressions.nodes import Node

X = Node("argument", value="x")
CONSTANTS = [0.0, 1.0, -1.0, 2.0, 0.5, -0.3, 3.25, 0.1]
BOUNDED = ("tanh", "sigmoid", "sin", "cos", "atan")
SMOOTH = ("neg", "add", "sub", "mul", "fma", *BOUNDED, "softplus", "softplus_rest")
OF_BOUNDED = ("exp", "expm1", "log1p")
"""Functions that are applied only to what is bounded."""
ARITY = {"add": 2, "sub": 2, "mul": 2, "fma": 3, "at_least": 2, "at_most": 2}
COMPARISONS = ("lt", "le", "gt", "ge")
JOINS = ("and", "or", "xor")


def constants():
    short = st.sampled_from(CONSTANTS).map(lambda value: Node("constant", value=value))
    by_type = st.sampled_from([(0.1, 0.25), (2.0, 2.0)]).map(
        lambda pair: Node("constant_by_type", value=pair)
    )
    return st.one_of(short, short, by_type)


@st.composite
def conditions(draw, numbers):
    """A comparison, or two that are joined."""
    made = Node(draw(st.sampled_from(COMPARISONS)), (draw(numbers), draw(numbers)))
    if draw(st.booleans()):
        other = Node(draw(st.sampled_from(COMPARISONS)), (draw(numbers), draw(numbers)))
        made = Node(draw(st.sampled_from(JOINS)), (made, other))
    return Node("not", (made,)) if draw(st.booleans()) else made


@st.composite
def operations(draw, numbers):
    """One operation on some of these numbers."""
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return Node("select", (draw(conditions(numbers)), draw(numbers), draw(numbers)))
    if choice == 1:
        kind = draw(st.sampled_from(("at_least", "at_most")))
        return Node(kind, (draw(numbers), draw(numbers)))
    if choice == 2:
        return Node("magnitude", (draw(numbers),))
    if choice == 3:
        return Node("with_sign", (Node("magnitude", (draw(numbers),)), draw(numbers)))
    if choice == 4:
        inner = Node(draw(st.sampled_from(("tanh", "sin"))), (draw(numbers),))
        half = Node("mul", (Node("constant", value=0.5), inner))
        return Node(draw(st.sampled_from(OF_BOUNDED)), (half,))
    if choice == 5:
        square = Node("mul", (value := draw(numbers), value))
        positive = Node("add", (Node("constant", value=1.0), square))
        return draw(st.sampled_from([
            Node("sqrt", (positive,)), Node("log", (positive,)),
            Node("div", (draw(numbers), positive)),
        ]))  # fmt: skip
    kind = draw(st.sampled_from(SMOOTH))
    return Node(kind, tuple(draw(numbers) for _ in range(ARITY.get(kind, 1))))


NODES = st.recursive(st.one_of(st.just(X), st.just(X), constants()), operations, max_leaves=12)
"""Numbers that depend on x, or do not."""


def close_calls(expression, x, margin=1e-6):
    """Where rounding may decide a comparison, or a kink is near: operands that nearly agree."""
    near = np.zeros(x.shape, dtype=bool)

    def note(node, operands):
        nonlocal near
        if node.kind in (*COMPARISONS, "at_least", "at_most"):
            a, b = operands
        elif node.kind in ("magnitude", "softplus_rest"):
            a, b = operands[0], np.zeros_like(x)
        elif node.kind == "with_sign":
            a, b = operands[1], np.zeros_like(x)
        else:
            return
        near = near | ~(np.abs(a - b) > margin * (1 + np.abs(a)))

    in_complex(expression, x.astype(complex), seen=note)
    return near
