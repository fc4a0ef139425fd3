"""The distinct solutions of XOR: their decision boundaries, and how often each occurs.

100,000 restarts of a 2-2-1 network with biases learn XOR by RPROP until the sum of squared errors
is below 0.001.  Of those that do, two count as the same solution if their outputs lie on the same
side of 0.5 at each of 16 points, the integers from -1 to 2 of both inputs: four of them are the
data.  Each panel shows one of the twelve most frequent solutions: its mean output, the boundaries
of twenty of its networks, the data (white is 1), and its share.

Run it as ``python examples/solutions.py``.  It prints counts and times, and saves the figure
``solutions.png`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
TARGET, PANELS, LINES, MEMBERS = 1e-3, 12, 20, 500
LATTICE = np.stack(np.meshgrid(*[np.arange(-1.0, 3.0)] * 2), axis=-1).reshape(-1, 2)


def solve(restarts):
    """Train; returns the runs that have learnt XOR."""
    runs = fastnn.train_many(
        NET, X, Y, restarts=restarts, optimizer=fastnn.RPROP(), epochs=1_000, target_sse=TARGET,
        progress=False,
    )  # fmt: skip
    return runs[runs.status == fastnn.Status.CONVERGED]


def distinct(runs):
    """For every solution the positions of its runs, the most frequent first."""
    ones = fastnn.forward(NET, runs.parameters, LATTICE)[:, :, 0] > 0.5
    _, which, counts = np.unique(ones, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(which.ravel(), kind="stable")
    groups = np.split(order, np.cumsum(counts)[:-1])
    return sorted(groups, key=len, reverse=True)


def draw(runs, groups, path):
    """Draw the most frequent solutions, side by side."""
    side = np.linspace(-1, 2, 121)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    axes = figure.subplots(3, 4, sharex=True, sharey=True).ravel()
    for ax, group in zip(axes, groups, strict=False):
        outputs = fastnn.forward(NET, runs.parameters[group[:MEMBERS]], points)
        outputs = outputs.reshape(-1, len(side), len(side))
        image = ax.imshow(
            outputs.mean(axis=0), origin="lower", extent=(-1, 2, -1, 2), vmin=0, vmax=1,
            cmap="cividis", interpolation="bilinear",
        )  # fmt: skip
        for output in outputs[:LINES]:
            ax.contour(side, side, output, levels=[0.5], colors="white", linewidths=0.5, alpha=0.6)
        ax.scatter(*X.T, c=Y.ravel(), cmap="Greys_r", edgecolors="grey", s=36, zorder=3)
        ax.set_title(f"{len(group) / len(runs):.2%}", fontsize=11)
        ax.set(xlim=(-1, 2), ylim=(-1, 2), xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1, 2])
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    figure.supxlabel("input 1")
    figure.supylabel("input 2")
    figure.colorbar(image, ax=axes, label="output (mean of the solution's networks)", aspect=40)
    figure.suptitle(f"{len(groups)} solutions among {len(runs):,} networks that learnt XOR")
    figure.savefig(path, dpi=100)


def main():
    """Train, find the distinct solutions, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="solutions.png")
    parser.add_argument("--restarts", type=int, default=100_000, help="default %(default)s")
    options = parser.parse_args()

    solve(100)  # compiles at its first use
    begin = time.perf_counter()
    runs = solve(options.restarts)
    middle = time.perf_counter()
    groups = distinct(runs)
    print(
        f"{options.restarts:,} restarts in {middle - begin:.2f} s, told apart in "
        f"{time.perf_counter() - middle:.2f} s\n"
        f"{len(runs):,} have learnt XOR, in {len(groups)} distinct ways; the most frequent:"
    )
    for group in groups[:PANELS]:
        ones = fastnn.forward(NET, runs.parameters[group[0]], np.array([[0.5, 0.5]])) > 0.5
        first = runs.indices[group[0]]
        print(
            f"{len(group) / len(runs):>7.2%}  first restart {first:>5}, "
            f"{'ones' if ones else 'zeros'} in the middle"
        )
    draw(runs, groups, options.figure)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
