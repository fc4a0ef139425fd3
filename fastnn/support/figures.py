"""Common parts of all figures: colours, and new axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can distinguish.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def new_axes(ax: Any) -> Axes:
    """Return `ax`, or axes in a new figure if it is None; TypeError for anything else."""
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: expected matplotlib Axes or None, got {shown(ax)}")
    return ax


def literal(name: str) -> str:
    """A name as matplotlib shows it unchanged: no formulas, and not hidden from legends."""
    shown_name = name.replace("$", r"\$")
    return f" {shown_name}" if name.startswith("_") else shown_name
