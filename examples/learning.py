"""A decision boundary while it learns: a small network bends a line around one of two moons.

A 2-8-1 network, tanh and a sigmoid, learns by RPROP which of two interleaved half circles a point
lies on.  Training continues from frame to frame with ``continue_from=``, which gives the same bits
as training at once.  The frames are further and further apart, since most happens at the beginning.

Run it as ``python examples/learning.py``.  It prints the time, and saves the animation
``learning.gif`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

import fastnn

NET = fastnn.Network([2, 8, 1], activation=["tanh", "sigmoid"])
ENDS = (-2.2, 2.2, -1.8, 1.8)


def moons(samples, seed=0):
    """Points on two noisy half circles, (samples, 2), and which one each lies on, (samples, 1)."""
    rng = np.random.default_rng(seed)
    second = np.arange(samples) % 2 == 1
    angle = rng.uniform(0, np.pi, samples)
    points = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    points[second] *= -1
    return points + rng.normal(scale=0.15, size=points.shape), second[:, np.newaxis].astype(float)


def train(X, y, frames, epochs):
    """Train; returns the run at every frame, from the start to the last epoch."""
    at = np.unique(np.geomspace(1, epochs + 1, frames).round().astype(int)) - 1
    optimizer = fastnn.RPROP(initial_step=0.02)
    runs = [fastnn.train(NET, X, y, optimizer=optimizer, loss="binary_cross_entropy", epochs=0)]
    for more in np.diff(at):
        runs.append(fastnn.train(NET, X, y, epochs=int(more), continue_from=runs[-1]))
    return runs


def animate(X, y, runs, path):
    """Animate the outputs over the plane with the data, next to the loss so far."""
    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    x, z = np.linspace(*ENDS[:2], 111), np.linspace(*ENDS[2:], 91)
    points = np.stack(np.meshgrid(x, z), axis=-1).reshape(-1, 2)
    epochs = np.array([run.epochs for run in runs])
    losses = np.array([run.loss for run in runs])
    image = left.imshow(
        np.zeros((len(z), len(x))),
        origin="lower",
        extent=ENDS,
        vmin=0,
        vmax=1,
        cmap="cividis",
        interpolation="nearest",
        aspect="auto",
    )
    left.scatter(*X.T, c=y.ravel(), cmap="Greys_r", edgecolors="grey", s=12, linewidths=0.5)
    left.set(xlabel="input 1", ylabel="input 2")
    (line,) = right.plot([], [], color="#0072B2")
    right.set(xscale="log", xlim=(1, epochs[-1] + 1), ylim=(0, 1.05 * losses.max()))
    right.set(xlabel="epoch + 1", ylabel="mean cross-entropy")
    right.grid(alpha=0.3)
    boundary = []

    def frame(i):
        while boundary:
            boundary.pop().remove()
        output = runs[i].predict(points).reshape(len(z), len(x))
        # Few colours make a small file.
        image.set_data(np.floor(output * 8).clip(0, 7) / 7)
        boundary.append(left.contour(x, z, output, levels=[0.5], colors="white"))
        left.set_title(f"epoch {epochs[i]:,}")
        line.set_data(epochs[: i + 1] + 1, losses[: i + 1])

    order = [*range(len(runs)), *[len(runs) - 1] * 10]  # the end stays for a while
    FuncAnimation(figure, frame, order, init_func=lambda: None).save(path, PillowWriter(fps=10))


def main():
    """Train and animate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="learning.gif")
    parser.add_argument("--frames", type=int, default=80, help="at most, default %(default)s")
    parser.add_argument("--epochs", type=int, default=300, help="default %(default)s")
    options = parser.parse_args()

    X, y = moons(200)
    train(X, y, 3, 2)  # compiles at its first use
    begin = time.perf_counter()
    runs = train(X, y, options.frames, options.epochs)
    seconds = time.perf_counter() - begin
    right = np.mean((runs[-1].predict(X) > 0.5) == (y > 0.5))
    print(
        f"{len(X)} samples, {runs[-1].epochs} epochs in {len(runs)} frames: {seconds:.3f} s, "
        f"{right:.1%} on the right side"
    )
    animate(X, y, runs, options.figure)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
