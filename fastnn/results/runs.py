"""Many trained networks, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..job.build import Checkpoint
from ..job.data import check_inputs
from ..job.grouping import refuse_groups
from ..job.job import MAX_RESTART
from ..kernels.predict import predict
from ..rules import rule_numbers
from ..rules.sum_of_losses import SumOfLosses
from ..spec.grid import Grid
from ..spec.status import Status
from ..support.advice import REMEDY
from ..support.checks import as_array, integer, shown
from ..support.frames import Names
from ..support.gate import frozen
from ..support.guesses import Guessed
from ..support.savable import Savable
from .by_group import BEST_OF_EACH, Grouped, Outcome
from .censoring import CutOff
from .checkpoint import checkpoint_of
from .histories import Replayed
from .replay import asked_indices, replay, replay_parameters, replay_with_history
from .run import Run, sse_of
from .run_columns import RunColumns
from .summary import Summary, frame_of, summarize

if TYPE_CHECKING:
    import pandas


class Runs(RunColumns, Grouped, Replayed, Savable, Guessed):
    """Many trained networks, column by column; columns that were not kept raise ValueError.

    Attributes
    ----------
    network : Network
    indices : (restarts,) array of int64
        The index k of every restart.
    loss : (restarts,) array of the run's dtype
        The loss at the end; NaN or infinite where a restart diverged.
    sse : (restarts,) array of float
        The sum of squared errors at the end, which is the loss unless another loss was chosen.
    epochs : (restarts,) array of int64
        Updates made.
    status : (restarts,) array of int8
        The status of each restart, as numbers of `Status`.
    parameters : (restarts, n_parameters) array, or None if not kept
    statistics : Statistics or None
        Of all restarts, if only the best were kept.
    cut_off : int
        Number of restarts, without a row, in progress when the run ended early.

    Arrays are read-only; arrays of the same shape and dtype may be assigned, and are copied.
    """

    @property
    def loss_sums(self) -> np.ndarray:
        """The sums computed by the rule `SumOfLosses`.

        Returns
        -------
        (restarts, 2) array of the run's dtype
            The sum of each restart's finite losses, and of their inverses.

        Raises
        ------
        ValueError
            If there was no such rule, or the state was not kept.
        """
        at = self.job.setup.n_state
        for rule in self.job.rules:
            if isinstance(rule, SumOfLosses):
                return self._kept("state")[:, at : at + 2]
            at += rule_numbers((rule,), self.network.n_parameters)
        raise ValueError(
            "loss_sums: expected runs with stop=fastnn.SumOfLosses(), got runs without"
        )

    @property
    def grid(self) -> Grid | None:
        """The grid of the restarts, or None."""
        return self.job.grid

    @property
    def features(self) -> Names | None:
        """The names of the inputs, if they came as a data frame."""
        return self.job.features

    @property
    def targets(self) -> Names | None:
        """The names of the outputs, if the targets came as a data frame."""
        return self.job.targets

    @property
    def loss_name(self) -> str:
        """The name of the loss."""
        return self.job.loss_name

    @cached_property
    def sse(self) -> np.ndarray:
        """The sums of squared errors."""
        if self.job.loss_is_sse:
            return self.loss
        rows = np.empty(len(self))
        for X, y, positions in self._data_of(np.arange(len(self))):
            for first in range(0, len(positions), 1024):
                some = positions[first : first + 1024]
                outputs = self.predict(X, self.indices[some])
                with np.errstate(over="ignore", invalid="ignore"):
                    errors = outputs[..., : self.job.n_targets].astype(np.float64) - y
                    rows[some] = np.sum(errors * errors, axis=(1, 2))
        return frozen(rows if len(rows) else self.loss)

    def _data_of(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
        """The samples of the restarts at some positions, and the positions that share them."""
        job = self.job
        if job.groups is None:
            yield job.X, job.y, positions
            return
        group = self.indices[positions] // job.groups.restarts
        order = np.argsort(group, kind="stable")
        numbers, first = np.unique(group[order], return_index=True)
        for number, some in zip(numbers.tolist(), np.split(order, first[1:]), strict=True):
            inputs, rows = job.groups.inputs_of(number), job.groups.rows_of(number)
            yield job.X[inputs], job.y[rows], positions[some]

    def _some_of(self, indices: np.ndarray) -> Runs:
        return self[np.isin(self.indices, indices)]

    def _outcomes(self) -> Iterator[Outcome]:
        yield self.indices, self.loss, self.status

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, key: Any) -> Runs:
        """Select restarts by a boolean mask, a slice or an array of positions.

        Raises
        ------
        TypeError
            For a single integer: `restart` gives one run.
        IndexError
            If the mask's length or a position does not fit.
        """
        if not isinstance(key, slice):
            key = as_array(key)
            if key.ndim != 1 or (key.dtype.kind not in "biu" and key.size):
                raise TypeError(
                    "runs[…]: expected a boolean mask, a slice or an array of positions, got "
                    f"{shown(key[()])}; runs.restart(k) gives one run"
                )
            if not key.size:
                key = key.astype(np.int64)
        columns: dict[str, Any] = {"indices": self.indices, **self._columns}
        columns = {name: frozen(values[key]) for name, values in columns.items()}
        cut = CutOff.none(accounted=self.cut.accounted and not len(self.cut.epochs))
        return Runs(self.job, **columns, cut=cut)

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

        The history has every epoch, or every n-th (`Run.history_every`) if all would exceed 1 GiB.

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
        return replay_with_history(self.job, self.indices[position], **self._ending(position))

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss; ties go to the lowest index.

        It has no history; ``runs.restart(runs.best.restart)`` has one, and `Run.plot` draws it.

        Raises
        ------
        ValueError
            If no restart has a finite loss.
        """
        refuse_groups(self.job, "best", BEST_OF_EACH)
        finite = np.flatnonzero(np.isfinite(self.loss) & (self.status != Status.NOT_RUN))
        if not len(finite):
            raise ValueError(f"best: expected a restart with a finite loss, got {self!r}; {REMEDY}")
        lowest = finite[self.loss[finite] == self.loss[finite].min()]
        position = int(lowest[np.argmin(self.indices[lowest])])
        state = self._columns.get("state")
        if self.parameters is None or "epochs" not in self._columns:
            return replay(self.job, int(self.indices[position]), **self._ending(position))
        return Run(
            network=self.network,
            parameters=self.parameters[position],
            loss=float(self.loss[position]),
            sse=sse_of(self.job, self.parameters[position], float(self.loss[position])),
            epochs=int(self.epochs[position]),
            status=Status(int(self.status[position])),
            history=None,
            history_every=0,
            seed=self.job.seed,
            restart=int(self.indices[position]),
            loss_name=self.job.loss_name,
            state=None if state is None else state[position],
            job=self.job.isolate_restart(int(self.indices[position]) - self.job.first) or self.job,
        )

    def before(self, restarts: int | None) -> Checkpoint:
        """The state from which training continues."""
        return checkpoint_of(self, self._columns, restarts)

    def in_grid(self, values: Any = "epochs") -> np.ndarray:
        """One number for each cell of the grid, the mean over its restarts that have one.

        Parameters
        ----------
        values : "success", "epochs", "loss", or (restarts,) array, default "epochs"
            "success" is the share of restarts that converged, "epochs" the epochs of restarts that
            converged (or that trained to the last epoch, if there was no target), and "loss" the
            loss of those that did not diverge.

        Returns
        -------
        array of float, of the grid's shape; NaN for cells in which no restart has a number.  With
        groups it has a first axis for them, in the order of `group_labels`.

        Raises
        ------
        TypeError, ValueError
            If these are not all the restarts of a `Grid` in order, or `values` is invalid.
        """
        from .grid_cells import grid_cells

        return grid_cells(self, self.job, values)

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
        from .plots import plot_grid

        return plot_grid(self, values, ax)

    def predict(self, X: Any, which: Any = "best") -> np.ndarray:
        """Predict with one network, some, or all; parameters that were not kept are trained again.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float
            The columns of a frame are taken by name if the restarts were trained on one.
        which : "best", "all", or array of int, default "best"
            Indices k of restarts.

        Returns
        -------
        (n, n_out) array for "best", else (restarts, n, n_out)

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape or lacks columns, or `which` is invalid.
        """
        if isinstance(which, str) and which == "best":
            return self.best.predict(X)
        if isinstance(which, str) and which == "all":
            positions = np.arange(len(self))
        else:
            wanted = asked_indices(which)
            positions = np.array([self._position(k) for k in wanted], dtype=np.int64)
        inputs = check_inputs(self.network, X, self.job.dtype, features=self.features)
        return predict(self.network, self._parameters_at(positions), inputs)

    def _parameters_of(self, indices: np.ndarray) -> np.ndarray:
        order = np.argsort(self.indices, kind="stable")
        return self._parameters_at(order[np.searchsorted(self.indices, indices, sorter=order)])

    def _parameters_at(self, positions: np.ndarray) -> np.ndarray:
        if self.parameters is not None:
            return np.ascontiguousarray(self.parameters[positions])
        return replay_parameters(self.job, self.indices[positions])

    def summary(self) -> Summary:
        """Counts by status, the success rate with its interval, quartiles of epochs and loss."""
        loss, epochs = self._columns.get("loss"), self._columns.get("epochs")
        has_target, name = self.job.has_targets, self.job.loss_name
        return summarize(
            loss, epochs, self.status, has_target=has_target, loss_name=name, cut=self.cut
        )

    def plot(self, axes: Any = None) -> np.ndarray:
        """Draw the share converged against epochs, and the distribution of the final loss.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        (2,) array of matplotlib Axes
        """
        from .plots import plot_runs

        return plot_runs(self, axes)

    def to_frame(self) -> pandas.DataFrame:
        """A pandas frame with columns loss, epochs and status, indexed by restart.

        With groups it also has the columns group and restart_in_group.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        frame = frame_of(self.indices, self._columns)
        if self.job.groups is not None:
            frame.insert(0, "group", self.group)
            frame.insert(1, "restart_in_group", self.restart_in_group)
        return frame

    def __repr__(self) -> str:
        counts = self.summary().counts
        parts = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return f"Runs({self.network!r}, {len(self):,} restarts: {parts})"

    def _repr_html_(self) -> str:
        """The restarts in a notebook."""
        from .html import runs_html

        return runs_html(self)

    def _ending(self, position: int) -> dict[str, Any]:
        """Epochs and status of the restart at `position` of the columns, if they were kept."""
        if "epochs" not in self._columns:
            return {}
        return {"epochs": int(self.epochs[position]), "status": Status(int(self.status[position]))}

    def _restarts(self) -> np.ndarray:
        return self.indices

    def _ending_of(self, k: Any) -> dict[str, Any]:
        return self._ending(self._position(k))

    def _position(self, k: Any) -> int:
        """The position of restart k in the columns."""
        index = integer("restart", k, -MAX_RESTART, MAX_RESTART)
        guess = index - int(self.indices[0]) if len(self) else 0
        if 0 <= guess < len(self) and self.indices[guess] == index:
            return guess
        found = np.flatnonzero(self.indices == index)
        if not len(found):
            raise ValueError(
                f"restart: expected one of the {len(self)} restart indices of these runs, got {k}"
            )
        return int(found[0])
