"""A drawing of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..support.figures import BLUE, GREY, ORANGE, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .network import Network

MAX_DRAWN = 16
"""Maximum number of units drawn per layer; larger layers show their first and last units."""


def plot_network(
    net: Network,
    weights: Sequence[Any] | None = None,
    biases: Sequence[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw nodes and links; colour shows the sign, width the magnitude of a weight."""
    ax = new_axes(ax)
    drawn = [drawn_units(size) for size in net.sizes]
    places = [np.linspace(0, 1, 2 * len(units) + 1)[1::2][::-1] for units in drawn]
    matrices = None if weights is None else [np.asarray(matrix) for matrix in weights]
    largest = max((float(np.abs(m).max()) for m in matrices or []), default=0.0) or 1.0
    label = len(net.sizes) <= 4 and max(map(len, drawn)) <= 4
    for layer in range(net.depth):
        for a, i in enumerate(drawn[layer]):
            for b, j in enumerate(drawn[layer + 1]):
                start, end = (layer, places[layer][a]), (layer + 1, places[layer + 1][b])
                color, width = GREY, 1.0
                if matrices is not None:
                    value = float(matrices[layer][i, j])
                    color = BLUE if value >= 0 else ORANGE
                    width = 0.4 + 5.6 * abs(value) / largest
                ax.plot(*zip(start, end, strict=True), color=color, lw=width, zorder=1)
                if matrices is not None and label:
                    at = 0.3 if (a + b) % 2 else 0.62
                    ax.text(
                        start[0] + at,
                        start[1] + at * (end[1] - start[1]),
                        f"{value:.3g}",
                        ha="center",
                        va="center",
                        fontsize="small",
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                    )
    for layer, (units, heights) in enumerate(zip(drawn, places, strict=True)):
        for unit, height in zip(units, heights, strict=True):
            color = "white"
            if layer and biases is not None and len(biases):
                color = BLUE if biases[layer - 1][unit] >= 0 else ORANGE
            ax.scatter([layer], [height], s=260, color=color, edgecolor="black", zorder=2)
        name = "input" if layer == 0 else net.activation[layer - 1]
        size = net.sizes[layer]
        drawn_of = f"\n({len(units)} shown)" if size > len(units) else ""
        ax.text(layer, -0.06, f"{size} {name}{drawn_of}", ha="center", va="top")
    ax.set_xlim(-0.3, net.depth + 0.3)
    ax.set_ylim(-0.2, 1.05)
    ax.set_axis_off()
    if matrices is not None:
        what = "Weights and biases" if biases is not None and len(biases) else "Weights"
        ax.set_title(f"{what}: blue positive, orange negative")
    return ax


def drawn_units(size: int, most: int = MAX_DRAWN) -> list[int]:
    """The units of a layer that are drawn: all, or the first and last of many."""
    if size <= most:
        return list(range(size))
    half = most // 2
    return [*range(half), *range(size - half, size)]
