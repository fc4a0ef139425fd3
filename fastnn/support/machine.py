"""The machine, and the resources that this process may use."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from .version import NUMERICS_VERSION, __version__


def available_threads() -> int:
    """Number of CPUs that this process may use, by its affinity and its container's limit."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not available on every system
        cpus = os.cpu_count() or 1
    limit = _limit_of(_container_limit, int(time.monotonic()))
    return cpus if limit is None else max(1, min(cpus, int(limit)))


@lru_cache(maxsize=1)
def _limit_of(read: Callable[[], float | None], second: int) -> float | None:
    """The container's limit, cached for a second of the clock: reading it takes 0.25 ms."""
    return read()


def _container_limit(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float | None:
    """The CPUs that the control groups of this process allow, or None if they set no limit."""
    limits = []
    groups = {Path()}
    try:
        for line in own.read_text().splitlines():
            path = Path(line.split(":", 2)[2].lstrip("/"))
            groups.update([path, *path.parents])
    except (OSError, IndexError):
        pass
    for group in groups:
        try:  # version 2
            quota, period = (root / group / "cpu.max").read_text().split()
            if quota != "max":
                limits.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            pass
        try:  # version 1
            folder = root / "cpu" / group
            quota_us = int((folder / "cpu.cfs_quota_us").read_text())
            if quota_us > 0:
                limits.append(quota_us / int((folder / "cpu.cfs_period_us").read_text()))
        except (OSError, ValueError, ZeroDivisionError):
            pass
    return min(limits, default=None)


def physical_memory() -> float:
    """Bytes of memory of this machine; infinite if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf


def describe() -> dict[str, Any]:
    """Processor, threads and versions, as JSON values."""
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
    """The processor's name as it reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
