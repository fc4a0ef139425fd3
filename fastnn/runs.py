"""Many trained networks, column by column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import MAX_RESTART, Before, check_inputs
from .checks import integer, shown
from .chunks import train_chunk
from .job import Job
from .kernels.predict import predict
from .run import Run, sse_of, train_one
from .status import Status
from .summary import Summary, summarize
from .sweeps import Grid

if TYPE_CHECKING:
    import pandas

HISTORY_LIMIT = 2**30
"""Bytes of history that a run takes at most."""


class Runs:
    """Many trained networks, column by column.

    Attributes
    ----------
    network : Network
    indices : (restarts,) array of int64
        The index k of every restart.
    loss : (restarts,) array of the run's dtype
        The loss at the end; NaN or infinite where a restart diverged.
    sse : (restarts,) array of float
        The sum of squared errors at the end: the loss, unless another was asked for.
    epochs : (restarts,) array of int64
        Updates made.
    status : (restarts,) array of int8
        How each restart ended, as numbers of `Status`.
    parameters : (restarts, n_parameters) array, or None if not kept
    """

    def __init__(
        self,
        job: Job,
        indices: np.ndarray,
        loss: np.ndarray,
        epochs: np.ndarray,
        status: np.ndarray,
        parameters: np.ndarray | None,
        state: np.ndarray | None = None,
    ) -> None:
        self._job = job
        self._state = state
        self._sse: np.ndarray | None = None
        self.network = job.net
        self.indices = indices
        self.loss = loss
        self.epochs = epochs
        self.status = status
        self.parameters = parameters

    @property
    def grid(self) -> Grid | None:
        """The grid whose cells the restarts are, if they are."""
        return self._job.grid

    @property
    def sse(self) -> np.ndarray:
        """The sums of squared errors."""
        if self._job.loss_is_sse:
            return self.loss
        if self._sse is None:
            self._sse = np.concatenate(
                [self._sse_of_rows(first) for first in range(0, len(self), 1024)] or [self.loss]
            )
        return self._sse

    def _sse_of_rows(self, first: int) -> np.ndarray:
        positions = np.arange(first, min(len(self), first + 1024))
        outputs = self.predict(self._job.X, self.indices[positions])
        with np.errstate(over="ignore", invalid="ignore"):
            errors = outputs.astype(np.float64) - self._job.y
            return np.asarray(np.sum(errors * errors, axis=(1, 2)))

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, key: Any) -> Runs:
        """The restarts that a boolean mask, a slice or an array of positions selects.

        Raises
        ------
        TypeError
            For a single integer: `restart` gives one run.
        IndexError
            If the mask's length or a position does not fit.
        """
        if not isinstance(key, slice):
            try:
                key = np.asarray(key)
            except ValueError:  # rows of different lengths
                key = np.array(None)
            if key.ndim != 1 or (key.dtype.kind not in "biu" and key.size):
                raise TypeError(
                    "runs[…]: expected a boolean mask, a slice or an array of positions, got "
                    f"{shown(key[()])}; runs.restart(k) gives one run"
                )
            if not key.size:
                key = key.astype(np.int64)
        return Runs(
            self._job,
            self.indices[key],
            self.loss[key],
            self.epochs[key],
            self.status[key],
            None if self.parameters is None else self.parameters[key],
            None if self._state is None else self._state[key],
        )

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

        The history has every epoch, or every n-th (`Run.history_every`) if that took over 1 GiB.

        Parameters
        ----------
        k : int
            The index of the restart, one of `indices`.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            If k is not among `indices`.
        """
        position = self._position(k)
        epochs = int(self.epochs[position])
        every = 1 + (epochs + 1) * self.loss.itemsize // HISTORY_LIMIT
        return self._train_again(position, every)

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss; ties go to the lowest index.

        It has no history; ``runs.restart(runs.best.restart)`` has.

        Raises
        ------
        ValueError
            If no restart has a finite loss.
        """
        finite = np.flatnonzero(np.isfinite(self.loss) & (self.status != Status.NOT_RUN))
        if not len(finite):
            raise ValueError(
                f"best: expected a restart with a finite loss, got {len(self)} without"
            )
        lowest = finite[self.loss[finite] == self.loss[finite].min()]
        position = int(lowest[np.argmin(self.indices[lowest])])
        if self.parameters is None:
            return self._train_again(position, 0)
        return Run(
            network=self.network,
            parameters=self.parameters[position],
            loss=float(self.loss[position]),
            sse=sse_of(self._job, self.parameters[position], float(self.loss[position])),
            epochs=int(self.epochs[position]),
            status=Status(int(self.status[position])),
            history=None,
            history_every=0,
            seed=self._job.seed,
            restart=int(self.indices[position]),
            state=None if self._state is None else self._state[position],
            rules=self._job.rules,
        )

    def before(self, restarts: int | None) -> tuple[Before, int, int]:
        """What training goes on from, the seed, and the index of the first restart."""
        if self.parameters is None or self._state is None:
            raise ValueError(
                "continue_from: expected results with their parameters, keep='all', got none"
            )
        if restarts is not None and restarts != len(self):
            raise ValueError(f"restarts: expected None or {len(self)}, got {shown(restarts)}")
        if not len(self) or (np.diff(self.indices) != 1).any():
            raise ValueError("continue_from: expected restarts of consecutive indices, got others")
        before = Before(self.network, self.parameters, self._state, self.epochs, self._job.rules)
        return before, self._job.seed, int(self.indices[0])

    def in_grid(self, values: Any = "epochs") -> np.ndarray:
        """One number for each cell of the grid, the mean over its restarts.

        Parameters
        ----------
        values : "success", "epochs", "loss", or (restarts,) array, default "epochs"
            "success" is the share of restarts that converged.

        Returns
        -------
        array of float, of the grid's shape

        Raises
        ------
        TypeError, ValueError
            If these are not all the restarts of a `Grid` in their order, or `values` none of these.
        """
        grid = self._job.grid
        if grid is None or not np.array_equal(self.indices, np.arange(grid.restarts)):
            raise ValueError(
                "in_grid: expected all restarts of train_many(…, grid=fastnn.Grid(…)) in their "
                f"order, got {len(self)} restarts"
                + ("" if grid is None else f" of {grid.restarts}")
            )
        columns = {"epochs": self.epochs, "loss": self.loss}
        if isinstance(values, str) and values == "success":
            column: Any = self.status == Status.CONVERGED
        elif isinstance(values, str):
            if values not in columns:
                raise ValueError(
                    f"values: expected 'success', 'epochs', 'loss' or an array, got {values!r}"
                )
            column = columns[values]
        else:
            try:
                column = np.asarray(values)
            except ValueError:  # rows of different lengths
                column = np.array(None)
            if column.shape != (len(self),):
                raise ValueError(f"values: expected shape ({len(self)},), got {shown(values)}")
            if column.dtype.kind not in "biuf":
                raise TypeError(f"values: expected real numbers, got dtype {column.dtype}")
        cells = column.astype(np.float64).reshape(*grid.shape, grid.restarts_per_cell)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(cells.mean(axis=-1))

    def plot_grid(self, values: Any = "epochs", ax: Any = None) -> Any:
        """Draw a heat map of a grid of two axes.

        Parameters
        ----------
        values : "success", "epochs", "loss", or (restarts,) array, default "epochs"
            As for `in_grid`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib Axes
        """
        from .plotting import plot_grid

        return plot_grid(self, values, ax)

    def predict(self, X: Any, which: Any = "best") -> np.ndarray:
        """Outputs of one network, some or all; those whose parameters were not kept train again.

        Parameters
        ----------
        X : (n, n_in) array of float
        which : "best", "all", or array of int, default "best"
            Indices k of restarts.

        Returns
        -------
        (n, n_out) array for "best", else (restarts, n, n_out)

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, or `which` is none of these.
        """
        if isinstance(which, str):
            if which not in ("best", "all"):
                raise ValueError(f"which: expected 'best', 'all' or indices, got {which!r}")
            if which == "best":
                return self.best.predict(X)
            positions = np.arange(len(self))
        else:
            wanted = np.asarray(which)
            if wanted.ndim != 1 or (wanted.dtype.kind not in "iu" and wanted.size):
                raise TypeError(f"which: expected 'best', 'all' or indices, got {shown(which)}")
            positions = np.array([self._position(k) for k in wanted], dtype=np.int64)
        inputs = check_inputs(self.network, X, self._job.dtype)
        if self.parameters is not None:
            chosen = np.ascontiguousarray(self.parameters[positions])
        else:
            chosen = self._parameters_again(positions)
        return predict(self.network, chosen, inputs)

    def summary(self) -> Summary:
        """Counts by status, the success rate with its interval, quartiles of epochs and SSE."""
        return summarize(self.loss, self.epochs, self.status, has_target=self._job.has_targets)

    def plot(self, axes: Any = None) -> np.ndarray:
        """Draw the share converged against epochs, and the distribution of the final SSE.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        (2,) array of matplotlib Axes
        """
        from .plotting import plot_runs

        return plot_runs(self, axes)

    def to_frame(self) -> pandas.DataFrame:
        """A pandas frame with columns loss, epochs and status, indexed by restart.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas: pip install pandas") from error
        names = [Status(code).name for code in range(len(Status))]
        columns = {
            "loss": self.loss,
            "epochs": self.epochs,
            "status": pandas.Categorical.from_codes(self.status, categories=names),
        }
        return pandas.DataFrame(columns, index=pandas.Index(self.indices, name="restart"))

    def __repr__(self) -> str:
        counts = self.summary().counts
        parts = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return f"Runs({self.network!r}, {len(self):,} restarts: {parts})"

    def _train_again(self, position: int, history: int) -> Run:
        """The run of the restart at `position` of the columns."""
        start = int(self.indices[position]) - self._job.first
        job = self._job.rows(start, start + 1)
        # It ended after so many epochs, and will again, whatever ended it.
        before = 0 if job.start_epochs is None else int(job.start_epochs[0])
        epochs = int(self.epochs[position]) - before
        if self.status[position] == Status.DIVERGED:  # perhaps in a batch of the epoch that follows
            epochs = min(epochs + 1, job.epochs)
        return train_one(replace(job, epochs=epochs), history)

    def _parameters_again(self, positions: np.ndarray) -> np.ndarray:
        """The parameters of the restarts at `positions`, trained again, neighbours together."""
        rows = self.indices[positions] - self._job.first
        result = np.empty((len(rows), self.network.n_parameters), self._job.dtype)
        start = 0
        while start < len(rows):
            stop = start + 1
            while stop < len(rows) and stop - start < 1024 and rows[stop] == rows[stop - 1] + 1:
                stop += 1
            chunk = train_chunk(self._job, int(rows[start]), int(rows[stop - 1]) + 1)
            result[start:stop] = chunk.parameters
            start = stop
        return result

    def _position(self, k: Any) -> int:
        """The position of restart k in the columns."""
        index = integer("restart", k, -MAX_RESTART, MAX_RESTART)
        guess = index - int(self.indices[0]) if len(self) else 0
        if 0 <= guess < len(self) and self.indices[guess] == index:
            return guess
        found = np.flatnonzero(self.indices == index)
        if not len(found):
            raise ValueError(
                f"restart: expected one of the {len(self)} indices of these runs, got {k}"
            )
        return int(found[0])
