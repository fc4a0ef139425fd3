"""Formulas in C: functions of one number, with the placeholders of `code`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ...expressions import Expression
from ...expressions.nodes import ARGUMENT, CONSTANT, CONSTANT_BY_TYPE, Node
from ...expressions.texts import ATOM, CONDITIONS, INFIX, RANKS, SIGN, as_text, bracketed
from ...spec.activations import ACTIVATIONS
from ..common import formula_of
from .code import HELPERS
from .text import in_comment, wrapped

LONGEST = 48
"""Most characters of an operand; longer ones become variables."""
SIGNS = {"and": " && ", "or": " || ", "xor": " != "}
"""Signs that differ from those in Python."""
CALLS = {
    "fma": "fma@", "sqrt": "sqrt@", "magnitude": "fabs@", "with_sign": "copysign@", "exp": "exp@",
    "expm1": "expm1@", "log": "log@", "log1p": "log1p@", "tanh": "tanh@", "atan": "atan@",
    "atanh": "atanh@", "sin": "sin@", "cos": "cos@",
    "sigmoid": "NAME_sigmoid", "softplus": "NAME_softplus", "softplus_rest": "NAME_softplusrest",
}  # fmt: skip
FORMS = {
    "neg": "-{0}", "not": "!{0}", "select": "{0} ? {1} : {2}",
    "at_least": "{1} > {0} ? {1} : {0}", "at_most": "{1} < {0} ? {1} : {0}",
}  # fmt: skip
TWICE = ("at_least", "at_most")
"""Operations whose operands occur twice."""
Text = tuple[str, int]
"""The text of an operand, and its rank in `fastnn.expressions.texts`."""


class Functions:
    """The functions in C of a network's activations.

    Parameters
    ----------
    activations : iterable of str
        Their names.
    number : callable
        The text of a constant in C.
    in_double : bool
        Whether the code computes in double.
    """

    def __init__(
        self, activations: Iterable[str], number: Callable[[float], str], in_double: bool
    ) -> None:
        self.number, self.in_double = number, in_double
        self.formulas = {name: formula_of(name, "C") for name in activations}
        self.names = {name: self._name(name) for name in self.formulas}
        """The function of each activation; None if a unit's output is its input, or for softmax."""

    def _name(self, activation: str) -> str | None:
        formula = self.formulas[activation]
        if formula is None or formula.result.kind == ARGUMENT:
            return None
        if _is_helper(formula):
            return CALLS[formula.result.kind]
        if activation in _BUILT_IN:
            # Without underscores, so that no two prefixes and suffixes make the same name.
            return f"NAME_{activation.replace('_', '')}"
        own = [name for name in self.formulas if name not in _BUILT_IN]
        return f"NAME_own{own.index(activation) + 1}"

    def helpers(self) -> Iterator[str]:
        """The functions that C's library lacks and that the others call."""
        given = [formula for formula in self.formulas.values() if formula is not None]
        kinds = {node.kind for formula in given for node in formula.nodes}
        if "softplus" in kinds:
            kinds.add("softplus_rest")
        yield from (text for kind, text in HELPERS.items() if kind in kinds)

    def definitions(self) -> Iterator[tuple[str, str]]:
        """A comment and the text of every other function, in the order of the names."""
        for activation, name in self.names.items():
            formula = self.formulas[activation]
            if formula is None or name is None or _is_helper(formula):
                continue
            comment = ""
            if activation not in _BUILT_IN:
                told = f"{in_comment(activation)}(x) = {as_text(formula.result)} */"
                comment = "/* " + "\n".join(wrapped(told)).strip() + "\n"
            lines = [f"    {line}" for line in self._body(formula)]
            yield comment, "\n".join([f"static inline real {name}(real x)\n{{", *lines, "}\n"])

    def _body(self, formula: Expression) -> list[str]:
        uses = Counter(
            part
            for node in formula.nodes
            for part in node.parts
            for _ in range(1 + (node.kind in TWICE))
        )
        lines: list[str] = []

        def step(node: Node, operands: list[Text]) -> Text:
            if node.kind == ARGUMENT:
                return "x", ATOM
            if node.kind in (CONSTANT, CONSTANT_BY_TYPE):
                by_type = node.kind == CONSTANT_BY_TYPE
                text = self.number(node.value[not self.in_double] if by_type else node.value)
                return text, SIGN if text.startswith("-") else ATOM
            text, rank = _applied(node.kind, operands)
            if node == formula.result or (uses[node] == 1 and len(text) <= LONGEST):
                return text, rank
            name = f"t{len(lines) + 1}"
            kind = "int" if node.is_condition else "real"
            lines.append(f"const {kind} {name} = {text};")
            return name, ATOM

        result, _ = formula.visit(step)
        used = ["(void)x;"] if all(node.kind != ARGUMENT for node in formula.nodes) else []
        return [*used, *lines, f"return {result};"]


_BUILT_IN = {activation.name for activation in ACTIVATIONS}


def _is_helper(formula: Expression) -> bool:
    """Return whether the formula is a helper's function itself."""
    result = formula.result
    return result.kind in HELPERS and result.parts[0].kind == ARGUMENT


def _applied(kind: str, operands: list[Text]) -> Text:
    """Text and rank of an operation."""
    if kind in CALLS:
        return f"{CALLS[kind]}({', '.join(text for text, _ in operands)})", ATOM
    if kind in INFIX:
        sign, *ranks = INFIX[kind]
        a, b = (bracketed(*part, least) for part, least in zip(operands, ranks, strict=True))
        return f"{a}{SIGNS.get(kind, sign)}{b}", RANKS[kind]
    atoms = [bracketed(*part, ATOM) for part in operands]
    return FORMS[kind].format(*atoms), RANKS.get(kind, CONDITIONS)
