"""A sweep of 300 learning rates by 300 momenta on XOR: 90,000 networks in one call, and a picture.

Run it as ``python examples/sweep.py``.  It saves the figure ``sweep.png`` (or the file named as its
argument): after how many epochs each network has learnt, if it has.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

X, y = fastnn.datasets.xor()
net = fastnn.Network([2, 2, 1])
start = fastnn.train(net, X, y, restart=3, epochs=0).parameters  # the same everywhere

grid = fastnn.Grid(learning_rate=np.geomspace(0.01, 100, 300), momentum=np.linspace(0, 0.99, 300))
begin = time.perf_counter()
runs = fastnn.train_many(
    net, X, y, grid=grid, optimizer=fastnn.GradientDescent(), init=start, epochs=1000,
    target_sse=0.04,
)  # fmt: skip
print(f"{len(runs):,} networks in {time.perf_counter() - begin:.2f} s, compilation included")
print(runs.summary())

epochs = np.where(runs.status == fastnn.Status.CONVERGED, runs.epochs, np.nan)
fastest = int(np.nanargmin(epochs))
rate, momentum = (values[0] for values in grid.values(np.array([fastest])).values())
print(
    f"fastest: learning rate {rate:.3g} with momentum {momentum:.3g}, {epochs[fastest]:.0f} epochs"
)

figure = Figure(figsize=(6.4, 4.8), layout="constrained")
ax = runs.plot_grid(epochs, figure.subplots())
ax.set_title("Epochs until SSE < 0.04 (grey: not in 1,000)")
path = sys.argv[1] if len(sys.argv) > 1 else "sweep.png"
figure.savefig(path, dpi=120)
print(f"saved {path}")
