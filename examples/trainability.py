"""Where training converges, by the learning rates of two layers: a boundary that looks fractal.

J. Sohl-Dickstein, "The boundary of neural network trainability is fractal", arXiv 2402.06184
(2024): one hidden layer of tanh(sqrt(2) z / sqrt(n)), a linear output z / sqrt(n), no biases, mean
squared error, inputs, targets and weights from the normal distribution, as many samples as weights,
the same start everywhere.  A network has converged if the mean of its last 20 losses is below its
first.  The factors of the activations go into the weights: scaled by s, they learn the same with
s**2 times the learning rate.

Run it as ``python examples/trainability.py``.  It saves the figure ``trainability.png`` (or the
file named as its argument): dark where training converges fast, light where slowly, red
where it does not.  The numbers are not the paper's, so compare the kind of picture.
"""

import math
import sys
import time

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

import fastnn

N, CELLS, STEPS = 8, 192, 100

net = fastnn.Network([N, N, 1], activation=["tanh", "identity"], bias=False)
samples = net.n_parameters
rng = np.random.default_rng(1)
X, y = rng.normal(size=(samples, N)), rng.normal(size=(samples, 1))
hidden, output = math.sqrt(2 / N), math.sqrt(1 / N)
init = fastnn.Normal(std=fastnn.PerLayer(hidden, output))
start = fastnn.train(net, X, y, epochs=0, init=init).parameters

rates0, rates1 = np.geomspace(1e-1, 1e5, CELLS), np.geomspace(1e-1, 1e2, CELLS)
grid = fastnn.Grid(learning_rate_0=rates0 * hidden**2, learning_rate_1=rates1 * output**2)
begin = time.perf_counter()
runs = fastnn.train_many(
    net, X, y, grid=grid, init=start, loss="mse", epochs=STEPS,
    optimizer=fastnn.GradientDescent(), stop=fastnn.MeanLossBelow(1.0, last=20, at_end=True),
)  # fmt: skip
print(f"{len(runs):,} networks, {STEPS} steps, {time.perf_counter() - begin:.1f} s")
converged = runs.in_grid("success")
print(f"{converged.mean():.1%} converged")

losses = np.where(converged > 0, runs.in_grid("loss"), np.nan)
figure = Figure(figsize=(6.4, 5.2), layout="constrained")
ax = figure.subplots()
ax.set_facecolor("#8B1A1A")
mesh = ax.pcolormesh(
    rates1, rates0, losses, norm=LogNorm(), cmap="YlGnBu_r", shading="nearest", rasterized=True
)
ax.set(xscale="log", yscale="log", title="Trainability by two learning rates")
ax.set(xlabel="learning rate of the output layer", ylabel="learning rate of the hidden layer")
figure.colorbar(mesh, ax=ax, label=f"mean squared error after {STEPS} steps")
path = sys.argv[1] if len(sys.argv) > 1 else "trainability.png"
figure.savefig(path, dpi=120)
print(f"saved {path}")
