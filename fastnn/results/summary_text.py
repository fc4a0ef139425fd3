"""Words for a summary's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .summary import Summary


def how_sure(summary: Summary) -> str:
    """The epoch up to which a success rate holds, and its interval."""
    by = "" if summary.followed is None else f" by epoch {summary.followed:,}"
    if summary.success_interval is None:
        return f"{by} (no interval: some started restarts are missing)"
    low, high = summary.success_interval
    how = ", Kaplan-Meier" if summary.cut_off else ""
    return f"{by} (95% interval {low:.2%} to {high:.2%}{how})"


def five_numbers(values: tuple[float, ...], form: str) -> str:
    """Median, quartiles and range, in words."""
    low, first, median, third, high = (form.format(value) for value in values)
    return f"median {median}, quartiles {first} to {third}, range {low} to {high}"
