"""The machine that was measured, and how busy its lanes were."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..scheduling.worker import Part

UNITS = {"avx512f": "AVX-512", "avx2": "AVX2", "neon": "NEON"}


def line(machine: dict[str, Any]) -> str:
    """`describe` in one line."""
    unit = next((UNITS[u] for u in machine["vector_units"] if u in UNITS), "no vector units")
    threads = machine["threads"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']} ({machine['architecture']}, {unit}), "
        f"{threads} thread{'s' if threads > 1 else ''}; {versions}"
    )


class CountingPool(ThreadPoolExecutor):
    """Thread pool for `train_many` that counts lane ticks."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.lane_ticks = 0
        """Epochs that the kernel computed, times its lanes."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `function`, and count a chunk's ticks when it ends."""
        future = super().submit(function, *args, **kwargs)
        future.add_done_callback(self._count)
        return future

    def _count(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            part: Part = future.result()
            self.lane_ticks += part.lane_ticks
