"""Where training converges, by the learning rates of two layers: a boundary that looks fractal.

    python examples/trainability.py --cells 1024
    python examples/trainability.py trainability_16.png --inputs 16 --steps 500 \\
        --zoom 4.6 5.4 0.2 1.0

J. Sohl-Dickstein, "The boundary of neural network trainability is fractal", arXiv 2402.06184
(2024): one hidden layer of tanh(sqrt(2) z / sqrt(n)), a linear output z / sqrt(n), no biases, mean
squared error, inputs, targets and weights from the normal distribution, as many samples as weights,
the same start everywhere.  A network has converged if the mean of its last 20 losses is below its
first.  Where it has, the colour is the sum of its losses, where not, the sum of their inverses, all
in units of the first loss.  The factors of the activations go into the weights: scaled by s, they
learn the same with s**2 times the learning rate.

It prints times and saves the figure ``trainability.png`` (or the file named as its argument): the
whole plane and a zoom.  The numbers are not the paper's, so compare the kind of picture.
"""

import argparse
import math
import time

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import fastnn

WHOLE = (-3.0, 6.0, -3.0, 6.0)
"""Logarithms of the learning rates: hidden layer from, to, output layer from, to."""
ZOOM = (4.2, 4.8, 0.0, 0.6)
# Restarts of one call: each leaves a hundred numbers, of which two are kept.
BAND = 2**16


class Problem:
    """A start and its data, for networks of `n` inputs and `n` hidden units."""

    def __init__(self, n, steps):
        self.net, self.steps = fastnn.Network([n, n, 1], ["tanh", "identity"], bias=False), steps
        rng = np.random.default_rng(1)
        samples = self.net.n_parameters
        self.X, self.y = rng.normal(size=(samples, n)), rng.normal(size=(samples, 1))
        self.factors = math.sqrt(2 / n), math.sqrt(1 / n)
        init = fastnn.Normal(std=fastnn.PerLayer(*self.factors))
        self.start = self.train(init=init, epochs=0, restarts=1)
        self.first_loss = float(self.start.loss[0])

    def train(self, **options):
        """Train many restarts."""
        return fastnn.train_many(self.net, self.X, self.y, loss="mse", **options)

    def map(self, window, cells):
        """Whether networks converge, and the sum that colours them: two (cells, cells) arrays."""
        rates = [
            np.logspace(*ends, cells) * factor**2
            for ends, factor in zip((window[:2], window[2:]), self.factors, strict=True)
        ]
        grid = fastnn.Grid(learning_rate_0=rates[0], learning_rate_1=rates[1])
        converged, sums = [], []
        for first in range(0, cells**2, BAND):
            runs = self.train(
                grid=grid, first=first, restarts=min(BAND, cells**2 - first), epochs=self.steps,
                init=self.start.parameters[0], optimizer=fastnn.GradientDescent(),
                stop=[fastnn.MeanLossBelow(1.0, last=20, at_end=True), fastnn.SumOfLosses()],
                keep=["loss", "status", "state"], progress=False,
            )  # fmt: skip
            good = runs.status == fastnn.Status.CONVERGED
            losses, inverses = runs.loss_sums.T
            converged.append(good)
            sums.append(np.where(good, losses / self.first_loss, inverses * self.first_loss))
        return np.reshape(np.concatenate(converged), (cells, -1)), np.reshape(
            np.concatenate(sums), (cells, -1)
        )


def by_rank(values):
    """A norm that gives each colour the same number of values."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 257)))
    if len(edges) < 2:
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    return BoundaryNorm(edges, 256)


def draw(ax, bars, window, converged, sums, title):
    """Draw one map: blue where training converges, orange where it does not, and colour bars."""
    colours = np.zeros((*sums.shape, 4))
    for good, bar, cmap, label in (
        (converged, bars[0], "GnBu_r", "converged: sum of\nlosses / first loss"),
        (~converged, bars[1], "YlOrBr", "not converged: sum of\nfirst loss / losses"),
    ):
        bar.set_axis_off()
        if good.any():
            scale = ScalarMappable(by_rank(sums[good]), cmap)
            colours[good] = scale.to_rgba(sums[good])
            edges = scale.norm.boundaries
            ticks = edges[(len(edges) * np.array([0.15, 0.75])).astype(int)]
            bar.set_axis_on()
            made = ax.figure.colorbar(
                scale, bar, location="bottom", ticks=ticks, format="%.3g", label=label
            )
            made.ax.minorticks_off()
    ax.imshow(colours, origin="lower", extent=(*window[2:], *window[:2]), aspect="auto")
    ax.set(title=title, xlabel="log10 of learning rate, output layer")
    ax.set_ylabel("log10 of learning rate, hidden layer")


def main():
    """Train both maps, print the times, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="trainability.png")
    parser.add_argument("--inputs", type=int, default=8, help="default %(default)s")
    parser.add_argument("--steps", type=int, default=100, help="default %(default)s")
    parser.add_argument("--cells", type=int, default=256, help="of a side, default %(default)s")
    parser.add_argument("--zoom", type=float, nargs=4, default=ZOOM, help="as WHOLE")
    options = parser.parse_args()

    problem = Problem(options.inputs, options.steps)
    problem.map(WHOLE, 8)  # compiles at its first use
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    rows = figure.add_gridspec(2, 4, height_ratios=[28, 1])
    axes = [figure.add_subplot(rows[0, columns]) for columns in (slice(0, 2), slice(2, 4))]
    bars = [figure.add_subplot(rows[1, column]) for column in range(4)]
    for i, (window, title) in enumerate(((WHOLE, "whole"), (options.zoom, "zoom"))):
        begin, busy = time.perf_counter(), time.process_time()
        converged, sums = problem.map(window, options.cells)
        print(
            f"{title}: {options.cells**2:,} networks of {problem.net.n_parameters} weights, "
            f"{len(problem.X)} samples, {options.steps} steps in "
            f"{time.perf_counter() - begin:.1f} s, {time.process_time() - busy:.1f} s of all "
            f"cores together; {converged.mean():.1%} converged"
        )
        draw(
            axes[i], bars[2 * i : 2 * i + 2], window, converged, sums,
            f"{title.capitalize()}: {converged.size:,} networks",
        )  # fmt: skip
    low, high, left, right = options.zoom
    axes[0].add_patch(
        Rectangle((left, low), right - left, high - low, fill=False, edgecolor="black", lw=1.5)
    )
    figure.savefig(options.figure, dpi=100)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
