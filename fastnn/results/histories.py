"""Histories of chosen restarts, which are trained again for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.job import Job
from ..support.checks import integer
from ..support.suggestions import suggests
from .again import HISTORY_LIMIT
from .replay import asked_indices, replay
from .run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 20
"""Number of restarts that a figure shows unless others are asked for."""
MOST = 1_000_000
"""Maximum number of restarts whose histories are given together."""
POINTS = 2000
"""Approximate number of losses that a figure needs of each."""


class Replayed:
    """The base of results whose restarts can be trained again with their histories."""

    if TYPE_CHECKING:

        @property
        def job(self) -> Job: ...

        @property
        def best(self) -> Run: ...

    def _restarts(self) -> Any:
        """The indices of all restarts: an array, a range or a lazy column."""
        raise NotImplementedError

    def _ending_of(self, k: int) -> dict[str, Any]:
        """Epochs and status of restart k, if known; raises ValueError if it is not there."""
        raise NotImplementedError

    @suggests
    def histories(self, which: Any, *, every: int = 1) -> list[np.ndarray]:
        """The losses of chosen restarts, epoch by epoch.

        Results keep no histories, so these restarts are trained again, one after the other; every
        bit is the same.  `Runs.restart` gives a whole `Run`.

        Parameters
        ----------
        which : "best", "all", or array of int
            Indices k of restarts.
        every : int, default 1
            Only every n-th epoch.

        Returns
        -------
        list of arrays of the run's dtype, one for each restart
            As `Run.history`: the loss at the start of every n-th epoch, and of the epoch that would
            come next.  Their lengths differ, since restarts end after different epochs.

        Raises
        ------
        TypeError, ValueError
            If `which` is invalid or has an index that is not there, or if all the histories could
            exceed 1 GiB.
        """
        return [run.history for run in self._replays(which, every) if run.history is not None]

    def plot_histories(
        self, which: Any = None, ax: Axes | None = None, *, log: bool = True
    ) -> Axes:
        """Draw the losses of chosen restarts against the epoch, coloured by how they ended.

        Parameters
        ----------
        which : "best", "all", or array of int, optional
            Indices k of restarts; by default up to 20, evenly spaced.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        log : bool, default True
            If True, the loss has a logarithmic axis.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError
            As for `histories`.
        """
        from .plots import plot_histories

        if which is None:
            count = len(self._restarts())
            which = self._indices(np.linspace(0, count - 1, min(DRAWN, count)).astype(np.int64))
        runs = list(self._replays(which, None))
        return plot_histories(runs, ax, log=log, has_targets=self.job.has_targets)

    def _replays(self, which: Any, every: int | None) -> Iterator[Run]:
        """Train the chosen restarts again; errors come before the first.

        With None for `every`, as many epochs as a figure needs.
        """
        step = 1 if every is None else integer("every", every, 1)
        if isinstance(which, str) and which == "best":
            indices = [self.best.restart]
        elif isinstance(which, str) and which == "all":
            _check_number(len(self._restarts()))
            indices = self._indices(np.arange(len(self._restarts()))).tolist()
        else:
            wanted = asked_indices(which)
            _check_number(len(wanted))
            indices = wanted.tolist()
        endings = [self._ending_of(k) for k in indices]
        epochs = [ending.get("epochs", self.job.most_epochs) for ending in endings]
        step = 1 + max(epochs, default=0) // POINTS if every is None else step
        losses = sum(each // step + 1 for each in epochs)
        size = losses * self.job.dtype.itemsize
        if size > HISTORY_LIMIT:
            raise ValueError(
                f"which: expected restarts whose histories take at most 1 GiB, got "
                f"{len(indices):,} with up to {losses:,} losses; choose fewer, or "
                f"every={step * (1 + 2 * size // HISTORY_LIMIT)}"
            )
        return (
            replay(self.job, k, step, **ending) for k, ending in zip(indices, endings, strict=True)
        )

    def _indices(self, positions: np.ndarray) -> np.ndarray:
        """The indices of the restarts at these positions."""
        here = self._restarts()
        if isinstance(here, range):
            return here.start + positions
        return np.asarray(here[positions])


def _check_number(count: int) -> None:
    if count > MOST:
        raise ValueError(f"which: expected at most {MOST:,} restarts, got {count:,}")
