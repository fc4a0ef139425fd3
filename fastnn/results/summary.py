"""Statistics of many restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spec.status import Status
from ..support.advice import REMEDY
from ..support.guesses import Guessed
from .censoring import CutOff, wilson_interval
from .summary_text import five_numbers, how_sure

if TYPE_CHECKING:
    import pandas

QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Summary(Guessed):
    """Summary of many restarts in a few numbers; print it, or use `as_dict`.

    Attributes
    ----------
    restarts : int
        Number of restarts trained to their end.
    counts : dict of str to int
        Number of restarts that ended with each status, by its name.
    success_rate : float or None
        Share of restarts that converged; None if there was no target.
    success_interval : (float, float) or None
        The 95 % Wilson score interval of the success rate.
    epochs : (5,) tuple of float or None
        Minimum, quartiles and maximum of the epochs of the restarts that converged, or of all if
        there was no target; None if there are none.
    loss : (5,) tuple of float or None
        Minimum, quartiles and maximum of the finite final losses of those that ended.
    loss_name : str
        The name of the loss.
    cut_off : int
        Number of restarts still in progress when the run ended early.  The restarts that ended are
        then mostly short ones; the success rate and the quartiles of epochs are Kaplan and Meier's
        estimates, which account for that (`Statistics.success_rate`).
    followed : int or None
        The last epoch that any restart reached, if some were cut off; the success rate is the share
        that converged by then.
    accounted : bool
        True if all restarts that were started have ended or are counted as cut off.  If some are
        missing, as in a folder that is being written, there is no interval.
    """

    restarts: int
    counts: dict[str, int]
    success_rate: float | None
    success_interval: tuple[float, float] | None
    epochs: tuple[float, ...] | None
    loss: tuple[float, ...] | None
    loss_name: str = "SSE"
    cut_off: int = 0
    followed: int | None = None
    accounted: bool = True

    @property
    def sse(self) -> tuple[float, ...] | None:
        """The same for the sum of squared errors; None if the loss is another."""
        return self.loss if self.loss_name == "SSE" else None

    def as_dict(self) -> dict[str, Any]:
        """Convert the summary to plain Python values."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"restarts     {self.restarts:,}"]
        for name, count in self.counts.items():
            if count:
                share = count / max(1, sum(self.counts.values()))
                lines.append(f"  {name.lower().replace('_', ' '):<12} {count:>13,}  {share:7.2%}")
        if 2 * self.counts[Status.DIVERGED.name] > self.restarts:
            lines.append(f"  most diverged: {REMEDY}")
        if self.cut_off:
            lines.append(f"cut off      {self.cut_off:,} in progress when the run ended")
        if self.success_rate is not None:
            lines.append(f"success rate {self.success_rate:.2%}{how_sure(self)}")
        whose = "" if self.success_rate is None else " to converge"
        if self.epochs is not None:
            lines.append(f"epochs{whose}: " + five_numbers(self.epochs, "{:,.0f}"))
        if self.loss is not None:
            whose = " of those that ended" if self.cut_off or not self.accounted else ""
            lines.append(f"final {self.loss_name}{whose}: " + five_numbers(self.loss, "{:.6g}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The summary in a notebook."""
        from .html import summary_html

        return summary_html(self)


def _quartiles(values: np.ndarray) -> tuple[float, ...] | None:
    if not len(values):
        return None
    return tuple(float(q) for q in np.quantile(values.astype(np.float64), QUARTILES))


def summarize(
    loss: np.ndarray | None,
    epochs: np.ndarray | None,
    status: np.ndarray,
    *,
    has_target: bool,
    loss_name: str,
    cut: CutOff | None = None,
) -> Summary:
    """Summarize restarts given column by column; some columns may not have been kept.

    `cut` holds the restarts cut off by the run's end; None if there are none.
    """
    cut = CutOff.none() if cut is None else cut
    counts = np.bincount(status, minlength=len(Status))
    trained = len(status) - int(counts[Status.NOT_RUN])
    converged = int(counts[Status.CONVERGED])
    ended = status != Status.NOT_RUN
    counted = status == Status.CONVERGED if has_target else ended
    rate = converged / trained if has_target and trained else None
    five = None if epochs is None else _quartiles(epochs[counted])
    interval, followed = None, None
    if not len(cut.epochs):
        if rate is not None and cut.accounted:
            interval = wilson_interval(converged, trained)
    elif epochs is None:  # then those that ended say nothing about the others
        rate = None
    else:
        found = cut.incidence(epochs[ended], status[ended], only_converged=has_target)
        assert found is not None
        followed = found.followed
        rate = found.rate if has_target else None
        interval = found.interval if has_target and cut.accounted else None
        five = found.quartiles(QUARTILES)
    return Summary(
        restarts=trained,
        counts={member.name: int(counts[member]) for member in Status},
        success_rate=rate,
        success_interval=interval,
        epochs=five,
        loss=None if loss is None else _quartiles(loss[ended & np.isfinite(loss)]),
        loss_name=loss_name,
        cut_off=cut.at_work,
        followed=followed,
        accounted=cut.accounted,
    )


def frame_of(indices: np.ndarray, columns: Mapping[str, np.ndarray]) -> pandas.DataFrame:
    """Loss, epochs and status, as far as they were kept, as a pandas frame."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_frame() needs pandas: pip install pandas") from error
    kept: dict[str, Any] = {name: columns[name] for name in ("loss", "epochs") if name in columns}
    names = [status.name for status in Status]
    kept["status"] = pandas.Categorical.from_codes(columns["status"], categories=names)
    return pandas.DataFrame(kept, index=pandas.Index(indices, name="restart"))
