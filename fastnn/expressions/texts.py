"""Expressions as text: in the notation of formulas, and in LaTeX."""

from __future__ import annotations

from collections.abc import Callable

from .nodes import ARGUMENT, CONSTANT, CONSTANT_BY_TYPE, Node, visit

LONGEST = 300
"""Most characters of a part; a longer one is left out."""
# What an operand of a smaller rank is put into brackets for.
CONDITIONS, COMPARISON, SUM, PRODUCT, SIGN, ATOM = range(6)
INFIX = {
    "add": (" + ", SUM, SUM), "sub": (" - ", SUM, PRODUCT), "mul": (" * ", PRODUCT, SIGN),
    "div": (" / ", PRODUCT, SIGN), "lt": (" < ", SUM, SUM), "le": (" <= ", SUM, SUM),
    "gt": (" > ", SUM, SUM), "ge": (" >= ", SUM, SUM), "and": (" & ", ATOM, ATOM),
    "or": (" | ", ATOM, ATOM), "xor": (" ^ ", ATOM, ATOM),
}  # fmt: skip
"""The sign between two operands, and the rank below which each gets brackets."""
PREFIX = {"neg": ("-", SIGN), "not": ("~", ATOM)}
RANKS = {
    "add": SUM, "sub": SUM, "mul": PRODUCT, "div": PRODUCT, "neg": SIGN, "lt": COMPARISON,
    "le": COMPARISON, "gt": COMPARISON, "ge": COMPARISON, "and": CONDITIONS, "or": CONDITIONS,
    "xor": CONDITIONS, "not": ATOM,
}  # fmt: skip
LATEX_SIGNS = {
    "mul": r" \cdot ", "le": r" \le ", "ge": r" \ge ", "and": r" \land ", "or": r" \lor ",
    "xor": r" \oplus ",
}  # fmt: skip
LATEX_FORMS = {
    "div": r"\frac{{{}}}{{{}}}", "sqrt": r"\sqrt{{{}}}", "magnitude": r"\left|{}\right|",
    "exp": r"e^{{{}}}", "expm1": r"\left(e^{{{}}} - 1\right)", "sigmoid": r"\sigma\left({}\right)",
    "at_least": r"\max\left({}, {}\right)", "at_most": r"\min\left({}, {}\right)",
    "fma": r"\left({} \cdot {} + {}\right)", "log": r"\log\left({}\right)",
    "log1p": r"\log\left(1 + {}\right)", "tanh": r"\tanh\left({}\right)",
    "sin": r"\sin\left({}\right)", "cos": r"\cos\left({}\right)",
    "atan": r"\arctan\left({}\right)", "atanh": r"\operatorname{{artanh}}\left({}\right)",
    "softplus": r"\log\left(1 + e^{{{}}}\right)",
    "softplus_rest": r"\log\left(1 + e^{{-\left|{}\right|}}\right)",
    "with_sign": r"\operatorname{{copysign}}\left({}, {}\right)",
    "select": r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
}  # fmt: skip
"""Forms that need no brackets around operands."""


def as_text(result: Node) -> str:
    """The formula as Python would have it, without the parts that are very long."""
    return _joined(result, _number, lambda name: name, False)


def as_latex(result: Node) -> str:
    """The formula in LaTeX."""
    return _joined(result, _latex_number, _latex_name, True)


def _joined(
    result: Node, number: Callable[[float], str], name: Callable[[str], str], latex: bool
) -> str:
    def step(node: Node, parts: list[tuple[str, int]]) -> tuple[str, int]:
        if node.kind == ARGUMENT:
            return name(node.value), ATOM
        if node.kind in (CONSTANT, CONSTANT_BY_TYPE):
            value = node.value if node.kind == CONSTANT else node.value[0]
            text = number(value)
            return text, SIGN if text.startswith("-") else ATOM
        text, rank = _applied(node.kind, parts, latex)
        return ("…", ATOM) if len(text) > LONGEST else (text, rank)

    text: str = visit([result], step)[result][0]
    return text


def _applied(kind: str, parts: list[tuple[str, int]], latex: bool) -> tuple[str, int]:
    """Text and rank of an operation on operands with theirs."""
    if latex and kind in LATEX_FORMS:
        return LATEX_FORMS[kind].format(*(text for text, _ in parts)), ATOM
    if kind in INFIX:
        sign, left, right = INFIX[kind]
        if latex:
            sign = LATEX_SIGNS.get(kind, sign)
        a, b = (
            bracketed(*part, rank, latex) for part, rank in zip(parts, (left, right), strict=True)
        )
        return f"{a}{sign}{b}", RANKS[kind]
    if kind in PREFIX:
        sign, least = PREFIX[kind]
        sign = r"\lnot " if latex and kind == "not" else sign
        return f"{sign}{bracketed(*parts[0], least, latex)}", RANKS[kind]
    return f"{kind}({', '.join(text for text, _ in parts)})", ATOM


def bracketed(text: str, rank: int, least: int, latex: bool = False) -> str:
    """Put a part of a smaller rank than `least` into brackets."""
    if rank >= least:
        return text
    return rf"\left({text}\right)" if latex else f"({text})"


def _number(value: float) -> str:
    return repr(value)


def _latex_number(value: float) -> str:
    text = f"{value:.6g}"
    if "inf" in text:
        return text.replace("inf", r"\infty")
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _latex_name(name: str) -> str:
    if len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"
