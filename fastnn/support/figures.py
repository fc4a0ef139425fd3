"""What all figures share: colours, and the axes that they draw into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers tell apart.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"


def new_axes(ax: Any) -> Axes:
    """`ax`, or axes in a new figure if it is None; TypeError for anything else."""
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: expected matplotlib Axes or None, got {shown(ax)}")
    return ax
