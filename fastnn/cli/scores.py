"""The scores of a trained model: on every part of the rows, by folds, and by permuted inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..results.model import Model
from ..tabular.encoding import Column
from ..tabular.metrics import Errors, Rates, confusion
from ..tabular.target import Target, folds, split
from .fitting import Fit, Split
from .report import PRINTED, confusion_rows, errors_rows, figure_of, rates_text, short
from .told import Told
from .verdicts import Tried, doubts_of_classes, doubts_of_fit, doubts_of_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INTERVAL = 0.9
REPEATS = 5
"""Permutations of each input."""
MOST_ROWS = 10_000
"""Rows whose predictions with a permuted input are scored."""
PERMUTED = 2**64 - 2
"""Second word of the random numbers' key for permuting inputs."""


def predicted(model: Model, X: np.ndarray) -> np.ndarray:
    """Positions of classes (n,), or numbers (n, targets)."""
    if model.classes is None:
        return model.evaluate(X)
    places: np.ndarray = model.scores(X).argmax(axis=1)
    return places


def tell_scores(told: Told, found: Fit, X: np.ndarray, target: Target, parts: Split,
                tried: Tried) -> None:  # fmt: skip
    """Tell the scores of all parts, and doubts."""
    for doubt in doubts_of_fit(found, parts, tried):
        told.warn(doubt)
    named = parts.named()
    guesses = {name: predicted(found.model, X[rows]) for name, rows in named.items()}
    last = [*named][-1]
    doubts: list[str] = []
    if target.classes is None:
        mean = target.values[parts.train].mean(axis=0)
        listed = [(name, target.values[rows], guesses[name]) for name, rows in named.items()]
        told.show("", errors_rows(target.names, listed, mean))
        for j, name in enumerate(target.names):
            columns = {part: (true[:, j], guess[:, j]) for part, true, guess in listed}
            doubts += doubts_of_numbers(name, columns, float(mean[j]), tried)
        _tell_intervals(told, found.model, X, target, parts)
    else:
        n_classes = len(target.classes)
        counts = {
            name: confusion(target.values[rows], guesses[name], n_classes)
            for name, rows in named.items()
        }
        common = int(np.bincount(target.values[parts.train], minlength=n_classes).argmax())
        told.say(rates_text(counts, target.classes, common))
        told.show(f"{last} rows", confusion_rows(counts[last], target.classes))
        doubts += doubts_of_classes(counts, common, target.classes, tried)
    for doubt in doubts:
        told.warn(doubt)


def _tell_intervals(told: Told, model: Model, X: np.ndarray, target: Target, parts: Split) -> None:
    """Tell which share of the test values are in the intervals that should hold nine of ten."""
    known = 0 if model.residuals is None else len(model.residuals)
    if not len(parts.test) or known < INTERVAL / (1 - INTERVAL):
        return
    low, high = model.predict(X[parts.test], interval=INTERVAL)
    true = target.values[parts.test]
    held = ((low <= true) & (true <= high)).mean(axis=0)
    shares = ", ".join(
        f"{share:.2%}" if len(held) == 1 else f"{share:.2%} of {short(name)}"
        for name, share in zip(target.names, held, strict=True)
    )
    least, most = usual_shares(known, len(true), INTERVAL)
    told.say(f"\n{INTERVAL:.0%} intervals, from the errors on {known:,} validation rows, hold "
             f"{shares} of the {len(true):,} test rows; with so many, {least:.0%} to {most:.0%} "
             "is usual")  # fmt: skip


def usual_shares(known: int, tested: int, interval: float) -> tuple[float, float]:
    """Shares of test rows that intervals hold in about 19 of 20 files: two deviations to each side.

    The number of rows that intervals from `known` errors hold is beta-binomial (V. Vovk,
    "Conditional validity of inductive conformal predictors", Machine Learning 92 (2013) 349–376).
    """
    inside = np.ceil((known + 1) * interval)
    share = inside / (known + 1)
    variance = share * (1 - share) * (known + 1 + tested) / (tested * (known + 2))
    spread = 2 * float(np.sqrt(variance))
    return max(0.0, float(share) - spread), min(1.0, float(share) + spread)


def score_of(target: Target, true: np.ndarray, guess: np.ndarray, weighted: bool) -> float:
    """The share right, or the balanced accuracy with weights; the mean R² of numbers."""
    if target.classes is None:
        pairs = zip(true.T, guess.T, strict=True)
        return float(np.mean([Errors.of(one, other, one.mean()).r2 for one, other in pairs]))
    rates = Rates.of(confusion(true, guess, len(target.classes)))
    return rates.balanced if weighted else rates.accuracy


def _score_name(target: Target, weighted: bool) -> str:
    if target.classes is None:
        return "R²"
    return "balanced accuracy" if weighted else "share right"


def importance_rows(
    model: Model,
    X: np.ndarray,
    target: Target,
    rows: np.ndarray,
    columns: Sequence[Column],
    seed: int,
    weighted: bool,
) -> list[list[str]]:
    """A table of the columns by how much worse the score is when their cells are permuted.

    All inputs that a column becomes are permuted alike.
    """
    key = np.array([seed, PERMUTED], dtype=np.uint64)
    random = np.random.Generator(np.random.Philox(key=key))
    if len(rows) > MOST_ROWS:
        rows = random.permutation(rows)[:MOST_ROWS]
    given, true = X[rows], target.values[rows]
    before = score_of(target, true, predicted(model, given), weighted)
    drops = np.zeros((len(columns), REPEATS))
    ends = np.cumsum([len(column.inputs) for column in columns])
    for j, repeat in np.ndindex(drops.shape):
        inputs = slice(ends[j] - len(columns[j].inputs), ends[j])
        changed = given.copy()
        changed[:, inputs] = given[random.permutation(len(given)), inputs]
        drops[j, repeat] = before - score_of(target, true, predicted(model, changed), weighted)
    order = np.argsort(-drops.mean(axis=1), kind="stable")
    told = [["column permuted", f"loss of {_score_name(target, weighted)}", "deviation"]]
    for j in order[:PRINTED]:
        told.append([short(columns[j].name), f"{drops[j].mean():.4f}", f"{drops[j].std():.4f}"])
    left = len(order) - PRINTED
    return [*told, [f"and {left:,} more columns", "", ""]] if left > 0 else told


def fold_splits(target: Target, count: int, validation: float, seed: int) -> Iterator[Split]:
    """Yield a split for each fold, which tests; the others train and validate."""
    every = np.arange(len(target.values))
    for tested in folds(target, count, seed):
        rest = np.setdiff1d(every, tested)
        trained, validated, _ = split(
            replace(target, values=target.values[rest]), validation, 0.0, seed
        )
        yield Split(rest[trained], rest[validated], tested)


def cross_validation_rows(
    target: Target, fits: Iterator[tuple[Split, np.ndarray, Fit]]
) -> tuple[list[list[str]], BaseException | None]:
    """A table of the scores of every fold, with their mean; and what ended it early.

    `fits` yields the rows of each fold, the inputs of all rows, and what was trained on them.
    """
    if target.classes is None:
        alone = len(target.names) == 1  # errors in different units have no mean
        head = ["R²", "RMSE", "RMSE of the mean"] if alone else ["mean R²"]
    else:
        head = ["right", "right if always the commonest", "balanced accuracy"]
    form = "{:.5g}" if target.classes is None else "{:.2%}"
    rows = [["fold", "rows", *head]]
    scores: list[list[float]] = []
    ended: BaseException | None = None
    try:
        for parts, X, found in fits:
            if found.interrupted:
                raise KeyboardInterrupt
            true, guess = target.values[parts.test], predicted(found.model, X[parts.test])
            scores.append(_scores(target, true, guess, target.values[parts.train]))
            cells = map(form.format, scores[-1])
            rows.append([str(len(scores)), f"{len(parts.test):,}", *cells])
    except (KeyboardInterrupt, RuntimeError, ValueError) as error:  # the model is saved already
        ended = error
    if scores:
        for name, numbers in (
            ("mean", np.mean(scores, axis=0)),
            ("deviation", np.std(scores, axis=0)),
        ):
            rows.append([name, "", *map(form.format, numbers)])
    return rows, ended


def _scores(
    target: Target, true: np.ndarray, guess: np.ndarray, trained: np.ndarray
) -> list[float]:
    if target.classes is None:
        every = [
            Errors.of(true[:, j], guess[:, j], float(trained[:, j].mean()))
            for j in range(true.shape[1])
        ]
        if len(every) == 1:
            return [every[0].r2, every[0].rmse, every[0].constant_rmse]
        return [float(np.mean([errors.r2 for errors in every]))]
    common = int(np.bincount(trained).argmax())
    rates = Rates.of(confusion(true, guess, len(target.classes)), common)
    return [rates.accuracy, rates.share, rates.balanced]


def figure_of_fit(found: Fit, X: np.ndarray, target: Target, parts: Split, judged: str) -> Figure:
    """The figure of the last part's predictions, and of the losses of all restarts."""
    part, rows = [*parts.named().items()][-1]
    losses = (found.losses, judged, found.loss, "chosen")
    return figure_of(target, part, target.values[rows], predicted(found.model, X[rows]), losses)
