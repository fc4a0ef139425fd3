"""One trained network, and its training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.chunk import train_chunk
from ..job.build import Checkpoint
from ..job.data import check_inputs
from ..job.job import Job
from ..kernels.predict import predict
from ..optimizers import Optimizer
from ..spec.network import Network
from ..spec.status import NOT_RUN, Status
from ..support.advice import REMEDY, warn
from ..support.checks import float_type, integer, shown
from ..support.frames import Names
from ..support.gate import frozen, kept
from ..support.guesses import Guessed
from ..support.interrupts import CtrlC
from ..support.savable import Savable
from ..support.suggestions import suggests
from ..support.threads import Pool
from .again import epochs_between, job_again

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Multiplications that take about a tenth of a second, one network at a time.
QUICK = 1e8
# Overhead of an epoch, in multiplications.
EPOCH_COST = 100
NUMBERS = (float, int, np.floating)


@dataclass(frozen=True, eq=False)
class Run(Savable, Guessed):
    """One trained network.

    Its arrays are read-only.

    Attributes
    ----------
    network : Network
    parameters : (n_parameters,) array of the run's dtype
        Weights and biases after the last update, as one flat vector.
    weights : list of (n_in, n_out) arrays, one per layer after the input
    biases : list of (n_out,) arrays; empty without biases
    loss : float
        The loss of exactly these parameters.
    sse : float
        Their sum of squared errors, which is the loss unless another loss was chosen.
    epochs : int
        Updates made before these parameters were reached.
    status : Status
        The reason why training ended.
    history : (epochs // history_every + 1,) array, or None if not recorded
        The loss at the start of every `history_every`-th epoch, and of the epoch that would come
        next.  With ``history_every=1`` the last entry is `loss`, except for a run that kept its
        best parameters on the validation set or diverged in a batch.
    history_every : int
    seed, restart : int
        The key of the random initial parameters.
    features, targets : tuple of str, or None
        The names of inputs and outputs, if the data came as data frames.
    """

    network: Network
    parameters: np.ndarray
    loss: float
    sse: float
    epochs: int
    status: Status
    history: np.ndarray | None
    history_every: int
    seed: int
    restart: int
    loss_name: str = "SSE"
    """The name of the loss."""
    state: np.ndarray | None = None
    """The memory of optimizer and rules, to continue training."""
    job: Job | None = field(default=None, repr=False)
    """The job that it was trained by."""

    def __post_init__(self) -> None:
        """Check everything, since compiled code trusts it; arrays are kept read-only."""
        net, job, history, state = self.network, self.job, self.history, self.state
        if not isinstance(net, Network):
            raise TypeError(f"network: expected a fastnn.Network, got {shown(net)}")
        if job is not None and not (isinstance(job, Job) and job.is_sound):
            raise TypeError(f"job: expected the job of a run or None, got {shown(job)}")
        if not isinstance(self.status, Status):
            raise TypeError(f"status: expected a member of fastnn.Status, got {shown(self.status)}")
        for name, value in (("loss", self.loss), ("sse", self.sse)):
            if not isinstance(value, NUMBERS):
                raise TypeError(f"{name}: expected a number, got {shown(value)}")
        dtype = _dtype_of(self.parameters) if job is None else job.dtype
        own = {"parameters": kept("parameters", self.parameters, dtype, (net.n_parameters,))}
        if history is not None:
            own["history"] = kept("history", history, dtype, (getattr(history, "size", 0),))
        if state is not None:
            own["state"] = kept(
                "state", state, dtype, (getattr(state, "size", 0) if job is None else job.n_state,)
            )
        vars(self).update(own)
        integer("history_every", self.history_every, 0 if history is None else 1)
        if job is None:
            integer("epochs", self.epochs, 0)
        else:
            self._check_against(job)

    def _check_against(self, job: Job) -> None:
        """Raise unless it can be a run of that job."""
        for name, own, its in (("network", self.network, job.net), ("seed", self.seed, job.seed)):
            if own is not its and own != its:
                raise ValueError(f"{name}: expected {its!r}, as in its job, got {shown(own)}")
        k = integer("restart", self.restart, job.first, job.first + job.restarts - 1)
        before = int(job.epochs_before(k))
        made = integer("epochs", self.epochs, before, before + job.epochs) - before
        if self.status == Status.EPOCH_LIMIT and made != job.epochs:
            raise ValueError(
                f"epochs: expected {before + job.epochs} for a run that ended as EPOCH_LIMIT, got "
                f"{self.epochs}"
            )
        if self.history is not None and len(self.history) != made // self.history_every + 1:
            raise ValueError(
                f"history: expected {made // self.history_every + 1} losses, got "
                f"{len(self.history)}"
            )

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights, layer by layer."""
        return self.network.unpack(self.parameters)[0]

    @property
    def biases(self) -> list[np.ndarray]:
        """The biases, layer by layer; empty without biases."""
        return self.network.unpack(self.parameters)[1]

    @property
    def features(self) -> Names | None:
        """The names of the inputs, if they came as a data frame."""
        return None if self.job is None else self.job.features

    @property
    def targets(self) -> Names | None:
        """The names of the outputs, if the targets came as a data frame."""
        return None if self.job is None else self.job.targets

    def before(self) -> Checkpoint:
        """The state from which training continues."""
        if self.state is None or self.job is None:
            raise ValueError(
                "continue_from: expected a run of fastnn.train, got one without the optimizer's "
                "state"
            )
        return Checkpoint(
            self.network,
            self.parameters[np.newaxis],
            self.state[np.newaxis],
            np.array([self.epochs], dtype=np.int64),
            self.job.rules,
            self.job.optimizer,
            self.job.loss,
            self.seed,
            self.restart,
            (self.job.X, self.job.y),
            (self.job.features, self.job.targets),
        )

    def predict(self, X: Any) -> np.ndarray:
        """The network's outputs.

        Parameters
        ----------
        X : (n, n_in) array or data frame of float
            The columns of a frame are taken by name if the run was trained on one.

        Returns
        -------
        (n, n_out) array of the run's dtype

        Raises
        ------
        TypeError, ValueError
            If `X` has another shape, lacks columns, or has numbers that are not finite.
        """
        inputs = check_inputs(self.network, X, self.parameters.dtype, features=self.features)
        (outputs,) = predict(self.network, self.parameters[np.newaxis], inputs)
        return np.asarray(outputs)

    @suggests
    def plot(self, ax: Axes | None = None, *, log: bool = True) -> Axes:
        """Draw the loss against the epoch.

        A run without a history, such as `Runs.best`, is trained again for it; every bit is the
        same.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        log : bool, default True
            If True, the loss has a logarithmic axis.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If the run has no history, nor a job (`fastnn.reference`).
        """
        from .plots import plot_history

        return plot_history(self._with_history(), ax, log=log)

    def _with_history(self) -> Run:
        """The run itself, or trained again for its losses if its job is known."""
        if self.history is not None or self.job is None:
            return self
        alone = job_again(self.job, self.restart, epochs=self.epochs, status=self.status)
        return train_one(alone, epochs_between(alone, self.epochs))

    @suggests
    def plot_boundary(
        self, ax: Axes | None = None, *, output: int | None = None, data: Any = None
    ) -> Axes:
        """Draw the outputs over the plane of two inputs, and the samples on it.

        One output has a colour for each value, and a line halfway between the targets if there are
        just two.  Several outputs are classes, and the colour shows the highest.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        output : int, optional
            Draw this output alone, counted from 0.
        data : pair of ``X (n, 2)`` and ``y (n, n_out)``, optional
            The samples; by default those that it was trained on.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError
            If the network has not two inputs, an argument is invalid, or `data` are missing for a
            run of `fastnn.reference`, which does not hold them.
        """
        from .surface_plots import plot_boundary

        return plot_boundary(self, ax, output, data)

    @suggests
    def plot_loss_surface(
        self, along: Any = None, ax: Axes | None = None, *,
        radius: float | None = None, points: int = 81,
    ) -> Axes:  # fmt: skip
        """Draw the loss over a plane of parameters around those of the run.

        Parameters
        ----------
        along : pair of names or of (n_parameters,) arrays, optional
            The two weights or biases that vary, such as ``("W1[0, 0]", "b2[0]")``, by their names
            in `Network.names`; or two directions.  By default two random directions at a right
            angle, as long as the vector of parameters, and always the same.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        radius : float, optional
            How far to go from the run's parameters: in units of the weights for names, by default
            1.5 times the larger weight and at least 1; in units of the directions for others, by
            default 1.
        points : int, default 81
            Number of losses along each axis, from 2 to 1,000.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, the run has no data of its own (`fastnn.reference`), or its
            parameters are not finite.
        """
        from .surface_plots import plot_loss_surface

        return plot_loss_surface(self, along, ax, radius, points)

    def __repr__(self) -> str:
        helps = f": {REMEDY}" if self.status == Status.DIVERGED else ""
        return (
            f"Run({self.network!r}, restart={self.restart}, status={self.status.name}, "
            f"sse={self.sse:.6g}, epochs={self.epochs}){helps}"
        )

    def _repr_html_(self) -> str:
        """The run in a notebook."""
        from .html import run_html

        return run_html(self)


def warned(run: Run, chosen: Any) -> Run:
    """Return `run`; warn if it diverged, unless its optimizer's numbers were chosen.

    They were if `chosen` is an optimizer or a run, not if it is a name, a class or None.
    """
    if run.status == Status.DIVERGED and not isinstance(chosen, Optimizer | Run):
        kind = type(run.job.optimizer).__name__ if run.job else "the optimizer"
        warn(
            f"train: expected a finite loss, got a run that diverged in epoch {run.epochs:,} with "
            f"the default numbers of {kind}; {REMEDY}"
        )
    return run


def _dtype_of(array: Any) -> np.dtype:
    """The dtype in which a network with these parameters computes."""
    found = getattr(array, "dtype", None)
    return float_type(found.newbyteorder("=") if isinstance(found, np.dtype) else np.float64)


def sse_of(job: Job, parameters: np.ndarray, loss: float) -> float:
    """The sum of squared errors of `parameters` on the job's data; their loss is given.

    Of several outputs for a target the first is its prediction.
    """
    if job.loss_is_sse:
        return loss
    outputs = predict(job.net, parameters[np.newaxis], job.X)[0].astype(np.float64)
    errors = outputs[:, : job.n_targets] - job.y
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(errors * errors))


def train_one(job: Job, history: int = 0, threads: int = 1) -> Run:
    """Train the only restart of `job`, keeping the loss of every `history`-th epoch (0: none).

    Raises KeyboardInterrupt on Ctrl-C, within an epoch.
    """
    cost = (job.epochs + 1) * (job.work + EPOCH_COST)
    if threads == 1 and cost < QUICK:
        return _train(job, history, None, 1)
    # In a worker thread, since Python cannot handle Ctrl-C while a kernel runs in this one.
    with CtrlC() as ctrl_c:
        with ctrl_c.raising():
            _train(replace(job, epochs=0), 0, None, 1)  # compiles here, where Ctrl-C can reach it
        with Pool(1) as pool:
            try:
                run = pool.submit(_train, job, history, ctrl_c.flag, threads).result()
            finally:
                ctrl_c.flag[0] = 1
    ctrl_c.check()
    return run


def _train(job: Job, history: int, stop_flag: np.ndarray | None, threads: int) -> Run:
    """Train it in this thread; raises KeyboardInterrupt if the flag was set before its end."""
    losses = np.empty(job.epochs // history + 1 if history else 0, dtype=job.dtype)
    chunk = train_chunk(
        job, 0, 1, stop_flag=stop_flag, history=losses, history_every=history,
        threads=threads,
    )  # fmt: skip
    if chunk.status[0] == NOT_RUN:
        raise KeyboardInterrupt
    assert chunk.parameters is not None
    assert chunk.state is not None
    epochs = int(chunk.epochs[0])
    made = epochs - (0 if job.start_epochs is None else int(job.start_epochs[0]))
    return Run(
        network=job.net,
        parameters=chunk.parameters[0],
        loss=float(chunk.loss[0]),
        sse=sse_of(job, chunk.parameters[0], float(chunk.loss[0])),
        epochs=epochs,
        status=Status(int(chunk.status[0])),
        history=frozen(losses[: made // history + 1].copy()) if history else None,
        history_every=history,
        seed=job.seed,
        restart=job.first,
        loss_name=job.loss_name,
        state=chunk.state[0],
        job=job,
    )
