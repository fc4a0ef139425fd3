"""Doubts about a model: what its scores say that a single good-looking number hides."""

from __future__ import annotations

from collections.abc import Iterator

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
LISTED = 5
_BETTER = "try other columns, more rows, or another --optimizer"


def doubts_of_fit(found: Fit, parts: Split) -> Iterator[str]:
    """Yield doubts about how the restart was chosen."""
    validated = len(parts.validation) > 0
    what = None
    if found.status == Status.DIVERGED:
        what = "a loss that stays finite, got a chosen restart that diverged"
    elif is_worse_than(np.nanmin(found.losses), found.constant):
        rows = "validation" if validated else "training"
        what = f"better predictions of the {rows} rows than their mean, got worse ones"
    if what is not None:
        yield (
            f"train: expected {what}; try another --optimizer, such as lbfgs, fewer "
            "--hidden units, or other columns"
        )
    held, restarts = len(parts.validation), len(found.losses)
    if validated and held < FEW_ROWS and restarts > held:
        yield (
            f"train: expected at least {FEW_ROWS} validation rows to choose one of {restarts:,} "
            f"restarts, got {held}, which choose by luck; use more rows, a larger --validation or "
            "fewer --restarts, and trust only the test rows"
        )


def doubts_of_classes(
    counts: dict[str, np.ndarray], common: int, classes: np.ndarray, weighted: bool
) -> Iterator[str]:
    """Yield doubts about predicted classes.

    Parameters
    ----------
    counts : dict
        The confusion matrix of each part, by its name; the last is judged.
    common : int
        The commonest class of the training rows.
    weighted : bool
        True if classes have weights: then the balanced accuracy counts, not the accuracy.
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
        way = "try other columns or more rows" if weighted else "try --balanced or --class-weight"
        yield (
            f"train: expected every class among the predictions of the {part} rows, got none of "
            f"{names}{more}; {way}"
        )
    if weighted:
        chance = 1 / np.count_nonzero(present)
        if present.sum() > 1 and last.balanced - chance <= ERRORS * _noise(counts[part]):
            yield (
                f"train: expected a balanced accuracy of the {part} rows clearly above the "
                f"{chance:.2%} of a constant, got {last.balanced:.2%}; {_BETTER}"
            )
    elif last.gain <= ERRORS * last.noise:
        yield (
            f"train: expected clearly more of the {part} rows right than the {last.share:.2%} of "
            f"always {short(classes[common])}, got {last.accuracy:.2%}: {_worth(last.rows)} more "
            f"than that constant; {_BETTER}, or --balanced if rare classes matter"
        )
    if part == "test" and "validation" in rates:
        chosen = rates["validation"]
        variances = (r.accuracy * (1 - r.accuracy) / r.rows for r in (chosen, last))
        least = max(LEAST_DROP, ERRORS * float(np.sqrt(sum(variances))))
        if chosen.accuracy - last.accuracy > least:
            yield _drop(f"{last.accuracy:.2%} right", f"{chosen.accuracy:.2%}", chosen.rows)


def doubts_of_numbers(
    name: str, parts: dict[str, tuple[np.ndarray, np.ndarray]], constant: float
) -> Iterator[str]:
    """Yield doubts about predicted numbers of a target.

    Parameters
    ----------
    parts : dict
        For each part, by its name, the true and predicted values (n,); the last is judged.
    constant : float
        The mean of the training rows.
    """
    part = [*parts][-1]
    true, predicted = parts[part]
    rough, error = true - constant, true - predicted
    # Relative to the largest, since squares of small numbers underflow.
    largest = max(float(np.abs([rough, error]).max()), np.finfo(np.float64).tiny)
    gain = (rough / largest) ** 2 - (error / largest) ** 2
    if gain.mean() <= ERRORS * gain.std() / np.sqrt(len(gain)):
        errors = Errors.of(true, predicted, constant)
        yield (
            f"train: expected an RMSE of {short(name)} on the {part} rows clearly below the "
            f"{errors.constant_rmse:.5g} of the mean, got {errors.rmse:.5g}: {_worth(len(true))} "
            f"more than that constant; {_BETTER}, fewer --hidden units, or --l2 auto"
        )
    if part == "test" and "validation" in parts:
        r2, chosen = (Errors.of(*parts[of], constant).r2 for of in ("test", "validation"))
        if chosen - r2 > LEAST_DROP_OF_R2:
            yield _drop(f"R² {r2:.4f} of {short(name)}", f"{chosen:.4f}",
                        len(parts["validation"][0]))  # fmt: skip


def _worth(rows: int) -> str:
    if rows < FEW_ROWS:
        return f"{rows} rows are too few to tell whether this model is worth"
    return "this model is hardly worth"


def _drop(test: str, validation: str, rows: int) -> str:
    return (
        f"train: expected about the validation score {validation} on the test rows, got {test}: "
        f"the {rows:,} validation rows chose the restart, so their score is too good; trust the "
        "test rows, or use a larger --validation, fewer --restarts or fewer --hidden units"
    )


def _noise(counts: np.ndarray) -> float:
    """The standard error of a balanced accuracy."""
    of_class = counts.sum(axis=1)
    counted = of_class > 0
    recall = np.diag(counts)[counted] / of_class[counted]
    return float(np.sqrt((recall * (1 - recall) / of_class[counted]).sum()) / counted.sum())
