"""Networks in notebooks: a table, and a small drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..support.figures import BLUE, ORANGE
from ..support.html import card, svg, text
from .network_plot import drawn_units

if TYPE_CHECKING:
    from .network import Network

WIDTH, HEIGHT, EDGE = 220, 130, 18
MOST_UNITS, MOST_LAYERS = 8, 8


def network_html(net: Network) -> str:
    """The table of a network, and its drawing."""
    weights = sum(a * b for a, b in zip(net.sizes[:-1], net.sizes[1:], strict=True))
    rows = [
        ("layers", in_short(net)),
        ("activation", activations(net)),
        ("weights", f"{weights:,}"),
        ("biases", f"{net.n_parameters - weights:,}" if net.bias else "none"),
        ("parameters", f"{net.n_parameters:,}"),
    ]
    return card("Network", rows, drawing(net))


def in_short(net: Network) -> str:
    """The sizes of the layers, such as 2-2-1."""
    return "-".join(map(str, net.sizes))


def activations(net: Network) -> str:
    """The names of the activations, once if all layers have the same."""
    return ", ".join(net.activation[:1] if len(set(net.activation)) == 1 else net.activation)


def drawing(net: Network, parameters: np.ndarray | None = None) -> str:
    """Nodes and links; with parameters, colour shows their sign and width their magnitude.

    Empty for networks of many layers.
    """
    if len(net.sizes) > MOST_LAYERS:
        return ""
    units = [drawn_units(size, MOST_UNITS) for size in net.sizes]
    x = np.linspace(EDGE, WIDTH - EDGE, len(units))
    y = [EDGE + (HEIGHT - 2 * EDGE) * (np.arange(len(each)) + 0.5) / len(each) for each in units]
    finite = parameters is not None and bool(np.isfinite(parameters).all())
    matrices = net.unpack(parameters.astype(np.float64))[0] if finite else None  # type: ignore[union-attr]
    largest = max((float(np.abs(m).max()) for m in matrices or []), default=0.0) or 1.0
    parts = []
    for layer in range(net.depth):
        for a, i in enumerate(units[layer]):
            for b, j in enumerate(units[layer + 1]):
                color, width = "currentColor", 0.7
                if matrices is not None:
                    value = float(matrices[layer][i, j])
                    color = BLUE if value >= 0 else ORANGE
                    width = 0.4 + 3.6 * abs(value) / largest
                parts.append(
                    f'<line x1="{x[layer]:.1f}" y1="{y[layer][a]:.1f}" x2="{x[layer + 1]:.1f}" '
                    f'y2="{y[layer + 1][b]:.1f}" stroke="{color}" stroke-width="{width:.2f}" '
                    'opacity="0.8"/>'
                )
    for layer, size in enumerate(net.sizes):
        for height in y[layer]:
            parts.append(
                f'<circle cx="{x[layer]:.1f}" cy="{height:.1f}" r="6" fill="#999999" '
                'stroke="currentColor"/>'
            )
        shown = f"{size}" if size == len(units[layer]) else f"{len(units[layer])} of {size:,}"
        parts.append(text(float(x[layer]), HEIGHT - 4, shown))
    return svg("".join(parts), f"network {in_short(net)}", WIDTH, HEIGHT)
