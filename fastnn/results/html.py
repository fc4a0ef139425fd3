"""Results in notebooks: small tables, and pictures of the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..spec.network_html import activations, drawing, in_short
from ..spec.status import Status
from ..support.advice import REMEDY
from ..support.figures import BLUE, ORANGE
from ..support.html import bars, card, curve, svg
from .summary_text import five_numbers, how_sure

if TYPE_CHECKING:
    from ..spec.network import Network
    from .run import Run
    from .runs import Runs
    from .statistics import Statistics
    from .summary import Summary

BARS = 40
BAR_WIDTH, BAR_HEIGHT = 260, 14


def run_html(run: Run) -> str:
    """The table of a run, with its history, or else its network."""
    rows = [
        _network_row(run.network),
        ("restart", f"{run.restart:,} of seed {run.seed}"),
        ("status", run.status.name),
        (run.loss_name, f"{run.loss:.6g}"),
    ]
    if run.loss_name != "SSE":
        rows.append(("SSE", f"{run.sse:.6g}"))
    rows.append(("epochs", f"{run.epochs:,}"))
    if run.status == Status.DIVERGED:
        rows.append(("what helps", REMEDY))
    picture = ""
    if run.history is not None:
        epochs = np.arange(len(run.history)) * run.history_every
        picture = curve(epochs, run.history, run.loss_name, "epoch")
    return card("Run", rows, picture or drawing(run.network, run.parameters))


def summary_html(summary: Summary) -> str:
    """The table of a summary, and the shares of each status."""
    return card("Summary", _rows(summary), _shares(summary))


def runs_html(runs: Runs) -> str:
    """The table of many restarts, the shares of each status, and the distribution of the loss."""
    ended = runs.status != Status.NOT_RUN
    loss = runs.loss[ended] if "loss" in runs.columns else np.empty(0)
    picture = _distribution(loss.astype(np.float64), np.ones(len(loss)), runs.loss_name)
    return _many("Runs", runs.network, runs.summary(), picture)


def statistics_html(statistics: Statistics) -> str:
    """The same of restarts that were not kept one by one."""
    edges, counts = statistics.loss_histogram()
    edges = edges.astype(np.float64)
    middles = edges[:-1] / 2 + edges[1:] / 2
    picture = _distribution(middles, counts, statistics.loss_name, lowest="≤ ")
    return _many("Statistics", statistics.network, statistics.summary(), picture)


def _many(title: str, net: Network, summary: Summary, picture: str) -> str:
    pictures = f'<div style="display:grid;gap:8px">{_shares(summary)}{picture}</div>'
    return card(title, [_network_row(net), *_rows(summary)], pictures)


def _network_row(net: Network) -> tuple[str, str]:
    biases = "" if net.bias else ", no biases"
    return "network", f"{in_short(net)}, {activations(net)}{biases}"


def _rows(summary: Summary) -> list[tuple[str, str]]:
    rows = [("restarts", f"{summary.restarts:,}")]
    total = max(1, sum(summary.counts.values()))
    for name, count in summary.counts.items():
        if count:
            rows.append((name.lower().replace("_", " "), f"{count:,} ({count / total:.2%})"))
    if summary.cut_off:
        rows.append(("cut off", f"{summary.cut_off:,} in progress when the run ended"))
    if summary.success_rate is not None:
        rows.append(("success rate", f"{summary.success_rate:.2%}{how_sure(summary)}"))
    if summary.epochs is not None:
        whose = "" if summary.success_rate is None else " to converge"
        rows.append((f"epochs{whose}", five_numbers(summary.epochs, "{:,.0f}")))
    if summary.loss is not None:
        rows.append((f"final {summary.loss_name}", five_numbers(summary.loss, "{:.6g}")))
    if 2 * summary.counts.get(Status.DIVERGED.name, 0) > summary.restarts:
        rows.append(("most diverged", REMEDY))
    return rows


def _shares(summary: Summary) -> str:
    """A bar of the shares: blue converged, orange diverged, and grey others; empty without any."""
    converged, diverged = (
        summary.counts.get(status.name, 0) for status in (Status.CONVERGED, Status.DIVERGED)
    )
    total = sum(summary.counts.values())
    if not total:
        return ""
    parts, start = [], 0.0
    others = total - converged - diverged
    for count, color in ((converged, BLUE), (others, "#999999"), (diverged, ORANGE)):
        width = BAR_WIDTH * count / total
        parts.append(
            f'<rect x="{start:.1f}" y="0" width="{width:.1f}" height="{BAR_HEIGHT}" '
            f'fill="{color}"/>'
        )
        start += width
    what = f"{converged:,} converged (blue), {others:,} others, {diverged:,} diverged (orange)"
    title = f"<title>{what}</title>"
    return svg(title + "".join(parts), what, BAR_WIDTH, BAR_HEIGHT)


def _distribution(losses: np.ndarray, weights: np.ndarray, loss_name: str, lowest: str = "") -> str:
    """The distribution of losses on two logarithmic axes; empty if none is finite and above 0."""
    drawn = np.isfinite(losses) & (losses > 0)
    places = np.log10(losses[drawn])
    if not len(places):
        return ""
    low, high = float(places.min()), float(places.max())
    if high - low < 0.1:
        low, high = low - 0.05, high + 0.05
    counts = np.histogram(places, BARS, (low, high), weights=weights[drawn])[0]
    ends = (f"{lowest}{losses[drawn].min():.2g}", f"{losses[drawn].max():.2g}")
    return bars(counts.astype(np.int64), f"restarts by final {loss_name} (log)", ends)
