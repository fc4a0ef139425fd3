"""Basins of attraction: the minimum of XOR's error that each start in a plane leads to.

Both weights of the output of a 2-2-1 network with biases vary over a grid; the other seven initial
weights are the same everywhere.  Each of 160,000 networks learns by gradient descent, with learning
rate 2, until its sum of squared errors (SSE) is below 0.01, at most 4,000 epochs.  The colour in
the left map shows where it ends: in a solution whose ones form a band across the plane of inputs,
or whose zeros do, or on a plateau with SSE near 1/2, 2/3 or 1.  The right map shows how many epochs
the solutions took.

Run it as ``python examples/basins.py``.  It prints counts and the time, and saves the figure
``basins.png`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import fastnn

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
EPOCHS, SOLVED, REACH = 4_000, 0.01, 12.0
VARIED = (6, 7)
"""The places of the two weights among all nine parameters."""
ENDS = {
    "solved, ones in a band": "#0072B2",
    "solved, zeros in a band": "#56B4E9",
    "SSE 1/2": "#E69F00",
    "SSE 2/3": "#F0E442",
    "SSE 1": "#CC79A7",
    "elsewhere": "#000000",
}
"""Where a network may end, with colours of Okabe and Ito's palette."""
LEVELS = (1 / 2, 2 / 3, 1.0)


def train(cells):
    """The runs of a plane of cells by cells starts, row by row."""
    init = np.tile(
        fastnn.train(NET, X, Y, restart=5, epochs=0, init=fastnn.Uniform(-2, 2)).parameters,
        (cells**2, 1),
    )
    side = np.linspace(-REACH, REACH, cells)
    up, right = np.meshgrid(side, side, indexing="ij")
    init[:, VARIED[0]], init[:, VARIED[1]] = right.ravel(), up.ravel()
    return fastnn.train_many(
        NET, X, Y, restarts=len(init), init=init, epochs=EPOCHS, stop=fastnn.LossBelow(SOLVED),
        optimizer=fastnn.GradientDescent(learning_rate=2.0), progress=False,
    )  # fmt: skip


def ends_of(runs):
    """The number of each network's end among `ENDS`."""
    ends = np.full(len(runs), len(ENDS) - 1)
    for i, level in enumerate(LEVELS):
        ends[np.abs(runs.loss - level) < 0.02] = 2 + i
    # A solution has a band of ones if the middle of the four inputs is within it.
    middle = fastnn.forward(NET, runs.parameters, np.array([[0.5, 0.5]])).ravel()
    solved = runs.status == fastnn.Status.CONVERGED
    ends[solved] = np.where(middle[solved] > 0.5, 0, 1)
    return ends


def draw(runs, ends, cells, path):
    """Draw where networks end, and how many epochs the solutions took."""
    figure = Figure(figsize=(8, 5.3), layout="constrained")
    (left, right), (names, bar) = figure.subplots(2, 2, height_ratios=[20, 1])
    extent = (-REACH, REACH, -REACH, REACH)
    left.imshow(
        ends.reshape(cells, cells), origin="lower", extent=extent, interpolation="nearest",
        cmap=ListedColormap(list(ENDS.values())), vmin=-0.5, vmax=len(ENDS) - 0.5,
    )  # fmt: skip
    epochs = np.where(runs.status == fastnn.Status.CONVERGED, runs.epochs, np.nan)
    right.set_facecolor("lightgrey")
    image = right.imshow(
        epochs.reshape(cells, cells), origin="lower", extent=extent, interpolation="nearest",
        cmap="viridis", norm="log",
    )  # fmt: skip
    figure.colorbar(image, bar, location="bottom", label=f"epochs until SSE < {SOLVED:g}")
    left.set_title("Where training ends")
    right.set_title(f"How long (grey: not in {EPOCHS:,} epochs)")
    for ax in (left, right):
        ax.set(xlabel="initial output weight of hidden unit 1")
    left.set_ylabel("initial output weight of hidden unit 2")
    there = np.unique(ends)
    handles = [Patch(color=list(ENDS.values())[i], label=list(ENDS)[i]) for i in there]
    names.set_axis_off()
    names.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1.6), ncols=2, fontsize=9
    )
    figure.savefig(path, dpi=120)


def main():
    """Train, count, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="basins.png")
    parser.add_argument("--cells", type=int, default=400, help="of a side, default %(default)s")
    options = parser.parse_args()

    train(4)  # compiles at its first use
    begin = time.perf_counter()
    runs = train(options.cells)
    seconds = time.perf_counter() - begin
    ends = ends_of(runs)
    print(f"{len(runs):,} networks in {seconds:.2f} s, {runs.epochs.mean():,.0f} epochs on average")
    for i, name in enumerate(ENDS):
        print(f"{name:<24}{np.mean(ends == i):>7.1%}")
    draw(runs, ends, options.cells, options.figure)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
