"""Units and currencies in cells of columns for which they are given."""

from __future__ import annotations

import re
from typing import Any

from ..support.checks import shown


def check_units(units: Any) -> dict[str, str]:
    """Check units by the names of columns.

    Raises
    ------
    TypeError, ValueError
        If they are something else, or a unit could be part of a number.
    """
    if not isinstance(units, dict) or not all(
        isinstance(text, str) for pair in units.items() for text in pair
    ):
        raise TypeError(f"units: expected a dict of texts, got {shown(units)}")
    for unit in units.values():
        if re.fullmatch(r"[\d\s.,'+-]*", unit):
            raise ValueError(f"units: expected a unit such as kg, $ or %, got {shown(unit)}")
    return {name: unit.strip() for name, unit in units.items()}


def without_unit(cell: str, unit: str) -> str:
    """A cell without its unit, before or after the number; other cells as they are."""
    text = cell.strip()
    sign = text[:1] if text[:1] in ("+", "-") else ""
    rest = text[len(sign) :].strip()
    if rest.startswith(unit):
        return sign + rest.removeprefix(unit).strip()
    return sign + rest.removesuffix(unit).strip() if rest.endswith(unit) else cell
