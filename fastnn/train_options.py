"""Types of the arguments of `train_many`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal, TypedDict

from numpy.typing import ArrayLike, DTypeLike

from .job.keep import Best
from .optimizers import Optimizer
from .results.runs import Runs
from .rules.common import Rule
from .spec.grid import Grid
from .spec.losses import Penalized
from .spec.sample_weights import Bootstrap, KFold

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
    validation: tuple[ArrayLike, ArrayLike] | None
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
    continue_from: Runs | None
