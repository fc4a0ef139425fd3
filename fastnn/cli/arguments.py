"""Parser and types of command-line arguments."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..job.keep import Best
from ..spec.network import MAX_PARAMETERS
from ..support.checks import integer
from ..support.suggestions import hint


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest the choice that was probably meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                f"expected one of {', '.join(names)}, got {value!r}{hint(value, names)}",
            )


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
    """Parse whole numbers separated by commas, possibly none."""
    return [whole(part) for part in text.split(",")] if text else []


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
