"""What training gives back: one `Run`, or many `Runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import integer, shown
from .chunks import train_chunk
from .job import Job, check_inputs
from .kernels.predict import predict
from .network import Network
from .status import Status
from .summary import Summary, summarize

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

COLUMNS = ("loss", "epochs", "status")


@dataclass(frozen=True, eq=False)
class Run:
    """One trained network.

    Attributes
    ----------
    network : Network
    parameters : (n_parameters,) array of the run's dtype
        Weights and biases after the last update, as one flat vector.
    weights : list of (n_in, n_out) arrays, one per layer after the input
    biases : list of (n_out,) arrays; empty without biases
    loss, sse : float
        The sum of squared errors of exactly these parameters.
    epochs : int
        Updates made before these parameters were reached.
    status : Status
        How training ended.
    history : (epochs // history_every + 1,) array, or None if not recorded
        The loss at the start of every `history_every`-th epoch, and of the epoch that would come
        next: with `history_every` 1 the last entry is `loss`.
    history_every : int
    seed, restart : int
        The key of the random stream that it started from.
    """

    network: Network
    parameters: np.ndarray
    loss: float
    epochs: int
    status: Status
    history: np.ndarray | None
    history_every: int
    seed: int
    restart: int

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights, layer by layer."""
        return self.network.unpack(self.parameters)[0]

    @property
    def biases(self) -> list[np.ndarray]:
        """The biases, layer by layer; empty without biases."""
        return self.network.unpack(self.parameters)[1]

    @property
    def sse(self) -> float:
        """The sum of squared errors."""
        return self.loss

    def predict(self, X: Any) -> np.ndarray:
        """The network's outputs.

        Parameters
        ----------
        X : (n, n_in) array of float

        Returns
        -------
        (n, n_out) array of the run's dtype

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, or numbers that are not finite.
        """
        inputs = check_inputs(self.network, X, self.parameters.dtype)
        return predict(self.network, self.parameters[np.newaxis], inputs)[0]

    def plot(self, ax: Axes | None = None, *, log: bool = True) -> Axes:
        """Draw the loss against the epoch.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        log : bool, default True
            Whether the loss has a logarithmic axis.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If the run has no history.
        """
        from .plotting import plot_history

        return plot_history(self, ax, log=log)

    def __repr__(self) -> str:
        return (
            f"Run({self.network!r}, restart={self.restart}, status={self.status.name}, "
            f"sse={self.loss:.6g}, epochs={self.epochs})"
        )


class Runs:
    """Many trained networks, column by column.

    Attributes
    ----------
    network : Network
    indices : (restarts,) array of int64
        The index k of every restart.
    loss, sse : (restarts,) array of the run's dtype
        The sum of squared errors at the end; NaN or infinite where a restart diverged.
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
    ) -> None:
        self._job = job
        self.network = job.net
        self.indices = indices
        self.loss = loss
        self.epochs = epochs
        self.status = status
        self.parameters = parameters

    @property
    def sse(self) -> np.ndarray:
        """The sums of squared errors."""
        return self.loss

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
            key = np.asarray(key)
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
        )

    def restart(self, k: int) -> Run:
        """Train restart k again, with its history; every bit is the same.

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
        self._position(k)
        position = int(k) - self._job.first
        return train_one(self._job.rows(position, position + 1), history=1)

    @property
    def best(self) -> Run:
        """The run of the lowest finite loss; ties go to the lowest index.

        It has no history where `parameters` were kept; ``runs.restart(runs.best.restart)`` has.

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
            return self.restart(int(self.indices[position]))
        return Run(
            network=self.network,
            parameters=self.parameters[position],
            loss=float(self.loss[position]),
            epochs=int(self.epochs[position]),
            status=Status(int(self.status[position])),
            history=None,
            history_every=0,
            seed=self._job.seed,
            restart=int(self.indices[position]),
        )

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
            if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
                raise TypeError(f"which: expected 'best', 'all' or indices, got {shown(which)}")
            positions = np.array([self._position(k) for k in wanted], dtype=np.int64)
        inputs = check_inputs(self.network, X, self._job.dtype)
        if self.parameters is not None:
            chosen = np.ascontiguousarray(self.parameters[positions])
        else:
            chosen = np.empty((len(positions), self.network.n_parameters), self._job.dtype)
            for row, position in enumerate(positions):
                start = int(self.indices[position]) - self._job.first
                chosen[row] = train_chunk(self._job, start, start + 1, lanes=1).parameters
        return predict(self.network, chosen, inputs)

    def summary(self) -> Summary:
        """Counts by status, the success rate with its interval, quartiles of epochs and SSE."""
        return summarize(self.loss, self.epochs, self.status, has_target=self._job.target > 0)

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

    def _position(self, k: Any) -> int:
        """The position of restart k in the columns."""
        index = integer("restart", k.item() if isinstance(k, np.integer) else k, 0)
        guess = index - int(self.indices[0]) if len(self) else 0
        if 0 <= guess < len(self) and self.indices[guess] == index:
            return guess
        found = np.flatnonzero(self.indices == index)
        if not len(found):
            raise ValueError(
                f"restart: expected one of the {len(self)} indices of these runs, got {k}"
            )
        return int(found[0])


def train_one(job: Job, history: int = 0, stop_flag: np.ndarray | None = None) -> Run:
    """Train the only restart of `job`, keeping the loss of every `history`-th epoch (0: none)."""
    losses = np.empty(job.epochs // history + 1 if history else 0, dtype=job.dtype)
    chunk = train_chunk(
        job, 0, 1, lanes=1, stop_flag=stop_flag, history=losses, history_every=history
    )
    if chunk.status[0] == Status.NOT_RUN:
        raise KeyboardInterrupt
    assert chunk.parameters is not None
    epochs = int(chunk.epochs[0])
    return Run(
        network=job.net,
        parameters=chunk.parameters[0],
        loss=float(chunk.loss[0]),
        epochs=epochs,
        status=Status(int(chunk.status[0])),
        history=losses[: epochs // history + 1].copy() if history else None,
        history_every=history,
        seed=job.seed,
        restart=job.first,
    )
