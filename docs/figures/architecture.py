"""Draw the wings of the package: ``python docs/figures/architecture.py``.

The rows are the layers in ``pyproject.toml``, and the arrows are read off the imports.  Those that
follow from others are left out.  It makes ``architecture.svg``, and needs grimp, which comes with
import-linter.
"""

import sys
import tomllib
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parent.parent.parent
FILE = Path(__file__).with_suffix(".svg")
# Of Okabe and Ito's colours, which all eyes tell apart.
INK, BLUE, VERMILION, PALE = "#333333", "#0072B2", "#D55E00", "#F3F3F3"
WIDTH, HEIGHT, STEP = 1.5, 0.62, 1.85
BESIDE = {"extend": 2, "starts": 2, "tabular": 2, "train_options": 2}
"""The columns of wings that are not in the middle, nor on the left."""
DOWN = [
    ("training", "train_many(net, X, y, restarts=…)"),
    ("job", "checks, and one Job of all that a restart depends on"),
    ("scheduling", "chunks of restarts, for threads or processes"),
    ("engine", "addresses of arrays; the compiled kernel is called"),
    ("kernels", "epochs: forward, error, back-propagation"),
    ("optimizers", "the update: w -= rate * g"),
    ("lanes", "one instruction, 8 or 16 networks"),
]
UP = [
    ("kernels", "a restart that has ended: its row"),
    ("engine", "arrays of the chunk"),
    ("scheduling", "arrays of the run …"),
    ("storage", "… or files in a folder"),
    ("results", "Runs, and runs.loss"),
]


def layers():
    """The wings, high to low; those of one layer side by side."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    rows = [row.split(" | ") for row in contract["layers"]]
    return [row for row in rows if row != ["__main__"]]


def imports():
    """Pairs of wings of which the first imports the second."""
    import grimp

    graph = grimp.build_graph("fastnn", cache_dir=None)
    found = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = tuple([*name.split("."), ""][1] for name in (module, other))
            if pair[0] != pair[1] and pair[0] != "__main__" and all(pair):
                found.add(pair)
    return found


def reduced(pairs):
    """The pairs that do not follow from others."""

    @cache
    def below(wing):
        direct = {low for high, low in pairs if high == wing}
        return direct.union(*map(below, direct))

    return {
        (high, low)
        for high, low in pairs
        if not any(low in below(other) for top, other in pairs if top == high and other != low)
    }


def longest(pairs):
    """The longest chain of imports, which stands in the middle."""

    @cache
    def chain(wing):
        chains = [chain(low) for high, low in sorted(pairs) if high == wing]
        return [wing, *max(chains, key=len, default=[])]

    return max((chain(wing) for wing in sorted({high for high, _ in pairs})), key=len)


def places():
    """(x, y) of the middle of each wing's box."""
    rows, middle = layers(), longest(reduced(imports()))
    return {
        wing: (STEP * (1 if wing in middle else BESIDE.get(wing, 0)), len(rows) - y)
        for y, row in enumerate(rows)
        for wing in row
    }


def described(pairs):
    """The arrows as a line of text, which the figure carries along."""
    return ", ".join(f"{high} > {low}" for high, low in sorted(pairs))


def main(path):
    """Draw the figure into the file at `path`."""
    where, arrows = places(), reduced(imports())
    figure = Figure(figsize=(11, 6.6))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.9, 15.5), ylim=(0.4, len(layers()) + 1.2))
    ax.axis("off")
    for high, low in arrows:
        (x, y), (to_x, to_y) = where[high], where[low]
        bend = -0.5 if x == to_x and y - to_y > 1 else 0
        ax.annotate(
            "", (to_x, to_y + HEIGHT / 2), (x, y - HEIGHT / 2), zorder=0,  # behind the boxes
            arrowprops={"arrowstyle": "-|>", "color": "#888888", "lw": 1,
                        "connectionstyle": f"arc3,rad={bend}"},
        )  # fmt: skip
    for wing, (x, y) in where.items():
        corner = (x - WIDTH / 2 + 0.1, y - HEIGHT / 2 + 0.1)
        box = {"boxstyle": "round,pad=0.1", "fc": PALE, "ec": INK, "lw": 1}
        ax.add_patch(FancyBboxPatch(corner, WIDTH - 0.2, HEIGHT - 0.2, **box))
        ax.text(x, y, wing, ha="center", va="center", color=INK, fontsize=10)
    number = 0
    for column, colour, title, steps in (
        (5.1, BLUE, "the way of the data to a weight …", DOWN),
        (11.4, VERMILION, "… and back to a loss", UP),
    ):
        ax.text(column, len(layers()) + 0.75, title, color=colour, fontweight="bold", va="center")
        for wing, text in steps:
            number += 1
            y = where[wing][1]
            ax.text(
                column, y, str(number), color="white", fontsize=8, ha="center", va="center",
                bbox={"boxstyle": "circle,pad=0.25", "fc": colour, "ec": "none"},
            )  # fmt: skip
            ax.text(column + 0.35, y, text, color=INK, fontsize=10, va="center")
    ax.text(STEP, len(layers()) + 0.75, "wings, and what they import", ha="center", va="center",
            color=INK, fontweight="bold")  # fmt: skip
    figure.savefig(path, metadata={"Date": None, "Description": described(arrows)})


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    with matplotlib.rc_context({"svg.hashsalt": "fastnn", "svg.fonttype": "path"}):
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
