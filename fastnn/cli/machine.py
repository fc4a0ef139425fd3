"""The machine that numbers were measured on, and how busy its lanes were."""

from __future__ import annotations

import importlib.metadata
import platform
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..execution import available_threads
from ..job import NUMERICS_VERSION
from ..version import __version__


def describe() -> dict[str, Any]:
    """Processor, threads and versions, as JSON has it."""
    import llvmlite.binding

    features = llvmlite.binding.get_host_cpu_features()
    versions = {"fastnn": __version__, "python": platform.python_version()}
    for name in ("numpy", "numba", "llvmlite"):
        versions[name] = importlib.metadata.version(name)
    return {
        "processor": _processor(),
        "architecture": llvmlite.binding.get_host_cpu_name(),
        "vector_units": [u for u in ("avx512f", "avx2", "fma", "neon") if features.get(u)],
        "threads": available_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        "numerics_version": NUMERICS_VERSION,
    }


def _processor() -> str:
    """The processor's name as it gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


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
    """Threads for `train_many` that count how often all lanes moved on."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.lane_ticks = 0
        """Epochs that the kernel computed, times its lanes."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `function`; a chunk's ticks are counted when it ends."""
        future = super().submit(function, *args, **kwargs)
        future.add_done_callback(self._count)
        return future

    def _count(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            chunk = future.result()[0]
            self.lane_ticks += chunk.ticks * chunk.lanes
