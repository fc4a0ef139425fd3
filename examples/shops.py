"""Demand curves of 10,000 shops: a network for each, trained in one call.

Each shop has 30 to 300 weeks of data: its price, the temperature and a competitor's price, all from
-1 to 1, and the demand.  Shops differ in how demand depends on them.  3-8-1 networks are trained
from 10 random starts each, by L-BFGS to convergence, with a small penalty; the best of each shop
predicts 100 other weeks.  One network for all shops is trained and scored alike.

Run it as ``python examples/shops.py --groups 10000``; without arguments it takes 1,000 shops.  It
saves the figure ``shops.png`` (or the file named as its argument): the curves of three shops, and
the distribution of the scores.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

NET = fastnn.Network([3, 8, 1], ["tanh", "identity"])
TRAINING = {
    "loss": fastnn.MSE(l2=1e-4),
    "optimizer": "lbfgs",
    "epochs": 1000,
    "stop": fastnn.NoProgress(10, min_improvement=1e-5),
}
TEST_WEEKS = 100
NOISE = 0.08


class Shops:
    """Shops, each with a demand curve of its own."""

    def __init__(self, count, seed=0):
        self.rng = np.random.default_rng(seed)
        self.count = count
        self.steepness = self.rng.uniform(1, 6, count)
        self.threshold = self.rng.uniform(-0.5, 0.8, count)
        self.rivalry = self.rng.uniform(0, 0.8, count)
        self.warmth = self.rng.uniform(-0.5, 0.5, count)

    def demand(self, X, shops):
        """The mean demand (n, 1) in weeks X (n, 3) of `shops` (n,)."""
        price, temperature, competitor = X.T
        excess = price - self.threshold[shops] - self.rivalry[shops] * competitor
        weather = 1 + self.warmth[shops] * temperature
        return (2 * weather / (1 + np.exp(self.steepness[shops] * excess)))[:, np.newaxis]

    def weeks(self, sizes):
        """Random weeks of each shop: inputs (n, 3), demands (n, 1) with noise, and shops (n,)."""
        shops = np.repeat(np.arange(self.count), sizes)
        X = self.rng.uniform(-1, 1, (len(shops), 3))
        return X, self.demand(X, shops) + NOISE * self.rng.normal(size=(len(shops), 1)), shops


def scores(predicted, y, shops):
    """R² of each shop."""
    counts = np.bincount(shops)
    errors, totals, squares = (
        np.bincount(shops, values[:, 0]) for values in ((predicted - y) ** 2, y, y**2)
    )
    return 1 - errors / (squares - totals**2 / counts)


def describe(name, values):
    """Print the distribution of scores."""
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    print(f"{name}: test R² {median:.3f} (median), {low:.3f} to {high:.3f} (5 % to 95 %)")


def draw(shops, data, models, own, common):
    """Draw three shops with their curves, dotted the true ones, and the scores of all."""
    X, y, of = data
    figure = Figure(figsize=(10, 6), layout="constrained")
    *small, right = figure.subplot_mosaic("abc;ddd", height_ratios=[3, 2]).values()
    price = np.linspace(-1, 1, 100)
    by_size = np.argsort(np.bincount(of), kind="stable")
    for ax, shop in zip(small, by_size[[0, shops.count // 2, -1]], strict=True):
        rows = of == shop
        ax.scatter(X[rows, 0], y[rows], c=X[rows, 1], cmap="coolwarm", s=9)
        for name, temperature, color in (("cold", -0.8, "#3b4cc0"), ("warm", 0.8, "#b40426")):
            line = np.stack([price, np.full(100, temperature), np.zeros(100)], axis=1)
            ax.plot(price, shops.demand(line, np.full(100, shop)), ":", color=color)
            ax.plot(price, models[shop].evaluate(line), color=color, label=f"{name} weeks")
        ax.set(title=f"shop {shop}: {rows.sum()} weeks", xlabel="price", ylim=(0, None))
    small[0].set_ylabel("demand")
    small[0].plot([], [], ":", color="0.3", label="true curves")
    small[0].legend()
    bins = np.linspace(max(-0.5, min(common.min(), own.min())), 1, 80)
    for values, label in ((own, "a network for each"), (common, "one network for all")):
        right.hist(values.clip(bins[0]), bins, alpha=0.7, label=label)
    right.set(xlabel="R² on test weeks (first bar: all below)", ylabel="shops")
    right.legend(loc="upper left")
    return figure


def main():
    """Train, score and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="shops.png")
    parser.add_argument("--groups", type=int, default=1000, help="default %(default)s")
    parser.add_argument("--restarts", type=int, default=10, help="of each, default %(default)s")
    options = parser.parse_args()

    shops = Shops(options.groups)
    X, y, of = data = shops.weeks(shops.rng.integers(30, 301, options.groups))
    test_X, test_y, test_of = shops.weeks(TEST_WEEKS)
    few = of < 20
    fastnn.train_many(NET, X[few], y[few], groups=of[few], restarts=1, **TRAINING)  # compiles
    begin = time.perf_counter()
    runs = fastnn.train_many(NET, X, y, groups=of, restarts=options.restarts, **TRAINING)
    seconds = time.perf_counter() - begin
    print(
        f"{options.groups:,} shops, {len(X):,} weeks, {len(runs):,} networks: {seconds:.1f} s, "
        f"{options.groups / seconds:,.0f} shops per second"
    )
    stalled = (runs.status == fastnn.Status.STALLED).mean()
    print(f"{stalled:.1%} converged before epoch {TRAINING['epochs']}")
    models = runs.models()
    own = scores(models.predict(test_X, test_of), test_y, test_of)
    describe("a network for each shop", own)
    one = fastnn.train_many(NET, X, y, restarts=options.restarts, **TRAINING).best
    common = scores(one.predict(test_X), test_y, test_of)
    describe("one network for all", common)
    draw(shops, data, models, own, common).savefig(options.figure, dpi=100)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
