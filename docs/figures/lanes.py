"""Draw how networks lie in lanes: ``python docs/figures/lanes.py`` makes ``lanes.svg``."""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

# The colours of Okabe and Ito, which all eyes tell apart.
COLOURS = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7"]
INK, PALE = "#333333", "#DDDDDD"
LANES, WEIGHTS = 4, 6
CELL = 0.62


def network(ax, x, y, colour):
    """A 2-2-1 network in its colour."""
    places = [[(x, y), (x, y + 0.7)], [(x + 0.7, y), (x + 0.7, y + 0.7)], [(x + 1.4, y + 0.35)]]
    for left, right in pairwise(places):
        for a in left:
            for b in right:
                ax.plot(*zip(a, b, strict=True), color=colour, lw=2, zorder=1)
    for layer in places:
        for place in layer:
            ax.plot(*place, "o", ms=11, mfc="white", mec=INK, mew=1.2, zorder=2)


def main(path):
    """Draw the figure into the file at `path`."""
    figure = Figure(figsize=(9.2, 4.3))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.4, 12.1), ylim=(-1.05, 5.0), aspect="equal")
    ax.axis("off")
    label = {"color": INK, "fontsize": 11, "va": "center"}
    ax.text(-0.3, 4.7, "four networks, four starts", ha="left", **label)
    left = 4.5
    ax.text(left + LANES * CELL / 2, 4.7, "memory", ha="center", **label)
    for lane, colour in enumerate(COLOURS):
        y = 3.4 - 1.2 * lane
        network(ax, 0, y, colour)
        ax.text(-0.25, y + 0.35, str(lane), ha="right", fontweight="bold", **label)
    for m in range(WEIGHTS):
        y = 3.55 - 0.8 * m
        ax.text(left - 0.2, y + CELL / 2, f"w[{m}]", ha="right", family="monospace", **label)
        for lane, colour in enumerate(COLOURS):
            ax.add_patch(
                Rectangle((left + lane * CELL, y), CELL, CELL, fc=colour, ec="white", lw=1.5)
            )
        ax.add_patch(Rectangle((left, y), LANES * CELL, CELL, fc="none", ec=INK, lw=1.2, zorder=3))
    for lane in range(LANES):
        at = left + (lane + 0.5) * CELL
        ax.text(at, 4.36, str(lane), ha="center", fontweight="bold", **label)
    ax.text(left + LANES * CELL / 2, -0.75, "one vector register each", ha="center", **label)
    box = (8.3, 1.15)
    ax.add_patch(
        FancyBboxPatch(box, 3.4, 2.0, boxstyle="round,pad=0.1", fc="#F6F6F6", ec=PALE, lw=1.2)
    )
    code = ["h = 0", "h = fma(x0, w[0], h)", "h = fma(x1, w[2], h)", "h = sigmoid(h)"]
    for i, line in enumerate(code):
        ax.text(box[0] + 0.1, 2.85 - 0.45 * i, line, family="monospace", ha="left", **label)
    ax.text(box[0] + 1.7, 3.6, "one instruction, four networks", ha="center", **label)
    ax.annotate(
        "", (box[0] - 0.15, 2.15), (left + LANES * CELL + 0.15, 2.15),
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.5},
    )  # fmt: skip
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    with matplotlib.rc_context({"svg.hashsalt": "fastnn", "svg.fonttype": "path"}):
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".svg"))
