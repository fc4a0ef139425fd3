"""Hamey's XOR benchmark of 1991: 10,000 random restarts with momentum, published and measured.

L. G. C. Hamey, "Benchmarking feed-forward neural networks: models and measures", Advances in Neural
Information Processing Systems 4 (1991) 1167-1174: a 2-2-1 network with biases, weights updated once
an epoch with momentum 0.65 and learning rate 7.0 (for half the sum of squared errors, so 3.5 here),
initial weights uniform in [-1.4, 1.4].  A restart is correct once every output is within 0.4 of its
target; those that are not after 2,000 updates count as 2,000.

Run it as ``python examples/hamey_1991.py``.  It prints published and measured values side by side,
and saves the figure ``hamey_1991.png`` (or the file named as its argument).
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

RESTARTS, LIMIT = 10_000, 2_000
# What the paper prints, and a range in which a fair sample of 10,000 restarts should lie.
PUBLISHED = {
    "e": ("17.1", (16.6, 17.5)),
    "T_E": ("49", (46, 54)),
    "T_E1": ("26", (24, 28)),
    "T_E2": ("235", (222, 245)),
    "t_E": ("59", (57.5, 60.5)),
    "success rate": ("0.76", (0.743, 0.769)),
    "t_T": ("50", (47, 53)),
    "t_H": ("40", (39, 41.5)),
}


def train(seed: int = 0) -> fastnn.Runs:
    """Train the restarts."""
    return fastnn.train_many(
        fastnn.Network([2, 2, 1]),
        *fastnn.datasets.xor(),
        restarts=RESTARTS,
        epochs=LIMIT,
        seed=seed,
        optimizer=fastnn.GradientDescent(learning_rate=3.5, momentum=0.65),
        init=fastnn.Uniform(-1.4, 1.4),
        stop=fastnn.ErrorsWithin(0.4),
    )


def efficiency_of(runs: fastnn.Runs) -> tuple[np.ndarray, np.ndarray]:
    """t, and E(t): solutions for every 1,000 epochs, if each trial is given up after t."""
    correct = runs.status == fastnn.Status.CONVERGED
    times = np.where(correct, runs.epochs, LIMIT)
    t = np.arange(1, LIMIT + 1)
    solved = np.searchsorted(np.sort(times[correct]), t, side="right")
    spent = np.array([np.minimum(times, limit).sum() for limit in t])
    return t, 1000 * solved / spent


def measures(runs: fastnn.Runs) -> dict[str, float]:
    """The paper's measures of efficiency."""
    correct = runs.status == fastnn.Status.CONVERGED
    times = np.where(correct, runs.epochs, LIMIT)
    t, efficiency = efficiency_of(runs)
    best = efficiency.max()
    half = t[efficiency >= best / 2]
    return {
        "e": best,
        "T_E": t[efficiency.argmax()],
        "T_E1": half[0],
        "T_E2": half[-1],
        "t_E": 1000 / best,
        "success rate": correct.mean(),
        "t_T": times[correct].mean(),
        # A restart that has not converged has taken for ever.
        "t_H": len(times) / np.sum(1 / times[correct]),
    }


def draw(runs: fastnn.Runs, path: str) -> None:
    """Draw the curve of efficiency, and the published maximum and widths."""
    t, efficiency = efficiency_of(runs)
    figure = Figure(figsize=(6, 4), layout="constrained")
    ax = figure.subplots()
    ax.plot(t, efficiency, color="#0072B2", label="measured")
    ax.errorbar([49], [17.1], [0.3], fmt="o", color="#D55E00", label="published maximum")
    ax.hlines(17.1 / 2, 26, 235, color="#D55E00", linestyle="dashed", label="published half width")
    ax.set_xscale("log")
    ax.set_xlabel("epochs after which a trial is given up")
    ax.set_ylabel("solutions for every 1,000 epochs")
    ax.set_title("Hamey's benchmark: 10,000 restarts of XOR")
    ax.legend()
    ax.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    print(f"saved {path}")


def main() -> bool:
    """Print published and measured values; returns whether all are within the fair ranges."""
    train()  # compiles at its first use
    start = time.perf_counter()
    runs = train()
    found = measures(runs)
    seconds = time.perf_counter() - start
    print(f"{'measure':<14}{'published':>10}{'measured':>10}   fair range of 10,000 restarts")
    inside = True
    for name, (published, (low, high)) in PUBLISHED.items():
        fair = low <= found[name] <= high
        inside &= fair
        print(
            f"{name:<14}{published:>10}{found[name]:>10.4g}   {low:g} to {high:g}"
            + ("" if fair else "   OUTSIDE")
        )
    print(f"{RESTARTS:,} restarts of up to {LIMIT:,} epochs in {seconds:.2f} s")
    draw(runs, sys.argv[1] if len(sys.argv) > 1 else "hamey_1991.png")
    return inside


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
