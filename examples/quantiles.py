"""Quantiles of a sine whose noise grows, and its mean and standard deviation: two losses.

Run it as ``python examples/quantiles.py``.  It saves the figure ``quantiles.png`` (or the file
named as its argument).  On the left three networks are trained on the pinball loss, a loss of one's
own in three lines, for the quantiles 0.1, 0.5 and 0.9; on the right one network on the likelihood
of a normal distribution, whose mean and variance are its outputs.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn
from fastnn.extend import formulas

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("figure", nargs="?", default="quantiles.png")
parser.add_argument("--samples", type=int, default=2000, help="default %(default)s")
options = parser.parse_args()

QUANTILES = [0.1, 0.5, 0.9]
TRAINING = {"optimizer": fastnn.RPROP(), "epochs": 2000}


@fastnn.extend.loss
def pinball(prediction, target, *, q=0.5):
    """The pinball loss of the quantile q."""
    error = target - prediction
    return formulas.at_least(q * error, (q - 1.0) * error)


def sine(samples, rng):
    """Samples of a sine, with noise whose standard deviation grows from 0.1 to 0.5."""
    x = rng.uniform(-3, 3, (samples, 1))
    return x, np.sin(x) + (0.3 + 0.2 * x / 3) * rng.normal(size=x.shape)


def best_of(runs, first, count):
    """The best of some restarts."""
    return runs[first : first + count].best


def train(x, y, starts=10):
    """The best networks for the quantiles, and for mean and variance."""
    grid = fastnn.Grid(q=QUANTILES, restarts_per_cell=starts)
    net = fastnn.Network([1, 8, 1], ["tanh", "identity"])
    runs = fastnn.train_many(net, x, y, loss=pinball, grid=grid, restarts=grid.restarts, **TRAINING)
    both = fastnn.Network([1, 8, 2], ["tanh", "identity"])
    normal = fastnn.train_many(both, x, y, loss="gaussian_nll", restarts=starts, **TRAINING)
    return [best_of(runs, starts * i, starts) for i in range(len(QUANTILES))], normal.best


def main():
    """Train, check on new samples, and draw."""
    rng = np.random.default_rng(0)
    x, y = sine(options.samples, rng)
    begin = time.perf_counter()
    quantiles, normal = train(x, y)
    print(f"40 networks on {len(x):,} samples in {time.perf_counter() - begin:.1f} s")
    new_x, new_y = sine(20_000, rng)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    line = np.linspace(-3, 3, 400)[:, np.newaxis]
    for q, run in zip(QUANTILES, quantiles, strict=True):
        below = {
            "trained": (y < run.predict(x)).mean(), "new": (new_y < run.predict(new_x)).mean()
        }  # fmt: skip
        shares = [f"{share:.3f} of {name} samples" for name, share in below.items()]
        print(f"below the quantile {q}: {', '.join(shares)}")
        left.plot(line, run.predict(line), lw=2, label=f"quantile {q}")
    mean, log_variance = normal.predict(line).T
    std = np.exp(log_variance / 2)
    new_mean, new_log_variance = normal.predict(new_x).T
    inside = np.abs(new_y[:, 0] - new_mean) < 1.2816 * np.exp(new_log_variance / 2)
    print(f"between mean - 1.28 std and mean + 1.28 std: {inside.mean():.3f} of new samples")
    right.plot(line, mean, lw=2, color="C1", label="mean")
    right.fill_between(line[:, 0], mean - 1.2816 * std, mean + 1.2816 * std, color="C1", alpha=0.3,
                       label="80 % of a normal distribution")  # fmt: skip
    for ax, title in ((left, "Pinball losses, a network for each"), (right, "Normal likelihood")):
        ax.plot(x, y, ".", ms=2, color="0.6", zorder=0, rasterized=True)
        ax.set(title=title, xlabel="x")
        ax.legend(loc="upper left")
    left.set_ylabel("y")
    figure.savefig(options.figure, dpi=100)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
