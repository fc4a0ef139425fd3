"""Types of the arguments of `train_many`, and checks of those that change no bit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .job.job import Job
from .job.keep import Best
from .optimizers import Optimizer
from .results.again import HISTORY_LIMIT
from .results.runs import Runs
from .rules.common import Rule
from .spec.grid import Grid
from .spec.losses import Penalized
from .spec.sample_weights import Bootstrap, KFold
from .support.checks import integer, real_array, shown

MOST_SECONDS = 10.0**9

Rows = Literal["all", "parameters", "outcomes"] | list[str] | tuple[str, ...] | Best
"""Values of `keep` that leave a row for every restart, or for the best."""
Folder = str | os.PathLike[str]


class Options(TypedDict, total=False):
    """The arguments that do not decide the type of the result."""

    restarts: int | None
    optimizer: Optimizer | type[Optimizer] | str | None
    loss: Penalized | type[Penalized] | str | None
    epochs: int
    target_sse: float | None
    stop: Rule | Sequence[Rule] | None
    validation: tuple[Any, ...] | None
    batch_size: int | None
    shuffle: bool
    sample_weight: ArrayLike | Bootstrap | KFold | None
    seed: int
    init: Any
    dtype: DTypeLike
    first: int
    resume: bool
    threads: int | None
    executor: Executor | None
    chunk: int | None
    time_limit: float | None
    progress: bool | None
    parallel: str
    grid: Grid | None
    groups: Any
    continue_from: Runs | None


def checked_seconds(time_limit: Any) -> float | None:
    """Check `time_limit`: a positive number, or None."""
    if time_limit is None:
        return None
    array = real_array("time_limit", time_limit)
    if array.ndim or not array > 0 or isinstance(time_limit, bool | np.bool_):
        raise ValueError(f"time_limit: expected a positive number, got {shown(time_limit)}")
    return min(float(array), MOST_SECONDS)


def history_interval(history: Any, job: Job) -> int:
    """Epochs between recorded losses; 0 for none."""
    every = int(history) if isinstance(history, bool | np.bool_) else integer("history", history, 1)
    size = (job.epochs // every + 1) * job.dtype.itemsize if every else 0
    if size > HISTORY_LIMIT:
        raise ValueError(
            f"history: {job.epochs} epochs would take {size / 2**30:.1f} GiB; use False or an "
            f"interval of at least {-(-job.epochs * job.dtype.itemsize // HISTORY_LIMIT)}"
        )
    return every
