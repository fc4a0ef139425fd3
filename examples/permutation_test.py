"""A permutation test of a network: does it learn from its inputs, or does it only fit noise?

60 samples have two inputs, and a target that depends a little on their product, which no straight
line sees.  A 2-4-1 network fits them with some R², which is above 0 for any target.  To tell
whether that is more than chance, the same network is trained on thousands of shuffled targets: the
inputs are common, each group has targets of its own.  The p value is the share of shuffled targets
that the network fits at least as well.

Run it as ``python examples/permutation_test.py --permutations 100000``; without arguments it takes
2,000.  It prints the p value with its standard error, beside that of linear regression, and saves
the figure ``permutation_test.png`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

NET = fastnn.Network([2, 4, 1], ["tanh", "identity"])
TRAINING = {"optimizer": "lm", "epochs": 30, "keep": "outcomes"}


def samples(n=60, seed=4):
    """Inputs (n, 2), and targets (n,) with noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n)


def shuffled(y, permutations, seed=0):
    """Targets (permutations + 1, n): as they are, then in random orders."""
    rng = np.random.default_rng(seed)
    return np.concatenate([y[np.newaxis], rng.permuted(np.tile(y, (permutations, 1)), axis=1)])


def network_scores(X, targets, restarts):
    """R² of the best network of each row of targets."""
    runs = fastnn.train_many(NET, X, targets, restarts=restarts, **TRAINING)
    return 1 - runs.by_group().loss / (len(X) * targets[0].var())


def linear_scores(X, targets):
    """R² of linear regression for each row of targets."""
    basis = np.linalg.qr(np.column_stack([np.ones(len(X)), X]))[0]
    centred = targets - targets.mean(axis=1, keepdims=True)
    return ((centred @ basis) ** 2).sum(axis=1) / (centred**2).sum(axis=1)


def p_value(scores):
    """The share of scores that reach the first, which counts itself, and its standard error."""
    p = (scores >= scores[0]).mean()
    return p, np.sqrt(p * (1 - p) / (len(scores) - 1))


def main():
    """Train, test and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="permutation_test.png")
    parser.add_argument("--permutations", type=int, default=2000, help="default %(default)s")
    parser.add_argument("--restarts", type=int, default=5, help="of each, default %(default)s")
    options = parser.parse_args()

    X, y = samples()
    targets = shuffled(y, options.permutations)
    network_scores(X, targets[:2], 1)  # compiles at its first use
    begin = time.perf_counter()
    network = network_scores(X, targets, options.restarts)
    seconds = time.perf_counter() - begin
    print(
        f"{options.permutations:,} permutations, {len(targets) * options.restarts:,} networks: "
        f"{seconds:.1f} s, {len(targets) / seconds:,.0f} permutations per second"
    )
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, name, scores in zip(
        axes, ("network", "linear regression"), (network, linear_scores(X, targets)), strict=True
    ):
        p, error = p_value(scores)
        print(f"{name}: R² {scores[0]:.3f}, p = {p:.5f} ± {error:.5f}")
        ax.hist(scores[1:], 80, color="0.6", label="shuffled targets")
        ax.axvline(scores[0], color="#D55E00", lw=2, label=f"true targets: p = {p:.2g}")
        ax.set(title=name, xlabel="R²")
        ax.margins(y=0.3)  # for the legend
        ax.legend()
    axes[0].set_ylabel("permutations")
    figure.savefig(options.figure, dpi=100)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
