"""A sweep of 300 learning rates by 300 momenta on XOR: 90,000 networks in one call, and a picture.

Run it as ``python examples/sweep.py``.  It saves the figure ``sweep.png`` (or the file named as its
argument), which shows after how many epochs each network has learnt XOR.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("figure", nargs="?", default="sweep.png")
parser.add_argument("--cells", type=int, default=300, help="of a side, default %(default)s")
options = parser.parse_args()

X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1])
start = fastnn.train(net, X, y, restart=3, epochs=0).parameters  # the same everywhere


def train(cells):
    """Train a grid of cells by cells."""
    grid = fastnn.Grid(
        learning_rate=np.geomspace(0.01, 100, cells), momentum=np.linspace(0, 0.99, cells)
    )
    return fastnn.train_many(
        net, X, y, grid=grid, optimizer=fastnn.GradientDescent(), init=start, epochs=1000,
        target_sse=0.04,
    )  # fmt: skip


train(2)  # compiles at its first use
begin = time.perf_counter()
runs = train(options.cells)
print(f"{len(runs):,} networks in {time.perf_counter() - begin:.2f} s")
print(runs.summary())

epochs = np.where(runs.status == fastnn.Status.CONVERGED, runs.epochs, np.nan)
fastest = int(np.nanargmin(epochs))
rate, momentum = (values[0] for values in runs.grid.values(np.array([fastest])).values())
print(
    f"fastest: learning rate {rate:.3g} with momentum {momentum:.3g}, {epochs[fastest]:.0f} epochs"
)

figure = Figure(figsize=(8, 5.4), layout="constrained")
ax = runs.plot_grid("epochs", figure.subplots())
ax.plot(momentum, rate, "o", color="#D55E00", mec="white", label="fastest")
ax.legend(loc="lower left")
ax.set_title("Epochs until SSE < 0.04 (grey: not in 1,000)")
ax.set_ylabel("learning rate (of the SSE)")
ax.figure.axes[-1].set_ylabel("epochs")
figure.savefig(options.figure, dpi=100)
print(f"saved {options.figure}")
