"""The columns of many runs: checked whenever they are set, and read-only."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..job.job import Job
from ..job.keep import COLUMNS, result_columns
from ..spec.network import Network
from ..spec.status import StatusCodes
from ..support.checks import shown
from .censoring import CutOff
from .statistics import Statistics


class RunColumns:
    """Restarts of a job, column by column, and the restarts cut off by a run's end."""

    job: Job
    indices: np.ndarray
    statistics: Statistics | None
    cut: CutOff
    _columns: dict[str, np.ndarray]

    def __init__(
        self,
        job: Job,
        indices: np.ndarray,
        *,
        status: np.ndarray,
        loss: np.ndarray | None = None,
        epochs: np.ndarray | None = None,
        parameters: np.ndarray | None = None,
        state: np.ndarray | None = None,
        statistics: Statistics | None = None,
        cut: CutOff | None = None,
    ) -> None:
        if not (isinstance(job, Job) and job.is_sound):
            raise TypeError(f"job: expected the job of a run, got {shown(job)}")
        if not isinstance(statistics, Statistics | None):
            raise TypeError(f"statistics: expected fastnn.Statistics, got {shown(statistics)}")
        if not isinstance(cut, CutOff | None):
            raise TypeError(f"cut: expected a CutOff or None, got {shown(cut)}")
        given = {"loss": loss, "epochs": epochs, "status": status, "parameters": parameters,
                 "state": state}  # fmt: skip
        own, columns = result_columns(job, indices, given)
        vars(self).clear()
        vars(self).update(
            job=job, indices=own, statistics=statistics, cut=cut or CutOff.none(), _columns=columns
        )

    def __getstate__(self) -> dict[str, Any]:
        own = {name: vars(self)[name] for name in ("job", "indices", "statistics", "cut")}
        return own | self._columns

    def __setattr__(self, name: str, value: Any) -> None:
        """Check assigned content like the original content."""
        given = self.__getstate__()
        if name not in {*given, *COLUMNS}:
            raise AttributeError(f"{name}: expected the name of a column, got something else")
        RunColumns.__init__(self, **given | {name: value})

    @property
    def network(self) -> Network:
        """The network."""
        return self.job.net

    @property
    def loss(self) -> np.ndarray:
        """The loss at the end."""
        return self._kept("loss")

    @property
    def epochs(self) -> np.ndarray:
        """Updates made."""
        return self._kept("epochs")

    @property
    def status(self) -> np.ndarray:
        """The status with which each restart ended."""
        return self._columns["status"].view(StatusCodes)

    @property
    def parameters(self) -> np.ndarray | None:
        """The parameters at the end, or None if they were not kept."""
        return self._columns.get("parameters")

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All columns that were kept, by name; "state" is for `continue_from`."""
        return self._columns.copy()

    @property
    def cut_off(self) -> int:
        """Number of restarts in progress when the run ended early."""
        return self.cut.at_work

    def _kept(self, name: str) -> np.ndarray:
        if name not in self._columns:
            raise ValueError(
                f"{name}: not kept in these results; train with a keep= that includes {name!r}"
            )
        return self._columns[name]
