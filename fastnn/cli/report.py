"""Reports of `fastnn train` and `fastnn predict` on their predictions, as text and as a figure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..results.plots import draw_losses
from ..support.figures import BLUE, ORANGE
from ..tabular.metrics import Errors, Rates, confusion
from .files import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..tabular.target import Target

PRINTED = 20
"""Maximum number of classes, or of column names, to print."""
LABELLED = 30
"""Maximum number of classes whose names and counts fit in a figure."""
DRAWN_TARGETS = 4


def short(label: Any, width: int = 24) -> str:
    """A label in one line of at most `width` characters."""
    text = escaped(str(label))
    return text if len(text) <= width else text[: width - 1] + "…"


def escaped(text: str) -> str:
    """A text in one line."""
    return "".join(mark if mark.isprintable() else "�" for mark in text)


def warn(text: str) -> None:
    """Print a warning, in one line like an error, and go on."""
    print(f"fastnn: warning: {text}", file=sys.stderr)


def listed(names: Sequence[str]) -> str:
    """A list of names in one line, shortened if there are many."""
    more = f" and {len(names) - PRINTED:,} more" if len(names) > PRINTED else ""
    return ", ".join(map(short, names[:PRINTED])) + more


def _drawn(label: Any, width: int = 24) -> str:
    """A label for a figure, where a dollar sign would begin a formula."""
    return short(label, width).replace("$", r"\$")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def confusion_rows(counts: np.ndarray, classes: np.ndarray) -> list[list[str]]:
    """A confusion matrix with recalls, or the most frequent mistakes if there are many classes."""
    if len(classes) <= PRINTED:
        names = [short(name, 12) for name in classes]
        recall = ["–" if np.isnan(share) else f"{share:.2%}" for share in Rates.of(counts).recall]
        rows = [["true \\ predicted", *names, "recall"]]
        for name, row, share in zip(names, counts, recall, strict=True):
            rows.append([name, *map(str, row), share])
        return rows
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:PRINTED]
    pairs = [divmod(int(place), len(classes)) for place in order if mistakes.flat[place]]
    head = [["most frequent mistakes: true", "predicted", "rows"]]
    return head + [[short(classes[i]), short(classes[j]), str(counts[i, j])] for i, j in pairs]


def classes_rows(target: Target, parts: dict[str, np.ndarray]) -> list[list[str]]:
    """Number of rows of each class, in total and in each part."""
    assert target.classes is not None
    columns = {"rows": target.values} | {name: target.values[part] for name, part in parts.items()}
    counts = [np.bincount(values, minlength=len(target.classes)) for values in columns.values()]
    rows = [["class", *columns]]
    for label, *numbers in zip(target.classes, *counts, strict=True):
        rows.append([short(label), *(f"{number:,}" for number in numbers)])
    left = len(rows) - 1 - PRINTED
    if left > 1:
        rows = [*rows[: PRINTED + 1], [f"and {left:,} more classes", *[""] * len(columns)]]
    return rows


def errors_rows(
    names: Sequence[str],
    parts: Iterable[tuple[str, np.ndarray, np.ndarray]],
    constants: np.ndarray | None,
) -> list[list[str]]:
    """R², RMSE and MAE of every part and target, with those of the mean if it is known.

    A part is its name, its true and its predicted values, (n, targets) each.
    """
    head = ["", "rows", "R²", "RMSE", "MAE"]
    rows = [head if constants is None else [*head, "RMSE of the mean", "MAE of the mean"]]
    for part, true, predicted in parts:
        for j, name in enumerate(names):
            constant = float(true[:, j].mean() if constants is None else constants[j])
            errors = Errors.of(true[:, j], predicted[:, j], constant)
            told = part if len(names) == 1 else f"{part}, {short(name)}"
            r2 = "–" if np.isnan(errors.r2) else f"{errors.r2:.4f}"
            row = [told, f"{len(true):,}", r2, f"{errors.rmse:.5g}", f"{errors.mae:.5g}"]
            if constants is not None:
                row += [f"{errors.constant_rmse:.5g}", f"{errors.constant_mae:.5g}"]
            rows.append(row)
    return rows


def rates_text(
    counts: dict[str, np.ndarray], classes: np.ndarray, common: int | None = None
) -> str:
    """The share of rows right, that of always the commonest class, and the balanced accuracy.

    `counts` holds the confusion matrix of each part, by its name.
    """
    rates = {part: Rates.of(matrix, common) for part, matrix in counts.items()}
    always = short(classes[[*rates.values()][-1].common])
    lines = {
        "right": [f"{r.accuracy:.2%} ({r.right:,} of {r.rows:,})" for r in rates.values()],
        f"right if always {always}": [f"{r.share:.2%}" for r in rates.values()],
        "balanced accuracy": [f"{r.balanced:.2%}" for r in rates.values()],
    }
    told = []
    for name, cells in lines.items():
        pairs = zip(rates, cells, strict=True)
        told.append(f"{name}: " + ", ".join(f"{part} {cell}".lstrip() for part, cell in pairs))
    return "\n".join(told)


def figure_of(
    target: Target,
    part: str,
    true: np.ndarray,
    predicted: np.ndarray,
    losses: tuple[np.ndarray, str, float, str],
) -> Figure:
    """A figure of a part's confusion matrix, or of predicted values and residuals; and of losses.

    `true` and `predicted` are positions of classes (n,), or numbers (n, targets).  `losses` holds
    the losses of all restarts, their name, the loss of the chosen one, and its name.
    """
    if target.classes is not None:
        figure = new_figure(11, 4.8)
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        _draw_confusion(confusion(true, predicted, len(target.classes)), target.classes, part, left)
        _draw_losses(*losses, right)
        return figure
    names = target.names[:DRAWN_TARGETS]
    figure = new_figure(14, 4.2 * len(names))
    axes = figure.subplots(len(names), 3, squeeze=False)
    for j, name in enumerate(names):
        _draw_predicted(true[:, j], predicted[:, j], _drawn(name), part, axes[j, :2])
        axes[j, 2].set_visible(j == 0)
    _draw_losses(*losses, axes[0, 2])
    return figure


def _draw_losses(losses: np.ndarray, name: str, chosen: float, label: str, ax: Any) -> None:
    draw_losses(losses, len(losses), name, ax)
    if chosen > 0:
        ax.axvline(chosen, color=ORANGE, lw=2, label=label)
        ax.legend(loc="best")


def _draw_confusion(counts: np.ndarray, classes: np.ndarray, part: str, ax: Any) -> None:
    image = ax.imshow(counts, cmap="cividis", vmin=0, vmax=max(1, counts.max()))
    named = len(classes) <= LABELLED
    if named:
        labels = [_drawn(name, 16) for name in classes]
        ax.set_xticks(range(len(classes)), labels, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(classes)), labels)
        size = 11 if len(classes) <= 10 else 7
        for i, j in np.ndindex(counts.shape):
            dark = counts[i, j] < 0.6 * counts.max()
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=size,
                    color="white" if dark else "black")  # fmt: skip
    ax.set(xlabel="predicted class", ylabel="true class")
    right = np.trace(counts) / counts.sum()
    ax.set_title(f"{part.capitalize()} rows: {right:.1%} right")
    ax.figure.colorbar(image, ax=ax, label="rows", shrink=0.8)


def _draw_predicted(
    true: np.ndarray, predicted: np.ndarray, name: str, part: str, axes: Any
) -> None:
    """Plot predicted against true values, and residuals against predicted values."""
    size, alpha = (18, 0.6) if len(true) <= 2000 else (3, 0.2)
    style: dict[str, Any] = {"s": size, "alpha": alpha, "color": BLUE, "linewidths": 0}
    style["rasterized"] = len(true) > 2000
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    left, right = axes
    left.scatter(true, predicted, **style)
    left.plot([low, high], [low, high], color=ORANGE, lw=1.5, label="predicted = true")
    left.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    errors = Errors.of(true, predicted, float(true.mean()))
    left.set_title(f"{part.capitalize()} rows: R² {errors.r2:.3f}, RMSE {errors.rmse:.3g}")
    left.legend(loc="upper left")
    right.scatter(predicted, predicted - true, **style)
    right.axhline(0, color=ORANGE, lw=1.5)
    right.set(xlabel=f"predicted {name}", ylabel=f"predicted − true {name}")
    right.set_title("Residuals")
    right.locator_params(axis="x", nbins=6)  # large numbers would overlap
    for ax in axes:
        ax.grid(alpha=0.3)
