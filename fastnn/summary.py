"""Statistics of many restarts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .status import Status

if TYPE_CHECKING:
    import pandas

QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def wilson_interval(
    successes: int, trials: int, z: float = 1.959963984540054
) -> tuple[float, float]:
    """The Wilson score interval of a proportion, 95 % for the default z.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927) 209–212.
    """
    p = successes / trials
    denominator = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / denominator
    half = z / denominator * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class Summary:
    """Many restarts in a few numbers; print it, or take it `as_dict`.

    Attributes
    ----------
    restarts : int
        How many were trained to their end.
    counts : dict of str to int
        How many ended with each status, by its name.
    success_rate : float or None
        The share that converged; None if there was no target.
    success_interval : (float, float) or None
        Its 95 % Wilson score interval.
    epochs : (5,) tuple of float or None
        Minimum, quartiles and maximum of the epochs of the restarts that converged, or of all if
        there was no target; None if there are none.
    loss : (5,) tuple of float or None
        Minimum, quartiles and maximum of the finite final losses.
    loss_name : str
        What the loss is called.
    """

    restarts: int
    counts: dict[str, int]
    success_rate: float | None
    success_interval: tuple[float, float] | None
    epochs: tuple[float, ...] | None
    loss: tuple[float, ...] | None
    loss_name: str = "SSE"

    @property
    def sse(self) -> tuple[float, ...] | None:
        """The same of the sums of squared errors; None if the loss is another."""
        return self.loss if self.loss_name == "SSE" else None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain Python values."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"restarts     {self.restarts:,}"]
        for name, count in self.counts.items():
            if count:
                share = count / max(1, sum(self.counts.values()))
                lines.append(f"  {name.lower().replace('_', ' '):<12} {count:>13,}  {share:7.2%}")
        if self.success_rate is not None and self.success_interval is not None:
            low, high = self.success_interval
            lines.append(
                f"success rate {self.success_rate:.2%} (95% interval {low:.2%} to {high:.2%})"
            )
        whose = "" if self.success_rate is None else " to converge"
        if self.epochs is not None:
            lines.append(f"epochs{whose}: " + _five(self.epochs, "{:,.0f}"))
        if self.loss is not None:
            lines.append(f"final {self.loss_name}: " + _five(self.loss, "{:.6g}"))
        return "\n".join(lines)


def _five(values: tuple[float, ...], form: str) -> str:
    low, first, median, third, high = (form.format(value) for value in values)
    return f"median {median}, quartiles {first} to {third}, range {low} to {high}"


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
) -> Summary:
    """The summary of restarts given column by column, of which some may not have been kept."""
    counts = np.bincount(status, minlength=len(Status))
    trained = len(status) - int(counts[Status.NOT_RUN])
    converged = int(counts[Status.CONVERGED])
    rated = has_target and trained > 0
    ended = status != Status.NOT_RUN
    return Summary(
        restarts=trained,
        counts={member.name: int(counts[member]) for member in Status},
        success_rate=converged / trained if rated else None,
        success_interval=wilson_interval(converged, trained) if rated else None,
        epochs=None
        if epochs is None
        else _quartiles(epochs[status == Status.CONVERGED if has_target else ended]),
        loss=None if loss is None else _quartiles(loss[ended & np.isfinite(loss)]),
        loss_name=loss_name,
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
