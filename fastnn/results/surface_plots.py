"""Figures of surfaces: outputs over two inputs, and the loss over two directions of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.evaluate import loss as loss_of
from ..job.data import Data, check_data
from ..job.job import Job
from ..support.checks import hyperparameter, integer, real_array, shown
from ..support.figures import BLUE, ORANGE, colour_bar, literal, new_axes
from ..support.suggestions import hint
from .plots import LARGEST_DRAWN, in_full

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .run import Run

PIXELS = 240
"""Number of outputs along each axis of a boundary."""
BLOCK = 2**22
"""Numbers of parameters whose losses are computed together."""
# Okabe and Ito's palette, which colour-blind readers can distinguish.
CLASSES = (ORANGE, BLUE, "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
MARKERS = "osD^vP*X"
NAMED = 20
"""Number of classes up to which a legend names them."""
NOT_FINITE = "lightgrey"


def plot_boundary(run: Run, ax: Axes | None, output: Any, data: Any) -> Axes:
    """Draw what the network answers over the plane of its two inputs, and the samples."""
    net = run.network
    if net.sizes[0] != 2:
        raise ValueError(f"plot_boundary: expected a network of two inputs, got {net.sizes[0]}")
    samples = _samples(run, data)
    n_targets = samples.y.shape[1]
    one = integer("output", output, 0, net.sizes[-1] - 1) if output is not None else 0
    classes = output is None and n_targets == net.sizes[-1] > 1
    ax = new_axes(ax)
    x, y = (_limits(samples.X[:, i]) for i in range(2))
    across, up = np.meshgrid(np.linspace(*x, PIXELS), np.linspace(*y, PIXELS))
    outputs = run.predict(np.stack([across.ravel(), up.ravel()], axis=1)).astype(np.float64)
    if classes:
        best = np.argmax(outputs, axis=1).astype(np.float64)
        best[~np.isfinite(outputs).all(axis=1)] = np.nan
        _draw_classes(ax, (across, up), best.reshape(across.shape), samples)
    else:
        surface = outputs[:, one].reshape(across.shape)
        _draw_output(ax, (across, up), surface, samples.X, samples.y[:, one % n_targets])
    names = run.features or ("input 0", "input 1")
    ax.set(xlim=x, ylim=y, xlabel=literal(names[0]), ylabel=literal(names[1]))
    ax.set_facecolor(NOT_FINITE)
    ax.set_title(f"Restart {run.restart} after {run.epochs:,} epochs")
    return ax


def _samples(run: Run, data: Any) -> Data:
    """The samples to draw."""
    if data is None:
        if run.job is None:
            raise ValueError(
                "data: expected a pair (X, y) for a run that does not hold its data, got None"
            )
        return Data(run.job.X, run.job.y, run.features, run.targets)
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data: expected a pair (X, y), got {shown(data)}")
    X, y = data
    return check_data(
        run.network, X, y, run.parameters.dtype,
        run.network.sizes[-1] if run.job is None else run.job.n_targets,
        names=("data[0]", "data[1]"),
        features=run.features, targets=run.targets,
    )  # fmt: skip


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range of an axis, with a margin that the numbers' type can hold."""
    limit = min(LARGEST_DRAWN, float(np.finfo(values.dtype).max) / 4)
    low, high = np.clip([float(values.min()), float(values.max())], -limit, limit)
    margin = 0.15 * (high - low) or 0.5 * max(1.0, abs(low))
    return float(low - margin), float(high + margin)


def _draw_output(
    ax: Axes, plane: tuple[np.ndarray, np.ndarray], surface: np.ndarray,
    X: np.ndarray, targets: np.ndarray,
) -> None:  # fmt: skip
    """Draw one output as colours; two values of targets are classes with a boundary."""
    from matplotlib.colors import LinearSegmentedColormap

    surface, targets = _clipped(surface), _clipped(targets.astype(np.float64))
    values = np.unique(targets)
    low, high = float(values[0]), float(values[-1])
    if low == high:
        low, high = low - 0.5, high + 0.5
    two = len(values) == 2
    colors: Any = "viridis"
    if two:
        colors = LinearSegmentedColormap.from_list("two", [ORANGE, "#ffffff", BLUE])
    mesh = ax.pcolormesh(
        *plane, surface, cmap=colors, vmin=low, vmax=high, shading="nearest", rasterized=True,
        alpha=0.6 if two else 1.0,
    )  # fmt: skip
    colour_bar(ax, mesh, label="output", extend=_beyond(surface, low, high))
    if two:
        _draw_line(ax, plane, surface, (low + high) / 2)
        for value, marker in zip(values, MARKERS, strict=False):
            own = targets == value
            color = BLUE if value == high else ORANGE
            _scatter(ax, X, own, marker, color=color, label=f"target {value:g}")
        _legend(ax)
    else:
        _scatter(ax, X, np.ones(len(X), dtype=bool), "o", c=targets, cmap=colors, vmin=low,
                 vmax=high)  # fmt: skip


def _beyond(surface: np.ndarray, low: float, high: float) -> str:
    """Ends of a colour bar beyond which there are values."""
    under, over = bool(np.any(surface < low)), bool(np.any(surface > high))
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]


def _draw_line(
    ax: Axes, plane: tuple[np.ndarray, np.ndarray], surface: np.ndarray, level: float
) -> None:
    """Draw where the surface crosses the level, if it does."""
    finite = surface[np.isfinite(surface)]
    if len(finite) and finite.min() < level < finite.max():
        ax.contour(*plane, surface, levels=[level], colors="black", linewidths=1.5)


def _draw_classes(
    ax: Axes, plane: tuple[np.ndarray, np.ndarray], best: np.ndarray, samples: Data
) -> None:
    """Draw the class of the highest output everywhere, and the samples in their classes."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    count = samples.y.shape[1]
    colors: list[Any] = list(CLASSES[:count])
    if count > len(CLASSES):
        colors = list(colormaps["turbo"](np.linspace(0, 1, count)))
    ax.pcolormesh(
        *plane, best, cmap=ListedColormap(colors), vmin=-0.5, vmax=count - 0.5, alpha=0.35,
        shading="nearest", rasterized=True,
    )  # fmt: skip
    own = np.argmax(samples.y, axis=1)
    names = samples.targets or tuple(f"class {i}" for i in range(count))
    for i, name in enumerate(names):
        if np.any(own == i):
            marker = MARKERS[i % len(MARKERS)]
            _scatter(ax, samples.X, own == i, marker, color=colors[i], label=literal(name))
    _legend(ax)


def _scatter(ax: Axes, X: np.ndarray, own: np.ndarray, marker: str, **style: Any) -> None:
    size = float(np.clip(4000 / len(X), 8, 60))
    x, y = _clipped(X.astype(np.float64))[own].T
    ax.scatter(x, y, s=size, marker=marker, edgecolor="black", linewidth=0.7, **style)


def _legend(ax: Axes) -> None:
    """A legend below the axes, where it hides no sample."""
    labels = ax.get_legend_handles_labels()[1]
    if len(labels) <= NAMED:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)


def _clipped(values: np.ndarray) -> np.ndarray:
    """Finite numbers that matplotlib can draw; NaN stays."""
    return np.asarray(np.clip(values, -LARGEST_DRAWN, LARGEST_DRAWN))


def plot_loss_surface(run: Run, along: Any, ax: Axes | None, radius: Any, points: Any) -> Axes:
    """Draw the loss over a plane through the run's parameters."""
    if run.job is None:
        raise ValueError(
            "plot_loss_surface: expected a run of fastnn.train, got one that does not hold its data"
        )
    center = run.parameters.astype(np.float64)
    if not np.isfinite(center).all():
        raise ValueError(
            "plot_loss_surface: expected a run with finite parameters, got one that diverged"
        )
    count = integer("points", points, 2, 1000)
    names, directions, origin = _plane(run, along)
    reach = _radius(radius, float(np.abs(origin).max()) if names[0] in run.network.names else 0.0)
    ax = new_axes(ax)
    steps = np.linspace(-reach, reach, count)
    losses = _losses(run, run.job, center, directions, steps)
    _draw_losses(ax, origin[0] + steps, origin[1] + steps, losses, run.loss_name)
    ax.plot(*origin, marker="*", ms=14, color="white", markeredgecolor="black")
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.set_title(f"Around restart {run.restart} (star), {run.loss_name} {run.loss:.3g}")
    return ax


def _radius(radius: Any, weight: float) -> float:
    if radius is None:
        return max(1.0, 1.5 * weight)
    number = hyperparameter("radius", radius, np.finfo(np.float64).tiny, LARGEST_DRAWN)
    if isinstance(number, np.ndarray):
        raise TypeError(f"radius: expected a number, got {shown(radius)}")
    return number


def _plane(run: Run, along: Any) -> tuple[tuple[str, str], np.ndarray, np.ndarray]:
    """The names of two axes, their directions (2, n_parameters), and the run's place on them."""
    net = run.network
    if along is None:
        if net.n_parameters < 2:
            raise ValueError(f"along: expected a network of at least 2 parameters, got {net!r}")
        random = np.random.default_rng(0).standard_normal((net.n_parameters, 2))
        unit = np.linalg.qr(random)[0].T
        length = float(np.linalg.norm(run.parameters.astype(np.float64))) or 1.0
        return ("direction 1", "direction 2"), unit * length, np.zeros(2)
    if not isinstance(along, tuple | list | np.ndarray) or len(along) != 2:
        raise TypeError(f"along: expected two names or two directions, got {shown(along)}")
    if any(isinstance(each, str) for each in along):
        if not all(isinstance(each, str) for each in along):
            raise TypeError(f"along: expected two names or two directions, got {shown(along)}")
        places = [_place(f"along[{i}]", name, net.names) for i, name in enumerate(along)]
        if places[0] == places[1]:
            raise ValueError(f"along: expected two different names, got {shown(along)}")
        rows = np.zeros((2, net.n_parameters))
        rows[[0, 1], places] = 1.0
        return (
            (net.names[places[0]], net.names[places[1]]),
            rows,
            run.parameters[places].astype(np.float64),
        )
    rows = np.stack(
        [_direction(f"along[{i}]", each, net.n_parameters) for i, each in enumerate(along)]
    )
    if np.linalg.matrix_rank(rows) < 2:
        raise ValueError("along: expected two directions that differ, got parallel ones or zeros")
    return ("direction 1", "direction 2"), rows, np.zeros(2)


def _place(argument: str, name: str, names: list[str]) -> int:
    bare = name.replace(" ", "").replace(",", ", ")
    if bare in names:
        return names.index(bare)
    raise ValueError(
        f"{argument}: expected one of the network's names, {names[0]} … {names[-1]}, got "
        f"{shown(name)}{hint(name, names)}"
    )


def _direction(argument: str, value: Any, length: int) -> np.ndarray:
    direction = real_array(argument, value)
    if direction.shape != (length,):
        raise ValueError(f"{argument}: expected a name or shape ({length},), got {shown(value)}")
    return direction


def _losses(
    run: Run, job: Job, center: np.ndarray, directions: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """The losses (up, across) of the parameters on the plane, row by row of the figure."""
    weights = job.weighting
    if isinstance(weights, np.ndarray):
        weights = weights[run.restart - job.first if len(weights) > 1 else 0]
    elif weights is not None:
        weights = weights.numpy_weights(job.seed, run.restart, len(job.X))
    limit = float(np.finfo(job.dtype).max)
    rows = max(1, BLOCK // (len(steps) * len(center)))
    found = []
    for first in range(0, len(steps), rows):
        up, across = np.meshgrid(steps[first : first + rows], steps, indexing="ij")
        moved = (
            center + up[..., np.newaxis] * directions[1] + across[..., np.newaxis] * directions[0]
        )
        parameters = np.clip(moved.reshape(-1, len(center)), -limit, limit).astype(job.dtype)
        found.append(
            loss_of(
                run.network, parameters, job.X, job.y, loss=job.loss, sample_weight=weights
            ).reshape(up.shape)
        )
    return np.concatenate(found).astype(np.float64)


def _draw_losses(
    ax: Axes, across: np.ndarray, up: np.ndarray, losses: np.ndarray, loss_name: str
) -> None:
    """Draw losses as colours with contour lines, on a logarithmic scale if they differ much."""
    from matplotlib.colors import LogNorm, Normalize

    with np.errstate(invalid="ignore"):
        losses = np.where(losses < LARGEST_DRAWN, losses, np.nan)
    finite = losses[np.isfinite(losses)]
    low, high = 0.0, 1.0
    if len(finite):  # without the deepest point of all, which may be a single one
        low, high = float(np.quantile(finite, 0.005)), float(finite.max())
    wide = low > 0 and high > 30 * low
    scale: Any = LogNorm(low, high) if wide else Normalize(low, high)
    mesh = ax.pcolormesh(
        across, up, losses, norm=scale, cmap="viridis", shading="nearest", rasterized=True
    )
    ax.set_facecolor(NOT_FINITE)
    if low < high:
        levels = np.geomspace(low, high, 14) if wide else np.linspace(low, high, 14)
        ax.contour(across, up, losses, levels=levels[1:-1], colors="white", linewidths=0.5,
                   alpha=0.7)  # fmt: skip
    extend = _beyond(losses, low, high)
    colour_bar(ax, mesh, label=in_full(loss_name), extend=extend)
