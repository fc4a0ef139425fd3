"""Back-propagation is sensitive to initial conditions: Kolen and Pollack's pictures of 1990.

J. F. Kolen and J. B. Pollack, "Back propagation is sensitive to initial conditions", Advances in
Neural Information Processing Systems 3 (1990) 860-867: a 2-2-1 network with biases learns in
batches, with momentum 0.7 and learning rate 3.0 (for half the sum of squared errors, so 1.5 here).
Seven of nine initial weights are the same everywhere, two make a plane of 200 by 200 networks,
shown three times, each deeper (their figures 11, 12 and 13).  The colour is the epoch of
convergence: the first of 200 at whose start every output is on the right side of 0.5, the paper's
own criterion for its counts; grey are networks that have none.  The targets are XOR's complement, 1
where both inputs are equal: with the printed weights no network of the plane learns XOR in 200
epochs, and half of them learn its complement, on whose boundary both zooms lie.  (So would XOR with
the three weights of the output negated: it is the same.)

The counts are the other half: how many random starts, uniform up to plus or minus rho, have not
learnt XOR after 50,000 epochs, with learning rates 1 and 2 (0.5 and 1 here) and three momenta.  The
paper's text has few failures below rho 0.5, and 5 to 50 percent for rho from 2 to 4.

Run it as ``python examples/kolen_pollack.py``.  It prints times and counts and saves the figure
``kolen_pollack.png`` (or the file named as its argument).
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import fastnn

EPOCHS = 200
NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
CONVERGED = fastnn.ErrorsWithin(0.5)
# Title, first values of x and y, and the steps of a picture of 200.
SLICES = (
    ("Figure 11", (-10.0, -10.0), 20 / 199),
    ("Figure 12", (-9.0, -1.8), 0.018),
    ("Figure 13", (-6.966, -0.5), 0.004),
)
RHO = (0.1, 0.5, 1.0, 2.0, 4.0, 10.0)
LIMIT = 50_000


def plane(corner, step, cells):
    """The values of both weights along the sides of a slice."""
    return [first + step * np.linspace(0, 199, cells) for first in corner]


def train_slice(xs, ys):
    """The epoch in which each network converges, NaN if in none: (ys, xs)."""
    x, y = (axis.ravel() for axis in np.meshgrid(xs, ys))
    # Hidden units left and right: weights of both inputs, then biases; the output's; its bias.
    columns = [7, -9, 4, -5, -9, y, -3, 9, x]
    runs = fastnn.train_many(
        NET, X, 1 - Y, restarts=len(x), epochs=EPOCHS, stop=CONVERGED, progress=False,
        init=np.stack([np.broadcast_to(column, x.shape) for column in columns], axis=1),
        optimizer=fastnn.GradientDescent(learning_rate=1.5, momentum=0.7),
    )  # fmt: skip
    good = runs.status == fastnn.Status.CONVERGED
    return np.where(good, runs.epochs, np.nan).reshape(len(ys), len(xs))


def failures(restarts):
    """Shares that do not converge: (RHO, learning rates 1 and 2, momenta 0, 0.5 and 0.9)."""
    cells = np.meshgrid(RHO, (0.5, 1.0), (0.0, 0.5, 0.9), indexing="ij")
    rho, rate, momentum = (np.repeat(values, restarts) for values in cells)
    runs = fastnn.train_many(
        NET, X, Y, restarts=len(rho), epochs=LIMIT, stop=CONVERGED, keep="outcomes",
        init=fastnn.Uniform(-rho, rho), optimizer=fastnn.GradientDescent(rate, momentum=momentum),
        progress=False,
    )  # fmt: skip
    failed = runs.status != fastnn.Status.CONVERGED
    return failed.reshape(len(RHO), 2, 3, restarts).mean(axis=-1)


def draw_slices(axes, planes, epochs):
    """Draw the three slices; each has a frame around the next one."""
    for i, (ax, (xs, ys), cells) in enumerate(zip(axes, planes, epochs, strict=True)):
        ax.set_facecolor("lightgrey")
        mesh = ax.pcolormesh(xs, ys, cells, vmin=0, vmax=EPOCHS, cmap="viridis", rasterized=True)
        share = np.isfinite(cells).mean()
        ax.set(title=f"{SLICES[i][0]}: {share:.0%} converged")
        ax.set(xlabel="initial bias of the output", ylabel="initial bias, right hidden unit")
        ax.figure.colorbar(mesh, ax=ax, label="epoch of convergence")
        if i + 1 < len(planes):
            (left, right), (low, high) = (side[[0, -1]] for side in planes[i + 1])
            frame = Rectangle(
                (left, low), right - left, high - low, fill=False, edgecolor="#D55E00", lw=1.5
            )
            ax.add_patch(frame)


def main():
    """Train, print times and counts, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="kolen_pollack.png")
    parser.add_argument("--cells", type=int, default=200, help="of a side, default %(default)s")
    parser.add_argument(
        "--restarts", type=int, default=1000, help="of each count, default %(default)s"
    )
    options = parser.parse_args()

    planes = [plane(corner, step, options.cells) for _, corner, step in SLICES]
    train_slice(*(side[:4] for side in planes[0]))  # compiles at its first use
    epochs = []
    for (title, _, _), (xs, ys) in zip(SLICES, planes, strict=True):
        begin = time.perf_counter()
        epochs.append(train_slice(xs, ys))
        seconds = time.perf_counter() - begin
        share = np.isfinite(epochs[-1]).mean()
        print(f"{title}: {epochs[-1].size:,} networks in {seconds:.3f} s; {share:.1%} converged")

    begin = time.perf_counter()
    failed = failures(options.restarts)
    print(
        f"\nnot converged after {LIMIT:,} epochs, {options.restarts:,} restarts each, "
        f"{time.perf_counter() - begin:.1f} s in all"
    )
    print("learning rate, momentum  " + "".join(f"  rho {rho:<4g}" for rho in RHO))
    for i, rate in enumerate((1, 2)):
        for j, momentum in enumerate((0, 0.5, 0.9)):
            row = "".join(f"{share:>10.1%}" for share in failed[:, i, j])
            print(f"{rate:>13}, {momentum:<8}  {row}")
    print("published: few below rho 0.5; 5 to 50 % for rho from 2 to 4; more with larger rho")

    figure = Figure(figsize=(8, 6.8), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    draw_slices(axes[:3], planes, epochs)
    ax = axes[3]
    for i, colour in enumerate(("#0072B2", "#D55E00")):
        for j, style in enumerate(("-", "--", ":")):
            label = f"{(1, 2)[i]}, {(0, 0.5, 0.9)[j]}"
            ax.plot(RHO, 100 * failed[:, i, j], style, color=colour, marker="o", ms=4, label=label)
    ax.fill_between([2, 4], 5, 50, color="lightgrey", label="published text")
    ax.legend(title="learning rate, momentum", fontsize=8, title_fontsize=8, loc="upper left")
    ax.grid(alpha=0.3)
    ax.set(xscale="log", title="Random starts", xlabel="largest initial weight, rho")
    ax.set(ylabel=f"XOR not learnt in {LIMIT:,} epochs (%)", ylim=(0, 100))
    ax.set_xticks(RHO, [f"{rho:g}" for rho in RHO])
    ax.minorticks_off()
    figure.savefig(options.figure, dpi=120)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
