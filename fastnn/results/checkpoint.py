"""The state from which runs are continued."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..job.build import Checkpoint
from ..support.checks import shown

if TYPE_CHECKING:
    from .runs import Runs


def checkpoint_of(runs: Runs, columns: dict[str, np.ndarray], restarts: int | None) -> Checkpoint:
    """The state after the last epochs of `runs`, some of whose `columns` it needs.

    Raises
    ------
    ValueError
        If columns or restarts are missing, or `restarts` is another number than theirs.
    """
    state, groups = columns.get("state"), runs.job.groups
    if runs.parameters is None or state is None or "epochs" not in columns:
        raise ValueError(
            "continue_from: expected results of keep='all', got results with fewer columns"
        )
    count = len(runs) if groups is None else groups.restarts
    if restarts is not None and restarts != count:
        raise ValueError(f"restarts: expected None or {count}, got {shown(restarts)}")
    if groups is not None and len(runs) != groups.total:
        raise ValueError(
            f"continue_from: expected all {groups.total} restarts of all groups, got "
            f"{len(runs)} of them"
        )
    if not len(runs) or (np.diff(runs.indices) != 1).any():
        raise ValueError(
            "continue_from: expected at least one restart and consecutive indices, got "
            f"{shown(runs.indices)}"
        )
    start = int(runs.indices[0]) - runs.job.first
    job = runs.job.isolate_range(start, start + count)  # each group has the same numbers
    first = job.first if groups is None else groups.begin
    return Checkpoint(
        runs.network, runs.parameters, state, runs.epochs, job.rules, job.optimizer,
        job.loss, job.seed, first, (job.X, job.y), (job.features, job.targets), groups,
    )  # fmt: skip
