"""Common parts of all figures: colours, and new axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from .checks import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can distinguish.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
# The axes of the colour bar beside each axes, for whoever draws into these again.
_BARS: WeakKeyDictionary[Axes, ref[Axes]] = WeakKeyDictionary()


def new_axes(ax: Any) -> Axes:
    """Return `ax`, or axes in a new figure if it is None; TypeError for anything else."""
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: expected matplotlib Axes or None, got {shown(ax)}")
    return ax


def colour_bar(ax: Axes, drawn: Any, **options: Any) -> None:
    """Put a colour bar beside `ax`, in place of the one there: animations draw again and again."""
    bar = _BARS[ax]() if ax in _BARS else None
    if bar is None or bar not in ax.figure.axes:
        _BARS[ax] = ref(ax.figure.colorbar(drawn, ax=ax, **options).ax)
    else:
        bar.clear()
        ax.figure.colorbar(drawn, cax=bar, **options)


def literal(name: str) -> str:
    """A name as matplotlib shows it unchanged: no formulas, and not hidden from legends."""
    shown_name = name.replace("$", r"\$")
    return f" {shown_name}" if name.startswith("_") else shown_name
