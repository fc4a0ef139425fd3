"""State of a run of the suite: prepared contenders, and a slim record."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import json
import statistics
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import cpus
import earlier
import numpy as np
import pytest
from contenders import Contender, Train
from works import WORKS, Work, quick

import fastnn
from fastnn.support import machine

KEY: pytest.StashKey[Session] = pytest.StashKey()
RESULTS = Path(__file__).parent / "results"
MODULES = ("own", "earlier", "limit", "numpy_loop", "numpy_batched", "sklearn_mlp", "torch_batched",
           "jax_batched", "fann")  # fmt: skip
PEERS = ("scikit-learn", "torch", "jax", "jaxlib", "threadpoolctl", "pytest-benchmark")


@cache
def contenders() -> list[Contender]:
    """All contenders with an available module."""
    found = []
    for name in MODULES:
        try:
            found += importlib.import_module(f"contenders.{name}").CONTENDERS
        except ModuleNotFoundError as error:
            if error.name != f"contenders.{name}":
                raise
    return found


@cache
def pairs() -> list[tuple[Work, Contender]]:
    """All pairs of a work and a contender for it, works outermost."""
    taking_part = [c for c in contenders() if c.kind != "before" or earlier.process()]
    return [(work, c) for work in WORKS.values() for c in taking_part if work.key in c.restarts]


def reason(contender: Contender) -> str | None:
    """The reason why `contender` cannot take part, or None."""
    if contender.name not in _reasons:
        _reasons[contender.name] = contender.needs() or cpus.lacking(contender.threads)
    return _reasons[contender.name]


_reasons: dict[str, str | None] = {}


@cache
def expected(work: Work, restarts: int) -> tuple[np.ndarray, int, np.ndarray]:
    """The final SSEs of fastnn, on which all must agree, its total epochs, and the steady restarts.

    With a large learning rate, or in float32, some restarts are chaotic: rounding errors grow until
    the final SSE is another.  Nobody can agree on those, so a restart counts as steady there only
    if its own SSE hardly moves when its rate does, by some units in the last place.
    """
    runs = work.train(restarts)
    steady = np.isfinite(runs.loss)
    hardly = work.tolerance / (10 if work.dtype == "float32" else 100)
    if work.rates is not None or work.dtype == "float32":
        for nudge in (-4, -1, 1, 4):
            rates = work.learning_rates(restarts) * (1 + nudge * np.finfo(work.dtype).eps)
            moved = work.train(restarts, optimizer=fastnn.GradientDescent(rates)).loss
            steady &= np.abs(moved - runs.loss) <= hardly * runs.loss
        assert steady.mean() > 0.95
    return runs.loss, int(runs.epochs.sum()), steady


class Session:
    """Prepared calls, timed rows, other measurements, and omissions."""

    def __init__(self, cleared: dict[str, str], late: list[str]) -> None:
        self.cleared = cleared
        self.late = late
        self.prepared: dict[tuple[str, str], tuple[Train, float, float]] = {}
        self.turns: dict[tuple[str, str], list[list[float]]] = {}
        self.about: dict[tuple[str, str], dict[str, Any]] = {}
        self.measurements: dict[str, Any] = {}
        self.skipped: dict[str, dict[str, str]] = {}
        self.before: dict[str, Any] | None = None
        """The earlier fastnn that is compared with, if there is one."""

    def prepare(self, work: Work, contender: Contender) -> Train:
        """The checked call of `contender`; compiled and checked once."""
        key = work.key, contender.name
        if key not in self.prepared:
            restarts = contender.restarts[work.key]
            start = time.perf_counter()
            train = contender.prepare(work, restarts)
            ready = time.perf_counter()
            sse = np.asarray(train())
            first = time.perf_counter() - ready
            tolerance = contender.tolerance or work.tolerance
            loss, epochs, steady = expected(work, restarts)
            assert sse.shape == loss.shape
            np.testing.assert_allclose(
                sse[steady], loss[steady], rtol=tolerance, err_msg=contender.name
            )
            self.prepared[key] = train, ready - start, first
            self.about[key] = {
                "work": work.key, "contender": contender.name, "title": contender.title,
                "kind": contender.kind, "threads": contender.threads, "restarts": restarts,
                "epochs": epochs, "prepare_seconds": ready - start, "first_seconds": first,
                "compared": int(steady.sum()) if np.isfinite(tolerance) else 0,
                "largest_difference": float(np.max((np.abs(sse - loss) / loss)[steady])),
            }  # fmt: skip
            if note := getattr(train, "note", ""):
                self.about[key]["note"] = note
        return self.prepared[key][0]

    def release(self, work: Work, contender: Contender) -> None:
        """Forget a prepared call after its last turn."""
        self.prepared.pop((work.key, contender.name), None)

    def skip(self, name: str, title: str, reason: str) -> NoReturn:
        """Leave out a contender or a measurement, and say so in the report."""
        self.skipped[name] = {"title": title, "reason": reason}
        pytest.skip(f"{title}: {reason}")

    def add(self, work: Work, contender: Contender, seconds: list[float]) -> None:
        """Add the times of one turn."""
        self.turns.setdefault((work.key, contender.name), []).append(list(seconds))

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for each work and contender: ns per network and epoch over all turns."""
        for key, turns in self.turns.items():
            about = self.about[key]
            scale = 1e9 / about["epochs"]
            times = sorted(scale * seconds for turn in turns for seconds in turn)
            yield {
                **about,
                "ns": {
                    "min": times[0], "median": statistics.median(times), "max": times[-1],
                    "turns": [scale * statistics.median(turn) for turn in turns],
                },
                "rounds": len(times),
            }  # fmt: skip

    def record(self) -> dict[str, Any]:
        """The whole record, ready for JSON."""
        return {
            "machine": {**machine.describe(), "threads": len(cpus.ALL), **self._around()},
            "works": {key: work.title for key, work in WORKS.items()},
            "rows": list(self.rows()),
            "measurements": self.measurements,
            "skipped": self.skipped,
        }

    def _around(self) -> dict[str, Any]:
        versions = {}
        for name in PEERS:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {
            "peers": versions,
            "compiler": compiler(),
            "cleared": sorted(self.cleared),
            "imported_before": self.late,
            "before": self.before,
            "quick": quick(),
            "date": datetime.date.today().isoformat(),
        }


def compiler() -> str | None:
    """The first lines of the C++ compilers' versions."""
    from contenders.limit import compilers

    return "; ".join(about.splitlines()[0] for about in compilers().values()) or None


def save(record: dict[str, Any]) -> Path:
    """Write `record` next to pytest-benchmark's own file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / ("quick.json" if quick() else "record.json")
    path.write_text(as_lines(rounded(record)))
    return path


def as_lines(record: dict[str, Any]) -> str:
    """JSON with a line for each row of a table and for each entry of a part."""
    parts = []
    for name, part in record.items():
        is_list = isinstance(part, list)
        items = [
            json.dumps(item) if is_list else f"{json.dumps(item)}: {json.dumps(part[item])}"
            for item in part
        ]
        begin, end = "[]" if is_list else "{}"
        lines = ",\n  ".join(items)
        parts.append(f" {json.dumps(name)}: {begin}\n  {lines}\n {end}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def rounded(value: Any) -> Any:
    """`value` with numbers of five digits, which is more than a timing has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
