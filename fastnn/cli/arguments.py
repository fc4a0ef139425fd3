"""Parser and types of command-line arguments."""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..job.keep import Best
from ..spec.network import MAX_PARAMETERS
from ..support.checks import integer
from ..support.suggestions import bare, hint
from .habits import advice_on


class Parser(argparse.ArgumentParser):
    """A parser that takes options however they are spelled, and says what was probably meant.

    Options may have underscores, capitals or one hyphen: ``--time_limit`` is ``--time-limit``.
    Wrong ones are told in two lines: a short usage, and the error.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, after unknown options have been refused."""
        given = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:
            end = given.index("--") if "--" in given else len(given)
            given[:end] = map(self._spelled, given[:end])
        return super().parse_known_args(given, namespace)

    def _spelled(self, text: str) -> str:
        """An option as it is declared; an error for an unknown one, other texts as they are."""
        match = re.fullmatch(r"(--?[A-Za-z][\w-]*)(=.*)?", text, re.DOTALL)
        known = self._option_string_actions
        if match is None or match[1] in known:
            return text
        same = [option for option in known if bare(option) == bare(match[1])]
        if same:
            return same[0] + (match[2] or "")
        begun = [option for option in known if option.startswith(match[1])]
        if len(begun) != 1 or not match[1].startswith("--"):
            meant = f"; did you mean {' or '.join(begun)}?" if len(begun) > 1 else ""
            self.error(f"unknown option {match[1]}{meant or advice_on(match[1], self.options)}")
        return begun[0] + (match[2] or "")

    @property
    def options(self) -> list[str]:
        """The options, such as ``--seed``."""
        return [option for option in self._option_string_actions if option.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """End with a short usage, the message, and where to read on."""
        told = re.sub(r"^argument (--[\w-]+)(?:/--[\w-]+)*: ", r"\1: ", message)
        usage = self.format_usage().strip()
        print(f"{usage}   ({self.prog} --help explains)", file=sys.stderr)
        print(f"{self.prog}: error: {told}", file=sys.stderr)
        raise SystemExit(2)

    def shorten_usage(self) -> None:
        """Let the usage have what must be given, and not list the options, as the help does."""
        given = [action for action in self._actions if not action.option_strings]
        names = [(str(action.metavar or action.dest), action.nargs == "?") for action in given]
        needed = [f"[{name}]" if optional else name for name, optional in names]
        self.usage = self.usage or " ".join(["%(prog)s", *needed, "[OPTION …]"])

    def refuse(self, texts: list[str]) -> NoReturn:
        """End since there are more arguments than the command takes."""
        self.error(f"unexpected {texts[0]!r}; an option takes one value, and is repeated for "
                   "several")  # fmt: skip

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                f"expected one of {', '.join(names)}, got {value!r}{hint(value, names)}",
            )


def with_option(message: str, options: list[str]) -> str:
    """An error that begins with arguments of Python, with the options for them instead."""
    names, colon, rest = message.partition(":")
    asked = [f"--{name.removesuffix('_sse').replace('_', '-')}" for name in names.split(", ")]
    return f"{', '.join(asked)}{colon}{rest}" if {*asked} <= {*options} else message


def number_type(text: str) -> str:
    """Parse a type of numbers, which may have its name in C."""
    return {"float": "float32", "double": "float64"}.get(text, text)


def number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def whole(text: str) -> int:
    """Parse a whole number, also written as 1e6 or 1_000_000."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if not number.is_integer():
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(number)


def sizes(text: str) -> list[int]:
    """Parse whole numbers separated by commas, possibly none, also as Python writes a tuple."""
    inner = text.strip(" ()[]").removesuffix(",")
    return [whole(part) for part in inner.split(",")] if inner else []


def hidden_layers(units: list[int]) -> list[int]:
    """Hidden layers of these sizes; none for a single 0.

    Raises
    ------
    ValueError
        If another size is not positive.
    """
    if units == [0]:
        return []
    return [integer("--hidden", count, 1, MAX_PARAMETERS) for count in units]


@contextmanager
def about_hidden() -> Iterator[None]:
    """Name the option in errors about the sizes of a network."""
    try:
        yield
    except ValueError as error:
        raise ValueError(re.sub(r"^sizes(\[\d+\])?:", "--hidden:", str(error))) from None


def kept(text: str) -> Any:
    """Parse what to keep: a name, or best=N."""
    name, equals, number = text.partition("=")
    if name != "best" or not equals:
        return text
    try:
        return Best(whole(number))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
