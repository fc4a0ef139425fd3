"""Figures of a record: times, ratios turn by turn, and the reasons for missing figures."""

from __future__ import annotations

import statistics
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MANY, MANY_2, PROCESSES = "fastnn many", "fastnn many, 2 threads", "fastnn, 2 processes"
ONE, SAMPLES, SAMPLES_2 = "fastnn one", "fastnn samples", "fastnn samples, 2 threads"
TEXTBOOK, REFERENCE, LIMIT = "numpy textbook", "numpy reference", "limit"
VMAP, VMAP_STOPPING, UNROLLED = "jax scan", "jax while", "jax unrolled"
BEFORE = {
    MANY: "before many", ONE: "before one", SAMPLES: "before samples",
    "fastnn one, no history": "before one, no history",
}  # fmt: skip
"""The earlier fastnn's contender that does what ours does."""
OWN = {ONE, "fastnn one, no history", SAMPLES, MANY}
FAMILIES = {
    "NumPy": "numpy", "scikit-learn": "sklearn", "PyTorch": "torch", "JAX": "jax", "FANN": "fann",
}  # fmt: skip


class NoFigureError(Exception):
    """Error for a figure that needs something that this run has not measured."""


@dataclass(frozen=True)
class Ratio:
    """The ratio of the times of two contenders, over the turns."""

    median: float
    low: float
    high: float


class Figures:
    """The figures of a record."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.rows = {(row["work"], row["contender"]): row for row in record["rows"]}

    @property
    def has_512(self) -> bool:
        """Return whether the machine has AVX-512."""
        return "avx512f" in self.record["machine"]["vector_units"]

    def row(self, work: str, contender: str) -> dict[str, Any]:
        """The row of `contender` on `work`."""
        try:
            return self.rows[work, contender]
        except KeyError:
            left = self.record["skipped"].get(contender)
            why = f" ({left['reason']})" if left else ""
            raise NoFigureError(f"no {contender} on {work}{why}") from None

    def _why(self, *families: str) -> str:
        """The reasons why contenders of `families` were left out."""
        left = self.record["skipped"].items()
        reasons = {about["reason"] for name, about in left if name.startswith(families)}
        return f" ({'; '.join(sorted(reasons))})" if reasons else ""

    def ns(self, work: str, contender: str) -> float:
        """Median ns per network and epoch."""
        return self.row(work, contender)["ns"]["median"]

    def ratio(self, slow: tuple[str, str], fast: tuple[str, str]) -> Ratio:
        """The time of `slow` in times of `fast`; both are (work, contender)."""
        a, b = (self.row(*pair)["ns"]["turns"] for pair in (slow, fast))
        ratios = [x / y for x, y in zip(a, b, strict=False)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def own(self, work: str) -> str:
        """fastnn's fastest contender on one thread."""
        return self._fastest(work, lambda row: row["contender"] in OWN)

    def general(self, work: str) -> str:
        """fastnn's fastest contender on one thread with general kernels only."""
        return self._fastest(work, lambda row: row["contender"].endswith(", general"), "general")

    def best(self, work: str, *families: str) -> str:
        """The fastest contender on one thread whose name begins with one of `families`."""
        prefixes = tuple(families)
        return self._fastest(
            work,
            lambda row: row["threads"] == 1 and row["contender"].startswith(prefixes),
            *prefixes,
        )

    def _fastest(self, work: str, wanted: Any, *names: str) -> str:
        found = [row for (key, _), row in self.rows.items() if key == work and wanted(row)]
        if not found:
            who = " or ".join(names) or "fastnn"
            raise NoFigureError(f"no {who} on {work}{self._why(*names) if names else ''}")
        return min(found, key=lambda row: row["ns"]["median"])["contender"]

    @property
    def before(self) -> dict[str, Any]:
        """The earlier fastnn that this run compared with."""
        about = self.record["machine"].get("before")
        if about is None:
            raise NoFigureError("no earlier fastnn given (--before)")
        return about

    def times_as_fast(self, work: str, own: str | None = None) -> float:
        """The speed of ours in times of the earlier fastnn's."""
        _ = self.before
        own = own or self.own(work)
        return self.ratio((work, BEFORE[own]), (work, own)).median

    def broken_limits(self) -> dict[str, float]:
        """Works whose limit takes longer than fastnn, with the ratio."""
        found = {}
        for work, contender in self.rows:
            if contender != LIMIT:
                continue
            with suppress(NoFigureError):  # a run of a part may lack fastnn there
                ratio = self.ratio((work, LIMIT), (work, self.own(work))).median
                if ratio > 1:
                    found[work] = ratio
        return found

    def measurement(self, *path: str) -> Any:
        """A measurement in addition to the rows."""
        value = self.record["measurements"]
        for name in path:
            if name not in value:
                raise NoFigureError(f"{', '.join(path)} not measured")
            value = value[name]
        return value
