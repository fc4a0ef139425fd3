"""Plots of the page on speed, drawn from a record."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

from figures_of import FAMILIES, LIMIT, Figures, NoFigureError
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from tables import number

# Okabe and Ito's palette, which colour-blind readers tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#777777"
COLOURS = {
    "NumPy": ORANGE, "scikit-learn": GREEN, "PyTorch": VERMILION, "JAX": SKY, "FANN": PURPLE,
    "C++ limit": GREY,
}  # fmt: skip
MARKERS = "os^Dvphx"
SHOWN = ("W1", "W2", "W2s", "W2v", "W3", "W4", "W5", "W5-one", "W6", "W6-one")
WIDTH = 8.0


def draw_all(record: dict[str, Any], folder: Path) -> list[Path]:
    """Draw every figure for which there are numbers; returns the files."""
    folder.mkdir(exist_ok=True)
    figures = Figures(record)
    drawn = []
    for name, draw in DRAWINGS.items():
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        try:
            draw(figures, figure)
        except NoFigureError:
            continue
        drawn.append(folder / name)
        # Without the library's version, so that the same numbers make the same file.
        figure.savefig(drawn[-1], dpi=110, metadata={"Software": None})
    return drawn


def _plain(value: float, _: int | None = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _grid(ax: Any, axis: str = "both") -> None:
    ax.grid(alpha=0.3, axis=axis)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def ratios(figures: Figures, figure: Figure) -> None:
    """Draw bars: time of the fastest form of each peer, in times of fastnn's."""
    found = []
    for work in SHOWN:
        try:
            own = figures.own(work)
        except NoFigureError:
            continue
        for family in (*FAMILIES, "C++ limit"):
            try:
                name = LIMIT if family == "C++ limit" else figures.best(work, FAMILIES[family])
                found.append((work, family, figures.ratio((work, name), (work, own))))
            except NoFigureError:
                continue
    if not found:
        raise NoFigureError("no peers")
    works = list(dict.fromkeys(work for work, _, _ in found))
    figure.set_size_inches(WIDTH, 1.4 + 0.2 * (len(found) + len(works)))
    ax = figure.subplots()
    place, ticks, seen = 0.0, [], set()
    for work in works:
        bars = sorted((b for b in found if b[0] == work), key=lambda b: -b[2].median)
        ticks.append(place + (len(bars) - 1) / 2)
        for _, family, ratio in bars:
            label = None if family in seen else family
            seen.add(family)
            error = [[ratio.median - ratio.low], [ratio.high - ratio.median]]
            ax.barh(
                place, ratio.median - 1, left=1, height=0.8, color=COLOURS[family], label=label,
                xerr=error, error_kw={"elinewidth": 1, "capsize": 2, "ecolor": BLACK},
            )  # fmt: skip
            text = number(ratio.median)
            outside = (ratio.high, 4, "left") if ratio.median >= 1 else (ratio.low, -4, "right")
            ax.annotate(
                text, (outside[0], place), xytext=(outside[1], 0), textcoords="offset points",
                ha=outside[2], va="center", fontsize=8,
            )  # fmt: skip
            place += 1
        place += 0.8
    titles = figures.record["works"]
    labels = [
        "\n".join(wrap(f"{work}: {titles[work]}".replace("< ", "<\u00a0"), 24)) for work in works
    ]
    ax.set_yticks(ticks, labels, fontsize=8)
    ax.set_xscale("log")
    low, high = (pick(getattr(b[2], side) for b in found)
                 for pick, side in ((min, "low"), (max, "high")))  # fmt: skip
    ax.set_xlim(min(0.4, low / 2.2), high * 2.5)
    ax.xaxis.set_major_formatter(FuncFormatter(_plain))
    ax.axvline(1, color=BLACK, linewidth=1)
    ax.set_ylim(place - 0.8, -1)  # the first work on top
    ax.set_xlabel("times as long as fastnn takes (one thread; left of 1 is faster than fastnn)")
    _grid(ax, "x")
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: list(COLOURS).index(labels[i]))
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order],
        loc="outside upper center", ncols=6, frameon=False,
    )  # fmt: skip


def restarts(figures: Figures, figure: Figure) -> None:
    """Draw lines: ns per network and epoch against the number of restarts."""
    points = sorted(figures.measurement("restarts"), key=lambda point: point["restarts"])
    ax = figure.subplots()
    ax.plot(
        [p["restarts"] for p in points], [p["ns"] for p in points], marker="o", color=BLUE,
        linewidth=2, label="fastnn, train_many",
    )  # fmt: skip
    measured = figures.record["measurements"].get("restarts of peers", {})
    peers = {title: values for title, values in measured.items() if values}
    colours = (ORANGE, SKY, VERMILION, GREEN, PURPLE, BLACK, GREY)
    for i, (title, values) in enumerate(peers.items()):
        ax.plot(
            [p["restarts"] for p in values], [p["ns"] for p in values], label=title,
            color=colours[i % len(colours)], marker=MARKERS[1 + i % (len(MARKERS) - 1)],
            linestyle=("-", "--", ":")[i // len(colours) % 3],
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(_plain))
    ax.set_xlabel("restarts (XOR, 2-2-1 without biases)")
    ax.set_ylabel("ns per network and epoch, one thread")
    _grid(ax)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)


def threads(figures: Figures, figure: Figure) -> None:
    """Draw lines: speed-up against threads."""
    measured = figures.measurement("threads")
    figure.set_size_inches(WIDTH * 0.6, 3.6)
    ax = figure.subplots()
    most = max(point["threads"] for points in measured.values() for point in points)
    ax.plot([1, most], [1, most], color=GREY, linestyle="--", label="as many times as fast")
    for (work, points), marker, colour in zip(
        measured.items(), MARKERS, (BLUE, VERMILION, GREEN), strict=False
    ):
        title = figures.record["works"].get(work, work)
        x, y = ([point[name] for point in points] for name in ("threads", "speed_up"))
        ax.plot(x, y, marker=marker, color=colour, label=f"{work}: {title}")
    ax.set_xticks(range(1, most + 1, max(1, most // 8)))
    ax.set_ylim(bottom=0)
    ax.set_xlabel("threads")
    ax.set_ylabel("speed-up over one thread")
    _grid(ax)
    ax.legend(frameon=False, loc="lower right")


def size(figures: Figures, figure: Figure) -> None:
    """Draw lines: ns per network, epoch and weight against the number of hidden units."""
    measured = figures.measurement("size")
    figure.set_size_inches(WIDTH * 0.6, 3.6)
    ax = figure.subplots()
    for (dtype, points), marker, colour in zip(
        measured.items(), MARKERS, (BLUE, VERMILION), strict=False
    ):
        points = sorted(points, key=lambda point: point["hidden"])
        x = [point["hidden"] for point in points]
        ax.plot(x, [p["ns"] / p["weights"] for p in points], marker=marker, color=colour,
                label=dtype)  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_xticks(x, [str(h) for h in x])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(bottom=0)
    ax.set_xlabel("hidden units h of a 2-h-1 network on XOR")
    ax.set_ylabel("ns per network, epoch and weight")
    _grid(ax)
    ax.legend(frameon=False)


DRAWINGS = {
    "ratios.png": ratios, "restarts.png": restarts, "threads.png": threads, "size.png": size,
}  # fmt: skip
