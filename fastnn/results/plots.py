"""Figures.  Every function draws into given Axes, or into a new figure, and does not show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.grouping import refuse_groups
from ..spec.status import Status
from ..support.figures import BLUE, GREY, ORANGE, colour_bar, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .censoring import Incidence
    from .run import Run
    from .runs import Runs
    from .statistics import Statistics

LARGEST_DRAWN = 1e100
BARS = 60


def in_full(loss_name: str) -> str:
    """The name of a loss on an axis."""
    return "sum of squared errors" if loss_name == "SSE" else loss_name


def plot_history(run: Run, ax: Axes | None = None, *, log: bool = True) -> Axes:
    """Plot the loss of `run` against the epoch."""
    history = run.history
    if history is None:
        raise ValueError(
            "plot: expected a run with a history or a job, got one without; train with history=True"
        )
    ax = new_axes(ax)
    epochs = np.arange(len(history)) * run.history_every
    marker = "o" if len(epochs) == 1 else None
    shown_loss = _drawable(history)
    ax.plot(epochs, shown_loss, color=BLUE, marker=marker)
    hidden = np.flatnonzero(np.isnan(shown_loss))
    if len(hidden) and len(epochs) > 1:
        _tell_hidden(ax, epochs[-1], epochs[hidden[0]])
    _label_losses(ax, run.loss_name, log and bool(np.any(shown_loss > 0)))
    fate = "diverged" if run.status == Status.DIVERGED else f"{run.loss_name} {run.loss:.3g}"
    ax.set_title(f"Restart {run.restart}: {fate} after {run.epochs:,} epochs")
    return ax


def plot_histories(
    runs: Sequence[Run], ax: Axes | None = None, *, log: bool = True, has_targets: bool
) -> Axes:
    """Plot the losses of `runs` against the epoch, coloured by how they ended."""
    ax = new_axes(ax)
    reached, positive = "converged" if has_targets else "ended", False
    groups = {reached: BLUE, "did not converge": ORANGE, "diverged": GREY}
    counts = dict.fromkeys(groups, 0)
    hidden = np.empty(0, dtype=np.int64)
    for run in runs:
        fate = reached
        if run.status == Status.DIVERGED:
            fate = "diverged"
        elif has_targets and run.status != Status.CONVERGED:
            fate = "did not converge"
        counts[fate] += 1
        epochs, losses = _with_end(run)
        positive |= bool(np.any(losses > 0))
        hidden = np.append(hidden, epochs[np.isnan(losses)])
        marker = "o" if len(epochs) == 1 else None
        ax.plot(epochs, losses, color=groups[fate], lw=1, alpha=0.7, marker=marker)
    name = runs[0].loss_name if runs else "loss"
    _label_losses(ax, name, log and positive)
    for fate, count in counts.items():
        if count:
            ax.plot([], [], color=groups[fate], label=f"{count:,} {fate}")
    if runs:
        ax.legend(loc="upper right" if not len(hidden) else "upper left")
    if len(hidden) and hidden.max() > 0:
        _tell_hidden(ax, hidden.max(), hidden.min())
    ax.set_title(f"{len(runs):,} restart{'s' * (len(runs) != 1)}")
    return ax


def _with_end(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The epochs and losses of a run, with its last loss if its history lacks that."""
    assert run.history is not None
    assert run.job is not None
    epochs = np.arange(len(run.history)) * run.history_every
    made = run.epochs - int(run.job.epochs_before(run.restart))
    losses = run.history.astype(np.float64)
    if made > epochs[-1]:
        epochs, losses = np.append(epochs, made), np.append(losses, run.loss)
    return epochs, _drawable(losses)


def _drawable(losses: np.ndarray) -> np.ndarray:
    """The losses without those near the end of the range of floats, where matplotlib fails."""
    losses = losses.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(losses < LARGEST_DRAWN, losses, np.nan)


def _tell_hidden(ax: Axes, last: int, first: int) -> None:
    """Say from where losses are too large to be drawn, and show up to the last epoch."""
    ax.set_xlim(right=max(ax.get_xlim()[1], 1.05 * last))
    beyond = f"above {LARGEST_DRAWN:.0e} from epoch {first:,}"
    ax.text(0.98, 0.5, beyond, ha="right", transform=ax.transAxes)


def _label_losses(ax: Axes, loss_name: str, log: bool) -> None:
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_xlabel("epoch (updates made)")
    ax.set_ylabel(in_full(loss_name))
    ax.grid(alpha=0.3)


def plot_converged(runs: Runs, ax: Axes | None = None) -> Axes:
    """Plot the share of restarts that have converged against epochs."""
    trained = int(np.count_nonzero(runs.status != Status.NOT_RUN))
    if not runs.job.has_targets:
        longest = int(runs.epochs.max(initial=1))
        return _draw_no_target(trained, longest, runs.cut_off, new_axes(ax))
    if runs.cut_off:
        ended, found = runs.status != Status.NOT_RUN, runs.cut.incidence
        estimate = found(runs.epochs[ended], runs.status[ended], only_converged=True)
        return _draw_estimate(estimate, trained, runs.cut_off, new_axes(ax))
    epochs = np.sort(runs.epochs[runs.status == Status.CONVERGED])
    steps, last = np.unique(epochs, return_index=True)
    longest, share = (
        int(runs.epochs.max(initial=1)),
        np.append(last[1:], len(epochs)) / max(1, trained),
    )
    return _draw_converged(steps, share, trained, longest, new_axes(ax))


def _draw_estimate(found: Incidence | None, trained: int, cut_off: int, ax: Axes) -> Axes:
    """Draw the estimate for a run that ended early."""
    assert found is not None
    rises = np.diff(found.share, prepend=0.0) > 0
    _draw_converged(found.epochs[rises], found.share[rises], trained, found.followed, ax)
    ax.set_title(f"{trained:,} restarts, {cut_off:,} cut off (Kaplan–Meier)")
    return ax


def _draw_no_target(trained: int, longest: int, cut_off: int, ax: Axes) -> Axes:
    """Say that nothing was to be reached, which is not the same as a target that none reached."""
    nothing = np.empty(0)
    _draw_converged(nothing, nothing, trained, longest, ax, none="no target (target_sse= or stop=)")
    if cut_off:
        ax.set_title(f"{trained:,} restarts, {cut_off:,} cut off")
    return ax


def _draw_converged(
    steps: np.ndarray,
    share: np.ndarray,
    trained: int,
    longest: int,
    ax: Axes,
    none: str = "none converged",
) -> Axes:
    """Draw the share of trained restarts that had converged, by epoch."""
    longest = max(1, longest)
    if len(steps):
        x = np.concatenate([[0], steps, [longest]])
        y = np.concatenate([[0], share, [share[-1]]])
        ax.step(x, 100 * y, where="post", color=BLUE)
        ax.annotate(
            f"{share[-1]:.1%}",
            (longest, 100 * share[-1]),
            textcoords="offset points",
            xytext=(-4, -14 if share[-1] > 0.9 else 6),
            ha="right",
            color=BLUE,
        )
    elif trained:
        ax.text(0.5, 0.5, none, ha="center", transform=ax.transAxes)
    ax.set_xlim(0, 1.03 * longest)
    ax.set_ylim(0, 105)
    ax.set_xlabel("epoch (updates made)")
    ax.set_ylabel("restarts converged (%)")
    ax.set_title(f"{trained:,} restart{'s' if trained != 1 else ''}")
    ax.grid(alpha=0.3)
    return ax


def plot_final_loss(runs: Runs, ax: Axes | None = None) -> Axes:
    """Plot the distribution of the final loss on a logarithmic axis."""
    ended = runs.status != Status.NOT_RUN
    return draw_losses(runs.loss[ended], int(np.count_nonzero(ended)), runs.loss_name, new_axes(ax))


def draw_losses(losses: np.ndarray, trained: int, loss_name: str, ax: Axes) -> Axes:
    """Draw the distribution of final losses, some of which may not be finite."""
    finite = losses[np.isfinite(losses) & (losses > 0)]
    edges = np.empty(0)
    if len(finite):
        low, high = np.log10(float(finite.min())), np.log10(float(finite.max()))
        if high - low < 0.1:
            low, high = low - 0.05, high + 0.05
        edges = np.logspace(low, high, BARS + 1)
        edges[0], edges[-1] = min(edges[0], finite.min()), max(edges[-1], finite.max())
    counts = np.histogram(finite, edges)[0] if len(finite) else np.empty(0)
    return _draw_final_loss(edges, counts, trained, len(finite), loss_name, ax)


def _draw_final_loss(
    edges: np.ndarray, counts: np.ndarray, trained: int, drawn: int, loss_name: str, ax: Axes
) -> Axes:
    """Draw bars between `edges` for the trained restarts with a loss above 0."""
    if drawn:
        ax.hist(edges[:-1], bins=edges.tolist(), weights=counts, color=BLUE)
        ax.set_xscale("log")
        _label_decades(ax.xaxis, float(np.log10(edges[-1] / edges[0])))
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.7)
    elif trained:
        ax.text(0.5, 0.5, "none finite and positive", ha="center", transform=ax.transAxes)
    left_out = trained - drawn
    ax.set_xlabel(f"final {in_full(loss_name)}")
    ax.set_ylabel("restarts")
    ax.set_title("Where they end" + (f" ({left_out:,} not finite or zero)" if left_out else ""))
    ax.grid(alpha=0.3)
    return ax


def _label_decades(axis: Any, decades: float) -> None:
    """Label a logarithmic axis: 1, 2 and 5 in each of up to three decades, otherwise powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if decades > 3:
        return
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def plot_runs(runs: Runs, axes: Any = None) -> np.ndarray:
    """Draw `plot_converged` and `plot_final_loss` side by side."""
    pair = _pair(axes)
    plot_converged(runs, pair[0])
    plot_final_loss(runs, pair[1])
    return pair


def plot_statistics(statistics: Statistics, axes: Any = None) -> np.ndarray:
    """Draw the same as `plot_runs`, from histograms."""
    pair = _pair(axes)
    edges, counts = statistics.epochs_histogram(Status.CONVERGED)
    trained, longest = statistics.restarts, statistics.epochs_quantile(1, converged=False)
    last = 0 if longest is None else int(longest)
    found = statistics.incidence()
    if not statistics.job.has_targets:
        _draw_no_target(trained, last, statistics.cut_off, new_axes(pair[0]))
    elif found is not None:
        _draw_estimate(found, trained, statistics.cut_off, new_axes(pair[0]))
    else:
        steps, share = np.minimum(edges[1:] - 1, last), np.cumsum(counts) / max(1, trained)
        _draw_converged(steps, share, trained, last, new_axes(pair[0]))
    edges, counts = statistics.loss_histogram()
    kept = edges > 0  # from some edge on
    edges, counts = np.clip(edges[kept], 1 / LARGEST_DRAWN, LARGEST_DRAWN), counts[kept[:-1]]
    each = -(-len(counts) // BARS) or 1
    starts = np.arange(0, len(counts), each)
    bars = np.add.reduceat(counts, starts) if len(counts) else counts
    _draw_final_loss(
        np.append(edges[:-1][starts], edges[-1:]), bars, trained, int(counts.sum()),
        statistics.loss_name, new_axes(pair[1]),
    )  # fmt: skip
    return pair


def _pair(axes: Any) -> np.ndarray:
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")[1]
    pair = np.asarray(axes, dtype=object).ravel()
    if len(pair) != 2:
        raise ValueError(f"axes: expected two matplotlib Axes, got {len(pair)}")
    return pair


def plot_grid(runs: Runs, values: Any = "epochs", ax: Axes | None = None) -> Axes:
    """Draw a heat map of a grid of two axes, the first upwards, the second to the right."""
    grid = runs.grid
    refuse_groups(runs.job, "plot_grid", "in_grid has the numbers of each group")
    if grid is None or len(grid.shape) != 2:
        raise ValueError(
            "plot_grid: expected restarts of a fastnn.Grid of two axes, got "
            + ("none" if grid is None else repr(grid))
        )
    cells = runs.in_grid(values)
    # Matplotlib's ticks fail on numbers near the end of the range.
    cells = np.where(np.abs(cells) < LARGEST_DRAWN, cells, np.nan)
    ax = new_axes(ax)
    (y_name, y), (x_name, x) = grid.axes.items()
    cells = cells[np.argsort(y, kind="stable")][:, np.argsort(x, kind="stable")]
    finite = cells[np.isfinite(cells)]
    wide = len(finite) and finite.min() > 0 and finite.max() > 100 * finite.min()
    norm = "log" if wide and not (isinstance(values, str) and values == "success") else None
    (x_edges, x_log), (y_edges, y_log) = _edges(np.sort(x)), _edges(np.sort(y))
    mesh = ax.pcolormesh(x_edges, y_edges, cells, norm=norm, cmap="viridis", rasterized=True)
    if x_log:
        ax.set_xscale("log")
    if y_log:
        ax.set_yscale("log")
    ax.set(xlim=x_edges[[0, -1]], ylim=y_edges[[0, -1]])
    ax.set(xlabel=x_name.replace("_", " "), ylabel=y_name.replace("_", " "))
    ax.set_facecolor("lightgrey")  # cells without a finite value
    what = {"success": "share converged", "epochs": "mean epochs", "loss": "mean loss"}
    label_of_bar = what.get(values, "") if isinstance(values, str) else ""
    colour_bar(ax, mesh, label=label_of_bar)
    return ax


def _edges(values: np.ndarray) -> tuple[np.ndarray, bool]:
    """The edges of cells around sorted values, and whether to use a logarithmic axis."""
    log = len(values) > 2 and 0 < values[0] < values[-1]
    log = log and np.ptp(np.diff(np.log(values))) < 1e-9
    places = np.log(values) if log else values
    gaps = np.diff(places)
    gaps = gaps[gaps > 0]
    ends = gaps[[0, -1]] / 2 if len(gaps) else np.full(2, abs(places[0]) / 20 or 0.05)
    middles = (places[1:] + places[:-1]) / 2
    edges = np.array([places[0] - ends[0], *middles, places[-1] + ends[1]])
    return (np.exp(edges) if log else edges), bool(log)
