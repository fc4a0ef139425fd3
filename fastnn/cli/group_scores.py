"""The scores of groups' networks, beside those of the common network of all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..results.models import Models
from ..support.figures import BLUE, ORANGE
from ..tabular.metrics import confusion
from ..tabular.target import Target
from .files import new_figure
from .fitting import Split
from .grouping import Grouping
from .report import errors_rows, rates_text, short
from .told import Told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORST = 10
"""Number of groups to name."""
QUARTILES = {"lowest": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75,
             "highest": 1.0}  # fmt: skip


@dataclass(frozen=True)
class GroupScores:
    """Scores of the groups with a network of their own, on the rows of one part.

    Attributes
    ----------
    part, name : str
        Of the rows, and of the score.
    labels : list
    rows, tested : (groups,) arrays of int
        Number of rows in all, and of those that are scored.
    own, common : (groups,) arrays of float
        The scores of the groups' networks, and of the common one.
    total : (float, float)
        Those of all scored rows together.
    high_is_good : bool
    """

    part: str
    name: str
    labels: list[Any]
    rows: np.ndarray
    tested: np.ndarray
    own: np.ndarray
    common: np.ndarray
    total: tuple[float, float]
    high_is_good: bool

    @property
    def better(self) -> np.ndarray:
        """Tell which groups' own networks are better than the common one."""
        return self.own > self.common if self.high_is_good else self.own < self.common


def predicted_by_group(models: Models, X: np.ndarray, labels: list[Any]) -> np.ndarray:
    """Positions of classes (n,), or numbers (n, targets)."""
    if models.classes is None:
        return models.evaluate(X, labels)
    places: np.ndarray = models.scores(X, labels).argmax(axis=1)
    return places


def tell_group_scores(
    told: Told, models: Models, X: np.ndarray, target: Target, parts: Split, groups: Grouping
) -> GroupScores:
    """Tell the scores of all rows, their distribution over the groups, and the worst groups."""
    named = parts.named()
    guesses = {
        part: predicted_by_group(models, X[rows], groups.labels_of(rows))
        for part, rows in named.items()
    }
    part, rows = [*named.items()][-1]
    # The fallback predicts rows without a label.
    common = predicted_by_group(models, X[rows], [None] * len(rows))
    of_parts = {name: (target.values[at], guesses[name]) for name, at in named.items()}
    of_parts[f"{part}, common network"] = target.values[rows], common
    _tell_all(told, target, parts, of_parts)
    scores = _scores(models, target, parts, groups, guesses[part], common)
    _tell_distribution(told, scores, groups.by)
    return scores


def _tell_all(
    told: Told, target: Target, parts: Split, of_parts: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Tell the scores of every part, and of the common network on the last one."""
    if target.classes is None:
        mean = target.values[parts.train].mean(axis=0)
        listed = [(name, true, guess) for name, (true, guess) in of_parts.items()]
        told.show("", errors_rows(target.names, listed, mean))
        return
    n_classes = len(target.classes)
    counts = {name: confusion(*pair, n_classes) for name, pair in of_parts.items()}
    common = int(np.bincount(target.values[parts.train], minlength=n_classes).argmax())
    told.say(rates_text(counts, target.classes, common))


def _scores(
    models: Models, target: Target, parts: Split, groups: Grouping, own: np.ndarray,
    common: np.ndarray,
) -> GroupScores:  # fmt: skip
    """The scores of groups with a network of their own, and rows in the last part."""
    part, rows = [*parts.named().items()][-1]
    have = np.array([label in models for label in groups.labels])
    codes = groups.codes[rows]
    chosen = (codes >= 0) & have[codes]
    codes = codes[chosen]
    tested = np.bincount(codes, minlength=len(groups.labels))
    there = np.flatnonzero(tested)
    true = target.values[rows]
    found, total = [], []
    for guess in (own, common):
        if target.classes is None:
            deviation = target.values[parts.train].std(axis=0) if len(target.names) > 1 else 1.0
            terms = (((guess - true) / deviation) ** 2).mean(axis=1)[chosen]
        else:
            terms = (guess == true)[chosen].astype(np.float64)
        means = np.bincount(codes, weights=terms, minlength=len(tested))[there] / tested[there]
        overall = float(terms.mean()) if len(terms) else np.nan
        numeric = target.classes is None
        found.append(np.sqrt(means) if numeric else means)
        total.append(float(np.sqrt(overall)) if numeric else overall)
    name = "share right"
    if target.classes is None:
        name = "RMSE" if len(target.names) == 1 else "mean RMSE in deviations"
    return GroupScores(
        part, name, [groups.labels[place] for place in there.tolist()], groups.sizes[there],
        tested[there], found[0], found[1], (total[0], total[1]), target.classes is not None,
    )  # fmt: skip


def _tell_distribution(told: Told, scores: GroupScores, by: str) -> None:
    """Tell the quartiles over the groups, and the worst groups."""
    if not len(scores.labels):
        told.say(f"no group with a network of its own has {scores.part} rows")
        return
    form = "{:.2%}" if scores.high_is_good else "{:.5g}"
    rows = [[f"{scores.name} of {len(scores.labels):,} groups", *QUARTILES]]
    for name, values in (("own network", scores.own), ("common network", scores.common)):
        quartiles = np.quantile(values, [*QUARTILES.values()])
        rows.append([name, *map(form.format, quartiles)])
    told.show(f"{scores.part} rows by {short(by)}", rows)
    better = int(scores.better.sum())
    told.say(f"better than the common network: {better:,} of {len(scores.labels):,} groups")
    order = np.argsort(scores.own if scores.high_is_good else -scores.own, kind="stable")[:WORST]
    worst = [["worst groups", "rows", f"{scores.part} rows", scores.name, "common network"]]
    for at in order.tolist():
        worst.append([
            short(scores.labels[at]), f"{scores.rows[at]:,}", f"{scores.tested[at]:,}",
            form.format(scores.own[at]), form.format(scores.common[at]),
        ])  # fmt: skip
    told.show("", worst)
    own, common = scores.total
    if own <= common if scores.high_is_good else own >= common:
        told.warn(
            f"train: expected networks of groups better than the common one on the {scores.part} "
            f"rows, got {scores.name} {form.format(own)} against {form.format(common)}; leave out "
            "--group-by, or raise --group-rows"
        )


def figure_of_groups(scores: GroupScores, by: str) -> Figure:
    """A figure of the groups' scores beside those of the common network, and their distribution."""
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2)
    by = short(by).replace("$", r"\$")
    area = 4 + 60 * scores.rows / max(1, scores.rows.max(initial=1))
    left.scatter(scores.common, scores.own, s=area, color=BLUE, alpha=0.5, linewidths=0,
                 rasterized=len(scores.own) > 2000)  # fmt: skip
    both = np.concatenate([scores.own, scores.common])
    if len(both):
        ends = [both.min(), both.max()]
        left.plot(ends, ends, color=ORANGE, lw=1.5, label="equally good")
        left.legend(loc="best")
    left.set(xlabel=f"{scores.name}, common network", ylabel=f"{scores.name}, own network")
    left.set_title(f"{scores.part.capitalize()} rows by {by}; areas show rows")
    for name, values, colour in (
        ("own network", scores.own, BLUE), ("common network", scores.common, ORANGE),
    ):  # fmt: skip
        right.step(np.sort(values), np.arange(1, len(values) + 1) / max(1, len(values)),
                   where="post", color=colour, label=name)  # fmt: skip
    right.set(xlabel=scores.name, ylabel="share of groups up to it", ylim=(0, 1.02))
    right.set_title("Distribution over groups")
    right.legend(loc="best")
    for ax in (left, right):
        ax.grid(alpha=0.3)
    return figure
