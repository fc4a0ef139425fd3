"""Doubts about a model: what its scores say that a single good-looking number hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..results.verdict import is_worse_than
from ..spec.status import Status
from ..tabular.metrics import Errors, Rates
from .fitting import Fit, Split
from .report import short

FEW_ROWS = 30
"""Fewer rows than this choose among many restarts by luck."""
ERRORS = 2.0
"""Standard errors by which one score must differ from another to count."""
LEAST_DROP, LEAST_DROP_OF_R2 = 0.05, 0.2
"""Differences of accuracies, and of R², that do not count anyway."""
LARGEST_RATIO = 0.9
"""Ratio of an RMSE to that of the mean which counts if most rows agree."""
SKEWED = 1.5
"""Ratio of mean and median above which logarithms of positive numbers may be easier to learn."""
LISTED = 5


@dataclass(frozen=True)
class Tried:
    """The means that a training has used, so that a doubt about it advises others.

    Attributes
    ----------
    optimizer : str
    penalty : str, optional
        The option with a penalty that is left to try.
    hidden : bool
        True if there are hidden units, of which fewer could do.
    weighted : bool
        True if classes have weights: then the balanced accuracy counts, not the accuracy.
    log : bool
        True if the logarithms of the target trained.
    """

    optimizer: str
    penalty: str | None = None
    hidden: bool = True
    weighted: bool = False
    log: bool = False

    def ways(self, *more: str) -> str:
        """The ways to a better model that are left, then `more` of them, in words."""
        other = "rprop" if self.optimizer == "lbfgs" else "lbfgs"
        every = ["other columns", "more rows", f"another --optimizer, such as {other}", *more]
        return f"try {any_of(every)}"

    def simpler(self) -> list[str]:
        """The ways to a simpler network that are left."""
        return ["fewer --hidden units"] if self.hidden else []


def any_of(ways: Sequence[str]) -> str:
    """A list of alternatives in words."""
    *first, last = ways
    return f"{', '.join(first)} or {last}"


def doubts_of_fit(found: Fit, parts: Split, tried: Tried) -> Iterator[str]:
    """Yield doubts about how the restart was chosen."""
    validated = len(parts.validation) > 0
    what = None
    if found.status == Status.DIVERGED:
        what = "a loss that stays finite, got a chosen restart that diverged"
    elif is_worse_than(found.loss, found.constant):
        rows = "validation" if validated else "training"
        what = f"better predictions of the {rows} rows than their mean, got worse ones"
    if what is not None:
        yield f"train: expected {what}; {tried.ways(*tried.simpler())}"
    held, restarts = len(parts.validation), len(found.losses)
    if validated and held < FEW_ROWS and restarts > held:
        yield (
            f"train: expected at least {FEW_ROWS} validation rows to choose one of {restarts:,} "
            f"restarts, got {held}, which choose by luck; use more rows, a larger --validation or "
            "fewer --restarts, and trust only the test rows"
        )


def doubts_of_classes(
    counts: dict[str, np.ndarray], common: int, classes: np.ndarray, tried: Tried
) -> Iterator[str]:
    """Yield doubts about predicted classes.

    Parameters
    ----------
    counts : dict
        The confusion matrix of each part, by its name; the last is judged.
    common : int
        The commonest class of the training rows.
    tried : Tried
        With weights of classes, the balanced accuracy counts, not the accuracy.
    """
    part = [*counts][-1]
    rates = {name: Rates.of(matrix, common) for name, matrix in counts.items()}
    last = rates[part]
    present = counts[part].sum(axis=1) > 0
    never = np.flatnonzero(present & (counts[part].sum(axis=0) == 0))
    if len(never):
        names = ", ".join(
            f"{short(classes[i])} ({counts[part][i].sum():,} rows)" for i in never[:LISTED]
        )
        more = f" and {len(never) - LISTED} more" if len(never) > LISTED else ""
        way = "other columns or more rows" if tried.weighted else "--balanced or --class-weight"
        yield (
            f"train: expected every class among the predictions of the {part} rows, got none of "
            f"{names}{more}; try {way}"
        )
    chance = 1 / np.count_nonzero(present)
    tells_apart = last.balanced - chance > ERRORS * _noise(counts[part])
    if tried.weighted:
        if present.sum() > 1 and not tells_apart:
            yield (
                f"train: expected a balanced accuracy of the {part} rows clearly above the "
                f"{chance:.2%} of a constant, got {last.balanced:.2%}; {tried.ways()}"
            )
    elif last.gain <= ERRORS * last.noise:
        verdict = (
            f"the model tells the classes apart, by a balanced accuracy of {last.balanced:.2%} in "
            f"place of {chance:.2%}, but not well enough for more; --balanced finds more of the "
            "rare ones"
            if tells_apart and last.rows >= FEW_ROWS
            else f"{_worth(last.rows)} more than that constant; "
            f"{tried.ways('--balanced if rare classes matter')}"
        )
        yield (
            f"train: expected clearly more of the {part} rows right than the {last.share:.2%} of "
            f"always {short(classes[common])}, got {last.accuracy:.2%}: {verdict}"
        )
    if part == "test" and "validation" in rates:
        chosen = rates["validation"]
        variances = (r.accuracy * (1 - r.accuracy) / r.rows for r in (chosen, last))
        least = max(LEAST_DROP, ERRORS * float(np.sqrt(sum(variances))))
        if chosen.accuracy - last.accuracy > least:
            yield _drop(f"{last.accuracy:.2%} right", f"{chosen.accuracy:.2%}", chosen.rows, tried)


def doubts_of_numbers(
    name: str,
    parts: dict[str, tuple[np.ndarray, np.ndarray]],
    constant: float,
    tried: Tried,
) -> Iterator[str]:
    """Yield doubts about predicted numbers of a target.

    Parameters
    ----------
    parts : dict
        For each part, by its name, the true and predicted values (n,); the last is judged.
    constant : float
        The mean of the training rows.
    tried : Tried
    """
    part = [*parts][-1]
    true, predicted = parts[part]
    errors = Errors.of(true, predicted, constant)
    if not _is_better(true, predicted, constant, errors):
        more = [*tried.simpler(), *([tried.penalty] if tried.penalty else [])]
        if not tried.log and true.min() > 0 and true.mean() > SKEWED * np.median(true):
            more.append("--log-target")
        yield (
            f"train: expected an RMSE of {short(name)} on the {part} rows clearly below the "
            f"{errors.constant_rmse:.5g} of the mean, got {errors.rmse:.5g}: {_worth(len(true))} "
            f"more than that constant; {tried.ways(*more)}"
        )
    if part == "test" and "validation" in parts:
        r2, chosen = (Errors.of(*parts[of], constant).r2 for of in ("test", "validation"))
        if chosen - r2 > LEAST_DROP_OF_R2:
            yield _drop(f"R² {r2:.4f} of {short(name)}", f"{chosen:.4f}",
                        len(parts["validation"][0]), tried)  # fmt: skip


def _is_better(true: np.ndarray, predicted: np.ndarray, constant: float, errors: Errors) -> bool:
    """Return whether predictions are clearly better than the mean, by two standard errors.

    That of the squared errors or, if the RMSE is a tenth below, that of the signed ranks of the
    absolute errors beside those of the median (F. Wilcoxon, Biometrics Bulletin 1 (1945) 80–83):
    a few large values decide over the squares of skewed numbers, not over ranks.
    """
    rough, error = true - constant, true - predicted
    # Relative to the largest, since squares of small numbers underflow.
    largest = max(float(np.abs([rough, error]).max()), np.finfo(np.float64).tiny)
    gain = (rough / largest) ** 2 - (error / largest) ** 2
    if gain.mean() > ERRORS * gain.std() / np.sqrt(len(gain)):
        return True
    closer = np.abs(true - np.median(true)) - np.abs(error)
    ranks = np.abs(closer).argsort(kind="stable").argsort(kind="stable") + 1.0
    noise = float(np.sqrt(np.square(ranks).sum()))
    is_closer = bool(np.sign(closer) @ ranks > ERRORS * noise)
    return is_closer and errors.rmse < LARGEST_RATIO * errors.constant_rmse


def _worth(rows: int) -> str:
    if rows < FEW_ROWS:
        return f"{rows} rows are too few to tell whether this model is worth"
    return "this model is hardly worth"


def _drop(test: str, validation: str, rows: int, tried: Tried) -> str:
    ways = any_of(["a larger --validation", "fewer --restarts", *tried.simpler()])
    return (
        f"train: expected about the validation score {validation} on the test rows, got {test}: "
        f"the {rows:,} validation rows chose the restart, so their score is too good; trust the "
        f"test rows, or use {ways}"
    )


def _noise(counts: np.ndarray) -> float:
    """The standard error of a balanced accuracy."""
    of_class = counts.sum(axis=1)
    counted = of_class > 0
    recall = np.diag(counts)[counted] / of_class[counted]
    return float(np.sqrt((recall * (1 - recall) / of_class[counted]).sum()) / counted.sum())
